//! `outlive run`.

use crate::account;
use crate::attach;
use crate::cli::examples;
use crate::follow;
use crate::form::Form;
use crate::hazards;
use crate::json::{self, JobObject};
use crate::life;
use crate::limits;
use crate::output;
use crate::parse::{self, Variable};
use crate::ready;
use crate::report::{self, Failure, Result};
use crate::status;
use crate::text;
use crate::tty;
use clap::ValueEnum;
use clap::builder::{OsStringValueParser, TypedValueParser};
use outlive::{Command, Job, JobOptions, Jobs, State, Status};
use outlive_os::signal;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Default, clap::Args)]
#[command(after_help = examples!(
    "  outlive run -- python3 train.py --epochs 100
  outlive run --name web --cwd /srv/app -e PORT=8080 -- ./server
  outlive run --follow -- make -j8          watch it; Ctrl-C leaves it running
  outlive run --restart on-failure:5 --timeout 8h -- ./sync.sh
  outlive run -i --name repl -- python3 -i  then: outlive send repl 'print(6*7)'
  outlive run --ready port:8080 --ready-timeout 30s -- ./server
  id=$(outlive run -- ./backup.sh) && outlive wait \"$id\""
))]
pub(crate) struct Args {
    /// A name for the job; once it has ended the name can be used again
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    name: Option<String>,

    /// The folder it starts in [default: this one]
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,

    /// Set a variable, or pass on the value it has here; it is stored and used again by `restart`
    #[arg(long = "env", short, value_name = "NAME[=VALUE]",
        value_parser = OsStringValueParser::new().try_map(parse::variable))]
    env: Vec<Variable>,

    /// Pass on a variable of yours without storing its value; `restart` takes it from whoever
    /// restarts
    #[arg(long, value_name = "NAME",
        value_parser = OsStringValueParser::new().try_map(parse::secret))]
    secret_env: Vec<OsString>,

    /// Start from an empty environment, but for --env and --secret-env
    #[arg(long)]
    clean_env: bool,

    /// Its file mode creation mask, in octal [default: yours]
    #[arg(long, value_name = "MASK", value_parser = parse::umask)]
    umask: Option<u32>,

    /// Keep its standard input open for `outlive send` [default: nothing to read]
    #[arg(long = "interactive", short, conflicts_with = "stdin")]
    interactive: bool,

    /// Read its standard input from a file
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,

    /// Append its output to a file of yours, which is never cut
    #[arg(long, value_name = "FILE", conflicts_with = "output_limit")]
    output: Option<PathBuf>,

    /// How much output is kept, 0 for all: beyond it the oldest is given back [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, allow_hyphen_values = true)]
    output_limit: Option<u64>,

    /// Who writes the output file
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    output_mode: OutputMode,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    tty: tty::Args,

    /// When the job is over
    #[arg(long, value_name = "END", value_enum, default_value_t)]
    until: Until,

    /// What becomes of processes left behind by the main one
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    leftover: Leftover,

    #[command(flatten)]
    life: life::Args,

    /// Whether it must leave what could end it from outside: a service's cgroup, a subreaper, the
    /// log-out. With `require` nothing is started if any of that would remain
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    breakaway: Breakaway,

    /// Set back what it would inherit, as far as you may: limits, nice, affinity, oom, umask, cwd
    /// or all [default: kept]
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',')]
    reset: Vec<Reset>,

    /// Let it leave a sandbox (a pid namespace, seccomp, NO_NEW_PRIVS) where that is the only way
    /// to outlive it
    #[arg(long)]
    leave_sandbox: bool,

    /// Never enable lingering, even if the job would otherwise end at the log-out
    #[arg(long)]
    no_linger: bool,

    /// Take this way out of a job object that lets nobody go (Windows): security products may take
    /// it for an attack, and handles, token and quotas come from whoever starts it
    #[arg(long, value_name = "WAY")]
    via: Option<Via>,

    #[command(flatten)]
    account: account::Args,

    #[command(flatten)]
    limits: limits::Args,

    #[command(flatten)]
    ready: ready::Args,

    /// Show the output as it comes and exit with the job's exit code
    ///
    /// Ctrl-C, or the end of this terminal, ends the showing. The job goes on.
    #[arg(long, short, conflicts_with = "ready")]
    follow: bool,

    /// Print the job as a JSON object
    #[arg(long, conflicts_with = "follow")]
    json: bool,

    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Args {
    /// What clap makes of these words after `run` where no option is among them: to make all options
    /// known to it takes longer than whatever else the command does before it starts the keeper.
    pub(crate) fn without_options(words: &[OsString]) -> Option<Args> {
        match words {
            [dashes, command @ ..] if dashes == "--" && !command.is_empty() => Some(Args {
                command: command.to_vec(),
                ..Args::default()
            }),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum OutputMode {
    /// The job itself: costs nothing
    #[default]
    File,
    /// Its keeper, through a pipe: for programs that open /dev/stdout anew and cut the file
    Pipe,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Until {
    /// When its main process has ended
    #[default]
    Main,
    /// When the last process that it started has ended
    Tree,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Leftover {
    /// They are stopped
    #[default]
    Stop,
    /// They are left running
    Leave,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Breakaway {
    /// It leaves, or it is not started
    Require,
    /// It leaves what it can; what remains is said
    #[default]
    Prefer,
    /// It stays
    Off,
}

/// A way out of a job object.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Via {
    /// Another process of yours, outside of it, is made its parent
    Parent,
    /// The service control manager starts it (elevated)
    Service,
    /// The Task Scheduler starts it
    Task,
}

impl From<Via> for outlive::Via {
    fn from(via: Via) -> outlive::Via {
        match via {
            Via::Parent => outlive::Via::Parent,
            Via::Service => outlive::Via::Service,
            Via::Task => outlive::Via::Task,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reset {
    /// Resource limits
    Limits,
    /// Niceness, scheduling policy, input and output priority, timer slack
    Nice,
    /// Processor affinity
    Affinity,
    /// The out-of-memory score
    Oom,
    /// The file mode creation mask: 022
    Umask,
    /// The folder: /
    Cwd,
    /// All of these
    All,
}

/// As a shell tells that SIGPIPE ended a program: 0 would say that the job ended well.
const BROKEN_PIPE: i32 = 128 + 13;

pub(crate) fn main(args: Args) -> Result<i32> {
    let command = command(&args);
    let options = options(&args)?;
    if args.tty.attach {
        attach::require_terminal(args.name.as_deref().unwrap_or("it"))?;
    }
    let job = Jobs::open()?.start(&command, &options)?;
    let label = args.name.as_deref().unwrap_or(job.id());
    if let Some(plan) = job.plan() {
        hazards::warn(&plan.report, label);
    }
    if args.tty.attach {
        let code = attach::sit_at_new(&job, label, &args.tty.leave)?;
        ready::require_in_time(&job, label).map(|()| code)
    } else if args.follow {
        follow_to_end(&job, label).map_err(|failure| {
            failure.hint(format!("the job was started: outlive logs -f {label}"))
        })
    } else {
        let waited = match args.ready.is_asked() {
            true => ready::wait_for_start(&job, label),
            false => Ok(()),
        };
        // One that keeps going is one that somebody has to be told of.
        if waited.is_ok() || (args.ready.keeps_going() && job.status()?.state == State::Running) {
            announce(&job, label, args.json)?;
        }
        waited.map(|()| 0)
    }
}

fn command(args: &Args) -> Command {
    let mut command = Command::new(&args.command[0]);
    command.args(&args.command[1..]);
    if args.clean_env {
        command.env_clear();
    }
    for Variable { name, value } in &args.env {
        match value.clone().or_else(|| std::env::var_os(name)) {
            Some(value) => {
                command.env(name, value);
            }
            None => report::note(&format!(
                "{} is not set here, nor for the job",
                name.display()
            )),
        }
    }
    if let Some(folder) = &args.cwd {
        command.current_dir(folder);
    }
    if let Some(mask) = args.umask {
        command.umask(mask);
    }
    if let Some(via) = args.via {
        command.via(via.into());
    }
    command
        .breakaway(match args.breakaway {
            Breakaway::Require => outlive::Breakaway::Require,
            Breakaway::Prefer => outlive::Breakaway::Prefer,
            Breakaway::Off => outlive::Breakaway::Off,
        })
        .leave_sandbox(args.leave_sandbox)
        .linger(!args.no_linger)
        .reset(reset(&args.reset));
    command
}

fn reset(what: &[Reset]) -> outlive::Reset {
    let has = |one| what.contains(&one) || what.contains(&Reset::All);
    outlive::Reset {
        limits: has(Reset::Limits),
        nice: has(Reset::Nice),
        affinity: has(Reset::Affinity),
        oom: has(Reset::Oom),
        umask: has(Reset::Umask),
        cwd: has(Reset::Cwd),
    }
}

fn options(args: &Args) -> Result<JobOptions> {
    let mut options = JobOptions::new();
    for name in &args.secret_env {
        if std::env::var_os(name).is_none() {
            let message = format!("failed to pass on `{}`: it is not set", name.display());
            return Err(Failure::new(message)
                .hint("set it for outlive: with `export`, or in front of the command"));
        }
        options.secret_env(name);
    }
    if let Some(name) = &args.name {
        options.name(name);
    }
    if args.interactive {
        options.keep_stdin(true);
    }
    if let Some(file) = &args.stdin {
        options.stdin_file(file);
    }
    if let Some(file) = &args.output {
        options.output_file(file);
    }
    if let Some(limit) = args.output_limit {
        options.output_limit(limit);
    }
    args.account.apply(&mut options)?;
    options.limits(args.limits.limits());
    options.output_mode(match args.output_mode {
        OutputMode::File => outlive::OutputMode::File,
        OutputMode::Pipe => outlive::OutputMode::Pipe,
    });
    args.form.apply(&mut options);
    args.tty.apply(&mut options);
    options.until(match args.until {
        Until::Main => outlive::Until::Main,
        Until::Tree => outlive::Until::Tree,
    });
    options.leftover(match args.leftover {
        Leftover::Stop => outlive::Leftover::Stop,
        Leftover::Leave => outlive::Leftover::Leave,
    });
    args.life.set(&mut options);
    args.ready.apply(&mut options);
    Ok(options)
}

fn announce(job: &Job, label: &str, as_json: bool) -> Result<()> {
    let said = if as_json {
        let report = job.report()?;
        let status = Status {
            report,
            ..job.status()?
        };
        json::write(&JobObject::new(&status))
    } else {
        output::write(|out| writeln!(out, "{label}"))
    };
    // Whoever can't be told still has a job running.
    said.map_err(|failure| failure.hint(format!("the job was started, its id is {}", job.id())))?;
    let typed = text::command(&[label]);
    report::note_to_person(&format!(
        "follow: outlive logs -f {typed}, stop: outlive stop {typed}"
    ));
    Ok(())
}

fn follow_to_end(job: &Job, label: &str) -> Result<i32> {
    let typed = text::command(&[label]);
    let still_running = format!("still running as {label}: outlive logs -f {typed}");
    let goes_on = still_running.clone();
    follow::on_interrupt(move |signal| {
        if signal == signal::INTERRUPT {
            report::after_typed_key();
        }
        report::note(&goes_on);
    })?;
    report::note_to_person(&format!(
        "started {label}; Ctrl-C ends the following, not the job"
    ));
    let mut output = job.follow(job.latest_output()?)?;
    let copied = follow::copy(&mut output);
    follow::tell_missing(output.skipped());
    if let Err(failure) = copied {
        if matches!(job.status()?.state, State::Running | State::Waiting) {
            report::note(&still_running);
        }
        return Err(failure.unless_told(BROKEN_PIPE));
    }
    let status = match job.wait(None)? {
        Some(status) => status,
        None => job.status()?,
    };
    status::tell_notes(&status);
    status::tell_unusual_end(&status);
    status::code(&status).ok_or_else(|| status::unknown_end(&status))
}
