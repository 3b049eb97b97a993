//! `outlive restart`.

use crate::cli::examples;
use crate::hazards;
use crate::ready;
use crate::report::{self, Result};
use outlive::{Jobs, RestartOptions};

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive restart web
  TOKEN=… outlive restart web      with the value for `run --secret-env TOKEN`"
))]
pub(crate) struct Args {
    /// The job's name, its id or the beginning of its id
    job: String,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let job = Jobs::open()?.get(&args.job)?;
    let job = job.restart(&RestartOptions::new())?;
    if let Some(plan) = job.plan() {
        hazards::warn(&plan.report, &args.job);
    }
    if job.status()?.ready.when.is_some() {
        ready::wait_for_start(&job, &args.job)?;
    }
    report::note_to_person(&format!("see its output: outlive logs -f {}", args.job));
    Ok(0)
}
