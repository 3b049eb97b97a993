//! Standard output.

use crate::report::{self, Failure, Result};
use std::io::{self, BufWriter, IsTerminal, Write};

/// Whether a person reads it.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The width of the terminal.
pub(crate) fn width() -> usize {
    match terminal_size::terminal_size() {
        Some((width, _)) if width.0 > 0 => usize::from(width.0),
        _ => 80,
    }
}

/// Writes plain text.
pub(crate) fn write(content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    content(&mut out)
        .and_then(|()| out.flush())
        .map_err(|error| failure(&error))
}

/// Writes text with colours, which are left out where they are not wanted.
pub(crate) fn write_styled(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| failure(&error))
}

/// What it means that standard output couldn't be written to. A reader that has read enough, like
/// `head`, is no failure.
pub(crate) fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Silent(0),
        _ => report::io_failure("failed to write to standard output", error),
    }
}
