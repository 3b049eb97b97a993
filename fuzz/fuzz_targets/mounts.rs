//! What `/proc/PID/mountinfo` says, and where a cgroup is in it. The path of the cgroup is the first
//! line, or what the mounts themselves begin with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_escape::kernel::cgroup::{Kind, folders};
use outlive_escape::kernel::mounts;

fuzz_target!(|text: &[u8]| {
    let kinds = [
        Kind::Unified,
        Kind::Systemd,
        Kind::Controllers("cpu,cpuacct".to_owned()),
    ];
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let roots = mounts::all(text).map(|mount| {
        let root = String::from_utf8_lossy(&mount.root);
        format!("{root}/below")
    });
    let mounts: Vec<_> = mounts::of_cgroups(text).collect();
    for path in roots.chain([format!("/{first}")]) {
        for kind in &kinds {
            for (folder, root) in folders(kind, &path, &mounts) {
                let below = folder.strip_prefix(&root).expect("it is below its mount");
                assert!(!below.components().any(|name| name.as_os_str() == ".."));
            }
        }
    }
});
