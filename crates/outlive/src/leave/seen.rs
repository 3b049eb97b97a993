//! What surrounds this process, looked at once.

use super::Bases;
use crate::error::{During, Result};
use outlive_escape::kernel::cgroup::Hierarchy;
use outlive_escape::plan::{self, Wish};
use outlive_escape::survey::{Glance, Survey};
use outlive_os::{KERNEL, Kernel, proc, role};
use std::sync::RwLock;

/// What surrounds this process: what would end, stall or limit a program that is started from here.
/// It is looked at once, and again in a process that was forked or moved to another cgroup, or that
/// is another user's by now; the first call takes some hundred microseconds.
///
/// ```
/// let survey = outlive::survey()?;
/// println!("session {}, terminal {:?}", survey.process.session, survey.terminal);
/// # Ok::<(), outlive::Error>(())
/// ```
///
/// # Errors
///
/// If `/proc` can't be read.
pub fn survey() -> Result<&'static Survey> {
    match surveyed() {
        Some(survey) => Ok(survey),
        None => complete(Glance::take(), None),
    }
}

/// What may change around a process while it runs, by itself or by what manages it: its id (it was
/// forked), its user, and its cgroups as `/proc/PID/cgroup` has them.
type Place = (u32, u32, String);

fn place() -> Place {
    let process = std::process::id();
    let cgroups = proc::cgroups(process.cast_signed()).unwrap_or_default();
    (process, role::user(), cgroups)
}

/// What was seen at this place. The lock is only tried, since a thread that holds it is not there to
/// let go of it in a process that was forked meanwhile.
static SURVEY: RwLock<Option<(Place, &'static Survey)>> = RwLock::new(None);

/// What this process has seen around it.
fn surveyed() -> Option<&'static Survey> {
    let kept = SURVEY.try_read().ok()?;
    let (seen_at, survey) = kept.as_ref()?;
    (*seen_at == place()).then_some(*survey)
}

pub(super) fn complete(glance: Glance, orphans_parent: Option<i32>) -> Result<&'static Survey> {
    // Before the look: what changes meanwhile is seen by the next one.
    let place = place();
    let survey = looked(glance, orphans_parent)?;
    // One for each place, but for threads that look at the same time.
    let survey: &'static Survey = Box::leak(Box::new(survey));
    if let Ok(mut kept) = SURVEY.try_write() {
        *kept = Some((place, survey));
    }
    Ok(survey)
}

pub(super) fn looked(glance: Glance, orphans_parent: Option<i32>) -> Result<Survey> {
    let survey = glance.complete(std::env::vars_os(), orphans_parent);
    survey.during(|| "failed to look at what surrounds this process".to_owned())
}

/// A survey that was begun: as much of it as a keeper's start depends on.
pub(crate) enum Begun {
    Whole(&'static Survey),
    Glance(Glance),
}

impl Begun {
    pub(crate) fn new() -> Result<Begun> {
        match (surveyed(), KERNEL) {
            (Some(survey), _) => Ok(Begun::Whole(survey)),
            (None, Kernel::Linux) => Ok(Begun::Glance(Glance::take())),
            // There all of it is soon looked at, and the keeper's start depends on all of it.
            (None, Kernel::Windows | Kernel::Darwin) => survey().map(Begun::Whole),
        }
    }

    fn cgroups(&self) -> &[Hierarchy] {
        match self {
            Begun::Whole(survey) => &survey.cgroups,
            Begun::Glance(glance) => &glance.cgroups,
        }
    }

    /// Where a keeper most likely gets its cgroups; none if it most likely is not ours to start, or
    /// there is more that its start depends on.
    pub(crate) fn bases(&self, wish: &Wish) -> Option<Bases> {
        match KERNEL {
            Kernel::Linux => plan::direct_bases(self.cgroups(), wish.breakaway),
            Kernel::Windows | Kernel::Darwin => None,
        }
    }

    /// Whether a keeper can stay in the caller's cgroup: its job's is another one in any case.
    pub(crate) fn may_stay(&self) -> bool {
        plan::may_stay(self.cgroups())
    }
}
