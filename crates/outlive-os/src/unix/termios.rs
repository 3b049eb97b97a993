//! The terminal that a person sits at (termios(3)).

use outlive_record::Size;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// The terminal that this process has as its standard input and output, in raw mode: every key
/// arrives at once and as it is, and nothing is done to what is written. As it was before once this
/// is dropped.
#[derive(Debug)]
pub struct Raw {
    input: File,
    output: File,
    before: Termios,
}

impl Raw {
    /// Takes the terminal. An error of kind `Unsupported` if standard input or output is none.
    pub fn take() -> io::Result<Raw> {
        let (input, output) = (io::stdin(), io::stdout());
        if !isatty(&input) || !isatty(&output) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let taken = Raw {
            before: tcgetattr(&input)?,
            input: File::from(input.as_fd().try_clone_to_owned()?),
            output: File::from(output.as_fd().try_clone_to_owned()?),
        };
        let mut raw = taken.before.clone();
        raw.make_raw();
        // Not after a flush: what was typed ahead is for the job, too.
        tcsetattr(&taken.input, OptionalActions::Now, &raw)?;
        Ok(taken)
    }

    /// What puts it back as it was before, for whoever ends without dropping this.
    pub fn restorer(&self) -> io::Result<impl Fn() + Send + Sync + 'static> {
        let (input, before) = (self.input.try_clone()?, self.before.clone());
        Ok(move || {
            let _ = tcsetattr(&input, OptionalActions::Now, &before);
        })
    }

    /// Its size.
    pub fn size(&self) -> io::Result<Size> {
        super::pty::size(self.output.as_fd())
    }
}

impl Read for &Raw {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&self.input).read(bytes)
    }
}

impl Write for &Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match (&self.output).write(bytes) {
                // Whoever had this terminal before may have left it so (O_NONBLOCK is of all who
                // share it).
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    use rustix::event::{PollFd, PollFlags, poll};
                    poll(&mut [PollFd::new(&self.output, PollFlags::OUT)], None)?;
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.input, OptionalActions::Now, &self.before);
    }
}

/// The size of the terminal that this process prints to; none if that is not a terminal.
pub fn size() -> Option<Size> {
    let output = io::stdout();
    isatty(&output).then(|| super::pty::size(output.as_fd()).ok())?
}
