//! Sitting down at a job's own terminal.

use crate::error::{During, Error, Kind, Result};
use crate::job::Job;
use crate::output::{Follow, Output};
use outlive_os::{AsDescriptor, Borrowed, Descriptor, events, pty};
use outlive_record::{Modes, OutputMode, Reply, Request, Size};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A job's own terminal: what is written to it is typed, and what is read from it is what the job
/// prints, and its echo. Any number may be attached; dropping it does nothing to the job.
///
/// What is read comes from the job's output file, so that a slow reader costs neither the job nor its
/// keeper anything; one that is too slow for [`output_limit`](crate::JobOptions::output_limit) misses
/// what was given back meanwhile.
///
/// ```no_run
/// use outlive::Jobs;
/// use std::io::{Read, Write};
///
/// let job = Jobs::open()?.get("repl")?;
/// let mut output = job.output()?;
/// output.tail(0)?;
/// let mut terminal = job.attach(output)?;
/// terminal.write_all(b"6 * 7\r")?;
/// let mut bytes = [0; 4096];
/// let length = terminal.read(&mut bytes)?;
/// println!("{}", String::from_utf8_lossy(&bytes[..length]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Attached {
    job: Job,
    input: File,
    output: Follow,
    /// What is known of its size where it can't be asked for.
    size: Mutex<Size>,
}

impl Attached {
    pub(crate) fn new(job: &Job, output: Output) -> Result<Attached> {
        let seen = job.look_here()?;
        let what = format!("failed to attach to `{}`", job.label());
        if seen.record.spec.output.mode != OutputMode::Pty {
            let hint = "start it with `outlive run --tty` to attach to it";
            return Err(
                Error::new(Kind::Unsupported, format!("{what}: it has no terminal")).hint_at(hint),
            );
        }
        // First of all that it has a keeper: who follows an output gives it another one.
        let mut output = Follow::new(job.clone(), output)?;
        let input = job.terminal_input(&what)?;
        output.ask_for_tee();
        Ok(Attached {
            job: job.clone(),
            input: input.into(),
            output,
            size: Mutex::new(seen.record.spec.terminal.unwrap_or_default()),
        })
    }

    /// The terminal's size. On Windows, where that can't be asked for, the one that it was given last
    /// by this, or at first.
    pub fn size(&self) -> Result<Size> {
        let size = self.terminal_size(self.input.as_fd());
        size.during(|| self.failed("tell the size of"))
    }

    fn terminal_size(&self, input: Borrowed<'_>) -> io::Result<Size> {
        match pty::size(input) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(*self.known_size()),
            size => size,
        }
    }

    /// Gives the terminal another size. The job is told if it is another one (SIGWINCH; on Windows
    /// WINDOW_BUFFER_SIZE_EVENT), and all who are attached have it: the one who comes last decides.
    ///
    /// An error of the kind of [`Error::is_unsupported`] where the system refuses it, as Wine does.
    pub fn set_size(&self, size: Size) -> Result<()> {
        match pty::set_size(self.input.as_fd(), size) {
            // Its keeper alone can.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.job.ask(&outlive_record::Request::Resize(size))?;
                *self.known_size() = size;
                Ok(())
            }
            set => set.during(|| self.failed("resize")),
        }
    }

    fn known_size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, what: &str) -> String {
        format!("failed to {what} the terminal of `{}`", self.job.label())
    }

    /// How many bytes were given back before they could be read.
    pub fn skipped(&self) -> u64 {
        self.output.skipped()
    }

    /// How many bytes are there to be read now, as far as none is given back.
    pub fn behind(&self) -> io::Result<u64> {
        self.output.behind()
    }

    /// What becomes readable when more was printed, or the job may have ended; nothing once it has.
    pub fn descriptors(&self) -> Vec<Borrowed<'_>> {
        self.output.descriptors()
    }

    /// What becomes writable when there is room for what is [typed](Attached::try_write).
    pub fn input(&self) -> Borrowed<'_> {
        self.input.as_fd()
    }

    /// Reads what there is, 0 bytes at the job's end; `None` if there is nothing yet, which is to be
    /// asked again when one of the [`descriptors`](Attached::descriptors) is readable.
    pub fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        let read = loop {
            let read = self.output.try_read(bytes)?;
            if !self.output.was_adopted() {
                break read;
            }
            // The terminal lives on by what is held here: its new keeper is given it.
            self.job
                .hand_over(self.input.as_fd())
                .map_err(io::Error::other)?;
            self.output.ask_for_tee();
            // What has passed before it tells of anything is in the file alone.
            if read.is_some() {
                break read;
            }
        };
        // Of another run the keeper tells without bytes.
        if read != Some(0) && (read.is_none() || !self.output.is_told()) {
            self.go_over()?;
        }
        Ok(read)
    }

    /// A run that began after somebody sat down (a restart of the job's own) has a terminal of its
    /// own: goes over to that, which gets this one's size.
    fn go_over(&mut self) -> io::Result<()> {
        if !pty::is_hung_up(self.input.as_fd())? {
            return Ok(());
        }
        // Between two runs and after the last there is no other one.
        let Ok(input) = self.job.terminal_input("failed to stay attached") else {
            return Ok(());
        };
        let size = self.terminal_size(self.input.as_fd())?;
        self.input = input.into();
        // It is of use in another one, too.
        let _ = self.set_size(size);
        Ok(())
    }

    /// Types what there is room for; an error of kind `WouldBlock` if there is none, since the job
    /// does not read.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.go_over()?;
        self.input.write(bytes)
    }

    /// Waits until one of these descriptors is readable, or, where `to_write` says so, there is room
    /// for what is typed; the places of those that are. `timeout` is how long at most; on Windows,
    /// where news of what was printed may come late, it is only some milliseconds in any case.
    pub fn wait(
        &self,
        descriptors: &[Borrowed<'_>],
        to_write: bool,
        timeout: Option<Duration>,
    ) -> io::Result<Vec<usize>> {
        let room = to_write.then(|| self.input.as_fd());
        let timeout = timeout.into_iter().chain(pty::LATE).min();
        events::wait_or_room(descriptors, room, timeout)
    }
}

impl Read for Attached {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(length) = self.try_read(bytes)? {
                return Ok(length);
            }
            self.wait(&self.descriptors(), false, None)?;
        }
    }
}

impl Write for Attached {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.go_over()?;
        write_waiting(&mut self.input, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to what a job reads from. A terminal does not wait by itself until there is room.
pub(crate) fn write_waiting(to: &mut File, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match to.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                events::wait_or_room(&[], Some(to.as_fd()), None)?;
            }
            other => return other,
        }
    }
}

impl Job {
    /// Sits down at its terminal, and goes on reading where `output` stands: at the beginning of its
    /// newest run ([`latest_output`](Job::latest_output)), or at what comes from now on
    /// ([`tail(0)`](Output::tail)).
    ///
    /// An error of the kind of [`Error::is_unsupported`] if it has none
    /// ([`JobOptions::tty`](crate::JobOptions::tty)), of [`Error::is_not_running`] if it has ended.
    pub fn attach(&self, output: Output) -> Result<Attached> {
        Attached::new(self, output)
    }

    /// To what its program has switched its terminal, as its keeper has seen it pass: `None` if there is
    /// none that has seen all of it (the one before was killed, or knows no such question).
    ///
    /// # Errors
    ///
    /// [`is_not_running`](Error::is_not_running) if it has no keeper that could be asked.
    pub fn modes(&self) -> Result<Option<Modes>> {
        let answer = self.call(&Request::Modes).and_then(|it| self.answer(&it));
        match answer {
            Ok((Reply::Modes(text), _)) => {
                let mut modes = Modes::default();
                modes.follow(text.as_bytes());
                Ok(Some(modes))
            }
            Ok(_) => Ok(None),
            Err(error) if error.is_unsupported() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where what is typed at its terminal is written to.
    fn terminal_input(&self, what: &str) -> Result<Descriptor> {
        let heard = self.ask(&Request::Stdin).map_err(|error| {
            let Ok(seen) = self.look() else { return error };
            if seen.record.newest().end.is_some() {
                let hint = format!("its output: outlive logs {}", self.label());
                return Error::new(Kind::NotRunning, format!("{what}: it has ended")).hint_at(hint);
            }
            if error.is_unsupported() {
                let why = "its terminal has ended with its first keeper";
                return Error::new(Kind::NotRunning, format!("{what}: {why}"));
            }
            error
        })?;
        let missing = || Error::new(Kind::Io, what.to_owned());
        heard.descriptor.ok_or_else(missing)
    }
}
