//! What shows that a job is ready.

use super::command::Command;
use super::dialing::Dialing;
use super::http::Http;
use super::log::Log;
use crate::shell::Means;
use jiff::Timestamp;
use outlive_os::folder::Folder;
use outlive_os::{dial, os_string};
use outlive_record::{Ready, Record};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

/// What shows that it is ready.
pub(super) enum Probe {
    Port(Dialing),
    Unix(Vec<u8>),
    Http(Http),
    File {
        path: PathBuf,
        before: Option<Stamp>,
    },
    Log(Log),
    Command(Box<Command>),
    /// It says so.
    Notify,
}

/// What a look has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Ready,
    NotYet,
    /// There is more to be looked at right now.
    More,
}

/// When a file was changed last, and how long it is: a file that is left of an earlier run has both.
type Stamp = (SystemTime, u64);

fn stamp(path: &PathBuf) -> Option<Stamp> {
    let about = fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

impl Probe {
    /// What is to be looked at, seen from before the job has been started, or from `since` on if it
    /// runs already.
    pub(super) fn new(
        record: &Record,
        folder: &Folder,
        means: Means,
        since: Option<Timestamp>,
    ) -> io::Result<Option<Probe>> {
        let Some(when) = &record.spec.ready.when else {
            return Ok(None);
        };
        Ok(Some(match when {
            Ready::Port(site) => Probe::Port(Dialing::new(*site)),
            Ready::Unix(address) => Probe::Unix(address.0.clone()),
            Ready::Http {
                site,
                host,
                path,
                status,
            } => Probe::Http(Http::new(*site, host, path, *status)),
            Ready::File(path) => {
                let path = PathBuf::from(os_string(path.0.clone()));
                let older =
                    |stamp: &Stamp| since.is_none_or(|since| stamp.0 < SystemTime::from(since));
                let before = stamp(&path).filter(older);
                Probe::File { path, before }
            }
            Ready::Log(pattern) => Probe::Log(Log::new(pattern, record, folder)?),
            Ready::Command(line) => Probe::Command(Box::new(Command::new(line, record, means))),
            Ready::Notify => Probe::Notify,
        }))
    }

    pub(super) fn look(&mut self) -> Seen {
        let is_ready = match self {
            Probe::Log(log) => return log.look(),
            Probe::Port(dialing) => dialing.connected().is_some(),
            Probe::Unix(address) => dial::answers(address).unwrap_or(false),
            Probe::Http(http) => http.look(),
            Probe::File { path, before } => stamp(path).is_some_and(|now| Some(now) != *before),
            Probe::Command(command) => command.look(),
            Probe::Notify => false,
        };
        if is_ready { Seen::Ready } else { Seen::NotYet }
    }

    /// Whether somebody answers already where only the job is to answer.
    pub(super) fn is_taken(&self) -> io::Result<bool> {
        match self {
            Probe::Port(dialing) | Probe::Http(Http { dialing, .. }) => {
                Ok(dialing.clone().connected().is_some())
            }
            Probe::Unix(address) => dial::answers(address),
            _ => Ok(false),
        }
    }
}
