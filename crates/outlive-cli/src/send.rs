//! `outlive send`.

use crate::cli::examples;
use crate::report::{self, Failure, Result};
use outlive::Jobs;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive send repl 'print(6*7)'
  outlive send repl < commands.txt
  outlive send --eof repl"
))]
pub(crate) struct Args {
    /// The job's name, its id or the beginning of its id
    job: String,

    /// A line to write; what begins with a dash goes after `--`
    text: Option<OsString>,

    /// Close the job's standard input afterwards
    #[arg(long)]
    eof: bool,

    /// Add no line break to TEXT
    #[arg(long, short = 'N', requires = "text")]
    no_newline: bool,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let job = Jobs::open()?.get(&args.job)?;
    match &args.text {
        Some(text) => {
            let mut line = outlive_os::bytes(text).to_vec();
            if !args.no_newline {
                line.push(b'\n');
            }
            job.stdin()?
                .write_all(&line)
                .map_err(|error| failure(args, &error))?;
        }
        // A person who asks for the end of the input alone has no more to type.
        None if args.eof && io::stdin().is_terminal() => {}
        None => {
            let mut to = job.stdin()?;
            if io::stdin().is_terminal() {
                report::note_to_person("what you type is passed on; Ctrl-D ends it");
            }
            io::copy(&mut io::stdin().lock(), &mut to).map_err(|error| failure(args, &error))?;
        }
    }
    if args.eof {
        job.close_stdin()?;
    }
    Ok(0)
}

fn failure(args: &Args, error: &io::Error) -> Failure {
    let failure = report::io_failure(&format!("failed to write to `{}`", args.job), error);
    match error.kind() {
        io::ErrorKind::BrokenPipe => failure.hint("it has closed its standard input"),
        _ => failure,
    }
}
