//! Jobs that are removed some time after their end.
//!
//! ```text
//! HOME/expire/<second>.<id>    empty: from this second on (since 1970) the job is to be removed
//! ```
//!
//! Nobody waits for that second. Every keeper that goes looks at the names in this folder, and so
//! does who lists the jobs: to find out that nothing is to be done takes no look at any job. What
//! is to be done is told by the job's record alone; a name that is wrong does nothing.

use crate::store::{self, Home, Seen, Unseen};
use jiff::Timestamp;
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
    let mut settled = 0;
    for name in names.names()? {
        let Some(id) = due(&name, now) else {
            continue;
        };
        // What is in the way may be gone at the next look, and so may a name that can't be removed.
        if settle(home, &id, here, now).is_ok_and(|it| it != Settled::Later) {
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

/// What has become of a job whose time to be kept may be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is gone.
    Removed,
    /// It stays: its time is not over (it may have been started again), or nobody can tell.
    Kept,
    /// It stays for now: its keeper is about to go, processes of it are left for which only who stops the
    /// job looks, or others see to it.
    Later,
}

/// Removes a job if its time to be kept is over, as seen from here.
pub fn settle(home: &Home, id: &JobId, here: &Place, now: Timestamp) -> io::Result<Settled> {
    match Seen::look(&home.jobs()?, id.as_str(), true) {
        Ok(seen) => settle_seen(home, &seen, here, now),
        Err(Unseen::Absent) => Ok(Settled::Removed),
        // What can't be read is left to be looked at by a person.
        Err(Unseen::Unreadable(_)) => Ok(Settled::Kept),
    }
}

fn settle_seen(home: &Home, seen: &Seen, here: &Place, now: Timestamp) -> io::Result<Settled> {
    let record = &seen.record;
    let id = &record.spec.id;
    if (seen.kept && seen.has_ended()) || record.place.is_elsewhere(here) {
        return Ok(Settled::Later);
    }
    let is_over = |record: &Record| record.expires_at().is_some_and(|at| at <= now);
    if !is_over(record) {
        return Ok(Settled::Kept);
    }
    // Somebody may have started it again since it was seen.
    Ok(match store::remove(home, id, here, is_over)? {
        true => Settled::Removed,
        false => Settled::Later,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RECORD;

    /// A job that is removed a second after its end, as it stands after a run that ended then.
    fn ended(home: &Home, ended_at: Timestamp) -> Seen {
        let record = format!(
            r#"{{"version":1,"id":"sh-2222","command":["sh"],"cwd":"/","output":{{"limit":0}},
            "place":{{"machine":"","boot":"","pid_namespace":0,"time_namespace":0}},
            "life":{{"expire_ms":1000}},"run_count":1,
            "runs":[{{"started_at":"{ended_at}","ended_at":"{ended_at}","end":{{"exited":0}}}}]}}"#
        );
        let jobs = home.jobs().expect("our own folder");
        jobs.make_sub("sh-2222").expect("our own folder");
        let folder = jobs.sub("sh-2222").expect("it was made");
        folder
            .create(RECORD, record.as_bytes())
            .expect("our own folder");
        Seen::look(&jobs, "sh-2222", true).unwrap_or_else(|why| panic!("{record}: {why:?}"))
    }

    /// It was started again, and has ended, between the look and the removal.
    #[test]
    fn a_job_that_was_started_again_meanwhile_stays() {
        let path = tempfile::tempdir().expect("a folder can be made");
        let path = path.path().join("home");
        let Ok(home) = Home::make(&path) else {
            panic!("a home can be made");
        };
        let now = Timestamp::now();
        let seen = ended(&home, Timestamp::UNIX_EPOCH);
        let here = seen.record.place.clone();
        ended(&home, now);
        let settled = settle_seen(&home, &seen, &here, now).expect("nothing fails");
        assert_eq!(settled, Settled::Later);
        let id = &seen.record.spec.id;
        let settle = |now| settle(&home, id, &here, now).expect("nothing fails");
        assert_eq!(settle(now), Settled::Kept);
        let later = now + jiff::SignedDuration::from_secs(2);
        assert_eq!(settle(later), Settled::Removed);
        assert_eq!(settle(later), Settled::Removed);
    }

    #[test]
    fn only_a_name_whose_second_has_come_means_a_job() {
        let now = Timestamp::from_second(100).expect("it is a time");
        let due = |name| due(name, now).map(|id| id.as_str().to_owned());
        assert_eq!(due("100.sh-2222").as_deref(), Some("sh-2222"));
        for name in ["101.sh-2222", "x.sh-2222", "1.", "1..x", "sh-2222"] {
            assert_eq!(due(name), None, "{name}");
        }
    }
}
