//! What a job's terminal prints, on its way to the output file: its modes are followed, and those who
//! are attached are told.
//!
//! Those could read it from the output file alone, as `logs -f` does. A packet saves them the watch on
//! the file, and the look into it for what is short: an echo is on its way for less time. Whoever
//! leaves no room for a packet is told no more and reads the file, so that nobody holds up the job.

use crate::watch::Keeper;
use outlive_os::socket::Connection;
use outlive_record::{Modes, Printed};
use std::fs::File;
use std::io::{self, Write};

/// How many are told; the one who came first goes when one more comes.
const MOST: usize = 16;

/// The output file of a job, of which others are told what is written to it.
pub(crate) struct Tee<'a> {
    pub(crate) file: &'a File,
    pub(crate) modes: &'a mut Option<Modes>,
    pub(crate) to: &'a mut Vec<Connection>,
}

impl Tee<'_> {
    /// Writes all of it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            // A packet without any would be taken for the word to look into the file.
            return Ok(());
        }
        if let Some(modes) = self.modes {
            modes.follow(bytes);
        }
        self.file.write_all(bytes)?;
        if !self.to.is_empty() {
            // Nobody else writes to it while the job has a terminal. Of a wrong place nothing is taken.
            let end = self.file.metadata().map_or(0, |it| it.len());
            let at = end.saturating_sub(bytes.len() as u64);
            let packet = Printed { at, bytes }.to_bytes();
            self.to.retain(|it| it.send(&packet, None).is_ok());
        }
        Ok(())
    }
}

impl Keeper {
    /// Tells one more of what is printed.
    pub(crate) fn tell(&mut self, connection: Connection) {
        if self.told.len() == MOST {
            self.told.remove(0);
        }
        self.told.push(connection);
    }

    /// Has all who are told look for the terminal of a run that has just begun.
    pub(crate) fn tell_of_run(&mut self) {
        let packet = Printed { at: 0, bytes: b"" }.to_bytes();
        self.told.retain(|it| it.send(&packet, None).is_ok());
    }
}
