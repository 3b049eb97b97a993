//! Children that need nothing but what every spawn does.

use super::{Leaving, seen::survey};
use crate::error::Result;
use outlive_escape::plan::{self, Breakaway, Helpers, Level, Reach, Reset, Wish};
use outlive_escape::survey::Survey;
use outlive_record::Way;
use std::borrow::Cow;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a child with this wish needs nothing but what every spawn does: it is looked at once,
/// since it is asked for each child.
pub(crate) fn is_simple(wish: &Wish) -> Result<bool> {
    /// Twice the id of the process that has looked, and whether it is so. Whether it was moved to
    /// another cgroup since is not asked: that would cost each spawn a tenth of its time.
    static SIMPLE: AtomicU64 = AtomicU64::new(0);
    let process = u64::from(std::process::id()) << 1;
    if wish.reset != Reset::default() || wish.via.is_some() {
        return Ok(false);
    }
    match wish.breakaway {
        Breakaway::Off => return Ok(survey()?.cookies.is_empty()),
        Breakaway::Require | Breakaway::RequireContainer => return leaves_for_certain(wish),
        Breakaway::Prefer => {}
    }
    let known = SIMPLE.load(Ordering::Relaxed);
    if known & !1 == process {
        return Ok(known & 1 == 1);
    }
    let wish = Wish {
        level: Level::Child,
        ..Wish::default()
    };
    let simple = is_direct(survey()?, &wish);
    SIMPLE.store(process | u64::from(simple), Ordering::Relaxed);
    Ok(simple)
}

/// Whether nothing is in the way of a child that is to leave, whoever could help.
fn is_direct(survey: &Survey, wish: &Wish) -> bool {
    let helpers = Helpers {
        user: Reach::There,
        system: Reach::There,
        ..Helpers::default()
    };
    let route = plan::route(survey, &helpers, wish);
    route.way == Way::Direct
        && route.bases.is_empty()
        && survey.job.is_none()
        && survey.cookies.is_empty()
}

/// Whether that is so of a child that is required to leave, and leaves what it is required to by that
/// alone. Here it is looked whether this process was moved since.
fn leaves_for_certain(wish: &Wish) -> Result<bool> {
    /// What was seen last, and the wish that it was true of: each survey stays where it is.
    static KNOWN: RwLock<Option<(&'static Survey, Wish, bool)>> = RwLock::new(None);
    let survey = survey()?;
    if let Ok(known) = KNOWN.try_read()
        && let Some((seen, of, simple)) = *known
        && std::ptr::eq(seen, survey)
        && of == *wish
    {
        return Ok(simple);
    }
    let leaving = Leaving::of(Cow::Borrowed(survey), wish);
    // Who would be asked may answer otherwise the next time.
    let nobody_is_asked = !plan::depends_on_log_out(survey, &leaving.helpers, wish)
        && plan::depends_on_unit(survey, &leaving.helpers, wish).is_none();
    let simple = nobody_is_asked && is_direct(survey, wish) && leaving.require().is_ok();
    if let Ok(mut known) = KNOWN.try_write() {
        *known = Some((survey, *wish, simple));
    }
    Ok(simple)
}
