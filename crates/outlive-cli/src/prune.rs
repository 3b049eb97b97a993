//! `outlive prune`.

use crate::cli::examples;
use crate::json;
use crate::output;
use crate::parse;
use crate::report::{self, Result};
use crate::text;
use outlive::Jobs;
use std::time::Duration;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive prune
  outlive prune --older-than 7d"
))]
pub(crate) struct Args {
    /// Only those that ended longer ago than this (12h, 7d)
    #[arg(long, value_name = "TIME", value_parser = parse::duration, allow_hyphen_values = true)]
    older_than: Option<Duration>,

    /// Print a JSON array of the ids
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let removed = Jobs::open()?.prune(args.older_than)?;
    if args.json {
        json::write(&removed)?;
    } else {
        output::write(|out| {
            removed
                .iter()
                .try_for_each(|id| writeln!(out, "{}", text::plain(id)))
        })?;
        if removed.is_empty() {
            report::note_to_person("there was nothing to remove");
        }
    }
    Ok(0)
}
