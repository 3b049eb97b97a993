//! Looking for a line in the job's output, as it grows in its file.

use super::probe::Seen;
use crate::store::OUTPUT;
use outlive_os::folder::Folder;
use outlive_os::output::{first_data, read_exact_at};
use outlive_os::{AsDescriptor, os_string};
use outlive_record::{LinePattern, Record};
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
    /// What has come of a line that is not complete, up to its limit.
    line: Vec<u8>,
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
        Ok(Log {
            pattern,
            file,
            own,
            position: record.newest().output_start,
            line: Vec::new(),
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
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_whole) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if is_whole {
                if self.pattern.is_in(&self.line) {
                    return Ok(Seen::Ready);
                }
                self.line.clear();
            }
        }
        Ok(match left > chunk.len() as u64 {
            true => Seen::More,
            false => Seen::NotYet,
        })
    }

    fn go_to(&mut self, position: u64) {
        self.position = position;
        self.line.clear();
    }
}
