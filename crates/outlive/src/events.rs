//! What happens to jobs, as it happens.

use crate::error::{During, Error, Result};
use crate::jobs::Jobs;
use crate::status::{State, Status};
use jiff::Timestamp;
use outlive_keeper::store::{Home, NEW, RECORD};
use outlive_os::changes::Changes;
use outlive_os::folder::Folder;
use outlive_os::{AsDescriptor, Borrowed, events};
use outlive_record::JobId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// What has happened to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It was started.
    Started,
    /// It was started again.
    Restarted,
    /// It is ready, as [`JobOptions::ready`](crate::JobOptions::ready) says what that is.
    Ready,
    /// It has ended.
    Ended,
    /// Its record and its output were removed.
    Removed,
}

impl EventKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            EventKind::Started => "started",
            EventKind::Restarted => "restarted",
            EventKind::Ready => "ready",
            EventKind::Ended => "ended",
            EventKind::Removed => "removed",
        }
    }
}

/// Something that has happened to a job.
#[derive(Debug, Clone)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// The job, as it stood when this was noticed; if it was removed, as it was last seen.
    pub status: Status,
}

/// What happens to the jobs of a state folder, from the moment on that this was made: see
/// [`Jobs::events`].
#[derive(Debug)]
pub struct Events {
    jobs: Jobs,
    home: Home,
    folder: Folder,
    changes: Changes,
    /// All jobs as they were last seen.
    known: BTreeMap<String, Status>,
    pending: VecDeque<Event>,
}

impl Jobs {
    /// What happens to the jobs of this state folder from now on: an iterator that waits for the next
    /// event, and never ends by itself. The state folder is made if it is not there yet.
    ///
    /// Nobody is asked for it, and no job has it cost anything: the keepers write their records, and
    /// this reader watches these (inotify(7); on Windows ReadDirectoryChangesW, on macOS kqueue(2)).
    /// What happens to one job in quick succession may come as its result: a job that was started and
    /// has ended before it was looked at is told of by both events, one that was removed by then by
    /// none, and so is an end that another run has followed. The end of a job whose keeper was killed is
    /// written by nobody, and so is no event.
    ///
    /// ```standalone_crate
    /// use outlive::{Command, EventKind, JobOptions, Jobs};
    ///
    /// // Whoever starts jobs and has no `outlive` installed is its own keeper.
    /// outlive::init();
    /// let folder = tempfile::tempdir()?;
    /// let jobs = Jobs::at(folder.path().join("jobs"))?;
    /// let mut events = jobs.events()?;
    /// let job = jobs.start(&Command::new("true"), &JobOptions::new())?;
    /// for expected in [EventKind::Started, EventKind::Ended] {
    ///     let event = events.next().expect("it never ends by itself")?;
    ///     assert_eq!((event.kind, &*event.status.id), (expected, job.id()));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the state folder can't be made or is not fit, or no more folders can be watched.
    pub fn events(&self) -> Result<Events> {
        let home = self.make_store()?;
        let failed = || format!("failed to watch the jobs in `{}`", self.home().display());
        let folder = home.jobs().during(failed)?;
        let changes = Changes::new(&self.home().join("jobs"), RECORD).map_err(unwatched)?;
        let mut events = Events {
            jobs: self.clone(),
            home,
            folder,
            changes,
            known: BTreeMap::new(),
            pending: VecDeque::new(),
        };
        events.look_at_all()?;
        events.pending.clear();
        Ok(events)
    }
}

impl Events {
    /// What becomes readable when something may have happened: then [`wait`](Events::wait), with no
    /// time at all, tells what, until there is nothing more.
    pub fn descriptor(&self) -> Borrowed<'_> {
        self.changes.as_fd()
    }

    /// The next event; `None` if `timeout` is over before there is any.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<Event>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let failed = || "failed to wait for what happens to jobs".to_owned();
            if events::wait(&[self.changes.as_fd()], left)
                .during(failed)?
                .is_empty()
            {
                return Ok(None);
            }
            let changed = self.changes.take().during(failed)?;
            if changed.all {
                self.look_at_all()?;
                continue;
            }
            // What is hidden is a job that is not there yet, or not any more.
            let names = changed.names.iter().filter_map(|name| name.to_str());
            let names = names.map(|name| name.strip_prefix(NEW).unwrap_or(name));
            let ids = names.filter(|name| JobId::parse(name).is_ok());
            for id in ids.collect::<BTreeSet<_>>() {
                self.look_at(id)?;
            }
        }
    }

    fn look_at_all(&mut self) -> Result<()> {
        let mut ids: BTreeSet<String> = self.known.keys().cloned().collect();
        ids.extend(self.jobs.ids(&self.folder)?);
        ids.iter().try_for_each(|id| self.look_at(id))
    }

    /// Looks at a job, and notes what has happened to it since it was last seen.
    fn look_at(&mut self, id: &str) -> Result<()> {
        // Before the look: what comes after it is told of again.
        self.changes.watch(id).map_err(unwatched)?;
        let now = self.jobs.status_of(&self.folder, &self.home, id);
        // Until its keeper has looked at it and says so in the record, it may turn out that it can't
        // be executed; and then it never was.
        if (now.as_ref()).is_some_and(|it| it.state == State::Running && it.report.is_none()) {
            return Ok(());
        }
        let before = self.known.get(id);
        let mut note = |kind, status: &Status| {
            let status = status.clone();
            self.pending.push_back(Event { kind, status });
        };
        match (before, &now) {
            (Some(before), None) => note(EventKind::Removed, before),
            (before, Some(now)) => {
                let kind = match before {
                    None => Some(EventKind::Started),
                    // A damaged record tells of no run.
                    Some(before) if now.started_at.is_some() => {
                        (before.started_at != now.started_at).then_some(EventKind::Restarted)
                    }
                    Some(_) => None,
                };
                if let Some(kind) = kind {
                    note(kind, now);
                }
                let ready_at = now.readiness.ready_at;
                let was_ready =
                    kind.is_none() && before.is_some_and(|it| it.readiness.ready_at == ready_at);
                if ready_at.is_some() && !was_ready {
                    note(EventKind::Ready, now);
                }
                // What waits for another run has not.
                let has_ended = |it: &Status| it.ended_at.is_some() && it.state != State::Waiting;
                let was_known = kind.is_none() && before.is_some_and(has_ended);
                if has_ended(now) && !was_known {
                    note(EventKind::Ended, now);
                }
            }
            (None, None) => {}
        }
        match now {
            Some(now) => self.known.insert(id.to_owned(), now),
            None => self.known.remove(id),
        };
        Ok(())
    }
}

impl Iterator for Events {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        self.wait(None).transpose()
    }
}

impl Event {
    /// When it happened; none of a removal, which nobody writes down.
    pub fn at(&self) -> Option<Timestamp> {
        match self.kind {
            EventKind::Started | EventKind::Restarted => self.status.started_at,
            EventKind::Ready => self.status.readiness.ready_at,
            EventKind::Ended => self.status.ended_at,
            EventKind::Removed => None,
        }
    }
}

fn unwatched(cause: std::io::Error) -> Error {
    let hint = match cause.kind() {
        std::io::ErrorKind::StorageFull => {
            Some("`sysctl fs.inotify.max_user_watches` says how many files may be watched")
        }
        _ => None,
    };
    Error::io("failed to watch the jobs", cause).hint_if_known(hint)
}
