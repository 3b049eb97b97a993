//! How a job is kept.

use outlive_record::{Leftover, OutputMode, Ready, ReadyWish, Until};
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
    pub(crate) until: Until,
    pub(crate) leftover: Leftover,
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
            until: Until::default(),
            leftover: Leftover::default(),
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

    /// What its end is, by default that of its main process.
    pub fn until(&mut self, until: Until) -> &mut JobOptions {
        self.until = until;
        self
    }

    /// What becomes of the processes that are left when its main process has ended; by default they
    /// are asked to end and, after ten seconds, killed.
    pub fn leftover(&mut self, leftover: Leftover) -> &mut JobOptions {
        self.leftover = leftover;
        self
    }

    /// What shows that it is ready to be used; by default it is so as soon as it runs. Its keeper looks
    /// at it from the start on, at first every few milliseconds and later four times a second, and
    /// [`Job::wait_ready`](crate::Job::wait_ready) waits for it. A relative path is taken from the
    /// folder that the job starts in. With each [`restart`](crate::Job::restart) it is looked at anew.
    ///
    /// - `"port:8080"`, `"port:10.0.0.1:8080"`, `"unix:/run/app.sock"`: a connection is accepted. If
    ///   somebody else accepts one before the job is started, it is not started, since that one would
    ///   be taken for it.
    /// - `"http://localhost:8080/health"`: a GET is answered with a status from 200 to 399, or, with
    ///   `:204` behind the path, with that one. There is no TLS, and no name but `localhost` is looked
    ///   up. For a stranger that answers already the same holds.
    /// - `"log:^listening"`: a whole line of its output matches (the regular expressions of
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

    /// How long it may take to become ready, by default for ever; then it is stopped. A job may ask
    /// for more (`EXTEND_TIMEOUT_USEC=`, sd_notify(3)). It counts from the start, in milliseconds.
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
    /// aborted (SIGABRT) and the rest stopped. Linux alone.
    pub fn watchdog(&mut self, period: Duration) -> &mut JobOptions {
        self.ready.watchdog_ms = Some(milliseconds(period));
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

    /// How long a job that still runs may take to end by itself; ten seconds by default.
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
