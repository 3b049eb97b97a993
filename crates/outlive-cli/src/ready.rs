//! Waiting until a job is ready.

use crate::age;
use crate::follow;
use crate::parse;
use crate::report::{self, FAILED, Failure, Result, TIMED_OUT};
use crate::status;
use crate::text;
use clap::builder::{OsStringValueParser, TypedValueParser};
use outlive::{BadReady, Job, JobOptions, Ready, State, Status};
use outlive_os::signal;
use std::ffi::OsString;
use std::io::Read;
use std::time::{Duration, Instant};

/// How much is shown of the output of a job that has failed.
const LAST_LINES: u64 = 10;
const LAST_BYTES: u64 = 16 << 10;

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Wait until it is ready: port:[ADDRESS:]PORT, unix:PATH, log:REGEX, file:PATH, cmd:LINE,
    /// http://ADDRESS[:PORT][/PATH[:STATUS]], or notify
    ///
    /// port, unix: a connection is accepted. http: a GET is answered with 200 to 399, or with STATUS.
    /// log: it is found in a line of its output. file: it is there, and new. cmd: the line, run by the
    /// shell with the job's environment and folder, exits with 0. notify: it sends READY=1
    /// (sd_notify(3); Linux). An ADDRESS is an IP address or `localhost`. If somebody else answers
    /// there already nothing is started. A job that ends before it is ready is a failure, with its
    /// exit code and its last lines of output.
    #[arg(long, value_name = "WHAT",
        value_parser = OsStringValueParser::new().try_map(ready))]
    ready: Option<Ready>,

    /// How long it may take to become ready [default: for ever]; then it is stopped, or started
    /// again (--restart); the exit code is 124
    #[arg(long, value_name = "TIME",
        value_parser = parse::duration, allow_hyphen_values = true, requires = "ready")]
    ready_timeout: Option<Duration>,

    /// Leave it running if it is not ready in time; the exit code is 124 all the same
    #[arg(long, requires = "ready_timeout")]
    keep_going: bool,

    /// Abort it if it does not say at least this often that it lives (WATCHDOG=1 of sd_notify(3);
    /// Linux), from when it is ready on
    #[arg(long, value_name = "TIME", value_parser = parse::duration, allow_hyphen_values = true)]
    watchdog: Option<Duration>,
}

fn ready(written: OsString) -> Result<Ready, BadReady> {
    Ready::parse(outlive_os::bytes(&written))
}

impl Args {
    pub(crate) fn apply(&self, options: &mut JobOptions) {
        if let Some(ready) = &self.ready {
            options.ready(ready.clone());
        }
        if let Some(time) = self.ready_timeout {
            options.ready_timeout(time);
        }
        if let Some(period) = self.watchdog {
            options.watchdog(period);
        }
        options.keep_going(self.keep_going);
    }

    /// Whether it goes on if it is not ready in time.
    pub(crate) fn keeps_going(&self) -> bool {
        self.keep_going
    }

    /// Whether it is to be waited for.
    pub(crate) fn is_asked(&self) -> bool {
        self.ready.is_some()
    }
}

/// Waits until a job that was started just now is ready. To be called while there is one thread.
pub(crate) fn wait_for_start(job: &Job, label: &str) -> Result<()> {
    let typed = text::command(&[label]);
    let goes_on = format!("{label} goes on: outlive wait --ready {typed}");
    follow::on_interrupt(move |signal| {
        if signal == signal::INTERRUPT {
            report::after_typed_key();
        }
        report::note(&goes_on);
    })?;
    let wish = job.status()?.ready;
    // Any other one's keeper sees to it that it is over in time.
    let time = wish.timeout_ms.filter(|_| wish.keep_going);
    let mut status = match job.wait_ready(time.map(Duration::from_millis))? {
        Some(status) if status.readiness.ready_at.is_some() => return Ok(()),
        Some(status) => status,
        None => job.status()?,
    };
    if status.readiness.timed_out && !wish.keep_going {
        // It is being stopped.
        status = job.wait(None)?.unwrap_or(status);
    }
    tell_last_lines(job);
    let hint = match status.exit_code {
        Some(0) => "does it put itself into the background? outlive run --until tree".to_owned(),
        _ => format!("all of its output: outlive logs {typed}"),
    };
    Err(unready(&status, label).hint(hint))
}

/// Waits until each is ready; whether all are before the time is over.
pub(crate) fn wait_for_all(jobs: &[(&str, Job)], timeout: Option<Duration>) -> Result<bool> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    for (label, job) in jobs {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let Some(status) = job.wait_ready(left)? else {
            return Ok(false);
        };
        let is_ready = status.readiness.ready_at.is_some() || status.ready.when.is_none();
        if !is_ready || status.state != State::Running {
            return Err(unready(&status, label));
        }
    }
    Ok(true)
}

/// Fails if a job that was started just now is being stopped, or was, since it was not ready in time.
pub(crate) fn require_in_time(job: &Job, label: &str) -> Result<()> {
    let status = match job.status() {
        // Its end has been told, and it was removed since (`--expire`, `rm`).
        Err(error) if error.is_no_such_job() => return Ok(()),
        status => status?,
    };
    match status.readiness.timed_out && !status.ready.keep_going {
        true => Err(unready(&status, label)),
        false => Ok(()),
    }
}

/// Why it is not ready. The exit code is the job's own if it has ended, and that is one of failure.
fn unready(status: &Status, label: &str) -> Failure {
    let readiness = &status.readiness;
    let goes_on = status.ready.keep_going && status.state == State::Running;
    let (why, code) = if goes_on || readiness.timed_out {
        let time = Duration::from_millis(status.ready.timeout_ms.unwrap_or_default());
        let what = status.ready.when.as_ref().map(ToString::to_string);
        let what = what.unwrap_or_default();
        let why = format!("it was not ready within {} ({what})", age::long(time));
        (why, TIMED_OUT)
    } else if let (State::Running, Some(why)) = (status.state, &readiness.unknown) {
        (why.clone(), FAILED)
    } else {
        let when = match readiness.ready_at {
            Some(_) => "after it had been ready",
            None => "before it was ready",
        };
        let code = status::code(status).filter(|code| *code != 0);
        let why = format!("it {} {when}", status::sentence(status));
        (why, code.unwrap_or(FAILED))
    };
    Failure::new(format!("failed to wait until `{label}` is ready: {why}")).code(code)
}

/// Shows the end of its output. What can't be read is no news beside the failure that is told.
fn tell_last_lines(job: &Job) {
    let Ok(mut output) = job.latest_output() else {
        return;
    };
    let mut last = Vec::new();
    let read = output
        .tail(LAST_LINES)
        .and_then(|()| output.skip_to_last(LAST_BYTES));
    if read.is_ok() && output.take(LAST_BYTES).read_to_end(&mut last).is_ok() {
        let last = String::from_utf8_lossy(&last);
        last.lines().for_each(report::quote);
    }
}
