//! From the launch to a running job, or to nothing at all.

use crate::arrive::{Arrival, Heritage};
use crate::cap::Cap;
use crate::escape::{Expected, Own};
use crate::pump::{OutputPipe, Pump, Source};
use crate::store::{CONTROL, Claim, Home, LOCK, NEW, NoHome, NotClaimed, OUTPUT, RECORD, Seen};
use crate::store::{Unseen, remove_folder, rewrite, write_keeper_line};
use crate::{ROLE, marks};
use jiff::Timestamp;
use outlive_os::events::{self, Ender};
use outlive_os::folder::Folder;
use outlive_os::process::Process;
use outlive_os::socket::Listener;
use outlive_os::spawn::{Spawn, SpawnError, Step, Strings};
use outlive_os::tree::Tree;
use outlive_os::{AsDescriptor, Borrowed, Descriptor, lock, os_string, proc, role};
use outlive_record::{
    Answer, InputPlan, Launch, OutputPlan, Place, Purpose, RECORD_LIMIT, Record, Run, Slot, Stream,
    VERSION,
};
use std::fs::File;
use std::io;
use std::path::Path;

/// From which number on a job is given what nobody has asked for: programs that choose numbers by
/// themselves take the first ones, shells those from 10 on.
const SPARE: i32 = 30;

/// A job that runs, and what its keeper holds of it.
pub(crate) struct Started {
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
    /// The end of the pipe that the job reads from, if it is kept open.
    pub(crate) stdin: Option<Descriptor>,
    /// What it is to have left, until that has been looked at.
    pub(crate) expected: Option<Expected>,
    /// Held for life.
    pub(crate) _lock: File,
    pub(crate) claim: Option<Claim>,
}

impl Started {
    pub(crate) fn answer(&self) -> Answer {
        Answer::Started {
            pid: self.main.pid(),
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
    let Arrival {
        launch,
        environment,
        slots,
        heritage,
    } = arrival;
    let home = home_of(&launch)?;
    let jobs = home.jobs().during("open the folder of all jobs")?;
    let id = launch.spec.id.clone();
    let now = Timestamp::now();
    let own = Own::make(&launch);

    let room = if launch.purpose == Purpose::Restart {
        Room::enter(&jobs, &launch, place.clone(), &own, now)?
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
            cgroups: own.folders.clone(),
            report: None,
        };
        Room::build(&jobs, record)?
    };

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
        let pipes = Pipes::new(&launch, &room)?;
        // Before there is a job: without these it would run unwatched.
        // A manager asks its services to end, at the end of the machine, too.
        let heed_stop = launch.delegated.is_some();
        let tree = Tree::new(marks(&id), &own.cgroups, heed_stop);
        let mut tree = tree.during("be told of the job's processes")?;
        let ended = events::ending().during("make a pipe")?;
        let main = pipes.spawn(&launch, environment, &slots, heritage, &room, &own)?;
        tree.begin(&main);
        let expected = Expected::of(&launch);
        if launch.require {
            expected.require(&mut tree, &main, &room.folder)?;
        }
        Ok((main, pipes, tree, ended, expected))
    });
    match started {
        Ok((main, Pipes { outputs, stdin }, tree, (ended, tell_ended), expected)) => {
            own.keep();
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
            let sources = outputs.into_iter().map(|it| it.source).collect();
            let pump = Pump::new(record.spec.output.form, sources, output.as_ref());
            let stdin = stdin.map(|(_, to_job)| to_job);
            Ok(Started {
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
                stdin,
                expected: Some(expected),
                _lock: lock,
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

/// What the job's descriptors are made of.
struct Pipes {
    /// What it prints to where the keeper passes that on: one for both streams, or one for each.
    outputs: Vec<OutputPipe>,
    /// The job's end and the keeper's end of its input.
    stdin: Option<(Descriptor, Descriptor)>,
}

impl Pipes {
    fn new(launch: &Launch, room: &Room) -> Result<Pipes, Refusal> {
        let outputs = Source::all(&launch.spec.output, &room.folder);
        let outputs = outputs.during("make a pipe for the output")?;
        let kept = launch.stdin == InputPlan::Kept;
        let stdin = kept
            .then(events::pipe)
            .transpose()
            .during("make a pipe for the input")?;
        Ok(Pipes { outputs, stdin })
    }

    fn spawn(
        &self,
        launch: &Launch,
        environment: Vec<u8>,
        slots: &[Descriptor],
        heritage: Heritage,
        room: &Room,
        own: &Own,
    ) -> Result<Process, Refusal> {
        let slot = |number: Slot| -> Result<Borrowed<'_>, Refusal> {
            let place = usize::try_from(number)
                .ok()
                .and_then(|number| slots.get(number));
            place
                .map(AsDescriptor::as_fd)
                .ok_or_else(|| Refusal::launch("a descriptor is missing".into()))
        };
        // A keeper's own standard input is /dev/null, open for writing too.
        let null = role::standard_input();
        let printed = |stream| {
            let mut outputs = self.outputs.iter();
            let own = outputs.find(|it| it.source.stream == stream);
            match (own.or(self.outputs.first()), &room.output) {
                (Some(pipe), _) => pipe.to_keeper.as_fd(),
                (None, Some(output)) => output.as_fd(),
                (None, None) => null,
            }
        };
        let input = match (launch.stdin, &self.stdin) {
            (InputPlan::Slot(number), _) => slot(number)?,
            (InputPlan::Kept, Some((from_keeper, _))) => from_keeper.as_fd(),
            _ => null,
        };
        let output = |plan, stream| match plan {
            OutputPlan::Job => Ok(printed(stream)),
            OutputPlan::Null => Ok(null),
            OutputPlan::Slot(number) => slot(number),
        };
        let mut descriptors = vec![
            (input, 0),
            (output(launch.stdout, Stream::Stdout)?, 1),
            (output(launch.stderr, Stream::Stderr)?, 2),
        ];
        for &(number, target) in &launch.kept {
            descriptors.push((slot(number)?, target));
        }
        let asked_for = descriptors.len();
        let is_free = |number: &i32| launch.kept.iter().all(|(_, target)| target != number);
        let spare = self.outputs.iter().filter_map(|it| it.spare.as_ref());
        let spare = spare.map(AsDescriptor::as_fd);
        descriptors.extend(spare.zip((SPARE..).filter(is_free)));
        let strings = |texts: &[outlive_record::Text]| {
            let mut strings = Strings::default();
            texts.iter().try_for_each(|text| strings.push(&[&text.0]))?;
            io::Result::Ok(strings)
        };
        let mut spawn = Spawn {
            programs: strings(&launch.programs).during("pass on the program")?,
            arguments: strings(&launch.spec.command).during("pass on the arguments")?,
            environment: Some(Strings::from_block(environment)),
            umask: Some(heritage.umask),
            descriptor_limit: heritage.descriptor_limit,
            new_session: true,
            descriptors,
            announce: Some(room.lock.as_fd()),
            cgroups: &own.cgroups,
            settings: &launch.settings,
            ..Spawn::default()
        };
        let mut spawned = spawn.spawn();
        if let Err(SpawnError {
            step: Step::Cgroup, ..
        }) = spawned
        {
            // It is where its keeper is then, which is outside of the launcher's cgroup too.
            spawn.cgroups = &[];
            spawned = spawn.spawn();
        }
        if let Err(SpawnError {
            step: Step::Descriptors,
            ..
        }) = spawned
        {
            // There may be few: it does without what it was not asked for.
            spawn.descriptors.truncate(asked_for);
            spawned = spawn.spawn();
        }
        spawned.map_err(
            |SpawnError { step, cause }| match (step, cause.raw_os_error()) {
                (Step::Exec, Some(errno)) => Refusal(Answer::NotExecuted { errno }),
                (step, _) => {
                    let error = SpawnError {
                        step,
                        cause: io::Error::other(""),
                    };
                    Refusal::io(error.to_string(), cause)
                }
            },
        )
    }
}
