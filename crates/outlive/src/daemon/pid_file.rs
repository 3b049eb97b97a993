//! The file that names a daemon, and lets there be one of it.

use crate::error::{During, Error, Kind, Result};
use outlive_os::folder::{self, Folder};
use outlive_os::{AsDescriptor, Borrowed, lock, proc};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A pid file whose lock is held by this process, by copies of it, or by both: it goes with the last
/// of them, however that ends. What is in the file is for people; who looks whether the daemon lives
/// looks at the lock.
#[derive(Debug)]
pub(super) struct PidFile {
    /// Its folder's path, which is absolute: a folder that stays open would be a way out of a changed
    /// root.
    folder: PathBuf,
    name: String,
    file: File,
    /// The process that the file is removed by.
    owner: u32,
}

impl PidFile {
    /// Takes the lock of the file at `path`, which is made if need be. Until it is
    /// [written](PidFile::write) there is nothing in it.
    pub(super) fn take(path: &Path) -> Result<PidFile> {
        let failed = || format!("failed to take the pid file `{}`", path.display());
        let whole = std::path::absolute(path).during(failed)?;
        let (Some(name), Some(above)) = (path.file_name(), whole.parent()) else {
            let what = format!("{}: that is no name of a file", failed());
            return Err(Error::new(Kind::Invalid, what));
        };
        let Some(name) = name.to_str() else {
            let what = format!("{}: its name is not UTF-8", failed());
            return Err(Error::new(Kind::Invalid, what));
        };
        let folder = Folder::open(above).during(failed)?;
        let file = loop {
            let file = folder.append(name).during(failed)?;
            if !file.metadata().during(failed)?.is_file() {
                return Err(Error::io(failed(), io::Error::other("it is no plain file")));
            }
            if !folder::is_own(&folder, &file).during(failed)? {
                let what = "it has another name as well, or belongs to another user";
                return Err(Error::io(failed(), io::Error::other(what)));
            }
            if !lock::take(file.as_fd()).during(failed)? {
                return Err(in_use(path, file));
            }
            // Whoever had it may have removed or replaced it before the lock was free.
            if folder::is_same(&folder, name, &file).during(failed)? {
                break file;
            }
        };
        // Of one who has ended, and by whose number nobody is to be looked for any more.
        file.set_len(0).during(failed)?;
        Ok(PidFile {
            folder: above.to_owned(),
            name: name.to_owned(),
            file,
            owner: std::process::id(),
        })
    }

    /// Writes this process's id into it, which from here on is its owner: whoever reads it sees all
    /// of it or nothing.
    pub(super) fn write(&mut self) -> Result<()> {
        let pid = std::process::id();
        let failed = || {
            let path = self.folder.join(&self.name);
            format!("failed to write the pid file `{}`", path.display())
        };
        let folder = Folder::open(&self.folder).during(failed)?;
        // Where somebody has removed it there may be another daemon's by now.
        if !folder::is_same(&folder, &self.name, &self.file).during(failed)? {
            let what = "it was removed or replaced meanwhile";
            return Err(Error::io(failed(), io::Error::other(what)));
        }
        let text = format!("{pid}\n");
        self.file = folder.publish(&self.name, text.as_bytes()).during(failed)?;
        self.owner = pid;
        Ok(())
    }

    pub(super) fn descriptor(&self) -> Borrowed<'_> {
        self.file.as_fd()
    }

    fn remove(&self) -> io::Result<bool> {
        let folder = Folder::open(&self.folder)?;
        let is_there = folder::is_same(&folder, &self.name, &self.file)?;
        if is_there {
            folder.remove(&self.name)?;
        }
        Ok(is_there)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A process that was forked has a copy of this, and a lock that is not its own to give.
        if self.owner != std::process::id() {
            return;
        }
        // Who may not remove it any more, or finds something else there in another root, leaves it
        // empty; its lock tells that nobody is there.
        if !self.remove().unwrap_or(false) {
            let _ = self.file.set_len(0);
        }
    }
}

fn in_use(path: &Path, mut file: File) -> Error {
    let mut text = String::new();
    let read = file.by_ref().take(32).read_to_string(&mut text);
    let pid: Option<i32> = read.ok().and_then(|_| text.trim().parse().ok());
    // kill(1) takes others for process groups, and -1 for everybody.
    let pid = pid.filter(|pid| *pid > 0);
    let path = path.display();
    let second = "failed to start a second one";
    let Some(pid) = pid else {
        let who = format!("another process is just becoming the daemon of the pid file `{path}`");
        return Error::new(Kind::Running, format!("{second}: {who}"));
    };
    if !has_ended(pid) {
        let who = format!("process {pid} is the daemon of the pid file `{path}`");
        return Error::new(Kind::Running, format!("{second}: {who}"))
            .hint_at(format!("to stop it: kill {pid}"));
    }
    let what = format!(
        "{second}: process {pid}, the daemon of the pid file `{path}`, has ended, and a process that \
         it had forked still holds the lock"
    );
    let pids: Vec<String> = holders(&file).iter().map(i32::to_string).collect();
    Error::new(Kind::Running, what).hint_at(match pids.as_slice() {
        [] => format!("to see which one, as root: fuser {path}"),
        pids => format!("to stop it: kill {}", pids.join(" ")),
    })
}

fn has_ended(pid: i32) -> bool {
    let line = proc::line(pid);
    // One that can't be looked at is there.
    line.is_ok_and(|line| line.is_none_or(|it| it.has_ended()))
}

/// The processes that have this file open, as far as they may be looked at: a lock on an open file
/// description belongs to nobody, and `/proc/locks` names no process for it (F_OFD_SETLK, fcntl(2)).
fn holders(file: &File) -> Vec<i32> {
    let Ok(identity) = folder::identity(file) else {
        return Vec::new();
    };
    let all = proc::all().unwrap_or_default();
    let pids = all.iter().map(|line| line.pid);
    let own = std::process::id().cast_signed();
    pids.filter(|pid| *pid != own && proc::holds(*pid, identity))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_stands_in_its_place_meanwhile_is_not_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pid");
        let mut taken = PidFile::take(&path).expect("nobody has it");
        fs::remove_file(&path).expect("it was made");
        for other in [None, Some("another's")] {
            if let Some(other) = other {
                fs::write(&path, other).expect("our own folder");
            }
            let error = taken.write().expect_err("it is another file by now");
            let cause = std::error::Error::source(&error).expect("it has a cause");
            assert!(cause.to_string().contains("replaced meanwhile"), "{cause}");
            let there = fs::read_to_string(&path).ok();
            assert_eq!(there.as_deref(), other);
        }
        drop(taken);
        assert!(path.exists());
    }
}
