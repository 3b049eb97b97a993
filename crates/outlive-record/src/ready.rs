//! When a job is ready, and how far it is.

use crate::Text;
use jiff::Timestamp;
use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// How much memory a compiled pattern may take, in bytes.
const PATTERN_LIMIT: usize = 128 << 10;

/// When a job is ready to be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// A TCP connection is accepted here.
    Port(Site),
    /// A connection is accepted at this Unix socket: a path, or `@` and an abstract name (unix(7)).
    Unix(Text),
    /// This regular expression is found in a line of its output, once that is whole.
    Log(String),
    /// A GET is answered.
    Http {
        /// Where it is asked.
        site: Site,
        /// The authority, as it was written: the header `Host`.
        host: String,
        /// Path and query.
        path: String,
        /// The status that it is answered with; any from 200 to 399 if none.
        status: Option<u16>,
    },
    /// This path is there, and was not there before the run, or was other than it is now.
    File(Text),
    /// It says so (`READY=1` of sd_notify(3)).
    Notify,
    /// This line for the shell exits with 0.
    Command(Text),
}

/// A TCP port of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The address; the loopback one, of either version of IP, if none.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

/// How a job's readiness is found out, and what follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadyWish {
    /// When it is ready; as soon as it runs if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Ready>,
    /// How long it may take to become ready, in milliseconds; for ever if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether it goes on if it takes longer.
    pub keep_going: bool,
    /// How often it has to say that it lives (`WATCHDOG=1` of sd_notify(3)), in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watchdog_ms: Option<u64>,
}

/// How far a run is with becoming ready, and what it says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Readiness {
    /// When it was seen to be ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Timestamp>,
    /// Whether it was not ready when its time for that was over.
    pub timed_out: bool,
    /// Why it is no longer looked at whether it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// What it says that it does (`STATUS=`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_text: Option<String>,
    /// What it says that it is about (`RELOADING=1`, `STOPPING=1`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Which of its processes it calls its main one (`MAINPID=`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_pid: Option<i32>,
    /// Whether it was ended since it did not say in time that it lives.
    pub watchdog_expired: bool,
}

/// What a job says that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It loads its configuration again.
    Reloading,
    /// It is about to end.
    Stopping,
}

impl Phase {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Reloading => "reloading",
            Phase::Stopping => "stopping",
        }
    }
}

impl ReadyWish {
    /// Whether nothing was asked for.
    pub fn is_none(&self) -> bool {
        *self == ReadyWish::default()
    }

    /// Whether the job is to be given a socket on which it tells of itself.
    pub fn listens(&self) -> bool {
        self.when == Some(Ready::Notify) || self.watchdog_ms.is_some()
    }
}

impl Readiness {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Readiness::default()
    }

    /// Whether the run is ended over it: it was not ready in time and is not to go on, or has not said
    /// that it lives.
    pub fn is_given_up(&self, wish: &ReadyWish) -> bool {
        self.watchdog_expired || (self.timed_out && !wish.keep_going)
    }
}

impl Ready {
    /// What a person writes: `port:[ADDRESS:]PORT`, `unix:PATH`, `log:REGEX`,
    /// `http://ADDRESS[:PORT][/PATH[:STATUS]]`, `file:PATH`, `notify`, `cmd:LINE`. An address is an IP
    /// address, that of version 6 in brackets, or `localhost`. The error says what is wrong with it.
    pub fn parse(written: &[u8]) -> Result<Ready, BadReady> {
        Ready::parsed(written).map_err(BadReady)
    }

    fn parsed(written: &[u8]) -> Result<Ready, String> {
        if let Some(path) = written.strip_prefix(b"unix:") {
            return Ok(Ready::Unix(there(path, "a path")?));
        }
        if let Some(path) = written.strip_prefix(b"file:") {
            return Ok(Ready::File(there(path, "a path")?));
        }
        if let Some(line) = written.strip_prefix(b"cmd:") {
            return Ok(Ready::Command(there(line, "a command")?));
        }
        let text = std::str::from_utf8(written).map_err(|_| "it is not UTF-8".to_owned())?;
        if let Some(site) = text.strip_prefix("port:") {
            let (site, port) = Site::parse(site)?;
            let port = port.ok_or("the port is missing: port:8080, port:127.0.0.1:8080")?;
            return Ok(Ready::Port(Site { port, ..site }));
        }
        if let Some(pattern) = text.strip_prefix("log:") {
            LinePattern::new(pattern)
                .map_err(|why| format!("the regular expression can't be read: {why}"))?;
            return Ok(Ready::Log(pattern.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("http://") {
            return parse_http(rest);
        }
        if text.starts_with("https://") {
            return Err("there is no TLS here: use cmd:'curl -sf https://…'".to_owned());
        }
        match text {
            "notify" => Ok(Ready::Notify),
            _ => Err("write port:, unix:, log:, http://, file:, cmd: or notify".to_owned()),
        }
    }
}

impl FromStr for Ready {
    type Err = BadReady;

    fn from_str(written: &str) -> Result<Ready, BadReady> {
        Ready::parse(written.as_bytes())
    }
}

/// Why something can't be waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadReady(String);

impl fmt::Display for BadReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadReady {}

fn there(bytes: &[u8], what: &str) -> Result<Text, String> {
    match bytes {
        [] => Err(format!("{what} is missing")),
        bytes if bytes.contains(&0) => Err("it contains a NUL byte".to_owned()),
        bytes => Ok(Text(bytes.to_vec())),
    }
}

fn parse_http(rest: &str) -> Result<Ready, String> {
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (site, _) = Site::parse(host)?;
    // What comes of a port comes before the path.
    let status = path.rsplit_once(':').and_then(|(path, code)| {
        let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        Some((path, is_code.then(|| code.parse().ok())??))
    });
    let (path, status) = status.map_or((path, None), |(path, status)| (path, Some(status)));
    if path.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err("write what is not plain ASCII in its path as %XX".to_owned());
    }
    Ok(Ready::Http {
        site,
        host: host.to_owned(),
        path: if path.is_empty() { "/" } else { path }.to_owned(),
        status,
    })
}

impl Site {
    /// `[ADDRESS:]PORT` or `ADDRESS`, and the port if one was written: a number alone is one.
    fn parse(text: &str) -> Result<(Site, Option<u16>), String> {
        let port = |text: &str| match text.parse() {
            Ok(0) | Err(_) => Err(format!("`{text}` is no port from 1 to 65535")),
            Ok(port) => Ok(port),
        };
        let (address, port) = match text.rsplit_once(':') {
            _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                ("", Some(port(text)?))
            }
            Some((address, number)) if !number.contains(']') => (address, Some(port(number)?)),
            _ => (text, None),
        };
        let bare = address
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'));
        let address = match address {
            "" if port.is_none() => return Err("the address is missing".to_owned()),
            "" | "localhost" => None,
            _ => Some(bare.unwrap_or(address).parse().map_err(|_| {
                format!("`{address}` is no IP address, and no name but localhost is looked up")
            })?),
        };
        let site = Site {
            address,
            port: port.unwrap_or(80),
        };
        Ok((site, port))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            None => write!(f, "localhost:{}", self.port),
            Some(address) => std::net::SocketAddr::new(address, self.port).fmt(f),
        }
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ready::Port(Site {
                address: None,
                port,
            }) => write!(f, "port:{port}"),
            Ready::Port(site) => write!(f, "port:{site}"),
            Ready::Unix(path) => write!(f, "unix:{}", path.to_lossy()),
            Ready::Log(pattern) => write!(f, "log:{pattern}"),
            Ready::Http {
                host, path, status, ..
            } => {
                write!(f, "http://{host}{path}")?;
                status.map_or(Ok(()), |status| write!(f, ":{status}"))
            }
            Ready::File(path) => write!(f, "file:{}", path.to_lossy()),
            Ready::Notify => f.write_str("notify"),
            Ready::Command(line) => write!(f, "cmd:{}", line.to_lossy()),
        }
    }
}

/// A regular expression for lines of output.
#[derive(Debug)]
pub struct LinePattern(Regex);

impl LinePattern {
    /// Compiles it, or says what is wrong with it.
    pub fn new(pattern: &str) -> Result<LinePattern, String> {
        let compiled = RegexBuilder::new(pattern).size_limit(PATTERN_LIMIT).build();
        compiled.map(LinePattern).map_err(|error| error.to_string())
    }

    /// Whether it is found in a line, without its line break. What is not UTF-8 counts as U+FFFD.
    pub fn is_in(&self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.0.is_match(&String::from_utf8_lossy(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_understood_and_written_the_same() {
        for written in [
            "port:8080",
            "port:127.0.0.1:8080",
            "port:[::1]:8080",
            "unix:/run/x.sock",
            "unix:@name",
            "log:^ready( now)?$",
            "http://localhost:8080/",
            "http://127.0.0.1/health?all=1:204",
            "http://[::1]:9/a:b",
            "file:/run/x.pid",
            "notify",
            "cmd:curl -sf https://localhost/ | grep -q ok",
        ] {
            let ready = Ready::parse(written.as_bytes()).expect(written);
            assert_eq!(ready.to_string(), written);
        }
        assert_eq!(Ready::parse(b"port:localhost:1"), Ready::parse(b"port:1"));
    }

    #[test]
    fn an_http_url_is_taken_apart() {
        let http = |written: &str| match Ready::parse(written.as_bytes()) {
            Ok(Ready::Http {
                site, path, status, ..
            }) => (site.to_string(), path, status),
            other => panic!("{written}: {other:?}"),
        };
        let is = |site: &str, path: &str, status| (site.to_owned(), path.to_owned(), status);
        assert_eq!(http("http://localhost"), is("localhost:80", "/", None));
        assert_eq!(http("http://[::1]"), is("[::1]:80", "/", None));
        assert_eq!(http("http://10.0.0.1:200"), is("10.0.0.1:200", "/", None));
        assert_eq!(
            http("http://localhost:1/x:404"),
            is("localhost:1", "/x", Some(404))
        );
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for (written, why) in [
            ("", "notify"),
            ("port:", "missing"),
            ("port:0", "no port"),
            ("port:70000", "no port"),
            ("port:localhost", "missing"),
            ("port:example.org:80", "looked up"),
            ("unix:", "missing"),
            ("log:(", "group"),
            ("log:\\w{1000}{1000}", "size"),
            ("http://", "missing"),
            ("http://localhost/a b", "%XX"),
            ("https://localhost", "TLS"),
            ("8080", "port:"),
        ] {
            let refused = Ready::parse(written.as_bytes()).expect_err(written);
            let refused = refused.to_string();
            assert!(refused.contains(why), "{written}: {refused}");
        }
        assert!(Ready::parse(b"log:\xff").is_err());
        assert!(Ready::parse(b"file:/\xff").is_ok());
    }

    #[test]
    fn a_pattern_is_for_a_line() {
        let pattern = LinePattern::new("^listening on [0-9]+$").expect("it is one");
        assert!(pattern.is_in(b"listening on 80") && pattern.is_in(b"listening on 80\r"));
        assert!(!pattern.is_in(b"not listening on 80") && !pattern.is_in(b"\xff\0"));
    }

    proptest! {
        #[test]
        fn anything_is_read_without_panic(bytes: Vec<u8>, text in "(port:|http://|log:)?.*") {
            let _ = Ready::parse(&bytes);
            if let Ok(ready) = Ready::parse(text.as_bytes()) {
                prop_assert_eq!(Ready::parse(ready.to_string().as_bytes()), Ok(ready));
            }
        }
    }
}
