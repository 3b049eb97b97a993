//! The command line: which commands there are, and what they have in common.

use crate::report::{self, FAILED, Result};
use crate::text;
use crate::{
    attach, completions, doctor, events, kill, list, logs, man, prune, remove, restart, run, send,
    show, stop, top, wait,
};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use outlive::{Job, Jobs};
use std::io;

/// A heading that looks like clap's own; clap takes the styles out again for pipes and manual
/// pages.
macro_rules! heading {
    ($text:literal) => {
        concat!("\x1b[1m\x1b[4m", $text, "\x1b[0m")
    };
}
pub(crate) use heading;

/// A section with examples, in at most 80 columns.
macro_rules! examples {
    ($text:literal) => {
        concat!($crate::cli::heading!("Examples:"), "\n", $text)
    };
}
pub(crate) use examples;

macro_rules! overview {
    () => {
        examples!(
            "  outlive run -- python3 train.py      start it; prints its id: python3-3f9k
  outlive run --name web -- ./server   start it under a name of your own
  outlive list                         what runs, what ended and how
  outlive logs -f web                  its output, as it comes
  outlive wait web                     wait for its end, exit with its code
  outlive stop web                     stop it and everything that it started"
        )
    };
}

/// Start a process that outlives whoever started it
///
/// outlive starts a command that goes on when your terminal, SSH session, CI step, IDE or program
/// ends, and hands back a name for it. By that name you can see it, read its output, wait for its
/// exit code, write to it and stop it whole, at any time and from anywhere on this machine.
#[derive(Parser)]
#[command(
    name = "outlive",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = overview!(),
    after_long_help = concat!(overview!(), "\n\n", heading!("Exit codes:"), "
  A job's own where the command is about its end (wait, run --follow): its exit
  code, or 128 and the number of the signal that ended it. Else 0, or
  124  the time was up (wait --timeout), or the job's own (run --timeout,
       --ready-timeout)
  125  outlive itself failed, or was used wrongly
  126  the program can't be executed
  127  the program was not found

", heading!("Environment:"), "
  OUTLIVE_HOME  where jobs are kept, instead of $XDG_STATE_HOME/outlive or
                ~/.local/state/outlive
  OUTLIVE_JOB   set for every job and what it starts: the job's id
  OUTLIVE_NO_LINGER
                if set, lingering is never enabled (run --no-linger)
  NO_COLOR      no colours")
)]
pub(crate) struct Cli<V: Subcommand> {
    #[command(subcommand)]
    verb: V,
}

/// All that can be asked for.
#[derive(Subcommand)]
enum Verb {
    #[command(flatten)]
    Run(Run),
    #[command(flatten)]
    Other(Other),
}

// Only the command that is used makes its arguments known to clap: that is a third of what reading
// the command line costs. Nor are the other commands, where this one is used.
#[derive(Subcommand)]
#[command(defer = true)]
enum Run {
    /// Start a command that outlives this terminal, session or program
    ///
    /// Prints the job's id (its name, if you give one) alone on standard output, as soon as the
    /// program has really been started and has left this terminal and session. The job's standard
    /// output and standard error go to one file: see `outlive logs`.
    Run(Box<run::Args>),
}

#[derive(Subcommand)]
#[command(defer = true)]
enum Other {
    /// List the jobs, the newest last
    ///
    /// In a pipe there is no header, columns are separated by tabs and nothing is cut: id, name,
    /// state, exit code or signal, pid while it runs, start time, command; with --usage also seconds
    /// of processor time, bytes of memory, tasks, bytes read and bytes written.
    #[command(visible_aliases = ["ls", "ps"])]
    List(list::Args),

    /// Show all that is known of a job
    ///
    /// With --json one object, of which `list --json` prints an array: id, name, state (running,
    /// waiting, exited, signaled, timed-out, failed, lost, elsewhere, damaged), pid, exit_code, signal,
    /// success, command, cwd, started_at and ended_at (RFC 3339), times_out_at, restarts_at, restarts,
    /// expires_at, ready (by what that is seen), ready_at, status_text, phase and main_pid (what it
    /// says of itself), output (its path), output_form (timestamps, split), terminal (its size at
    /// first), keeper (pid, alive), user and group, limits (memory and so on, as
    /// they were asked for), usage (cpu_seconds, memory, memory_peak, tasks, bytes_read, bytes_written;
    /// summed names those that its cgroup does not account for; in a list only with --usage),
    /// out_of_memory (whether that was the reason of its end), oom_kills, runs (the last ten, the newest
    /// last: pid, exit_code, signal, failure, stopped, timed_out, started_at, ended_at), notes (what else a
    /// person should know). What does not apply is null; bytes that are not UTF-8 are replaced.
    Show(show::Args),

    /// Tell what would end a job started here, and what will be done about it
    ///
    /// Looks at all that surrounds this terminal, session, service or container, starts nothing,
    /// and says for each hazard: left (how), kept (and how to change that), remains (why, and what
    /// to do) or not here. With --json one object: way (direct, delegated), manager (user, system),
    /// enables_lingering, hazards (each with hazard, kind, state, detail, how, hint).
    Doctor(doctor::Args),

    /// Print a job's output
    ///
    /// What it has written to standard output and standard error, all that is kept of it, however
    /// long. Of a long-running job the oldest part may have been given back (see `outlive run
    /// --output-limit`), which is said on standard error.
    Logs(logs::Args),

    /// Wait for jobs to end and exit with their exit code
    ///
    /// A job that was ended by a signal counts as 128 and the signal's number, one whose own time was
    /// over (`run --timeout`) as 124, and so does one that was stopped because it was not ready in time
    /// (`run --ready-timeout`) and ended with 0. One that is started again (`run --restart`) has ended after its
    /// last run. Of several jobs all
    /// are waited for; the exit code is that of the first named one that is not 0.
    Wait(wait::Args),

    /// Tell what happens to jobs, as it happens
    ///
    /// Jobs that are started, started again, are ready, end and are removed, from now on until this is ended.
    /// In a pipe columns are separated by tabs: time, what has happened, id, name, exit code or
    /// signal, command. With --json an object for each: event (started, restarted, ready, ended,
    /// removed),
    /// at (RFC 3339; null of a removal), job (as `show --json` has it).
    Events(events::Args),

    /// Watch all jobs: what they use, and the last line that each has printed
    ///
    /// A live picture. Of the job that is selected l shows the output and a attaches to the terminal;
    /// s stops it and r restarts it. What it uses is looked at every two seconds.
    Top(top::Args),

    /// Write to a job's standard input
    ///
    /// The job must have been started with `run -i`, or with `run --tty`: then it is typed at its
    /// terminal. Without TEXT what comes on standard input is
    /// passed on, to its end. With --eof the job's standard input is closed afterwards: it reads
    /// end of file. (At a terminal --eof alone only closes it.)
    Send(send::Args),

    /// Sit down at a job's own terminal
    ///
    /// The job must have been started with `run --tty`. Its screen is drawn as it is, its terminal
    /// gets the size of this one, and what you type is passed on, until the detach keys (Ctrl-\ and
    /// then d) leave it running. Any number may be attached at once; the one who typed last decides on
    /// the size. If the job ends meanwhile this exits with its exit code.
    Attach(attach::Args),

    /// Stop jobs and everything that they started
    ///
    /// Each is asked to end with SIGTERM, or what `run --stop-signal` said. What is left of it after the
    /// grace period is killed, daemonized children included. Done when nothing is left; a job that is
    /// started again when it ends (`run --restart`) is not any more.
    Stop(stop::Args),

    /// Send a signal to jobs, now
    ///
    /// To be rid of a job use `outlive stop`: it lets the job end by itself first, and leaves
    /// nothing of it behind.
    Kill(kill::Args),

    /// Start a job again, under the same id and name
    ///
    /// A job that runs is stopped first. It gets your present environment and the variables that
    /// it was given with `run --env`; command, folder and the other options stay as they were. If it
    /// was started with --ready this waits until it is ready again, as `run` did.
    Restart(restart::Args),

    /// Forget jobs that have ended, with their output
    #[command(name = "rm", alias = "remove")]
    Remove(remove::Args),

    /// Forget all jobs that have ended, with their output
    ///
    /// Prints the ids of those removed. What runs, or belongs to another host or container, stays.
    Prune(prune::Args),

    /// Print a completion script for your shell
    Completions(completions::Args),

    /// Print the manual page, or write them all into a folder
    Man(man::Args),
}

/// Reads the command line, carries it out and gives the code to exit with.
pub(crate) fn main() -> i32 {
    let verb = match parse() {
        Ok(verb) => verb,
        Err(error) => {
            // Whoever closed the output has no use for it.
            let _ = print(&error);
            // clap's own code for a wrong usage is 2, which may as well be a job's.
            return if error.use_stderr() { FAILED } else { 0 };
        }
    };
    let done = match verb {
        Verb::Run(Run::Run(args)) => run::main(*args),
        Verb::Other(verb) => other(verb),
    };
    done.unwrap_or_else(|failure| failure.tell())
}

/// What was asked for.
fn parse() -> std::result::Result<Verb, clap::Error> {
    let arguments = outlive_os::arguments();
    if arguments.get(1).is_none_or(|verb| verb != "run") {
        return Cli::try_parse_from(arguments).map(|cli| cli.verb);
    }
    let run = match run::Args::without_options(&arguments[2..]) {
        Some(args) => Run::Run(Box::new(args)),
        None => Cli::try_parse_from(arguments)?.verb,
    };
    Ok(Verb::Run(run))
}

fn other(verb: Other) -> Result<i32> {
    match verb {
        Other::List(args) => list::main(&args),
        Other::Show(args) => show::main(&args),
        Other::Doctor(args) => doctor::main(&args),
        Other::Logs(args) => logs::main(&args),
        Other::Wait(args) => wait::main(&args),
        Other::Events(args) => events::main(&args),
        Other::Top(args) => top::main(&args),
        Other::Send(args) => send::main(&args),
        Other::Attach(args) => attach::main(&args),
        Other::Stop(args) => stop::main(&args),
        Other::Kill(args) => kill::main(&args),
        Other::Restart(args) => restart::main(&args),
        Other::Remove(args) => remove::main(&args),
        Other::Prune(args) => prune::main(&args),
        Other::Completions(args) => completions::main(&args),
        Other::Man(args) => man::main(&args),
    }
}

/// Prints help where it was asked for, and what is wrong in the form of all our errors.
fn print(error: &clap::Error) -> io::Result<()> {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return error.print();
    }
    // Without clap's colours: what the user wrote is in it, and may have some of its own.
    let text = error.render().to_string();
    let lines: Vec<_> = text.trim_end().lines().map(text::plain).collect();
    report::usage(lines.join("\n").trim_start_matches("error: "))
}

/// The whole command line, to be described.
pub(crate) fn command() -> clap::Command {
    Cli::<Verb>::command()
}

/// All of the named jobs, each once and with what the user called it, or the first failure to find
/// one: nothing is done to some of the jobs because another's name was mistyped.
pub(crate) fn find<'a>(jobs: &Jobs, keys: &'a [String]) -> Result<Vec<(&'a str, Job)>> {
    let mut found: Vec<(&str, Job)> = Vec::with_capacity(keys.len());
    for key in keys {
        let job = jobs.get(key)?;
        if found.iter().all(|(_, other)| other.id() != job.id()) {
            found.push((key, job));
        }
    }
    Ok(found)
}

/// Does something to each job, goes on after a failure and tells each.
pub(crate) fn each(jobs: &[(&str, Job)], mut act: impl FnMut(&Job) -> Result<()>) -> Result<i32> {
    let mut code = 0;
    for (_, job) in jobs {
        if let Err(failure) = act(job) {
            code = failure.tell();
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn read_by_clap(words: &[OsString]) -> Option<run::Args> {
        let line = ["outlive", "run"].map(OsString::from);
        let cli = Cli::try_parse_from(line.iter().chain(words)).ok()?;
        let Run::Run(args) = cli.verb;
        Some(*args)
    }

    #[test]
    fn without_options_the_words_are_what_clap_makes_of_them() {
        let lines: &[&[&str]] = &[
            &["--", "true"],
            &["--", "true", "--", "-x", "--name"],
            &["--", "--name", "web"],
            &["--", "--", "x"],
            &["--", "-"],
            &["--", ""],
            &["--", "", "two words"],
        ];
        for words in lines {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let ours = run::Args::without_options(&words).expect("no options are among them");
            let claps = read_by_clap(&words).expect("there is a command");
            assert_eq!(format!("{ours:?}"), format!("{claps:?}"));
        }
        let others: &[&[&str]] = &[&[], &["--"], &["true"], &["--name", "web", "--", "true"]];
        for words in others {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert!(run::Args::without_options(&words).is_none(), "{words:?}");
        }
    }
}
