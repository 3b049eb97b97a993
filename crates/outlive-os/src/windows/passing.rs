//! A handle on its way to another process: it is duplicated into that process, and its number sent.

use super::call::check;
use super::process;
use super::socket::Connection;
use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::null_mut;
use windows_sys::Win32::Foundation::{
    DUPLICATE_CLOSE_SOURCE, DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, PROCESS_DUP_HANDLE, PROCESS_QUERY_LIMITED_INFORMATION,
};

/// What each packet begins with.
pub(super) struct Head {
    pub(super) handle: Option<u64>,
}

impl Head {
    pub(super) const LENGTH: usize = 16;
    const PLAIN: &[u8; 8] = b"outlive\0";
    const WITH_HANDLE: &[u8; 8] = b"outlive\x01";

    pub(super) fn bytes(&self) -> [u8; Head::LENGTH] {
        let mut bytes = [0; Head::LENGTH];
        let (kind, number) = bytes.split_at_mut(8);
        kind.copy_from_slice(if self.handle.is_some() {
            Head::WITH_HANDLE
        } else {
            Head::PLAIN
        });
        number.copy_from_slice(&self.handle.unwrap_or(0).to_le_bytes());
        bytes
    }

    pub(super) fn parse(packet: &[u8]) -> Option<Head> {
        let (kind, rest) = packet.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        match kind {
            Head::PLAIN => Some(Head { handle: None }),
            Head::WITH_HANDLE => Some(Head {
                handle: Some(u64::from_le_bytes(*number)),
            }),
            _ => None,
        }
    }
}

/// A handle in another process, which is closed there unless it is kept.
pub(super) struct Given {
    process: OwnedHandle,
    pub(super) number: u64,
    pub(super) kept: bool,
}

impl Given {
    pub(super) fn new(to: &Connection, handle: BorrowedHandle<'_>) -> io::Result<Given> {
        let process = match to.known_peer()? {
            Some(process) => process,
            None => {
                let rights = PROCESS_DUP_HANDLE | PROCESS_QUERY_LIMITED_INFORMATION;
                process::open(to.peer_pid()?, rights)?
            }
        };
        // Its end is still open, so the process that was just opened is the right one.
        if !to.is_connected() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut there = null_mut();
        // SAFETY: two handles that are open, and one that is on loan.
        check(unsafe {
            let (here, handle) = (GetCurrentProcess(), handle.as_raw_handle());
            let (process, there) = (process.as_raw_handle(), &raw mut there);
            DuplicateHandle(here, handle, process, there, 0, 0, DUPLICATE_SAME_ACCESS)
        })?;
        Ok(Given {
            process,
            number: there as usize as u64,
            kept: false,
        })
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let (process, there) = (self.process.as_raw_handle(), self.number as usize as HANDLE);
        // SAFETY: it was made there by us, and nobody was told of it.
        unsafe {
            DuplicateHandle(
                process,
                there,
                null_mut(),
                null_mut(),
                0,
                0,
                DUPLICATE_CLOSE_SOURCE,
            )
        };
    }
}
