//! What is run once the job has ended for good.
//!
//! It is no part of the job, which has ended: it runs beside its keeper, outside of the job's cgroup,
//! in which nothing may be started any more (`cgroup.kill`, cgroups(7), may have ended it). The keeper
//! waits for it, since a service manager ends what a keeper leaves behind.

use crate::arrive::Arrival;
use crate::shell::{Means, Shell, kill, take_ended};
use crate::start::{During, Refusal};
use crate::table::{Event, Phase};
use crate::watch::{Keeper, end_by_force};
use outlive_os::process::Process;
use outlive_os::{AsDescriptor, Borrowed, Descriptor, Exit};
use outlive_record::{End, Leftover, OutputPlan, Record, Slot};
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

/// How long a process that was killed has to be gone.
const GONE: Duration = Duration::from_secs(1);

/// What is to be run, and where it prints.
pub(crate) struct OnEnd {
    shell: Shell,
    outputs: [Printed; 2],
}

/// Where one of its streams goes.
enum Printed {
    /// To the job's own output file.
    Job,
    Nowhere,
    To(Descriptor),
}

impl OnEnd {
    /// What is to be run after a job that is about to be started, if anything is.
    pub(crate) fn prepare(arrival: &Arrival) -> Result<Option<OnEnd>, Refusal> {
        let launch = &arrival.launch;
        let Some(line) = &launch.spec.life.on_end else {
            return Ok(None);
        };
        let slot = |number: Slot| {
            let slot = arrival.slot(number).ok_or(io::ErrorKind::NotFound)?;
            slot.try_clone().map(Printed::To)
        };
        let printed = |plan| match plan {
            OutputPlan::Job => Ok(Printed::Job),
            OutputPlan::Null => Ok(Printed::Nowhere),
            OutputPlan::Slot(number) => slot(number).during("hold its output for its end"),
        };
        let means = Means::new(launch, arrival.environment.clone(), arrival.heritage);
        Ok(Some(OnEnd {
            shell: Shell::new(line, &launch.spec, means),
            outputs: [printed(launch.stdout)?, printed(launch.stderr)?],
        }))
    }

    /// The same for a job that has lost its keeper, and with it where it printed to, unless that is
    /// its own file. What can't be run is said in the record.
    pub(crate) fn resume(record: &mut Record, means: Means) -> Option<OnEnd> {
        let line = record.spec.life.on_end.as_ref()?;
        if means.environment.is_empty() {
            let why = "its keeper was killed, and the job's environment can't be read";
            record.newest_mut().on_end_failed = Some(why.to_owned());
            return None;
        }
        Some(OnEnd {
            shell: Shell::new(line, &record.spec, means),
            outputs: [Printed::Job, Printed::Job],
        })
    }

    /// Starts it; `output` is the job's own file.
    fn start(mut self, record: &Record, output: Option<&File>) -> io::Result<Process> {
        for (name, value) in result(record) {
            self.shell.set(name, &value);
        }
        let outputs = self.outputs.each_ref().map(|printed| match printed {
            Printed::Job => output.map(AsDescriptor::as_fd),
            Printed::Nowhere => None,
            Printed::To(descriptor) => Some(descriptor.as_fd()),
        });
        self.shell.start(outputs, &[])
    }
}

/// What it is told of the job, by the names of variables.
fn result(record: &Record) -> [(&'static str, String); 8] {
    let run = record.newest();
    let (mut code, mut signal) = (String::new(), String::new());
    let mut state = match &run.end {
        Some(End::Exited(it)) => {
            code = it.to_string();
            "exited"
        }
        Some(End::Signaled(it)) => {
            signal = it.to_string();
            "signaled"
        }
        Some(End::Failed(_)) => "failed",
        Some(End::Unknown) | None => "lost",
    };
    if run.timed_out && run.end.is_some() {
        state = "timed-out";
    }
    let name = record.spec.name.as_ref().map(ToString::to_string);
    let end = run.end.as_ref();
    let success = end.is_some_and(|end| record.has_succeeded(run, end));
    [
        (crate::JOB_VARIABLE, record.spec.id.to_string()),
        ("OUTLIVE_NAME", name.unwrap_or_default()),
        ("OUTLIVE_STATE", state.to_owned()),
        ("OUTLIVE_EXIT_CODE", code),
        ("OUTLIVE_SIGNAL", signal),
        ("OUTLIVE_SUCCESS", success.to_string()),
        ("OUTLIVE_STOPPED", run.stopped.to_string()),
        ("OUTLIVE_RUNS", record.run_count.to_string()),
    ]
}

impl Keeper {
    /// The job has ended, and everybody knows: what is to be run then is, before the keeper goes.
    pub(crate) fn conclude(&mut self) {
        let Some(on_end) = self.job.on_end.take() else {
            return;
        };
        // What the job has printed comes first.
        self.drain();
        match on_end.start(&self.job.record, self.job.output.as_ref()) {
            Ok(process) => {
                self.concluding = Some(process);
                let time = self.job.record.spec.life.after_end();
                self.grace_over = Instant::now().checked_add(time);
                self.phase = Phase::Concluding;
            }
            Err(error) => self.on_end_failed(error.to_string()),
        }
    }

    /// What is readable once it has ended.
    pub(crate) fn conclusion(&self) -> Option<Borrowed<'_>> {
        self.concluding.as_ref().map(AsDescriptor::as_fd)
    }

    /// Looks whether it has ended.
    pub(crate) fn concluding_turn(&mut self) {
        let Some(exit) = take_ended(&mut self.concluding) else {
            return;
        };
        match exit {
            Some(Exit::Code(0)) | None => {}
            Some(Exit::Code(code)) => self.on_end_failed(format!("it exited with {code}")),
            Some(Exit::Signal(by)) => self.on_end_failed(format!("it was ended by signal {by}")),
        }
        self.on(Event::Concluded);
    }

    /// Ends it by force.
    pub(crate) fn cut_short(&mut self) {
        let Some(process) = self.concluding.take() else {
            return;
        };
        kill(&process);
        let _ = process.wait_end(Some(GONE));
        if self.job.record.spec.leftover == Leftover::Stop {
            // Of the job itself nothing is left.
            end_by_force(&mut self.job.tree, |_| {});
        }
        self.on_end_failed("it was ended, since it took too long or somebody asked for it".into());
    }

    fn on_end_failed(&mut self, why: String) {
        self.job.record.newest_mut().on_end_failed = Some(why);
        self.write_record();
    }
}
