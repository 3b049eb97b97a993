//! Whose the caller's cgroup is, and whether there is a way out of it without asking anybody.

use crate::kernel::cgroup::{Hierarchy, Kind, Owner, owner, user_manager};
use std::path::{Path, PathBuf};

/// A way out of the caller's cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exit {
    /// Here, a cgroup of one's own can be made outside of what ends the caller's.
    Open(Vec<(Kind, PathBuf)>),
    /// The same, but below this cgroup, which may be ended as one, too.
    Beside(Vec<(Kind, PathBuf)>, String),
    /// Here too, but it would end with the caller's.
    Within(Vec<(Kind, PathBuf)>),
    /// None can be made.
    Shut,
}

impl Exit {
    /// Where cgroups can be made.
    pub(super) fn bases(&self) -> Vec<(Kind, PathBuf)> {
        match self {
            Exit::Open(bases) | Exit::Beside(bases, _) | Exit::Within(bases) => bases.clone(),
            Exit::Shut => Vec::new(),
        }
    }
}

/// What the caller's cgroups are: whose, where, and the way out of them.
pub(super) struct Look {
    pub(super) owner: Owner,
    /// The path of the one that is somebody's.
    pub(super) path: String,
    pub(super) exit: Exit,
}

/// Looks at them. Where paths are not whole ones a root may be in anything.
pub(super) fn look(hierarchies: &[Hierarchy], whole_paths: bool) -> Look {
    let owner_of = |it: &Hierarchy| match owner(&it.path) {
        Owner::Root if !whole_paths => Owner::Plain,
        owner => owner,
    };
    let of_kind = |kind: Kind| hierarchies.iter().filter(move |it| it.kind == kind);
    let others = hierarchies
        .iter()
        .filter(|it| matches!(it.kind, Kind::Controllers(_)) && it.kind.tracks());
    let tracking: Vec<&Hierarchy> = of_kind(Kind::Unified)
        .chain(of_kind(Kind::Systemd))
        .chain(others)
        .collect();
    let whose = tracking.iter().find(|it| owner_of(it) != Owner::Root);
    let mut open = true;
    let mut beside = None;
    let mut bases = Vec::new();
    for hierarchy in &tracking {
        let owner = owner_of(hierarchy);
        let nobodys = matches!(owner, Owner::Root | Owner::Ours);
        match &hierarchy.base {
            // A cgroup of one's own in one hierarchy is enough where there is nothing to be left:
            // to join one of version 1 takes as long as some thirty other system calls.
            Some(_) if owner == Owner::Root && !bases.is_empty() => {}
            Some(base) => {
                open &= nobodys || is_outside(hierarchy, base);
                if owner == Owner::Plain && (!whole_paths || !is_top(hierarchy, base)) {
                    beside = Some(path_of(hierarchy, base));
                }
                bases.push((hierarchy.kind.clone(), base.clone()));
            }
            None => open &= nobodys,
        }
    }
    let exit = match (open, bases.is_empty(), beside) {
        (_, true, _) => Exit::Shut,
        (false, ..) => Exit::Within(bases),
        (true, _, Some(below)) => Exit::Beside(bases, below),
        (true, ..) => Exit::Open(bases),
    };
    Look {
        owner: whose.map_or(Owner::Root, |it| owner_of(it)),
        path: whose.map_or_else(|| "/".to_owned(), |it| it.path.clone()),
        exit,
    }
}

/// Whether `base` is where the hierarchy begins.
fn is_top(hierarchy: &Hierarchy, base: &Path) -> bool {
    path_of(hierarchy, base) == "/"
}

/// The path in the hierarchy of a folder at or above its own.
fn path_of(hierarchy: &Hierarchy, base: &Path) -> String {
    let below = hierarchy
        .folder
        .as_deref()
        .and_then(|folder| folder.strip_prefix(base).ok());
    let levels = below.map_or(0, |below| below.components().count());
    let mut names: Vec<&str> = hierarchy
        .path
        .split('/')
        .filter(|it| !it.is_empty())
        .collect();
    names.truncate(names.len().saturating_sub(levels));
    format!("/{}", names.join("/"))
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
            ("/by/hand", Some("/sys/fs/cgroup/by"), false),
            ("/by/hand", root, true),
            ("/by/hand", Some("/sys/fs/cgroup/by/hand"), false),
            ("/system.slice/a.service", None, false),
        ] {
            let exit = look(&[unified(path, base)], true).exit;
            assert_eq!(matches!(exit, Exit::Open(_)), open, "{path} {base:?}");
        }
        let Look { owner, exit, .. } = look(
            &[unified(
                &format!("{user}/app.slice/x.service"),
                Some(&users),
            )],
            true,
        );
        assert_eq!(owner, Owner::UserUnit("x.service".to_owned()));
        assert!(matches!(exit, Exit::Open(_)));
    }

    #[test]
    fn all_hierarchies_by_which_processes_are_known_must_be_left() {
        let mut systemd = unified("/system.slice/a.service", None);
        systemd.kind = Kind::Systemd;
        let both = [
            unified("/system.slice/a.service", Some("/sys/fs/cgroup")),
            systemd,
        ];
        assert!(matches!(look(&both, true).exit, Exit::Within(_)));
        let mut memory = unified("/limits", None);
        memory.kind = Kind::Controllers("memory".to_owned());
        let mut freezer = memory.clone();
        freezer.kind = Kind::Controllers("freezer".to_owned());
        let root = || unified("/", Some("/sys/fs/cgroup"));
        let Look { owner, exit, .. } = look(&[root(), memory], true);
        assert_eq!(owner, Owner::Root);
        assert!(matches!(exit, Exit::Open(_)));
        let Look { owner, exit, .. } = look(&[root(), freezer], true);
        assert_eq!(owner, Owner::Plain, "batch systems kill by it");
        assert!(matches!(exit, Exit::Within(_)));
    }

    #[test]
    fn beside_others_one_may_still_end_with_them() {
        let it = unified("/ci/job/step", Some("/sys/fs/cgroup/ci/job"));
        let expected = "/ci/job".to_owned();
        assert!(matches!(look(&[it], true).exit, Exit::Beside(_, below) if below == expected));
        let Look { owner, exit, .. } = look(&[unified("/", Some("/sys/fs/cgroup"))], false);
        assert_eq!(owner, Owner::Plain, "a namespace's root may be in anything");
        assert!(matches!(exit, Exit::Within(_)));
    }
}
