//! What is said over a job's control socket: one JSON object a packet, each answered by one.

use crate::Size;
use serde::{Deserialize, Serialize};

/// The longest packet, in bytes.
pub const MESSAGE_LIMIT: usize = 4096;
/// The version of the protocol. A keeper outlives upgrades of the program, so it is told apart:
/// a keeper answers what it does not know with an error, never with silence.
const VERSION: u32 = 1;

/// What a keeper can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// For a descriptor that reports end of file when the job has ended.
    Ended,
    /// For a descriptor that reports end of file when the job is ready, or was not in time, or has
    /// ended.
    Ready,
    /// To end the whole tree: politely, after `grace_ms` by force.
    Stop {
        /// How long the job may take to end by itself, in milliseconds.
        grace_ms: u64,
    },
    /// To send a signal.
    Kill {
        /// The signal's number.
        signal: i32,
        /// To every process of the job, not to its main process alone.
        #[serde(default)]
        tree: bool,
    },
    /// For the descriptor that the job's standard input is read from.
    Stdin,
    /// To close the job's standard input; at a terminal, to type the key for the end.
    CloseStdin,
    /// To give the job's terminal another size, where only a keeper can.
    Resize(Size),
    /// To take the job's terminal, whose master's side comes along: the keeper that had it was killed.
    Terminal,
    /// To what the program has switched its terminal.
    Modes,
    /// To be told, over this connection, of what the job's terminal prints: see [`Printed`].
    Tee,
}

/// What a keeper answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It was done; a descriptor that was asked for comes along.
    Done,
    /// What switches a fresh terminal to the modes that are set: see [`Modes`](crate::Modes).
    Modes(String),
    /// It could not be done, and why.
    Refused(String),
}

/// What a job's terminal has printed, and where in its output file that stands: a packet for each piece,
/// once the file has it, to whoever asked for [`Request::Tee`]. The file is what counts: a longer piece
/// is told without its bytes, and who is too slow for the packets is told no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printed<'a> {
    /// Where it stands in the file, in bytes.
    pub at: u64,
    /// What was printed; nothing if that has to be read from the file, or another run has begun.
    pub bytes: &'a [u8],
}

impl Printed<'_> {
    /// The longest piece that comes along: an echo, a prompt, the change of a screen.
    pub const MOST: usize = 1024;
    const HEAD: usize = size_of::<u64>();
    /// The longest packet.
    pub const LIMIT: usize = Printed::HEAD + Printed::MOST;

    /// What is in a packet; none if that is too short.
    pub fn parse(packet: &[u8]) -> Option<Printed<'_>> {
        let (at, bytes) = packet.split_first_chunk()?;
        let at = u64::from_le_bytes(*at);
        Some(Printed { at, bytes })
    }

    /// It as a packet, without the bytes if there are more of them than come along.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut packet = self.at.to_le_bytes().to_vec();
        if self.bytes.len() <= Printed::MOST {
            packet.extend_from_slice(self.bytes);
        }
        packet
    }
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    message: T,
}

fn parse<T: for<'a> Deserialize<'a>>(packet: &[u8]) -> Result<T, String> {
    if packet.len() > MESSAGE_LIMIT {
        return Err("the message is too long".to_owned());
    }
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(packet).map_err(|error| error.to_string())?;
    if version > VERSION {
        return Err(format!(
            "protocol {version} is newer than this keeper's ({VERSION})"
        ));
    }
    let whole: Versioned<T> = serde_json::from_slice(packet).map_err(|error| error.to_string())?;
    Ok(whole.message)
}

fn to_bytes<T: Serialize>(message: T) -> Vec<u8> {
    let whole = Versioned {
        version: VERSION,
        message,
    };
    serde_json::to_vec(&whole).expect("a message has no value that JSON lacks")
}

impl Request {
    /// The request in a packet, or what is wrong with it.
    pub fn parse(packet: &[u8]) -> Result<Request, String> {
        parse(packet)
    }

    /// The request as a packet.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }
}

impl Reply {
    /// The reply in a packet, or what is wrong with it.
    pub fn parse(packet: &[u8]) -> Result<Reply, String> {
        parse(packet)
    }

    /// The reply as a packet.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_said_is_heard() {
        for request in [
            Request::Ended,
            Request::Ready,
            Request::Stop { grace_ms: u64::MAX },
            Request::Kill {
                signal: 10,
                tree: true,
            },
            Request::Stdin,
            Request::CloseStdin,
            Request::Resize(Size::default()),
            Request::Terminal,
            Request::Modes,
            Request::Tee,
        ] {
            assert_eq!(Request::parse(&request.to_bytes()), Ok(request));
        }
        let modes = Reply::Modes("\u{1b}[?1049h".to_owned());
        for reply in [
            Reply::Done,
            modes,
            Reply::Refused("no \"stdin\"".to_owned()),
        ] {
            assert_eq!(Reply::parse(&reply.to_bytes()), Ok(reply));
        }
    }

    #[test]
    fn what_was_printed_is_told_with_its_place() {
        let bytes = vec![b'y'; Printed::MOST + 1];
        let told = |bytes| Printed { at: 1 << 40, bytes }.to_bytes();
        let short = &bytes[1..];
        let packet = told(short);
        assert_eq!(packet.len(), Printed::LIMIT);
        let at = 1 << 40;
        assert_eq!(Printed::parse(&packet), Some(Printed { at, bytes: short }));
        let place = Printed { at, bytes: b"" };
        assert_eq!(Printed::parse(&told(&bytes)), Some(place));
        assert_eq!(Printed::parse(b"1234567"), None);
    }

    #[test]
    fn the_form_is_fixed() {
        let stop = br#"{"version":1,"ask":"stop","grace_ms":10000}"#;
        assert_eq!(Request::parse(stop), Ok(Request::Stop { grace_ms: 10_000 }));
        let resize = br#"{"version":1,"ask":"resize","columns":80,"rows":24}"#;
        assert_eq!(Request::parse(resize), Ok(Request::Resize(Size::default())));
        assert_eq!(Reply::Done.to_bytes(), br#"{"version":1,"done":null}"#);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert!(
            Request::parse(br#"{"version":2,"ask":"stop"}"#)
                .unwrap_err()
                .contains("newer")
        );
        assert!(
            Request::parse(br#"{"version":1,"ask":"dance"}"#)
                .unwrap_err()
                .contains("dance")
        );
        assert!(
            Request::parse(&vec![b' '; MESSAGE_LIMIT + 1])
                .unwrap_err()
                .contains("too long")
        );
        assert!(Request::parse(b"").is_err());
    }

    proptest! {
        #[test]
        fn anything_is_read_without_panic(bytes: Vec<u8>) {
            let _ = Request::parse(&bytes);
            let _ = Reply::parse(&bytes);
        }
    }
}
