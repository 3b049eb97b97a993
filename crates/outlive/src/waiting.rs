//! Waiting for jobs to end, or to be ready: each job lends a descriptor that is ready when something has happened.

use crate::adoption;
use crate::error::{During, Error, Kind, Result};
use crate::job::Job;
use outlive_keeper::store::Seen;
use outlive_os::process::Process;
use outlive_os::socket::Connection;
use outlive_os::{AsDescriptor, Borrowed, Descriptor, events};
use outlive_record::Request;
use std::time::{Duration, Instant};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The job's end.
    End,
    /// That it is ready, or can be waited for no more.
    Ready,
}

impl Goal {
    fn request(self) -> Request {
        match self {
            Goal::End => Request::Ended,
            Goal::Ready => Request::Ready,
        }
    }

    fn is_reached(self, seen: &Seen) -> bool {
        let record = &seen.record;
        let decided = || record.is_readiness_decided() && !record.is_between_runs();
        let is_ready = record.spec.ready.when.is_none() || decided();
        seen.has_ended() || (self == Goal::Ready && is_ready)
    }
}

/// What tells that what is waited for may have come.
pub(crate) enum Sign {
    /// It has: there is nothing to wait for.
    Come,
    /// The keeper was asked. One that stands still (in a frozen cgroup, say) holds nobody up: its
    /// answer is waited for with everything else.
    Asked(Connection),
    /// A pipe whose other end the keeper closes when it has recorded it.
    Told(Descriptor),
    /// A process: the main one of a job without a keeper, or a keeper that does not answer.
    Process(Process),
}

impl AsDescriptor for Sign {
    fn as_fd(&self) -> Borrowed<'_> {
        match self {
            Sign::Asked(connection) => connection.as_fd(),
            Sign::Told(pipe) => pipe.as_fd(),
            Sign::Process(process) => process.as_fd(),
            Sign::Come => unreachable!("what has come is not waited for"),
        }
    }
}

/// What to wait for, of a job as it stands now.
pub(crate) fn sign(job: &Job, goal: Goal) -> Result<Sign> {
    loop {
        let seen = adoption::kept(job, job.look_here()?)?;
        if goal.is_reached(&seen) || seen.record.place != *job.jobs().here() {
            return Ok(Sign::Come);
        }
        let waiting = || format!("failed to wait for `{}`", job.label());
        if !seen.kept {
            return Ok(seen
                .running_main(job.jobs().here())
                .during(waiting)?
                .map_or(Sign::Come, Sign::Process));
        }
        match job.call(&goal.request()) {
            Ok(connection) => return Ok(Sign::Asked(connection)),
            Err(error) if error.is_not_running() => {}
            Err(error) => return Err(error),
        }
        // It has just ended, or its socket was removed: then its own end is what can be seen.
        if let Some(keeper) = seen.living_keeper().during(waiting)? {
            return Ok(Sign::Process(keeper));
        }
        if seen.keeper.is_none() {
            let what = format!(
                "{}: its keeper can't be reached, nor told who it is",
                waiting()
            );
            return Err(Error::new(Kind::Damaged, what).hint_at("its lock file is damaged"));
        }
    }
}

/// What to wait for next, after a sign was ready.
pub(crate) fn next(job: &Job, goal: Goal, sign: &Sign) -> Result<Sign> {
    if let Sign::Asked(connection) = sign {
        match job.hear(connection) {
            Ok(Some(pipe)) => return Ok(Sign::Told(pipe)),
            Ok(None) => {}
            Err(error) if error.is_not_running() => {}
            // The keeper can't lend what tells of the end, and would refuse it again.
            Err(error) if error.kind() == Kind::Unsupported => {
                let waiting = || format!("failed to wait for `{}`", job.label());
                let seen = job.look_here()?;
                match seen.living_keeper().during(waiting)? {
                    Some(keeper) => return Ok(Sign::Process(keeper)),
                    None if seen.kept => return Err(error),
                    None => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
    self::sign(job, goal)
}

/// A wait for a job's end, or for its being ready, for a program that waits for other things too: its
/// descriptor becomes readable when something has happened, which [`advance`](Waiting::advance) then
/// looks at.
///
/// ```
/// # fn wait(job: &outlive::Job) -> outlive::Result<()> {
/// let mut waiting = job.waiting()?;
/// while !waiting.is_over() {
///     // Here an event loop would wait until `waiting.descriptor()` is readable.
///     waiting.advance()?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Waiting {
    job: Job,
    goal: Goal,
    sign: Sign,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting")
            .field("job", &self.job)
            .field("goal", &self.goal)
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}

impl Waiting {
    pub(crate) fn new(job: Job, goal: Goal) -> Result<Waiting> {
        let sign = sign(&job, goal)?;
        Ok(Waiting { job, goal, sign })
    }

    /// Whether what is waited for has come, as far as was seen.
    pub fn is_over(&self) -> bool {
        matches!(self.sign, Sign::Come)
    }

    /// What becomes readable next; none once the wait is over. It is another one after each
    /// [`advance`](Waiting::advance).
    pub fn descriptor(&self) -> Option<Borrowed<'_>> {
        (!self.is_over()).then(|| self.sign.as_fd())
    }

    /// Looks at what has happened, and waits for it if nothing has. Whether the wait is over: if not,
    /// there is another thing to wait for.
    pub fn advance(&mut self) -> Result<bool> {
        if let Some(descriptor) = self.descriptor() {
            events::wait(&[descriptor], None).during(|| "failed to wait".to_owned())?;
            self.sign = next(&self.job, self.goal, &self.sign)?;
        }
        Ok(self.is_over())
    }
}

pub(crate) fn wait_any(
    jobs: &[Job],
    goal: Goal,
    timeout: Option<Duration>,
) -> Result<Option<usize>> {
    if jobs.is_empty() {
        return Ok(None);
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let signs = jobs.iter().map(|job| sign(job, goal));
    let mut signs = signs.collect::<Result<Vec<_>>>()?;
    loop {
        if let Some(at) = signs.iter().position(|sign| matches!(sign, Sign::Come)) {
            return Ok(Some(at));
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let watched: Vec<Borrowed<'_>> = signs.iter().map(AsDescriptor::as_fd).collect();
        let ready = events::wait(&watched, left).during(|| "failed to wait".to_owned())?;
        if ready.is_empty() {
            return Ok(None);
        }
        for at in ready {
            signs[at] = next(&jobs[at], goal, &signs[at])?;
        }
    }
}

pub(crate) fn wait_all(jobs: &[Job], timeout: Option<Duration>) -> Result<bool> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    for job in jobs {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if wait_any(std::slice::from_ref(job), Goal::End, left)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
