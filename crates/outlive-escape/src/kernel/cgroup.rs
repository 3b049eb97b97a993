//! cgroups(7): which one a process is in, and whose that is.

mod owner;

pub use owner::{owner, slice_user, user_manager};

use super::mounts::Mount;
use outlive_os::os_string;
use std::path::PathBuf;

/// A process's place in one hierarchy of cgroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Which one.
    pub kind: Kind,
    /// The cgroup's path, as `/proc/self/cgroup` has it.
    pub path: String,
    /// Its folder, if the hierarchy is mounted where we see it.
    pub folder: Option<PathBuf>,
    /// The topmost folder at or above it in which this process may make cgroups and move
    /// processes from here to them.
    pub base: Option<PathBuf>,
}

/// A kind of hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The unified one (version 2).
    Unified,
    /// systemd's own of version 1, `name=systemd`, by which it knows which processes are whose.
    Systemd,
    /// One of version 1 with these controllers or this name.
    Controllers(String),
}

impl Kind {
    /// Whether somebody may know by it which processes are whose, and end them: batch systems freeze
    /// and kill by the freezer of version 1 (Slurm's `proctrack/cgroup`), and a hierarchy with a
    /// name is made for nothing else. The other ones of version 1 only limit.
    #[must_use]
    pub fn tracks(&self) -> bool {
        match self {
            Kind::Unified | Kind::Systemd => true,
            Kind::Controllers(list) => list
                .split(',')
                .any(|it| it == "freezer" || it.starts_with("name=")),
        }
    }

    /// What it is called in `/proc/PID/cgroup`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Kind::Unified => "",
            Kind::Systemd => "name=systemd",
            Kind::Controllers(list) => list,
        }
    }
}

/// Whose a cgroup is, as its path tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's: it is the root.
    Root,
    /// A service or other unit of the system's manager, `nginx.service`.
    SystemUnit(String),
    /// A login session's scope, `session-3.scope`.
    Session(String),
    /// A unit of a user's manager, `foo.service`: it ends with the unit, and with the
    /// manager, which ends at the last log-out unless the user lingers.
    UserUnit(String),
    /// Made by outlive, and in nobody's unit: nobody else touches it. (It may still be in a user's
    /// manager, see [`user_manager`].)
    Ours,
    /// Something else: a container's, or made by hand.
    Plain,
}

/// The cgroups that a `/proc/PID/cgroup` tells of. A path may contain anything but a newline, which
/// the kernel refuses in a cgroup's name; of one that is not UTF-8 no folder could be told, and it is
/// read as far as it can be.
pub fn parse(text: &[u8]) -> impl Iterator<Item = (Kind, String)> {
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let number = fields.next()?;
        let controllers = String::from_utf8_lossy(fields.next()?);
        let path = fields.next().filter(|path| path.starts_with(b"/"))?;
        let kind = match (number, &*controllers) {
            (b"0", "") => Kind::Unified,
            (_, "name=systemd") => Kind::Systemd,
            (number, controllers) => {
                std::str::from_utf8(number).ok()?.parse::<u32>().ok()?;
                Kind::Controllers(controllers.to_owned())
            }
        };
        Some((kind, String::from_utf8_lossy(path).into_owned()))
    })
}

impl Kind {
    /// Whether this hierarchy is what is mounted there.
    pub fn is_mounted(&self, mount: &Mount) -> bool {
        match self {
            Kind::Unified => mount.kind == b"cgroup2",
            Kind::Systemd => mount.kind == b"cgroup" && mount.has_option(b"name=systemd"),
            // A controller is in one hierarchy only; options such as `rw` are none.
            Kind::Controllers(list) => {
                let one = list.split(',').next().unwrap_or("");
                mount.kind == b"cgroup" && mount.has_option(one.as_bytes())
            }
        }
    }
}

/// Where the cgroup at `path` can be seen: its folder and the one that the hierarchy begins with
/// there, for each mount of it.
pub fn folders<'a>(
    kind: &'a Kind,
    path: &'a str,
    mounts: &'a [Mount],
) -> impl Iterator<Item = (PathBuf, PathBuf)> + 'a {
    mounts.iter().filter_map(|mount| {
        if !kind.is_mounted(mount) {
            return None;
        }
        let rest = below(path, mount)?;
        let root = PathBuf::from(os_string(mount.point.clone()));
        Some((folder_at(root.clone(), rest), root))
    })
}

/// The folder of the cgroup at `path` in a hierarchy that begins at `root`.
pub fn folder_at(mut root: PathBuf, path: &str) -> PathBuf {
    let path = path.trim_start_matches('/');
    if !path.is_empty() {
        root.push(path);
    }
    root
}

/// Where `path` is in `mount`, if it is: `/` or below that. A path or root that begins with `/..`
/// is above the root of the cgroup namespace; whatever has the same beginning is below it all the
/// same.
fn below<'a>(path: &'a str, mount: &Mount) -> Option<&'a str> {
    let root = std::str::from_utf8(&mount.root).ok()?;
    let rest = match root {
        "/" => path,
        root => path.strip_prefix(root)?,
    };
    let rest = if rest.is_empty() { "/" } else { rest };
    let leaves = rest.split('/').any(|name| name == ".." || name == ".");
    (rest.starts_with('/') && !leaves).then_some(rest)
}
