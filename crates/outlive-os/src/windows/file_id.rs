//! What tells a file from all others.

use super::call::check;
use super::folder::Folder;
use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ID_INFO, FileIdInfo, GetFileInformationByHandleEx,
};

/// Its volume and its number (FILE_ID_INFO).
fn id(file: &File) -> io::Result<(u64, u128)> {
    let mut id = FILE_ID_INFO::default();
    let size = size_of::<FILE_ID_INFO>() as u32;
    // SAFETY: a structure of ours and its size.
    check(unsafe {
        let into = (&raw mut id).cast();
        GetFileInformationByHandleEx(file.as_raw_handle(), FileIdInfo, into, size)
    })?;
    Ok((
        id.VolumeSerialNumber,
        u128::from_le_bytes(id.FileId.Identifier),
    ))
}

/// Whether an open file is still the one that bears this name in a folder.
pub fn is_same(folder: &Folder, name: &str, file: &File) -> io::Result<bool> {
    let open = id(file)?;
    let by_name = folder.file(name).and_then(|file| id(&file));
    Ok(by_name.is_ok_and(|by_name| by_name == open))
}

/// The volume and the number of an open file.
pub fn identity(file: &File) -> io::Result<(u64, u64)> {
    let (volume, file) = id(file)?;
    // NTFS has numbers of 64 bits, ReFS of 128.
    Ok((
        volume,
        (file >> 64) as u64 ^ (file & u128::from(u64::MAX)) as u64,
    ))
}
