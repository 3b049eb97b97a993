//! `outlive events`.

use crate::cli::{self, examples};
use crate::json::{self, JobObject};
use crate::output;
use crate::report::{self, Result};
use crate::status;
use crate::text;
use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use outlive::{Event, EventKind, Jobs, Status};
use serde::Serialize;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive events
  outlive events web db
  outlive events --json | jq -c '[.event, .job.id, .job.exit_code]'"
))]
pub(crate) struct Args {
    /// Only of these jobs: names, ids or beginnings of ids
    #[arg(value_name = "JOB")]
    jobs: Vec<String>,

    /// Print a JSON object for each
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct EventObject<'a> {
    event: &'static str,
    at: Option<Timestamp>,
    job: JobObject<'a>,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let jobs = Jobs::open()?;
    // Before they are looked for: one that is found is watched by then.
    let events = jobs.events()?;
    let found = cli::find(&jobs, &args.jobs)?;
    let meant = |job: &Status| {
        found.is_empty()
            || found
                .iter()
                .any(|(key, it)| it.id() == job.id || job.name.as_deref() == Some(*key))
    };
    // Not only for people: a script learns by it that nothing is missed from here on.
    report::note("waiting for what happens to jobs; Ctrl-C ends this");
    for event in events {
        let event = event?;
        if meant(&event.status) {
            tell(&event, args.json)?;
        }
    }
    Ok(0)
}

fn tell(event: &Event, as_json: bool) -> Result<()> {
    let job = &event.status;
    if as_json {
        return json::write(&EventObject {
            event: event.kind.word(),
            at: event.at(),
            job: JobObject::new(job),
        });
    }
    if output::is_terminal() {
        return output::write_styled(&line(event));
    }
    output::write(|out| {
        let at = event.at().map(|at| at.to_string()).unwrap_or_default();
        writeln!(
            out,
            "{at}\t{}\t{}\t{}\t{}\t{}",
            event.kind.word(),
            text::plain(&job.id),
            text::plain(job.name.as_deref().unwrap_or_default()),
            status::exit(job),
            text::command(&job.command),
        )
    })
}

/// For a person: when, which job, and what has happened to it.
fn line(event: &Event) -> String {
    let job = &event.status;
    let at = event.at().unwrap_or_else(Timestamp::now);
    let at = at.strftime("%Y-%m-%d %H:%M:%S");
    let (style, what) = match event.kind {
        EventKind::Started | EventKind::Restarted => {
            let command = text::command(&job.command);
            let green = Style::new().fg_color(Some(AnsiColor::Green.into()));
            (green, format!("{}: {command}", event.kind.word()))
        }
        EventKind::Ready => {
            let green = Style::new().fg_color(Some(AnsiColor::Green.into()));
            (green, "is ready".to_owned())
        }
        EventKind::Ended => (status::style(job), status::sentence(job)),
        EventKind::Removed => (Style::new().dimmed(), "was removed".to_owned()),
    };
    let dim = Style::new().dimmed();
    let label = text::plain(status::label(job));
    format!("{dim}{at} UTC{dim:#}  {label}  {style}{what}{style:#}\n")
}
