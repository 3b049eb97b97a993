//! News of a folder of folders: kqueue(2), EVFILT_VNODE, for which each watched file is held open.

use super::kqueue::Kqueue;
use crate::Changed;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// Tells when entries of a folder come and go, and in which of them one file changes.
#[derive(Debug)]
pub struct Changes {
    queue: Kqueue,
    folder: PathBuf,
    opened: File,
    file: &'static str,
    /// The files that are watched, by the entries that they are in.
    watched: HashMap<OsString, File>,
}

fn watch(queue: &Kqueue, file: &File) -> io::Result<()> {
    let ident = usize::try_from(file.as_raw_fd()).unwrap_or(usize::MAX);
    let notes = libc::NOTE_WRITE
        | libc::NOTE_EXTEND
        | libc::NOTE_ATTRIB
        | libc::NOTE_DELETE
        | libc::NOTE_RENAME;
    queue.add(libc::EVFILT_VNODE, ident, libc::EV_CLEAR, notes)
}

impl Changes {
    /// Of the entries of `folder`; of the `file` in an entry only once that is
    /// [watched](Changes::watch).
    pub fn new(folder: &Path, file: &'static str) -> io::Result<Changes> {
        let (queue, opened) = (Kqueue::new()?, File::open(folder)?);
        watch(&queue, &opened)?;
        Ok(Changes {
            queue,
            folder: folder.to_owned(),
            opened,
            file,
            watched: HashMap::new(),
        })
    }

    /// Tells of this entry's file from now on, also if it was watched before: a watch is of the file
    /// that is there now, and goes with it. An entry without the file is passed over.
    pub fn watch(&mut self, name: &str) -> io::Result<()> {
        match File::open(self.folder.join(name).join(self.file)) {
            Ok(file) => {
                watch(&self.queue, &file)?;
                self.watched.insert(name.into(), file);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.watched.remove(OsStr::new(name));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What has happened since this was asked last.
    pub fn take(&mut self) -> io::Result<Changed> {
        let mut changed = Changed::default();
        let ident = |file: &File| usize::try_from(file.as_raw_fd()).unwrap_or(usize::MAX);
        while let Some(event) = self.queue.take()? {
            // Of a folder it is not told which entry came or went.
            changed.all |= event.ident == ident(&self.opened);
            let mut watched = self.watched.iter();
            let name =
                watched.find_map(|(name, file)| (ident(file) == event.ident).then_some(name));
            changed.names.extend(name.cloned());
        }
        Ok(changed)
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}
