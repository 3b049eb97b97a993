//! The file of a job's output, of which the oldest part may be given back at any time.

use outlive_os::AsDescriptor;
use outlive_os::output::first_data;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// How much is read at once when looking for line ends from the back.
const BACKWARDS: u64 = 64 << 10;

/// The file, and a place in it.
#[derive(Debug)]
pub(super) struct Kept {
    file: File,
    pub(super) path: PathBuf,
    /// Whether it is the job's own file, of which the oldest part may be given back at any time.
    /// In a file of the user's a hole is what the user put there.
    own: bool,
    pub(super) position: u64,
    pub(super) skipped: u64,
}

impl Kept {
    pub(super) fn new(file: File, path: PathBuf, own: bool, start: u64) -> io::Result<Kept> {
        let mut kept = Kept {
            file,
            path,
            own,
            position: start,
            skipped: 0,
        };
        kept.skip_hole()?;
        Ok(kept)
    }

    /// How much of it has not been read.
    pub(super) fn left(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(self.position))
    }

    /// Whether the job has cut it short, before the place where it is read.
    pub(super) fn is_cut(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() < self.position)
    }

    /// Takes the bytes that stand at this place as read, if it is the one that comes next.
    pub(super) fn advance(&mut self, at: u64, length: usize) -> bool {
        let next = self.position == at;
        if next {
            self.position += length as u64;
        }
        next
    }

    /// Reads on. Whether that is not where the last reading ended, because a part was given back.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<(usize, bool)> {
        let mut jumped = false;
        loop {
            self.file.seek(SeekFrom::Start(self.position))?;
            let length = self.file.read(bytes)?;
            let before = self.position;
            // What was given back before or while it was read has been read as zeros.
            if bytes[..length].contains(&0) {
                self.skip_hole()?;
            }
            if self.position == before {
                self.position += length as u64;
                return Ok((length, jumped));
            }
            jumped = true;
        }
    }

    /// If what comes next has been given back, goes on to the first line that is there whole.
    fn skip_hole(&mut self) -> io::Result<()> {
        if !self.own {
            return Ok(());
        }
        let data = first_data(self.file.as_fd(), self.position)?;
        if data <= self.position {
            return Ok(());
        }
        let mut position = data;
        let mut buffer = [0; 4096];
        self.file.seek(SeekFrom::Start(position))?;
        loop {
            let length = self.file.read(&mut buffer)?;
            if let Some(end) = buffer[..length].iter().position(|&b| b == b'\n') {
                position += end as u64 + 1;
                break;
            }
            position += length as u64;
            // One single line: better a part of it than nothing.
            if length == 0 || position - data > 1 << 20 {
                position = data;
                break;
            }
        }
        self.skipped += position - self.position;
        self.position = position;
        Ok(())
    }

    /// Where the last `lines` lines begin.
    pub(super) fn line_from_end(&mut self, lines: u64) -> io::Result<u64> {
        let size = self.file.seek(SeekFrom::End(0))?;
        if lines == 0 {
            return Ok(size);
        }
        let mut left = lines;
        let mut end = size;
        let mut buffer = Vec::new();
        while end > self.position {
            let start = end.saturating_sub(BACKWARDS).max(self.position);
            buffer.resize(usize::try_from(end - start).unwrap_or(0), 0);
            self.file.seek(SeekFrom::Start(start))?;
            self.file.read_exact(&mut buffer)?;
            for (at, _) in buffer
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, byte)| **byte == b'\n')
            {
                let at = start + at as u64;
                // The last line's own end begins no other.
                if at + 1 == size {
                    continue;
                }
                if left <= 1 {
                    return Ok(at + 1);
                }
                left -= 1;
            }
            end = start;
        }
        Ok(self.position)
    }
}
