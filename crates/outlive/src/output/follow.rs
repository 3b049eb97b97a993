//! A job's output as it comes.

use super::Output;
use crate::error::Result;
use crate::job::Job;
use crate::waiting::{Goal, Sign, next, sign};
use outlive_os::growth::{self, Watch};
use outlive_os::{AsDescriptor, Borrowed, events};
use outlive_record::ProcessLine;
use std::io::{self, Read};
use std::task::Poll;
use std::time::Duration;

/// A job's output as it comes: see [`Job::follow`].
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
        let path = &output.kept.path;
        let watch = Watch::new(path).map_err(|cause| {
            let missing = cause.kind() == io::ErrorKind::NotFound;
            // It was there when it was opened: the job has been removed since, most likely.
            if let (true, Err(error)) = (missing, job.look()) {
                return error;
            }
            let limit = !missing && cause.raw_os_error().is_some();
            let error = crate::Error::io(format!("failed to watch `{}`", path.display()), cause);
            match limit {
                true => error.hint_at("`sysctl fs.inotify.max_user_instances` says how many can"),
                false => error,
            }
        })?;
        let sign = sign(&job, Goal::End)?;
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
        self.output.skipped()
    }

    /// The output, from where it has been read to: to be followed again, through the next run.
    pub fn into_output(self) -> Output {
        self.output
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// What becomes readable when more was printed, or the job may have ended; nothing once it has.
    pub fn descriptors(&self) -> Vec<Borrowed<'_>> {
        match self.sign {
            Sign::Come => Vec::new(),
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
            self.sign = next(&self.job, Goal::End, &self.sign).map_err(io::Error::other)?;
            if !matches!(self.sign, Sign::Come) {
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

    /// What `read` finds in the output; none at its end, pending if there is nothing yet.
    pub(super) fn attempt<T>(
        &mut self,
        mut read: impl FnMut(&mut Output) -> io::Result<Option<T>>,
    ) -> io::Result<Poll<Option<T>>> {
        loop {
            // Whether it had ended before what there is was read to its end.
            let ended = matches!(self.sign, Sign::Come);
            self.output.heed_cut()?;
            let found = read(&mut self.output)?;
            if found.is_some() || ended {
                return Ok(Poll::Ready(found));
            }
            let ready = events::wait(&self.descriptors(), Some(Duration::ZERO))?;
            if ready.is_empty() {
                return Ok(Poll::Pending);
            }
            self.heed(&ready)?;
        }
    }

    /// Reads what there is, 0 bytes at its end; `None` if there is nothing yet, which is to be
    /// asked again when one of the [`descriptors`](Follow::descriptors) is readable.
    pub fn try_read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        let read = self.attempt(|output| {
            let length = output.read(bytes)?;
            Ok((length > 0 || bytes.is_empty()).then_some(length))
        })?;
        Ok(match read {
            Poll::Ready(length) => Some(length.unwrap_or(0)),
            Poll::Pending => None,
        })
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
