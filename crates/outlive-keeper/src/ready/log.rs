//! Looking for a line in the job's output, as it grows in its file.

use super::probe::Seen;
use crate::store::OUTPUT;
use outlive_os::folder::Folder;
use outlive_os::output::{first_data, read_exact_at};
use outlive_os::{AsDescriptor, os_string};
use outlive_record::{Decoder, Form, LinePattern, Record, Stream};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

/// How much is read at once.
const CHUNK: usize = 16 << 10;
/// How much of a line is looked at; the rest of a longer one is passed over.
const LONGEST_LINE: usize = 64 << 10;

/// The output, read up to some place.
pub(super) struct Log {
    pattern: LinePattern,
    file: File,
    /// Whether it is the job's own file, of which the oldest part may be given back.
    own: bool,
    position: u64,
    /// Tells what was printed from what was written down with it.
    form: Form,
    decoder: Decoder,
    /// What has come of a line that is not complete, up to its limit: of the one stream, and of the
    /// other where they are told apart.
    lines: [Vec<u8>; 2],
}

impl Log {
    /// The output from where the newest run's begins.
    pub(super) fn new(pattern: &str, record: &Record, folder: &Folder) -> io::Result<Log> {
        let pattern = LinePattern::new(pattern).map_err(io::Error::other)?;
        let own = record.spec.output.path.is_none();
        let file = match &record.spec.output.path {
            None => folder.file(OUTPUT)?,
            Some(path) => {
                let path = PathBuf::from(os_string(path.0.clone()));
                // To open a FIFO would wait for its writer, and what went through it can't be read.
                if !fs::metadata(&path)?.is_file() {
                    return Err(io::Error::other("its output does not go to a regular file"));
                }
                File::open(path)?
            }
        };
        let form = record.spec.output.form;
        Ok(Log {
            pattern,
            file,
            own,
            position: record.newest().output_start,
            form,
            decoder: Decoder::new(form),
            lines: Default::default(),
        })
    }

    /// Looks at what has come since the last look, a part at a time.
    pub(super) fn look(&mut self) -> Seen {
        // What can't be read now may be read the next time.
        self.read().unwrap_or(Seen::NotYet)
    }

    fn read(&mut self) -> io::Result<Seen> {
        let size = self.file.metadata()?.len();
        if size < self.position {
            // The job has cut its output short: what is there now is new.
            self.go_to(0);
        }
        if self.own {
            let first = first_data(self.file.as_fd(), self.position)?;
            if first > self.position {
                self.go_to(first);
            }
        }
        let left = size.saturating_sub(self.position);
        let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        if chunk.is_empty() {
            return Ok(Seen::NotYet);
        }
        read_exact_at(&self.file, &mut chunk, self.position)?;
        self.position += chunk.len() as u64;
        let mut rest = chunk.as_slice();
        while let Some(piece) = self.decoder.next(&mut rest) {
            let line = &mut self.lines[usize::from(piece.stream == Some(Stream::Stderr))];
            let room = LONGEST_LINE.saturating_sub(line.len());
            line.extend_from_slice(&piece.text[..piece.text.len().min(room)]);
            if piece.ends_line {
                if self.pattern.is_in(line) {
                    return Ok(Seen::Ready);
                }
                line.clear();
            }
        }
        Ok(match left > chunk.len() as u64 {
            true => Seen::More,
            false => Seen::NotYet,
        })
    }

    fn go_to(&mut self, position: u64) {
        self.position = position;
        self.decoder = Decoder::new(self.form);
        self.lines = Default::default();
    }
}
