//! The file that a program is run from.

use super::{call, os_string};
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::path::Path;
use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_FILENAME_EXCED_RANGE};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_ATTRIBUTE_DIRECTORY, FILE_EXECUTE, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, GetFileAttributesW, GetFullPathNameW, INVALID_FILE_ATTRIBUTES, OPEN_EXISTING,
};
use windows_sys::Win32::System::SystemInformation::GetSystemDirectoryW;

/// A path with its NUL may have so many units unless it says that it is meant literally (`\\?\`).
const SHORT: usize = 260;

/// A file that may be the program.
pub(super) struct ProgramFile {
    /// Its whole path, without a NUL.
    path: Vec<u16>,
}

impl ProgramFile {
    /// The files that a candidate may mean: itself, and with `.exe` if it has no extension. One that
    /// is no whole path starts in `folder`, where the program does.
    pub(super) fn of(candidate: &[u8], folder: Option<&Path>) -> io::Result<Vec<ProgramFile>> {
        if candidate.is_empty() {
            return Ok(Vec::new());
        }
        let name = os_string(candidate.to_vec());
        let path = folder.map_or_else(|| name.clone().into(), |folder| folder.join(&name));
        let mut names = vec![path.clone().into_os_string()];
        if path.extension().is_none() && path.file_name().is_some() {
            let mut with_extension = path.into_os_string();
            with_extension.push(".exe");
            names.push(with_extension);
        }
        let whole = |name: &std::ffi::OsString| Ok(ProgramFile { path: whole(name)? });
        names.iter().map(whole).collect()
    }

    /// Whether cmd.exe runs it. The path is a whole one by now, which has lost the full stops and
    /// spaces at its end that would hide what it is.
    pub(super) fn is_batch(&self) -> bool {
        let start = self.path.len().saturating_sub(4);
        let end = String::from_utf16_lossy(&self.path[start..]);
        end.eq_ignore_ascii_case(".bat") || end.eq_ignore_ascii_case(".cmd")
    }

    /// Its path as CreateProcessW takes it.
    pub(super) fn application(&self) -> Vec<u16> {
        let mut path = self.path.clone();
        let literal = path.starts_with(&units(r"\\?\")) || path.starts_with(&units(r"\\.\"));
        if path.len() >= SHORT && !literal {
            path = match path.strip_prefix(&*units(r"\\")) {
                Some(share) => [&*units(r"\\?\UNC\"), share].concat(),
                None => [&*units(r"\\?\"), &*path].concat(),
            };
        }
        path.push(0);
        path
    }

    /// Its path as cmd.exe takes it, which knows no long ones.
    pub(super) fn for_cmd(&self) -> io::Result<&[u16]> {
        let path = match self.path.strip_prefix(&*units(r"\\?\")) {
            Some(drive) if drive.get(1) == Some(&u16::from(b':')) => drive,
            _ => &self.path,
        };
        match path.len() < SHORT {
            true => Ok(path),
            false => Err(call::error(ERROR_FILENAME_EXCED_RANGE)),
        }
    }

    /// Whether there is such a file.
    pub(super) fn is_there(&self) -> io::Result<()> {
        let path = self.application();
        // SAFETY: a string that ends with a NUL.
        match unsafe { GetFileAttributesW(path.as_ptr()) } {
            INVALID_FILE_ATTRIBUTES => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Whether it is a folder.
    pub(super) fn is_folder(&self) -> bool {
        let path = self.application();
        // SAFETY: a string that ends with a NUL.
        let attributes = unsafe { GetFileAttributesW(path.as_ptr()) };
        attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY != 0
    }

    /// Whether this process may run it: it may be opened for that.
    pub(super) fn may_be_run(&self) -> bool {
        let path = self.application();
        let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
        let (none, no_template) = (std::ptr::null(), std::ptr::null_mut());
        let path = path.as_ptr();
        // SAFETY: a string that ends with a NUL; a folder is refused without a flag for it.
        let file = unsafe {
            CreateFileW(
                path,
                FILE_EXECUTE,
                share,
                none,
                OPEN_EXISTING,
                0,
                no_template,
            )
        };
        call::owned(file).is_ok()
    }
}

/// Where cmd.exe is, with a NUL: of this system, whatever the caller's variables say.
pub(super) fn command_interpreter() -> io::Result<Vec<u16>> {
    // SAFETY: a buffer of ours and its length.
    let mut path = filled(|buffer, length| unsafe { GetSystemDirectoryW(buffer, length) })?;
    path.extend(r"\cmd.exe".encode_utf16());
    path.push(0);
    Ok(path)
}

/// The whole path of a file, from this process's folder.
fn whole(name: &std::ffi::OsStr) -> io::Result<Vec<u16>> {
    let name = call::wide(name)?;
    // SAFETY: a string that ends with a NUL, a buffer of ours and its length.
    filled(|buffer, length| unsafe {
        GetFullPathNameW(name.as_ptr(), length, buffer, std::ptr::null_mut())
    })
}

/// What a call writes that tells how long a buffer it needs, its NUL included, or, if that is long
/// enough, how much it wrote without.
fn filled(call: impl Fn(*mut u16, u32) -> u32) -> io::Result<Vec<u16>> {
    let mut buffer = vec![0u16; SHORT];
    loop {
        let length = call(buffer.as_mut_ptr(), buffer.len() as u32) as usize;
        match length {
            0 => return Err(io::Error::last_os_error()),
            length if length < buffer.len() => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            length => buffer.resize(length + 1, 0),
        }
    }
}

/// What stands for a program that is nowhere.
pub(super) fn not_found() -> io::Error {
    call::error(ERROR_FILE_NOT_FOUND)
}

fn units(text: &str) -> Vec<u16> {
    std::ffi::OsStr::new(text).encode_wide().collect()
}
