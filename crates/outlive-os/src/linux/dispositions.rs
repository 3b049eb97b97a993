//! What this process does about its signals, where that is known for certain.

use super::clone::BlockAll;
use super::surroundings;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that have not their default dispositions, a bit for each: `1 << (signal - 1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dispositions {
    pub(super) ignored: u64,
    pub(super) caught: u64,
}

impl Dispositions {
    /// Those of this process, if they stay so for as long as signals are blocked: there is no other
    /// thread, and no handler runs, that could change them.
    ///
    /// A new process would have to reset all of its signals, or to look at its own
    /// `/proc/self/status`, which first has to be made for it: either takes twice as long as this look.
    pub(super) fn settled(_: &BlockAll) -> Option<Dispositions> {
        /// A program that has had threads is taken to have them again: then this would be in vain.
        static HAS_THREADS: AtomicBool = AtomicBool::new(false);
        if HAS_THREADS.load(Ordering::Relaxed) {
            return None;
        }
        let status = surroundings::record("/proc/self/status").ok()?;
        let settled = Dispositions::parse(&status);
        HAS_THREADS.store(settled.is_none(), Ordering::Relaxed);
        settled
    }

    /// The dispositions that a status tells of (proc_pid_status(5)); none of more than one thread.
    fn parse(status: &[u8]) -> Option<Dispositions> {
        let mut lines = status.split(|&byte| byte == b'\n');
        // Each is looked for behind the one before, in the kernel's order.
        let mut field = |name: &str| {
            let value = lines.find_map(|line| line.strip_prefix(name.as_bytes()))?;
            std::str::from_utf8(value).ok().map(str::trim)
        };
        if field("Threads:")? != "1" {
            return None;
        }
        let mut mask = |name| u64::from_str_radix(field(name)?, 16).ok();
        Some(Dispositions {
            ignored: mask("SigIgn:")?,
            caught: mask("SigCgt:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_of_one_thread_alone_are_known() {
        let status = |threads: u32| {
            format!(
                "Name:\ta\nThreads:\t{threads}\nSigBlk:\t0000000000000002\n\
                 SigIgn:\t8000000000001000\nSigCgt:\t0000000000000002\n"
            )
        };
        let alone = Dispositions::parse(status(1).as_bytes());
        let expected = Dispositions {
            ignored: 1 << 63 | 1 << (libc::SIGPIPE - 1),
            caught: 1 << (libc::SIGINT - 1),
        };
        assert_eq!(alone, Some(expected));
        for threads in [2, 10] {
            assert_eq!(Dispositions::parse(status(threads).as_bytes()), None);
        }
        assert_eq!(Dispositions::parse(b"Name:\ta\nThreads:\t1\n"), None);
    }
}
