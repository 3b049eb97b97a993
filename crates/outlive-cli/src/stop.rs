//! `outlive stop`.

use crate::cli::{self, examples};
use crate::parse;
use crate::report::{self, Failure, Result};
use outlive::{Job, Jobs, Stopped};
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive stop web
  outlive stop --grace 1m db          it may take a minute to end by itself
  outlive stop --grace 0 stuck        kill it at once"
))]
pub(crate) struct Args {
    /// Names, ids or beginnings of ids
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<String>,

    /// How long they may take to end by themselves [default: as `run --grace` said, else 10s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, allow_hyphen_values = true)]
    grace: Option<Duration>,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let jobs = cli::find(&Jobs::open()?, &args.jobs)?;
    Ok(thread::scope(|scope| {
        let (tell, ended) = mpsc::channel();
        // All at once: the grace periods run side by side.
        for (at, (_, job)) in jobs.iter().enumerate() {
            let tell = tell.clone();
            scope.spawn(move || tell.send((at, job.stop(args.grace))));
        }
        drop(tell);
        watch(
            &jobs,
            args.grace.unwrap_or_else(|| longest_grace(&jobs)),
            &ended,
        )
    }))
}

/// The longest of the jobs' own times to end.
fn longest_grace(jobs: &[(&str, Job)]) -> Duration {
    let statuses = jobs.iter().filter_map(|(_, job)| job.status().ok());
    statuses.map(|it| it.grace).max().unwrap_or_default()
}

fn watch(
    jobs: &[(&str, Job)],
    grace: Duration,
    ended: &Receiver<(usize, outlive::Result<Stopped>)>,
) -> i32 {
    let mut progress = Progress::new(grace);
    let mut left: Vec<&str> = jobs.iter().map(|(label, _)| *label).collect();
    let mut code = 0;
    loop {
        match ended.recv_timeout(progress.pause()) {
            Ok((at, result)) => {
                let (label, _) = jobs[at];
                left.retain(|other| *other != label);
                progress.clear();
                match result {
                    Ok(stopped) => tell(label, &stopped),
                    Err(error) => code = Failure::from(error).tell(),
                }
            }
            Err(RecvTimeoutError::Timeout) => progress.show(&left),
            Err(RecvTimeoutError::Disconnected) => return code,
        }
    }
}

fn tell(label: &str, stopped: &Stopped) {
    match stopped {
        Stopped::AlreadyEnded => report::note_to_person(&format!("{label} had already ended")),
        // No more is claimed than was seen: what had left no trace of the job may be missing.
        Stopped::Adopted => report::note(&format!(
            "the first keeper of {label} was gone; what could be found of the job was ended"
        )),
        Stopped::Found(count) => report::note(&format!(
            "the keeper of {label} was gone; what could be found of the job was ended: {count} {}",
            if *count == 1 { "process" } else { "processes" }
        )),
        _ => {}
    }
}

/// A line on a person's terminal that counts the grace period down.
struct Progress {
    watched: bool,
    started: Instant,
    grace: Duration,
    /// How wide the line on the screen is.
    shown: usize,
}

impl Progress {
    fn new(grace: Duration) -> Progress {
        let watched = io::stderr().is_terminal();
        Progress {
            watched,
            started: Instant::now(),
            grace,
            shown: 0,
        }
    }

    /// How long until the line is to change.
    fn pause(&self) -> Duration {
        if self.watched {
            Duration::from_secs(1)
        } else {
            Duration::MAX
        }
    }

    fn show(&mut self, left: &[&str]) {
        let rest = self.grace.saturating_sub(self.started.elapsed()).as_secs();
        let what = match left {
            [id] => (*id).to_owned(),
            several => format!("{} jobs", several.len()),
        };
        let then = match rest {
            0 => "killing what is left".to_owned(),
            _ => format!("killed in {}", crate::age::long(Duration::from_secs(rest))),
        };
        self.clear();
        let line = format!("waiting for {what} to end, {then}");
        self.shown = line.width();
        let _ = write!(io::stderr(), "\r{line}");
    }

    /// Overwrites the line: not every terminal knows of erasing.
    fn clear(&mut self) {
        let width = std::mem::take(&mut self.shown);
        if width > 0 {
            let _ = write!(io::stderr(), "\r{:width$}\r", "");
        }
    }
}
