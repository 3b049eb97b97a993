//! Passing on what a job prints to its keeper, instead of into its file.
//!
//! What is in a pipe waits there: nothing is taken out that is not written in the same turn, so that
//! a slow disk slows the job, and whatever else the keeper does loses nothing.

use crate::watch::Keeper;
use jiff::Timestamp;
use outlive_os::events::Inflow;
use outlive_os::pty::Pty;
use outlive_os::{AsDescriptor, Borrowed};
use outlive_record::{Form, Stream, encode};
use std::io::{self, Write};

/// What is taken from a source at once, and the longest part of a line that is one entry.
const CHUNK: usize = 32 << 10;
/// How often that is done before others have their turn: as often as empties the largest pipe of a
/// plain user (1 MiB, `/proc/sys/fs/pipe-max-size`).
const ROUNDS: usize = (1 << 20) / CHUNK;

/// What is passed on, and how.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    sources: Vec<Source>,
    form: Form,
    /// Whether the file may end within an entry that could not be written whole.
    torn: bool,
    taken: Vec<u8>,
    entries: Vec<u8>,
}

/// A pipe or terminal that the job prints to.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) pipe: Inflow,
    pub(crate) stream: Stream,
    /// Whether nobody can print to it any more.
    pub(crate) ended: bool,
}

impl Source {
    /// What a job prints to its own terminal.
    pub(crate) fn terminal(terminal: &Pty) -> io::Result<Source> {
        Ok(Source {
            pipe: terminal.output()?,
            stream: Stream::Stdout,
            ended: false,
        })
    }
}

impl Pump {
    pub(crate) fn new(form: Form, sources: Vec<Source>) -> Pump {
        Pump {
            sources,
            form,
            ..Pump::default()
        }
    }

    /// What is to be waited on.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = Borrowed<'_>> {
        self.sources.iter().map(|source| source.pipe.as_fd())
    }

    /// Forgets the sources that have ended.
    pub(crate) fn forget_ended(&mut self) {
        self.sources.retain(|source| !source.ended);
    }

    /// Passes on what a source has now. An error if some of it could not be written, and so is lost.
    pub(crate) fn pass(&mut self, at: usize, to: &mut dyn Write) -> io::Result<()> {
        let mut written = Ok(());
        let mut held = 0;
        let stream = self.sources[at].stream;
        for _ in 0..ROUNDS {
            self.taken.resize(CHUNK, 0);
            let source = &mut self.sources[at];
            let filled = match source.pipe.read(&mut self.taken[held..]) {
                Ok(0) => {
                    source.ended = true;
                    break;
                }
                Ok(length) => held + length,
                // Nothing more for now.
                Err(_) => break,
            };
            let line_end = self.taken[..filled].iter().rposition(|&byte| byte == b'\n');
            let whole = match line_end {
                _ if self.form.is_plain() => filled,
                None if filled == CHUNK => filled,
                end => end.map_or(0, |end| end + 1),
            };
            written = written.and(self.put(stream, whole, to));
            self.taken.copy_within(whole..filled, 0);
            held = filled - whole;
        }
        written.and(self.put(stream, held, to))
    }

    /// Writes the first `length` bytes of what was taken.
    fn put(&mut self, stream: Stream, length: usize, to: &mut dyn Write) -> io::Result<()> {
        let mut text = &self.taken[..length];
        if self.form.is_plain() {
            return to.write_all(text);
        }
        let head = self.form.head(Timestamp::now(), stream);
        while !text.is_empty() {
            self.entries.clear();
            if self.torn {
                self.entries.push(b'\n');
            }
            while !text.is_empty() && self.entries.len() < CHUNK {
                encode(&head, &mut text, &mut self.entries);
            }
            let written = to.write_all(&self.entries);
            self.torn = written.is_err();
            written?;
        }
        Ok(())
    }
}

impl Keeper {
    /// Passes on what the job has printed to one of its pipes.
    pub(crate) fn pump(&mut self, at: usize) {
        let Some(mut output) = self.job.output.as_ref() else {
            return;
        };
        if let Err(error) = self.job.pump.pass(at, &mut output) {
            let lost = &mut self.job.record.newest_mut().output_lost;
            if lost.replace(error.to_string()).is_none() {
                self.write_record();
            }
        }
    }

    /// Passes on what is in the pipes now: others of the tree may go on printing for ever.
    pub(crate) fn drain(&mut self) {
        for at in 0..self.job.pump.descriptors().count() {
            self.pump(at);
        }
        self.job.pump.forget_ended();
    }
}
