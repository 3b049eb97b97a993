//! cgroups(7): a process's container for what it may use, and what service managers end as a whole.

use super::process::Process;
use super::signal;
use super::surroundings::is_cgroup;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// How often a cgroup is looked at for processes that have come into it while others were killed.
const KILL_ROUNDS: usize = 32;

/// A cgroup that processes can be started in.
#[derive(Debug)]
pub struct Cgroup {
    /// Its folder, if it is of version 2: that alone can be cloned into, and a descriptor less is
    /// needed for one of version 1.
    folder: Option<OwnedFd>,
    /// Its `cgroup.procs`: whoever writes 0 to it joins.
    processes: CString,
    path: PathBuf,
}

impl Cgroup {
    /// The cgroup whose folder is `path`; `unified` tells whether it is of version 2.
    pub fn open(path: &Path, unified: bool) -> io::Result<Cgroup> {
        let folder = open_folder(path)?;
        let processes = path.join("cgroup.procs");
        Ok(Cgroup {
            folder: unified.then_some(folder),
            processes: CString::new(processes.into_os_string().into_vec())?,
            path: path.to_owned(),
        })
    }

    /// Makes the cgroup, which may be there already as the one above it may, and opens it.
    pub fn make(path: &Path, unified: bool) -> io::Result<Cgroup> {
        use rustix::io::Errno;
        let make = |path: &Path| match rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        };
        match (make(path), path.parent()) {
            (Err(Errno::NOENT), Some(above)) => {
                make(above)?;
                make(path)?;
            }
            (made, _) => made?,
        }
        Cgroup::open(path, unified)
    }

    /// Moves a process into it (cgroups(7)): this one, or one whose id can't come to mean another
    /// meanwhile, such as a child that nobody waits for.
    pub fn admit(&self, process: &Process) -> io::Result<()> {
        let file = rustix::fs::open(
            &*self.processes,
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::io::write(&file, process.pid().to_string().as_bytes())?;
        Ok(())
    }

    /// Its folder, if a process can be cloned into it.
    pub(super) fn folder(&self) -> Option<BorrowedFd<'_>> {
        self.folder.as_ref().map(AsFd::as_fd)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its `cgroup.procs`.
    pub(super) fn processes(&self) -> &CStr {
        &self.processes
    }
}

/// A cgroup that nobody removes as abandoned, as long as this is there: it bears the id of a process
/// that is gone, and what it tells of those that were in it is still to be read.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "its lock goes with it")] OwnedFd);

impl Hold {
    /// Holds the cgroup whose folder is `path`.
    pub fn take(path: &Path) -> io::Result<Hold> {
        let folder = open_folder(path)?;
        rustix::fs::flock(&folder, FlockOperation::NonBlockingLockShared)?;
        Ok(Hold(folder))
    }
}

/// Removes a cgroup as [`remove`] does, unless somebody [holds](Hold) it.
pub fn remove_abandoned(path: &Path) -> io::Result<()> {
    must_be_cgroup(path)?;
    let folder = open_folder(path)?;
    rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    remove(path)
}

fn open_folder(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Removes a cgroup and those in it, if no process is left in any of them.
pub fn remove(path: &Path) -> io::Result<()> {
    must_be_cgroup(path)?;
    if !processes(path)?.is_empty() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    rustix::fs::unlinkat(rustix::fs::CWD, path, AtFlags::REMOVEDIR)?;
    Ok(())
}

/// What is written down of a cgroup may have been written by somebody else: no other folder is
/// touched.
fn must_be_cgroup(path: &Path) -> io::Result<()> {
    match is_cgroup(path) {
        true => Ok(()),
        false => Err(io::Error::other("it is no cgroup")),
    }
}

/// Ends all processes in a cgroup and in those below it, but for those that are `spared`.
///
/// Without any of these in it a cgroup of version 2 is ended by the kernel, at once and whole
/// (`cgroup.kill`, Linux 5.14). Else each process is killed that is found, until no new one is; where
/// the cgroup can be frozen (`cgroup.freeze`, Linux 5.2; `freezer.state` of version 1) none of them
/// forks its way out. The processes are dying when this returns, not gone.
pub fn kill(path: &Path, spared: impl Fn(i32) -> bool) -> io::Result<()> {
    must_be_cgroup(path)?;
    if processes(path)?.into_iter().any(&spared) {
        return kill_each(path, spared);
    }
    std::fs::write(path.join("cgroup.kill"), "1").or_else(|_| kill_frozen(path))
}

/// Kills all that is in a cgroup while it stands still, if it can be made to.
fn kill_frozen(path: &Path) -> io::Result<()> {
    let frozen = Frozen::freeze(path);
    let killed = kill_each(path, |_| false);
    drop(frozen);
    killed
}

fn kill_each(path: &Path, spared: impl Fn(i32) -> bool) -> io::Result<()> {
    let mut killed: Vec<i32> = Vec::new();
    for _ in 0..KILL_ROUNDS {
        let mut new = processes(path)?;
        new.retain(|pid| !killed.contains(pid) && !spared(*pid));
        if new.is_empty() {
            break;
        }
        let held: Vec<Process> = new.into_iter().flat_map(Process::open).collect();
        // Held before this look: whoever is in the cgroup by this id is the one that is held, or the
        // one that is held has ended.
        let inside = processes(path)?;
        for process in held.iter().filter(|it| inside.contains(&it.pid())) {
            // One that has ended, or that is not ours to end, can't be helped.
            let _ = process.signal(signal::KILL);
            killed.push(process.pid());
        }
    }
    Ok(())
}

/// A cgroup whose processes stand still until this is dropped.
struct Frozen {
    file: PathBuf,
    thaw: &'static str,
}

impl Frozen {
    /// What is in the cgroup stops soon; what is forked in it until then is frozen from the start.
    fn freeze(path: &Path) -> Option<Frozen> {
        let ways = [
            ("cgroup.freeze", "1", "0"),
            ("freezer.state", "FROZEN", "THAWED"),
        ];
        ways.into_iter().find_map(|(name, freeze, thaw)| {
            let file = path.join(name);
            std::fs::write(&file, freeze).ok()?;
            Some(Frozen { file, thaw })
        })
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // In version 1 a process that is frozen dies only when it thaws. A cgroup that is gone by
        // now has none.
        let _ = std::fs::write(&self.file, self.thaw);
    }
}

/// The processes in a cgroup and in those below it.
pub fn processes(path: &Path) -> io::Result<Vec<i32>> {
    let text = std::fs::read_to_string(path.join("cgroup.procs"))?;
    let mut found: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // One that is removed meanwhile has none.
            found.extend(processes(&entry.path()).unwrap_or_default());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Command, Stdio};

    /// A cgroup in the hierarchy that has this file in its cgroups.
    fn cgroup_with(file: &str, what: &str) -> Option<PathBuf> {
        let mounts = std::fs::read_to_string("/proc/self/mounts").expect("Linux has it");
        let fields = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>());
        let hierarchies = fields.filter(|it| it[2].starts_with("cgroup"));
        let name = format!("outlive-test-{}-{file}-{what}", std::process::id());
        for hierarchy in hierarchies {
            let path = Path::new(hierarchy[1]).join(&name);
            if std::fs::create_dir(&path).is_err() {
                continue;
            }
            if path.join(file).exists() {
                return Some(path);
            }
            std::fs::remove_dir(&path).expect("nobody is in it");
        }
        println!("SKIPPED: {what}: no cgroup with {file} can be made here");
        None
    }

    /// A shell in a cgroup that starts two hundred processes a second; all of them hold the pipe.
    fn storm(cgroup: &Path) -> std::process::Child {
        let script = "echo $$ >\"$1/cgroup.procs\"; trap '' TERM; echo ready; \
                      while :; do sleep 1 & sleep 0.005; done";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(cgroup);
        let mut shell = command.stdout(Stdio::piped()).spawn().expect("there is sh");
        let mut ready = [0; 6];
        let out = shell.stdout.as_mut().expect("a pipe");
        out.read_exact(&mut ready).expect("it says so");
        shell
    }

    /// Until the pipe that all processes held is at its end.
    fn ended(mut shell: std::process::Child, cgroup: &Path) {
        let mut rest = String::new();
        let mut out = shell.stdout.take().expect("a pipe");
        out.read_to_string(&mut rest).expect("it ends");
        shell.wait().expect("our own child");
        // A process closes what it holds before it leaves its cgroup.
        let dying = processes(cgroup).expect("our own cgroup");
        for process in dying.into_iter().flat_map(Process::open) {
            process.wait_end(None).expect("it can be waited for");
        }
        remove(cgroup).expect("nobody is in it");
    }

    #[test]
    fn what_is_held_is_not_removed_as_abandoned() {
        let Some(path) = cgroup_with("cgroup.procs", "held") else {
            return;
        };
        let hold = Hold::take(&path).expect("our own cgroup");
        let another = Hold::take(&path).expect("any number may");
        drop(hold);
        let held = remove_abandoned(&path).map_err(|error| error.kind());
        assert_eq!(held, Err(io::ErrorKind::WouldBlock));
        drop(another);
        remove_abandoned(&path).expect("nobody is in it");
        assert!(!path.exists());
    }

    #[test]
    fn all_in_a_cgroup_are_killed_by_the_kernel() {
        let Some(path) = cgroup_with("cgroup.kill", "kernel") else {
            return;
        };
        let shell = storm(&path);
        kill(&path, |_| false).expect("our own cgroup");
        ended(shell, &path);
    }

    #[test]
    fn all_in_a_cgroup_that_freezes_are_killed() {
        for file in ["cgroup.freeze", "freezer.state"] {
            let Some(path) = cgroup_with(file, "freezer") else {
                continue;
            };
            let shell = storm(&path);
            kill_frozen(&path).expect("our own cgroup");
            ended(shell, &path);
        }
    }

    #[test]
    fn those_that_are_spared_live_on() {
        let Some(path) = cgroup_with("cgroup.kill", "spared") else {
            return;
        };
        let shell = storm(&path);
        let mut spared = Command::new("cat");
        let mut spared = spared.stdin(Stdio::piped()).spawn().expect("there is cat");
        let pid = spared.id().cast_signed();
        std::fs::write(path.join("cgroup.procs"), pid.to_string()).expect("our own cgroup");
        while !processes(&path)
            .expect("our own cgroup")
            .iter()
            .all(|it| *it == pid)
        {
            kill(&path, |it| it == pid).expect("our own cgroup");
        }
        // It ends when it is told to, and not before.
        drop(spared.stdin.take());
        assert!(spared.wait().expect("our own child").success());
        ended(shell, &path);
    }
}
