//! What the host of a pseudoconsole asks of the terminal that it draws for, before anything else: who
//! draws on a real one answers, so that its first program need not wait for that.

use std::fs::File;
use std::io::Write;
use std::os::windows::io::OwnedHandle;

/// Asks what kind of terminal it is (DA1). Newer hosts wait three seconds for the answer, before they
/// let anybody print (VtIo.cpp of microsoft/terminal, 1.22; one that is yet newer does not wait).
const WHO: &[u8] = b"\x1b[c";
/// A terminal of level 1 (VT100) by its operating level, and nothing more.
const LEVEL_1: &[u8] = b"\x1b[?61c";
/// What else it says: that keys be sent as Windows' own events are (win32-input-mode), and that it is
/// told of the focus. A terminal that knows neither leaves it at that. It is kept from whoever
/// attaches, whose keys would be no keys any more.
const WISHES: [&[u8]; 3] = [b"\x1b[?9001h", b"\x1b[?1004h", b"\x1b[?9001;1004h"];

/// What answers a host once.
#[derive(Debug)]
pub(super) struct Greeting(OwnedHandle);

impl Greeting {
    /// One who answers by this input.
    pub(super) fn new(input: OwnedHandle) -> Greeting {
        Greeting(input)
    }

    /// Answers what is asked in the first bytes that come, and takes it out; how many are left.
    pub(super) fn answer(self, bytes: &mut [u8]) -> usize {
        let (left, asked) = take_out(bytes);
        if asked {
            // If nobody reads it nobody waits for it.
            let _ = File::from(self.0).write_all(LEVEL_1);
        }
        left
    }
}

/// Moves what is meant for others to the front: how much that is, and whether there was the question.
fn take_out(bytes: &mut [u8]) -> (usize, bool) {
    let (mut from, mut to, mut asked) = (0, 0, false);
    while from < bytes.len() {
        let rest = &bytes[from..];
        let mut meant = WISHES.into_iter().chain([WHO]);
        if let Some(found) = meant.find(|it| rest.starts_with(it)) {
            asked |= found == WHO;
            from += found.len();
        } else {
            bytes[to] = bytes[from];
            (from, to) = (from + 1, to + 1);
        }
    }
    (to, asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events;
    use std::io::Read;

    #[test]
    fn what_a_host_asks_is_answered_and_not_shown() {
        let (from, to) = events::pipe().expect("a pipe can be made");
        let mut said = b"\x1b[c\x1b[?9001;1004h\x1b[?25lhello\x1b[?1004h".to_vec();
        let left = Greeting::new(to).answer(&mut said);
        assert_eq!(&said[..left], b"\x1b[?25lhello");
        let mut answer = Vec::new();
        let read = File::from(from).read_to_end(&mut answer);
        read.expect("it was closed afterwards");
        assert_eq!(answer, LEVEL_1);
    }

    #[test]
    fn who_asks_nothing_is_told_nothing() {
        let (from, to) = events::pipe().expect("a pipe can be made");
        let mut said = b"\x1b[2J\x1b[m\x1b[H".to_vec();
        let whole = said.clone();
        let left = Greeting::new(to).answer(&mut said);
        assert_eq!(&said[..left], whole);
        let mut answer = Vec::new();
        let read = File::from(from).read_to_end(&mut answer);
        assert_eq!(read.expect("it was closed afterwards"), 0);
    }
}
