//! A child that somebody else has forked.

use super::Child;
use crate::command::Command;
use crate::error::{During, Result};
use crate::leave::{self, Leaving};
use outlive_escape::plan::Level;
use outlive_os::process::Process;

impl Command {
    /// Does for a child that was forked by other means what only its parent can do for it: takes it
    /// out of what would end it from further outside, as [`breakaway`](Command::breakaway) says. For
    /// language bindings whose own way to start a program forks, and runs code of the user's in the
    /// child.
    ///
    /// The child halts between its fork and its exec, so that nothing that it starts stays behind,
    /// and goes on when this returns. A session of its own, its descriptors and its environment are
    /// its own to see to. Of this command the program is taken, as a name for messages, and what is
    /// to be left.
    ///
    /// Linux; on macOS there is nothing to be left in this way, and on Windows no fork.
    ///
    /// # Errors
    ///
    /// If it can't leave what it is required to leave ([`Error::is_remains`](crate::Error::is_remains)),
    /// or no process has this id. The child still halts then, and is the caller's to end.
    pub fn take_out(&self, pid: u32) -> Result<Child> {
        let program = self.program.display().to_string();
        let process = Process::open(pid.cast_signed())
            .during(|| format!("failed to hold `{program}` (process {pid})"))?;
        let wish = self.wish(Level::Child);
        let left = match leave::is_simple(&wish)? {
            true => None,
            false => {
                let mut leaving = Leaving::new(&wish)?;
                leaving.take_out(&process, "outlive child")?;
                Some(Box::new(leaving))
            }
        };
        Ok(Child {
            stdin: None,
            stdout: None,
            stderr: None,
            process,
            status: None,
            program,
            wish,
            left,
        })
    }
}
