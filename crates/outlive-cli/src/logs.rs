//! `outlive logs`.

use crate::cli::examples;
use crate::follow;
use crate::lines::{Form, Printer};
use crate::parse;
use crate::report::{self, Result};
use crate::status;
use jiff::Timestamp;
use outlive::{Event, EventKind, Events, Job, Jobs, Output, Status, Stream};
use outlive_os::signal;
use regex::bytes::Regex;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive logs web
  outlive logs -n 20 web        the last 20 lines
  outlive logs -f -n 0 web      only what comes from now on, until the job ends
  outlive logs -F web           the same, through restarts of the job
  outlive logs --grep '(?i)error|panic' -n 5 web
  outlive logs --since 10m --stderr web
  outlive logs --json web | jq -r 'select(.stream == \"stderr\") | .text'"
))]
pub(crate) struct Args {
    /// The job's name, its id or the beginning of its id
    job: String,

    /// Go on as more is written, until the job ends
    #[arg(long, short)]
    follow: bool,

    /// Go on through restarts of the job too, until it is removed
    #[arg(long, short = 'F')]
    follow_restarts: bool,

    /// Begin with the last COUNT lines, of those that are printed
    #[arg(long, short = 'n', value_name = "COUNT",
        value_parser = parse::whole::<u64>("from 0 on"), allow_hyphen_values = true)]
    lines: Option<u64>,

    /// Only what was printed from this moment on (`run --timestamps`): RFC 3339, or 10m for ten
    /// minutes ago
    #[arg(long, value_name = "TIME", value_parser = parse::moment, allow_hyphen_values = true)]
    since: Option<Timestamp>,

    /// Only what was printed before this moment (`run --timestamps`)
    #[arg(long, value_name = "TIME", value_parser = parse::moment, allow_hyphen_values = true,
        conflicts_with_all = ["follow", "follow_restarts"])]
    until: Option<Timestamp>,

    /// Only what it has written to standard output (`run --split`)
    #[arg(long, conflicts_with = "stderr")]
    stdout: bool,

    /// Only what it has written to standard error (`run --split`)
    #[arg(long)]
    stderr: bool,

    /// Only lines that match a regular expression
    ///
    /// In the syntax of Rust's regex crate; `(?i)` in front ignores case. Of a line longer than 1 MiB
    /// each part of that length is looked at.
    #[arg(long, short = 'g', value_name = "REGEX")]
    grep: Option<Regex>,

    /// Begin each line with the time at which it was printed (`run --timestamps`)
    #[arg(long, short = 't', conflicts_with = "json")]
    timestamps: bool,

    /// Print an object for each line
    ///
    /// With `time` (RFC 3339; null without `run --timestamps`), `stream` (stdout, stderr; null
    /// without `run --split`), and `text`, or `hex` if that is not UTF-8. `partial` is true of a part of
    /// a line, which is longer than 1 MiB or at the end of the output.
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let jobs = Jobs::open()?;
    if args.follow || args.follow_restarts {
        // Whoever has started this may have blocked Ctrl-C, as `outlive top` has.
        follow::on_interrupt(|signal| {
            if signal == signal::INTERRUPT {
                report::after_typed_key();
            }
        })?;
    }
    // Before the job is looked at: what happens after that is told of.
    let mut events = args.follow_restarts.then(|| jobs.events()).transpose()?;
    let job = jobs.get(&args.job)?;
    let mut printer = args.printer(&job)?;
    let mut output = args.output(&job)?;
    if let (Some(lines), None) = (args.lines, &args.grep) {
        output.tail(lines)?;
    }
    let gone = output.skipped();
    if args.lines.is_none() {
        follow::tell_missing(gone);
    }
    if !args.follow && !args.follow_restarts {
        let printed = match &mut printer {
            None => follow::copy(&mut output)?,
            Some(printer) => printer.print(output.lines())?,
        };
        if args.lines.is_some_and(|wanted| printed < wanted) {
            follow::tell_missing(gone);
        }
        status::tell_notes(&job.status()?);
        return Ok(0);
    }
    // It may be removed at any time: where its restarts are waited for that is the end of it.
    let gone_is_end = events.is_some();
    while let Some(begun) = unless_gone(job.status(), gone_is_end)? {
        let Some(follow) = unless_gone(job.follow(output), gone_is_end)? else {
            break;
        };
        let before = follow.skipped();
        let (follow, copied) = match &mut printer {
            None => follow::copy_as_it_comes(follow),
            Some(printer) => printer.follow(follow.lines()),
        };
        follow::tell_missing(follow.skipped() - before);
        copied?;
        output = follow.into_output();
        let Some(status) = unless_gone(job.status(), gone_is_end)? else {
            break;
        };
        status::tell_notes(&status);
        status::tell_unusual_end(&status);
        match &mut events {
            None => break,
            Some(_) if status.started_at > begun.started_at => {}
            Some(events) => {
                if !is_run_again(events, &begun)? {
                    break;
                }
            }
        }
    }
    Ok(0)
}

fn unless_gone<T>(result: outlive::Result<T>, gone_is_end: bool) -> Result<Option<T>> {
    match result {
        Err(error) if gone_is_end && error.is_no_such_job() => Ok(None),
        result => Ok(result.map(Some)?),
    }
}

/// Waits until a job that has ended is started again after that run; false if it is removed.
fn is_run_again(events: &mut Events, run: &Status) -> Result<bool> {
    report::note_to_person("waiting for it to be started again; Ctrl-C ends this");
    for event in events {
        let Event { kind, status } = event?;
        match kind {
            _ if status.id != run.id => {}
            // One that was followed to its end already is told of late.
            EventKind::Restarted if status.started_at > run.started_at => return Ok(true),
            EventKind::Removed => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

impl Args {
    /// The output of the job, without what is not to be printed.
    fn output(&self, job: &Job) -> Result<Output> {
        let mut output = job.output()?;
        if let Some(since) = self.since {
            output.since(since)?;
        }
        if let Some(until) = self.until {
            output.until(until)?;
        }
        match (self.stdout, self.stderr) {
            (true, _) => output.only(Stream::Stdout)?,
            (_, true) => output.only(Stream::Stderr)?,
            (false, false) => {}
        }
        Ok(output)
    }

    /// What prints its lines, if it is not to be printed as it is.
    fn printer(&self, job: &Job) -> Result<Option<Printer>> {
        let form = match (self.json, self.timestamps) {
            (true, _) => Form::Json,
            (_, true) => Form::Timed,
            (false, false) if self.grep.is_some() => Form::Plain,
            (false, false) => return Ok(None),
        };
        let output = self.output(job)?;
        if form == Form::Timed {
            output.require_timestamps()?;
        }
        let mut printer = Printer::new(form, self.grep.clone());
        if let (Some(lines), Some(_)) = (self.lines, &self.grep) {
            printer.begin_with_last(lines, output.lines())?;
        }
        Ok(Some(printer))
    }
}
