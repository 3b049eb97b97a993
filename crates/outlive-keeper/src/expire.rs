//! Jobs that are removed some time after their end.
//!
//! ```text
//! HOME/expire/<second>.<id>    empty: from this second on (since 1970) the job is to be removed
//! ```
//!
//! Nobody waits for that second. Every keeper that goes looks at the names in this folder, and so
//! does who lists the jobs: to find out that nothing is to be done takes no look at any job. What
//! is to be done is told by the job's record alone; a name that is wrong does nothing.

use crate::escape::remove as remove_cgroups;
use crate::store::{self, Home, Seen};
use jiff::Timestamp;
use outlive_os::folder::Folder;
use outlive_record::{JobId, Place, Record};
use std::io;

/// How many jobs a keeper removes at most: who has stopped its job waits for it to go. Since each of them
/// removes more than it adds, none is left in the end.
const MOST: usize = 16;

/// Remembers when a job is to be removed.
pub fn remember(home: &Home, id: &JobId, at: Timestamp) -> io::Result<()> {
    let second = at.as_second().saturating_add(1);
    home.expiring()?.append(&format!("{second}.{id}")).map(drop)
}

/// Removes jobs whose time to be kept is over, as seen from here, a few at once.
pub fn sweep(home: &Home, here: &Place, now: Timestamp) -> io::Result<()> {
    let Some(names) = home.expiring_if_any()? else {
        return Ok(());
    };
    let jobs = home.jobs()?;
    let mut settled = 0;
    for name in names.names()? {
        let Some(id) = due(&name, now) else {
            continue;
        };
        // What is in the way may be gone at the next look, and so may a name that can't be removed.
        if settle(home, &jobs, &id, here, now).unwrap_or(false) {
            let _ = names.remove(&name);
            settled += 1;
        }
        if settled == MOST {
            break;
        }
    }
    Ok(())
}

/// The job of which a name tells that its time is over.
fn due(name: &str, now: Timestamp) -> Option<JobId> {
    let (second, id) = name.split_once('.')?;
    let second: i64 = second.parse().ok()?;
    JobId::parse(id).ok().filter(|_| second <= now.as_second())
}

/// Removes a job if its time to be kept is over; whether there is nothing more to be done about it.
fn settle(
    home: &Home,
    jobs: &Folder,
    id: &JobId,
    here: &Place,
    now: Timestamp,
) -> io::Result<bool> {
    // What can't be read is left to be looked at by a person.
    let Ok(seen) = Seen::look(jobs, id.as_str(), true) else {
        return Ok(true);
    };
    let record = &seen.record;
    // Its keeper is about to go, or others see to it.
    if (seen.kept && seen.has_ended()) || record.place.is_elsewhere(here) {
        return Ok(false);
    }
    // It was started again meanwhile: its next end is another one.
    if record.expires_at().is_none_or(|at| now < at) {
        return Ok(true);
    }
    // A keeper that was killed has not removed its socket, and may have left processes, for which only
    // who stops the job looks.
    if store::has_control(&jobs.sub(id.as_str())?)? {
        return Ok(false);
    }
    let is_over = |record: &Record| record.expires_at().is_some_and(|at| at <= now);
    let removed = store::remove(home, id, record.spec.name.as_ref(), is_over)?;
    if removed {
        remove_cgroups(&record.cgroups);
    }
    Ok(removed)
}
