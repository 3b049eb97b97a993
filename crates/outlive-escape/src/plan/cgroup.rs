//! Whose the caller's cgroup is, and whether there is a way out of it without asking anybody.

use crate::kernel::cgroup::{Hierarchy, Kind, Owner, owner, user_manager};
use std::path::{Path, PathBuf};

/// A way out of the caller's cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exit {
    /// Here, a cgroup of one's own can be made outside of what ends the caller's.
    Open(Vec<(Kind, PathBuf)>),
    /// Here too, but it would end with the caller's.
    Within(Vec<(Kind, PathBuf)>),
    /// None can be made.
    Shut,
}

impl Exit {
    /// Where cgroups can be made.
    pub(super) fn bases(&self) -> Vec<(Kind, PathBuf)> {
        match self {
            Exit::Open(bases) | Exit::Within(bases) => bases.clone(),
            Exit::Shut => Vec::new(),
        }
    }
}

/// Whose the caller's cgroup is, and the way out of it.
pub(super) fn look(hierarchies: &[Hierarchy]) -> (Owner, Exit) {
    // Those by which somebody knows which processes are whose; the others of version 1 only limit.
    let of_kind = |kind: Kind| hierarchies.iter().filter(move |it| it.kind == kind);
    let tracking = || of_kind(Kind::Unified).chain(of_kind(Kind::Systemd));
    let whose = tracking()
        .map(|it| owner(&it.path))
        .find(|owner| *owner != Owner::Root)
        .unwrap_or(Owner::Root);
    let mut open = true;
    let mut bases = Vec::new();
    for hierarchy in tracking() {
        let owner = owner(&hierarchy.path);
        let nobodys = matches!(owner, Owner::Root | Owner::Ours);
        match &hierarchy.base {
            // A cgroup of one's own in one hierarchy is enough where there is nothing to be left:
            // to join one of version 1 takes as long as some thirty other system calls.
            Some(_) if owner == Owner::Root && !bases.is_empty() => {}
            Some(base) => {
                open &= nobodys || is_outside(hierarchy, base);
                bases.push((hierarchy.kind.clone(), base.clone()));
            }
            None => open &= nobodys,
        }
    }
    let exit = match (open, bases.is_empty()) {
        (_, true) => Exit::Shut,
        (true, false) => Exit::Open(bases),
        (false, false) => Exit::Within(bases),
    };
    (whose, exit)
}

/// Whether it ends with a user's manager.
pub(super) fn of_user_manager(hierarchies: &[Hierarchy]) -> bool {
    hierarchies
        .iter()
        .any(|it| user_manager(&it.path).is_some())
}

/// Whether `base` is above all that ends as one with the hierarchy's cgroup.
fn is_outside(hierarchy: &Hierarchy, base: &Path) -> bool {
    let Some(below) = hierarchy
        .folder
        .as_deref()
        .and_then(|folder| folder.strip_prefix(base).ok())
    else {
        return false;
    };
    let unit = match owner(&hierarchy.path) {
        Owner::SystemUnit(unit) | Owner::Session(unit) | Owner::UserUnit(unit) => unit,
        // Nothing tells how much of it ends as one: any cgroup above is better than none.
        _ => return below.components().next().is_some(),
    };
    // The unit's own folder is one of those below the base.
    below
        .components()
        .any(|component| component.as_os_str() == unit.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unified(path: &str, base: Option<&str>) -> Hierarchy {
        Hierarchy {
            kind: Kind::Unified,
            path: path.to_owned(),
            folder: Some(PathBuf::from(format!("/sys/fs/cgroup{path}"))),
            base: base.map(PathBuf::from),
        }
    }

    #[test]
    fn a_way_out_leads_above_the_unit() {
        let root = Some("/sys/fs/cgroup");
        let user = "/user.slice/user-7.slice/user@7.service";
        let users = format!("/sys/fs/cgroup{user}");
        for (path, base, open) in [
            ("/", root, true),
            ("/system.slice/a.service", root, true),
            (
                "/system.slice/a.service",
                Some("/sys/fs/cgroup/system.slice/a.service"),
                false,
            ),
            (
                "/system.slice/a.service/in",
                Some("/sys/fs/cgroup/system.slice/a.service"),
                false,
            ),
            ("/by/hand", Some("/sys/fs/cgroup/by"), true),
            ("/by/hand", Some("/sys/fs/cgroup/by/hand"), false),
            ("/system.slice/a.service", None, false),
        ] {
            let (_, exit) = look(&[unified(path, base)]);
            assert_eq!(matches!(exit, Exit::Open(_)), open, "{path} {base:?}");
        }
        let (owner, exit) = look(&[unified(
            &format!("{user}/app.slice/x.service"),
            Some(&users),
        )]);
        assert_eq!(owner, Owner::UserUnit("x.service".to_owned()));
        assert!(matches!(exit, Exit::Open(_)));
    }

    #[test]
    fn all_hierarchies_by_which_processes_are_known_must_be_left() {
        let mut systemd = unified("/system.slice/a.service", None);
        systemd.kind = Kind::Systemd;
        let (_, exit) = look(&[
            unified("/system.slice/a.service", Some("/sys/fs/cgroup")),
            systemd,
        ]);
        assert!(matches!(exit, Exit::Within(_)));
        let mut memory = unified("/limits", None);
        memory.kind = Kind::Controllers("memory".to_owned());
        let (owner, exit) = look(&[unified("/", Some("/sys/fs/cgroup")), memory]);
        assert_eq!(owner, Owner::Root);
        assert!(matches!(exit, Exit::Open(_)));
    }
}
