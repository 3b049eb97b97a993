//! `outlive list`.

use crate::age;
use crate::cli::examples;
use crate::json::{self, JobObject};
use crate::limits;
use crate::output;
use crate::report::{self, Result};
use crate::status;
use crate::table::{self, Align, Cell, Column};
use crate::text;
use anstyle::Style;
use jiff::Timestamp;
use outlive::{Jobs, State, Status, Usage};
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

    /// Also tell what each uses now, all of its processes together
    #[arg(long, short)]
    usage: bool,
}

const COLUMNS: [Column; 10] = [
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
        title: "CPU",
        align: Align::Right,
        least: None,
    },
    Column {
        title: "MEMORY",
        align: Align::Right,
        least: None,
    },
    Column {
        title: "TASKS",
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
    let jobs = Jobs::open()?;
    let all = jobs.list()?;
    // It takes several system calls for each job that runs, and so is told on request.
    let usage = match args.usage {
        true => Some(jobs.usage()?),
        false => None,
    };
    let used = |job: &Status| usage.as_ref().and_then(|all| all.get(&job.id));
    if args.json {
        let objects = all.iter().map(|job| JobObject::new(job).using(used(job)));
        json::write(&objects.collect::<Vec<_>>())?;
    } else if !output::is_terminal() {
        output::write(|out| {
            all.iter().try_for_each(|job| {
                plain_line(out, job)?;
                match usage {
                    Some(_) => writeln!(out, "{}", plain_usage(used(job))),
                    None => writeln!(out),
                }
            })
        })?;
    } else if all.is_empty() {
        report::note("there are no jobs; start one: outlive run -- COMMAND");
    } else {
        let now = Timestamp::now();
        let rows = all.iter().map(|job| row(job, used(job), now));
        let rows: Vec<Vec<Cell>> = rows.collect();
        output::write_styled(&table::render(&COLUMNS, &rows, output::width()))?;
    }
    Ok(0)
}

fn row(job: &Status, usage: Option<&Usage>, now: Timestamp) -> Vec<Cell> {
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
        cell(usage.and_then(|it| it.cpu_time).map(limits::time)),
        cell(usage.and_then(|it| it.memory).map(limits::bytes)),
        cell(usage.and_then(|it| it.tasks).map(|it| it.to_string())),
        text::command(&job.command).into(),
    ]
}

fn plain_line(out: &mut dyn Write, job: &Status) -> io::Result<()> {
    let started_at = job.started_at.map(|at| at.to_string()).unwrap_or_default();
    write!(
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

fn cell(text: Option<String>) -> Cell {
    text.unwrap_or_default().into()
}

/// Columns that follow the command: seconds of processor time, bytes of memory, tasks, bytes read and
/// written.
fn plain_usage(usage: Option<&Usage>) -> String {
    let number = |it: Option<u64>| it.map(|it| it.to_string()).unwrap_or_default();
    let usage = usage.cloned().unwrap_or_default();
    let cpu = usage.cpu_time.map(|it| format!("{:.3}", it.as_secs_f64()));
    let others = [
        usage.memory,
        usage.tasks,
        usage.bytes_read,
        usage.bytes_written,
    ];
    let others = others.map(number).join("\t");
    format!("\t{}\t{others}", cpu.unwrap_or_default())
}

/// Only what runs has a process: the number of one that has ended may be another's by now.
fn pid(job: &Status) -> String {
    match job.pid {
        Some(pid) if job.state == State::Running => pid.to_string(),
        _ => String::new(),
    }
}
