//! The JSON form of a job. It is stable: fields are added, never renamed or taken away.

use crate::output;
use crate::report::{Failure, Result};
use crate::text;
use jiff::Timestamp;
use outlive::{Escape, Hazard, HazardKind, HazardState, Keeper, OutputForm, Run, Status};
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
    command: Vec<Cow<'a, str>>,
    cwd: Cow<'a, str>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    output: Cow<'a, str>,
    output_form: OutputForm,
    keeper: KeeperObject,
    runs: Vec<RunObject>,
    notes: &'a [String],
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
struct RunObject {
    pid: Option<i32>,
    exit_code: Option<u32>,
    signal: Option<i32>,
    started_at: Timestamp,
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
            command: job
                .command
                .iter()
                .map(|word| word.to_string_lossy())
                .collect(),
            cwd: job.cwd.to_string_lossy(),
            started_at: job.started_at,
            ended_at: job.ended_at,
            output: job.output.to_string_lossy(),
            output_form: job.output_form,
            keeper: KeeperObject::from(&job.keeper),
            runs: job.runs.iter().map(RunObject::from).collect(),
            notes: &job.notes,
            way: job.report.as_ref().map(|report| report.way.words().0),
            manager: job.report.as_ref().and_then(|report| report.way.words().1),
            report: job
                .report
                .as_ref()
                .map(|report| report.escapes.iter().map(HazardObject::from).collect()),
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

impl From<&Run> for RunObject {
    fn from(run: &Run) -> Self {
        RunObject {
            pid: run.pid,
            exit_code: run.exit_code,
            signal: run.signal,
            started_at: run.started_at,
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
