//! Another run of a job, by the keeper that it has.

use crate::arrive::Arrival;
use crate::escape::{Expected, Own};
use crate::limits;
use crate::pipes::Pipes;
use crate::pump::Pump;
use crate::ready::Readying;
use crate::start::{During, Refusal};
use crate::store::{RECORD, forget_main_line};
use crate::table::Event;
use crate::watch::Keeper;
use jiff::Timestamp;
use outlive_os::cgroup::Cgroup;
use outlive_os::{AsDescriptor, Descriptor, os_string, role};
use outlive_record::{End, Input, InputPlan, Launch, Modes, RestartPolicy};
use std::fs::File;
use std::io::Seek;
use std::path::Path;
use std::time::Instant;

/// What another run takes. The job's environment is in it, which is stored nowhere else.
pub(crate) struct Provision {
    arrival: Arrival,
    cgroups: Vec<Cgroup>,
    cwd: Descriptor,
}

impl Provision {
    /// The folder that the job starts in, which is this process's now, if it may be started again.
    pub(crate) fn folder(launch: &Launch) -> Result<Option<Descriptor>, Refusal> {
        if launch.spec.life.restart == RestartPolicy::No {
            return Ok(None);
        }
        let folder = role::open_folder(Path::new("."));
        folder.map(Some).during("hold its folder for another start")
    }

    /// What is needed once more of what has come for the first run.
    pub(crate) fn new(arrival: Arrival, cgroups: Vec<Cgroup>, cwd: Descriptor) -> Provision {
        Provision {
            arrival,
            cgroups,
            cwd,
        }
    }

    /// Goes back to the beginning of the file that it reads its standard input from: the run before has
    /// read it. It is the file that whoever started the job has opened: what its path means by now may
    /// be another user's choice, and to open a FIFO would wait for its writer.
    fn rewind_input(&self) -> Result<(), Refusal> {
        let launch = &self.arrival.launch;
        let (Input::File(_), InputPlan::Slot(number)) = (&launch.spec.input, launch.stdin) else {
            return Ok(());
        };
        if let Some(slot) = self.arrival.slot(number) {
            let copy = slot.try_clone().during("copy its standard input")?;
            // What can't go back, a pipe or a terminal, goes on where it is.
            let _ = File::from(copy).rewind();
        }
        Ok(())
    }
}

impl Keeper {
    /// Starts the job once more. If that fails it is a run that has failed.
    pub(crate) fn start_again(&mut self) {
        // It is there, or no pause would have come before this.
        let Some(mut provision) = self.job.again.take() else {
            return;
        };
        let started = self.run_again(&mut provision);
        self.job.again = Some(provision);
        match started {
            Ok(()) => {
                self.modes = self.job.terminal.is_some().then(Modes::default);
                self.tell_of_run();
                self.report();
            }
            Err(refusal) => {
                self.end = Some(End::Failed(refusal.words()));
                self.on(Event::NotStarted);
            }
        }
    }

    fn run_again(&mut self, provision: &mut Provision) -> Result<(), Refusal> {
        let job = &mut self.job;
        (self.end, self.main_ended, self.killed_by) = (None, false, None);
        (self.run_began, self.grace_over) = (Instant::now(), None);
        let length = match (&job.output, &job.record.spec.output.path) {
            (Some(own), _) => own.metadata().ok(),
            (None, Some(path)) => std::fs::metadata(os_string(path.0.clone())).ok(),
            (None, None) => None,
        };
        let length = length.map(|it| it.len());
        job.record.begin_run_again(Timestamp::now());
        let launch = &provision.arrival.launch;
        if let Some(mut own) = Own::renew(launch, &job.record.cgroups) {
            limits::heed(launch, &own.unlimited)?;
            job.record.cgroups.clone_from(&own.folders);
            provision.cgroups = std::mem::take(&mut own.cgroups);
            job.unlimited = own.keep();
        }
        let run = job.record.newest_mut();
        run.output_start = length.unwrap_or(0);
        // In this order: whoever is killed in between leaves a run that was not started.
        forget_main_line(&job.lock).during("write the job's lock")?;
        let record = job.record.to_bytes();
        let written = job.folder.replace(RECORD, &record);
        written.during("write the job's record")?;
        provision.rewind_input()?;
        Pump::remove_names(&job.record.spec.output, &job.folder);
        let Arrival {
            launch,
            environment,
            heritage,
            ..
        } = &provision.arrival;
        let mut environment = environment.clone();
        job.ready = Readying::prepare(
            &job.record,
            &job.folder,
            launch,
            &mut environment,
            *heritage,
        )?;
        // Those who are attached go over to the new terminal when this one is closed everywhere. The child
        // has a copy of what is open here, which it closes only after we have been told that it runs
        // (begin_new_exec, the kernel's fs/exec.c: exec_mmap comes before do_close_on_exec).
        job.terminal = None;
        let pipes = Pipes::new(launch, &job.folder)?;
        role::enter_folder(provision.cwd.as_fd()).during("enter its folder")?;
        let output = job.output.as_ref();
        let main = pipes.spawn(
            &provision.arrival,
            environment,
            &job.lock,
            output,
            &provision.cgroups,
        );
        // What keeps a folder busy is the job, if anything.
        let _ = role::leave_folder();
        let (main, lost) = main?;
        job.main = main;
        job.unlimited.extend(lost);
        job.tree.begin(&job.main);
        (job.pump, job.stdin, job.terminal) =
            pipes.ours(job.record.spec.output.form, job.output.as_ref());
        let mut expected = Expected::of(&provision.arrival.launch, job.terminal.as_ref());
        expected.note(&job.unlimited);
        if provision.arrival.launch.require {
            expected.require(&mut job.tree, &job.main, &job.folder)?;
        }
        job.expected = Some(expected);
        Ok(())
    }
}
