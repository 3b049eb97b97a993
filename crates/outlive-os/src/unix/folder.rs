//! Files of the state folder. Everything in it is reached by descriptor (openat(2)), and no link
//! is ever followed.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// What the names of hidden folders begin with: those that are being made.
pub const HIDDEN: &str = ".new-";
/// What the names of hidden folders begin with that are being removed.
pub const REMOVED: &str = ".gone-";

/// A folder, open.
#[derive(Debug)]
pub struct Folder(OwnedFd);

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Why a folder is not fit to hold anybody's jobs.
#[derive(Debug)]
pub enum Unfit {
    /// It belongs to the user with this id.
    OwnedBy(u32),
    /// Others may write to it.
    WritableByOthers,
    /// Others may read it, and there are other things in it than jobs.
    SharedWithOthers,
}

impl Folder {
    /// Opens a folder.
    pub fn open(path: &Path) -> io::Result<Folder> {
        Ok(Folder(rustix::fs::open(path, FOLDER, Mode::empty())?))
    }

    /// Makes a folder, and those above it, for this user alone. What is there is left as it is.
    pub fn make(path: &Path) -> io::Result<()> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
            Err(rustix::io::Errno::NOENT) => match path.parent() {
                Some(above) if above != path => {
                    Folder::make(above)?;
                    match rustix::fs::mkdir(path, Mode::RWXU) {
                        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
                        Err(error) => Err(error.into()),
                    }
                }
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this folder is this user's and nobody else can write to it. What others could only
    /// read is closed to them.
    pub fn check_private(&self) -> io::Result<Option<Unfit>> {
        let stat = rustix::fs::fstat(&self.0)?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Ok(Some(Unfit::OwnedBy(stat.st_uid)));
        }
        if mode.intersects(Mode::WGRP | Mode::WOTH) {
            return Ok(Some(Unfit::WritableByOthers));
        }
        if mode.intersects(Mode::RWXG | Mode::RWXO) {
            let names = self.names()?;
            if !names.is_empty() && !names.iter().any(|name| name == "jobs") {
                return Ok(Some(Unfit::SharedWithOthers));
            }
            rustix::fs::fchmod(&self.0, Mode::RWXU)?;
        }
        Ok(None)
    }

    /// Opens a folder in this one.
    pub fn sub(&self, name: &str) -> io::Result<Folder> {
        Ok(Folder(rustix::fs::openat(
            &self.0,
            name,
            FOLDER | OFlags::NOFOLLOW,
            Mode::empty(),
        )?))
    }

    /// Makes a folder in this one; whether it was not there before.
    pub fn make_sub(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn open_at(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(File::from(rustix::fs::openat(
            &self.0,
            name,
            flags,
            PRIVATE_FILE,
        )?))
    }

    /// Opens a file for reading.
    pub fn file(&self, name: &str) -> io::Result<File> {
        // Without NONBLOCK a fifo that somebody put there would hold us up.
        self.open_at(name, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    /// Opens a file, made if need be, for reading and for writing at its end.
    pub fn append(&self, name: &str) -> io::Result<File> {
        self.open_at(name, OFlags::RDWR | OFlags::CREATE | OFlags::APPEND)
    }

    /// Opens a file, made if need be, for reading and for being written anew: cut it short, go to its
    /// start, write. By [`append`](Folder::append) nothing could be written over what is there.
    pub fn edit(&self, name: &str) -> io::Result<File> {
        self.open_at(name, OFlags::RDWR | OFlags::CREATE)
    }

    /// A whole file in this folder or below it, of at most `limit` bytes.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        // Big enough for nearly every record, so that one read finds it all and one its end.
        let mut bytes = Vec::with_capacity(4096 + 32);
        self.file(name)?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long"));
        }
        Ok(bytes)
    }

    /// Makes a new file with these bytes.
    pub fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        self.open_at(name, flags)?.write_all(bytes)
    }

    /// Replaces a file whole: whoever reads it sees the old bytes or the new ones. If there is no
    /// room for a second file the bytes are written over the old ones, which need no new room as
    /// long as they fit into the blocks that are there.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let new = format!("{name}.new");
        let written = self
            .create(&new, bytes)
            .and_then(|()| Ok(rustix::fs::renameat(&self.0, &*new, &self.0, name)?));
        let Err(error) = written else { return Ok(()) };
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        if !full.contains(&error.kind()) {
            return Err(error);
        }
        let _ = self.remove(&new);
        let file = self.open_at(name, OFlags::WRONLY)?;
        let old = file.metadata()?.len();
        // Blanks at the end can be done without.
        let bytes = match usize::try_from(old).is_ok_and(|old| bytes.len() <= old) {
            true => bytes,
            false => bytes.trim_ascii_end(),
        };
        // What needs new room comes first: if there is none the old bytes are all still there.
        let within = usize::try_from(old).map_or(bytes.len(), |old| old.min(bytes.len()));
        if let Err(error) = file.write_all_at(&bytes[within..], within as u64) {
            file.set_len(old)?;
            return Err(error);
        }
        file.write_all_at(&bytes[..within], 0)?;
        file.set_len(bytes.len() as u64)
    }

    /// Has everything that is written in a file of this folder, and that it bears its name, on the
    /// disk when this returns, as far as the file system allows: fdatasync(2) of the file, then fsync(2)
    /// of this folder. (On macOS F_FULLFSYNC, fcntl(2), for the file.) That a new folder has its own name
    /// comes along on the file systems that keep a journal of all of it.
    pub fn sync(&self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()?;
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Makes a new file of these bytes, which all may read as far as the umask lets them, and gives
    /// it this name, whoever bore that: whoever reads it sees the old bytes or the new ones. Its lock
    /// ([`super::lock`]) is held by what is returned. For one process at a time.
    pub fn publish(&self, name: &str, bytes: &[u8]) -> io::Result<File> {
        let new = format!(".{name}.new");
        self.remove(&new)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = PRIVATE_FILE | Mode::RGRP | Mode::ROTH;
        let mut file = File::from(rustix::fs::openat(&self.0, &*new, flags, mode)?);
        let published = file.write_all(bytes).and_then(|()| {
            super::lock::take(file.as_fd())?;
            Ok(rustix::fs::renameat(&self.0, &*new, &self.0, name)?)
        });
        if let Err(error) = published {
            let _ = self.remove(&new);
            return Err(error);
        }
        Ok(file)
    }

    /// Gives something in this folder another name that nobody bears yet; an error of kind
    /// `AlreadyExists` otherwise.
    pub fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        use rustix::io::Errno;
        let plain = || {
            // A file system without RENAME_NOREPLACE (Linux) or RENAME_EXCL (macOS): a folder that is
            // not empty is not replaced by rename(2) either.
            rustix::fs::renameat(&self.0, from, &self.0, to)
        };
        match rustix::fs::renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => plain()?,
            other => other?,
        }
        Ok(())
    }

    /// Removes a file; nothing happens if it is not there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a folder of files.
    pub fn remove_sub(&self, name: &str) -> io::Result<()> {
        let sub = match self.sub(name) {
            Ok(sub) => sub,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for (entry, kind) in sub.entries()? {
            match kind {
                FileType::Directory => sub.remove_sub(&entry)?,
                _ => sub.remove(&entry)?,
            }
        }
        match rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn entries(&self) -> io::Result<Vec<(String, FileType)>> {
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_str().ok();
            if let Some(name) = name.filter(|name| !matches!(*name, "." | "..")) {
                found.push((name.to_owned(), entry.file_type()));
            }
        }
        Ok(found)
    }

    /// What is in this folder, in no order. Names that are not UTF-8 are none of ours.
    pub fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.entries()?.into_iter().map(|(name, _)| name).collect())
    }

    /// When something was last made, removed or renamed in it.
    pub fn modified(&self) -> io::Result<std::time::SystemTime> {
        File::from(self.0.try_clone()?).metadata()?.modified()
    }
}

/// Whether an open file is still the one that bears this name in a folder.
pub fn is_same(folder: &Folder, name: &str, file: &File) -> io::Result<bool> {
    let by_name = rustix::fs::statat(&folder.0, name, AtFlags::SYMLINK_NOFOLLOW);
    let open = rustix::fs::fstat(file)?;
    Ok(by_name.is_ok_and(|it| (it.st_dev, it.st_ino) == (open.st_dev, open.st_ino)))
}

/// Whether an open file bears no second name and belongs to this user or to whoever has the folder:
/// in a folder that others may write to (/tmp), one of theirs may be a link to something precious.
pub fn is_own(folder: &Folder, file: &File) -> io::Result<bool> {
    let (stat, above) = (rustix::fs::fstat(file)?, rustix::fs::fstat(&folder.0)?);
    let owners = [rustix::process::geteuid().as_raw(), above.st_uid];
    Ok(stat.st_nlink <= 1 && owners.contains(&stat.st_uid))
}

/// The device and the inode of an open file.
pub fn identity(file: &File) -> io::Result<(u64, u64)> {
    let found = file.metadata()?;
    Ok((found.dev(), found.ino()))
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
