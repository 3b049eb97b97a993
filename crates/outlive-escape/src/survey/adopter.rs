//! Who inherits orphans, and whether it is known to do no harm.

use super::{Adopter, Adoption};
use crate::kernel::cgroup;
use outlive_os::surroundings::{self as os, First};
use outlive_os::{proc, role};
use outlive_record::ProcessLine;

/// Who inherits the orphans of this process; `known` is the parent of one that was made here.
pub(super) fn find(process: &ProcessLine, first: First, known: Option<i32>) -> Adoption {
    // Nobody is between us and process 1. A parent of 0 is outside of the pid namespace, and does
    // not inherit from it (pid_namespaces(7)).
    if process.parent <= 1 || process.pid == 1 {
        return Adoption::First;
    }
    if !first.children {
        return Adoption::Unknown("children are put into a pid namespace of their own".to_owned());
    }
    if role::inherits_orphans() {
        return Adoption::Unknown("this process inherits orphans itself".to_owned());
    }
    let pid = match known.map_or_else(os::orphans_parent, Ok) {
        Ok(pid) => pid,
        Err(error) => return Adoption::Unknown(error.to_string()),
    };
    if pid <= 1 || pid == process.pid {
        return Adoption::First;
    }
    let name = os::record(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = String::from_utf8_lossy(name.trim_ascii_end()).into_owned();
    Adoption::By(Adopter {
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
        cgroup::parse(&text).any(|(kind, path)| kind.tracks() && path.ends_with("/init.scope"))
    };
    name == "systemd" && in_scope()
}

/// Whether it is the keeper of a job that this process is part of. It ends what is its own job's
/// and leaves other jobs alone. (One that a systemd manager has started has that one's variables,
/// too.)
fn is_keeper(pid: i32) -> bool {
    proc::variable(&proc::environment(pid), "OUTLIVE_KEEPER") == Some(b"1")
}
