//! Level 2: a program that is nobody's child.

use crate::command::Command;
use crate::error::{During, Error, Kind, Result};
use crate::stdio;
use outlive_os::spawn::{Spawn, SpawnError};
use outlive_os::{process, role};
use std::time::Duration;

/// A program that was started and let go: it is not this process's child, and leaves no zombie.
#[derive(Debug)]
pub struct Process {
    process: process::Process,
    start_time: Option<u64>,
}

impl Command {
    /// Starts the program as nobody's child. Its output goes to `/dev/null` unless it was set; a
    /// [pipe](crate::Stdio::piped) is refused, since nobody would hold its other end.
    ///
    /// Where this process itself inherits orphans (process 1 of a container, or a subreaper) the
    /// program becomes its child all the same; a small thread then waits for it, so that no zombie
    /// is left there either.
    ///
    /// ```
    /// use outlive::Command;
    /// use std::time::Duration;
    ///
    /// let process = Command::new("sleep").arg("600").disown()?;
    /// assert!(!process.wait_timeout(Duration::from_millis(1))?);
    /// process.signal(15)?;
    /// assert!(process.wait_timeout(Duration::MAX)?);
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn disown(&mut self) -> Result<Process> {
        let streams = [&self.stdin, &self.stdout, &self.stderr];
        let piped = |stream: &crate::Stdio| matches!(stream.0, stdio::Kind::Piped);
        if streams.into_iter().flatten().any(piped) {
            let what = format!(
                "failed to let go of `{}` with a pipe",
                self.program.display()
            );
            let hint = "nobody would hold its other end: give it a pipe of your own, or a file";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        }
        let child = self.spawn_with(&stdio::Kind::Null, spawn_apart)?;
        let process = child.into_process();
        // Gone already, or no /proc: then there is no start time to tell.
        let start_time = process.line().ok().flatten().map(|line| line.start_time);
        Ok(Process {
            process,
            start_time,
        })
    }
}

/// Starts a program that this process need never wait for.
pub(crate) fn spawn_apart(spawn: Spawn<'_>) -> Result<process::Process, SpawnError> {
    if !role::inherits_orphans() {
        return spawn.spawn_orphan();
    }
    let process = spawn.spawn()?;
    if let Ok(waited_for) = process::Process::open(process.pid()) {
        let reaper = std::thread::Builder::new()
            .name("outlive-reaper".to_owned())
            .stack_size(64 << 10);
        // Without the thread it stays a zombie when it ends; it runs all the same.
        let _ = reaper.spawn(move || waited_for.reap());
    }
    Ok(process)
}

impl Process {
    /// Its process id. By the time it is used it may mean another process; this handle never does.
    pub fn id(&self) -> u32 {
        self.process.pid().cast_unsigned()
    }

    /// When it started, in clock ticks since boot (field 22 of proc_pid_stat(5)): with it, its id
    /// means it alone until the next boot. None if it had ended before it could be read.
    pub fn start_time(&self) -> Option<u64> {
        self.start_time
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> Result<bool> {
        self.wait_timeout(Duration::ZERO).map(|ended| !ended)
    }

    /// Waits until it has ended, at most this long; whether it has. How it ended only its parent
    /// can learn.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<bool> {
        let ended = self.process.wait_end(Some(timeout));
        ended.during(|| format!("failed to wait for process {}", self.id()))
    }

    /// Sends it a signal, by number.
    pub fn signal(&self, signal: i32) -> Result<()> {
        let sent = self.process.signal(signal);
        sent.during(|| format!("failed to send a signal to process {}", self.id()))
    }
}
