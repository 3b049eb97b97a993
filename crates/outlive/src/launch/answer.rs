//! What a new keeper says.

use super::Order;
use crate::error::{Error, Kind, Result};
use outlive_keeper::store;
use outlive_os::os_string;
use outlive_record::{Answer, JobName, Unlimited};
use std::io;

impl Order {
    /// What follows from the answer: `None` if the job's id is taken.
    pub(super) fn heed(&self, answer: Answer) -> Result<Option<Vec<Unlimited>>> {
        let spec = &self.spec;
        match answer {
            Answer::Started { unlimited, .. } => Ok(Some(unlimited)),
            Answer::NotLimited(which) => {
                let which: Vec<String> = which.iter().map(ToString::to_string).collect();
                let what = format!("failed to limit the job's {}", which.join(", "));
                let hint = "with `--limits prefer` (Limits::prefer) it is started all the same";
                Err(Error::new(Kind::Unsupported, what).hint_at(hint))
            }
            Answer::IdTaken => Ok(None),
            Answer::NameTaken { by } => {
                let name = spec.name.as_ref().map(JobName::as_str).unwrap_or_default();
                let by = by.unwrap_or_else(|| name.to_owned());
                let what =
                    format!("failed to use the name `{name}`: the running job `{by}` has it");
                let hint = format!("outlive stop {by}, or choose another name");
                Err(Error::new(Kind::NameInUse, what).hint_at(hint))
            }
            Answer::Running => {
                let what = format!("failed to start `{}`: it runs already", spec.id);
                Err(Error::new(Kind::Running, what))
            }
            Answer::Ended => {
                let what = format!("failed to keep `{}`: it has ended", spec.id);
                Err(Error::new(Kind::NotRunning, what))
            }
            Answer::NotExecuted { errno } => {
                let program = os_string(spec.command[0].0.clone());
                let cause = io::Error::from_raw_os_error(errno);
                Err(Error::exec(&program.to_string_lossy(), cause))
            }
            Answer::Remained { what } => {
                let what = format!("failed to leave what could end it: {what}");
                Err(Error::new(Kind::Remains, what))
            }
            Answer::OutsideSandbox { beyond } => {
                let what = "failed to stay in this sandbox: the keeper has more than it allows";
                Err(Error::io(what, io::Error::other(beyond.join(", "))))
            }
            Answer::Failed {
                what,
                cause,
                errno,
                hint,
            } => {
                let cause = match errno {
                    Some(errno) => io::Error::from_raw_os_error(errno),
                    None => io::Error::other(cause),
                };
                let hint = hint.or_else(|| store::hint(cause.kind()));
                Err(Error::io(what, cause).hint_if_known(hint))
            }
        }
    }
}
