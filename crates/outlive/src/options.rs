//! How a job is kept.

use outlive_os::bytes;
use outlive_record::{
    Account, Form, Leftover, Life, Limits, OutputMode, Ready, ReadyWish, RestartPolicy, Size,
    Success, Text, Until,
};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a job is kept; all of it has defaults.
#[derive(Debug, Clone)]
pub struct JobOptions {
    pub(crate) name: Option<String>,
    pub(crate) keep_stdin: bool,
    pub(crate) stdin_file: Option<PathBuf>,
    pub(crate) output_file: Option<PathBuf>,
    pub(crate) output_limit: u64,
    pub(crate) output_mode: OutputMode,
    pub(crate) output_form: Form,
    pub(crate) terminal: Option<Size>,
    pub(crate) until: Until,
    pub(crate) leftover: Leftover,
    pub(crate) account: Account,
    pub(crate) limits: Limits,
    pub(crate) life: Life,
    pub(crate) ready: ReadyWish,
    pub(crate) secret_env: Vec<OsString>,
    pub(crate) keeper: Option<PathBuf>,
}

impl Default for JobOptions {
    fn default() -> JobOptions {
        JobOptions {
            name: None,
            keep_stdin: false,
            stdin_file: None,
            output_file: None,
            output_limit: 64 << 20,
            output_mode: OutputMode::default(),
            output_form: Form::default(),
            terminal: None,
            until: Until::default(),
            leftover: Leftover::default(),
            account: Account::default(),
            limits: Limits::default(),
            life: Life::default(),
            ready: ReadyWish::default(),
            secret_env: Vec::new(),
            keeper: None,
        }
    }
}

impl JobOptions {
    /// The defaults.
    pub fn new() -> JobOptions {
        JobOptions::default()
    }

    /// A name by which the job can be found: 1 to 64 characters (200 bytes), no white space, control
    /// character or `/`, and neither `-` nor `.` in front. No two running jobs have the same.
    pub fn name(&mut self, name: impl Into<String>) -> &mut JobOptions {
        self.name = Some(name.into());
        self
    }

    /// Keeps its standard input open for [`Job::stdin`](crate::Job::stdin).
    pub fn keep_stdin(&mut self, keep: bool) -> &mut JobOptions {
        self.keep_stdin = keep;
        self
    }

    /// Lets it read its standard input from this file.
    pub fn stdin_file(&mut self, file: impl AsRef<Path>) -> &mut JobOptions {
        self.stdin_file = Some(file.as_ref().to_owned());
        self
    }

    /// Appends its output to this file, which is never capped, instead of to the job's own.
    pub fn output_file(&mut self, file: impl AsRef<Path>) -> &mut JobOptions {
        self.output_file = Some(file.as_ref().to_owned());
        self
    }

    /// How many bytes of its output are kept, 64 MiB by default; 0 is all. The oldest part is given
    /// back to the file system while the job runs.
    pub fn output_limit(&mut self, bytes: u64) -> &mut JobOptions {
        self.output_limit = bytes;
        self
    }

    /// Who writes its output to the file, by default the job itself.
    pub fn output_mode(&mut self, mode: OutputMode) -> &mut JobOptions {
        self.output_mode = mode;
        self
    }

    /// Has its keeper write down when each line was printed, which [`Output::since`] and
    /// [`Output::lines`] tell: the job prints into a pipe then, as in the mode
    /// [`OutputMode::Pipe`], and times are those at which its keeper read them, to the microsecond. On
    /// Linux it holds a spare reading end of the pipe, descriptor 30, so
    /// that a killed keeper costs it nothing.
    ///
    /// [`Output::since`]: crate::Output::since
    /// [`Output::lines`]: crate::Output::lines
    pub fn timestamps(&mut self, timestamps: bool) -> &mut JobOptions {
        self.output_form.timestamps = timestamps;
        self
    }

    /// Has its keeper tell its standard output from its standard error, so that each can be read
    /// alone ([`Output::only`]): it prints into two pipes then. What it prints to both at nearly the
    /// same time may change its order.
    ///
    /// [`Output::only`]: crate::Output::only
    pub fn split(&mut self, split: bool) -> &mut JobOptions {
        self.output_form.split = split;
        self
    }

    /// Gives it a terminal of its own, of this size at first, as its standard input, output and error:
    /// its controlling terminal (credentials(7)), on which `TERM` is the caller's, or
    /// `xterm-256color` if the caller has none. It can be [attached](crate::Job::attach) to. What it
    /// prints is passed on to its output file by its keeper ([`OutputMode::Pty`]), whoever looks on or
    /// does not.
    ///
    /// With the keeper the terminal goes: a job whose keeper is killed is hung up (SIGHUP) unless
    /// somebody is attached.
    ///
    /// On Windows it is a pseudoconsole (ConPTY), which draws what is printed: the output file has what
    /// was drawn. Before Windows 10 1809 there is none, and the job is not started.
    ///
    /// ```
    /// use outlive::{JobOptions, Size};
    ///
    /// let mut options = JobOptions::new();
    /// options.name("repl").tty(Size { columns: 100, rows: 30 });
    /// ```
    pub fn tty(&mut self, size: Size) -> &mut JobOptions {
        self.terminal = Some(size);
        self.output_mode = OutputMode::Pty;
        self
    }

    /// What its end is, by default that of its main process.
    pub fn until(&mut self, until: Until) -> &mut JobOptions {
        self.until = until;
        self
    }

    /// What becomes of the processes that are left when its main process has ended; by default they
    /// are asked to end and, after its [grace](JobOptions::grace), killed.
    pub fn leftover(&mut self, leftover: Leftover) -> &mut JobOptions {
        self.leftover = leftover;
        self
    }

    /// The user that it is, by name or number, with that one's own group and supplementary groups
    /// (getgrouplist(3)); only root may ask for another one. It becomes it for good just before its
    /// exec, and `HOME`, `USER`, `LOGNAME` and `SHELL` tell of it unless they are set for it. The
    /// job stays in its starter's state folder, and the folder that it starts in has to be one that
    /// this user may enter.
    ///
    /// Its [`output_file`](JobOptions::output_file) and [`stdin_file`](JobOptions::stdin_file) are opened
    /// by whoever starts it, and once more by whoever [restarts](crate::Job::restart) it: they must not
    /// be in folders in which this user could put something else in their place.
    ///
    /// Linux alone: elsewhere [`Error::is_unsupported`](crate::Error::is_unsupported).
    pub fn user(&mut self, user: impl Into<String>) -> &mut JobOptions {
        self.account.user = Some(user.into());
        self
    }

    /// The group that it is in, by name or number, instead of its user's own.
    pub fn group(&mut self, group: impl Into<String>) -> &mut JobOptions {
        self.account.group = Some(group.into());
        self
    }

    /// What it may use, all of its processes together. It is in force before the job's first
    /// instruction, and a restart has it again. Where one of the limits can't be had the job is not
    /// started ([`Error::is_unsupported`](crate::Error::is_unsupported)), unless they are only
    /// [preferred](Limits::prefer).
    ///
    /// ```no_run
    /// use outlive::{Command, JobOptions, Jobs, Limits};
    ///
    /// let limits = Limits {
    ///     memory: Some(2 << 30),
    ///     millicpus: Some(1500),
    ///     ..Limits::default()
    /// };
    /// let job = Jobs::open()?.start(&Command::new("make"), JobOptions::new().limits(limits))?;
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn limits(&mut self, limits: Limits) -> &mut JobOptions {
        self.limits = limits;
        self
    }

    /// Stops it when this time is over since its start, however often it has been started again
    /// meanwhile: its state is [`TimedOut`](crate::State::TimedOut) then. The time while the machine is
    /// suspended does not count (CLOCK_MONOTONIC, clock_gettime(2); on Windows QueryUnbiasedInterruptTime,
    /// on macOS CLOCK_UPTIME_RAW), and a clock that is set changes nothing.
    pub fn timeout(&mut self, timeout: Duration) -> &mut JobOptions {
        self.life.timeout_ms = Some(milliseconds(timeout));
        self
    }

    /// Removes it, with its record and its output, when this time is over since its end. There is no
    /// daemon that would do it: it is done by the next job of this state folder that ends, and by
    /// whoever lists or prunes the jobs. A job whose end nobody saw stays until it is pruned.
    pub fn expire(&mut self, after: Duration) -> &mut JobOptions {
        self.life.expire_ms = Some(milliseconds(after));
        self
    }

    /// The signal by which every process of it is asked to end, by number; SIGTERM by default. On
    /// Windows SIGTERM, SIGBREAK (21) or SIGKILL.
    pub fn stop_signal(&mut self, signal: i32) -> &mut JobOptions {
        self.life.stop_signal = Some(signal);
        self
    }

    /// How long it may take to end once it was asked to, by [`Job::stop`](crate::Job::stop), its
    /// [timeout](JobOptions::timeout) or because its main process has ended; ten seconds by default.
    /// What is left after that is killed.
    pub fn grace(&mut self, grace: Duration) -> &mut JobOptions {
        self.life.grace_ms = Some(milliseconds(grace));
        self
    }

    /// Whether its keeper starts it again when it has ended; by default it does not. The next run comes
    /// after 100 ms, and twice as late after each one in a row that lasted less than ten seconds, up to
    /// a minute; a random part of up to a half is taken off each pause. Its environment is the one that it was
    /// first started with, its folder the same one.
    ///
    /// Waits are for the end of the last run. A job that was [stopped](crate::Job::stop), or whose
    /// processes were all [sent](crate::Job::kill) SIGKILL, its stop signal, or the one that ended it,
    /// is not started again; nor is one whose keeper was killed.
    ///
    /// ```standalone_crate
    /// use outlive::{Command, JobOptions, Jobs, RestartPolicy};
    ///
    /// // Whoever starts jobs and has no `outlive` installed is its own keeper.
    /// outlive::init();
    /// let folder = tempfile::tempdir()?;
    /// let jobs = Jobs::at(folder.path().join("jobs"))?;
    /// let mut options = JobOptions::new();
    /// options.restart(RestartPolicy::OnFailure { max: Some(2) });
    /// let job = jobs.start(&Command::new("false"), &options)?;
    /// let status = job.wait(None)?.expect("it has ended");
    /// assert_eq!((status.exit_code, status.runs.len()), (Some(1), 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restart(&mut self, policy: RestartPolicy) -> &mut JobOptions {
        self.life.restart = policy;
        self
    }

    /// The ends that count as success, exit code 0 alone by default: after these a job with
    /// [`RestartPolicy::OnFailure`] is not started again.
    pub fn success_codes(&mut self, ends: impl IntoIterator<Item = Success>) -> &mut JobOptions {
        self.life.success = ends.into_iter().collect();
        self
    }

    /// What shows that it is ready to be used; by default it is so as soon as it runs. Its keeper looks
    /// at it from the start on, at first every few milliseconds and later four times a second, and
    /// [`Job::wait_ready`](crate::Job::wait_ready) waits for it. A relative path is taken from the
    /// folder that the job starts in. Each run is looked at anew.
    ///
    /// - `"port:8080"`, `"port:10.0.0.1:8080"`, `"unix:/run/app.sock"`: a connection is accepted. If
    ///   somebody else accepts one before the job is started, it is not started, since that one would
    ///   be taken for it.
    /// - `"http://localhost:8080/health"`: a GET is answered with a status from 200 to 399, or, with
    ///   `:204` behind the path, with that one. There is no TLS, and no name but `localhost` is looked
    ///   up. For a stranger that answers already the same holds.
    /// - `"log:^listening"`: it is found in a line of its output (the regular expressions of
    ///   `regex-lite`).
    /// - `"file:/run/app.pid"`: the file is there, and is not as it was before the start.
    /// - `"cmd:pg_isready -q"`: the line exits with 0, run by `/bin/sh`, or `cmd.exe` on Windows, with
    ///   the job's environment and folder, as one of its processes, over and over until it does.
    /// - `"notify"`: it sends `READY=1` (sd_notify(3)), from any process of the job. Linux alone.
    ///
    /// ```
    /// # fn main() -> Result<(), outlive::BadReady> {
    /// let mut options = outlive::JobOptions::new();
    /// options.ready("port:8080".parse()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ready(&mut self, ready: Ready) -> &mut JobOptions {
        self.ready.when = Some(ready);
        self
    }

    /// How long it may take to become ready, by default for ever; then its run is ended, and has failed:
    /// it is started again where a failure is followed by that ([`JobOptions::restart`]). A job may ask
    /// for more (`EXTEND_TIMEOUT_USEC=`, sd_notify(3)). It counts from the start of each run, in
    /// milliseconds.
    pub fn ready_timeout(&mut self, time: Duration) -> &mut JobOptions {
        self.ready.timeout_ms = Some(milliseconds(time));
        self
    }

    /// Lets it go on if it is not ready in time: it is looked at further.
    pub fn keep_going(&mut self, keep_going: bool) -> &mut JobOptions {
        self.ready.keep_going = keep_going;
        self
    }

    /// Has it say at least this often that it lives, from when it is ready on (`WATCHDOG=1`,
    /// sd_notify(3)); it finds how often in `WATCHDOG_USEC`. If it does not, its main process is
    /// aborted (SIGABRT) and the rest stopped; that run has failed. Linux alone.
    pub fn watchdog(&mut self, period: Duration) -> &mut JobOptions {
        self.ready.watchdog_ms = Some(milliseconds(period));
        self
    }

    /// Runs a line, by `/bin/sh`, or `cmd.exe` on Windows, once it has ended for good: by itself,
    /// stopped, or after its last [restart](JobOptions::restart); not after one that failed to start.
    ///
    /// Its keeper runs it when everybody has been told of the end, as the job's user, with its
    /// environment and in its folder, but outside of its limits. What it prints goes where the job's
    /// output does, after all of that. It finds the result in these variables:
    ///
    /// | variable | |
    /// |---|---|
    /// | `OUTLIVE_JOB`, `OUTLIVE_NAME` | its id and its name, which is empty if it has none |
    /// | `OUTLIVE_STATE` | [`State::word`](crate::State::word): `exited`, `signaled`, `timed-out`, `failed`, `lost` |
    /// | `OUTLIVE_EXIT_CODE` | its exit code, or empty |
    /// | `OUTLIVE_SIGNAL` | the number of the signal that has ended it, or empty |
    /// | `OUTLIVE_SUCCESS` | `true` or `false` ([`JobOptions::success_codes`]) |
    /// | `OUTLIVE_STOPPED` | `true` if somebody has stopped it, or `false` |
    /// | `OUTLIVE_RUNS` | how many runs it has had |
    ///
    /// It has a minute, and is ended then, as it is when somebody stops or restarts the job meanwhile;
    /// a removal waits for it. That it failed is said in the job's [notes](crate::Status::notes). A killed keeper
    /// can't run it; one that has adopted the job does, with the environment of the job's main process
    /// as far as that can be read.
    ///
    /// ```
    /// let mut options = outlive::JobOptions::new();
    /// options.on_end(r#"echo "$OUTLIVE_NAME: $OUTLIVE_STATE $OUTLIVE_EXIT_CODE" >>ends"#);
    /// ```
    pub fn on_end(&mut self, line: impl AsRef<OsStr>) -> &mut JobOptions {
        self.life.on_end = Some(Text(bytes(line.as_ref()).to_vec()));
        self
    }

    /// Passes a variable of this process's environment on without storing its value. A restart takes
    /// it from whoever restarts.
    pub fn secret_env(&mut self, key: impl AsRef<OsStr>) -> &mut JobOptions {
        self.secret_env.push(key.as_ref().to_owned());
        self
    }

    /// The executable that is to keep the job: one whose `main` begins with
    /// [`init`](crate::init).
    pub fn keeper(&mut self, executable: impl AsRef<Path>) -> &mut JobOptions {
        self.keeper = Some(executable.as_ref().to_owned());
        self
    }
}

/// A time in whole milliseconds, rounded up: none that was asked for becomes none at all.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// How a job is started again.
#[derive(Debug, Clone, Default)]
pub struct RestartOptions {
    pub(crate) grace: Option<Duration>,
    pub(crate) keeper: Option<PathBuf>,
}

impl RestartOptions {
    /// The defaults.
    pub fn new() -> RestartOptions {
        RestartOptions::default()
    }

    /// How long a job that still runs may take to end by itself; by default its
    /// [own](JobOptions::grace) time.
    pub fn grace(&mut self, grace: Duration) -> &mut RestartOptions {
        self.grace = Some(grace);
        self
    }

    /// The executable that is to keep the job, as for [`JobOptions::keeper`].
    pub fn keeper(&mut self, executable: impl AsRef<Path>) -> &mut RestartOptions {
        self.keeper = Some(executable.as_ref().to_owned());
        self
    }
}
