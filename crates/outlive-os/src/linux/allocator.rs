//! Where the memory of the program comes from.

#[doc(hidden)]
pub use dlmalloc::GlobalDlmalloc;

/// Gives the program that [`program`](crate::program) makes its allocator. The C library that it is
/// linked with statically has one that returns each group of a few allocations to the kernel as soon as
/// it is empty (musl's mallocng), which is a third of what reading a command line costs.
#[macro_export]
macro_rules! allocator {
    () => {
        #[global_allocator]
        static ALLOCATOR: $crate::allocator::GlobalDlmalloc = $crate::allocator::GlobalDlmalloc;
    };
}
