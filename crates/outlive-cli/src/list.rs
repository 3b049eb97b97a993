//! `outlive list`.

use crate::age;
use crate::cli::examples;
use crate::json::{self, JobObject};
use crate::output;
use crate::report::{self, Result};
use crate::status;
use crate::table::{self, Align, Cell, Column};
use crate::text;
use anstyle::Style;
use jiff::Timestamp;
use outlive::{Jobs, State, Status};
use std::io::{self, Write};

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive list
  outlive list | cut -f1                                  only the ids
  outlive list --json | jq -r '.[] | select(.state == \"running\").id'"
))]
pub(crate) struct Args {
    /// Print an array of JSON objects
    #[arg(long)]
    json: bool,
}

const COLUMNS: [Column; 7] = [
    Column {
        title: "ID",
        align: Align::Left,
        least: None,
    },
    Column {
        title: "NAME",
        align: Align::Left,
        least: Some(12),
    },
    Column {
        title: "STATE",
        align: Align::Left,
        least: None,
    },
    Column {
        title: "EXIT",
        align: Align::Left,
        least: None,
    },
    Column {
        title: "PID",
        align: Align::Right,
        least: None,
    },
    Column {
        title: "AGE",
        align: Align::Right,
        least: None,
    },
    Column {
        title: "COMMAND",
        align: Align::Left,
        least: Some(12),
    },
];

pub(crate) fn main(args: &Args) -> Result<i32> {
    let all = Jobs::open()?.list()?;
    if args.json {
        json::write(&all.iter().map(JobObject::new).collect::<Vec<_>>())?;
    } else if !output::is_terminal() {
        output::write(|out| all.iter().try_for_each(|job| plain_line(out, job)))?;
    } else if all.is_empty() {
        report::note("there are no jobs; start one: outlive run -- COMMAND");
    } else {
        let now = Timestamp::now();
        let rows: Vec<Vec<Cell>> = all.iter().map(|job| row(job, now)).collect();
        output::write_styled(&table::render(&COLUMNS, &rows, output::width()))?;
    }
    Ok(0)
}

fn row(job: &Status, now: Timestamp) -> Vec<Cell> {
    let style = status::style(job);
    let dim = Style::new().dimmed();
    let age = job
        .started_at
        .map(|then| age::short(age::between(then, now)));
    vec![
        text::plain(&job.id).into(),
        text::plain(job.name.as_deref().unwrap_or_default()).into(),
        Cell::new(job.state.word(), style),
        Cell::new(status::exit(job), style),
        Cell::new(pid(job), Style::new()),
        Cell::new(age.unwrap_or_default(), dim),
        text::command(&job.command).into(),
    ]
}

fn plain_line(out: &mut dyn Write, job: &Status) -> io::Result<()> {
    let started_at = job.started_at.map(|at| at.to_string()).unwrap_or_default();
    writeln!(
        out,
        "{}\t{}\t{}\t{}\t{}\t{started_at}\t{}",
        text::plain(&job.id),
        text::plain(job.name.as_deref().unwrap_or_default()),
        job.state.word(),
        status::exit(job),
        pid(job),
        text::command(&job.command),
    )
}

/// Only what runs has a process: the number of one that has ended may be another's by now.
fn pid(job: &Status) -> String {
    match job.pid {
        Some(pid) if job.state == State::Running => pid.to_string(),
        _ => String::new(),
    }
}
