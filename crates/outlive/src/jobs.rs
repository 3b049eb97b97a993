//! Level 3: all jobs of a state folder.

use crate::command::Command;
use crate::error::{During, Error, Kind, Result};
use crate::home::default_home;
use crate::job::Job;
use crate::options::JobOptions;
use crate::status::{State, Status};
use crate::waiting::Goal;
use crate::{launch, leave, stop, waiting};
use jiff::Timestamp;
use outlive_keeper::expire::{self, Settled};
use outlive_keeper::store::{self, Home, NoHome, Seen};
use outlive_os::folder::Folder;
use outlive_os::proc;
use outlive_record::{JobId, JobName, Place, Record};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The jobs of a user, in a state folder.
#[derive(Debug, Clone)]
pub struct Jobs {
    path: PathBuf,
    /// Asked for when it is first needed, which it is not to start a job.
    here: Arc<OnceLock<Place>>,
}

impl Jobs {
    /// The jobs in the [default](default_home) state folder.
    pub fn open() -> Result<Jobs> {
        Jobs::at(default_home()?)
    }

    /// The jobs in this state folder. It is made when a first job is started.
    pub fn at(path: impl AsRef<Path>) -> Result<Jobs> {
        let path = std::path::absolute(path).during(|| "failed to tell this folder".to_owned())?;
        Ok(Jobs {
            path,
            here: Arc::default(),
        })
    }

    /// The state folder.
    pub fn home(&self) -> &Path {
        &self.path
    }

    /// Where this process runs. Where that can't be told nothing is at home: no job is touched.
    pub(crate) fn here(&self) -> &Place {
        self.here.get_or_init(|| proc::place().unwrap_or_default())
    }

    /// The state folder, if it is there.
    pub(crate) fn store(&self) -> Result<Option<Home>> {
        Home::open(&self.path).map_err(|why| self.without_home(why))
    }

    /// The state folder, which is made if need be.
    pub(crate) fn make_store(&self) -> Result<Home> {
        Home::make(&self.path).map_err(|why| self.without_home(why))
    }

    fn without_home(&self, NoHome { cause, hint }: NoHome) -> Error {
        let what = format!("failed to open the state folder `{}`", self.path.display());
        Error::io(what, cause).hint_if_known(hint)
    }

    fn folder(&self) -> Result<Option<(Home, Folder)>> {
        let Some(home) = self.store()? else {
            return Ok(None);
        };
        match home.jobs() {
            Ok(folder) => Ok(Some((home, folder))),
            Err(cause) => {
                let what = format!("failed to open the jobs in `{}`", self.path.display());
                Err(Error::io(what, cause))
            }
        }
    }

    /// Starts a job. It has been exec'ed, in a session of its own, when this returns; whatever
    /// becomes of this process afterwards, it goes on.
    ///
    /// Its keeper is the first of: the executable named in the options, the one named in
    /// `$OUTLIVE_BIN`, this program if it called [`init`](crate::init) first in `main`, `outlive` in
    /// `PATH`.
    ///
    /// # Errors
    ///
    /// If the program is not there or can't be executed, the name is in use, or the record can't be
    /// written. Nothing of the job is left then.
    pub fn start(&self, command: &Command, options: &JobOptions) -> Result<Job> {
        let (id, plan) = launch::start(&self.path, command, options)?;
        Ok(Job::new(self.clone(), id.as_str().to_owned()).planned(plan))
    }

    /// How all jobs stand, the oldest first. Those whose records can't be read are among them; those
    /// whose time to be kept is over ([`JobOptions::expire`]) are removed first.
    pub fn list(&self) -> Result<Vec<Status>> {
        let Some((home, folder)) = self.folder()? else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for id in self.ids(&folder)? {
            all.extend(self.status_of(&folder, &home, &id));
        }
        let now = Timestamp::now();
        all.retain(|status| !self.expire(&home, status, now));
        all.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        Ok(all)
    }

    /// What can be seen of all jobs whose records can be read.
    pub(crate) fn all_seen(&self) -> Result<Vec<Seen>> {
        let Some((_, folder)) = self.folder()? else {
            return Ok(Vec::new());
        };
        let ids = self.ids(&folder)?.into_iter();
        Ok(ids
            .filter_map(|id| Seen::look(&folder, &id, false).ok())
            .collect())
    }

    /// Removes a job whose time to be kept is over; whether it has. Its record decides: how it stood a
    /// moment ago spares a look at those that are not meant.
    fn expire(&self, home: &Home, status: &Status, now: Timestamp) -> bool {
        let is_over = status.expires_at.is_some_and(|at| at <= now);
        // One that can't be removed is shown.
        let settle = |id| expire::settle(home, &id, self.here(), now).ok();
        is_over && JobId::parse(&status.id).ok().and_then(settle) == Some(Settled::Removed)
    }

    /// How the job with this id stands, if it is there.
    pub(crate) fn status_of(&self, folder: &Folder, home: &Home, id: &str) -> Option<Status> {
        let look = Seen::look(folder, id, false);
        Status::of_look(id, &look, self.here(), &home.job_path(id))
    }

    /// What is in the folder of all jobs, but for those that are being started. What can't be an id
    /// is there by mistake and is passed over.
    pub(crate) fn ids(&self, folder: &Folder) -> Result<Vec<String>> {
        let mut names = folder
            .names()
            .during(|| format!("failed to read the jobs in `{}`", self.path.display()))?;
        names.retain(|name| JobId::parse(name).is_ok());
        Ok(names)
    }

    /// The job with this id or name (the newest of that name), or the only one whose id or name
    /// begins so. If there is none, [`Error::near`] has what was perhaps meant.
    pub fn get(&self, key: &str) -> Result<Job> {
        let job = |id: String| Ok(Job::new(self.clone(), id));
        let Some((home, folder)) = self.folder()? else {
            return Err(no_such_job(key, &[]));
        };
        if JobId::parse(key).is_ok() && folder.sub(key).is_ok() {
            return job(key.to_owned());
        }
        if JobName::parse(key).is_ok() {
            let named = home.names().and_then(|names| names.read(key, 64)).ok();
            let named = named.and_then(|id| String::from_utf8(id).ok());
            if let Some(id) = named.filter(|id| JobId::parse(id).is_ok() && folder.sub(id).is_ok())
            {
                return Ok(Job::new(self.clone(), id).called(key));
            }
        }
        let all = self.list()?;
        if let Some(newest) = all.iter().rev().find(|it| it.name.as_deref() == Some(key)) {
            return Ok(Job::new(self.clone(), newest.id.clone()).called(key));
        }
        let begins = |it: &&Status| {
            it.id.starts_with(key) || it.name.as_ref().is_some_and(|name| name.starts_with(key))
        };
        let mut meant: Vec<&Status> = all.iter().filter(begins).collect();
        // Several jobs of one name in turn are not ambiguous: the newest is meant.
        if let [first, .., newest] = meant[..]
            && first.name.is_some()
            && meant.iter().all(|it| it.name == first.name)
        {
            meant = vec![newest];
        }
        match meant[..] {
            [only] if !key.is_empty() => job(only.id.clone()),
            [] => Err(no_such_job(key, &all)),
            _ => {
                let label = |it: &&Status| it.name.clone().unwrap_or_else(|| it.id.clone());
                let mut near: Vec<String> = meant.iter().rev().take(5).map(label).collect();
                near.dedup();
                let what = format!("failed to find `{key}`: {} jobs begin so", meant.len());
                Err(Error::new(Kind::NoSuchJob, what).near_to(near))
            }
        }
    }

    /// Waits until one of these jobs has ended, at most `timeout`; its place, or `None` if all still
    /// run then, or if there are none.
    pub fn wait_any(&self, jobs: &[Job], timeout: Option<Duration>) -> Result<Option<usize>> {
        waiting::wait_any(jobs, Goal::End, timeout)
    }

    /// Waits until all of these jobs have ended, at most `timeout`; whether they have.
    pub fn wait_all(&self, jobs: &[Job], timeout: Option<Duration>) -> Result<bool> {
        waiting::wait_all(jobs, timeout)
    }

    /// Removes the records and outputs of jobs that have ended, with `older_than` of those that
    /// ended at least that long ago; their ids. Running, damaged and foreign ones stay, and those of
    /// which processes are left that a killed keeper could not end.
    pub fn prune(&self, older_than: Option<Duration>) -> Result<Vec<String>> {
        let now = Timestamp::now();
        let mut removed = Vec::new();
        for status in self.list()? {
            let ended = matches!(
                status.state,
                State::Exited | State::Signaled | State::TimedOut | State::Failed | State::Lost
            );
            let at = status.ended_at.or(status.started_at).unwrap_or(now);
            let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
            if !ended || older_than.is_some_and(|older_than| age < older_than) {
                continue;
            }
            let job = Job::new(self.clone(), status.id.clone());
            // Not if somebody has started it again since it was looked at.
            let is_same = |record: &Record| Some(record.newest().started_at) == status.started_at;
            if job.remove_if_ended(is_same)?
                || (stop::is_going(&job)? && job.remove_if_ended(is_same)?)
            {
                removed.push(status.id);
            }
        }
        self.sweep()?;
        leave::sweep_cgroups();
        Ok(removed)
    }

    /// Removes what is left of launches that were cut short and of removals that were.
    fn sweep(&self) -> Result<()> {
        let Some((_, folder)) = self.folder()? else {
            return Ok(());
        };
        let names = folder
            .names()
            .during(|| "failed to read the jobs".to_owned())?;
        for name in names.iter().filter(|it| store::is_abandoned(&folder, it)) {
            let removed = folder.remove_sub(name);
            removed.during(|| format!("failed to remove `{name}`"))?;
        }
        Ok(())
    }

    pub(crate) fn is_elsewhere(&self, seen: &Seen) -> bool {
        seen.record.place.is_elsewhere(self.here())
    }
}

fn no_such_job(key: &str, all: &[Status]) -> Error {
    let shown: String = key.chars().take(80).collect();
    let mut near: Vec<(usize, String)> = all
        .iter()
        .flat_map(|it| it.name.iter().chain([&it.id]).cloned())
        .map(|label| (distance(key, &label), label))
        .filter(|(distance, _)| *distance <= 1 + key.chars().count() / 3)
        .collect();
    near.sort();
    near.dedup();
    let near = near.into_iter().take(3).map(|(_, label)| label).collect();
    Error::new(
        Kind::NoSuchJob,
        format!("failed to find a job called `{shown}`"),
    )
    .near_to(near)
    .hint_at("outlive list shows all jobs")
}

/// How many letters have to be added, removed or changed to make one of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(80).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(80).enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let new = (corner + usize::from(x != *y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], new);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn near_names_are_near() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("train", "trian", 2),
            ("web", "wep", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }
}
