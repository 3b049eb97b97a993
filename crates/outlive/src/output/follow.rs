//! A job's output as it comes.

use super::Output;
use crate::error::{During, Result};
use crate::job::Job;
use crate::waiting::{Goal, Sign, next, sign};
use outlive_os::growth::{self, Watch};
use outlive_os::socket::Connection;
use outlive_os::{AsDescriptor, Borrowed, events};
use outlive_record::{Printed, ProcessLine, Request};
use std::io::{self, Read};
use std::task::Poll;
use std::time::Duration;

/// A job's output as it comes: see [`Job::follow`].
pub struct Follow {
    job: Job,
    output: Output,
    watch: Watch,
    /// Over which the keeper tells what is printed: in the place of the watch, for as long as it is there.
    tee: Option<Connection>,
    /// Whether there may be something in the file of which the keeper tells no more.
    unread: bool,
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
            tee: None,
            unread: true,
            sign,
            keeper,
            adopted: false,
        })
    }

    /// Has the keeper tell what is printed, as it does of a job's terminal. One that does not is no
    /// error: the file has it all.
    pub(crate) fn ask_for_tee(&mut self) {
        let asked = self.job.call(&Request::Tee).and_then(|mut connection| {
            self.job.hear(&connection)?;
            let never_waits = connection.set_nonblocking();
            never_waits.during(|| "failed to listen".to_owned())?;
            Ok(connection)
        });
        self.tee = asked.ok();
        self.unread = true;
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
            _ => {
                let growth = self.tee.as_ref().map(AsDescriptor::as_fd);
                vec![growth.unwrap_or(self.watch.as_fd()), self.sign.as_fd()]
            }
        }
    }

    /// Waits for more to be printed or for the job's end, or a while on systems that tell of neither.
    pub fn wait(&mut self) -> io::Result<()> {
        let ready = events::wait(&self.descriptors(), growth::LATE)?;
        match self.is_told() {
            // What has come is for the next reading.
            true => Ok(()),
            false => self.heed(&ready),
        }
    }

    /// Looks at what has happened.
    fn heed(&mut self, ready: &[usize]) -> io::Result<()> {
        match &self.tee {
            // What it tells of is in the file.
            Some(_) if ready.contains(&0) => while self.hear_tee().is_some() {},
            None if ready.contains(&0) => self.watch.clear()?,
            _ => {}
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

    /// What the keeper tells next; none if that is nothing for now, or nothing any more.
    fn hear_tee(&mut self) -> Option<Vec<u8>> {
        match self.tee.as_ref()?.receive(Printed::LIMIT) {
            Ok((packet, _)) if !packet.is_empty() => Some(packet),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            // The keeper was killed, or this reader was too slow for it: the file is watched now.
            _ => {
                self.tee = None;
                None
            }
        }
    }

    /// Reads what the keeper has told, if it is short and follows what was read last.
    fn read_told(&mut self, packet: &[u8], bytes: &mut [u8]) -> Option<usize> {
        let Printed { at, bytes: told } = Printed::parse(packet)?;
        let room = bytes.get_mut(..told.len())?;
        let taken = !told.is_empty() && self.output.advance(at, told.len());
        taken
            .then(|| room.copy_from_slice(told))
            .map(|()| told.len())
    }

    /// Whether the job has got another keeper since this was last asked.
    pub(crate) fn was_adopted(&mut self) -> bool {
        std::mem::take(&mut self.adopted)
    }

    /// How many bytes there are to be read now, as far as none is given back.
    pub(crate) fn behind(&self) -> io::Result<u64> {
        match self.is_told() {
            true => Ok(0),
            false => self.output.left(),
        }
    }

    /// Whether all that comes next is told by the keeper.
    pub(crate) fn is_told(&self) -> bool {
        self.tee.is_some() && !self.unread
    }

    /// What `read` finds in the output; none at its end, pending if there is nothing yet.
    pub(super) fn attempt<T>(
        &mut self,
        mut read: impl FnMut(&mut Output) -> io::Result<Option<T>>,
    ) -> io::Result<Poll<Option<T>>> {
        loop {
            // Whether it had ended before what there is was read to its end.
            let ended = matches!(self.sign, Sign::Come);
            let mut found = read(&mut self.output)?;
            if found.is_none() && self.output.heed_cut()? {
                found = read(&mut self.output)?;
            }
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
        if self.is_told() {
            let packet = self.hear_tee();
            let told = packet.as_deref();
            if let Some(length) = told.and_then(|packet| self.read_told(packet, bytes)) {
                return Ok(Some(length));
            }
            let ended = || events::wait(&[self.sign.as_fd()], Some(Duration::ZERO));
            if packet.is_none() && self.is_told() && ended()?.is_empty() {
                return Ok(None);
            }
            self.unread = true;
        }
        let read = self.attempt(|output| {
            let length = output.read(bytes)?;
            Ok((length > 0 || bytes.is_empty()).then_some(length))
        })?;
        self.unread = read.is_ready();
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
