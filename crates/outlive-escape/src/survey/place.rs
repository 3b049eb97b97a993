//! The cgroups of this process, where their folders are, and what it may do there.

use crate::kernel::cgroup::{Hierarchy, Kind, folder_at, folders, parse};
use crate::kernel::mounts::{self, Mount};
use outlive_os::{os_string, surroundings as os};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// `/proc/self/mountinfo`, read when it is needed: it may be long, and on most machines what is
/// wanted of it can be had for less.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    text: OnceCell<Vec<u8>>,
    of_cgroups: OnceCell<Vec<Mount>>,
}

impl Mounts {
    fn text(&self) -> &[u8] {
        let read = || os::whole("/proc/self/mountinfo").unwrap_or_default();
        self.text.get_or_init(read)
    }

    fn of_cgroups(&self) -> &[Mount] {
        let find = || mounts::of_cgroups(self.text()).collect();
        self.of_cgroups.get_or_init(find)
    }

    /// Where the mount with this id is.
    pub(super) fn point(&self, id: u64) -> Option<PathBuf> {
        let found = mounts::all(self.text()).find(|mount| mount.id == id)?;
        Some(os_string(found.point).into())
    }
}

/// The cgroups of this process: the unified one, systemd's own, and of the others those in which it
/// is not the root.
pub(super) fn read(first_namespace: bool, mounts: &Mounts) -> Vec<Hierarchy> {
    let text = os::record("/proc/thread-self/cgroup").unwrap_or_default();
    let matters = |kind: &Kind, path: &str| !matches!(kind, Kind::Controllers(_)) || path != "/";
    let mut all: Vec<_> = parse(&text)
        .filter(|(kind, path)| matters(kind, path))
        .collect();
    all.sort_by_key(|(kind, _)| *kind != Kind::Unified);
    let mut has_base = false;
    let looked_at = all.into_iter().map(|(kind, path)| {
        // Of what is left in no case only the first is needed, to make cgroups in; what only limits
        // is looked at where limits are.
        let found = match kind.tracks() && !(path == "/" && has_base) {
            true => find(&kind, &path, first_namespace, mounts),
            false => None,
        };
        let base = found.as_ref().and_then(|(folder, root)| base(folder, root));
        has_base |= base.is_some();
        Hierarchy {
            kind,
            path,
            folder: found.map(|(folder, _)| folder),
            base,
        }
    });
    looked_at.collect()
}

/// The cgroup's folder, and the folder in which its hierarchy begins.
fn find(
    kind: &Kind,
    path: &str,
    first_namespace: bool,
    mounts: &Mounts,
) -> Option<(PathBuf, PathBuf)> {
    // Alone, and beside those of version 1.
    const USUAL: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    // Where the whole hierarchy is mounted and paths are the whole ones: nearly everywhere outside
    // of containers. The list of mounts takes longer than all else together.
    if *kind == Kind::Unified && first_namespace {
        let mut usual = USUAL.into_iter();
        if let Some(root) = usual.find(|root| os::is_root_of_version_2(root)) {
            return Some((folder_at(root.into(), path), root.into()));
        }
    }
    // What is mounted on top of it hides it.
    let found =
        folders(kind, path, mounts.of_cgroups()).filter(|(folder, _)| os::is_cgroup(folder));
    // The later one is what a path leads to if both are at one place; one that may be written to is
    // worth more wherever it is.
    let mut best = None;
    for it in found {
        let better = best.is_none() || os::may_write(&it.0);
        if better {
            best = Some(it);
        }
    }
    best
}

/// The topmost folder from `folder` up to `root` in which cgroups can be made and processes from
/// `folder` can be put in them. For that the kernel wants write access to the new cgroup's
/// `cgroup.procs`, which who makes it has, and to that of the common ancestor, which is the folder
/// itself (cgroups(7), "Delegation containment"). Whatever is between does not matter; so a user's
/// own `user@UID.service` is found from a unit in it, but is out of reach from beside it.
fn base(folder: &Path, root: &Path) -> Option<PathBuf> {
    let up: Vec<&Path> = folder
        .ancestors()
        .take_while(|it| it.starts_with(root))
        .collect();
    let found = up
        .into_iter()
        .rev()
        .find(|it| os::may_write(it) && os::may_write(it.join("cgroup.procs")));
    found.map(Path::to_owned)
}

/// The folder of this process's cgroup in the hierarchy of version 1 that has this controller, if
/// there is one and it is mounted where we see it.
pub fn controller(name: &str) -> Option<PathBuf> {
    let text = os::record("/proc/thread-self/cgroup").unwrap_or_default();
    let has = |kind: &Kind| match kind {
        Kind::Controllers(list) => list.split(',').any(|it| it == name),
        Kind::Unified | Kind::Systemd => false,
    };
    let (kind, path) = parse(&text).find(|(kind, _)| has(kind))?;
    let first_namespace = os::is_first_cgroup_namespace();
    find(&kind, &path, first_namespace, &Mounts::default()).map(|(folder, _)| folder)
}

/// Files that limit a cgroup, with what they say if they don't: of version 2 `max` or nothing.
const VERSION_2: [&str; 6] = [
    "memory.max",
    "memory.high",
    "memory.swap.max",
    "pids.max",
    "cpu.max",
    "cpuset.cpus",
];
const VERSION_1: [&str; 3] = ["memory.limit_in_bytes", "pids.max", "cpu.cfs_quota_us"];

/// Limits set by these cgroups or by ones above them, as `memory.max=1073741824`; of several
/// the innermost comes first. It takes some system calls for each level: what only starts a process
/// has no use for it.
pub fn cgroup_limits(hierarchies: &[Hierarchy]) -> Vec<String> {
    let (first_namespace, mounts) = (os::is_first_cgroup_namespace(), Mounts::default());
    let mut limits = Vec::new();
    for hierarchy in hierarchies {
        let files: &[&str] = match hierarchy.kind {
            Kind::Unified => &VERSION_2,
            Kind::Systemd => continue,
            Kind::Controllers(_) => &VERSION_1,
        };
        let (kind, path) = (&hierarchy.kind, &hierarchy.path);
        let found = || find(kind, path, first_namespace, &mounts).map(|(folder, _)| folder);
        let Some(folder) = hierarchy.folder.clone().or_else(found) else {
            continue;
        };
        let levels = hierarchy
            .path
            .split('/')
            .filter(|it| !it.is_empty())
            .count();
        for folder in folder.ancestors().take(levels + 1) {
            limits.extend(files.iter().filter_map(|file| limit(folder, file)));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    limits.retain(|limit| seen.insert(limit.clone()));
    limits
}

/// The limit that a file sets, if it does.
fn limit(folder: &Path, file: &str) -> Option<String> {
    let text = os::record(folder.join(file)).ok()?;
    let text = std::str::from_utf8(&text).ok()?.trim();
    let none = match file {
        // A number of pages that fits into a signed word (kernel: PAGE_COUNTER_MAX).
        "memory.limit_in_bytes" => text.parse().is_ok_and(|limit: u64| limit >= 1 << 60),
        "cpu.cfs_quota_us" => text == "-1",
        // `max PERIOD` (kernel: Documentation/admin-guide/cgroup-v2.rst).
        "cpu.max" => text.starts_with("max"),
        _ => text == "max",
    };
    (!none && !text.is_empty()).then(|| format!("{file}={text}"))
}
