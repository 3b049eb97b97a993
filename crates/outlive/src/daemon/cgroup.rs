//! A daemon that leaves its cgroup: as a child does, but by itself, since there is no exec.

use crate::error::{During, Error, Kind, Result};
use crate::leave::Leaving;
use outlive_escape::plan::{Breakaway, Level, Reset, Wish};
use outlive_escape::report::{Running, Seen, verify};
use outlive_os::proc;
use outlive_os::process::Process;
use outlive_record::{Hazard, Report, State};

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
    let this = Process::open(pid).during(|| "failed to hold this process".to_owned())?;
    leaving.take_out(&this, "outlive daemon")?;
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
