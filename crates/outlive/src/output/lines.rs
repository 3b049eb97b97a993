//! A job's output by lines.

use super::{Follow, Output};
use jiff::Timestamp;
use outlive_record::Stream;
use std::io;
use std::task::Poll;

/// The longest line that is given in one, in bytes; a longer one comes in parts of about this length,
/// so that no output takes more memory than that.
pub const LINE_LIMIT: usize = 1 << 20;

/// A line of a job's output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// When its first part was printed, if that was written down
    /// ([`JobOptions::timestamps`](crate::JobOptions::timestamps)).
    pub time: Option<Timestamp>,
    /// Which stream it was printed to, if that was written down
    /// ([`JobOptions::split`](crate::JobOptions::split)).
    pub stream: Option<Stream>,
    /// What was printed, without the line's end; any bytes.
    pub text: Vec<u8>,
    /// Whether the line ends here: if not, it is longer than [`LINE_LIMIT`], or the job has ended
    /// within it.
    pub ends: bool,
}

/// The lines of a job's output: of a [`Follow`] as they come, each when it has ended.
///
/// ```standalone_crate
/// use outlive::{Command, JobOptions, Jobs, Stream};
///
/// // Whoever starts jobs and has no `outlive` installed is its own keeper.
/// outlive::init();
/// let folder = tempfile::tempdir()?;
/// let jobs = Jobs::at(folder.path().join("jobs"))?;
/// let mut command = Command::new("sh");
/// command.args(["-c", "echo ready; echo trouble >&2"]);
/// let job = jobs.start(&command, JobOptions::new().timestamps(true).split(true))?;
///
/// let mut output = job.output()?;
/// output.only(Stream::Stderr)?;
/// for line in job.follow(output)?.lines() {
///     let line = line?;
///     assert_eq!((&*line.text, line.stream), (&b"trouble"[..], Some(Stream::Stderr)));
///     println!("{}", line.time.expect("it was written down"));
/// }
/// # job.wait(None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lines<R> {
    from: R,
    /// Lines that have not ended yet, one of each stream.
    open: [Option<Line>; 2],
    /// The output's jumps up to now.
    jumps: u64,
}

impl Output {
    /// Its lines, from here on.
    pub fn lines(self) -> Lines<Output> {
        Lines::new(self)
    }
}

impl Follow {
    /// Its lines, from here on.
    pub fn lines(self) -> Lines<Follow> {
        Lines::new(self)
    }
}

impl<R> Lines<R> {
    fn new(from: R) -> Lines<R> {
        let open = [None, None];
        Lines {
            from,
            open,
            jumps: 0,
        }
    }

    /// What they are read from.
    pub fn get_ref(&self) -> &R {
        &self.from
    }

    /// What they were read from, to wait for more or to go on otherwise; a line of which there is only
    /// a part so far is lost with that.
    pub fn into_inner(self) -> R {
        self.from
    }

    /// The next line of those that there are.
    fn next_of(&mut self, output: impl Fn(&mut R) -> &mut Output) -> io::Result<Option<Line>> {
        let output = output(&mut self.from);
        loop {
            if output.jumps != self.jumps {
                // The rest of a line that has not ended is gone: what comes next is another one.
                self.jumps = output.jumps;
                self.open = [None, None];
            }
            let found = output.find(|piece, _| {
                let open = &mut self.open[usize::from(piece.stream == Some(Stream::Stderr))];
                let line = open.get_or_insert_with(|| Line {
                    time: piece.time,
                    stream: piece.stream,
                    ..Line::default()
                });
                line.text.extend_from_slice(piece.text);
                line.ends = piece.ends_line;
                let is_full = line.ends || line.text.len() >= LINE_LIMIT;
                open.take_if(|_| is_full)
            });
            if found.is_some() || !output.fill()? {
                return Ok(found);
            }
        }
    }

    /// What is left where the output has ended.
    fn last(&mut self) -> Option<Line> {
        let mut open = self.open.iter_mut().filter_map(Option::take);
        open.find(|line| !line.text.is_empty())
    }
}

impl Lines<Follow> {
    /// The next line, none at the output's end; pending if there is none yet, which is to be asked
    /// again when one of the [`descriptors`](Follow::descriptors) is readable.
    pub fn try_next(&mut self) -> io::Result<Poll<Option<Line>>> {
        loop {
            if let Some(line) = self.next_of(Follow::output)? {
                return Ok(Poll::Ready(Some(line)));
            }
            match self
                .from
                .attempt(|output| Ok(output.fill()?.then_some(())))?
            {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Ok(Poll::Ready(self.last())),
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
    }

    /// Waits for more to be printed or for the job's end.
    pub fn wait(&mut self) -> io::Result<()> {
        self.from.wait()
    }
}

impl Iterator for Lines<Output> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<io::Result<Line>> {
        let next = self.next_of(|output| output);
        next.map(|line| line.or_else(|| self.last())).transpose()
    }
}

impl Iterator for Lines<Follow> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<io::Result<Line>> {
        loop {
            match self.try_next() {
                Ok(Poll::Ready(line)) => return line.map(Ok),
                Ok(Poll::Pending) => {}
                Err(error) => return Some(Err(error)),
            }
            if let Err(error) = self.wait() {
                return Some(Err(error));
            }
        }
    }
}
