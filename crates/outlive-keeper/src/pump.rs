//! Passing on what a job prints to its keeper, instead of into its file.
//!
//! What is in a pipe waits there: nothing is taken out that is not written in the same turn, so that
//! a slow disk slows the job, and whatever else the keeper does loses nothing.

use crate::store::{STDERR, STDOUT};
use crate::tee::Tee;
use crate::watch::Keeper;
use jiff::Timestamp;
use memchr::memrchr;
use outlive_os::events::{self, Inflow};
use outlive_os::folder::Folder;
use outlive_os::output::read_exact_at;
use outlive_os::pty::Pty;
use outlive_os::{AsDescriptor, Borrowed, Descriptor, KERNEL, Kernel, relay, role};
use outlive_record::{Form, Output, OutputMode, Stream, encode};
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::time::{Duration, Instant};

/// What is taken from a source at once, and the longest part of a line that is one entry. What comes
/// slower than it is written is taken in smaller pieces, and takes no more memory than those.
const CHUNK: usize = 256 << 10;
/// What a pipe holds (pipe(7)), and what it is made to hold while so much comes that it fills up: twice
/// what is taken at once, so that there is something to take while the writer, whom a full pipe has put
/// to sleep, is waking up. That counts among the 64 MiB that all pipes of a plain user may hold together
/// before they get smaller (`pipe-user-pages-soft`), and so it is for the time being.
const PIPE: usize = 64 << 10;
/// As much is in one that is full, at least: it holds 16 pages, and each write that does not fit into
/// what is left of the last one begins another (pipe_write, the kernel's fs/pipe.c).
const FULL_PIPE: usize = PIPE / 2;
const WIDE_PIPE: usize = 512 << 10;
/// How often something is taken before others have their turn: as often as empties the largest pipe of
/// a plain user (1 MiB, `/proc/sys/fs/pipe-max-size`). What is held of a line takes room, so that it is
/// two rounds in which more than a chunk is taken.
const ROUNDS: usize = 2 * (1 << 20) / CHUNK;
/// How many entries are written at once at most: writev(2) takes 1024 parts, of which each has four.
const BATCH: usize = 256;
/// From which mean length on entries are written from where they are. Shorter ones are copied together,
/// which is faster than to have the kernel gather them. Windows gathers nothing for a file that is written
/// like this: each part would be a write of its own, and an entry be torn where the keeper is killed.
const LONG: usize = 512;

/// How long the rest of a line is waited for, that it may be one entry, until others have their turn.
const AT_ONCE: Duration = Duration::from_millis(5);

/// How long a terminal may take to end that draws what is printed by itself: as long as programs have
/// on Windows when their console goes (HandlerRoutine callback function, "Timeouts").
const DRAWING: Duration = Duration::from_secs(5);

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
    /// Whether it was made to hold more, or can't be.
    is_wide: bool,
    /// Whether it was full since it was last asked how much comes.
    was_full: bool,
}

/// A pipe that the job prints to, with the ends that it is given.
pub(crate) struct OutputPipe {
    pub(crate) source: Source,
    pub(crate) to_keeper: Descriptor,
    /// What it holds so that there is a reader even without a keeper.
    pub(crate) spare: Option<Descriptor>,
}

/// The streams for which a job has a pipe each: the first is for both if there is no second.
fn streams(output: &Output) -> &'static [Stream] {
    match output.path.is_none() && output.mode == OutputMode::Pipe {
        false => &[],
        true if output.form.split => &[Stream::Stdout, Stream::Stderr],
        true => &[Stream::Stdout],
    }
}

/// The name of its pipe in the job's folder.
fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => STDOUT,
        Stream::Stderr => STDERR,
    }
}

impl Source {
    fn new(stream: Stream, pipe: Inflow) -> Source {
        Source {
            pipe,
            stream,
            ended: false,
            is_wide: false,
            was_full: false,
        }
    }

    /// The pipes that a job is to print to; none where it prints to its file.
    pub(crate) fn all(output: &Output, folder: &Folder) -> io::Result<Vec<OutputPipe>> {
        let make = |stream: &Stream| {
            let (pipe, to_keeper, spare) = relay::new(folder, name(*stream))?;
            Ok(OutputPipe {
                source: Source::new(*stream, pipe),
                to_keeper,
                spare,
            })
        };
        streams(output).iter().map(make).collect()
    }

    /// What a job prints to its own terminal.
    pub(crate) fn terminal(printed: Inflow) -> Source {
        Source::new(Stream::Stdout, printed)
    }
}

impl Pump {
    /// To a file that may end within an entry: a keeper that wrote it before may have been killed.
    pub(crate) fn new(form: Form, sources: Vec<Source>, file: Option<&File>) -> Pump {
        Pump {
            sources,
            form,
            torn: !form.is_plain() && file.is_some_and(ends_within_line),
            ..Pump::default()
        }
    }

    /// What another keeper has passed on, who has gone, and whether all of that can be had again.
    pub(crate) fn again(spec: &Output, folder: &Folder, file: Option<&File>) -> (Pump, bool) {
        let again = |stream: &Stream| {
            let pipe = relay::again(folder, name(*stream)).ok().flatten()?;
            Some(Source::new(*stream, pipe))
        };
        let sources: Vec<Source> = streams(spec).iter().filter_map(again).collect();
        let all = sources.len() == streams(spec).len();
        (Pump::new(spec.form, sources, file), all)
    }

    /// Removes the pipes' names.
    pub(crate) fn remove_names(output: &Output, folder: &Folder) {
        for stream in streams(output) {
            // The job's folder goes one day, and they with it.
            let _ = folder.remove(name(*stream));
        }
    }

    /// What is to be waited on.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = Borrowed<'_>> {
        self.sources.iter().map(|source| source.pipe.as_fd())
    }

    /// Gives back what passing on has taken of memory: nothing comes for now.
    pub(crate) fn rest(&mut self) {
        if !self.taken.is_empty() {
            (self.taken, self.entries) = (Vec::new(), Vec::new());
            role::give_memory_back();
            for source in &mut self.sources {
                // Of one that an earlier keeper has made wide, too.
                source.pipe.make_room(PIPE);
                source.is_wide = false;
            }
        }
    }

    /// Gives it back too if little comes: a job that says something twice a second is never at rest. To
    /// be called now and then.
    pub(crate) fn ease(&mut self) {
        let is_wide = self.sources.iter().any(|source| source.is_wide);
        let sources = self.sources.iter_mut();
        let much = sources.fold(false, |much, it| std::mem::take(&mut it.was_full) | much);
        if is_wide && !much {
            self.rest();
        }
    }

    /// Forgets the sources that have ended.
    pub(crate) fn forget_ended(&mut self) {
        self.sources.retain(|source| !source.ended);
    }

    /// Passes on what a source has now. An error if some of it could not be written, and so is lost.
    pub(crate) fn pass(&mut self, at: usize, to: &mut Tee<'_>) -> io::Result<()> {
        let mut written = Ok(());
        let mut held = 0;
        let mut patience = AT_ONCE;
        let stream = self.sources[at].stream;
        for _ in 0..ROUNDS {
            if self.taken.is_empty() {
                // Of memory that is known to be zero a short read touches little.
                self.taken = vec![0; CHUNK];
            }
            let source = &mut self.sources[at];
            let filled = match source.pipe.read(&mut self.taken[held..]) {
                Ok(0) => {
                    source.ended = true;
                    break;
                }
                Ok(length) => {
                    let is_full = length > FULL_PIPE;
                    source.was_full |= is_full;
                    if is_full && !source.is_wide {
                        source.pipe.make_room(WIDE_PIPE);
                        source.is_wide = true;
                    }
                    held + length
                }
                Err(_) if held > 0 && self.comes_soon(at, &mut patience) => continue,
                // Nothing more for now.
                Err(_) => break,
            };
            let whole = match self.form.is_plain() {
                true => filled,
                false => whole_entries(&self.taken[..filled]),
            };
            written = written.and(self.put(stream, whole, to));
            self.taken.copy_within(whole..filled, 0);
            held = filled - whole;
        }
        written.and(self.put(stream, held, to))
    }

    /// Whether more comes from a source while `patience` lasts, of which that takes its part. Who writes
    /// much, or a line in two parts, is often met in the middle of one.
    fn comes_soon(&self, at: usize, patience: &mut Duration) -> bool {
        let begun = Instant::now();
        let ready = events::wait(&[self.sources[at].pipe.as_fd()], Some(*patience));
        *patience = patience.saturating_sub(begun.elapsed());
        ready.is_ok_and(|ready| !ready.is_empty())
    }

    /// Writes the first `length` bytes of what was taken.
    fn put(&mut self, stream: Stream, length: usize, to: &mut Tee<'_>) -> io::Result<()> {
        let mut text = &self.taken[..length];
        if self.form.is_plain() {
            return to.write(text);
        }
        let head = self.form.head(Timestamp::now(), stream);
        while !text.is_empty() {
            let mut parts = Vec::new();
            if self.torn {
                parts.push(IoSlice::new(b"\n"));
            }
            let mut count = 0;
            while !text.is_empty() && count < BATCH {
                parts.extend(encode(&head, &mut text).map(IoSlice::new));
                count += 1;
            }
            let length: usize = parts.iter().map(|part| part.len()).sum();
            let written = if length / count >= LONG && KERNEL != Kernel::Windows {
                write_all(to.file, &mut parts)
            } else {
                self.entries.clear();
                parts
                    .iter()
                    .for_each(|part| self.entries.extend_from_slice(part));
                to.file.write_all(&self.entries)
            };
            self.torn = written.is_err();
            written?;
        }
        Ok(())
    }
}

/// How much of what was taken is to be written now: up to the last line's end, or all of a line that is
/// too long.
fn whole_entries(taken: &[u8]) -> usize {
    match memrchr(b'\n', taken) {
        Some(end) => end + 1,
        None if taken.len() == CHUNK => CHUNK,
        None => 0,
    }
}

/// Writes all parts, in one call as a rule.
fn write_all(mut to: &File, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !parts.is_empty() {
        match to.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => IoSlice::advance_slices(&mut parts, length),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn ends_within_line(file: &File) -> bool {
    let mut last = [b'\n'];
    let length = file.metadata().map_or(0, |it| it.len());
    let read = length > 0 && read_exact_at(file, &mut last, length - 1).is_ok();
    read && last != [b'\n']
}

impl Keeper {
    /// Passes on what the job has printed to one of its pipes.
    pub(crate) fn pump(&mut self, at: usize) {
        let Some(file) = self.job.output.as_ref() else {
            return;
        };
        let (modes, to) = (&mut self.modes, &mut self.told);
        let mut tee = Tee { file, modes, to };
        if let Err(error) = self.job.pump.pass(at, &mut tee) {
            let lost = &mut self.job.record.newest_mut().output_lost;
            if lost.replace(error.to_string()).is_none() {
                self.write_record();
            }
        }
    }

    /// Passes on what a run has printed that has ended. Of pipes what is in them now: others of the
    /// tree may go on printing for ever.
    pub(crate) fn drain(&mut self) {
        let terminal = self.job.terminal.as_ref();
        let until = terminal.is_some_and(Pty::finish);
        let until = until.then(|| Instant::now() + DRAWING);
        loop {
            for at in 0..self.job.pump.descriptors().count() {
                self.pump(at);
            }
            self.job.pump.forget_ended();
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let sources: Vec<_> = self.job.pump.descriptors().collect();
            let waits = !sources.is_empty() && left.is_some_and(|left| !left.is_zero());
            if !waits || events::wait(&sources, left).is_err() {
                return;
            }
        }
    }
}
