//! What surrounds this process, as far as macOS has the like. Nothing here changes anything or needs a
//! privilege.

pub use super::start::{Open, open_at};
pub use crate::common::{First, Folder, Limit, Mount, Schedule};

use crate::Job;
use std::io;
use std::path::Path;

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

/// The resource limits of this process that could be compared with what is usual: none.
pub fn limits() -> impl Iterator<Item = Limit> {
    std::iter::empty()
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
