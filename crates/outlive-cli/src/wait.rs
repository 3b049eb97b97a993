//! `outlive wait`.

use crate::age;
use crate::cli::{self, examples};
use crate::output;
use crate::parse;
use crate::ready;
use crate::report::{self, Failure, Result, TIMED_OUT};
use crate::status;
use crate::text;
use outlive::{Job, Jobs};
use std::time::Duration;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive wait build && outlive run -- ./deploy.sh
  outlive wait --timeout 10m build      exits with 124 if it still runs then
  outlive wait --any tests-1 tests-2    prints the one that ended first
  outlive wait --ready db && ./migrate   until it is ready, not until its end"
))]
pub(crate) struct Args {
    /// Names, ids or beginnings of ids
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<String>,

    /// Wait for the first of them only; print it and exit with its exit code
    #[arg(long)]
    any: bool,

    /// Wait until each is ready (see `run --ready`), and not for its end; one that has ended or was
    /// not ready in time is a failure
    #[arg(long, conflicts_with = "any")]
    ready: bool,

    /// Give up after this time (10s, 5m, 1h30m) and exit with 124; the jobs are left in peace
    #[arg(long, value_name = "TIME", value_parser = parse::duration, allow_hyphen_values = true)]
    timeout: Option<Duration>,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let jobs = Jobs::open()?;
    let found = cli::find(&jobs, &args.jobs)?;
    let waited_for: Vec<Job> = found.iter().map(|(_, job)| job.clone()).collect();
    if args.ready {
        return match ready::wait_for_all(&found, args.timeout)? {
            true => Ok(0),
            false => Err(timed_out(args)),
        };
    }
    if args.any {
        let first = jobs.wait_any(&waited_for, args.timeout)?;
        let job = &waited_for[first.ok_or_else(|| timed_out(args))?];
        let code = code(job);
        output::write(|out| writeln!(out, "{}", text::plain(job.id())))?;
        return code;
    }
    if !jobs.wait_all(&waited_for, args.timeout)? {
        return Err(timed_out(args));
    }
    let mut first = 0;
    for job in &waited_for {
        let code = code(job).unwrap_or_else(|failure| failure.tell());
        if first == 0 {
            first = code;
        }
    }
    Ok(first)
}

fn code(job: &Job) -> Result<i32> {
    let status = job.status()?;
    if status.is_out_of_memory() {
        let (label, end) = (status::label(&status), status::sentence(&status));
        report::note(&format!("{label} {end}"));
    }
    status::code(&status).ok_or_else(|| status::unknown_end(&status))
}

fn timed_out(args: &Args) -> Failure {
    let names: Vec<String> = args.jobs.iter().map(|name| format!("`{name}`")).collect();
    let waited = age::long(args.timeout.unwrap_or_default());
    Failure::new(format!(
        "timed out after {waited} of waiting for {}",
        names.join(", ")
    ))
    .hint("the waiting has ended, not the job")
    .code(TIMED_OUT)
}
