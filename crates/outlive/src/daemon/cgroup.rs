//! A daemon that leaves its cgroup: as a child does, but by itself, since there is no exec.

use crate::child::scope_name;
use crate::error::{During, Error, Kind, Result};
use crate::leave::{self, Barred, Leaving, PATIENCE, PROCESSES};
use outlive_escape::plan::{Breakaway, Level, Reset, Wish};
use outlive_escape::report::{Running, Seen, verify};
use outlive_os::{cgroup::Cgroup, proc};
use outlive_record::{Hazard, Report, State, Way};
use outlive_systemd::move_into_scope;

/// What is planned, as far as it can be asked for beforehand: an error if something that could end
/// the daemon would remain, and that is not to be.
pub(super) fn plan(breakaway: Breakaway, leaves_folder: bool) -> Result<Option<Leaving>> {
    if breakaway == Breakaway::Off {
        return Ok(None);
    }
    let wish = Wish {
        level: Level::Child,
        breakaway,
        reset: Reset {
            cwd: leaves_folder,
            umask: true,
            ..Reset::default()
        },
        ..Wish::default()
    };
    let mut leaving = Leaving::once(&wish)?;
    leaving.route()?;
    Ok(Some(leaving))
}

/// Leaves what this process can leave; what is then seen to be true of it.
pub(super) fn leave(mut leaving: Leaving) -> Result<Report> {
    let pid = std::process::id().cast_signed();
    loop {
        let route = leaving.route()?;
        if let Way::Scoped(manager) = route.way {
            let user = leaving.survey().user;
            let (name, asked) = (scope_name(pid), leave::of(manager));
            match move_into_scope(asked, user, &name, "outlive daemon", pid, PATIENCE) {
                Ok(()) => break,
                Err(failure) => leaving.without(manager, failure.to_string()),
            }
            continue;
        }
        let joined = leave::cgroups(&route.bases, PROCESSES)
            .and_then(|cgroups| cgroups.iter().try_for_each(Cgroup::join));
        match joined {
            Ok(()) => break,
            Err(error) => leaving.heed(Barred::Cgroup(error)),
        }
    }
    let failed = || "failed to look at what surrounds the daemon".to_owned();
    let line = proc::line(pid).during(failed)?;
    let line = line.ok_or_else(|| Error::new(Kind::Unsupported, failed()))?;
    let seen = Seen {
        line,
        leads: false,
        own_terminal: 0,
        running: Some(Running {
            cgroups: proc::cgroups(pid).during(failed)?,
            environment: proc::environment(pid),
            refused: Vec::new(),
        }),
        keepers_parent: line.parent,
        in_job: proc::in_job(None).ok(),
    };
    let mut report = verify(&leaving.plan().report, &leaving.caller(), &seen);
    for escape in &mut report.escapes {
        if let (Hazard::Session | Hazard::ProcessGroup, State::Left) = (escape.hazard, escape.state)
        {
            escape.how = "it is in a session of its own, which nobody leads any more".to_owned();
        }
    }
    leaving.check(&report)?;
    Ok(report)
}
