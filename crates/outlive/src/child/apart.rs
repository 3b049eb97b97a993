//! Starting a child apart from what ends its parent.

use crate::error::{During, Result};
use crate::leave::{self, Barred, Leaving, PATIENCE, PROCESSES};
use outlive_os::process::Process;
use outlive_os::spawn::{ANNOUNCED, GO, Gate, Spawn, SpawnError, Step};
use outlive_os::{AsDescriptor, Leave, proc, signal, socket};
use outlive_record::{Manager, ProcessLine, Way};
use outlive_systemd::move_into_scope;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// What is written to a gate instead of [`GO`]: the child ends there.
const STAY: u8 = b'-';

/// Starts what is prepared, on the way that the surroundings call for, or on the next best one.
pub(super) fn start<'a>(
    leaving: &mut Leaving,
    prepare: impl Fn() -> Result<Spawn<'a>>,
    start: &(impl Fn(Spawn<'_>) -> Result<Process, SpawnError> + Sync),
) -> Result<Result<Process, SpawnError>> {
    loop {
        let route = leaving.route()?;
        let settings = leaving.usual(route.reset);
        let cgroups = match leave::cgroups(&route.bases, PROCESSES) {
            Ok(cgroups) => cgroups,
            Err(error) => {
                leaving.heed(Barred::Cgroup(error));
                continue;
            }
        };
        let parent = leaving.parent();
        let exit = leave::job_exit(&route, parent.as_deref());
        let through_parent = matches!(exit, Leave::Parent(_));
        let spawn = Spawn {
            cgroups: &cgroups,
            settings: &settings,
            leave: exit,
            ..prepare()?
        };
        if let Way::Scoped(manager) = route.way {
            match scoped(leaving, manager, spawn, start)? {
                Some(started) => return Ok(started),
                None => continue,
            }
        }
        match start(spawn) {
            Err(error) if error.step == Step::Cgroup => leaving.heed(Barred::Cgroup(error.cause)),
            Err(error) if error.step == Step::Breakaway => {
                leaving.heed(Barred::Breakaway(error.cause));
            }
            Err(error) if error.step == Step::Process && through_parent => {
                leaving.heed(Barred::Via(error.cause));
            }
            Ok(process) if leaving.is_in_outer_job(&process, &route) => {
                if let Err(error) = leaving.route() {
                    // What was required is not true of it. One that has ended has ended.
                    let _ = process.signal(signal::KILL);
                    return Err(error);
                }
                return Ok(Ok(process));
            }
            other => return Ok(other),
        }
    }
}

/// Starts it with a halt just before its exec, at which a manager moves it to a scope: nothing that
/// it forks can stay behind. None if the manager has not moved it: it has ended then.
fn scoped(
    leaving: &mut Leaving,
    manager: Manager,
    spawn: Spawn<'_>,
    start: &(impl Fn(Spawn<'_>) -> Result<Process, SpawnError> + Sync),
) -> Result<Option<Result<Process, SpawnError>>> {
    // One socket both ways: whoever starts many children may have few descriptors left.
    let (ours, theirs) = socket::pair().during(|| "failed to make a socket".to_owned())?;
    let this = Process::open(std::process::id().cast_signed());
    let this = this.during(|| "failed to hold this process".to_owned())?;
    thread::scope(|scope| {
        let keeper = this.as_fd();
        // A spawn returns only once its child has been exec'ed, which is what waits for us.
        let starter = scope.spawn(move || {
            let gate = Gate {
                wait: theirs.as_fd(),
                keeper,
            };
            start(Spawn {
                announce: Some(theirs.as_fd()),
                gate: Some(gate),
                ..spawn
            })
        });
        // At its end without a word if there is no child: the starter knows why.
        let said = ours.receive(ANNOUNCED).ok();
        let line = said.and_then(|(line, _)| ProcessLine::parse(&line));
        let moved = line.map(|line| {
            let name = scope_name(line.pid);
            let (asked, user) = (leave::of(manager), leaving.survey().user);
            move_into_scope(asked, user, &name, "outlive child", line.pid, PATIENCE)
        });
        let word = if let Some(Ok(())) = &moved { GO } else { STAY };
        // If it was killed meanwhile nobody waits there any more.
        let _ = ours.send(&[word], None);
        let result = starter.join();
        let result = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match moved {
            Some(Err(failure)) => {
                leaving.without(manager, failure.to_string());
                Ok(None)
            }
            _ => Ok(Some(result)),
        }
    })
}

/// A name that no other scope has: a manager remembers a scope for a moment after its end.
pub(crate) fn scope_name(pid: i32) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = proc::random().unwrap_or(count);
    format!("outlive-{pid}-{random:08x}.scope")
}
