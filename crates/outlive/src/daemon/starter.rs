//! The process that a daemon leaves: it waits until that is ready, and tells how it went.

use super::pid_file::PidFile;
use super::settle::{Prepared, Settled};
use super::word::{FromDaemon, Heard, ToStarter, Word};
use crate::child::ExitStatus;
use crate::error::{During, Error, Result};
use outlive_os::daemon::{self, Forked};
use outlive_os::process::Process;
use outlive_os::socket::{self, Connection};
use outlive_os::{role, signal};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Forks twice. Returns in the daemon, or here if there is none.
pub(super) fn leave(
    prepared: Prepared,
    pid_file: Option<&Path>,
    patience: Duration,
) -> Result<(Settled, ToStarter)> {
    let (ours, theirs) = socket::pair().during(|| "failed to make a socket".to_owned())?;
    // What is buffered here is written once, not by each copy.
    let _ = std::io::stdout().flush();
    // The daemon is this process's child, once the one between has ended, for as long as this process
    // waits: how it ends is told to its parent alone.
    let had_orphans = role::inherits_orphans();
    role::inherit_orphans();
    let forked = fork();
    if !had_orphans && !matches!(forked, Ok(Forked::Parent(_))) {
        role::inherit_no_orphans();
    }
    match forked? {
        Forked::Parent(child) => {
            drop(theirs);
            // It ends at once. Where SIGCHLD is ignored there is nothing left to wait for.
            let between = Process::open(child).and_then(|between| between.reap());
            drop(between);
            let mut starter = Starter::new(FromDaemon::new(ours), patience);
            starter.pid_file = pid_file.map(Path::to_owned);
            starter.prepared = Some(prepared);
            let error = starter.attend();
            if !had_orphans {
                role::inherit_no_orphans();
            }
            Err(error)
        }
        Forked::Child => {
            drop(ours);
            let to = ToStarter::new(Connection::from_descriptor(theirs));
            match settle_apart(prepared, &to) {
                Ok(settled) => Ok((settled, to)),
                Err(error) => {
                    let _ = to.say(&Word::Refused(error));
                    daemon::end(1);
                }
            }
        }
    }
}

fn fork() -> Result<Forked> {
    daemon::fork().map_err(|cause| {
        let limited = cause.kind() == std::io::ErrorKind::WouldBlock;
        let hint = "there are as many processes as this user may have (`ulimit -u`), or as its cgroup \
                    may (pids.max)";
        Error::io("failed to fork", cause).hint_if_known(limited.then_some(hint))
    })
}

/// In the first child: leads a session, and forks once more, so that the daemon does not and can
/// never get a controlling terminal by opening one.
fn settle_apart(prepared: Prepared, to: &ToStarter) -> Result<Settled> {
    daemon::lead_session().during(|| "failed to make a session".to_owned())?;
    match fork()? {
        Forked::Parent(_) => daemon::end(0),
        Forked::Child => {}
    }
    // Without a starter that holds it, there is to be no daemon.
    if !to.wait_to_go().unwrap_or(false) {
        daemon::end(1);
    }
    prepared.settle_apart(&[to.descriptor()])
}

/// A starter with a daemon on its way.
pub(super) struct Starter {
    from: FromDaemon,
    daemon: Option<Process>,
    /// Its pid file is removed here if the daemon has never got so far.
    prepared: Option<Prepared>,
    pid_file: Option<PathBuf>,
    until: Option<Instant>,
    patience: Duration,
}

impl Starter {
    pub(super) fn new(from: FromDaemon, patience: Duration) -> Starter {
        Starter {
            from,
            daemon: None,
            prepared: None,
            pid_file: None,
            until: Instant::now().checked_add(patience),
            patience,
        }
    }

    /// With a daemon that it has started itself.
    pub(super) fn holding(mut self, daemon: Process) -> Starter {
        self.daemon = Some(daemon);
        self
    }

    /// Waits until the daemon is ready or never will be, and ends this process, with 0 or 1. Comes
    /// back if the process could not become a daemon, with the reason.
    pub(super) fn attend(mut self) -> Error {
        loop {
            let heard = self.from.hear(self.daemon.as_ref(), self.until);
            match heard {
                Ok(Heard::Word(Word::Here(pid))) => match self.let_go(pid) {
                    Ok(()) => {}
                    Err(error) => return error,
                },
                Ok(Heard::Word(Word::Ready)) => daemon::end(0),
                Ok(Heard::Word(Word::Failed(why))) => {
                    self.see_end();
                    fail(&why)
                }
                Ok(Heard::Word(Word::Refused(error))) => {
                    self.see_end();
                    return error;
                }
                Ok(Heard::End) => {
                    let how = self.see_end();
                    fail(&format!(
                        "{}: the daemon ended before it was ready{how}",
                        program()
                    ))
                }
                Ok(Heard::TimeUp) => {
                    // One that has not said who it is ends by itself once nobody lets it go on.
                    let end = match self.daemon {
                        Some(_) => "was ended",
                        None => "does not go on",
                    };
                    self.put_an_end();
                    fail(&format!(
                        "{}: the daemon was not ready after {:?}, and {end}",
                        program(),
                        self.patience
                    ))
                }
                Err(error) => {
                    self.put_an_end();
                    return Error::io("failed to hear from the daemon", error);
                }
            }
        }
    }

    /// Holds the daemon, which waits for that: until then it can't end unseen.
    fn let_go(&mut self, pid: i32) -> Result<()> {
        let failed = || "failed to hold the daemon".to_owned();
        if self.daemon.is_none() {
            self.daemon = Some(Process::open(pid).during(failed)?);
        }
        self.from.go().during(failed)
    }

    /// Waits for the daemon's end, which it has announced; how it was, in words.
    fn see_end(&mut self) -> String {
        let Some(process) = &self.daemon else {
            // It has never got as far as a pid file of its own.
            drop(self.prepared.take());
            return String::new();
        };
        let left = self
            .until
            .map(|until| until.saturating_duration_since(Instant::now()));
        if !process.wait_end(left).unwrap_or(true) {
            self.put_an_end();
            return ", and went on without a word: it was ended".to_owned();
        }
        let exit = process.reap().ok().flatten();
        self.tidy();
        exit.map_or_else(String::new, |exit| format!(" ({})", ExitStatus::from(exit)))
    }

    /// Ends the daemon and its process group. It is halted first, so that it is in its group when that
    /// is ended: nobody else's can have got its number then.
    fn put_an_end(&mut self) {
        if let Some(process) = &self.daemon {
            let _ = process.signal(signal::STOP);
            if let Ok(Some(line)) = process.line()
                && !line.has_ended()
            {
                signal::kill_group(line.group);
            }
            let _ = process.signal(signal::KILL);
            let _ = process.wait_end(None);
        }
        self.tidy();
    }

    /// Removes the pid file of a daemon that has ended and could not do it.
    fn tidy(&mut self) {
        drop(self.prepared.take());
        if let Some(path) = &self.pid_file {
            drop(PidFile::take(path));
        }
    }
}

/// Says why there is no daemon, and ends.
fn fail(why: &str) -> ! {
    // Whoever has closed it does not want to hear it.
    let _ = writeln!(std::io::stderr(), "{why}");
    daemon::end(1)
}

/// What this program is called.
pub(super) fn program() -> String {
    let name = role::name().unwrap_or_default();
    let name = Path::new(&name).file_name();
    name.map_or_else(|| "outlive".to_owned(), |name| name.display().to_string())
}
