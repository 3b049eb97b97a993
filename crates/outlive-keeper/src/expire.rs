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
use crate::store::{self, CONTROL, Home, Seen, Unseen};
use jiff::Timestamp;
use outlive_record::{JobId, Place};
use std::io;

/// Remembers when a job is to be removed.
pub fn remember(home: &Home, id: &JobId, at: Timestamp) -> io::Result<()> {
    let second = at.as_second().saturating_add(1);
    home.expiring()?.append(&format!("{second}.{id}")).map(drop)
}

/// Removes the jobs whose time to be kept is over, as seen from here.
pub fn sweep(home: &Home, here: &Place, now: Timestamp) -> io::Result<()> {
    let Some(names) = home.expiring_if_any()? else {
        return Ok(());
    };
    let jobs = home.jobs()?;
    for name in names.names()? {
        let Some((second, id)) = name.split_once('.') else {
            continue;
        };
        let (Ok(second), Ok(id)) = (second.parse::<i64>(), JobId::parse(id)) else {
            continue;
        };
        if second > now.as_second() {
            continue;
        }
        match Seen::look(&jobs, id.as_str(), true) {
            Ok(seen) => {
                let record = &seen.record;
                // Its keeper is about to go; or others see to it.
                if (seen.kept && seen.has_ended()) || record.place.is_elsewhere(here) {
                    continue;
                }
                // Otherwise it was started again meanwhile, and its next end is another one.
                if record.expires_at().is_some_and(|at| at <= now) {
                    // A keeper that was killed may have left processes, which only who stops the job
                    // looks for: it has not removed its socket.
                    if jobs
                        .sub(id.as_str())?
                        .names()?
                        .iter()
                        .any(|it| it == CONTROL)
                    {
                        continue;
                    }
                    match store::remove(home, &id, record.spec.name.as_ref()) {
                        Ok(true) => remove_cgroups(&record.cgroups),
                        // Who has it removed now, or what is in the way, may be gone at the next look.
                        Ok(false) | Err(_) => continue,
                    }
                }
            }
            // What can't be read is left to be looked at by a person.
            Err(Unseen::Unreadable(_) | Unseen::Absent) => {}
        }
        // What can't be removed is met again.
        let _ = names.remove(&name);
    }
    Ok(())
}
