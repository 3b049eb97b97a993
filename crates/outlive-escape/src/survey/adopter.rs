//! Who inherits orphans, and whether it is known to do no harm.

use super::Adopter;
use crate::kernel::cgroup::{self, Kind};
use outlive_os::surroundings::{self as os, First};
use outlive_os::{proc, role};
use outlive_record::ProcessLine;

/// Who inherits the orphans of this process; none if that is process 1 of the pid namespace, which
/// is where orphans belong, or this process itself.
pub(super) fn find(process: &ProcessLine, first: First) -> Option<Adopter> {
    // Nobody is between us and process 1. A parent of 0 is outside of the pid namespace, and does
    // not inherit from it (pid_namespaces(7)).
    if process.parent <= 1 || !first.children || role::inherits_orphans() {
        return None;
    }
    let pid = os::orphans_parent().ok()?;
    if pid <= 1 || pid == process.pid {
        return None;
    }
    let name = os::record(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = String::from_utf8_lossy(name.trim_ascii_end()).into_owned();
    Some(Adopter {
        pid,
        harmless: is_manager(pid, &name) || is_keeper(pid),
        name,
    })
}

/// Whether it is a systemd manager: those inherit what their units leave behind, and end processes
/// by cgroup alone. Anybody may be called `systemd`; but a manager, and nobody else, has its place
/// in an `init.scope` (systemd.special(7)), where only a manager puts processes.
fn is_manager(pid: i32, name: &str) -> bool {
    let in_scope = || {
        let text = os::record(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        cgroup::parse(&text).any(|(kind, path)| {
            !matches!(kind, Kind::Controllers(_)) && path.ends_with("/init.scope")
        })
    };
    name == "systemd" && in_scope()
}

/// Whether it is the keeper of a job that this process is part of. It ends what is its own job's
/// and leaves other jobs alone. A keeper has an environment of one variable.
fn is_keeper(pid: i32) -> bool {
    proc::environment(pid) == b"OUTLIVE_KEEPER=1\0"
}
