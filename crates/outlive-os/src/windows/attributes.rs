//! What a process is created with beyond the usual (PROC_THREAD_ATTRIBUTE_LIST).

use super::call;
use super::pty::Attachable;
use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use windows_sys::Win32::System::Threading::{
    DeleteProcThreadAttributeList, InitializeProcThreadAttributeList, LPPROC_THREAD_ATTRIBUTE_LIST,
    PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, UpdateProcThreadAttribute,
};

/// A list of attributes, whose values live as long as it does.
pub(super) struct Attributes<'a> {
    room: Vec<usize>,
    values: PhantomData<&'a c_void>,
}

impl<'a> Attributes<'a> {
    /// A list with room for `count`.
    pub(super) fn new(count: u32) -> io::Result<Attributes<'a>> {
        let mut size = 0;
        let none = std::ptr::null_mut();
        // Asks how much it takes, which counts as a failure.
        // SAFETY: the size is written.
        unsafe { InitializeProcThreadAttributeList(none, count, 0, &mut size) };
        let mut list = Attributes {
            room: vec![0; size.div_ceil(size_of::<usize>())],
            values: PhantomData,
        };
        let at = list.raw();
        // SAFETY: room of the size that was asked for.
        call::check(unsafe { InitializeProcThreadAttributeList(at, count, 0, &mut size) })?;
        Ok(list)
    }

    /// Adds an attribute; `values` is what its value is, or all of them.
    pub(super) fn set<T>(&mut self, attribute: u32, values: &'a [T]) -> io::Result<()> {
        // SAFETY: the values outlive the list.
        unsafe { self.put(attribute, values.as_ptr().cast(), size_of_val(values)) }
    }

    /// Adds the pseudoconsole that it is attached to. Of this attribute the value is not a place where
    /// one is, but the pseudoconsole itself ("Creating a pseudoconsole session").
    pub(super) fn set_console(&mut self, console: &'a Attachable<'_>) -> io::Result<()> {
        let attribute = PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE;
        let console = console.raw();
        // SAFETY: it is open for as long as it is borrowed, and so for longer than the list is there.
        unsafe { self.put(attribute, console as *const c_void, size_of_val(&console)) }
    }

    /// # Safety
    ///
    /// What is at `at` has this size, and outlives the list.
    unsafe fn put(&mut self, attribute: u32, at: *const c_void, size: usize) -> io::Result<()> {
        let (none, no_size) = (std::ptr::null_mut(), std::ptr::null());
        let (list, attribute) = (self.raw(), attribute as usize);
        // SAFETY: an initialised list; of the value our caller has promised it.
        call::check(unsafe {
            UpdateProcThreadAttribute(list, 0, attribute, at, size, none, no_size)
        })
    }

    pub(super) fn raw(&mut self) -> LPPROC_THREAD_ATTRIBUTE_LIST {
        self.room.as_mut_ptr().cast()
    }
}

impl Drop for Attributes<'_> {
    fn drop(&mut self) {
        // SAFETY: a list that was initialised, or room full of zeros, which is an empty one.
        unsafe { DeleteProcThreadAttributeList(self.raw()) };
    }
}
