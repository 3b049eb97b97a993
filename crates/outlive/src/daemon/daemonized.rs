//! A process that has become a daemon.

use super::settle::Settled;
use super::word::{ToStarter, Word};
use crate::error::{During, Result};
use outlive_os::daemon;
use outlive_os::notify::Notifier;
use outlive_record::Report;
use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write};
use std::process;

/// A descriptor that [`Daemon::start`](super::Daemon::start) has let go of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed(outlive_os::Released);

impl Closed {
    pub(super) fn of(released: outlive_os::Released) -> Closed {
        Closed(released)
    }

    /// Its number.
    pub fn number(&self) -> i32 {
        self.0.number
    }

    /// What was open there, as `/proc/self/fd` had it: a path, `socket:[4026]`. On macOS, which does
    /// not tell, the path alone.
    pub fn what(&self) -> &str {
        &self.0.what
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.number, self.0.what)
    }
}

/// Who waits to be told that the daemon is ready.
#[derive(Debug)]
pub(super) enum Waiting {
    Starter(ToStarter),
    Manager(Notifier),
    /// It has been told.
    Nobody,
}

/// This process, once it is a daemon: what [`Daemon::start`](super::Daemon::start) returns.
///
/// Keep it for as long as the daemon runs: its pid file goes with it. If it goes before
/// [`ready`](Daemonized::ready) was called, the starter takes that for the daemon's end.
#[derive(Debug)]
#[must_use = "the daemon's pid file goes with it, and its starter waits to be told that it is ready"]
pub struct Daemonized {
    waiting: Waiting,
    settled: Settled,
}

impl Daemonized {
    pub(super) fn new(waiting: Waiting, settled: Settled) -> Daemonized {
        Daemonized { waiting, settled }
    }

    /// Tells the starter that the daemon does what it is there for: the starter exits with 0. Under a
    /// service manager, tells that (`READY=1`, `MAINPID=`, sd_notify(3)). Nothing happens when it is
    /// called again, or if the starter has been killed meanwhile: a daemon outlives it.
    ///
    /// # Errors
    ///
    /// If the service manager's socket is gone.
    pub fn ready(&mut self) -> Result<()> {
        let failed = || "failed to say that the daemon is ready".to_owned();
        match std::mem::replace(&mut self.waiting, Waiting::Nobody) {
            Waiting::Starter(starter) => starter.say(&Word::Ready).map(drop).during(failed),
            Waiting::Manager(manager) => {
                let text = format!("READY=1\nMAINPID={}", process::id());
                manager.send(&text).during(failed)
            }
            Waiting::Nobody => Ok(()),
        }
    }

    /// Ends the daemon, which could not become what it is there for. The starter prints `why`, an
    /// error with all its causes or a text, to its standard error, and exits with 1. Under a service
    /// manager that is told (`STATUS=`, `ERRNO=`), and `why` is printed to this process's own
    /// standard error, as it is once the daemon was ready or if its starter is gone. This process exits with 1; its pid file is
    /// removed.
    ///
    /// An error of the kind that a closed descriptor gives (EBADF) is told with the descriptors that
    /// [`start`](super::Daemon::start) has closed.
    pub fn failed(self, why: impl Into<Box<dyn StdError + Send + Sync>>) -> ! {
        if let Err(text) = self.give_up(why) {
            let _ = writeln!(io::stderr(), "{text}");
        }
        process::exit(1)
    }

    /// Tells what [`failed`](Daemonized::failed) tells, and leaves the end to the caller, who has to
    /// clean up first: the starter waits for it, and kills the daemon when its time is up.
    ///
    /// # Errors
    ///
    /// The text, if no starter has heard it.
    pub fn give_up(
        mut self,
        why: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> std::result::Result<(), String> {
        let why = why.into();
        let (text, number) = self.tell(&*why);
        let waiting = std::mem::replace(&mut self.waiting, Waiting::Nobody);
        // Before anybody is told: who hears of it may start another one at once.
        drop(self);
        match &waiting {
            Waiting::Starter(starter) => {
                if matches!(starter.say(&Word::Failed(text.clone())), Ok(true)) {
                    return Ok(());
                }
            }
            Waiting::Manager(manager) => {
                let status = text.replace('\n', " ");
                let _ = manager.send(&format!("STATUS={status}\nERRNO={number}"));
            }
            Waiting::Nobody => {}
        }
        Err(text)
    }

    /// The error and its causes in words, and the number of the innermost that has one; EIO without.
    fn tell(&self, why: &(dyn StdError + 'static)) -> (String, i32) {
        const EIO: i32 = 5;
        let mut text = why.to_string();
        let (mut number, mut of_closed) = (EIO, false);
        let mut next = Some(why);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                number = error.raw_os_error().unwrap_or(number);
                of_closed |= daemon::is_of_released(error);
            }
            next = error.source();
            if let Some(cause) = next {
                text.push_str(&format!(": {cause}"));
            }
        }
        if let Some(hint) = why.downcast_ref::<crate::Error>().and_then(|it| it.hint()) {
            text.push_str(&format!("\nhint: {hint}"));
        }
        if of_closed && !self.closed().is_empty() {
            let closed: Vec<_> = self.closed().iter().map(ToString::to_string).collect();
            text.push_str(&format!(
                "\nnote: when it became a daemon these descriptors were closed: {}\n\
                 hint: open them afterwards, or keep them by `keep_descriptor`",
                closed.join(", ")
            ));
        }
        (text, number)
    }

    /// The descriptors above 2 that were open and are not any more.
    pub fn closed(&self) -> &[Closed] {
        &self.settled.closed
    }

    /// What could have ended it, and how that was left, as seen on this process; nothing unless
    /// [`breakaway`](super::Daemon::breakaway) asked for that.
    pub fn report(&self) -> Option<&Report> {
        self.settled.report.as_ref()
    }

    /// Whether a service manager runs this process, so that it did not fork.
    pub fn is_supervised(&self) -> bool {
        self.settled.supervised
    }
}
