//! What `outlive` writes down, and nothing else: no file is opened here and no system call made.
//!
//! - [`Record`]: the job's durable record, one JSON object that its keeper replaces whole;
//! - [`Request`] and [`Reply`]: what is said over a job's control socket;
//! - [`Herald`] and [`Launch`]: what a launcher hands to a new keeper;
//! - [`Life`]: how long a job lives, and whether it is started again;
//! - [`Limits`]: what a job may use;
//! - [`Report`]: what could have ended a job, and how it was left;
//! - [`Ready`] and [`Readiness`]: when a job is ready, and how far it is;
//! - [`Notification`]: what a job says of itself, by sd_notify(3);
//! - [`ProcessLine`]: who a process is, read from the line the kernel gives of it;
//! - [`Form`] and [`Decoder`]: output with the time and the stream of each line;
//! - [`JobId`] and [`JobName`]: what a job may be called.
//!
//! Every parser takes bytes from a file or a socket that anybody may have damaged: it returns an
//! error, never panics, and holds no more memory than a small multiple of its input.
#![forbid(unsafe_code)]

mod account;
mod control;
mod entry;
mod herald;
mod launch;
mod life;
mod limits;
mod modes;
mod name;
mod notification;
mod process_line;
mod ready;
mod record;
mod report;
mod terminal;
mod text;
mod wish;

pub use account::{Account, Credentials};
pub use control::{MESSAGE_LIMIT, Printed, Reply, Request};
pub use entry::{Decoder, Form, Piece, Stream, encode};
pub use herald::Herald;
pub use launch::{
    Answer, Bounds, Caller, CgroupFolder, Delegated, InputPlan, LAUNCH_LIMIT, Launch, OutputPlan,
    Purpose, RESOURCES, Setting, Slot,
};
pub use life::{Course, Life, RestartPolicy, Success};
pub use limits::{Limit, Limits, Unlimited};
pub use modes::Modes;
pub use name::{BadName, JobId, JobName};
pub use notification::{NOTIFICATION_LIMIT, Notification, Watchdog};
pub use process_line::ProcessLine;
pub use ready::{BadReady, LinePattern, Phase, Readiness, Ready, ReadyWish, Site};
pub use record::{
    End, Input, KEPT_RUNS, Leftover, Output, OutputMode, Place, RECORD_LIMIT, Record, Run, Spec,
    Unreadable, Until, VERSION,
};
pub use report::{Escape, Hazard, HazardKind, Manager, Report, State, Way};
pub use terminal::Size;
pub use text::Text;
pub use wish::{Breakaway, Leave, Reset, Via};
