//! What posix_spawn(2) is told of the new process: its attributes, and what it does with its folder
//! and its descriptors before it is the program.

use super::{checked, signal, signal_table};
use std::ffi::{CStr, c_int, c_short};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The new process leads a session of its own (sys/spawn.h).
const SETSID: c_int = 0x0400;

unsafe extern "C" {
    fn posix_spawn_file_actions_addinherit_np(
        actions: *mut libc::posix_spawn_file_actions_t,
        descriptor: c_int,
    ) -> c_int;
}

/// What a function of the posix_spawn family gave: an error's number or 0.
fn fine(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// How the new process differs from its starter.
pub(super) struct Attributes(pub(super) libc::posix_spawnattr_t);

impl Attributes {
    pub(super) fn new(new_session: bool, new_group: bool, halted: bool) -> io::Result<Attributes> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: initialised by the call.
        fine(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        // SAFETY: by its success.
        let mut it = Attributes(unsafe { attributes.assume_init() });
        let mut flags = libc::POSIX_SPAWN_CLOEXEC_DEFAULT
            | libc::POSIX_SPAWN_SETSIGDEF
            | libc::POSIX_SPAWN_SETSIGMASK;
        if new_session {
            flags |= SETSID;
        } else if new_group {
            // The group's id is 0 in fresh attributes: the process's own (posix_spawnattr_init(3)).
            flags |= libc::POSIX_SPAWN_SETPGROUP;
        }
        if halted {
            flags |= libc::POSIX_SPAWN_START_SUSPENDED;
        }
        let flags = c_short::try_from(flags).unwrap_or(c_short::MAX);
        let (none, mut all) = (signal::set(&[]), signal_table::every());
        // SAFETY: attributes and sets that are initialised; the sets are only read, or are ours.
        unsafe {
            // These two have no other disposition.
            libc::sigdelset(&raw mut all, signal::KILL);
            libc::sigdelset(&raw mut all, signal::STOP);
            if !new_session {
                // What a terminal sends concerns a child that stays in its session: nohup, and a
                // shell's `&`, have it ignored for all that is started under them.
                for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT] {
                    libc::sigdelset(&raw mut all, signal);
                }
            }
            fine(libc::posix_spawnattr_setflags(&raw mut it.0, flags))?;
            fine(libc::posix_spawnattr_setsigmask(
                &raw mut it.0,
                &raw const none,
            ))?;
            fine(libc::posix_spawnattr_setsigdefault(
                &raw mut it.0,
                &raw const all,
            ))?;
        }
        Ok(it)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used any more.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// What the new process does before it is the program, in this order.
pub(super) struct Actions(pub(super) libc::posix_spawn_file_actions_t);

impl Actions {
    pub(super) fn new() -> io::Result<Actions> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: initialised by the call.
        fine(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: by its success.
        Ok(Actions(unsafe { actions.assume_init() }))
    }

    pub(super) fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let folder = [folder.as_os_str().as_bytes(), b"\0"].concat();
        let folder = CStr::from_bytes_with_nul(&folder).map_err(io::Error::other)?;
        let actions = &raw mut self.0;
        // SAFETY: actions that are initialised, and a string, which is copied.
        fine(unsafe { libc::posix_spawn_file_actions_addchdir_np(actions, folder.as_ptr()) })
    }

    /// Opens a terminal once more, as standard input: the leader of a session without a terminal gets
    /// the first one that it opens (tty(4), O_NOCTTY in open(2)). There is no action for TIOCSCTTY.
    pub(super) fn open_terminal(&mut self, terminal: BorrowedFd<'_>) -> io::Result<()> {
        let path = rustix::termios::ttyname(terminal, Vec::new())?;
        let actions = &raw mut self.0;
        // SAFETY: actions that are initialised, and a string, which is copied.
        fine(unsafe {
            libc::posix_spawn_file_actions_addopen(actions, 0, path.as_ptr(), libc::O_RDWR, 0)
        })
    }

    /// Puts every descriptor under its number, and gives those that have stepped aside for that and
    /// are to stay open until the spawn; of 0, 1 and 2 the caller's stay, and those that are
    /// closed or private to it become `/dev/null`. Nothing else stays open
    /// (POSIX_SPAWN_CLOEXEC_DEFAULT).
    pub(super) fn set_descriptors(
        &mut self,
        descriptors: &[(BorrowedFd<'_>, i32)],
    ) -> io::Result<Vec<OwnedFd>> {
        let above = descriptors
            .iter()
            .map(|(_, to)| *to)
            .max()
            .unwrap_or(2)
            .max(2);
        let above = above.saturating_add(1);
        let mut aside = Vec::new();
        let mut moves = Vec::new();
        for (from, to) in descriptors {
            let number = from.as_raw_fd();
            let taken = |(source, other): &(BorrowedFd<'_>, i32)| {
                *other == number && source.as_raw_fd() != number
            };
            moves.push((
                match descriptors.iter().any(taken) {
                    true => {
                        aside.push(rustix::io::fcntl_dupfd_cloexec(from, above)?);
                        aside.last().map_or(number, AsRawFd::as_raw_fd)
                    }
                    false => number,
                },
                *to,
            ));
        }
        for (from, to) in &moves {
            // dup2 leaves close-on-exec as it is if both numbers are the same.
            match from == to {
                true => self.keep(*to)?,
                // SAFETY: actions that are initialised, and numbers.
                false => fine(unsafe {
                    libc::posix_spawn_file_actions_adddup2(&raw mut self.0, *from, *to)
                })?,
            }
        }
        for number in (0..3).filter(|number| !moves.iter().any(|(_, to)| to == number)) {
            // SAFETY: fcntl on a number, which may well be closed.
            let flags = checked(unsafe { libc::fcntl(number, libc::F_GETFD) });
            match flags.is_ok_and(|flags| flags & libc::FD_CLOEXEC == 0) {
                true => self.keep(number)?,
                false => self.open_null(number)?,
            }
        }
        Ok(aside)
    }

    fn keep(&mut self, number: i32) -> io::Result<()> {
        // SAFETY: actions that are initialised, and a number.
        fine(unsafe { posix_spawn_file_actions_addinherit_np(&raw mut self.0, number) })
    }

    fn open_null(&mut self, number: i32) -> io::Result<()> {
        let (actions, path) = (&raw mut self.0, c"/dev/null".as_ptr());
        // SAFETY: actions that are initialised, a constant string, and numbers.
        fine(unsafe {
            libc::posix_spawn_file_actions_addopen(actions, number, path, libc::O_RDWR, 0)
        })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used any more.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}
