//! What surrounds this process, as the kernel tells it to anybody: files of proc(5) and small system
//! calls. Nothing here changes anything or needs a privilege.

pub use super::orphan::orphans_parent;
pub use super::start::{Open, open_at};
pub use crate::common::{First, Folder, Limit, Mount, Schedule};

use outlive_record::RESOURCES;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxAttributes, StatxFlags};
use std::io;
use std::path::{Path, PathBuf};

/// Reads a file that the kernel makes as one record, in one read(2): most of proc(5).
pub fn record(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read(path.as_ref(), true)
}

/// Reads a whole file. Of a list such as `/proc/self/mountinfo` a read(2) gives no more than whole
/// records of about a page, so that a short one is not the end.
pub fn whole(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read(path.as_ref(), false)
}

fn read(path: &Path, one_record: bool) -> io::Result<Vec<u8>> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = Vec::with_capacity(4096);
    loop {
        let free = text.capacity() - text.len();
        match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut text)) {
            Ok(0) => return Ok(text),
            Ok(length) if one_record && length < free => return Ok(text),
            Ok(_) if text.len() < text.capacity() => {}
            Ok(_) => text.reserve(text.len()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a device file has these numbers.
pub fn is_device(path: impl AsRef<Path>, major: u32, minor: u32) -> bool {
    rustix::fs::stat(path.as_ref()).is_ok_and(|found| {
        (
            rustix::fs::major(found.st_rdev),
            rustix::fs::minor(found.st_rdev),
        ) == (major, minor)
    })
}

/// A device number as `/proc/PID/stat` has it (proc_pid_stat(5), `tty_nr`), in its two parts.
pub fn device(number: i32) -> (u32, u32) {
    let number = number.cast_unsigned();
    let major = number >> 8 & 0xfff;
    (major, number & 0xff | number >> 12 & 0xf_ff00)
}

/// How this thread is scheduled.
pub fn schedule() -> Schedule {
    const RESET_ON_FORK: i64 = 0x4000_0000;
    const PROCESS: i32 = 1;
    // SAFETY: takes a number. The raw call, since musl's refuses it.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    // SAFETY: takes numbers.
    let io = unsafe { libc::syscall(libc::SYS_ioprio_get, PROCESS, 0) };
    // SAFETY: takes numbers, gives one.
    let slack = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, 0, 0, 0, 0) };
    let mut parent_death = 0i32;
    // SAFETY: the kernel writes one int to the address given.
    unsafe { libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut parent_death) };
    let nice = rustix::process::getpriority_process(None).unwrap_or(0);
    let resets = policy > 0 && policy & RESET_ON_FORK != 0;
    let io = match io {
        -1 => (0, 0),
        io => ((io >> 13 & 7) as i32, (io & 7) as i32),
    };
    Schedule {
        nice: if resets { nice.max(0) } else { nice },
        policy: match policy {
            policy if policy < 0 || resets => 0,
            policy => i32::try_from(policy).unwrap_or(0),
        },
        io,
        timer_slack: u64::try_from(slack).unwrap_or(0),
        parent_death,
    }
}

/// All resource limits of this process (getrlimit(2)), in the order of their numbers. A system call
/// for each is a tenth of the time that `/proc/self/limits` takes.
pub fn limits() -> impl Iterator<Item = Limit> {
    let unlimited = |limit: u64| (limit != u64::MAX).then_some(limit);
    RESOURCES.iter().zip(0..).filter_map(move |(name, number)| {
        let (soft, hard) = super::settings::limit(0, number)?;
        Some((*name, unlimited(soft), unlimited(hard)))
    })
}

/// Which of this thread's namespaces are the machine's first ones. Those have inode numbers that
/// never change (`PROC_USER_INIT_INO` and its like, kernel: include/linux/proc_ns.h, Linux 3.8).
pub fn first_namespaces() -> First {
    let inode = |path: &str| rustix::fs::stat(path).ok().map(|found| found.st_ino);
    let is = |inode: Option<u64>, first: u64| inode.is_none_or(|inode| inode == first);
    let pid = inode("/proc/thread-self/ns/pid");
    First {
        pid: is(pid, 0xEFFF_FFFC),
        user: is(inode("/proc/thread-self/ns/user"), 0xEFFF_FFFD),
        // There is none at all as long as a new one has no process (Linux 4.12).
        children: inode("/proc/thread-self/ns/pid_for_children") == pid,
    }
}

/// Whether this thread is in the machine's first cgroup namespace (`PROC_CGROUP_INIT_INO`, likewise,
/// Linux 4.6): the paths of its cgroups are the whole ones then.
pub fn is_first_cgroup_namespace() -> bool {
    let found = rustix::fs::stat("/proc/thread-self/ns/cgroup");
    found.map_or(true, |found| found.st_ino == 0xEFFF_FFFB)
}

/// Whether this thread is in the machine's first UTS namespace (`PROC_UTS_INIT_INO`, likewise):
/// containers have one of their own, for their host name.
pub fn has_machines_name() -> bool {
    let found = rustix::fs::stat("/proc/thread-self/ns/uts");
    found.map_or(true, |found| found.st_ino == 0xEFFF_FFFE)
}

/// Whether something is there.
pub fn is_there(path: impl AsRef<Path>) -> bool {
    rustix::fs::access(path.as_ref(), rustix::fs::Access::EXISTS).is_ok()
}

/// Whether this process may write there, with the rights that it acts with: on a mount that can be
/// read only it may not (faccessat2(2), Linux 5.8).
pub fn may_write(path: impl AsRef<Path>) -> bool {
    use rustix::path::Arg;
    let answer = path.as_ref().into_with_c_str(|path| {
        let flags = libc::AT_EACCESS;
        // SAFETY: a string that ends with a NUL. The raw call, since C libraries and rustix do
        // something else where the real user is not the effective one.
        let result = unsafe {
            libc::syscall(
                libc::SYS_faccessat2,
                libc::AT_FDCWD,
                path.as_ptr(),
                libc::W_OK,
                flags,
            )
        };
        Ok(result == 0)
    });
    answer.unwrap_or(false)
}

/// Whether a folder is of a file system for cgroups (statfs(2)).
pub fn is_cgroup(path: impl AsRef<Path>) -> bool {
    const VERSION_1: u64 = 0x27_e0eb;
    const VERSION_2: u64 = 0x6367_7270;
    let kind = |path| rustix::fs::statfs(path).map(|found| found.f_type as u64);
    kind(path.as_ref()).is_ok_and(|kind| kind == VERSION_1 || kind == VERSION_2)
}

/// Whether `path` is where the whole hierarchy of version 2 is mounted, from its very root on: that
/// has inode 1.
pub fn is_root_of_version_2(path: &str) -> bool {
    let whole = || {
        let found = rustix::fs::statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::INO)?;
        let mounted = found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
        Ok::<_, rustix::io::Errno>(mounted && found.stx_ino == 1)
    };
    whole().unwrap_or(false) && rustix::fs::statfs(path).is_ok_and(|it| it.f_type == 0x6367_7270)
}

/// This process's folder, and the mount that it keeps busy.
pub fn folder() -> io::Result<Folder> {
    let id = |path: &Path| {
        // No network file system is asked anew.
        let flags = AtFlags::STATX_DONT_SYNC;
        rustix::fs::statx(CWD, path, flags, StatxFlags::NLINK | StatxFlags::MNT_ID)
    };
    let here = id(Path::new("."))?;
    let deleted = here.stx_nlink == 0;
    let link = || rustix::fs::readlink("/proc/thread-self/cwd", Vec::new());
    let path = match rustix::process::getcwd(Vec::new()) {
        // What does not begin with a slash can't be reached from this process's root (getcwd(2)).
        Ok(path) if !deleted && path.as_bytes().starts_with(b"/") => path.into_bytes(),
        _ => {
            let mut path = link()?.into_bytes();
            if path.ends_with(b" (deleted)") && deleted {
                path.truncate(path.len() - b" (deleted)".len());
            }
            path
        }
    };
    let path = PathBuf::from(super::os_string(path));
    let mount_id = here.stx_mnt_id;
    let root = id(Path::new("/"))?;
    let mount = (root.stx_mnt_id != mount_id).then(|| {
        let above = path.ancestors().skip_while(|it| {
            // A deleted folder is on the mount of what is above it.
            let found = id(it);
            found.is_ok_and(|found| found.stx_mnt_id == mount_id) || (deleted && *it == path)
        });
        let above = above.map(Path::components).map(|it| it.count()).next();
        let point = above.and_then(|above| {
            let point = path
                .ancestors()
                .find(|it| it.components().count() == above + 1);
            // The path of something else, if another mount hides it.
            point.filter(|point| id(point).is_ok_and(|found| found.stx_mnt_id == mount_id))
        });
        point.map_or(Mount::Id(mount_id), |point| Mount::At(point.to_owned()))
    });
    Ok(Folder {
        path,
        deleted,
        mount,
    })
}

/// The job object that this process is in: there are none here.
pub fn job() -> Option<crate::Job> {
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
