//! Keeping the output's size below its limit: when to look at it, and what follows.

use crate::cap::Look;
use crate::table::Phase;
use crate::watch::Keeper;
use outlive_os::output::{Activity, LATE};
use std::time::Instant;

impl Keeper {
    /// Has it told when something is printed.
    pub(crate) fn arm_cap(&mut self) {
        let (Some(cap), Some(file)) = (&mut self.job.cap, &self.job.output) else {
            return;
        };
        let armed = match self.activity.take() {
            Some(activity) => Ok(activity),
            None => Activity::of(&self.job.folder),
        };
        let armed = armed.and_then(|activity| Ok((cap.arm(file, &activity)?, activity)));
        match armed {
            Ok((look, activity)) => {
                self.activity = Some(activity);
                self.after(look);
                let late = LATE.and_then(|late| Instant::now().checked_add(late));
                self.look_at = self.look_at.or(late);
            }
            Err(error) => {
                let uncapped = Some(format!("its folder can't be watched: {error}"));
                self.job.cap = None;
                self.after(Look {
                    uncapped,
                    ..Look::default()
                });
            }
        }
    }

    pub(crate) fn look_soon(&mut self) {
        if self.look_at.is_none() {
            self.look();
        }
    }

    pub(crate) fn look(&mut self) {
        let (Some(cap), Some(file)) = (&mut self.job.cap, &self.job.output) else {
            return;
        };
        match cap.look(file) {
            Ok(look) if look.again.is_some() => {
                self.job.pump.ease();
                self.after(look);
            }
            Ok(look) => {
                self.job.pump.rest();
                self.after(look);
                if self.phase != Phase::Done {
                    self.arm_cap();
                }
            }
            Err(error) => {
                self.job.cap = None;
                let uncapped = Some(format!("its size can't be looked at: {error}"));
                self.after(Look {
                    uncapped,
                    ..Look::default()
                });
            }
        }
    }

    fn after(&mut self, look: Look) {
        self.look_at = look
            .again
            .and_then(|pause| Instant::now().checked_add(pause));
        let run = self.job.record.newest_mut();
        let news = (look.truncated && !run.output_truncated) || look.uncapped.is_some();
        run.output_truncated |= look.truncated;
        if look.uncapped.is_some() {
            run.output_uncapped = look.uncapped;
        }
        if news {
            self.write_record();
        }
    }
}
