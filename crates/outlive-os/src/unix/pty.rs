//! A terminal of a job's own: a pseudo-terminal (pty(7)).

use super::events::Inflow;
use super::ptmx;
use outlive_record::Size;
use rustix::termios::{SpecialCodeIndex, Winsize};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A pseudo-terminal, as the one who gives it to a job holds it.
#[derive(Debug)]
pub struct Pty {
    master: OwnedFd,
    /// Held for life: while it is open the master does not report an end when the last process of the
    /// job closes the terminal, which another one may open again.
    peer: OwnedFd,
}

impl Pty {
    /// A new terminal of this size, and what is printed on it. Its master's side never makes anybody wait (O_NONBLOCK): a read or
    /// write that would is an error of kind `WouldBlock`.
    pub fn open(size: Size) -> io::Result<(Pty, Inflow)> {
        let master = ptmx::master()?;
        let peer = ptmx::peer(&master)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        // What comes in UTF-8 is erased in whole characters (IUTF8, termios(3)).
        let mut modes = rustix::termios::tcgetattr(&peer)?;
        modes.input_modes |= rustix::termios::InputModes::IUTF8;
        rustix::termios::tcsetattr(&peer, rustix::termios::OptionalActions::Now, &modes)?;
        set_size(master.as_fd(), size)?;
        Pty::of(master, peer)
    }

    /// The same of a terminal of which another process has made this master's side. An error of kind
    /// `Unsupported` on Windows.
    pub fn of_master(master: OwnedFd) -> io::Result<(Pty, Inflow)> {
        let peer = ptmx::peer(&master)?;
        Pty::of(master, peer)
    }

    fn of(master: OwnedFd, peer: OwnedFd) -> io::Result<(Pty, Inflow)> {
        let output = Inflow::of_terminal(master.try_clone()?);
        Ok((Pty { master, peer }, output))
    }

    /// Where what is typed is written to; whoever holds a copy can also [give it another
    /// size](set_size), but on Windows.
    pub fn input(&self) -> io::Result<OwnedFd> {
        self.master.try_clone()
    }

    /// Gives it another size, as [`set_size`] does.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        set_size(self.master.as_fd(), size)
    }

    pub(super) fn peer(&self) -> BorrowedFd<'_> {
        self.peer.as_fd()
    }

    /// What a job on it gets as its standard streams.
    pub(super) fn streams(&self) -> [(BorrowedFd<'_>, i32); 3] {
        [0, 1, 2].map(|number| (self.peer(), number))
    }

    /// By what number the kernel names it in its line about a process (tty_nr,
    /// proc_pid_stat(5)).
    pub fn number(&self) -> io::Result<i32> {
        let device = rustix::fs::fstat(&self.peer)?.st_rdev;
        // 32 bits of it are in use (new_encode_dev, Linux's kdev_t.h; dev_t of macOS has no more).
        Ok(device as i32)
    }

    /// Types the key that means the end of the input (VEOF, termios(3)).
    pub fn type_end(&self) -> io::Result<()> {
        let modes = rustix::termios::tcgetattr(&self.peer)?;
        let key = modes.special_codes[SpecialCodeIndex::VEOF];
        rustix::io::write(&self.master, &[key])?;
        Ok(())
    }

    /// Nobody is to print on it any more. Whether its output comes to an end after that, with what was
    /// printed last: here that is there at once, and has none.
    pub fn finish(&self) -> bool {
        false
    }
}

/// How long one who is attached may at most be without news of what is printed, if it may come late.
pub const LATE: Option<Duration> = None;

/// The size of a terminal, by either side. An error of kind `Unsupported` on Windows.
pub fn size(terminal: BorrowedFd<'_>) -> io::Result<Size> {
    let size = rustix::termios::tcgetwinsize(terminal)?;
    match (size.ws_col, size.ws_row) {
        // Nobody has ever told it, as on a serial line (TIOCGWINSZ, ioctl_tty(2)).
        (0, _) | (_, 0) => Ok(Size::default()),
        (columns, rows) => Ok(Size { columns, rows }),
    }
}

/// Whether all have closed the side that belongs to this master's: what is typed is read by nobody.
pub fn is_hung_up(master: BorrowedFd<'_>) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut asked = [PollFd::from_borrowed_fd(master, PollFlags::empty())];
    poll(&mut asked, Some(&Timespec::default()))?;
    Ok(asked[0].revents().contains(PollFlags::HUP))
}

/// Gives a terminal another size, by either side. The processes in its foreground are told, if it is
/// another one (SIGWINCH). An error of kind `Unsupported` on Windows.
pub fn set_size(terminal: BorrowedFd<'_>, size: Size) -> io::Result<()> {
    let size = Winsize {
        ws_col: size.columns,
        ws_row: size.rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(rustix::termios::tcsetwinsize(terminal, size)?)
}
