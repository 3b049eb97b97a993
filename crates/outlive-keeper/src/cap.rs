//! The output's size: kept near its limit without anything standing between the job and its file.
//!
//! While nothing is printed nothing happens here. The first write after that raises a notice, which
//! costs the writers nothing from then on, since it is given once; a timer looks at the size as
//! long as it grows, and then the notice is armed anew.

use outlive_os::AsDescriptor;
use outlive_os::output::{
    Activity, MARK_LIMIT, free_space, give_back, is_marked, mark, read_exact_at,
};
use std::fs::File;
use std::io;
use std::time::Duration;

/// The longest and the shortest time between two looks.
const LONGEST: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(10);
/// How many of the last bytes are looked at again to see whether they are still there.
const TAIL: usize = 32;

pub(crate) struct Cap {
    limit: u64,
    given_back: u64,
    size: u64,
    tail: Vec<u8>,
    /// Whether the file bears a mark that goes when it is cut short.
    marked: bool,
    pause: Duration,
}

/// What a look at the file has shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// When to look again; none if nothing has been printed since the last look.
    pub(crate) again: Option<Duration>,
    /// Whether bytes that were there have been removed by somebody else.
    pub(crate) truncated: bool,
    /// Why the oldest part could not be given back.
    pub(crate) uncapped: Option<String>,
}

impl Cap {
    /// For a file of which all is kept. To be made before anybody can print to it.
    pub(crate) fn new(file: &File) -> io::Result<Cap> {
        let mut cap = Cap {
            limit: u64::MAX,
            given_back: 0,
            size: 0,
            tail: Vec::new(),
            marked: mark(file.as_fd()),
            pause: LONGEST,
        };
        // Another run's output may be there already.
        cap.remember(file, file.metadata()?.len());
        Ok(cap)
    }

    /// The same, with `limit` bytes to be kept, 0 for all.
    pub(crate) fn keeping(mut self, limit: u64) -> Cap {
        self.limit = if limit == 0 { u64::MAX } else { limit };
        self
    }

    /// Asks to be told of the next write, and looks, in case it came just before.
    pub(crate) fn arm(&mut self, file: &File, activity: &Activity) -> io::Result<Look> {
        activity.arm()?;
        self.look(file)
    }

    /// Whether bytes that were there have been removed by somebody else. Without a mark what is cut
    /// before the first look, or replaced by the same, is not seen.
    pub(crate) fn is_cut(&mut self, file: &File) -> io::Result<bool> {
        let size = file.metadata()?.len();
        self.marked &= size < MARK_LIMIT;
        Ok(size < self.size
            || (self.marked && !is_marked(file.as_fd()))
            || !self.tail_is_there(file))
    }

    /// Looks at the file, and gives back what is too much.
    pub(crate) fn look(&mut self, file: &File) -> io::Result<Look> {
        let truncated = self.is_cut(file)?;
        let size = file.metadata()?.len();
        if truncated {
            self.marked = self.marked && mark(file.as_fd());
            self.given_back = 0;
        }
        let grown = size.saturating_sub(self.size);
        let mut look = Look {
            truncated,
            ..Look::default()
        };
        if size.saturating_sub(self.given_back) > self.limit {
            match give_back(file.as_fd(), self.given_back, size, self.limit) {
                Ok(to) => self.given_back = to,
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    self.limit = u64::MAX;
                    let why = "its file system can't give back parts of a file";
                    look.uncapped = Some(why.to_owned());
                }
                Err(error) => return Err(error),
            }
        }
        if size != self.size || truncated {
            // A writer waits while pages that are not on the disk yet are given back, so that is
            // done in few steps where there is room, and in small ones where there is not.
            let room = free_space(file.as_fd()).unwrap_or(0) / 16;
            let fast = grown > room.max(self.limit / 4);
            let pause = if fast { self.pause / 2 } else { self.pause * 2 };
            self.pause = pause.clamp(SHORTEST, LONGEST);
            look.again = Some(self.pause);
            self.remember(file, size);
        }
        Ok(look)
    }

    fn remember(&mut self, file: &File, size: u64) {
        self.size = size;
        self.tail
            .resize(TAIL.min(usize::try_from(size).unwrap_or(TAIL)), 0);
        let from = size - self.tail.len() as u64;
        if read_exact_at(file, &mut self.tail, from).is_err() {
            self.tail.clear();
        }
    }

    /// Whether the last bytes seen are still where they were; also if they were given back since.
    fn tail_is_there(&self, file: &File) -> bool {
        let mut now = [0; TAIL];
        let now = &mut now[..self.tail.len()];
        let from = self.size - self.tail.len() as u64;
        read_exact_at(file, now, from).is_ok_and(|()| now == self.tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlive_os::output::first_data;
    use std::io::{Seek, Write};

    fn write_from_start(mut file: &File, bytes: &[u8]) {
        file.rewind().unwrap();
        file.write_all(bytes).unwrap();
    }

    #[test]
    fn the_oldest_part_goes_and_the_newest_stays() {
        // As output is: on Windows a file without a name isn't shared with anybody.
        let named = tempfile::NamedTempFile::new().unwrap();
        let mut file = named.as_file();
        let mut cap = Cap::new(file).unwrap().keeping(1 << 20);
        assert_eq!(cap.look(file).unwrap(), Look::default());
        for round in 0..64u8 {
            file.write_all(&vec![round; 256 << 10]).unwrap();
            let look = cap.look(file).unwrap();
            if let Some(why) = look.uncapped {
                println!("SKIPPED: giving back the oldest part: {why}");
                return;
            }
            assert!(look.again.is_some() && !look.truncated, "{look:?}");
        }
        let size = file.metadata().unwrap().len();
        assert_eq!(size, 64 * (256 << 10));
        let first = first_data(file.as_fd(), 0).unwrap();
        assert!(size - first <= (1 << 20) + (64 << 10), "{first}");
        let mut newest = vec![0; 1 << 20];
        read_exact_at(file, &mut newest, size - (1 << 20)).unwrap();
        assert!(
            newest
                .chunks(256 << 10)
                .zip(60..)
                .all(|(part, round)| part.iter().all(|b| *b == round))
        );
        assert_eq!(cap.look(file).unwrap(), Look::default());
    }

    #[test]
    fn a_file_cut_before_the_first_look_is_noticed_where_it_can_be_marked() {
        let mut file = tempfile::tempfile().unwrap();
        let mut cap = Cap::new(&file).unwrap();
        if !cap.marked {
            println!("SKIPPED: this file system can't tell which blocks of a file are allocated");
            return;
        }
        file.write_all(b"first\n").unwrap();
        file.set_len(0).unwrap();
        write_from_start(&file, b"second and longer\n");
        assert!(cap.look(&file).unwrap().truncated);
        // Once more, after that was noticed.
        file.set_len(0).unwrap();
        write_from_start(&file, b"third and much, much longer\n");
        assert!(cap.look(&file).unwrap().truncated);
    }

    #[test]
    fn a_file_cut_short_is_noticed_even_if_it_grew_again() {
        let mut file = tempfile::tempfile().unwrap();
        let mut cap = Cap::new(&file).unwrap();
        file.write_all(b"first line\n").unwrap();
        assert!(!cap.look(&file).unwrap().truncated);
        file.set_len(0).unwrap();
        assert!(cap.look(&file).unwrap().truncated);
        write_from_start(&file, b"and now for something much longer\n");
        assert!(!cap.look(&file).unwrap().truncated);
        file.set_len(0).unwrap();
        write_from_start(&file, &[b'x'; 500]);
        assert!(cap.look(&file).unwrap().truncated);
        assert!(!cap.look(&file).unwrap().truncated);
    }
}
