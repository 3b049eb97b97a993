//! `outlive kill`.

use crate::cli::{self, examples};
use crate::parse;
use crate::report::Result;
use outlive::Jobs;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive kill -s HUP web          have it read its configuration again
  outlive kill -s STOP --tree sim  halt it with all its processes (CONT: go on)
  outlive kill stuck"
))]
pub(crate) struct Args {
    /// Names, ids or beginnings of ids
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<String>,

    /// The signal: a name (TERM, SIGTERM) or a number
    #[arg(long, short, value_name = "SIGNAL", default_value = "KILL", value_parser = parse::signal)]
    signal: i32,

    /// To all processes of the job, not to its main process alone
    #[arg(long)]
    tree: bool,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let jobs = cli::find(&Jobs::open()?, &args.jobs)?;
    cli::each(&jobs, |job| Ok(job.kill(args.signal, args.tree)?))
}
