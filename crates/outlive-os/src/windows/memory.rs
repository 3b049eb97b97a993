//! Bytes handed to another process without touching a disk: a section of the page file
//! (CreateFileMappingW). It has whole pages, so its length comes first.

use super::call::owned;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::null;
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP, FILE_MAP_READ, FILE_MAP_WRITE, MEMORY_BASIC_INFORMATION,
    MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFile, PAGE_READWRITE, UnmapViewOfFile, VirtualQuery,
};

/// The length of the length.
const HEAD: usize = size_of::<u64>();

/// A section as it is seen by this process.
struct View(MEMORY_MAPPED_VIEW_ADDRESS);

impl View {
    fn of(section: BorrowedHandle<'_>, access: FILE_MAP) -> io::Result<View> {
        // SAFETY: a new view of all of it, wherever there is room.
        let view = unsafe { MapViewOfFile(section.as_raw_handle(), access, 0, 0, 0) };
        if view.Value.is_null() {
            return Err(io::Error::last_os_error());
        }
        Ok(View(view))
    }

    /// How many bytes it has, which are a whole number of pages.
    fn size(&self) -> usize {
        let mut about = MEMORY_BASIC_INFORMATION::default();
        // SAFETY: a structure of ours and its size; the address is only asked about.
        unsafe { VirtualQuery(self.0.Value, &raw mut about, size_of_val(&about)) };
        about.RegionSize
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: it was mapped by us, and no borrow of it is left.
        unsafe { UnmapViewOfFile(self.0) };
    }
}

/// Memory with these bytes.
pub fn holding(bytes: &[u8]) -> io::Result<OwnedHandle> {
    let length = bytes.len() as u64;
    let size = length + HEAD as u64;
    let (high, low) = ((size >> 32) as u32, (size & u64::from(u32::MAX)) as u32);
    // SAFETY: a section without a name or attributes; the handle is ours alone.
    let section = unsafe {
        let file = INVALID_HANDLE_VALUE;
        owned(CreateFileMappingW(
            file,
            null(),
            PAGE_READWRITE,
            high,
            low,
            null(),
        ))?
    };
    let view = View::of(section.as_handle(), FILE_MAP_WRITE)?;
    let start: *mut u8 = view.0.Value.cast();
    // SAFETY: the view is as long as the section, which was made for just that much, and nobody else
    // has it yet.
    unsafe {
        start.copy_from_nonoverlapping(length.to_ne_bytes().as_ptr(), HEAD);
        start
            .add(HEAD)
            .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
    }
    drop(view);
    Ok(section)
}

/// The bytes that it holds.
pub fn bytes(memory: OwnedHandle) -> io::Result<Vec<u8>> {
    let view = View::of(memory.as_handle(), FILE_MAP_READ)?;
    let start: *const u8 = view.0.Value.cast();
    let room = view.size().saturating_sub(HEAD);
    let mut length = [0; HEAD];
    // SAFETY: a view has at least a page. Who else has the memory may write to it meanwhile, so it is
    // copied, and never borrowed.
    unsafe { length.as_mut_ptr().copy_from_nonoverlapping(start, HEAD) };
    let length = usize::try_from(u64::from_ne_bytes(length)).ok();
    let Some(length) = length.filter(|length| *length <= room) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is shorter than it says",
        ));
    };
    let mut bytes = vec![0; length];
    // SAFETY: the view has that many bytes behind the first ones.
    unsafe {
        bytes
            .as_mut_ptr()
            .copy_from_nonoverlapping(start.add(HEAD), length)
    };
    Ok(bytes)
}
