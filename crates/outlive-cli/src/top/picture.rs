//! What there is to be drawn: all jobs, what they use, and what the person is about to do.

use crate::age;
use crate::report::Result;
use crate::status;
use crate::table::{Align, Cell, Column};
use crate::text;
use anstyle::Style;
use bytesize::ByteSize;
use jiff::Timestamp;
use outlive::{Event, EventKind, Job, Jobs, State, Status, Usage};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// How many looks at what a job uses are kept for its sparkline.
const HISTORY: usize = 32;
/// How much of the end of its output is read for the last line.
const LAST_LINE: u64 = 2048;

/// All jobs, as they were last seen.
pub(super) struct Picture {
    jobs: Jobs,
    rows: Vec<Row>,
    filter: String,
    /// Whether keys go into the filter.
    pub(super) typing: bool,
    /// What waits for a yes.
    pub(super) asked: Option<Asked>,
    message: String,
    selected: Option<String>,
}

/// A job.
pub(super) struct Row {
    pub(super) status: Status,
    pub(super) last_line: String,
    /// The size of its output when the last line was read.
    printed: Option<u64>,
    pub(super) usage: Option<Usage>,
    looked_at: Option<Instant>,
    /// Its share of one processor, in percent.
    pub(super) cpu: VecDeque<f64>,
    pub(super) memory: VecDeque<f64>,
}

/// What can be done to a job here.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    Stop,
    Restart,
}

/// Something that waits for a yes.
pub(super) struct Asked {
    pub(super) deed: Deed,
    pub(super) id: String,
    pub(super) label: String,
}

impl Deed {
    pub(super) fn word(self) -> &'static str {
        match self {
            Deed::Stop => "stop",
            Deed::Restart => "restart",
        }
    }

    pub(super) fn doing(self) -> &'static str {
        match self {
            Deed::Stop => "stopping",
            Deed::Restart => "restarting",
        }
    }

    pub(super) fn done(self) -> &'static str {
        match self {
            Deed::Stop => "stopped",
            Deed::Restart => "restarted",
        }
    }
}

impl Picture {
    /// Of all jobs there are now.
    pub(super) fn new(jobs: Jobs, filter: &str) -> Result<Picture> {
        let rows = jobs.list()?.into_iter().map(Row::new).collect();
        let mut picture = Picture {
            jobs,
            rows,
            filter: filter.to_owned(),
            typing: false,
            asked: None,
            message: String::new(),
            selected: None,
        };
        picture.sample()?;
        picture.sort();
        Ok(picture)
    }

    pub(super) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// What runs comes first, and of that, and of the rest, what is newest.
    fn sort(&mut self) {
        let key = |row: &Row| {
            (
                row.status.state != State::Running,
                std::cmp::Reverse(row.status.started_at),
            )
        };
        self.rows.sort_by_key(key);
    }

    /// Takes in what has happened to a job.
    pub(super) fn happened(&mut self, event: Event) {
        let Event { kind, status } = event;
        let known = self.rows.iter_mut().find(|row| row.status.id == status.id);
        match (kind, known) {
            (EventKind::Removed, _) => {
                let place = self.place();
                self.rows.retain(|row| row.status.id != status.id);
                if self.selected.as_ref() == Some(&status.id) {
                    // Whatever takes its place, and not the first of all.
                    self.selected = None;
                    self.move_by(isize::try_from(place.unwrap_or(0)).unwrap_or(0));
                }
            }
            (_, Some(row)) => {
                row.status = status;
                row.read_last_line(&self.jobs);
            }
            (_, None) => {
                let mut row = Row::new(status);
                row.read_last_line(&self.jobs);
                self.rows.push(row);
            }
        }
        self.sort();
    }

    /// Looks at what all jobs use and print.
    pub(super) fn sample(&mut self) -> Result<()> {
        let mut usage = self.jobs.usage()?;
        let now = Instant::now();
        for row in &mut self.rows {
            let usage = usage.remove(&row.status.id);
            if usage.is_none() && row.status.state == State::Running {
                // What ends with its keeper is told of by no event.
                let status = self.jobs.get(&row.status.id).and_then(|job| job.status());
                if let Ok(status) = status {
                    row.status = status;
                }
            }
            row.used(usage, now);
            row.read_last_line(&self.jobs);
        }
        Ok(())
    }

    /// The jobs that are shown.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let filter = self.filter.to_lowercase();
        let is_meant = |row: &&Row| {
            let status = &row.status;
            let command = text::command(&status.command);
            let all = [
                status.id.as_str(),
                status.name.as_deref().unwrap_or_default(),
                &command,
            ];
            all.iter().any(|text| text.to_lowercase().contains(&filter))
        };
        self.rows.iter().filter(is_meant).collect()
    }

    /// The selected one's place among those that are shown.
    pub(super) fn place(&self) -> Option<usize> {
        let rows = self.rows();
        let selected = self.selected.as_ref();
        let place = selected.and_then(|id| rows.iter().position(|row| row.status.id == *id));
        place.or((!rows.is_empty()).then_some(0))
    }

    pub(super) fn selected(&self) -> Option<&Row> {
        self.rows().into_iter().nth(self.place()?)
    }

    pub(super) fn move_by(&mut self, rows: isize) {
        let shown = self.rows();
        let place = self.place().unwrap_or(0).saturating_add_signed(rows);
        let place = place.min(shown.len().saturating_sub(1));
        self.selected = shown.get(place).map(|row| row.status.id.clone());
    }

    pub(super) fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.typing = false;
    }

    pub(super) fn filter_mut(&mut self) -> &mut String {
        &mut self.filter
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    /// Asks whether that is to be done to the selected job.
    pub(super) fn ask(&mut self, deed: Deed) {
        self.asked = self.selected().map(|row| Asked {
            deed,
            id: row.status.id.clone(),
            label: text::plain(status::label(&row.status)).into_owned(),
        });
    }

    pub(super) fn say(&mut self, message: String) {
        self.message = message;
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Columns and rows, for a terminal.
    pub(super) fn table(&self) -> ([Column; 7], Vec<Vec<Cell>>) {
        let now = Timestamp::now();
        let rows = self.rows().into_iter().map(|row| {
            let style = status::style(&row.status);
            vec![
                text::plain(status::label(&row.status)).into(),
                Cell::new(row.status.state.word(), style),
                row.age(now).map(age::short).unwrap_or_default().into(),
                row.usage
                    .as_ref()
                    .and_then(|it| it.cpu_time)
                    .map(age::short)
                    .unwrap_or_default()
                    .into(),
                row.memory_now().map(size).unwrap_or_default().into(),
                Cell::new(row.tasks(), Style::new()),
                Cell::new(row.last_line.clone(), Style::new().dimmed()),
            ]
        });
        let column = |title, align, least| Column {
            title,
            align,
            least,
        };
        let columns = [
            column("JOB", Align::Left, Some(12)),
            column("STATE", Align::Left, None),
            column("AGE", Align::Right, None),
            column("CPU TIME", Align::Right, None),
            column("MEMORY", Align::Right, None),
            column("TASKS", Align::Right, None),
            column("LAST LINE", Align::Left, Some(12)),
        ];
        (columns, rows.collect())
    }

    /// A line for each job, for a pipe.
    pub(super) fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        let now = Timestamp::now();
        let number = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
        for row in self.rows() {
            let cpu = row.usage.as_ref().and_then(|it| it.cpu_time);
            let cpu = cpu
                .map(|it| format!("{:.3}", it.as_secs_f64()))
                .unwrap_or_default();
            writeln!(
                out,
                "{}\t{}\t{}\t{}\t{cpu}\t{}\t{}",
                text::plain(&row.status.id),
                text::plain(row.status.name.as_deref().unwrap_or_default()),
                row.status.state.word(),
                number(row.age(now).map(|it| it.as_secs())),
                number(row.memory_now()),
                row.last_line,
            )?;
        }
        Ok(())
    }
}

impl Row {
    fn new(status: Status) -> Row {
        Row {
            status,
            last_line: String::new(),
            printed: None,
            usage: None,
            looked_at: None,
            cpu: VecDeque::new(),
            memory: VecDeque::new(),
        }
    }

    /// How long it has run, or did.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        let end = self.status.ended_at.unwrap_or(now);
        Some(age::between(self.status.started_at?, end))
    }

    pub(super) fn memory_now(&self) -> Option<u64> {
        self.usage.as_ref().and_then(|usage| usage.memory)
    }

    fn tasks(&self) -> String {
        let tasks = self.usage.as_ref().and_then(|usage| usage.tasks);
        tasks.map(|tasks| tasks.to_string()).unwrap_or_default()
    }

    /// Takes in what it uses now.
    fn used(&mut self, usage: Option<Usage>, now: Instant) {
        let time = |usage: &Option<Usage>| usage.as_ref().and_then(|it| it.cpu_time);
        let spent = time(&usage)
            .zip(time(&self.usage))
            .map(|(now, then)| now.saturating_sub(then));
        let passed = self.looked_at.map(|then| now.duration_since(then));
        if let Some((spent, passed)) = spent.zip(passed) {
            let share = 100.0 * spent.as_secs_f64() / passed.as_secs_f64().max(1e-3);
            push(&mut self.cpu, share);
        }
        if let Some(memory) = usage.as_ref().and_then(|it| it.memory) {
            push(&mut self.memory, memory as f64);
        }
        if usage.is_none() {
            // It has ended; what it used once says nothing of its next run.
            self.cpu.clear();
            self.memory.clear();
        }
        self.usage = usage;
        self.looked_at = Some(now);
    }

    /// Reads the last line of its output, if that has grown.
    fn read_last_line(&mut self, jobs: &Jobs) {
        let size = std::fs::metadata(&self.status.output)
            .map(|it| it.len())
            .ok();
        if size.is_none() || size == self.printed {
            return;
        }
        self.printed = size;
        let read = jobs.get(&self.status.id).and_then(|job| last_line(&job));
        if let Ok(line) = read {
            self.last_line = line;
        }
    }
}

fn push(history: &mut VecDeque<f64>, value: f64) {
    if history.len() == HISTORY {
        history.pop_front();
    }
    history.push_back(value);
}

/// The last line of a job's output that is not empty, fit for a terminal.
fn last_line(job: &Job) -> outlive::Result<String> {
    let mut output = job.output()?;
    // From the end: neither a long line before it nor what a progress bar has shown earlier counts,
    // and a large output costs no more than a small one.
    output.skip_to_last(LAST_LINE)?;
    let mut bytes = Vec::new();
    let _ = output.take(LAST_LINE).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let line = text
        .lines()
        .rev()
        .map(str::trim_end)
        .find(|line| !line.is_empty());
    // A progress bar overwrites its line again and again.
    let line = line
        .and_then(|line| line.rsplit('\r').next())
        .unwrap_or_default();
    Ok(text::plain(line).into_owned())
}

/// A size in few characters: `34.5M`.
pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec_short().to_string()
}
