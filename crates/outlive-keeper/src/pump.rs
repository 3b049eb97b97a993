//! Passing on what a job prints into a pipe.

use crate::watch::Keeper;
use std::io::Write;

/// What is passed on at once from a job that prints into a pipe: a pipe holds as much (pipe(7)).
const PUMPED: usize = 64 << 10;

impl Keeper {
    /// Passes on what the job has printed into its pipe; whether there was anything.
    pub(crate) fn pump(&mut self) -> bool {
        let (Some(pipe), Some(mut output)) = (&mut self.job.pump, self.job.output.as_ref()) else {
            return false;
        };
        self.pumped.resize(PUMPED, 0);
        match pipe.read(&mut self.pumped) {
            // Nobody can print any more.
            Ok(0) => self.job.pump = None,
            Ok(length) => {
                if let Err(error) = output.write_all(&self.pumped[..length]) {
                    self.job.record.newest_mut().output_lost = Some(error.to_string());
                }
                return true;
            }
            Err(_) => {}
        }
        false
    }

    /// Passes on what is in the pipe now, which is at most 1 MiB (`/proc/sys/fs/pipe-max-size`):
    /// others of the tree may go on printing for ever.
    pub(crate) fn drain(&mut self) {
        for _ in 0..(1 << 20) / PUMPED {
            if !self.pump() {
                break;
            }
        }
    }
}
