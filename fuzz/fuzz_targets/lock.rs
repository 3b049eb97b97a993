//! The lines of a lock file: the kernel's about the keeper and about the job, or anything else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_record::ProcessLine;

fuzz_target!(|bytes: &[u8]| {
    for line in bytes.split(|&byte| byte == b'\n').chain([bytes]) {
        if let Some(process) = ProcessLine::parse(line) {
            let ProcessLine {
                pid,
                state,
                parent,
                group,
                session,
                terminal,
                start_time,
            } = process;
            let state = char::from(state);
            let again = format!(
                "{pid} (x) {state} {parent} {group} {session} {terminal} \
                 0 0 0 0 0 0 0 0 0 0 0 0 0 0 {start_time} 0"
            );
            if state.is_ascii_graphic() && state != ')' {
                assert_eq!(ProcessLine::parse(again.as_bytes()), Some(process));
            }
        }
    }
});
