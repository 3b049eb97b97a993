//! Starting a child apart from what ends its parent.

use crate::error::{During, Result};
use crate::leave::{self, Leaving, PATIENCE, PROCESSES};
use outlive_os::pidfd::Process;
use outlive_os::spawn::{Gate, Spawn, SpawnError, Step};
use outlive_os::{AsDescriptor, events, proc};
use outlive_record::{ProcessLine, Way};
use outlive_systemd::move_into_scope;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

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
                leaving.without_cgroups(&error.to_string());
                continue;
            }
        };
        let spawn = Spawn {
            cgroups: &cgroups,
            settings: &settings,
            ..prepare()?
        };
        if let Way::Scoped(_) = route.way {
            return scoped(leaving, route.way, spawn, start);
        }
        match start(spawn) {
            Err(error) if error.step == Step::Cgroup => {
                leaving.without_cgroups(&error.cause.to_string());
            }
            other => return Ok(other),
        }
    }
}

/// Starts it with a halt just before its exec, at which a manager moves it to a scope: nothing that
/// it forks can stay behind.
fn scoped(
    leaving: &mut Leaving,
    way: Way,
    spawn: Spawn<'_>,
    start: &(impl Fn(Spawn<'_>) -> Result<Process, SpawnError> + Sync),
) -> Result<Result<Process, SpawnError>> {
    let pipe = || events::pipe().during(|| "failed to make a pipe".to_owned());
    let (said, says) = pipe()?;
    let (halts, goes) = pipe()?;
    let (mut said, mut goes) = (File::from(said), File::from(goes));
    let gate_end = goes.try_clone();
    let gate_end = gate_end.during(|| "failed to copy a pipe".to_owned())?;
    thread::scope(|scope| {
        // A spawn returns only once its child has been exec'ed, which is what waits for us.
        let starter = scope.spawn(move || {
            let gate = Gate {
                wait: halts.as_fd(),
                other_end: gate_end.as_fd(),
            };
            start(Spawn {
                announce: Some(says.as_fd()),
                gate: Some(gate),
                ..spawn
            })
        });
        let mut line = [0; 1200];
        // At its end without a word if there is no child: the starter knows why.
        let length = said.read(&mut line).unwrap_or(0);
        if let Some(line) = ProcessLine::parse(&line[..length]) {
            if let Some((manager, asked)) = leave::manager(way) {
                let name = scope_name(line.pid);
                let moved = move_into_scope(
                    asked,
                    leaving.survey().user,
                    &name,
                    "outlive child",
                    line.pid,
                    PATIENCE,
                );
                if let Err(failure) = moved {
                    leaving.without(manager, failure.to_string());
                }
            }
            // If it was killed meanwhile nobody waits there any more.
            let _ = goes.write_all(b"g");
        }
        drop(goes);
        let result = starter.join();
        Ok(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// A name that no other scope has: a manager remembers a scope for a moment after its end.
fn scope_name(pid: i32) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = proc::random().unwrap_or(count);
    format!("outlive-{pid}-{random:08x}.scope")
}
