//! What `/proc/PID/cgroup` says: the names of cgroups are chosen by anybody.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_escape::kernel::cgroup::{owner, parse, user_manager};

fuzz_target!(|text: &[u8]| {
    for (_, path) in parse(text) {
        assert!(path.starts_with('/') && !path.contains('\n'));
        let whose = owner(&path);
        // A slash more or less at the end means nothing, and neither does being gone.
        let plain = path.trim_end_matches('/');
        if !plain.ends_with(" (deleted)") {
            assert_eq!(owner(&format!("{plain}/")), whose);
            assert_eq!(owner(&format!("{plain} (deleted)")), owner(plain));
        }
        let _ = user_manager(&path);
    }
});
