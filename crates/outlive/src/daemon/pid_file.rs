//! The file that names a daemon, and lets there be one of it.

use crate::error::{During, Error, Kind, Result};
use outlive_os::folder::{self, Folder};
use outlive_os::{AsDescriptor, Borrowed, lock};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A pid file whose lock is held by this process, by copies of it, or by both: it goes with the last
/// of them, however that ends. What is in the file is for people; who looks whether the daemon lives
/// looks at the lock.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    name: String,
    /// Gone where it would be a way out of a changed root.
    folder: Option<Folder>,
    file: File,
    /// The process that the file is removed by.
    owner: u32,
}

impl PidFile {
    /// Takes the lock of the file at `path`, which is made if need be. Until it is
    /// [written](PidFile::write) there is nothing in it.
    pub(super) fn take(path: &Path) -> Result<PidFile> {
        let failed = || format!("failed to take the pid file `{}`", path.display());
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name else {
            let what = format!("{}: that is no name of a file", failed());
            return Err(Error::new(Kind::Invalid, what));
        };
        let above = match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        let folder = Folder::open(above).during(failed)?;
        let file = loop {
            let file = folder.append(name).during(failed)?;
            if !file.metadata().during(failed)?.is_file() {
                return Err(Error::io(failed(), io::Error::other("it is no plain file")));
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
            path: path.to_owned(),
            name: name.to_owned(),
            folder: Some(folder),
            file,
            owner: std::process::id(),
        })
    }

    /// Writes this process's id into it, which from here on is its owner: whoever reads it sees all
    /// of it or nothing.
    pub(super) fn write(&mut self) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let pid = std::process::id();
        let text = format!("{pid}\n");
        self.file = folder
            .publish(&self.name, text.as_bytes())
            .during(|| format!("failed to write the pid file `{}`", self.path.display()))?;
        self.owner = pid;
        Ok(())
    }

    /// Lets go of the folder: the file is emptied in the end, and not removed.
    pub(super) fn let_go_of_folder(&mut self) {
        self.folder = None;
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = Borrowed<'_>> {
        let folder = self.folder.as_ref().map(AsDescriptor::as_fd);
        [Some(self.file.as_fd()), folder].into_iter().flatten()
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A process that was forked has a copy of this, and a lock that is not its own to give.
        if self.owner != std::process::id() {
            return;
        }
        // Who may not remove it any more leaves it, and its lock tells that nobody is there.
        match &self.folder {
            Some(folder) if folder::is_same(folder, &self.name, &self.file).unwrap_or(false) => {
                if folder.remove(&self.name).is_err() {
                    let _ = self.file.set_len(0);
                }
            }
            Some(_) => {}
            None => {
                let _ = self.file.set_len(0);
            }
        }
    }
}

fn in_use(path: &Path, mut file: File) -> Error {
    let mut text = String::new();
    let read = file.by_ref().take(32).read_to_string(&mut text);
    let pid: Option<i32> = read.ok().and_then(|_| text.trim().parse().ok());
    let path = path.display();
    let who = match pid {
        Some(pid) => format!("process {pid} is the daemon of the pid file `{path}`"),
        None => format!("another process is just becoming the daemon of the pid file `{path}`"),
    };
    let error = Error::new(
        Kind::Running,
        format!("failed to start a second one: {who}"),
    );
    error.hint_if_known(pid.map(|pid| format!("to stop it: kill {pid}")))
}
