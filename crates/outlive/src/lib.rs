//! Start a process that outlives whoever started it, and keep a durable handle on it: any later
//! process can list it, read its output, wait for its exit code, talk to it and stop it whole.
//! There is no resident daemon.
//!
//! Three levels, each with what the one before lacks:
//!
//! 1. [`Command::spawn`] gives a [`Child`]: as [`std::process::Command`] does, but the child leads
//!    a session of its own, inherits nothing by accident, and is started without forking the
//!    caller, however large that is.
//! 2. [`Command::disown`] gives a [`Process`] that is nobody's child: no zombie is left behind.
//! 3. [`Jobs::start`] gives a [`Job`] with a durable record: its exit code and its output are there
//!    for whoever comes later.
//!
//! ```standalone_crate
//! use outlive::{Command, JobOptions, Jobs, State};
//!
//! // Whoever starts jobs and has no `outlive` installed is its own keeper.
//! outlive::init();
//! # let home = tempfile::tempdir()?;
//! # // SAFETY: there is no other thread yet.
//! # unsafe { std::env::set_var("OUTLIVE_HOME", home.path()) };
//!
//! let mut command = Command::new("sh");
//! command.args(["-c", "echo training; exit 7"]);
//! let job = Jobs::open()?.start(&command, JobOptions::new().name("training"))?;
//! println!("{} runs; this program may end now", job.id());
//!
//! // Later, in any other process of this user:
//! let job = Jobs::open()?.get("training")?;
//! if let Some(status) = job.wait(None)? {
//!     assert_eq!((status.state, status.exit_code), (State::Exited, Some(7)));
//! }
//! assert_eq!(std::io::read_to_string(job.output()?)?, "training\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Daemon`] is for the program itself: it goes on in the background.
//!
//! Every wait is for an event: nothing polls. Nothing in this library but [`Daemon`] changes the state
//! of the calling process: no signal disposition, no mask, no folder, no umask.
#![forbid(unsafe_code)]

mod account;
mod adoption;
mod attach;
mod child;
mod command;
mod daemon;
mod environment;
mod error;
mod events;
mod home;
mod job;
mod jobs;
mod keeper;
mod launch;
mod leave;
mod options;
mod output;
mod process;
mod status;
mod stdio;
mod stop;
mod usage;
mod waiting;

pub use attach::Attached;
pub use child::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Output as ChildOutput};
pub use command::Command;
pub use daemon::{Closed, Daemon, Daemonized};
pub use environment::cookies;
pub use error::{Error, Result};
pub use events::{Event, EventKind, Events};
pub use home::default_home;
pub use job::{Job, JobStdin};
pub use jobs::Jobs;
pub use keeper::init;
pub use leave::{plan, survey};
pub use options::{JobOptions, RestartOptions};
pub use outlive_escape::plan::{Breakaway, Level, Plan, Reset, Route, Via, Wish};
pub use outlive_escape::survey::Survey;
pub use outlive_record::{
    BadReady, Escape, Form as OutputForm, Hazard, HazardKind, Leftover, Limits, Manager, Modes,
    OutputMode, Phase, Readiness, Ready, ReadyWish, Report, RestartPolicy, Site, Size,
    State as HazardState, Stream, Success, Text, Until, Way,
};
pub use output::{Follow, LINE_LIMIT, Line, Lines, Output};
pub use process::Process;
pub use status::{Keeper, Run, State, Status};
pub use stdio::Stdio;
pub use stop::Stopped;
pub use usage::Usage;
pub use waiting::Waiting;
