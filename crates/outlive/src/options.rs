//! How a job is kept.

use outlive_record::{Form, Leftover, OutputMode, Until};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

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
    pub(crate) until: Until,
    pub(crate) leftover: Leftover,
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
            until: Until::default(),
            leftover: Leftover::default(),
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
    /// [`Output::next_line`] tell: the job prints into a pipe then, as in the mode
    /// [`OutputMode::Pipe`], and times are those at which its keeper read them, to the microsecond. On
    /// Linux it holds a spare reading end of the pipe, descriptor 30, so
    /// that a killed keeper costs it nothing.
    ///
    /// [`Output::since`]: crate::Output::since
    /// [`Output::next_line`]: crate::Output::next_line
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

/// How a job is started again.
#[derive(Debug, Clone, Default)]
pub struct RestartOptions {
    pub(crate) grace: Option<std::time::Duration>,
    pub(crate) keeper: Option<PathBuf>,
}

impl RestartOptions {
    /// The defaults.
    pub fn new() -> RestartOptions {
        RestartOptions::default()
    }

    /// How long a job that still runs may take to end by itself; ten seconds by default.
    pub fn grace(&mut self, grace: std::time::Duration) -> &mut RestartOptions {
        self.grace = Some(grace);
        self
    }

    /// The executable that is to keep the job, as for [`JobOptions::keeper`].
    pub fn keeper(&mut self, executable: impl AsRef<Path>) -> &mut RestartOptions {
        self.keeper = Some(executable.as_ref().to_owned());
        self
    }
}
