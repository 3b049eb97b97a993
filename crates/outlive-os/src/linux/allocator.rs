//! Where the memory of the program comes from.

use dlmalloc::Dlmalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// dlmalloc, behind a lock that costs a few nanoseconds where there is one thread, as there nearly
/// always is. Where there are more a thread that has to wait lets others run: none holds it for longer
/// than an allocation.
#[derive(Debug)]
pub struct Allocator {
    held: AtomicBool,
    memory: UnsafeCell<Memory>,
}

struct Memory(Dlmalloc);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

// SAFETY: the memory is touched by whoever has set `held`, one at a time.
unsafe impl Sync for Allocator {}

impl Allocator {
    /// One that has nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "a default could not be made for a static"
    )]
    pub const fn new() -> Allocator {
        Allocator {
            held: AtomicBool::new(false),
            memory: UnsafeCell::new(Memory(Dlmalloc::new())),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Dlmalloc) -> T) -> T {
        while self.held.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: nobody else has it as long as `held` is set, and nothing that is done to it panics.
        let done = act(unsafe { &mut (*self.memory.get()).0 });
        self.held.store(false, Ordering::Release);
        done
    }
}

/// What is as large as this is mapped by itself, and so goes back to the kernel at once: of what
/// dlmalloc has it keeps up to 2 MiB. A keeper would hold for life what its launch took.
const LARGE: usize = 32 << 10;

fn is_large(layout: Layout) -> bool {
    // A mapping begins on a page, of which the smallest has 4 KiB.
    layout.size() >= LARGE && layout.align() <= 4096
}

/// Memory of its own, which is zero; null if there is none.
fn map(size: usize) -> *mut u8 {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: wherever there is room.
    mapped(unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) })
}

fn mapped(result: *mut libc::c_void) -> *mut u8 {
    match result {
        libc::MAP_FAILED => ptr::null_mut(),
        mapped => mapped.cast(),
    }
}

// SAFETY: dlmalloc gives out memory of the layout that was asked for, and each part of it once; so does
// the kernel. Of which of them it is the layout alone tells.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map(layout.size());
        }
        // SAFETY: as this function's caller has it.
        self.with(|memory| unsafe { memory.malloc(layout.size(), layout.align()) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map(layout.size());
        }
        // SAFETY: as this function's caller has it.
        self.with(|memory| unsafe { memory.calloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        if is_large(layout) {
            // SAFETY: all of what `map` gave, which nobody uses any more.
            unsafe { libc::munmap(given.cast(), layout.size()) };
            return;
        }
        // SAFETY: as this function's caller has it.
        self.with(|memory| unsafe { memory.free(given, layout.size(), layout.align()) });
    }

    unsafe fn realloc(&self, given: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's new size makes a layout.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_large(layout), is_large(new)) {
            (false, false) => {
                // SAFETY: as this function's caller has it.
                self.with(|memory| unsafe {
                    memory.realloc(given, layout.size(), layout.align(), size)
                })
            }
            (true, true) => {
                let how = libc::MREMAP_MAYMOVE;
                // SAFETY: all of what `map` gave, which the caller takes for moved from here on.
                mapped(unsafe { libc::mremap(given.cast(), layout.size(), size, how) })
            }
            _ => {
                // SAFETY: its size is not zero, by the caller's word.
                let moved = unsafe { self.alloc(new) };
                if !moved.is_null() {
                    // SAFETY: two places with as many bytes; the old one is given back once.
                    unsafe {
                        ptr::copy_nonoverlapping(given, moved, layout.size().min(size));
                        self.dealloc(given, layout);
                    }
                }
                moved
            }
        }
    }
}

/// Gives the program that [`program`](crate::program) makes its allocator. musl, which the release
/// artefact is linked with, has one that returns each group of a few allocations to the kernel as soon as
/// it is empty, which is a third of what reading a command line costs.
#[macro_export]
macro_rules! allocator {
    () => {
        #[global_allocator]
        static ALLOCATOR: $crate::allocator::Allocator = $crate::allocator::Allocator::new();
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_and_shrinks_stays_what_it_is() {
        static ALLOCATOR: Allocator = Allocator::new();
        let layout = |size| Layout::from_size_align(size, 8).expect("a small layout");
        let mut size = 100;
        // SAFETY: each is used within its size, and given back once, as it was given.
        unsafe {
            let mut given = ALLOCATOR.alloc_zeroed(layout(size));
            for next in [LARGE - 1, LARGE, 9 * LARGE + 1, LARGE, LARGE - 1, 10] {
                given.write_bytes(7, size);
                given = ALLOCATOR.realloc(given, layout(size), next);
                let kept = std::slice::from_raw_parts(given, size.min(next));
                assert!(kept.iter().all(|&byte| byte == 7), "{size} to {next}");
                size = next;
            }
            ALLOCATOR.dealloc(given, layout(size));
        }
    }

    /// Each thread writes its own mark all over what it is given, and finds it there.
    #[test]
    fn threads_get_memory_of_their_own() {
        static ALLOCATOR: Allocator = Allocator::new();
        let work = |mark: u8| {
            for size in (1..2_000).chain([70_000, 300_000]) {
                let layout = Layout::from_size_align(size, 8).expect("a small layout");
                // SAFETY: the layout is not empty; what is written and read is within it, and it is given
                // back once, as it was given.
                unsafe {
                    let given = ALLOCATOR.alloc(layout);
                    given.write_bytes(mark, size);
                    let grown = ALLOCATOR.realloc(given, layout, size * 2);
                    let found = std::slice::from_raw_parts(grown, size);
                    assert!(found.iter().all(|&byte| byte == mark), "{size}");
                    let layout = Layout::from_size_align(size * 2, 8).expect("a small layout");
                    ALLOCATOR.dealloc(grown, layout);
                    let clear = ALLOCATOR.alloc_zeroed(layout);
                    let found = std::slice::from_raw_parts(clear, size * 2);
                    assert!(found.iter().all(|&byte| byte == 0), "{size}");
                    ALLOCATOR.dealloc(clear, layout);
                }
            }
        };
        std::thread::scope(|scope| {
            for mark in 1..=8 {
                scope.spawn(move || work(mark));
            }
        });
    }
}
