//! What a new process inherits: duplicates made for it alone, as its standard handles and, from 3 on,
//! in the form by which C runtimes pass descriptors (`lpReserved2` of STARTUPINFO).

use super::surroundings::{is_console, standard};
use super::{Borrowed, call, events};
use crate::request::Spawn;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use windows_sys::Win32::Foundation::{
    CloseHandle, DUPLICATE_CLOSE_SOURCE, DUPLICATE_SAME_ACCESS, DuplicateHandle,
    ERROR_INVALID_HANDLE, GetHandleInformation, HANDLE, HANDLE_FLAG_INHERIT, INVALID_HANDLE_VALUE,
    SetHandleInformation,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_CHAR, FILE_TYPE_PIPE, GetFileType};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetStartupInfoW, STARTUPINFOW};

/// What a descriptor's flags are to a C runtime (`osfile`): it is open, a pipe, a device.
const OPEN: u8 = 0x01;
const PIPE: u8 = 0x08;
const DEVICE: u8 = 0x40;
/// How many descriptors a C runtime has (`_NHANDLE_`).
const MOST: usize = 2048;
/// How long a descriptor's entry is: its flags, and its handle.
const ENTRY: usize = 1 + size_of::<usize>();

/// The duplicates for a process that is going to be made. They can be inherited, so that they are
/// there for no longer than they have to: whatever this process starts without a list of handles in
/// that time, from another thread, inherits them too.
pub(super) struct Inheritance {
    /// The process that has them: the one that is named as the parent.
    holder: Option<OwnedHandle>,
    /// Its handles 0, 1 and 2, and all that follow, by number.
    handles: Vec<HANDLE>,
    /// Those that are set.
    list: Vec<HANDLE>,
    /// What a C runtime reads.
    block: Vec<u8>,
}

impl Inheritance {
    /// Duplicates what a program is to have, into the process that becomes its parent if that is not
    /// this one. Where a standard handle is not named it has the caller's, or, in a session of its
    /// own, none (the null device).
    pub(super) fn new(
        spawn: &Spawn<'_>,
        holder: Option<OwnedHandle>,
        hidden: bool,
    ) -> io::Result<Inheritance> {
        let most = spawn.descriptors.iter().map(|(_, number)| *number).max();
        let count = most
            .map_or(0, |most| usize::try_from(most).unwrap_or(MOST))
            .max(2)
            + 1;
        if count > MOST || spawn.descriptors.iter().any(|(_, number)| *number < 0) {
            return Err(call::error(ERROR_INVALID_HANDLE));
        }
        let mut it = Inheritance {
            holder,
            handles: vec![INVALID_HANDLE_VALUE; count],
            list: Vec::with_capacity(count),
            block: Vec::new(),
        };
        let mut flags = vec![0; count];
        for (number, flags) in flags.iter_mut().enumerate() {
            // The later of two for one number counts.
            let named = spawn.descriptors.iter().rev();
            let mut named = named.filter(|(_, other)| usize::try_from(*other) == Ok(number));
            match named.next() {
                Some((handle, _)) => {
                    it.add(number, handle.as_raw_handle())?;
                    *flags = kind(*handle);
                }
                // None at all, and it is given those of its console: what is open here would go
                // before them (STARTF_USESTDHANDLES).
                None if number < 3 && spawn.terminal.is_some() => {
                    it.handles[number] = std::ptr::null_mut();
                }
                None if number < 3 => it.add_standard(number, spawn.new_session, hidden)?,
                None => {}
            }
        }
        if count > 3 {
            it.block = block(&flags, &it.handles);
        }
        Ok(it)
    }

    fn add_standard(&mut self, number: usize, own_session: bool, hidden: bool) -> io::Result<()> {
        let own = standard(number as i32).filter(|_| !own_session);
        // Another console's is of no use.
        let own = own.filter(|handle| !hidden || !is_console(*handle));
        if let Some(own) = own
            && self.add(number, own).is_ok()
        {
            return Ok(());
        }
        let null = events::null()?;
        self.add(number, null.as_raw_handle())
    }

    fn add(&mut self, number: usize, from: HANDLE) -> io::Result<()> {
        // SAFETY: gives a constant that stands for this process.
        let here = unsafe { GetCurrentProcess() };
        let there = self.there();
        let mut copy = std::ptr::null_mut();
        let to = &mut copy;
        // SAFETY: processes that are open, and a handle of this one; the copy is written.
        call::check(unsafe {
            DuplicateHandle(here, from, there, to, 0, 1, DUPLICATE_SAME_ACCESS)
        })?;
        self.handles[number] = copy;
        self.list.push(copy);
        Ok(())
    }

    fn there(&self) -> HANDLE {
        match &self.holder {
            Some(holder) => holder.as_raw_handle(),
            // SAFETY: gives a constant that stands for this process.
            None => unsafe { GetCurrentProcess() },
        }
    }

    /// All of them, for the list of what is inherited.
    pub(super) fn list(&self) -> &[HANDLE] {
        &self.list
    }

    /// The process that has them, if it is not this one.
    pub(super) fn holder(&self) -> Option<HANDLE> {
        self.holder.as_ref().map(AsRawHandle::as_raw_handle)
    }

    /// Tells the new process of them.
    pub(super) fn tell(&mut self, info: &mut STARTUPINFOW) {
        [info.hStdInput, info.hStdOutput, info.hStdError] =
            [self.handles[0], self.handles[1], self.handles[2]];
        info.cbReserved2 = self.block.len() as u16;
        if !self.block.is_empty() {
            info.lpReserved2 = self.block.as_mut_ptr();
        }
    }
}

impl Drop for Inheritance {
    fn drop(&mut self) {
        let there = self.there();
        for handle in &self.list {
            let mut moved = std::ptr::null_mut();
            // To nowhere would do, but Wine then leaves it open.
            let how = DUPLICATE_CLOSE_SOURCE | DUPLICATE_SAME_ACCESS;
            // SAFETY: processes that are open; the handle is one that was made there for us, and is
            // closed there. What it becomes here is ours.
            unsafe {
                let here = GetCurrentProcess();
                if DuplicateHandle(there, *handle, here, &mut moved, 0, 0, how) != 0 {
                    CloseHandle(moved);
                }
            };
        }
    }
}

/// A descriptor's flags for a C runtime.
fn kind(handle: Borrowed<'_>) -> u8 {
    // SAFETY: a handle that is open.
    OPEN | match unsafe { GetFileType(handle.as_raw_handle()) } {
        FILE_TYPE_PIPE => PIPE,
        FILE_TYPE_CHAR => DEVICE,
        _ => 0,
    }
}

/// What a C runtime reads: how many there are, the flags of each, the handle of each. The first three
/// are left to the standard handles.
fn block(flags: &[u8], handles: &[HANDLE]) -> Vec<u8> {
    let mut block = (flags.len() as u32).to_ne_bytes().to_vec();
    block.extend(
        flags
            .iter()
            .enumerate()
            .map(|(number, flags)| if number < 3 { 0 } else { *flags }),
    );
    for (number, handle) in handles.iter().enumerate() {
        let handle = if number < 3 {
            INVALID_HANDLE_VALUE
        } else {
            *handle
        };
        block.extend((handle as usize).to_ne_bytes());
    }
    block
}

/// The handles, from 3 on without a gap, that this process was started with in that form; none of them
/// is inherited any further.
///
/// # Safety
///
/// Nobody else may own them, and they must not have been taken before.
pub(super) unsafe fn inherited() -> Vec<OwnedHandle> {
    use std::os::windows::io::FromRawHandle;
    let mut info = STARTUPINFOW::default();
    // SAFETY: a structure of ours is written.
    unsafe { GetStartupInfoW(&mut info) };
    let size = usize::from(info.cbReserved2);
    if info.lpReserved2.is_null() || size < 4 {
        return Vec::new();
    }
    // SAFETY: the loader put it there, of this size, and it stays as long as the process.
    let block = unsafe { std::slice::from_raw_parts(info.lpReserved2, size) };
    let numbers = entries(block).skip(3);
    let open = numbers.take_while(|(flags, handle)| {
        let mut information = 0;
        // SAFETY: only asks about a handle, which may well be none.
        flags & OPEN != 0 && unsafe { GetHandleInformation(*handle, &mut information) } != 0
    });
    let take = |(_, handle)| {
        // SAFETY: a handle that is open, and by our caller's word is ours alone.
        unsafe {
            SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0);
            OwnedHandle::from_raw_handle(handle)
        }
    };
    open.map(take).collect()
}

/// The flags and the handle of each entry of such a block. What else there may be in its place
/// (Cygwin's) begins with a zero or is too short.
fn entries(block: &[u8]) -> impl Iterator<Item = (u8, HANDLE)> {
    let (count, rest) = block.split_first_chunk().unwrap_or((&[0; 4], &[]));
    let count = u32::from_ne_bytes(*count) as usize;
    let count = if count.saturating_mul(ENTRY) <= rest.len() {
        count
    } else {
        0
    };
    let (flags, handles) = rest.split_at(count);
    let handles = handles.as_chunks().0.iter();
    flags
        .iter()
        .zip(handles)
        .map(|(flags, handle)| (*flags, usize::from_ne_bytes(*handle) as HANDLE))
}
