//! How output is written down where more is kept of it than its bytes: when each line was printed,
//! and to which of the two streams.
//!
//! Each entry is a line of the file: its head, a mark and a text.
//!
//! ```text
//! 2026-11-22T10:05:18.123456Z out listening on port 8080     a whole line, or the end of one
//! 2026-11-22T10:05:19.000042Z err+loading                    a part: the stream goes on with …
//! 2026-11-22T10:05:19.871003Z err  done                      … this one, in the same line
//! ```
//!
//! So the file can be read with `cat` and searched with `grep`, and every byte that was printed can be
//! had back from it: the text after a space had a line's end, the text after a `+` had none.

use jiff::Timestamp;
use memchr::memchr;
use serde::{Deserialize, Serialize};

/// What is written down with each line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// When it was printed: RFC 3339, in UTC, with microseconds.
    #[serde(default)]
    pub timestamps: bool,
    /// To which stream: `out` or `err`.
    #[serde(default)]
    pub split: bool,
}

/// One of the two streams that a program prints to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// As a head has it.
    fn word(self) -> &'static str {
        match self {
            Stream::Stdout => "out",
            Stream::Stderr => "err",
        }
    }
}

/// The length of a time as it is written: `2026-11-22T10:05:18.123456Z`.
const TIME: usize = 27;
/// The length of a stream's word.
const WORD: usize = 3;
/// The longest head with its mark: a time, a space, a stream and the mark.
const LONGEST: usize = TIME + 1 + WORD + 1;

impl Form {
    /// Whether a file of this form is what was printed, byte by byte.
    pub fn is_plain(&self) -> bool {
        *self == Form::default()
    }

    /// The length of an entry's head and its mark, in bytes.
    pub fn overhead(self) -> usize {
        let time = if self.timestamps { TIME } else { 0 };
        let word = if self.split { WORD } else { 0 };
        time + word + usize::from(self.timestamps && self.split) + usize::from(!self.is_plain())
    }

    /// What stands before each text that was printed to `stream` at `time`, but for the mark.
    pub fn head(self, time: Timestamp, stream: Stream) -> String {
        let mut head = String::with_capacity(LONGEST);
        if self.timestamps {
            head += &format!("{time:.6}");
        }
        if self.timestamps && self.split {
            head.push(' ');
        }
        if self.split {
            head += stream.word();
        }
        head
    }

    /// What a head of this form, without its mark, says.
    fn parse_head(self, head: &[u8]) -> Option<(Option<Timestamp>, Option<Stream>)> {
        let head = str::from_utf8(head).ok()?;
        let (time, rest) = match self.timestamps {
            true => {
                let (time, rest) = head.split_at_checked(TIME)?;
                (Some(parse_time(time)?), rest)
            }
            false => (None, head),
        };
        let word = match self.timestamps && self.split {
            true => rest.strip_prefix(' ')?,
            false => rest,
        };
        let stream = match (self.split, word) {
            (true, "out") => Some(Stream::Stdout),
            (true, "err") => Some(Stream::Stderr),
            (false, "") => None,
            _ => return None,
        };
        Some((time, stream))
    }
}

/// A time as it is written in a head, and in no other of the forms that jiff reads.
fn parse_time(text: &str) -> Option<Timestamp> {
    const FORM: &[u8; TIME] = b"0000-00-00T00:00:00.000000Z";
    let mut pairs = text.bytes().zip(FORM);
    let fits = pairs.all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == *form,
    });
    text.parse().ok().filter(|_| fits)
}

/// An entry of the first line in `text`, or of the part of one that it is, which is taken from its
/// front: the head, the mark, the text and the line's end, to be written one after the other.
pub fn encode<'a>(head: &'a str, text: &mut &'a [u8]) -> [&'a [u8]; 4] {
    let end = memchr(b'\n', text);
    let (line, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest.get(1..).unwrap_or_default();
    let mark: &[u8] = if end.is_some() { b" " } else { b"+" };
    [head.as_bytes(), mark, line, b"\n"]
}

/// A piece of what was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// When it was printed, if that was written down.
    pub time: Option<Timestamp>,
    /// To which stream, if that was written down.
    pub stream: Option<Stream>,
    /// What was printed, without the line's end.
    pub text: &'a [u8],
    /// Whether the line ends here.
    pub ends_line: bool,
}

/// Reads a file of a form, in chunks of any size. What is no entry is given as a line without a time
/// and a stream: a write that was cut short by a full disk, or somebody else's.
#[derive(Debug, Clone)]
pub struct Decoder {
    form: Form,
    place: Place,
    /// As much as there is of a head that is not there whole.
    head: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In a head.
    Head,
    /// In a text, after this head. The last is whether the line ends with the entry.
    Text(Option<Timestamp>, Option<Stream>, bool),
    /// In an entry whose head is none: what was read of it has yet to be given.
    NoHead,
}

impl Decoder {
    /// A decoder that stands at the beginning of an entry.
    pub fn new(form: Form) -> Decoder {
        let place = match form.is_plain() {
            true => Place::Text(None, None, true),
            false => Place::Head,
        };
        Decoder {
            form,
            place,
            head: Vec::new(),
        }
    }

    /// The next piece in `bytes`, which is taken from their front; none if there is none in what is
    /// left of them, which is taken all the same.
    pub fn next<'p, 'b: 'p>(&'p mut self, bytes: &mut &'b [u8]) -> Option<Piece<'p>> {
        if let Place::Head = self.place {
            self.read_head(bytes)?;
        }
        match self.place {
            Place::Text(time, stream, ends) => self.text(bytes, time, stream, ends),
            Place::NoHead | Place::Head => {
                // It is not looked at again: the text after it is that of a whole line.
                let is_ended = self.head.last() == Some(&b'\n');
                self.place = match is_ended {
                    true => Place::Head,
                    false => Place::Text(None, None, true),
                };
                let text = &self.head[..self.head.len() - usize::from(is_ended)];
                Some(Piece {
                    time: None,
                    stream: None,
                    text,
                    ends_line: is_ended,
                })
            }
        }
    }

    /// Takes a head from the front; none if it is not there whole.
    fn read_head(&mut self, bytes: &mut &[u8]) -> Option<()> {
        if self.head.len() >= self.form.overhead() || self.head.last() == Some(&b'\n') {
            self.head.clear();
        }
        let length = self.form.overhead() - self.head.len();
        let part = &bytes[..length.min(bytes.len())];
        let end = memchr(b'\n', part);
        let part = &part[..end.map_or(part.len(), |end| end + 1)];
        self.head.extend_from_slice(part);
        *bytes = &bytes[part.len()..];
        if end.is_none() && self.head.len() < self.form.overhead() {
            return None;
        }
        self.place = match self.head.split_last() {
            Some((mark @ (b' ' | b'+'), head)) => self
                .form
                .parse_head(head)
                .map_or(Place::NoHead, |(time, stream)| {
                    Place::Text(time, stream, *mark == b' ')
                }),
            _ => Place::NoHead,
        };
        Some(())
    }

    fn text<'a>(
        &mut self,
        bytes: &mut &'a [u8],
        time: Option<Timestamp>,
        stream: Option<Stream>,
        ends: bool,
    ) -> Option<Piece<'a>> {
        if bytes.is_empty() {
            return None;
        }
        let end = memchr(b'\n', bytes);
        let (text, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        *bytes = match end {
            Some(_) => &rest[1..],
            None => rest,
        };
        if end.is_some() && !self.form.is_plain() {
            self.place = Place::Head;
        }
        Some(Piece {
            time,
            stream,
            text,
            ends_line: ends && end.is_some(),
        })
    }
}

#[cfg(test)]
mod tests;
