//! `outlive send`.

use crate::cli::examples;
use crate::keys;
use crate::modes;
use crate::report::{self, Failure, Result};
use outlive::{Job, Jobs};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

#[derive(clap::Args)]
#[command(
    override_usage = "outlive send [OPTIONS] <JOB> [TEXT]\n       outlive send <JOB> --keys <KEY>...",
    after_help = examples!(
    "  outlive send repl 'print(6*7)'
  outlive send repl < commands.txt
  outlive send --eof repl
  outlive send top --keys q                to a job with a terminal (run --tty)
  outlive send vim --keys Escape :wq Enter"
))]
pub(crate) struct Args {
    /// The job's name, its id or the beginning of its id
    job: String,

    /// A line to write; what begins with a dash goes after `--`
    text: Option<OsString>,

    /// Close the job's standard input afterwards; at a terminal the key for the end is typed (on Windows
    /// Ctrl-Z and Enter)
    #[arg(long)]
    eof: bool,

    /// Press keys, by tmux's names, at the job's terminal: C-c, M-x, Enter, Tab, Up, F5; what is no
    /// key's name is typed as it is. All that follows is keys: this comes last
    #[arg(long, value_name = "KEY", num_args = 1.., conflicts_with = "text",
        allow_hyphen_values = true)]
    keys: Vec<String>,

    /// Add no line break to TEXT
    #[arg(long, short = 'N', requires = "text")]
    no_newline: bool,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let job = Jobs::open()?.get(&args.job)?;
    match &args.text {
        _ if !args.keys.is_empty() => {
            if job.status()?.terminal.is_none() {
                let what = format!("failed to press keys at `{}`: it has no terminal", args.job);
                return Err(Failure::new(what).hint("start it with `outlive run --tty`"));
            }
            let application = modes::of(&job)?.application_cursor();
            let keys = args.keys.iter().map(|key| keys::bytes(key, application));
            write(args, &job, &keys.collect::<Vec<_>>().concat())?;
        }
        Some(text) => {
            let mut line = outlive_os::bytes(text).to_vec();
            if !args.no_newline {
                // At a terminal a line is ended by the return key, which is this byte.
                line.push(if job.status()?.terminal.is_some() {
                    b'\r'
                } else {
                    b'\n'
                });
            }
            write(args, &job, &line)?;
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

fn write(args: &Args, job: &Job, bytes: &[u8]) -> Result<()> {
    let written = job.stdin()?.write_all(bytes);
    written.map_err(|error| failure(args, &error))
}

fn failure(args: &Args, error: &io::Error) -> Failure {
    let failure = report::io_failure(&format!("failed to write to `{}`", args.job), error);
    match error.kind() {
        io::ErrorKind::BrokenPipe => failure.hint("it has closed its standard input"),
        _ => failure,
    }
}
