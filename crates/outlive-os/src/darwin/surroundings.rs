//! What surrounds this process, as far as macOS has the like. Nothing here changes anything or needs a
//! privilege.

pub use super::start::{Open, open_at};

use crate::Job;
use std::io;
use std::path::{Path, PathBuf};

/// Who becomes the parent of an orphan: always launchd(8), so that none is made to find out.
pub fn orphans_parent() -> io::Result<i32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file of the kernel's own: there are none here.
pub fn record(_path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

/// As [`record`].
pub fn whole(_path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

/// Whether a device file has these numbers.
pub fn is_device(path: impl AsRef<Path>, major: u32, minor: u32) -> bool {
    let found = rustix::fs::stat(path.as_ref());
    found.is_ok_and(|found| device(found.st_rdev) == (major, minor))
}

/// A device number in its two parts (major(3)).
pub fn device(number: i32) -> (u32, u32) {
    let number = number.cast_unsigned();
    (number >> 24, number & 0xff_ffff)
}

/// How this thread is scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Niceness (getpriority(2)).
    pub nice: i32,
    /// The policy's number, 0 for the usual one.
    pub policy: i32,
    /// Class and level of input and output, (0, _) if none was set.
    pub io: (i32, i32),
    /// Timer slack in nanoseconds.
    pub timer_slack: u64,
    /// The signal at the end of the parent's thread, 0 if none.
    pub parent_death: i32,
}

/// How this thread is scheduled: children begin with its process's niceness, and as usual in all else.
pub fn schedule() -> Schedule {
    Schedule {
        nice: super::settings::nice(0),
        policy: 0,
        io: (0, 0),
        timer_slack: 0,
        parent_death: 0,
    }
}

/// A resource limit: its name, the soft and the hard one; none is unlimited.
pub type Limit = (&'static str, Option<u64>, Option<u64>);

/// The resource limits of this process that could be compared with what is usual: none.
pub fn limits() -> impl Iterator<Item = Limit> {
    std::iter::empty()
}

/// Which of this thread's namespaces are the machine's first ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    /// The pid namespace.
    pub pid: bool,
    /// The user namespace.
    pub user: bool,
    /// Whether children are put into this thread's own pid namespace.
    pub children: bool,
}

/// Which of this thread's namespaces are the machine's first ones: there are no others.
pub fn first_namespaces() -> First {
    First {
        pid: true,
        user: true,
        children: true,
    }
}

/// Whether this thread is in the machine's first cgroup namespace: there are no others.
pub fn is_first_cgroup_namespace() -> bool {
    true
}

/// Whether this thread is in the machine's first UTS namespace: there are no others.
pub fn has_machines_name() -> bool {
    true
}

/// Whether something is there.
pub fn is_there(path: impl AsRef<Path>) -> bool {
    rustix::fs::access(path.as_ref(), rustix::fs::Access::EXISTS).is_ok()
}

/// Whether this process may write there, with the rights that it acts with.
pub fn may_write(path: impl AsRef<Path>) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    accessat(CWD, path.as_ref(), Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

/// Whether a folder is of a file system for cgroups: none is.
pub fn is_cgroup(_path: impl AsRef<Path>) -> bool {
    false
}

/// Whether `path` is where the hierarchy of cgroups is mounted: nowhere.
pub fn is_root_of_version_2(_path: &str) -> bool {
    false
}

/// This process's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its path.
    pub path: PathBuf,
    /// Whether it has been deleted.
    pub deleted: bool,
    /// The mount that it is on, if that is not the root's.
    pub mount: Option<Mount>,
}

/// A mount, as far as it can be told without reading the list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// It is mounted here.
    At(PathBuf),
    /// It has this id.
    Id(u64),
}

/// This process's folder, and the volume that it keeps busy.
pub fn folder() -> io::Result<Folder> {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev());
    let path = std::env::current_dir()?;
    let here = device(&path)?;
    // The uppermost folder that is on the same volume.
    let above = path.ancestors().skip(1);
    let inside = above.take_while(|above| device(above).is_ok_and(|it| it == here));
    let point = inside.last().unwrap_or(&path).to_owned();
    let mount = (device(Path::new("/"))? != here).then_some(Mount::At(point));
    Ok(Folder {
        path,
        deleted: false,
        mount,
    })
}

/// The job object that this process is in: there are none here.
pub fn job() -> Option<Job> {
    None
}

/// Whether this process is attached to a console (Windows): there are none here.
pub fn console() -> bool {
    false
}

/// A process that could be another one's parent in place of this one (Windows).
pub fn foster_parent() -> io::Result<(super::process::Process, String)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a process can be started by a service or a task (Windows).
pub fn may_start_by(_via: outlive_record::Via) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
