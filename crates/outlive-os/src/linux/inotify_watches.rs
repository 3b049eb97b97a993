//! News of a folder of folders: inotify(7), a watch for the folder and one for each file below it that
//! is of interest. A job that prints is no news, since its output is not watched.

use crate::Changed;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Tells which entries of a folder come and go, and in which of them one file changes.
#[derive(Debug)]
pub struct Changes {
    inotify: OwnedFd,
    folder: PathBuf,
    file: &'static str,
    /// The entry that each watch is of.
    watched: HashMap<i32, OsString>,
}

impl Changes {
    /// Of the entries of `folder`; of the `file` in an entry only once that is
    /// [watched](Changes::watch).
    pub fn new(folder: &Path, file: &'static str) -> io::Result<Changes> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let come_and_go = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&inotify, folder, come_and_go)?;
        Ok(Changes {
            inotify,
            folder: folder.to_owned(),
            file,
            watched: HashMap::new(),
        })
    }

    /// Tells of this entry's file from now on, also if it was watched before: a watch is of the file
    /// that is there now, and goes with it. An entry without the file is passed over.
    pub fn watch(&mut self, name: &str) -> io::Result<()> {
        // What replaces a file takes its last name, which is told as a change of its attributes.
        let what = WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::DONT_FOLLOW;
        let path = self.folder.join(name).join(self.file);
        match inotify::add_watch(&self.inotify, &path, what) {
            Ok(watch) => drop(self.watched.insert(watch, name.into())),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// What has happened since this was asked last.
    pub fn take(&mut self) -> io::Result<Changed> {
        let mut changed = Changed::default();
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => return Ok(changed),
                Err(error) => return Err(error.into()),
            };
            changed.all |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            // Those of the folder have a name, and those of a file none.
            let name = match event.file_name() {
                Some(name) => Some(OsString::from_vec(name.to_bytes().to_vec())),
                None => self.watched.get(&event.wd()).cloned(),
            };
            if event.events().contains(ReadFlags::IGNORED) {
                self.watched.remove(&event.wd());
            }
            changed.names.extend(name);
        }
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
