//! Ending a job whole: by its keeper, or, where that is gone, by what can be found of it.

use crate::adoption;
use crate::error::{During, Error, Kind, Result};
use crate::job::Job;
use outlive_keeper::store::Seen;
use outlive_keeper::{cgroup_paths, left};
use outlive_os::process::Process;
use outlive_os::{AsDescriptor, Borrowed, Found, KERNEL, Kernel, cgroup, events, proc, signal};
use outlive_record::{Life, Request};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long ending a tree by force may take: it takes milliseconds, unless a process hangs in the
/// kernel or has become another user's.
pub(crate) const FORCE: Duration = Duration::from_secs(10);

/// What stopping came to. Nothing of the job is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// Nothing of it was left before.
    AlreadyEnded,
    /// Its keeper, which sees every process of it, ended them all.
    Whole,
    /// Its first keeper was gone, and another one, which has adopted it, ended all that it could find
    /// of it: what is in the job's cgroup, has its variable in the environment, descends from such a
    /// process or has its output open.
    Adopted,
    /// Its keeper was gone, and no other one could be had. All that could be found in the same way was
    /// ended: this many.
    Found(usize),
}

/// The request to stop, and how long that gives a job.
fn request(life: &Life, grace: Option<Duration>) -> (Request, Duration) {
    let grace = grace.unwrap_or(life.grace());
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    (Request::Stop { grace_ms }, grace)
}

pub(crate) fn stop(job: &Job, grace: Option<Duration>) -> Result<Stopped> {
    let seen = match job.look_here() {
        Ok(seen) => adoption::kept(job, seen)?,
        // What is written of it can't be read, but whoever keeps it knows what to do.
        Err(error) if error.is_damaged() => {
            let (request, grace) = request(&Life::default(), grace);
            let heard = job.ask(&request).map_err(|_| error)?;
            return wait_for_keeper(job, &heard.keeper, grace, None);
        }
        Err(error) => return Err(error),
    };
    let (request, grace) = request(&seen.record.spec.life, grace);
    if seen.kept {
        if let Ok(Some(keeper)) = seen.living_keeper() {
            // One that was made to stand still would not hear us.
            let _ = keeper.signal(signal::CONTINUE);
        }
        match job.ask(&request) {
            Ok(heard) => return wait_for_keeper(job, &heard.keeper, grace, Some(&seen)),
            // It is about to go, or was killed.
            Err(error) if error.is_not_running() => settle(job, FORCE)?,
            Err(error) => return Err(error),
        }
    }
    stop_found(job, &job.look()?, grace)
}

/// Waits until a keeper that has recorded its job's end has gone too.
pub(crate) fn settle(job: &Job, timeout: Duration) -> Result<()> {
    let waiting = || format!("failed to wait for the keeper of `{}`", job.label());
    let seen = job.look()?;
    let timeout = timeout.saturating_add(seen.record.spec.life.after_end());
    let keeper = seen.living_keeper().during(waiting)?;
    let gone = keeper.is_none_or(|keeper| keeper.wait_end(Some(timeout)).unwrap_or(false));
    if gone && !job.look()?.kept {
        return Ok(());
    }
    let what = format!("{}: it does not answer", waiting());
    let hint = "it may be stopping what the job left behind, or its control socket was removed";
    Err(Error::new(Kind::Running, what).hint_at(hint))
}

/// Whether the keeper of a job that has ended is gone, or was about to go and now has: one that
/// still answers is stopping what the job left behind.
pub(crate) fn is_going(job: &Job) -> Result<bool> {
    let gone = match job.ask(&Request::Ended) {
        Ok(_) => return Ok(false),
        Err(error) if error.is_not_running() => settle(job, FORCE),
        Err(error) => Err(error),
    };
    match gone {
        Ok(()) => Ok(true),
        // Somebody else is removing it, or has.
        Err(error) if error.is_running() || error.is_no_such_job() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits for a keeper to end the run that was seen before it was asked to.
fn wait_for_keeper(
    job: &Job,
    keeper: &Process,
    grace: Duration,
    before: Option<&Seen>,
) -> Result<Stopped> {
    let stopping = || format!("failed to stop `{}`", job.label());
    // What is run after the end has its own time.
    let after_end = before.map_or(Duration::ZERO, |it| it.record.spec.life.after_end());
    let time = grace.checked_add(FORCE.saturating_add(after_end));
    let gone = keeper.wait_end(time).during(stopping)?;
    let Some(before) = before else {
        return if gone {
            Ok(Stopped::Whole)
        } else {
            Err(survivors(job, None))
        };
    };
    let seen = job.look()?;
    if !gone {
        return Err(survivors(job, Some(&seen)));
    }
    // A keeper that was killed meanwhile has not ended the tree; somebody else may have given it
    // another one since. What somebody has started since is another run, which nobody asked to stop.
    let first_run = |seen: &Seen| {
        let record = &seen.record;
        record.run_count.saturating_sub(record.course.restarts)
    };
    let another = |seen: &Seen| first_run(seen) != first_run(before);
    let cut_short = !another(&seen)
        && match seen.record.newest().end {
            None => true,
            // What was found may be of a run that has begun while it was looked for.
            Some(_) => {
                left_behind(job)? > 0 && job.look().is_ok_and(|it| !it.kept && !another(&it))
            }
        };
    if cut_short {
        return stop(job, Some(Duration::ZERO));
    }
    Ok(match seen.record.newest().adopted_at {
        Some(_) => Stopped::Adopted,
        None => Stopped::Whole,
    })
}

fn survivors(job: &Job, seen: Option<&Seen>) -> Error {
    let found = seen.and_then(|seen| found(job, seen));
    let left = found
        .and_then(|mut found| found.members().ok())
        .unwrap_or_default();
    if left.is_empty() {
        let what = format!(
            "failed to see the end of `{}`: its keeper is still ending it",
            job.label()
        );
        return Error::new(Kind::Io, what).hint_at("call stop again to go on waiting");
    }
    let own = seen.map_or_else(Vec::new, |seen| cgroup_paths(&seen.record.cgroups));
    let pids: Vec<String> = left.iter().map(|line| place_of(line.pid, &own)).collect();
    let what = format!(
        "failed to end all of `{}`: left are processes {}",
        job.label(),
        pids.join(", ")
    );
    Error::new(Kind::Io, what).hint_at("they hang in the kernel, or have become another user's")
}

/// A process in words: its id, and the cgroup that somebody has moved it to, if the job has others.
fn place_of(pid: i32, own: &[PathBuf]) -> String {
    let is_in = |path: &PathBuf| cgroup::processes(path).is_ok_and(|inside| inside.contains(&pid));
    if own.is_empty() || own.iter().any(is_in) {
        return pid.to_string();
    }
    let cgroups = proc::cgroups(pid).unwrap_or_default();
    // The line of version 2 comes last (cgroups(7)).
    let path = cgroups
        .lines()
        .last()
        .and_then(|line| line.splitn(3, ':').nth(2));
    match path {
        Some(path) => format!("{pid} (moved to the cgroup {path})"),
        None => pid.to_string(),
    }
}

fn found(job: &Job, seen: &Seen) -> Option<Found> {
    let folder = job.folder(&job.home().ok()?).ok()?;
    left::found(&folder, seen, job.jobs().here())
}

/// How many processes of a job are left although its keeper was to end them: it was killed before it
/// could.
pub(crate) fn left_behind(job: &Job) -> Result<usize> {
    let Ok(seen) = job.look() else {
        // A damaged record does not tell whose they would be.
        return Ok(0);
    };
    let left = left::left_behind(&job.folder(&job.home()?)?, &seen, job.jobs().here());
    left.during(|| format!("failed to look for processes of `{}`", job.label()))
}

fn stop_found(job: &Job, seen: &Seen, grace: Duration) -> Result<Stopped> {
    let stopping = || format!("failed to stop `{}`", job.label());
    let Some(mut found) = found(job, seen) else {
        return Ok(Stopped::AlreadyEnded);
    };
    let polite = Instant::now().checked_add(grace);
    let signal = seen.record.spec.life.stop_signal.unwrap_or(signal::TERM);
    let mut ended: Vec<i32> = Vec::new();
    let mut forced: Option<Instant> = None;
    loop {
        let force = polite.is_some_and(|polite| polite <= Instant::now());
        let mut lines = if force {
            found.kill()
        } else {
            found.ask(signal)
        }
        .during(stopping)?;
        if lines.is_empty() {
            // There is nobody who could be given time.
            found.kill_groups();
            lines = found.members().during(stopping)?;
        }
        if lines.is_empty() {
            outlive_keeper::remove_cgroups(&seen.record.cgroups);
            return Ok(match ended.len() {
                0 => Stopped::AlreadyEnded,
                found => Stopped::Found(found),
            });
        }
        let mut processes = Vec::new();
        for line in &lines {
            if !ended.contains(&line.pid) {
                ended.push(line.pid);
            }
            processes.extend(Process::open_same(line.pid, line.start_time).during(stopping)?);
        }
        let until = if force {
            let start = *forced.get_or_insert_with(Instant::now);
            if start.elapsed() > FORCE {
                return Err(survivors(job, Some(seen)));
            }
            start.checked_add(FORCE)
        } else {
            polite
        };
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let watched: Vec<Borrowed<'_>> = processes.iter().map(AsDescriptor::as_fd).collect();
        if !watched.is_empty() {
            events::wait(&watched, left).during(stopping)?;
        }
    }
}

fn runs(job: &Job) -> Result<bool> {
    let main = job.look()?.running_main(job.jobs().here());
    Ok(main
        .during(|| format!("failed to look at `{}`", job.label()))?
        .is_some())
}

/// Refuses a signal that this system doesn't have.
pub(crate) fn require_signal(signal: i32, to_do: &str) -> Result<()> {
    if signal::can_be_sent(signal) {
        return Ok(());
    }
    let name = signal::name(signal);
    let what = format!("failed to {to_do} {name}: there is no such signal");
    let error = Error::new(Kind::Unsupported, what);
    Err(match KERNEL {
        Kernel::Windows => error.hint_at("Windows has TERM, BREAK and KILL"),
        Kernel::Linux | Kernel::Darwin => error,
    })
}

pub(crate) fn signal(job: &Job, signal: i32, tree: bool) -> Result<()> {
    // 0 asks whether it runs, as with kill(2).
    if signal != 0 {
        if !signal::exists(signal) {
            let what = format!("failed to send signal {signal}: there is none of this number");
            return Err(Error::new(Kind::Invalid, what));
        }
        require_signal(signal, "send")?;
    }
    let seen = match job.look_here() {
        Err(error) if error.is_damaged() => {
            return job
                .ask(&Request::Kill { signal, tree })
                .map(drop)
                .map_err(|_| error);
        }
        other => adoption::kept(job, other?)?,
    };
    let failed = || {
        format!(
            "failed to send {} to `{}`",
            signal::name(signal),
            job.label()
        )
    };
    if seen.kept {
        match job.ask(&Request::Kill { signal, tree }) {
            Ok(_) => return Ok(()),
            Err(error) if error.is_not_running() => {}
            // It has ended: what it left behind may still be being stopped, or its keeper does not
            // know how it ended yet.
            Err(_) if !runs(job)? => {}
            Err(error) => return Err(error),
        }
    }
    let seen = job.look()?;
    if !seen.has_ended() && seen.record.is_between_runs() {
        let what = format!("{}: it waits to be started again", failed());
        return Err(Error::new(Kind::NotRunning, what).hint_at("`outlive stop` ends it"));
    }
    let Some(main) = seen.running_main(job.jobs().here()).during(failed)? else {
        return Err(Error::new(
            Kind::NotRunning,
            format!("{}: it has ended", failed()),
        ));
    };
    if !tree {
        return main.signal(signal).during(failed);
    }
    match found(job, &seen) {
        Some(mut found) => found.signal_all(signal).during(failed),
        None => Ok(()),
    }
}
