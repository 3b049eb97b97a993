//! `outlive logs`.

use crate::cli::examples;
use crate::follow;
use crate::report::Result;
use crate::status;
use outlive::Jobs;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive logs web
  outlive logs -n 20 web        the last 20 lines
  outlive logs -f -n 0 web      only what comes from now on, until the job ends
  outlive logs web | grep -i error"
))]
pub(crate) struct Args {
    /// The job's name, its id or the beginning of its id
    job: String,

    /// Go on as more is written, until the job ends
    #[arg(long, short)]
    follow: bool,

    /// Begin with the last COUNT lines
    #[arg(long, short = 'n', value_name = "COUNT")]
    lines: Option<u64>,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let job = Jobs::open()?.get(&args.job)?;
    let mut output = job.output()?;
    if let Some(lines) = args.lines {
        output.tail(lines)?;
    }
    let printed = follow::copy(&mut output)?;
    if args.lines.is_none_or(|wanted| printed < wanted) {
        follow::tell_missing(output.skipped());
    }
    if args.follow {
        let before = output.skipped();
        let mut output = job.follow(output)?;
        let copied = follow::copy(&mut output);
        follow::tell_missing(output.skipped() - before);
        copied?;
    }
    let status = job.status()?;
    status::tell_notes(&status);
    if args.follow {
        status::tell_unusual_end(&status);
    }
    Ok(0)
}
