//! `outlive rm`.

use crate::cli::{self, examples};
use crate::report::Result;
use outlive::{Jobs, State};

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive rm python3-3f9k
  outlive rm --force web      stop it first if it runs"
))]
pub(crate) struct Args {
    /// Names, ids or beginnings of ids
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<String>,

    /// Stop first what still runs
    #[arg(long, short)]
    force: bool,

    /// Remove also what belongs to a container of this host, if nobody keeps it any more
    #[arg(long)]
    elsewhere: bool,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let jobs = cli::find(&Jobs::open()?, &args.jobs)?;
    cli::each(&jobs, |job| {
        if args.elsewhere && job.status()?.state == State::Elsewhere {
            return Ok(job.forget()?);
        }
        if args.force {
            job.stop(None)?;
        }
        Ok(job.remove()?)
    })
}
