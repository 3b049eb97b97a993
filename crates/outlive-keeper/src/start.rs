//! From the launch to a running job, or to nothing at all.

use crate::again::Provision;
use crate::arrive::Arrival;
use crate::cap::Cap;
use crate::escape::{Expected, Own};
use crate::on_end::OnEnd;
use crate::pipes::Pipes;
use crate::pump::Pump;
use crate::ready::Readying;
use crate::room::{Fresh, Ground, Room};
use crate::store::{Claim, Home, NoHome, NotClaimed};
use crate::{ROLE, limits, marks};
use jiff::Timestamp;
use outlive_os::cgroup::Hold;
use outlive_os::events::{self, Ender};
use outlive_os::folder::Folder;
use outlive_os::process::Process;
use outlive_os::pty::Pty;
use outlive_os::socket::Listener;
use outlive_os::tree::Tree;
use outlive_os::{Descriptor, clock, os_string, proc, role};
use outlive_record::{
    Answer, Course, Place, Purpose, Record, RestartPolicy, Run, Spec, Text, Unlimited, VERSION,
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
pub(crate) fn home_of(path: &Text) -> Result<Home, Refusal> {
    let path = os_string(path.0.clone());
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
pub(crate) fn start(
    arrival: Arrival,
    place: Place,
    ground: Option<Ground>,
) -> Result<Started, Refusal> {
    let mut arrival = arrival;
    let on_end = OnEnd::prepare(&arrival)?;
    // Another run needs it once more.
    let mut environment = match arrival.launch.spec.life.restart {
        RestartPolicy::No => std::mem::take(&mut arrival.environment),
        _ => arrival.environment.clone(),
    };
    let launch = &arrival.launch;
    let Ground {
        home,
        jobs,
        fresh,
        own,
    } = match ground {
        Some(ground) => ground,
        None => Ground::open(&launch.home)?,
    };
    let id = launch.spec.id.clone();
    let now = Timestamp::now();
    let mut own = own.unwrap_or_else(|| Own::of(launch));
    own.limit(launch);
    limits::heed(launch, &own.unlimited)?;
    let cwd = Provision::folder(launch)?;

    let mut room = if launch.purpose == Purpose::Restart {
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
        let fresh = match fresh {
            Some(fresh) => fresh,
            None => Fresh::make(&jobs, &id, record.spec.output.path.is_none())?,
        };
        Room::build(fresh, record)?
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
    let started = room.publish().and_then(|()| {
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
        let mut expected = Expected::of(launch, pipes.terminal());
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
pub(crate) fn course(spec: &Spec) -> Course {
    let now = u64::try_from(clock::running().as_millis()).unwrap_or(u64::MAX);
    Course {
        time_over_ms: spec.life.timeout_ms.map(|it| now.saturating_add(it)),
        ..Course::default()
    }
}
