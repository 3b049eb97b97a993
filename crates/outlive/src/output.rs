//! A job's output.

use crate::error::{During, Result};
use crate::job::Job;
use crate::waiting::{Sign, next, sign};
use outlive_os::growth::{self, Watch};
use outlive_os::output::first_data;
use outlive_os::{AsDescriptor, Borrowed, events};
use outlive_record::ProcessLine;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

/// A job's output, to be read: from the first byte that is still there to the last one there is
/// now.
#[derive(Debug)]
pub struct Output {
    file: File,
    path: PathBuf,
    /// Whether it is the job's own file, of which the oldest part may be given back at any time.
    /// In a file of the user's a hole is what the user put there.
    own: bool,
    position: u64,
    skipped: u64,
}

/// How much is read at once when looking for line ends from the back.
const BACKWARDS: u64 = 64 << 10;

impl Output {
    pub(crate) fn new(file: File, path: PathBuf, own: bool, start: u64) -> Result<Output> {
        let mut output = Output {
            file,
            path,
            own,
            position: start,
            skipped: 0,
        };
        let failed = format!("failed to read `{}`", output.path.display());
        output.skip_hole().during(|| failed)?;
        Ok(output)
    }

    /// How many bytes are no longer there because the output is capped.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Goes to where the last `lines` lines begin.
    pub fn tail(&mut self, lines: u64) -> Result<()> {
        let failed = format!("failed to read `{}`", self.path.display());
        self.position = self.line_from_end(lines).during(|| failed)?;
        Ok(())
    }

    /// Goes to where the last `bytes` bytes begin, unless it stands behind that; how many bytes it has
    /// passed over.
    pub fn skip_to_last(&mut self, bytes: u64) -> Result<u64> {
        let failed = || format!("failed to read `{}`", self.path.display());
        let passed_over = self.left().during(failed)?.saturating_sub(bytes);
        self.position += passed_over;
        Ok(passed_over)
    }

    /// How many bytes there are to be read now, as far as none is given back.
    pub fn left(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(self.position))
    }

    /// If what comes next has been given back, goes on to the first line that is there whole.
    fn skip_hole(&mut self) -> io::Result<()> {
        if !self.own {
            return Ok(());
        }
        let data = first_data(self.file.as_fd(), self.position)?;
        if data <= self.position {
            return Ok(());
        }
        let mut position = data;
        let mut buffer = [0; 4096];
        self.file.seek(SeekFrom::Start(position))?;
        loop {
            let length = self.file.read(&mut buffer)?;
            if let Some(end) = buffer[..length].iter().position(|&b| b == b'\n') {
                position += end as u64 + 1;
                break;
            }
            position += length as u64;
            // One single line: better a part of it than nothing.
            if length == 0 || position - data > 1 << 20 {
                position = data;
                break;
            }
        }
        self.skipped += position - self.position;
        self.position = position;
        Ok(())
    }

    fn line_from_end(&mut self, lines: u64) -> io::Result<u64> {
        let size = self.file.seek(SeekFrom::End(0))?;
        if lines == 0 {
            return Ok(size);
        }
        let mut left = lines;
        let mut end = size;
        let mut buffer = Vec::new();
        while end > self.position {
            let start = end.saturating_sub(BACKWARDS).max(self.position);
            buffer.resize(usize::try_from(end - start).unwrap_or(0), 0);
            self.file.seek(SeekFrom::Start(start))?;
            self.file.read_exact(&mut buffer)?;
            for (at, _) in buffer
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, byte)| **byte == b'\n')
            {
                let at = start + at as u64;
                // The last line's own end begins no other.
                if at + 1 == size {
                    continue;
                }
                if left <= 1 {
                    return Ok(at + 1);
                }
                left -= 1;
            }
            end = start;
        }
        Ok(self.position)
    }
}

impl Read for Output {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            self.file.seek(SeekFrom::Start(self.position))?;
            let length = self.file.read(bytes)?;
            let before = self.position;
            // What was given back before or while it was read has been read as zeros.
            self.skip_hole()?;
            if self.position == before {
                self.position += length as u64;
                return Ok(length);
            }
        }
    }
}

/// A job's output as it comes.
pub struct Follow {
    job: Job,
    output: Output,
    watch: Watch,
    sign: Sign,
    /// Who keeps the job.
    keeper: Option<ProcessLine>,
    /// Whether that is another one since it was last asked.
    adopted: bool,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow")
            .field("job", &self.job)
            .field("output", &self.output)
            .finish()
    }
}

impl Follow {
    pub(crate) fn new(job: Job, output: Output) -> Result<Follow> {
        let watch = Watch::new(&output.path).map_err(|cause| {
            let missing = cause.kind() == io::ErrorKind::NotFound;
            // It was there when it was opened: the job has been removed since, most likely.
            if let (true, Err(error)) = (missing, job.look()) {
                return error;
            }
            let limit = !missing && cause.raw_os_error().is_some();
            let error = crate::Error::io(
                format!("failed to watch `{}`", output.path.display()),
                cause,
            );
            match limit {
                true => error.hint_at("`sysctl fs.inotify.max_user_instances` says how many can"),
                false => error,
            }
        })?;
        let sign = sign(&job)?;
        let keeper = job.look()?.keeper;
        Ok(Follow {
            job,
            output,
            watch,
            sign,
            keeper,
            adopted: false,
        })
    }

    /// How many bytes were given back before they could be read.
    pub fn skipped(&self) -> u64 {
        self.output.skipped
    }

    /// What becomes readable when more was printed, or the job may have ended; nothing once it has.
    pub fn descriptors(&self) -> Vec<Borrowed<'_>> {
        match self.sign {
            Sign::Ended => Vec::new(),
            _ => vec![self.watch.as_fd(), self.sign.as_fd()],
        }
    }

    /// Waits for more to be printed or for the job's end, or a while on systems that tell of neither.
    pub fn wait(&mut self) -> io::Result<()> {
        let ready = events::wait(&self.descriptors(), growth::LATE)?;
        self.heed(&ready)
    }

    /// Looks at what has happened.
    fn heed(&mut self, ready: &[usize]) -> io::Result<()> {
        if ready.contains(&0) {
            self.watch.clear()?;
        }
        if ready.contains(&1) {
            self.sign = next(&self.job, &self.sign).map_err(io::Error::other)?;
            if !matches!(self.sign, Sign::Ended) {
                let keeper = self.job.look().map_err(io::Error::other)?.keeper;
                self.adopted |= keeper != self.keeper;
                self.keeper = keeper;
            }
        }
        Ok(())
    }

    /// Whether the job has got another keeper since this was last asked.
    pub(crate) fn was_adopted(&mut self) -> bool {
        std::mem::take(&mut self.adopted)
    }

    /// How many bytes there are to be read now, as far as none is given back.
    pub(crate) fn behind(&self) -> io::Result<u64> {
        self.output.left()
    }

    /// Reads what there is, 0 bytes at its end; `None` if there is nothing yet, which is to be
    /// asked again when one of the [`descriptors`](Follow::descriptors) is readable.
    pub fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            // Whether it had ended before what there is was read to its end.
            let ended = matches!(self.sign, Sign::Ended);
            if self.output.file.metadata()?.len() < self.output.position {
                // The job has cut its output short: what is there now is new.
                self.output.position = 0;
            }
            let length = self.output.read(bytes)?;
            if length > 0 || ended || bytes.is_empty() {
                return Ok(Some(length));
            }
            let ready = events::wait(&self.descriptors(), Some(Duration::ZERO))?;
            if ready.is_empty() {
                return Ok(None);
            }
            self.heed(&ready)?;
        }
    }
}

impl Read for Follow {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(length) = self.try_read(bytes)? {
                return Ok(length);
            }
            self.wait()?;
        }
    }
}
