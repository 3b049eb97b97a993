//! Printing output line by line.

use crate::follow;
use crate::output;
use crate::report::Result;
use crate::text;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use outlive::{Follow, Line, Lines, Output, Stream};
use outlive_record::Text;
use regex::bytes::Regex;
use serde::Serialize;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::task::Poll;

/// As large as what is read at once.
const ROOM: usize = 64 << 10;

/// How a line is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Plain,
    /// After its time.
    Timed,
    /// As a JSON object.
    Json,
}

/// Prints lines to standard output.
pub(crate) struct Printer {
    form: Form,
    grep: Option<Regex>,
    /// How many lines that match are passed over first.
    skip: u64,
    is_coloured: bool,
    /// Of which stream a part of a line was printed last, that did not end.
    open: Option<Option<Stream>>,
    out: BufWriter<StdoutLock<'static>>,
}

#[derive(Serialize)]
struct LineObject<'a> {
    time: Option<Timestamp>,
    stream: Option<Stream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
}

/// A terminal ends lines by `\r\n`, of which no regular expression knows (see `run --ready log:`).
fn without_return(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text)
}

impl Printer {
    /// For lines that match `grep`, all if there is none.
    pub(crate) fn new(form: Form, grep: Option<Regex>) -> Printer {
        Printer {
            form,
            grep,
            skip: 0,
            is_coloured: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            open: None,
            out: BufWriter::with_capacity(ROOM, io::stdout().lock()),
        }
    }

    /// Passes over all but the last `count` of those of `lines` that match. They are counted, so that
    /// nothing has to be remembered of them.
    pub(crate) fn begin_with_last(&mut self, count: u64, lines: Lines<Output>) -> Result<()> {
        let mut matching = 0_u64;
        for line in lines {
            let line = line.map_err(|error| follow::unreadable(&error))?;
            matching += u64::from(self.matches(&line));
        }
        self.skip = matching.saturating_sub(count);
        Ok(())
    }

    fn matches(&self, line: &Line) -> bool {
        let grep = self.grep.as_ref();
        grep.is_none_or(|grep| grep.is_match(without_return(&line.text)))
    }

    /// Prints all of them; how many were printed.
    pub(crate) fn print(&mut self, lines: Lines<Output>) -> Result<u64> {
        let mut printed = 0;
        for line in lines {
            let line = line.map_err(|error| follow::unreadable(&error))?;
            printed += u64::from(self.put(&line)?);
        }
        self.flush()?;
        Ok(printed)
    }

    /// Prints them as they come, and gives back what they were read from.
    pub(crate) fn follow(&mut self, mut lines: Lines<Follow>) -> (Follow, Result<()>) {
        let followed = self.follow_to_end(&mut lines);
        (lines.into_inner(), followed)
    }

    fn follow_to_end(&mut self, lines: &mut Lines<Follow>) -> Result<()> {
        let failed = |error| follow::unreadable(&error);
        loop {
            match lines.try_next().map_err(failed)? {
                Poll::Ready(Some(line)) => drop(self.put(&line)?),
                Poll::Ready(None) => return self.flush(),
                Poll::Pending => {
                    self.flush()?;
                    lines.wait().map_err(failed)?;
                }
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|error| output::failure(&error))
    }

    /// Prints a line if it is to be printed; whether it was.
    fn put(&mut self, line: &Line) -> Result<bool> {
        if !self.matches(line) {
            if line.ends && self.open == Some(line.stream) {
                // A part of it was printed: what is printed next is not its rest.
                self.end_open().map_err(|error| output::failure(&error))?;
            }
            return Ok(false);
        }
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(false);
        }
        let put = match self.form {
            Form::Json => self.put_object(line),
            Form::Plain | Form::Timed => self.put_text(line),
        };
        put.map_err(|error| output::failure(&error))?;
        Ok(true)
    }

    /// Ends a line of which only a part is printed.
    fn end_open(&mut self) -> io::Result<()> {
        self.open = None;
        self.out.write_all(b"\n")
    }

    fn put_object(&mut self, line: &Line) -> io::Result<()> {
        let text = str::from_utf8(&line.text).ok();
        let object = LineObject {
            time: line.time,
            stream: line.stream,
            hex: text.is_none().then(|| Text(line.text.clone()).hex()),
            text,
            partial: !line.ends,
        };
        let json = serde_json::to_string(&object)?;
        writeln!(self.out, "{}", text::json(&json))
    }

    fn put_text(&mut self, line: &Line) -> io::Result<()> {
        if self.open.is_some_and(|stream| stream != line.stream) {
            self.end_open()?;
        }
        if let (Form::Timed, None, Some(time)) = (self.form, self.open, line.time) {
            let dim = self.style(Style::new().dimmed());
            write!(self.out, "{dim}{time:.6}{dim:#} ")?;
        }
        self.open = (!line.ends).then_some(line.stream);
        let mut done = 0;
        let found = self.style(Style::new().bold().fg_color(Some(AnsiColor::Red.into())));
        let matches = self.grep.as_ref().filter(|_| self.is_coloured);
        for part in matches
            .into_iter()
            .flat_map(|grep| grep.find_iter(without_return(&line.text)))
            // One of no length may be within a character.
            .filter(|part| !part.is_empty())
        {
            self.out.write_all(&line.text[done..part.start()])?;
            write!(self.out, "{found}")?;
            self.out.write_all(part.as_bytes())?;
            write!(self.out, "{found:#}")?;
            done = part.end();
        }
        self.out.write_all(&line.text[done..])?;
        if line.ends {
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// A style where colours are wanted, and none where not.
    fn style(&self, style: Style) -> Style {
        if self.is_coloured {
            style
        } else {
            Style::new()
        }
    }
}
