//! What the host of a pseudoconsole asks of the terminal that it draws for: who draws on a real one
//! answers, so that its first program need not wait for that.

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
const WISHES: [&[u8]; 2] = [KEYS, KEYS_AND_FOCUS];
/// At the start, each by itself.
const FOCUS: &[u8] = b"\x1b[?1004h";
const KEYS: &[u8] = b"\x1b[?9001h";
/// Said again after each reset of the terminal (RIS; AdaptDispatch::HardReset of microsoft/terminal, pull
/// request 15476).
const KEYS_AND_FOCUS: &[u8] = b"\x1b[?9001;1004h";

/// What answers a host once, and heeds none of its wishes.
#[derive(Debug)]
pub(super) struct Greeting(Option<OwnedHandle>);

impl Greeting {
    /// One who answers by this input.
    pub(super) fn new(input: OwnedHandle) -> Greeting {
        Greeting(Some(input))
    }

    /// Takes out of what comes what is meant for a terminal alone, and answers what is asked in the first
    /// bytes; how many are left.
    pub(super) fn answer(&mut self, bytes: &mut [u8]) -> usize {
        let input = self.0.take();
        let (left, asked) = take_out(bytes, input.is_some());
        if let (Some(input), true) = (input, asked) {
            // If nobody reads it nobody waits for it.
            let _ = File::from(input).write_all(LEVEL_1);
        }
        left
    }
}

/// Moves what is meant for others to the front: how much that is, and whether there was the question.
/// Later than at the start it is a program that asks it, or to be told of the focus.
fn take_out(bytes: &mut [u8], at_start: bool) -> (usize, bool) {
    let at_start: &[&[u8]] = if at_start { &[FOCUS, WHO] } else { &[] };
    let (mut from, mut to, mut asked) = (0, 0, false);
    while from < bytes.len() {
        let rest = &bytes[from..];
        let mut meant = WISHES.iter().chain(at_start).copied();
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
    fn what_a_host_wishes_again_is_not_shown_either() {
        let (_from, to) = events::pipe().expect("a pipe can be made");
        let mut greeting = Greeting::new(to);
        assert_eq!(greeting.answer(&mut b"\x1b[?9001h".to_vec()), 0);
        let mut said = b"\x1bc\x1b[?9001;1004h\x1b[c\x1b[?1004h".to_vec();
        let left = greeting.answer(&mut said);
        assert_eq!(&said[..left], b"\x1bc\x1b[c\x1b[?1004h");
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
