//! Whose a cgroup is. systemd's way of naming them is described in systemd.slice(5), systemd.scope(5),
//! user@.service(5) and its CGROUP_DELEGATION; that of container managers by their own defaults.

use super::Owner;

/// Whose the cgroup at `path` is: of the innermost manager's, the unit that would be stopped.
///
/// - Under slices, the first `.service`, `.scope` or other unit is it, and all below belongs to it,
///   however it delegates.
/// - `user@UID.service` is a manager of its own: what is below it are its units.
/// - A container is nobody's unit ([`Owner::Plain`]), but what runs in it may be some unit of a
///   manager in it.
/// - Names are as the kernel has them: systemd puts a `_` before one that could be mistaken for a
///   file of the kernel's, and `\x2d` is part of a unit's name.
pub fn owner(path: &str) -> Owner {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let mut state = Owner::Root;
    let mut manager = Manager::System;
    // In a unit that belongs to no manager further in.
    let mut settled = false;
    let mut session_slice = false;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if settled {
            // systemd-nspawn(1) keeps its container there, beside its own `supervisor`.
            if name == "payload" {
                (settled, manager, state) = (false, Manager::System, Owner::Plain);
            }
            continue;
        }
        // In a cgroup that somebody may end it ends with that.
        let nobodys = state == Owner::Root || is_user_manager(&state);
        if name == "outlive" && nobodys {
            (settled, state) = (true, Owner::Ours);
        } else if let Some(slice) = name.strip_suffix(".slice") {
            session_slice = slice.starts_with("user-");
            // A slice has no processes of its own; the user's manager ends with all that is in it.
            if manager == Manager::System {
                state = Owner::Plain;
            }
        } else if is_container(name) {
            (manager, state) = (Manager::System, Owner::Plain);
        } else if uid_of_manager(name).is_some() && manager == Manager::System {
            (manager, state) = (Manager::User, Owner::UserUnit(name.to_owned()));
        } else if is_unit(name) {
            let unit = name.to_owned();
            settled = true;
            state = match manager {
                Manager::User => Owner::UserUnit(unit),
                Manager::System if session_slice && is_session(name) => Owner::Session(unit),
                Manager::System => Owner::SystemUnit(unit),
            };
        } else if manager == Manager::System {
            state = Owner::Plain;
        }
    }
    state
}

/// The user whose systemd manager `path` is in: all in it ends when that manager does, at the last
/// log-out unless the user lingers.
pub fn user_manager(path: &str) -> Option<u32> {
    path.split('/').find_map(uid_of_manager)
}

/// The user whose login session or manager `path` is in (`user-UID.slice`, systemd.special(7)).
pub fn slice_user(path: &str) -> Option<u32> {
    let uid = |name: &str| {
        name.strip_prefix("user-")?
            .strip_suffix(".slice")?
            .parse()
            .ok()
    };
    path.split('/').find_map(uid)
}

fn is_user_manager(owner: &Owner) -> bool {
    matches!(owner, Owner::UserUnit(name) if uid_of_manager(name).is_some())
}

#[derive(PartialEq, Eq)]
enum Manager {
    System,
    User,
}

fn uid_of_manager(name: &str) -> Option<u32> {
    let uid = name.strip_prefix("user@")?.strip_suffix(".service")?;
    uid.parse().ok()
}

fn is_session(name: &str) -> bool {
    name.starts_with("session-") && name.ends_with(".scope")
}

/// Units that have processes, see systemd.unit(5); slices have none of their own.
fn is_unit(name: &str) -> bool {
    const KINDS: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];
    KINDS
        .iter()
        .any(|kind| name.strip_suffix(kind).is_some_and(|unit| !unit.is_empty()))
}

/// Scopes and services that a container manager has made: `docker-ID.scope`, `libpod-ID.scope`,
/// `cri-containerd-ID.scope`, `crio-ID.scope`, `machine-NAME.scope`; what runs in them sees nothing of
/// the manager that could stop them.
fn is_container(name: &str) -> bool {
    const MAKERS: [&str; 8] = [
        "docker-",
        "libpod-",
        "crun-",
        "crio-",
        "cri-containerd-",
        "containerd-",
        "nerdctl-",
        "machine-",
    ];
    name.ends_with(".scope") && MAKERS.iter().any(|maker| name.starts_with(maker))
}
