//! What a daemon on its way and its starter say to each other: one packet a word.

use crate::error::Error;
use outlive_os::events;
use outlive_os::process::Process;
use outlive_os::socket::Connection;
use outlive_os::{AsDescriptor, Borrowed};
use std::io;
use std::time::{Duration, Instant};

/// The longest packet: a failure may be told at length.
const LIMIT: usize = 64 << 10;
/// What the starter says once it holds the daemon, which then goes on.
const GO: &[u8] = b"go";

/// What a daemon tells its starter.
#[derive(Debug)]
pub(super) enum Word {
    /// It is there, with this process id, and waits to be let go on.
    Here(i32),
    /// It is ready.
    Ready,
    /// It has failed, as its program says.
    Failed(String),
    /// It could not become a daemon.
    Refused(Error),
}

impl Word {
    fn bytes(&self) -> Vec<u8> {
        let (mark, mut rest) = match self {
            Word::Here(pid) => (b'h', pid.to_string().into_bytes()),
            Word::Ready => (b'r', Vec::new()),
            Word::Failed(why) => (b'f', why.clone().into_bytes()),
            Word::Refused(error) => (b'e', error.to_bytes()),
        };
        rest.truncate(LIMIT - 1);
        rest.insert(0, mark);
        rest
    }

    fn of(bytes: &[u8]) -> Option<Word> {
        let (mark, rest) = bytes.split_first()?;
        let text = String::from_utf8_lossy(rest);
        Some(match mark {
            b'h' => Word::Here(text.parse().ok()?),
            b'r' => Word::Ready,
            b'f' => Word::Failed(text.into_owned()),
            b'e' => Word::Refused(Error::from_bytes(rest)),
            _ => return None,
        })
    }
}

/// The daemon's end.
#[derive(Debug)]
pub(super) struct ToStarter(Connection);

impl ToStarter {
    pub(super) fn new(connection: Connection) -> ToStarter {
        ToStarter(connection)
    }

    /// Says something; whether anybody is left to hear it. That nobody is, is no error: a daemon
    /// outlives its starter.
    pub(super) fn say(&self, word: &Word) -> io::Result<bool> {
        match self.0.send(&word.bytes(), None) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Says that it is there, and waits for the word to go on; whether that came.
    pub(super) fn wait_to_go(&self) -> io::Result<bool> {
        self.say(&Word::Here(std::process::id().cast_signed()))?;
        let (packet, _) = self.0.receive(GO.len())?;
        Ok(packet == GO)
    }

    pub(super) fn descriptor(&self) -> Borrowed<'_> {
        self.0.as_fd()
    }
}

/// The starter's end.
#[derive(Debug)]
pub(super) struct FromDaemon(Connection);

/// What came of waiting for a word.
#[derive(Debug)]
pub(super) enum Heard {
    Word(Word),
    /// Nobody is left to say anything.
    End,
    TimeUp,
}

impl FromDaemon {
    pub(super) fn new(connection: Connection) -> FromDaemon {
        FromDaemon(connection)
    }

    /// Lets it go on.
    pub(super) fn go(&self) -> io::Result<()> {
        self.0.send(GO, None)
    }

    /// Waits for the next word, for the end of whoever could say it, or for the time to be up. A copy
    /// of its end may be in a process that the daemon has forked: its own end is heard of all the
    /// same.
    pub(super) fn hear(
        &self,
        daemon: Option<&Process>,
        until: Option<Instant>,
    ) -> io::Result<Heard> {
        let watched: Vec<_> = [Some(self.0.as_fd()), daemon.map(AsDescriptor::as_fd)]
            .into_iter()
            .flatten()
            .collect();
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let ready = events::wait(&watched, left)?;
        // A word that was said before the end comes first.
        let said = match ready.first() {
            None => return Ok(Heard::TimeUp),
            Some(0) => true,
            Some(_) => !events::wait(&watched[..1], Some(Duration::ZERO))?.is_empty(),
        };
        if !said {
            return Ok(Heard::End);
        }
        match self.0.receive(LIMIT) {
            Ok((packet, _)) if packet.is_empty() => Ok(Heard::End),
            Ok((packet, _)) => match Word::of(&packet) {
                Some(word) => Ok(Heard::Word(word)),
                None => Err(io::ErrorKind::InvalidData.into()),
            },
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Heard::End),
            Err(error) => Err(error),
        }
    }
}
