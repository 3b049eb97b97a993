//! What `/proc/PID/status` and `/proc/PID/limits` say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_escape::kernel::status::{Status, limits};

fuzz_target!(|text: &[u8]| {
    let status = Status::parse(text);
    assert!(status.processors.is_none_or(|list| !list.is_empty()));
    for (name, _) in limits(text) {
        assert!(!name.is_empty());
    }
});
