//! The parts that are programs which use the library, in Rust and in Python: they start the job of a
//! cell, and write what the library says of it.

use super::fault::{Context, Fault, Result};
use super::parts::said;
use outlive::{Command, Escape, JobOptions, Jobs, Level, Report, Stdio, Wish};
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Where the Python package is in the machine.
pub(crate) const PACKAGE: &str = "/usr/lib/python3/dist-packages/outlive";
/// What the job's program does first: it forks, and what it has forked tells where it is.
const FORKS_AT_ONCE: &str = "(cat /proc/self/cgroup >\"$1/early\") & exec survive beat \"$1\"";

/// `FOLDER`: starts the job as a child, and waits for it.
pub(crate) fn child(words: &[OsString]) -> Result<ExitCode> {
    let folder = folder(words)?;
    said(folder, &format!("parent {}", std::process::id()))?;
    let started = || -> Result<outlive::Child> {
        foretell(folder)?;
        let mut command = beating(folder)?;
        let began = Instant::now();
        let child = command.spawn().map_err(spoken)?;
        let took = began.elapsed();
        let escapes = child.escapes().map_err(spoken)?;
        let shown = shown(&escapes, Some(took.as_micros()));
        write(folder, "shown", &shown)?;
        warn(&escapes);
        Ok(child)
    };
    let started = started();
    // The script waits for this.
    let go = File::options()
        .write(true)
        .open(Path::new(folder).join("go"));
    go.and_then(|mut go| writeln!(go, "started"))
        .context(|| "failed to let the script go on".to_owned())?;
    let status = started?.wait().map_err(spoken)?;
    let code = status.code().unwrap_or(128);
    write(folder, "ended", &json!(code))?;
    Ok(ExitCode::SUCCESS)
}

/// `FOLDER`: the same in Python.
pub(crate) fn python(words: &[OsString]) -> Result<ExitCode> {
    let mut python = std::process::Command::new("python3");
    python.args(["-c", include_str!("child.py")]);
    let error = python.arg(folder(words)?).arg(FORKS_AT_ONCE).exec();
    Err(error).context(|| "failed to become `python3`".to_owned())
}

/// `FOLDER`: starts the job and lets it go.
pub(crate) fn disown(words: &[OsString]) -> Result<ExitCode> {
    let folder = folder(words)?;
    let plan = foretell(folder)?;
    let began = Instant::now();
    beating(folder)?.disown().map_err(spoken)?;
    let took = began.elapsed();
    // Nobody verifies it: what was planned is all that is claimed.
    write(folder, "shown", &shown(&plan, Some(took.as_micros())))?;
    warn(&plan);
    Ok(ExitCode::SUCCESS)
}

/// `FOLDER`: starts the job with a keeper, and with a descriptor that it keeps.
pub(crate) fn job(words: &[OsString]) -> Result<ExitCode> {
    let folder = folder(words)?;
    let mut command = Command::new("survive");
    command.arg("beat").arg(folder);
    if let Ok(kept) = File::open(Path::new(folder).join("kept")) {
        command.keep_descriptor(kept, 7);
    }
    let mut options = JobOptions::new();
    options.name("job").keeper("/usr/local/bin/outlive");
    let jobs = Jobs::open().map_err(spoken)?;
    let job = jobs.start(&command, &options).map_err(spoken)?;
    if let Some(plan) = job.plan() {
        warn(&plan.report);
    }
    Ok(ExitCode::SUCCESS)
}

fn folder(words: &[OsString]) -> Result<&OsStr> {
    let folder = words.first().ok_or_else(|| Fault::new("no folder"))?;
    Ok(folder)
}

fn beating(folder: &OsStr) -> Result<Command> {
    let out = File::options()
        .append(true)
        .open(Path::new(folder).join("out"))
        .context(|| "failed to open a file for the output".to_owned())?;
    let mut command = Command::new("sh");
    command.args(["-c", FORKS_AT_ONCE, "sh"]).arg(folder);
    command.stdout(Stdio::from(out)).stderr(Stdio::null());
    Ok(command)
}

/// Writes what is planned for a child, as doctor does for a job.
fn foretell(folder: &OsStr) -> Result<Report> {
    let wish = Wish {
        level: Level::Child,
        ..Wish::default()
    };
    let plan = outlive::plan(&wish).map_err(spoken)?.report;
    let hazards: Vec<Value> = plan.escapes.iter().map(entry).collect();
    write(folder, "doctor", &json!({ "hazards": hazards }))?;
    Ok(plan)
}

fn shown(report: &Report, took: Option<u128>) -> Value {
    let (way, manager) = report.way.words();
    let entries: Vec<Value> = report.escapes.iter().map(entry).collect();
    json!({
        "way": way,
        "manager": manager,
        "report": entries,
        "spawn_us": took.and_then(|it| u64::try_from(it).ok()),
    })
}

fn entry(escape: &Escape) -> Value {
    json!({
        "hazard": escape.hazard,
        "kind": escape.hazard.kind(),
        "state": escape.state,
        "detail": escape.detail,
        "how": escape.how,
        "hint": escape.hint,
    })
}

/// As `outlive run` does, in a line.
fn warn(report: &Report) {
    let dangers: Vec<String> = report
        .dangers()
        .map(|danger| format!("{} ({})", danger.hazard, danger.how))
        .collect();
    if !dangers.is_empty() {
        eprintln!("it may be ended by: {}", dangers.join(", "));
    }
    for note in &report.notes {
        eprintln!("{note}");
    }
}

fn write(folder: &OsStr, name: &str, value: &Value) -> Result<()> {
    let path = Path::new(folder).join(name);
    std::fs::write(&path, value.to_string())
        .context(|| format!("failed to write `{}`", path.display()))
}

fn spoken(error: outlive::Error) -> Fault {
    Fault::new(error.to_string())
}
