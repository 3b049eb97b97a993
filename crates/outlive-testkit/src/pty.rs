//! A terminal as a terminal emulator makes it.

use crate::events::Stream;
use crate::home::Home;
use crate::process::Running;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

/// A pseudo-terminal, held by its master side, and its session leader.
#[derive(Debug)]
pub struct Terminal {
    master: OwnedFd,
    /// What is seen on its screen.
    pub screen: Stream,
    /// The session leader.
    pub leader: Running,
}

impl Terminal {
    /// Opens a terminal with `words` as its session leader.
    pub fn open<W: AsRef<OsStr>>(home: &Home, words: impl IntoIterator<Item = W>) -> Terminal {
        Terminal::sized(home, (80, 24), words)
    }

    /// Opens a terminal of so many columns and rows.
    pub fn sized<W: AsRef<OsStr>>(
        home: &Home,
        size: (u16, u16),
        words: impl IntoIterator<Item = W>,
    ) -> Terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags).expect("a pseudo-terminal can be had");
        rustix::pty::grantpt(&master).expect("our own terminal");
        rustix::pty::unlockpt(&master).expect("our own terminal");
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).expect("its other side");
        let slave = File::from(slave);
        set_size(&master, size);

        let mut command = home.command([OsStr::new(home.puppet()), OsStr::new("lead")]);
        command.args(words.into_iter().map(|word| word.as_ref().to_owned()));
        let copy = || slave.try_clone().expect("a descriptor can be copied");
        command.stdin(copy()).stdout(copy()).stderr(copy());
        // A prompt to wait for, and no start-up file that says something of its own.
        command
            .env("PS1", "ready> ")
            .env_remove("ENV")
            .env("TERM", "dumb");
        let leader = Running::start_as_is(&mut command);
        let screen = master
            .as_fd()
            .try_clone_to_owned()
            .expect("a descriptor can be copied");
        Terminal {
            screen: Stream::new(screen, "the terminal"),
            master,
            leader,
        }
    }

    /// Opens a terminal with an interactive shell, which has prompted.
    pub fn with_shell(home: &Home) -> Terminal {
        let mut terminal = Terminal::open(home, ["sh", "-i"]);
        terminal.screen.until("ready> ");
        terminal
    }

    /// Types `line` and the return key.
    pub fn types(&mut self, line: &str) {
        self.presses(&format!("{line}\r"));
    }

    /// Presses keys.
    pub fn presses(&mut self, keys: &str) {
        let mut left = keys.as_bytes();
        while !left.is_empty() {
            let count = rustix::io::write(&self.master, left).expect("a terminal takes keys");
            left = &left[count..];
        }
    }

    /// Types a command and waits for the shell's next prompt.
    pub fn command(&mut self, line: &str) {
        self.types(line);
        self.screen.until("ready> ");
    }

    /// Gives it another size, which its foreground is told.
    pub fn resize(&self, columns: u16, rows: u16) {
        set_size(&self.master, (columns, rows));
    }

    /// How it treats what is typed and printed: its modes (termios(3)), as they can be compared.
    pub fn modes(&self) -> String {
        let modes = rustix::termios::tcgetattr(&self.master).expect("a terminal has modes");
        format!("{modes:?}")
    }

    /// Hangs up: closes the master side. What is left is the leader.
    pub fn hang_up(self) -> Running {
        self.leader
    }
}

fn set_size(master: &OwnedFd, (columns, rows): (u16, u16)) {
    let size = Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(master, size).expect("a terminal has a size");
}
