//! What the kernel tells of processes and of this machine, in proc(5).

pub use super::lineage::{descendants, variable};

use super::surroundings::{record, whole};
use outlive_record::{Bounds, Place, ProcessLine};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The kernel's line about a process; `None` if there is none of this id.
pub fn line(pid: i32) -> io::Result<Option<ProcessLine>> {
    let Some(text) = unless_gone(record(format!("/proc/{pid}/stat")))? else {
        return Ok(None);
    };
    match ProcessLine::parse(&text) {
        Some(line) => Ok(Some(line)),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "unexpected form of /proc/PID/stat",
        )),
    }
}

/// The kernel's line about this very process, as it stands.
pub fn own_line() -> io::Result<Vec<u8>> {
    record("/proc/self/stat")
}

/// How many threads this process has.
pub(super) fn own_threads() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// All processes that can be seen from here. Those that end meanwhile are left out.
pub fn all() -> io::Result<Vec<ProcessLine>> {
    let mut lines = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Ok(Some(line)) = line(pid) {
            lines.push(line);
        }
    }
    Ok(lines)
}

/// The children of this process, which must have one thread and be the only one to reap them: then
/// none is missed, since one that ends stays in the list and one that is inherited comes at its
/// end. (`/proc/PID/task/TID/children`, CONFIG_PROC_CHILDREN, Linux 3.5; where a kernel lacks it
/// the children are picked from all processes, and one that forks meanwhile may be missed.)
pub fn own_children() -> io::Result<Vec<i32>> {
    let me = std::process::id();
    // A list comes a page at a time.
    match whole(format!("/proc/self/task/{me}/children")) {
        Ok(list) => {
            let list = String::from_utf8_lossy(&list).into_owned();
            Ok(list
                .split_ascii_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mine = |line: &ProcessLine| line.parent == me.cast_signed();
            Ok(all()?
                .into_iter()
                .filter(mine)
                .map(|line| line.pid)
                .collect())
        }
        Err(error) => Err(error),
    }
}

/// The environment that a process was started with, each variable ended by a NUL. Empty if it
/// belongs to another user.
pub fn environment(pid: i32) -> Vec<u8> {
    record(format!("/proc/{pid}/environ")).unwrap_or_default()
}

/// The cgroups of a process (`/proc/PID/cgroup`, cgroups(7)).
pub fn cgroups(pid: i32) -> io::Result<String> {
    let text = whole(format!("/proc/{pid}/cgroup"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What a process is confined to: this one, or another one that this one might trace (ptrace(2));
/// what may not be looked at is left out.
pub fn bounds(pid: Option<i32>) -> Bounds {
    const NAMESPACES: [&str; 5] = ["mnt", "net", "pid", "ipc", "user"];
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let text = |name: &str| {
        let text = record(format!("/proc/{process}/{name}")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    };
    let namespace = |name: &str| {
        let inode = fs::metadata(format!("/proc/{process}/ns/{name}"))
            .ok()?
            .ino();
        Some((name.to_owned(), inode))
    };
    let status = text("status");
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().trim()
    };
    let numbers = |text: &str| -> Vec<u32> {
        let words = text.split_ascii_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let mut groups = numbers(field("Groups:"));
    groups.extend(numbers(field("Gid:")));
    let root = fs::metadata(format!("/proc/{process}/root/."));
    Bounds {
        namespaces: NAMESPACES.into_iter().filter_map(namespace).collect(),
        root: root.ok().map(|root| (root.dev(), root.ino())),
        capabilities: u64::from_str_radix(field("CapBnd:"), 16).unwrap_or(0),
        groups,
        label: text("attr/current")
            .trim_end_matches(['\0', '\n'])
            .to_owned(),
    }
}

/// Whether one of the first descriptors (0 to 9) of a process is open for writing on the file with
/// this device and inode.
pub fn writes_to(pid: i32, file: (u64, u64)) -> bool {
    (0..10).any(|fd| is_open_on(pid, fd, file))
}

/// The same of all of its descriptors, as far as they may be looked at.
pub fn holds(pid: i32, file: (u64, u64)) -> bool {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"));
    let names = entries.into_iter().flatten().flatten();
    let mut numbers = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.any(|fd| is_open_on(pid, fd, file))
}

fn is_open_on(pid: i32, fd: i32, file: (u64, u64)) -> bool {
    fs::metadata(format!("/proc/{pid}/fd/{fd}"))
        .is_ok_and(|found| (found.dev(), found.ino()) == file)
        && is_writable(pid, fd)
}

fn is_writable(pid: i32, fd: i32) -> bool {
    let info = record(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let info = String::from_utf8_lossy(&info);
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
}

/// This process's folder, also if it has been deleted.
pub fn own_folder() -> io::Result<PathBuf> {
    fs::read_link("/proc/self/cwd")
}

/// The path at which another process finds what a descriptor of ours is open on; `pid` is what that
/// process knows us by.
pub fn descriptor_path(pid: i32, descriptor: std::os::fd::BorrowedFd<'_>) -> PathBuf {
    let number = std::os::fd::AsRawFd::as_raw_fd(&descriptor);
    format!("/proc/{pid}/fd/{number}").into()
}

/// The program that this process runs, by a name that stays right when the file is replaced.
pub fn own_program() -> &'static Path {
    Path::new("/proc/self/exe")
}

/// Where this process runs.
pub fn place() -> io::Result<Place> {
    let text = |path| record(path).map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    let inode = |path| fs::metadata(path).map(|it| it.ino());
    Ok(Place {
        // Both are optional in containers (machine-id(5)): then they are all alike in this.
        machine: text("/etc/machine-id")
            .or_else(|_| text("/var/lib/dbus/machine-id"))
            .unwrap_or_default(),
        boot: text("/proc/sys/kernel/random/boot_id")?,
        pid_namespace: inode("/proc/self/ns/pid")?,
        // Linux 5.6; before it there is just one.
        time_namespace: inode("/proc/self/ns/time").unwrap_or(0),
    })
}

/// 32 random bits (getrandom(2)).
pub fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u32::from_ne_bytes(bytes))
}

fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(it) => Ok(Some(it)),
        // ESRCH comes from reading if it ends between opening and reading.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a process (this one, if none is named) is in a job object: there are none here.
pub fn in_job(_process: Option<&super::process::Process>) -> io::Result<bool> {
    Ok(false)
}

/// What the system calls itself, as uname(1) has it.
pub fn system() -> String {
    let read = |name| record(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    let parts =
        ["ostype", "osrelease"].map(|name| String::from_utf8_lossy(&read(name)).into_owned());
    parts.map(|part| part.trim().to_owned()).join(" ")
}
