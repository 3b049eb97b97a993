//! What a process is created with beyond the usual (PROC_THREAD_ATTRIBUTE_LIST).

use super::call;
use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use windows_sys::Win32::System::Threading::{
    DeleteProcThreadAttributeList, InitializeProcThreadAttributeList, LPPROC_THREAD_ATTRIBUTE_LIST,
    UpdateProcThreadAttribute,
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
        let (at, size) = (values.as_ptr().cast(), size_of_val(values));
        let (none, no_size) = (std::ptr::null_mut(), std::ptr::null());
        let (list, attribute) = (self.raw(), attribute as usize);
        // SAFETY: an initialised list; the values outlive it.
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
