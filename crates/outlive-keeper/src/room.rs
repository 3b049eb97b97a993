//! The folder of a job that is being started.
//!
//! A new job's folder is made out of sight, as soon as it is known that there is to be one, and shown
//! once there is a record in it.

use crate::arrive::Heritage;
use crate::cap::Cap;
use crate::escape::Own;
use crate::left::left_behind;
use crate::ready::Readying;
use crate::start::{During, Refusal, course, home_of};
use crate::store::{CONTROL, Home, LOCK, NEW, OUTPUT, RECORD, Seen, Unseen, clear_away};
use crate::store::{remove_folder, rewrite, write_keeper_line};
use jiff::Timestamp;
use outlive_os::folder::Folder;
use outlive_os::socket::Listener;
use outlive_os::{AsDescriptor, lock};
use outlive_record::{Answer, Herald, JobId, Launch, Place, RECORD_LIMIT, Record, Text};
use std::fs::File;
use std::io;
use std::rc::Rc;

/// The state folder, and in it the place of a new job if that was made ahead.
pub(crate) struct Ground {
    pub(crate) home: Home,
    pub(crate) jobs: Rc<Folder>,
    pub(crate) fresh: Option<Fresh>,
    /// The new job's cgroups, if they were made ahead.
    pub(crate) own: Option<Own>,
}

impl Ground {
    pub(crate) fn open(home: &Text) -> Result<Ground, Refusal> {
        let home = home_of(home)?;
        let jobs = home.jobs().during("open the folder of all jobs")?;
        Ok(Ground {
            home,
            jobs: Rc::new(jobs),
            fresh: None,
            own: None,
        })
    }

    /// What can be made for the job that is announced.
    pub(crate) fn prepare(herald: &Herald) -> Result<Option<Ground>, Refusal> {
        let Herald::New {
            home,
            id,
            own_output,
            cgroups,
        } = herald
        else {
            return Ok(None);
        };
        let mut ground = Ground::open(home)?;
        ground.fresh = Some(Fresh::make(&ground.jobs, id, *own_output)?);
        ground.own = cgroups.as_ref().map(|cgroups| Own::within(cgroups, id));
        Ok(Some(ground))
    }
}

/// The folder of a new job that nobody sees yet. It is removed again unless it is shown.
struct Hidden {
    jobs: Rc<Folder>,
    name: String,
    shown: bool,
}

impl Hidden {
    /// Lets everybody see it, as the folder of this job.
    fn show(&mut self, id: &JobId) -> io::Result<()> {
        self.jobs.rename_new(&self.name, id.as_str())?;
        self.shown = true;
        Ok(())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if !self.shown {
            // The launch has failed; that its remains could not be removed adds nothing to that.
            let _ = self.jobs.remove_sub(&self.name);
        }
    }
}

/// A job's folder and what is in it besides its record, whose lock this keeper holds.
struct Site {
    folder: Folder,
    lock: File,
    output: Option<File>,
    cap: Option<Cap>,
    listener: Listener,
}

impl Site {
    fn furnish(folder: Folder, lock: File, own_output: bool) -> Result<Site, Refusal> {
        write_keeper_line(&lock).during("write the job's lock")?;
        let output = own_output.then(|| folder.append(OUTPUT));
        let output = output.transpose().during("open the job's output")?;
        let cap = output.as_ref().and_then(|file| Cap::new(file).ok());
        let listener = Listener::new(&folder, CONTROL).during("make the control socket")?;
        Ok(Site {
            folder,
            lock,
            output,
            cap,
            listener,
        })
    }
}

/// The folder of a new job, out of sight and without a record.
pub(crate) struct Fresh {
    site: Site,
    /// The last to go: what is open in a folder keeps it on Windows.
    hidden: Hidden,
}

impl Fresh {
    /// Makes it. One whose launch was cut short has no keeper, and nobody sees it; the next launcher
    /// takes another id, and `prune` removes it.
    pub(crate) fn make(jobs: &Rc<Folder>, id: &JobId, own_output: bool) -> Result<Fresh, Refusal> {
        let new = format!("{NEW}{id}");
        let taken = jobs.sub(id.as_str()).is_ok();
        if taken || !jobs.make_sub(&new).during("make the job's folder")? {
            return Err(Answer::IdTaken.into());
        }
        let hidden = Hidden {
            jobs: Rc::clone(jobs),
            name: new,
            shown: false,
        };
        let folder = jobs.sub(&hidden.name).during("open the job's folder")?;
        let lock = folder.edit(LOCK).during("make the job's lock")?;
        if !lock::take(lock.as_fd()).during("take the job's lock")? {
            return Err(Answer::IdTaken.into());
        }
        let site = Site::furnish(folder, lock, own_output)?;
        Ok(Fresh { site, hidden })
    }
}

/// The job's folder, while the job is being started in it.
pub(crate) struct Room {
    pub(crate) record: Record,
    pub(crate) folder: Folder,
    pub(crate) lock: File,
    pub(crate) listener: Listener,
    pub(crate) output: Option<File>,
    pub(crate) cap: Option<Cap>,
    /// For another run: what the record and the lock file held before.
    before: Option<(Record, Vec<u8>)>,
    /// For a new job: what keeps it out of sight.
    hidden: Option<Hidden>,
}

impl Room {
    /// Writes the record of a new job into its folder.
    pub(crate) fn build(fresh: Fresh, record: Record) -> Result<Room, Refusal> {
        let bytes = record.to_bytes();
        if bytes.len() as u64 > RECORD_LIMIT {
            let cause = "its command and options make a record that nobody would read".to_owned();
            return Err(Refusal::launch(cause));
        }
        let Fresh { site, hidden } = fresh;
        let written = site.folder.create(RECORD, &bytes);
        written.during("write the job's record")?;
        Ok(Room::new(record, site, None, Some(hidden)))
    }

    fn new(
        record: Record,
        site: Site,
        before: Option<(Record, Vec<u8>)>,
        hidden: Option<Hidden>,
    ) -> Room {
        let Site {
            folder,
            lock,
            output,
            cap,
            listener,
        } = site;
        let limit = record.spec.output.limit;
        Room {
            record,
            folder,
            lock,
            listener,
            output,
            cap: cap.map(|cap| cap.keeping(limit)),
            before,
            hidden,
        }
    }

    /// Enters the folder of a job that has ended, for another run.
    pub(crate) fn enter(
        jobs: &Folder,
        launch: &Launch,
        place: Place,
        own: &Own,
        now: Timestamp,
    ) -> Result<Room, Refusal> {
        let id = launch.spec.id.as_str();
        let folder = jobs.sub(id).during("open the job's folder")?;
        let lock = folder.edit(LOCK).during("open the job's lock")?;
        if !lock::take(lock.as_fd()).during("take the job's lock")? {
            return Err(Answer::Running.into());
        }
        let seen = Seen::look(jobs, id, true).map_err(|unseen| {
            Refusal::launch(match unseen {
                Unseen::Absent => "the job is gone".to_owned(),
                Unseen::Unreadable(why) => why.to_string(),
            })
        })?;
        let seen = seen.by_its_keeper();
        // Somebody else may have started it since it was seen to have ended, and that keeper be gone.
        let running = seen.running_main(&place).during("look at the job")?;
        let left = left_behind(&folder, &seen, &place).during("look for processes of the job")?;
        if running.is_some() || left > 0 {
            return Err(Answer::Running.into());
        }
        let lines = folder.read(LOCK, 1 << 16).during("read the job's lock")?;
        let before = (seen.record.clone(), lines);
        let mut record = seen.record;
        if record.newest().end.is_none() {
            // Nobody saw how the last run ended, and now nobody will.
            record.newest_mut().ended_at = None;
        }
        record.begin_run(place, now);
        record.course = course(&record.spec);
        record.cgroups.clone_from(&own.folders);
        record.newest_mut().output_start = match record.spec.output.path {
            Some(_) => launch.output_start,
            None => folder
                .file(OUTPUT)
                .and_then(|file| file.metadata())
                .map_or(0, |it| it.len()),
        };
        folder
            .remove(CONTROL)
            .during("remove the old control socket")?;
        let own_output = record.spec.output.path.is_none();
        let site = Site::furnish(folder, lock, own_output)?;
        Ok(Room::new(record, site, Some(before), None))
    }

    /// What is to tell whether the job is ready, from before it is started.
    pub(crate) fn readying(
        &self,
        launch: &Launch,
        environment: &mut Vec<u8>,
        heritage: Heritage,
    ) -> Result<Readying, Refusal> {
        Readying::prepare(&self.record, &self.folder, launch, environment, heritage)
    }

    /// Lets everybody see the job.
    pub(crate) fn publish(&mut self) -> Result<(), Refusal> {
        let Some(hidden) = &mut self.hidden else {
            return self
                .folder
                .replace(RECORD, &self.record.to_bytes())
                .during("write the job's record");
        };
        match hidden.show(&self.record.spec.id) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Answer::IdTaken.into())
            }
            other => other.during("show the job's folder"),
        }
    }

    /// Leaves things as they were before.
    pub(crate) fn tear_down(&self, jobs: &Folder) {
        // The launch has failed, and that is what will be reported, whatever fails here.
        if let Some((record, lines)) = &self.before {
            let _ = self.folder.replace(RECORD, &record.to_bytes());
            let _ = rewrite(&self.lock, lines);
            clear_away(&self.folder);
        } else if self.hidden.as_ref().is_some_and(|it| it.shown) {
            let ours = outlive_os::folder::is_same(&self.folder, LOCK, &self.lock);
            if ours.unwrap_or(false) {
                let _ = remove_folder(jobs, self.record.spec.id.as_str());
            }
        }
    }
}
