//! The JSON form of a job. It is stable: fields are added, never renamed or taken away.

use crate::output;
use crate::report::{Failure, Result};
use crate::status;
use crate::text;
use jiff::Timestamp;
use outlive::{
    Escape, Hazard, HazardKind, HazardState, Keeper, Limits, OutputForm, Phase, Run, Status, Usage,
};
use serde::Serialize;
use std::borrow::Cow;

/// One job.
#[derive(Serialize)]
pub(crate) struct JobObject<'a> {
    id: &'a str,
    name: Option<&'a str>,
    state: &'static str,
    pid: Option<i32>,
    exit_code: Option<u32>,
    signal: Option<i32>,
    success: Option<bool>,
    command: Vec<Cow<'a, str>>,
    cwd: Cow<'a, str>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    times_out_at: Option<Timestamp>,
    restarts_at: Option<Timestamp>,
    restarts: u32,
    expires_at: Option<Timestamp>,
    ready: Option<String>,
    ready_at: Option<Timestamp>,
    status_text: Option<&'a str>,
    phase: Option<&'static str>,
    main_pid: Option<i32>,
    output: Cow<'a, str>,
    output_form: OutputForm,
    terminal: Option<String>,
    keeper: KeeperObject,
    user: Option<&'a str>,
    group: Option<&'a str>,
    limits: Option<LimitsObject>,
    usage: Option<UsageObject<'a>>,
    out_of_memory: bool,
    oom_kills: u64,
    runs: Vec<RunObject<'a>>,
    notes: Vec<&'a str>,
    way: Option<&'static str>,
    manager: Option<&'static str>,
    report: Option<Vec<HazardObject<'a>>>,
}

/// One hazard.
#[derive(Serialize)]
pub(crate) struct HazardObject<'a> {
    hazard: Hazard,
    kind: HazardKind,
    state: HazardState,
    detail: &'a str,
    how: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a Escape> for HazardObject<'a> {
    fn from(escape: &'a Escape) -> Self {
        HazardObject {
            hazard: escape.hazard,
            kind: escape.hazard.kind(),
            state: escape.state,
            detail: &escape.detail,
            how: &escape.how,
            hint: escape.hint.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct KeeperObject {
    pid: Option<i32>,
    alive: bool,
}

#[derive(Serialize)]
struct LimitsObject {
    memory: Option<u64>,
    cpus: Option<f64>,
    tasks: Option<u32>,
    io_weight: Option<u16>,
    nice: Option<i32>,
    required: bool,
}

#[derive(Serialize)]
struct UsageObject<'a> {
    cpu_seconds: Option<f64>,
    memory: Option<u64>,
    memory_peak: Option<u64>,
    tasks: Option<u64>,
    bytes_read: Option<u64>,
    bytes_written: Option<u64>,
    summed: &'a [&'static str],
}

#[derive(Serialize)]
struct RunObject<'a> {
    pid: Option<i32>,
    exit_code: Option<u32>,
    signal: Option<i32>,
    failure: Option<&'a str>,
    stopped: bool,
    timed_out: bool,
    started_at: Timestamp,
    ready_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl<'a> JobObject<'a> {
    pub(crate) fn new(job: &'a Status) -> JobObject<'a> {
        JobObject {
            id: &job.id,
            name: job.name.as_deref(),
            state: job.state.word(),
            pid: job.pid,
            exit_code: job.exit_code,
            signal: job.signal,
            success: job.success,
            command: job
                .command
                .iter()
                .map(|word| word.to_string_lossy())
                .collect(),
            cwd: job.cwd.to_string_lossy(),
            started_at: job.started_at,
            ended_at: job.ended_at,
            times_out_at: job.times_out_at,
            restarts_at: job.restarts_at,
            restarts: job.restarts,
            expires_at: job.expires_at,
            ready: job.ready.when.as_ref().map(ToString::to_string),
            ready_at: job.readiness.ready_at,
            status_text: job.readiness.status_text.as_deref(),
            phase: job.readiness.phase.map(Phase::word),
            main_pid: job.readiness.main_pid,
            output: job.output.to_string_lossy(),
            output_form: job.output_form,
            terminal: job.terminal.map(|size| size.to_string()),
            keeper: KeeperObject::from(&job.keeper),
            user: job.user.as_deref(),
            group: job.group.as_deref(),
            limits: (!job.limits.is_none()).then(|| LimitsObject::from(&job.limits)),
            usage: None,
            out_of_memory: job.is_out_of_memory(),
            oom_kills: job.oom_kills,
            runs: job.runs.iter().map(RunObject::from).collect(),
            notes: status::notes(job).collect(),
            way: job.report.as_ref().map(|report| report.way.words().0),
            manager: job.report.as_ref().and_then(|report| report.way.words().1),
            report: job
                .report
                .as_ref()
                .map(|report| report.escapes.iter().map(HazardObject::from).collect()),
        }
    }
}

impl<'a> JobObject<'a> {
    /// The same, with what it uses.
    pub(crate) fn using(self, usage: Option<&'a Usage>) -> JobObject<'a> {
        JobObject {
            usage: usage.map(UsageObject::from),
            ..self
        }
    }
}

impl From<&Limits> for LimitsObject {
    fn from(limits: &Limits) -> Self {
        LimitsObject {
            memory: limits.memory,
            cpus: limits.millicpus.map(|it| f64::from(it) / 1000.0),
            tasks: limits.tasks,
            io_weight: limits.io_weight,
            nice: limits.nice,
            required: !limits.prefer,
        }
    }
}

impl<'a> From<&'a Usage> for UsageObject<'a> {
    fn from(usage: &'a Usage) -> Self {
        UsageObject {
            cpu_seconds: usage.cpu_time.map(|it| it.as_secs_f64()),
            memory: usage.memory,
            memory_peak: usage.memory_peak,
            tasks: usage.tasks,
            bytes_read: usage.bytes_read,
            bytes_written: usage.bytes_written,
            summed: &usage.summed,
        }
    }
}

impl From<&Keeper> for KeeperObject {
    fn from(keeper: &Keeper) -> Self {
        KeeperObject {
            pid: keeper.pid,
            alive: keeper.alive,
        }
    }
}

impl<'a> From<&'a Run> for RunObject<'a> {
    fn from(run: &'a Run) -> Self {
        RunObject {
            pid: run.pid,
            exit_code: run.exit_code,
            signal: run.signal,
            failure: run.failure.as_deref(),
            stopped: run.stopped,
            timed_out: run.timed_out,
            started_at: run.started_at,
            ready_at: run.ready_at,
            ended_at: run.ended_at,
        }
    }
}

/// Writes one value and a line break: indented for a person, on one line for a program.
pub(crate) fn write(value: &impl Serialize) -> Result<()> {
    let indented = output::is_terminal();
    let json = if indented {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    let json = json.map_err(|error| Failure::new(format!("failed to make JSON: {error}")))?;
    output::write(|out| {
        // Outside of strings, which have no line breaks, JSON is ASCII: what is left to be escaped
        // (DEL, C1, direction marks) is within strings, where `\u` means the same.
        for line in json.split('\n') {
            writeln!(out, "{}", text::json(line))?;
        }
        Ok(())
    })
}
