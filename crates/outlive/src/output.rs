//! A job's output.

mod follow;
mod kept;
mod lines;

pub use follow::Follow;
pub use lines::{LINE_LIMIT, Line, Lines};

use crate::error::{During, Error, Kind, Result};
use jiff::Timestamp;
use kept::Kept;
use outlive_record::{Decoder, Form, Piece, Stream};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::PathBuf;

/// How much is read at once where it has to be taken apart.
const CHUNK: usize = 64 << 10;

/// A job's output, to be read: from the first byte that is still there to the last one there is
/// now. What is read is what the job has printed, whatever was written down with it.
#[derive(Debug)]
pub struct Output {
    kept: Kept,
    form: Form,
    filter: Filter,
    decoder: Decoder,
    /// What was read of the file, and what of that was not looked at yet.
    chunk: Vec<u8>,
    next: Range<usize>,
    /// What of a piece the last reading had no room for.
    rest: Vec<u8>,
    /// How often what came next was not what follows: a part was given back, or all was cut.
    jumps: u64,
}

/// What is left out.
#[derive(Debug, Default)]
struct Filter {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    only: Option<Stream>,
}

impl Filter {
    /// What says neither when nor where it was printed is no entry, and belongs to nothing that can
    /// be asked for.
    fn lets_through(&self, piece: &Piece<'_>) -> bool {
        let at = |bound: Option<Timestamp>, fits: fn(Timestamp, Timestamp) -> bool| match bound {
            Some(bound) => piece.time.is_some_and(|time| fits(time, bound)),
            None => true,
        };
        at(self.since, |time, since| time >= since)
            && at(self.until, |time, until| time < until)
            && (self.only.is_none() || self.only == piece.stream)
    }
}

impl Output {
    pub(crate) fn new(
        file: File,
        path: PathBuf,
        own: bool,
        start: u64,
        form: Form,
    ) -> Result<Output> {
        let failed = format!("failed to read `{}`", path.display());
        Ok(Output {
            kept: Kept::new(file, path, own, start).during(|| failed)?,
            form,
            filter: Filter::default(),
            decoder: Decoder::new(form),
            chunk: Vec::new(),
            next: 0..0,
            rest: Vec::new(),
            jumps: 0,
        })
    }

    /// How many bytes of the file are no longer there because the output is capped.
    pub fn skipped(&self) -> u64 {
        self.kept.skipped
    }

    /// Leaves out what was printed before this moment. To be called before anything is read.
    ///
    /// # Errors
    ///
    /// [`is_unsupported`](Error::is_unsupported) if the job was started without
    /// [`timestamps`](crate::JobOptions::timestamps).
    pub fn since(&mut self, since: Timestamp) -> Result<()> {
        self.require_timestamps()?;
        self.filter.since = Some(since);
        Ok(())
    }

    /// Leaves out what was printed at this moment or later. To be called before anything is read.
    ///
    /// # Errors
    ///
    /// As those of [`since`](Output::since).
    pub fn until(&mut self, until: Timestamp) -> Result<()> {
        self.require_timestamps()?;
        self.filter.until = Some(until);
        Ok(())
    }

    /// Leaves out what was printed to the other stream. To be called before anything is read.
    ///
    /// # Errors
    ///
    /// [`is_unsupported`](Error::is_unsupported) if the job was started without
    /// [`split`](crate::JobOptions::split).
    pub fn only(&mut self, stream: Stream) -> Result<()> {
        self.require(self.form.split, "which stream it was printed to", "split")?;
        self.filter.only = Some(stream);
        Ok(())
    }

    /// Says whether it can be told when each line was printed.
    ///
    /// # Errors
    ///
    /// As those of [`since`](Output::since).
    pub fn require_timestamps(&self) -> Result<()> {
        self.require(self.form.timestamps, "when it was printed", "timestamps")
    }

    fn require(&self, there: bool, what: &str, option: &str) -> Result<()> {
        if there {
            return Ok(());
        }
        let path = self.kept.path.display();
        let what = format!("failed to tell of `{path}` {what}: that was not written down");
        let hint = format!("start the job with `outlive run --{option}`");
        Err(Error::new(Kind::Unsupported, what).hint_at(hint))
    }

    /// Goes to where the last `lines` lines begin, of those that are not left out.
    pub fn tail(&mut self, lines: u64) -> Result<()> {
        let failed = format!("failed to read `{}`", self.kept.path.display());
        let position = match self.form.is_plain() {
            true => self.kept.line_from_end(lines),
            false => self.entry_from_end(lines),
        };
        self.go_to(position.during(|| failed)?);
        Ok(())
    }

    /// Where the last `lines` lines begin of a file of entries. They are counted first, so that nobody
    /// has to remember where each began.
    fn entry_from_end(&mut self, lines: u64) -> io::Result<u64> {
        let (start, skipped) = (self.kept.position, self.kept.skipped);
        let (count, _) = self.count_lines(u64::MAX)?;
        self.go_to(start);
        self.kept.skipped = skipped;
        let (_, position) = self.count_lines(count.saturating_sub(lines))?;
        self.go_to(start);
        Ok(position)
    }

    /// Counts lines, at most this many; how many there are, and where the last of them ends.
    fn count_lines(&mut self, most: u64) -> io::Result<(u64, u64)> {
        let (mut count, mut end) = (0, self.kept.position);
        let mut open = false;
        while count < most {
            let enough = self.find(|piece, place| {
                open = !piece.ends_line;
                count += u64::from(piece.ends_line);
                end = place;
                (count == most).then_some(())
            });
            if enough.is_none() && !self.fill()? {
                count += u64::from(open);
                break;
            }
        }
        Ok((count, end))
    }

    /// Goes to where the last `bytes` bytes begin, unless it stands behind that; how many bytes it has
    /// passed over. Of an output with times or streams their notation counts, too.
    pub fn skip_to_last(&mut self, bytes: u64) -> Result<u64> {
        let failed = || format!("failed to read `{}`", self.kept.path.display());
        let left = self.left().during(failed)?;
        let passed_over = left.saturating_sub(bytes);
        if passed_over > 0 {
            self.go_to(self.kept.position - self.next.len() as u64 + passed_over);
        }
        Ok(passed_over)
    }

    /// How many bytes there are to be read now, as far as none is given back.
    pub fn left(&self) -> io::Result<u64> {
        Ok(self.kept.left()? + self.next.len() as u64)
    }

    /// Takes the bytes that stand at this place as read, if it is the one that comes next.
    fn advance(&mut self, at: u64, length: usize) -> bool {
        // What has been read of the file in advance comes before that.
        self.form.is_plain() && self.next.is_empty() && self.kept.advance(at, length)
    }

    /// Goes to the beginning of an entry.
    fn go_to(&mut self, position: u64) {
        self.kept.position = position;
        self.begin_entry();
        self.next = 0..0;
        self.rest.clear();
    }

    fn begin_entry(&mut self) {
        self.decoder = Decoder::new(self.form);
    }

    /// If the job has cut its output short, what is there now is new; whether it has.
    fn heed_cut(&mut self) -> io::Result<bool> {
        let is_cut = self.kept.is_cut()?;
        if is_cut {
            self.go_to(0);
            self.jumps += 1;
        }
        Ok(is_cut)
    }

    /// Goes through the pieces of what was read that are not left out, each with where it ends in the
    /// file, until `each` has found something.
    fn find<T>(&mut self, mut each: impl FnMut(&Piece<'_>, u64) -> Option<T>) -> Option<T> {
        while !self.next.is_empty() {
            let mut bytes = &self.chunk[self.next.clone()];
            let piece = self.decoder.next(&mut bytes);
            let left = bytes.len();
            self.next.start = self.next.end - left;
            let piece = piece.filter(|piece| self.filter.lets_through(piece));
            let end = self.kept.position - left as u64;
            if let Some(found) = piece.and_then(|piece| each(&piece, end)) {
                return Some(found);
            }
        }
        None
    }

    /// Reads more of the file, once all that was read has been looked at; whether there was any.
    fn fill(&mut self) -> io::Result<bool> {
        self.chunk.resize(CHUNK, 0);
        let (length, jumped) = self.kept.read(&mut self.chunk)?;
        if jumped {
            self.begin_entry();
            self.jumps += 1;
        }
        self.next = 0..length;
        Ok(length > 0)
    }
}

impl Read for Output {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.form.is_plain() && self.next.is_empty() {
            return Ok(self.kept.read(bytes)?.0);
        }
        let mut given = 0;
        loop {
            let mut rest = std::mem::take(&mut self.rest);
            let mut give = |text: &[u8]| {
                let (now, later) = text.split_at(text.len().min(bytes.len() - given));
                bytes[given..][..now.len()].copy_from_slice(now);
                given += now.len();
                later.len()
            };
            let left = give(&rest);
            rest.drain(..rest.len() - left);
            if rest.is_empty() {
                self.find(|piece, _| {
                    let end = if piece.ends_line { &b"\n"[..] } else { b"" };
                    for text in [piece.text, end] {
                        rest.extend_from_slice(&text[text.len() - give(text)..]);
                    }
                    (!rest.is_empty()).then_some(())
                });
            }
            self.rest = rest;
            if given > 0 || bytes.is_empty() || !self.fill()? {
                return Ok(given);
            }
        }
    }
}
