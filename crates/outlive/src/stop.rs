//! Ending a job whole: by its keeper, or, where that is gone, by what can be found of it.

use crate::error::{During, Error, Kind, Result};
use crate::job::Job;
use outlive_keeper::store::Seen;
use outlive_keeper::{JOB_VARIABLE, marks};
use outlive_os::process::Process;
use outlive_os::tree::is_of_another_job;
use outlive_os::{AsDescriptor, Borrowed, cgroup, events, os_string, proc, signal};
use outlive_record::{ProcessLine, Request};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a job has to end by itself, unless told otherwise.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// How long ending a tree by force may take: it takes milliseconds, unless a process hangs in the
/// kernel or has become another user's.
const FORCE: Duration = Duration::from_secs(10);

/// What stopping came to. Nothing of the job is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// Nothing of it was left before.
    AlreadyEnded,
    /// Its keeper, which sees every process of it, ended them all.
    Whole,
    /// Its keeper was gone. All that could be found by the job's cgroup, by its variable in their
    /// environment, by their descent from its main process or by its output being open was ended:
    /// this many.
    Found(usize),
}

pub(crate) fn stop(job: &Job, grace: Duration) -> Result<Stopped> {
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    let request = Request::Stop { grace_ms };
    let seen = match job.look_here() {
        Ok(seen) => seen,
        // What is written of it can't be read, but whoever keeps it knows what to do.
        Err(error) if error.is_damaged() => {
            let heard = job.ask(&request).map_err(|_| error)?;
            return wait_for_keeper(job, &heard.keeper, grace, None);
        }
        Err(error) => return Err(error),
    };
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
    let keeper = job.look()?.living_keeper().during(waiting)?;
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
    let gone = keeper.wait_end(grace.checked_add(FORCE)).during(stopping)?;
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
    // A keeper that was killed meanwhile has not ended the tree. What somebody has started since is
    // another run, which nobody asked to stop.
    let another = seen.kept || seen.record.run_count != before.record.run_count;
    match seen.record.newest().end {
        None if !another => stop_found(job, &seen, Duration::ZERO),
        _ => Ok(Stopped::Whole),
    }
}

fn survivors(job: &Job, seen: Option<&Seen>) -> Error {
    let left = seen.map_or_else(Vec::new, |seen| members(job, seen).unwrap_or_default());
    if left.is_empty() {
        let what = format!(
            "failed to see the end of `{}`: its keeper is still ending it",
            job.label()
        );
        return Error::new(Kind::Io, what).hint_at("call stop again to go on waiting");
    }
    let own: Vec<PathBuf> = seen.into_iter().flat_map(cgroups).collect();
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

/// All processes that can be told to be the job's without its keeper's help.
fn members(job: &Job, seen: &Seen) -> io::Result<Vec<ProcessLine>> {
    // Start times of an earlier boot mean nothing now.
    let here = seen.record.place == *job.jobs().here();
    let Some(main) = seen.main.filter(|_| here) else {
        return Ok(Vec::new());
    };
    let all = proc::all()?;
    let me = std::process::id().cast_signed();
    let output = output_file(job);
    let in_cgroup: Vec<i32> = cgroups(seen)
        .flat_map(|path| cgroup::processes(&path).unwrap_or_default())
        .collect();
    let marks = marks(&seen.record.spec.id);
    let other = |line: &ProcessLine| is_of_another_job(line.pid, &marks);
    let carries_id = |pid| {
        let environment = proc::environment(pid);
        proc::variable(&environment, JOB_VARIABLE) == Some(job.id().as_bytes())
    };
    let mut found: Vec<ProcessLine> = Vec::new();
    let is_main = |line: &ProcessLine| (line.pid, line.start_time) == (main.pid, main.start_time);
    // What has lost its parents has come to the keeper, if that lives.
    let keeper = seen.keeper.filter(|_| seen.kept).map(|line| line.pid);
    for line in &all {
        // Nothing of the job is older than its main process.
        let ours = line.start_time >= main.start_time
            && (is_main(line)
                || Some(line.parent) == keeper
                || in_cgroup.contains(&line.pid)
                || carries_id(line.pid)
                || output.is_some_and(|output| proc::writes_to(line.pid, output)));
        if ours && (is_main(line) || !other(line)) {
            found.push(*line);
            found.extend(proc::descendants(&all, line.pid, other));
        }
    }
    found.sort_by_key(|line| line.pid);
    found.dedup_by_key(|line| line.pid);
    found.retain(|line| line.pid != me && !line.has_ended());
    Ok(found)
}

/// The folders of the job's own cgroups.
fn cgroups(seen: &Seen) -> impl Iterator<Item = PathBuf> {
    let folders = seen.record.cgroups.iter();
    folders.map(|folder| PathBuf::from(os_string(folder.path.0.clone())))
}

/// Ends all that is in the job's own cgroups, but for another job's.
fn kill_cgroups(seen: &Seen) {
    let marks = marks(&seen.record.spec.id);
    for path in cgroups(seen) {
        // What is in one that can't be killed in is ended one by one.
        let _ = cgroup::kill(&path, |pid| is_of_another_job(pid, &marks));
    }
}

fn output_file(job: &Job) -> Option<(u64, u64)> {
    let home = job.home().ok()?;
    let file = home
        .jobs()
        .ok()?
        .sub(job.id())
        .ok()?
        .file(outlive_keeper::store::OUTPUT)
        .ok()?;
    outlive_os::folder::identity(&file).ok()
}

fn stop_found(job: &Job, seen: &Seen, grace: Duration) -> Result<Stopped> {
    let stopping = || format!("failed to stop `{}`", job.label());
    let polite = Instant::now().checked_add(grace);
    let mut ended: Vec<i32> = Vec::new();
    let mut asked: Vec<i32> = Vec::new();
    let mut leaders: Vec<ProcessLine> = Vec::new();
    let mut forced: Option<Instant> = None;
    loop {
        let mut lines = members(job, seen).during(stopping)?;
        if lines.is_empty() {
            // One that forks and ends, over and over, is never where we look, but still in the group
            // of one that we saw.
            leaders.iter().for_each(kill_group_of);
            lines = members(job, seen).during(stopping)?;
        }
        let force = polite.is_some_and(|polite| polite <= Instant::now());
        if force {
            kill_cgroups(seen);
        }
        let mut processes = Vec::new();
        for line in &lines {
            let Some(process) = Process::open_same(line.pid, line.start_time).during(stopping)?
            else {
                continue;
            };
            if line.group == line.pid && !leaders.iter().any(|it| it.pid == line.pid) {
                leaders.push(*line);
            }
            if force {
                kill_group_of(line);
                let _ = process.signal(signal::KILL);
            } else if !asked.contains(&line.pid) {
                let _ = process
                    .signal(signal::TERM)
                    .and_then(|()| process.signal(signal::CONTINUE));
                asked.push(line.pid);
            }
            if !ended.contains(&line.pid) {
                ended.push(line.pid);
            }
            processes.push(process);
        }
        if lines.is_empty() {
            outlive_keeper::remove_cgroups(&seen.record.cgroups);
            return Ok(match ended.len() {
                0 => Stopped::AlreadyEnded,
                found => Stopped::Found(found),
            });
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
        events::wait(&watched, left).during(stopping)?;
    }
}

/// Ends at once all of the group that a process leads or led, so that none of it forks its way out.
/// As long as the group has a member its id is given to no new process: where nobody bears it as a
/// process id, or still the same process does, it means that group or none.
fn kill_group_of(leader: &ProcessLine) {
    let now = proc::line(leader.pid).ok().flatten();
    let same = now.is_none_or(|now| now.start_time == leader.start_time);
    if same && leader.group == leader.pid {
        signal::kill_group(leader.group);
    }
}

pub(crate) fn signal(job: &Job, signal: i32, tree: bool) -> Result<()> {
    let seen = match job.look_here() {
        Err(error) if error.is_damaged() => {
            return job
                .ask(&Request::Kill { signal, tree })
                .map(drop)
                .map_err(|_| error);
        }
        other => other?,
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
            // It may still be stopping what the job left behind.
            Err(_) if job.look()?.record.newest().end.is_some() => {}
            Err(error) => return Err(error),
        }
    }
    let seen = job.look()?;
    let Some(main) = seen.running_main(job.jobs().here()).during(failed)? else {
        return Err(Error::new(
            Kind::NotRunning,
            format!("{}: it has ended", failed()),
        ));
    };
    if !tree {
        return main.signal(signal).during(failed);
    }
    for line in members(job, &seen).during(failed)? {
        if let Some(process) = Process::open_same(line.pid, line.start_time).during(failed)? {
            process.signal(signal).during(failed)?;
        }
    }
    Ok(())
}
