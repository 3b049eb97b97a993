//! Asking over HTTP, by hand: a GET without a body, of whose answer only the status counts.

use super::dialing::Dialing;
use outlive_os::dial::Dial;
use outlive_record::Site;
use std::io;
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a status line is, up to its status: `HTTP/1.1 200`.
const STATUS_LINE: usize = 12;

/// A question that is asked over and over until the answer is as it should be.
pub(super) struct Http {
    pub(super) dialing: Dialing,
    request: Vec<u8>,
    status: Option<u16>,
    asked: Option<Exchange>,
}

struct Exchange {
    dial: Dial,
    since: Instant,
    sent: usize,
    heard: Vec<u8>,
}

impl Http {
    pub(super) fn new(site: Site, host: &str, path: &str, status: Option<u16>) -> Http {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: outlive\r\nConnection: close\r\n\r\n"
        );
        Http {
            dialing: Dialing::new(site),
            request: request.into_bytes(),
            status,
            asked: None,
        }
    }

    /// Goes on asking; whether the answer is there and as it should be.
    pub(super) fn look(&mut self) -> bool {
        let exchange = match self.asked.take() {
            Some(exchange) => Some(exchange),
            None => self.dialing.connected().map(Exchange::new),
        };
        let Some(mut exchange) = exchange else {
            return false;
        };
        match exchange.go_on(&self.request) {
            Ok(Some(status)) => match self.status {
                Some(expected) => status == expected,
                None => (200..400).contains(&status),
            },
            Ok(None) if exchange.since.elapsed() < PATIENCE => {
                self.asked = Some(exchange);
                false
            }
            // It is asked again, over another connection.
            Ok(None) | Err(_) => false,
        }
    }
}

impl Exchange {
    fn new(dial: Dial) -> Exchange {
        Exchange {
            dial,
            since: Instant::now(),
            sent: 0,
            heard: Vec::new(),
        }
    }

    /// Sends what there is room for and hears what has come: the status, if that has.
    fn go_on(&mut self, request: &[u8]) -> io::Result<Option<u16>> {
        let unless_nothing = |outcome: io::Result<usize>| match outcome {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            other => other.map(Some),
        };
        while self.sent < request.len() {
            match unless_nothing(self.dial.write(&request[self.sent..]))? {
                Some(sent) => self.sent += sent,
                None => return Ok(None),
            }
        }
        let mut buffer = [0; 512];
        while self.heard.len() < STATUS_LINE {
            match unless_nothing(self.dial.read(&mut buffer))? {
                Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(length) => self.heard.extend_from_slice(&buffer[..length]),
                None => return Ok(None),
            }
        }
        status(&self.heard).map(Some)
    }
}

/// The status in the beginning of an answer.
fn status(answer: &[u8]) -> io::Result<u16> {
    let line = std::str::from_utf8(&answer[..STATUS_LINE]).ok();
    let status = line.and_then(|line| {
        let (version, status) = line.split_once(' ')?;
        version.strip_prefix("HTTP/1.")?;
        status.parse().ok()
    });
    status.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn only_http_has_a_status() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\n").ok(), Some(204));
        assert_eq!(status(b"HTTP/1.0 503\r\n").ok(), Some(503));
        for other in [
            &b"SSH-2.0-OpenSSH"[..],
            b"HTTP/1.1 2x4 ",
            b"HTTP/2.0 200",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert!(status(other).is_err(), "{other:?}");
        }
    }
}
