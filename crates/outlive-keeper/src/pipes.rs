//! What a run's descriptors are made of, and its start.

use crate::arrive::Arrival;
use crate::pump::{OutputPipe, Pump, Source};
use crate::start::{During, Refusal};
use crate::{account, limits};
use outlive_os::cgroup::Cgroup;
use outlive_os::events::{self, Inflow};
use outlive_os::folder::Folder;
use outlive_os::process::Process;
use outlive_os::pty::Pty;
use outlive_os::spawn::{Spawn, SpawnError, Step, Strings};
use outlive_os::{AsDescriptor, Borrowed, Descriptor, role};
use outlive_record::{
    Answer, Form, InputPlan, Launch, OutputMode, OutputPlan, Slot, Stream, Unlimited,
};
use std::fs::File;
use std::io;

/// From which number on a job is given what nobody has asked for: programs that choose numbers by
/// themselves take the first ones, shells those from 10 on.
const SPARE: i32 = 30;

/// What the descriptors of a run are made of.
pub(crate) struct Pipes {
    /// What it prints to where the keeper passes that on: one for both streams, or one for each.
    outputs: Vec<OutputPipe>,
    /// The job's end and the keeper's end of its input.
    stdin: Option<(Descriptor, Descriptor)>,
    /// The terminal that is all of its standard streams, and what is printed on it.
    terminal: Option<(Pty, Inflow)>,
}

impl Pipes {
    pub(crate) fn new(launch: &Launch, folder: &Folder) -> Result<Pipes, Refusal> {
        let output = &launch.spec.output;
        let outputs = Source::all(output, folder);
        let outputs = outputs.during("make a pipe for the output")?;
        let own = output.path.is_none() && output.mode == OutputMode::Pty;
        let terminal = own.then(|| Pty::open(launch.spec.terminal.unwrap_or_default()));
        let terminal = terminal.transpose().during("make a terminal")?;
        let kept = launch.stdin == InputPlan::Kept;
        let stdin = kept
            .then(events::pipe)
            .transpose()
            .during("make a pipe for the input")?;
        Ok(Pipes {
            outputs,
            stdin,
            terminal,
        })
    }

    /// Its own terminal.
    pub(crate) fn terminal(&self) -> Option<&Pty> {
        self.terminal.as_ref().map(|(terminal, _)| terminal)
    }

    /// The keeper's ends: of its output, of its input, and of its terminal.
    pub(crate) fn ours(
        self,
        form: Form,
        output: Option<&File>,
    ) -> (Pump, Option<Descriptor>, Option<Pty>) {
        let (terminal, printed) = self.terminal.unzip();
        let sources = self.outputs.into_iter().map(|it| it.source);
        let sources = sources.chain(printed.map(Source::terminal)).collect();
        let pump = Pump::new(form, sources, output);
        let stdin = self.stdin.map(|(_, to_job)| to_job);
        (pump, stdin, terminal)
    }

    /// Starts the program, which writes its line into `lock`; the folder of this process is its own.
    pub(crate) fn spawn(
        &self,
        arrival: &Arrival,
        environment: Vec<u8>,
        lock: &File,
        output: Option<&File>,
        cgroups: &[Cgroup],
    ) -> Result<(Process, Vec<Unlimited>), Refusal> {
        let Arrival {
            launch, heritage, ..
        } = arrival;
        let slot = |number: Slot| -> Result<Borrowed<'_>, Refusal> {
            let slot = arrival.slot(number).map(AsDescriptor::as_fd);
            slot.ok_or_else(|| Refusal::launch("a descriptor is missing".into()))
        };
        // A keeper's own standard input is /dev/null, open for writing too.
        let null = role::standard_input();
        let printed = |stream| {
            let mut outputs = self.outputs.iter();
            let own = outputs.find(|it| it.source.stream == stream);
            match (own.or(self.outputs.first()), output) {
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
        let mut descriptors = match self.terminal {
            Some(_) => Vec::new(),
            None => vec![
                (input, 0),
                (output(launch.stdout, Stream::Stdout)?, 1),
                (output(launch.stderr, Stream::Stderr)?, 2),
            ],
        };
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
            terminal: self.terminal(),
            descriptors,
            announce: Some(lock.as_fd()),
            cgroups,
            settings: &launch.settings,
            nice: launch.spec.limits.nice,
            identity: launch.credentials.as_ref().map(account::identity),
            ..Spawn::default()
        };
        let mut lost = Vec::new();
        let spawned = loop {
            match spawn.spawn() {
                Err(error) if error.step == Step::Cgroup && !spawn.cgroups.is_empty() => {
                    // It is where its keeper is then, which is outside of the launcher's cgroup too.
                    spawn.cgroups = &[];
                    lost.extend(limits::without_cgroups(launch, &error.cause));
                }
                Err(error)
                    if error.step == Step::Descriptors && spawn.descriptors.len() > asked_for =>
                {
                    // There may be few: it does without what it was not asked for.
                    spawn.descriptors.truncate(asked_for);
                }
                Err(error) if error.step == Step::Nice => {
                    spawn.nice = None;
                    lost.push(limits::without_niceness(&error.cause));
                }
                spawned => break spawned,
            }
            limits::heed(launch, &lost)?;
        };
        let spawned =
            spawned.map_err(
                |SpawnError { step, cause }| match (step, cause.raw_os_error()) {
                    (Step::Exec, Some(errno)) => Answer::NotExecuted { errno }.into(),
                    (Step::Folder | Step::Identity, _) if launch.credentials.is_some() => {
                        account::refusal(launch, step, &cause).into()
                    }
                    (step, _) => {
                        let error = SpawnError {
                            step,
                            cause: io::Error::other(""),
                        };
                        Refusal::io(error.to_string(), cause)
                    }
                },
            );
        Ok((spawned?, lost))
    }
}
