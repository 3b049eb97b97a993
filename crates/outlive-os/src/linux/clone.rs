//! clone(2) as vfork(2) uses it: the child shares our memory and we stand still until it has
//! exec'ed or ended. No page table is copied, so the size of the caller does not matter.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What runs in the child: system calls only, since it shares memory with a thread that stands
/// still while others may hold locks.
pub(super) type ChildFn = extern "C" fn(*mut c_void) -> !;

/// The child's stack. The deepest child uses under 8 KiB in a debug build.
#[repr(align(16))]
pub(super) struct Stack([MaybeUninit<u8>; 16 << 10]);

impl Stack {
    pub(super) const fn new() -> Stack {
        Stack([MaybeUninit::uninit(); 16 << 10])
    }

    fn top(&mut self) -> *mut c_void {
        self.0.as_mut_ptr_range().end.cast()
    }
}

/// How the child differs from a plain vfork child.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It will exec: its descriptors are its own, signal handlers are reset.
    Program,
    /// It starts a program and ends: it shares our descriptors, so that a pidfd it opens is ours,
    /// and its end sends no signal and can't be taken by somebody's `wait`.
    Go,
}

/// A cgroup of version 2 that a child is to start in.
pub(super) struct Entry {
    /// Its folder.
    pub(super) folder: RawFd,
    /// Whether the child has not started in it, which the child can see.
    pub(super) missed: Arc<AtomicBool>,
}

pub(super) struct Cloned {
    pub(super) pid: i32,
    pub(super) pidfd: Option<OwnedFd>,
}

/// Runs `child(argument)` in a child that shares our memory, and returns when it has exec'ed or
/// ended. With `with_pidfd`, a pidfd of it comes back (Linux 5.2). With `cgroup`, the folder of one
/// of version 2, it starts in there; where clone3 can't be had it is told that it does not.
///
/// # Safety
///
/// All signals are blocked ([`BlockAll`]): where clone3 can't be had a handler of the caller's could
/// run in the child, on our memory, and of a go-between only SIGKILL may make an end before it has done
/// its part: with handlers reset, a Ctrl-C that the caller handles would. (A program has its mask
/// emptied before its exec.) `child` does nothing but system calls on what `argument` points to, never
/// unwinds and never returns. `argument` and `stack` live until the child has exec'ed or ended, also if
/// something ends a process between it and us.
pub(super) unsafe fn vfork(
    kind: Kind,
    with_pidfd: bool,
    cgroup: Option<&Entry>,
    stack: &mut Stack,
    child: ChildFn,
    argument: *mut c_void,
) -> io::Result<Cloned> {
    let mut flags = (libc::CLONE_VM | libc::CLONE_VFORK) as u64;
    if with_pidfd {
        flags |= libc::CLONE_PIDFD as u64;
    }
    let exit_signal = match kind {
        Kind::Program => libc::SIGCHLD as u64,
        Kind::Go => {
            flags |= libc::CLONE_FILES as u64;
            0
        }
    };
    let mut pidfd: i32 = -1;
    // SAFETY: passed on to the caller; `pidfd` outlives the call.
    let pid = unsafe {
        clone_any(
            flags,
            exit_signal,
            cgroup,
            &mut pidfd,
            stack,
            child,
            argument,
        )
    }?;
    let pidfd = with_pidfd.then(|| {
        // SAFETY: the kernel has just made this descriptor for us and nobody else knows of it.
        unsafe { OwnedFd::from_raw_fd(pidfd) }
    });
    Ok(Cloned { pid, pidfd })
}

/// clone3(2) where there is one, for CLONE_CLEAR_SIGHAND; else clone(2): a seccomp filter that
/// can't look into clone3's argument answers ENOSYS (systemd's RestrictNamespaces= does).
unsafe fn clone_any(
    flags: u64,
    exit_signal: u64,
    cgroup: Option<&Entry>,
    pidfd: &mut i32,
    stack: &mut Stack,
    child: ChildFn,
    argument: *mut c_void,
) -> io::Result<i32> {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
        // Linux 5.7.
        const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
        // SAFETY: an all-zero clone_args is a valid one (clone(2): unused fields are zero).
        let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
        args.flags = flags | CLONE_CLEAR_SIGHAND;
        args.pidfd = std::ptr::from_mut(pidfd) as u64;
        args.exit_signal = exit_signal;
        args.stack = stack.0.as_mut_ptr() as u64;
        args.stack_size = size_of::<Stack>() as u64;
        if let Some(cgroup) = cgroup {
            args.flags |= CLONE_INTO_CGROUP;
            args.cgroup = cgroup.folder as u64;
        }
        // SAFETY: the caller's promise; the arguments are complete and live on.
        let result = unsafe { clone3(&mut args, child, argument) };
        match i32::try_from(-result) {
            // EPERM by older filters that know of no other answer.
            Ok(libc::ENOSYS | libc::EINVAL | libc::EPERM) => {}
            Ok(error) if error > 0 => return Err(io::Error::from_raw_os_error(error)),
            _ => return Ok(result as i32),
        }
    }
    if let Some(cgroup) = cgroup {
        cgroup.missed.store(true, Ordering::Relaxed);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "all of clone's own flags fit into 32 bits"
    )]
    let flags = (flags | exit_signal) as i32;
    // SAFETY: glibc and musl declare this function as taking the same kind of child; the variadic
    // argument is the parent_tid pointer, where CLONE_PIDFD stores the descriptor.
    let child: extern "C" fn(*mut c_void) -> i32 = unsafe { std::mem::transmute(child) };
    // SAFETY: the caller's promise.
    let pid = unsafe {
        libc::clone(
            child,
            stack.top(),
            flags,
            argument,
            std::ptr::from_mut(pidfd),
        )
    };
    if pid < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(pid)
    }
}

/// All signals of this thread blocked, until it is dropped. The raw call, since libc's leaves out
/// the two signals that it keeps for itself, and would unblock them at the end.
pub(super) struct BlockAll(u64);

impl BlockAll {
    pub(super) fn new() -> BlockAll {
        BlockAll(BlockAll::exchange(u64::MAX))
    }

    fn exchange(mask: u64) -> u64 {
        let mut before = 0u64;
        // SAFETY: the kernel's signal set has 8 bytes; it reads one and writes the other.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                libc::SIG_SETMASK,
                &raw const mask,
                &raw mut before,
                8,
            )
        };
        before
    }
}

impl Drop for BlockAll {
    fn drop(&mut self) {
        BlockAll::exchange(self.0);
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn clone3(args: &mut libc::clone_args, child: ChildFn, argument: *mut c_void) -> isize {
    let result: isize;
    // SAFETY: the kernel keeps every register but rax, rcx and r11 over a system call, in the
    // child too. The child starts on its own, 16-aligned stack, calls a function that never
    // returns and so never runs the code behind this block.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r9",
            "call r8",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") std::ptr::from_mut(args),
            in("rsi") size_of::<libc::clone_args>(),
            in("r8") child,
            in("r9") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

#[cfg(target_arch = "aarch64")]
unsafe fn clone3(args: &mut libc::clone_args, child: ChildFn, argument: *mut c_void) -> isize {
    let result: isize;
    // SAFETY: the kernel keeps every register but x0 over a system call, in the child too. The
    // child starts on its own, 16-aligned stack, calls a function that never returns and so never
    // runs the code behind this block.
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x10",
            "blr x9",
            "brk 1",
            "2:",
            inlateout("x0") std::ptr::from_mut(args) => result,
            in("x1") size_of::<libc::clone_args>(),
            in("x8") libc::SYS_clone3,
            in("x9") child,
            in("x10") argument,
        );
    }
    result
}
