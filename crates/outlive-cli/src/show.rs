//! `outlive show`.

use crate::age;
use crate::cli::examples;
use crate::hazards::{self, Tense};
use crate::json::{self, JobObject};
use crate::limits;
use crate::output;
use crate::report::Result;
use crate::status;
use crate::text;
use anstyle::Style;
use jiff::Timestamp;
use outlive::{Jobs, Run, State, Status, Usage};
use outlive_os::signal;
use std::fmt::Write;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive show web
  outlive show --json web | jq .exit_code"
))]
pub(crate) struct Args {
    /// The job's name, its id or the beginning of its id
    job: String,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let job = Jobs::open()?.get(&args.job)?;
    let report = job.report()?;
    // One whose record can't be read, or that belongs elsewhere, is shown all the same.
    let usage = job.usage().unwrap_or_default();
    let mut job = job.status()?;
    job.report = report;
    if args.json {
        json::write(&JobObject::new(&job).using(usage.as_ref()))?;
    } else {
        output::write_styled(&describe(&job, usage.as_ref(), Timestamp::now()))?;
    }
    Ok(0)
}

fn describe(job: &Status, usage: Option<&Usage>, now: Timestamp) -> String {
    let mut out = String::new();
    let (bold, color) = (Style::new().bold(), status::style(job));
    let mut line = |label: &str, value: &str| {
        writeln!(out, "{bold}{label:<9}{bold:#} {value}").expect("memory");
    };
    line("Id", &text::plain(&job.id));
    if let Some(name) = &job.name {
        line("Name", &text::plain(name));
    }
    line(
        "State",
        &format!("{color}{}{color:#}{}", job.state.word(), details(job)),
    );
    // A damaged record tells neither.
    if !job.command.is_empty() {
        line("Command", &text::command(&job.command));
        line("Folder", &text::os(job.cwd.as_os_str()));
    }
    if let Some(pid) = job.pid {
        line("Process", &pid.to_string());
    }
    if let Some(at) = job.started_at {
        line("Started", &ago(at, now));
    }
    if let Some(ready) = ready(job, now) {
        line("Ready", &ready);
    }
    if let Some(says) = says(job) {
        line("Says", &says);
    }
    if let Some(at) = job.ended_at {
        line("Ended", &ago(at, now));
    }
    if job.restarts > 0 {
        line("Restarts", &job.restarts.to_string());
    }
    if let Some(at) = job.restarts_at {
        line("Again", &ahead(at, now));
    }
    if let Some(at) = job.times_out_at {
        line("Timeout", &ahead(at, now));
    }
    if let Some(at) = job.expires_at {
        line("Expires", &ahead(at, now));
    }
    if let (Some(start), Some(end)) = (job.started_at, job.ended_at) {
        line("Took", &age::long(age::between(start, end)));
    }
    if let Some(user) = &job.user {
        line("User", &text::plain(user));
    }
    if let Some(group) = &job.group {
        line("Group", &text::plain(group));
    }
    if !job.limits.is_none() {
        line("Limits", &limits::words(&job.limits));
    }
    if let Some(usage) = usage {
        line("Uses", &limits::used(usage));
    }
    line("Output", &text::os(job.output.as_os_str()));
    match job.keeper.pid {
        Some(pid) if job.keeper.alive => line("Keeper", &pid.to_string()),
        _ if job.state == State::Running => line("Keeper", "gone"),
        _ => {}
    }
    if job.runs.len() > 1 {
        for (at, run) in job.runs.iter().enumerate() {
            line(if at == 0 { "Runs" } else { "" }, &run_line(run));
        }
    }
    for note in status::notes(job) {
        line("Note", &text::plain(note));
    }
    if let Some(report) = &job.report {
        out.push_str(&hazards::describe(report, Tense::Was));
    }
    out
}

fn details(job: &Status) -> String {
    let end = match (job.exit_code, job.signal) {
        (Some(code), _) => format!(", code {code}"),
        (None, Some(signal)) => format!(", {}", signal::name(signal)),
        (None, None) => String::new(),
    };
    let memory = status::out_of_memory(job);
    format!(
        "{end}{memory}{}",
        match job.stopped {
            true => ", stopped by request",
            false => "",
        }
    )
}

/// When it became ready, or by what that is seen.
fn ready(job: &Status, now: Timestamp) -> Option<String> {
    match (job.readiness.ready_at, &job.ready.when) {
        (Some(at), _) => Some(ago(at, now)),
        (None, Some(ready)) => Some(format!("not by {}", text::plain(&ready.to_string()))),
        (None, None) => None,
    }
}

/// What it says of itself.
fn says(job: &Status) -> Option<String> {
    let phase = job.readiness.phase.map(|phase| phase.word().to_owned());
    let main = job.readiness.main_pid.filter(|pid| job.pid != Some(*pid));
    let main = main.map(|pid| format!("main process {pid}"));
    let said = job.readiness.status_text.as_deref();
    let parts: Vec<String> = phase
        .into_iter()
        .chain(main)
        .chain(said.map(|said| text::plain(said).into_owned()))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    format!(
        "{} ({} ago)",
        age::moment(at),
        age::short(age::between(at, now))
    )
}

fn ahead(at: Timestamp, now: Timestamp) -> String {
    let left = age::long(age::between(now, at));
    format!("{} (in {left})", age::moment(at))
}

fn run_line(run: &Run) -> String {
    let took = match run.ended_at {
        Some(end) => format!("took {}", age::long(age::between(run.started_at, end))),
        None => "not ended".to_owned(),
    };
    let end = match (run.exit_code, run.signal) {
        (Some(code), _) => format!(", exited with code {code}"),
        (None, Some(signal)) => format!(", ended by {}", signal::name(signal)),
        (None, None) => String::new(),
    };
    let why = match (&run.failure, run.timed_out, run.stopped) {
        (Some(why), ..) => format!(", {}", text::plain(why)),
        (None, true, _) => ", its time was over".to_owned(),
        (None, false, true) => ", stopped by request".to_owned(),
        (None, false, false) => String::new(),
    };
    format!("{}, {took}{end}{why}", age::moment(run.started_at))
}
