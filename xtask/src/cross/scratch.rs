//! What is temporary in a Wine: in memory.

use std::env;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};

const MEMORY: &str = "/dev/shm";

/// Where Wine's server and its Windows have their temporary files.
///
/// That server is one thread, which also removes its programs' files. On a disk that others keep busy
/// this takes seconds (2 s for one unlink(2), on ext4 mounted with `discard`), in which no program of
/// Wine goes on or ends. Worse, ReadProcessMemory has the server stop the other process by ptrace(2) for
/// the moment of the read. If that one waits for the disk and has not stopped after 3 s, the server gives
/// up (`waitpid_thread`, server/ptrace.c of Wine 8.0), and its other threads stay stopped for ever; this
/// was seen with a file system that was frozen.
pub(crate) struct Scratch {
    /// Wine's own, by TMPDIR.
    pub(crate) root: PathBuf,
    /// That of its Windows, emptied for each run.
    windows: PathBuf,
}

impl Scratch {
    /// Makes that of what is in `folder`.
    pub(crate) fn prepare(folder: &Path) -> Result<Self> {
        let failed = || format!("failed to make a scratch folder for `{}`", folder.display());
        let memory = Path::new(MEMORY);
        let memory = match memory.is_dir() {
            true => memory.to_owned(),
            false => env::temp_dir(),
        };
        let for_it = fs::metadata(folder).context(failed)?;
        let root = memory.join(format!("outlive-wine-{}", for_it.ino()));
        match DirBuilder::new().mode(0o700).create(&root) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).context(failed)?,
            _ => {}
        }
        // Anybody may make something of that name there.
        let made = fs::symlink_metadata(&root).context(failed)?;
        if !made.is_dir() || made.uid() != for_it.uid() {
            return Err(Error::new(format!("{}: it is another's", failed())));
        }
        let windows = root.join("windows");
        fs::create_dir_all(&windows).context(failed)?;
        Ok(Self { root, windows })
    }

    /// Makes it the temporary folder of each user of a Windows.
    pub(crate) fn give_to(&self, users: &Path) -> Result<()> {
        let failed = || {
            format!(
                "failed to link the temporary folders of `{}`",
                users.display()
            )
        };
        for user in fs::read_dir(users).context(failed)? {
            let temporary = user.context(failed)?.path().join("Temp");
            match fs::read_link(&temporary) {
                Ok(to) if to == self.windows => continue,
                Ok(_) => fs::remove_file(&temporary).context(failed)?,
                Err(_) if temporary.is_dir() => {
                    fs::remove_dir_all(&temporary).context(failed)?;
                }
                // That of all users has none.
                Err(_) => continue,
            }
            symlink(&self.windows, &temporary).context(failed)?;
        }
        Ok(())
    }

    /// Removes what programs that were killed have left.
    pub(crate) fn empty(&self) -> Result<()> {
        fs::remove_dir_all(&self.windows)
            .and_then(|()| fs::create_dir(&self.windows))
            .context(|| format!("failed to empty `{}`", self.windows.display()))
    }
}
