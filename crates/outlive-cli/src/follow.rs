//! Output as it comes.

use crate::output;
use crate::report::{self, Failure, Result};
use bytesize::ByteSize;
use outlive::Follow;
use outlive_os::AsDescriptor;
use outlive_os::events::{self, Signals};
use outlive_os::signal;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::thread;

/// Large enough that a gigabyte costs few system calls, small enough for a processor's cache.
const CHUNK: usize = 128 << 10;

/// Copies to standard output, each piece as it comes; gives the number of lines.
pub(crate) fn copy(from: &mut impl Read) -> Result<u64> {
    let mut out = io::stdout().lock();
    let mut buffer = vec![0; CHUNK];
    let mut lines = 0;
    let mut last = b'\n';
    loop {
        let piece = match from.read(&mut buffer) {
            // A last line need not be ended.
            Ok(0) => return Ok(lines + u64::from(last != b'\n')),
            Ok(length) => &buffer[..length],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&error)),
        };
        last = piece[piece.len() - 1];
        lines += piece
            .iter()
            .map(|&byte| u64::from(byte == b'\n'))
            .sum::<u64>();
        out.write_all(piece)
            .and_then(|()| out.flush())
            .map_err(|error: io::Error| output::failure(&error))?;
    }
}

/// Copies what is followed to standard output, and gives it back.
pub(crate) fn copy_as_it_comes(mut from: Follow) -> (Follow, Result<()>) {
    let copied = copy(&mut from).map(drop);
    (from, copied)
}

/// What it means that a job's output can't be read.
pub(crate) fn unreadable(error: &io::Error) -> Failure {
    report::io_failure("failed to read the output", error)
}

/// Says how much of the output was gone before it could be read.
pub(crate) fn tell_missing(bytes: u64) {
    if bytes > 0 {
        let size = ByteSize(bytes).display().iec();
        report::note(&format!(
            "{size} of older output are gone (run --output-limit)"
        ));
    }
}

/// From here on Ctrl-C, a request to end and the end of the terminal make this process do `last`
/// and exit with 128 and the signal's number. To be called while there is one thread.
pub(crate) fn on_interrupt(last: impl FnOnce(i32) + Send + 'static) -> Result<()> {
    let mut last = Some(last);
    on_signals(move |signal| {
        if let Some(last) = last.take() {
            last(signal);
        }
        ControlFlow::Break(())
    })
}

/// From here on Ctrl-C, a request to end and the end of the terminal make this process do `act`, and
/// exit with 128 and the signal's number if it says so. To be called while there is one thread.
pub(crate) fn on_signals(
    mut act: impl FnMut(i32) -> ControlFlow<()> + Send + 'static,
) -> Result<()> {
    let failure = |error: io::Error| report::io_failure("failed to watch for Ctrl-C", &error);
    let signals = Signals::take(&[signal::INTERRUPT, signal::TERM, signal::HANG_UP]);
    let signals = signals.map_err(failure)?;
    let watch = move || -> io::Result<()> {
        loop {
            events::wait(&[signals.as_fd()], None)?;
            if let Some(signal) = signals.next()?
                && act(signal).is_break()
            {
                std::process::exit(128 + signal);
            }
        }
    };
    thread::Builder::new().spawn(watch).map_err(failure)?;
    Ok(())
}
