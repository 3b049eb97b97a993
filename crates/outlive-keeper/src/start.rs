//! From the launch to a running job, or to nothing at all.

use crate::again::Provision;
use crate::arrive::{Arrival, Heritage};
use crate::cap::Cap;
use crate::escape::{Expected, Own};
use crate::on_end::OnEnd;
use crate::pipes::Pipes;
use crate::pump::Pump;
use crate::ready::Readying;
use crate::store::{CONTROL, Claim, Home, LOCK, NEW, NoHome, NotClaimed, OUTPUT, RECORD, Seen};
use crate::store::{Unseen, remove_folder, rewrite, write_keeper_line};
use crate::{ROLE, limits, marks};
use jiff::Timestamp;
use outlive_os::cgroup::Hold;
use outlive_os::events::{self, Ender};
use outlive_os::folder::Folder;
use outlive_os::process::Process;
use outlive_os::pty::Pty;
use outlive_os::socket::Listener;
use outlive_os::tree::Tree;
use outlive_os::{AsDescriptor, Descriptor, clock, lock, os_string, proc, role};
use outlive_record::{
    Answer, Course, Launch, Place, Purpose, RECORD_LIMIT, Record, RestartPolicy, Run, Spec,
    Unlimited, VERSION,
};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A job that runs, and what its keeper holds of it.
pub(crate) struct Started {
    /// The state folder.
    pub(crate) home: PathBuf,
    pub(crate) record: Record,
    pub(crate) folder: Folder,
    pub(crate) listener: Listener,
    pub(crate) main: Process,
    /// Its processes.
    pub(crate) tree: Tree,
    /// At its end once the job has ended: whoever waits holds a copy.
    pub(crate) ended: Descriptor,
    /// What keeps it from that.
    pub(crate) tell_ended: Option<Ender>,
    /// The job's own output file, if that is where its output goes.
    pub(crate) output: Option<File>,
    /// Its size; none if it can't be looked at.
    pub(crate) cap: Option<Cap>,
    /// What the keeper passes on of what it prints: nothing, unless that was asked for.
    pub(crate) pump: Pump,
    /// Its own terminal.
    pub(crate) terminal: Option<Pty>,
    /// The end of the pipe that the job reads from, if it is kept open.
    pub(crate) stdin: Option<Descriptor>,
    /// What tells whether it is ready.
    pub(crate) ready: Readying,
    /// What is run once it has ended for good.
    pub(crate) on_end: Option<OnEnd>,
    /// What it is to have left, until that has been looked at.
    pub(crate) expected: Option<Expected>,
    /// Limits that it could not be given, and that were not required.
    pub(crate) unlimited: Vec<Unlimited>,
    /// What another run takes, if it may be started again.
    pub(crate) again: Option<Box<Provision>>,
    /// The cgroups of a job that another keeper has started.
    pub(crate) _held: Vec<Hold>,
    /// Held for life.
    pub(crate) lock: File,
    pub(crate) claim: Option<Claim>,
}

impl Started {
    pub(crate) fn answer(&self) -> Answer {
        Answer::Started {
            pid: self.main.pid(),
            unlimited: self.unlimited.clone(),
        }
    }
}

/// Why a job was not started.
pub(crate) struct Refusal(Answer);

impl Refusal {
    pub(crate) fn io(what: impl Into<String>, cause: io::Error) -> Refusal {
        let (errno, cause) = (cause.raw_os_error(), cause.to_string());
        Refusal(Answer::Failed {
            what: what.into(),
            cause,
            errno,
            hint: None,
        })
    }

    pub(crate) fn launch(cause: String) -> Refusal {
        let what = "failed to understand the launch".to_owned();
        Refusal(Answer::Failed {
            what,
            cause,
            errno: None,
            hint: None,
        })
    }

    pub(crate) fn answer(self) -> Answer {
        self.0
    }

    /// What is told of a run that could not be started when nobody waits for the answer.
    pub(crate) fn words(self) -> String {
        match self.0 {
            Answer::NotExecuted { errno } => {
                let cause = io::Error::from_raw_os_error(errno);
                format!("failed to run its program: {cause}")
            }
            Answer::Failed { what, cause, .. } => format!("{what}: {cause}"),
            Answer::Remained { what } => format!("failed to leave what could end it: {what}"),
            // The others are of a job that is not there yet.
            _ => "failed to start it".to_owned(),
        }
    }
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Refusal {
        Refusal(answer)
    }
}

/// A short way to say what failed.
pub(crate) trait During<T> {
    fn during(self, what: &str) -> Result<T, Refusal>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, what: &str) -> Result<T, Refusal> {
        self.map_err(|cause| Refusal::io(format!("failed to {what}"), cause))
    }
}

/// Makes this process a keeper; where it is.
pub(crate) fn become_keeper() -> Result<Place, Refusal> {
    role::become_keeper(ROLE).during("become a keeper")?;
    proc::place().during("tell where this is")
}

/// The state folder.
pub(crate) fn home_of(launch: &Launch) -> Result<Home, Refusal> {
    let path = os_string(launch.home.0.clone());
    Home::make(Path::new(&path)).map_err(|NoHome { cause, hint }| {
        let what = format!("failed to open the state folder `{}`", path.display());
        let (errno, cause) = (cause.raw_os_error(), cause.to_string());
        Refusal(Answer::Failed {
            what,
            cause,
            errno,
            hint,
        })
    })
}

/// Starts the job. When it comes back with a refusal, nothing of the job is left.
pub(crate) fn start(arrival: Arrival, place: Place) -> Result<Started, Refusal> {
    let mut arrival = arrival;
    let on_end = OnEnd::prepare(&arrival)?;
    // Another run needs it once more.
    let mut environment = match arrival.launch.spec.life.restart {
        RestartPolicy::No => std::mem::take(&mut arrival.environment),
        _ => arrival.environment.clone(),
    };
    let launch = &arrival.launch;
    let home = home_of(launch)?;
    let jobs = home.jobs().during("open the folder of all jobs")?;
    let id = launch.spec.id.clone();
    let now = Timestamp::now();
    let mut own = Own::make(launch);
    limits::heed(launch, &own.unlimited)?;
    let cwd = Provision::folder(launch)?;

    let room = if launch.purpose == Purpose::Restart {
        Room::enter(&jobs, launch, place.clone(), &own, now)?
    } else {
        let run = Run {
            output_start: launch.output_start,
            ..Run::begun(now)
        };
        let spec = launch.spec.clone();
        let record = Record {
            version: VERSION,
            spec,
            place: place.clone(),
            runs: vec![run],
            run_count: 1,
            course: course(&launch.spec),
            cgroups: own.folders.clone(),
            report: None,
        };
        Room::build(&jobs, record)?
    };

    let home_path = home.path().to_owned();
    let claim = match &launch.spec.name {
        None => None,
        Some(name) => match Claim::take(&home, name, &id, &place) {
            Ok(claim) => Some(claim),
            Err(NotClaimed::Taken(by)) => {
                room.tear_down(&jobs);
                return Err(Refusal(Answer::NameTaken { by }));
            }
            Err(NotClaimed::Io(cause)) => {
                room.tear_down(&jobs);
                return Err(Refusal::io(
                    format!("failed to claim the name `{name}`"),
                    cause,
                ));
            }
        },
    };
    // From here on only the folder of all jobs is needed, and there may be few descriptors.
    drop(home);
    let started = room.publish(&jobs).and_then(|()| {
        let pipes = Pipes::new(launch, &room.folder)?;
        let ready = room.readying(launch, &mut environment, arrival.heritage)?;
        // Before there is a job: without these it would run unwatched.
        // A manager asks its services to end, at the end of the machine, too.
        let heed_stop = launch.delegated.is_some();
        let tree = Tree::new(marks(&id), &own.cgroups, heed_stop);
        let mut tree = tree.during("be told of the job's processes")?;
        let ended = events::ending().during("make a pipe")?;
        let (main, lost) = pipes.spawn(
            &arrival,
            environment,
            &room.lock,
            room.output.as_ref(),
            &own.cgroups,
        )?;
        own.unlimited.extend(lost);
        tree.begin(&main);
        let mut expected = Expected::of(launch, pipes.terminal.as_ref());
        expected.note(&own.unlimited);
        if launch.require {
            expected.require(&mut tree, &main, &room.folder)?;
        }
        Ok((main, pipes, tree, ended, ready, expected))
    });
    match started {
        Ok((main, pipes, tree, (ended, tell_ended), ready, expected)) => {
            let cgroups = std::mem::take(&mut own.cgroups);
            let unlimited = own.keep();
            // What keeps a folder busy is the job, if anything.
            let _ = role::leave_folder();
            let Room {
                record,
                folder,
                listener,
                lock,
                output,
                cap,
                ..
            } = room;
            let (pump, stdin, terminal) = pipes.ours(record.spec.output.form, output.as_ref());
            let again = cwd.map(|cwd| Box::new(Provision::new(arrival, cgroups, cwd)));
            Ok(Started {
                home: home_path,
                record,
                folder,
                listener,
                main,
                tree,
                ended,
                tell_ended: Some(tell_ended),
                output,
                cap,
                pump,
                terminal,
                stdin,
                ready,
                on_end,
                expected: Some(expected),
                unlimited,
                again,
                _held: Vec::new(),
                lock,
                claim,
            })
        }
        Err(refusal) => {
            if let Some(claim) = claim {
                claim.undo();
            }
            room.tear_down(&jobs);
            Err(refusal)
        }
    }
}

/// How far a job has come that is started now.
fn course(spec: &Spec) -> Course {
    let now = u64::try_from(clock::running().as_millis()).unwrap_or(u64::MAX);
    Course {
        time_over_ms: spec.life.timeout_ms.map(|it| now.saturating_add(it)),
        ..Course::default()
    }
}

/// The job's folder, while the job is being started in it.
struct Room {
    record: Record,
    folder: Folder,
    lock: File,
    listener: Listener,
    output: Option<File>,
    cap: Option<Cap>,
    /// For another run: what the record and the lock file held before.
    before: Option<(Record, Vec<u8>)>,
}

impl Room {
    /// Makes the folder of a new job, out of sight.
    fn build(jobs: &Folder, record: Record) -> Result<Room, Refusal> {
        let id = record.spec.id.as_str();
        let new = format!("{NEW}{id}");
        // A folder whose launch was cut short has no keeper, and nobody sees it; the next launcher
        // takes another id, and `prune` removes it.
        let bytes = record.to_bytes();
        if bytes.len() as u64 > RECORD_LIMIT {
            let cause = "its command and options make a record that nobody would read".to_owned();
            return Err(Refusal::launch(cause));
        }
        let taken = jobs.sub(id).is_ok();
        if taken || !jobs.make_sub(&new).during("make the job's folder")? {
            return Err(Refusal(Answer::IdTaken));
        }
        let folder = jobs.sub(&new).during("open the job's folder");
        let built = folder.and_then(|folder| {
            folder
                .create(RECORD, &bytes)
                .during("write the job's record")?;
            let lock = folder.edit(LOCK).during("make the job's lock")?;
            Room::furnish(record, folder, lock, None)
        });
        built.inspect_err(|_| {
            // The launch has failed; that its remains could not be removed adds nothing to that.
            let _ = jobs.remove_sub(&new);
        })
    }

    /// Enters the folder of a job that has ended, for another run.
    fn enter(
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
            return Err(Refusal(Answer::Running));
        }
        let seen = Seen::look(jobs, id, true).map_err(|unseen| {
            Refusal::launch(match unseen {
                Unseen::Absent => "the job is gone".to_owned(),
                Unseen::Unreadable(why) => why.to_string(),
            })
        })?;
        if seen
            .running_main(&place)
            .during("look at the job")?
            .is_some()
        {
            return Err(Refusal(Answer::Running));
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
        Room::furnish(record, folder, lock, Some(before))
    }

    fn furnish(
        record: Record,
        folder: Folder,
        lock: File,
        before: Option<(Record, Vec<u8>)>,
    ) -> Result<Room, Refusal> {
        if before.is_none() && !lock::take(lock.as_fd()).during("take the job's lock")? {
            return Err(Refusal(Answer::IdTaken));
        }
        write_keeper_line(&lock).during("write the job's lock")?;
        let output = match record.spec.output.path {
            None => Some(folder.append(OUTPUT).during("open the job's output")?),
            Some(_) => None,
        };
        let limit = record.spec.output.limit;
        let cap = output.as_ref().and_then(|file| Cap::new(file, limit).ok());
        let listener = Listener::new(&folder, CONTROL).during("make the control socket")?;
        Ok(Room {
            record,
            folder,
            lock,
            listener,
            output,
            cap,
            before,
        })
    }

    /// What is to tell whether the job is ready, from before it is started.
    fn readying(
        &self,
        launch: &Launch,
        environment: &mut Vec<u8>,
        heritage: Heritage,
    ) -> Result<Readying, Refusal> {
        Readying::prepare(&self.record, &self.folder, launch, environment, heritage)
    }

    /// Lets everybody see the job.
    fn publish(&self, jobs: &Folder) -> Result<(), Refusal> {
        let id = self.record.spec.id.as_str();
        if self.before.is_some() {
            return self
                .folder
                .replace(RECORD, &self.record.to_bytes())
                .during("write the job's record");
        }
        match jobs.rename_new(&format!("{NEW}{id}"), id) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Refusal(Answer::IdTaken))
            }
            other => other.during("show the job's folder"),
        }
    }

    /// Leaves things as they were before.
    fn tear_down(&self, jobs: &Folder) {
        let id = self.record.spec.id.as_str();
        // The launch has failed, and that is what will be reported, whatever fails here.
        if let Some((record, lines)) = &self.before {
            let _ = self.folder.replace(RECORD, &record.to_bytes());
            let _ = rewrite(&self.lock, lines);
            let _ = self.folder.remove(CONTROL);
            Pump::remove_names(&self.record.spec.output, &self.folder);
        } else {
            let _ = jobs.remove_sub(&format!("{NEW}{id}"));
            let ours = outlive_os::folder::is_same(&self.folder, LOCK, &self.lock);
            if ours.unwrap_or(false) {
                let _ = remove_folder(jobs, id);
            }
        }
    }
}
