//! Files of the state folder. No link is ever followed, and whatever is open may be renamed and
//! removed meanwhile, as far as the file system can do that.
//!
//! A folder with open files in it can't be renamed on NTFS, so a folder is not hidden by its name
//! here: as long as there is a file `.new-X` beside it a folder `X` goes by that name, and by no
//! other.

use super::call::{self, check, is, owned, wide};
pub use super::file_id::{identity, is_same};
use super::file_name::{escaped, unescaped};
use super::path::verbatim;
use super::security::{Access, Others, Private, access};
use super::{proc, replace};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_PATH_NOT_FOUND, ERROR_SUCCESS,
};
use windows_sys::Win32::Security::Authorization::{SE_FILE_OBJECT, SetSecurityInfo};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, SetKernelObjectSecurity,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, MoveFileExW, OPEN_EXISTING, READ_CONTROL, WRITE_DAC,
};

/// What the names of hidden folders begin with: those that are being made, or removed.
pub const HIDDEN: &str = ".new-";
/// The same: there is one mark for both.
pub const REMOVED: &str = HIDDEN;
/// What the names of files begin with that go when they are closed.
const ASIDE: &str = ".old-";

/// A folder.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// Why a folder is not fit to hold anybody's jobs.
#[derive(Debug)]
pub enum Unfit {
    /// It belongs to another user, who has no number here.
    OwnedBy(u32),
    /// Others may write to it.
    WritableByOthers,
    /// Others may read it, and there are other things in it than jobs.
    SharedWithOthers,
}

const SHARE: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

fn link() -> io::Error {
    io::Error::other("it is a link")
}

/// What is not there any more need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn is_link(about: &fs::Metadata) -> bool {
    about.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0
}

/// Opens a file, and no link.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let opened = options
        .share_mode(SHARE)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path);
    match opened {
        Ok(file) if is_link(&file.metadata()?) => Err(link()),
        Err(error) if is(&error, ERROR_ACCESS_DENIED) && path.is_dir() => {
            Err(io::ErrorKind::IsADirectory.into())
        }
        opened => opened,
    }
}

/// Makes one folder; whether it was not there before.
fn make(path: &Path, private: &Private) -> io::Result<bool> {
    let attributes = private.attributes();
    let name = wide(path)?;
    // SAFETY: a path that ends with a NUL, and attributes that are read during the call.
    match check(unsafe { CreateDirectoryW(name.as_ptr(), &raw const attributes) }) {
        Ok(()) => Ok(true),
        Err(error) if is(&error, ERROR_ALREADY_EXISTS) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Folder {
    /// Opens a folder.
    pub fn open(path: &Path) -> io::Result<Folder> {
        match fs::metadata(path)?.is_dir() {
            true => Ok(Folder(verbatim(path)?)),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Makes a folder, and those above it, for this user alone. What is there is left as it is.
    pub fn make(path: &Path) -> io::Result<()> {
        fn make_all(path: &Path, private: &Private) -> io::Result<()> {
            match (make(path, private), path.parent()) {
                (Err(error), Some(above)) if is(&error, ERROR_PATH_NOT_FOUND) => {
                    make_all(above, private)?;
                    make(path, private).map(drop)
                }
                (Ok(false), _) if !fs::metadata(path)?.is_dir() => {
                    Err(io::ErrorKind::NotADirectory.into())
                }
                (made, _) => made.map(drop),
            }
        }
        make_all(&verbatim(path)?, &Private::new()?)
    }

    /// Whether this folder is this user's and nobody else can write to it. What others could only
    /// read is closed to them.
    pub fn check_private(&self) -> io::Result<Option<Unfit>> {
        let folder = self.opened(READ_CONTROL)?;
        let Access { ours, others } = access(&folder)?;
        match others {
            _ if !ours => Ok(Some(Unfit::OwnedBy(u32::MAX))),
            Others::Write => Ok(Some(Unfit::WritableByOthers)),
            Others::Nothing => Ok(None),
            Others::Read => {
                let names = self.names()?;
                if !names.is_empty() && !names.iter().any(|name| name == "jobs") {
                    return Ok(Some(Unfit::SharedWithOthers));
                }
                self.close_to_others().map(|()| None)
            }
        }
    }

    fn opened(&self, access: u32) -> io::Result<OwnedHandle> {
        let (path, flags) = (wide(&self.0)?, FILE_FLAG_BACKUP_SEMANTICS);
        // SAFETY: a path that ends with a NUL.
        owned(unsafe {
            CreateFileW(
                path.as_ptr(),
                access,
                SHARE,
                null(),
                OPEN_EXISTING,
                flags,
                null_mut(),
            )
        })
    }

    /// What is in the folder is closed, too.
    fn close_to_others(&self) -> io::Result<()> {
        let (folder, private) = (self.opened(READ_CONTROL | WRITE_DAC)?, Private::new()?);
        let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
        let (owner, group, system_list) = (null_mut(), null_mut(), null());
        // SAFETY: a handle of ours, and a list that is read during the call.
        let error = unsafe {
            let (handle, list) = (folder.as_raw_handle(), private.list());
            SetSecurityInfo(
                handle,
                SE_FILE_OBJECT,
                what,
                owner,
                group,
                list,
                system_list,
            )
        };
        if error != ERROR_SUCCESS {
            return Err(call::error(error));
        }
        // Wine adds what comes from above, whatever it is asked for; this call does not.
        // SAFETY: a handle of ours, and a descriptor that is read during the call.
        check(unsafe {
            let descriptor = private.attributes().lpSecurityDescriptor;
            SetKernelObjectSecurity(folder.as_raw_handle(), what, descriptor)
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of something in this folder, or below it.
    fn at(&self, name: &str) -> io::Result<PathBuf> {
        let mut path = self.0.clone();
        for part in name.split('/') {
            if matches!(part, "" | "." | "..") {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            path.push(escaped(part));
        }
        Ok(path)
    }

    /// The mark of a hidden folder.
    fn mark(&self, folder: &str) -> io::Result<PathBuf> {
        self.at(&format!("{HIDDEN}{folder}"))
    }

    fn is_hidden(&self, folder: &str) -> io::Result<bool> {
        // One that is being removed can't be looked at, and is as good as gone.
        Ok(fs::symlink_metadata(self.mark(folder)?).is_ok())
    }

    /// The path of a folder in this one, if it goes by this name now.
    fn folder_at(&self, name: &str) -> io::Result<PathBuf> {
        let (folder, hidden) = match name.strip_prefix(HIDDEN) {
            Some(folder) => (folder, true),
            None => (name, false),
        };
        match self.is_hidden(folder)? == hidden {
            true => self.at(folder),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The path of a file in this folder or below it.
    fn file_at(&self, name: &str) -> io::Result<PathBuf> {
        match name.split_once('/') {
            Some((folder, file)) => Folder(self.folder_at(folder)?).file_at(file),
            None => self.at(name),
        }
    }

    /// Opens a folder in this one.
    pub fn sub(&self, name: &str) -> io::Result<Folder> {
        let path = self.folder_at(name)?;
        let about = fs::symlink_metadata(&path)?;
        match about.is_dir() {
            _ if is_link(&about) => Err(link()),
            true => Ok(Folder(path)),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Makes a folder in this one; whether it was not there before.
    pub fn make_sub(&self, name: &str) -> io::Result<bool> {
        let private = Private::new()?;
        let Some(folder) = name.strip_prefix(HIDDEN) else {
            return make(&self.at(name)?, &private);
        };
        let path = self.at(folder)?;
        if fs::symlink_metadata(&path).is_ok() || !self.hide(folder)? {
            return Ok(false);
        }
        let made = make(&path, &private);
        if !matches!(made, Ok(true)) {
            let _ = fs::remove_file(self.mark(folder)?);
        }
        made
    }

    /// Hides a folder; whether it was not hidden.
    fn hide(&self, folder: &str) -> io::Result<bool> {
        match File::create_new(self.mark(folder)?) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for reading.
    pub fn file(&self, name: &str) -> io::Result<File> {
        open(&self.file_at(name)?, File::options().read(true))
    }

    /// Opens a file, made if need be, for reading and for writing at its end.
    pub fn append(&self, name: &str) -> io::Result<File> {
        let mut options = File::options();
        open(
            &self.file_at(name)?,
            options.read(true).append(true).create(true),
        )
    }

    /// Opens a file, made if need be, for reading and for being written anew: cut it short, go to its
    /// start, write. By [`append`](Folder::append) it could not be cut short.
    pub fn edit(&self, name: &str) -> io::Result<File> {
        // Nothing of it is lost by being opened.
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        open(&self.file_at(name)?, options)
    }

    /// A whole file in this folder or below it, of at most `limit` bytes.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let path = self.file_at(name)?;
        let mut bytes = Vec::with_capacity(4096 + 32);
        replace::read(&path, |file| file.take(limit + 1).read_to_end(&mut bytes))?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long"));
        }
        Ok(bytes)
    }

    /// Makes a new file with these bytes.
    pub fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // FILE_FLAG_OPEN_REPARSE_POINT does not go with CREATE_ALWAYS (CreateFileW).
        let mut file = self.edit(name)?;
        file.set_len(0)?;
        file.write_all(bytes)
    }

    /// Replaces a file whole: whoever reads it sees the old bytes or the new ones.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace::replace(&self.file_at(name)?, bytes)
    }

    /// Has everything that is written in a file of this folder on the disk when this returns
    /// (FlushFileBuffers). Of names NTFS keeps a journal.
    pub fn sync(&self, name: &str) -> io::Result<()> {
        self.edit(name)?.sync_data()
    }

    /// An error of kind `Unsupported`: a locked file can't be read here.
    pub fn publish(&self, _name: &str, _bytes: &[u8]) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives something in this folder another name that nobody bears yet; an error of kind
    /// `AlreadyExists` otherwise.
    pub fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        let taken = || Err(io::ErrorKind::AlreadyExists.into());
        if from.strip_prefix(HIDDEN) == Some(to) {
            return match self.sub(to) {
                Ok(_) => taken(),
                // It is there by its hidden name.
                Err(_) => self.sub(from).and_then(|_| fs::remove_file(self.mark(to)?)),
            };
        }
        if to.strip_prefix(HIDDEN) == Some(from) {
            self.sub(from)?;
            return match self.hide(from)? {
                true => Ok(()),
                false => taken(),
            };
        }
        let (from, to) = (self.at(from)?, self.at(to)?);
        let (from, wide_to) = (wide(from)?, wide(&to)?);
        // SAFETY: two paths that end with a NUL.
        match check(unsafe { MoveFileExW(from.as_ptr(), wide_to.as_ptr(), 0) }) {
            // Some file systems say so of folders.
            Err(error) if is(&error, ERROR_ACCESS_DENIED) && to.exists() => taken(),
            moved => moved,
        }
    }

    /// Removes a file; nothing happens if it is not there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.file_at(name)?;
        gone(fs::remove_file(replace::now(&path)))?;
        let about = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            about => about?,
        };
        // A link to a folder is removed as one.
        let removed =
            match is_link(&about) && about.file_attributes() & FILE_ATTRIBUTE_DIRECTORY != 0 {
                true => fs::remove_dir(&path),
                false => fs::remove_file(&path),
            };
        gone(removed)
    }

    /// Removes a folder of files.
    pub fn remove_sub(&self, name: &str) -> io::Result<()> {
        let path = match self.sub(name) {
            Ok(sub) => Some(sub.0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(path) = path {
            self.set_aside(&path)?;
            gone(fs::remove_dir_all(path))?;
        }
        match name.strip_prefix(HIDDEN).map(|folder| self.mark(folder)) {
            Some(mark) => gone(fs::remove_file(mark?)),
            None => Ok(()),
        }
    }

    /// Takes the files out of a folder and removes them. Where the name of a file that is open stays
    /// until it is closed (before Windows 10 1809, FAT, Wine), the folder could not be removed.
    fn set_aside(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let random = u64::from(proc::random()?) << 32 | u64::from(proc::random()?);
                let aside = self.0.join(format!("{ASIDE}{random:016x}"));
                // One that can't be moved can't be removed either, and will be said to.
                if fs::rename(entry.path(), &aside).is_ok() {
                    fs::remove_file(aside)?;
                }
            }
        }
        Ok(())
    }

    /// What is in this folder, in no order. Names that are none of ours are left out.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            names.extend(name.to_str().and_then(unescaped));
        }
        let hidden: Vec<String> = names
            .iter()
            .filter_map(|name| name.strip_prefix(HIDDEN).map(str::to_owned))
            .collect();
        names.retain(|name| !hidden.contains(name) && !name.starts_with(ASIDE));
        Ok(names)
    }

    /// When something was last made, removed or renamed in it.
    pub fn modified(&self) -> io::Result<std::time::SystemTime> {
        fs::metadata(&self.0)?.modified()
    }
}

/// Pid files are not to be had here: nobody asks.
pub fn is_own(_folder: &Folder, _file: &File) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}
