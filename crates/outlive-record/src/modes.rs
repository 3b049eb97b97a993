//! What a program has switched its terminal to: the alternate screen, mouse reports, a hidden cursor.
//! Whoever sits at that terminal next must find it so, and whoever leaves it must not.
//!
//! Names and numbers are those of xterm's ctlseqs, of DEC's manuals, and of kitty's keyboard protocol.

use std::collections::BTreeMap;

/// The modes that a stream of output has switched, followed piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Modes {
    parsing: Parsing,
    parameters: Vec<u8>,
    /// Private modes (DECSET, DECRST) as they were last set.
    private: BTreeMap<u16, bool>,
    /// The keypad sends its own sequences (DECKPAM).
    keypad: bool,
    /// The cursor's style (DECSCUSR), 0 by default.
    cursor: u16,
    /// Flags of kitty's keyboard protocol, one for each that was pushed.
    keyboards: Vec<u16>,
    /// xterm's modifyOtherKeys.
    other_keys: u16,
    /// The parameters of the part of the screen that scrolls (DECSTBM), if it is not all of it.
    margins: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Parsing {
    #[default]
    Ground,
    Escape,
    /// In a control sequence.
    Control,
}

/// Longer sequences switch nothing that is followed here.
const LONGEST: usize = 64;
/// How many modes are remembered at most: there are fewer, and all of them go into one message.
const MOST: usize = 128;
/// How deep the stack of kitty's protocol is at most.
const DEEPEST: usize = 16;

const ESCAPE: u8 = 0x1b;
/// Cursor keys send application sequences (DECCKM).
const CURSOR_KEYS: u16 = 1;
/// Lines wrap (DECAWM), and the cursor is seen (DECTCEM): on by default.
const ON_BY_DEFAULT: [u16; 2] = [7, 25];
/// The alternate screen, by each of its names.
const ALTERNATE: [u16; 3] = [47, 1047, 1049];

impl Modes {
    /// Follows a piece of output.
    pub fn follow(&mut self, mut bytes: &[u8]) {
        loop {
            if self.parsing == Parsing::Ground {
                let Some(at) = memchr::memchr(ESCAPE, bytes) else {
                    return;
                };
                self.parsing = Parsing::Escape;
                bytes = &bytes[at + 1..];
            }
            let Some((&byte, rest)) = bytes.split_first() else {
                return;
            };
            bytes = rest;
            self.parsing = match (self.parsing, byte) {
                (_, ESCAPE) => Parsing::Escape,
                (Parsing::Escape, b'[') => {
                    self.parameters.clear();
                    Parsing::Control
                }
                (Parsing::Escape, _) => {
                    self.escape(byte);
                    Parsing::Ground
                }
                (_, 0x20..=0x3f) if self.parameters.len() < LONGEST => {
                    self.parameters.push(byte);
                    Parsing::Control
                }
                (_, 0x40..=0x7e) => {
                    self.control(byte);
                    Parsing::Ground
                }
                _ => Parsing::Ground,
            };
        }
    }

    fn escape(&mut self, last: u8) {
        match last {
            b'=' => self.keypad = true,
            b'>' => self.keypad = false,
            // Everything is as at the start (RIS).
            b'c' => *self = Modes::default(),
            _ => {}
        }
    }

    fn control(&mut self, last: u8) {
        let (prefix, rest) = match self.parameters.split_first() {
            Some((&prefix @ b'<'..=b'?', rest)) => (prefix, rest),
            _ => (0, &*self.parameters),
        };
        let end = rest.iter().position(|byte| (0x20..0x30).contains(byte));
        let (numbers, between) = rest.split_at(end.unwrap_or(rest.len()));
        let numbers: Vec<u16> = numbers
            .split(|&byte| byte == b';')
            .map(|number| std::str::from_utf8(number).ok()?.parse().ok())
            .map(|number: Option<u16>| number.unwrap_or(0))
            .collect();
        let first = numbers[0];
        match (prefix, between, last) {
            (b'?', b"", b'h' | b'l') => {
                for mode in numbers {
                    if self.private.len() < MOST || self.private.contains_key(&mode) {
                        self.private.insert(mode, last == b'h');
                    }
                }
            }
            (b'>', b"", b'u') if self.keyboards.len() < DEEPEST => self.keyboards.push(first),
            (b'<', b"", b'u') => {
                let left = self.keyboards.len().saturating_sub(first.max(1).into());
                self.keyboards.truncate(left);
            }
            (b'=', b"", b'u') => {
                self.keyboards.pop();
                self.keyboards.push(first);
            }
            (b'>', b"", b'm') if first == 4 => {
                self.other_keys = numbers.get(1).copied().unwrap_or(0);
            }
            (0, b" ", b'q') => self.cursor = first,
            (0, b"", b'r') => self.margins.clone_from(&self.parameters),
            // A soft reset (DECSTR).
            (0, b"!", b'p') => {
                self.keypad = false;
                self.margins.clear();
                self.private
                    .retain(|mode, _| ALTERNATE.contains(mode) || *mode >= 1000);
            }
            _ => {}
        }
    }

    /// The same with an empty stack of kitty's protocol: each other mode may be set twice, but what is
    /// pushed twice has to be popped twice.
    pub fn without_keyboards(self) -> Modes {
        Modes {
            keyboards: Vec::new(),
            ..self
        }
    }

    /// Takes over the stack of kitty's protocol from those who have seen more of the output: what was
    /// pushed here is on theirs, too.
    pub fn take_keyboards(&mut self, told: &Modes) {
        if told.keyboards.len() > self.keyboards.len() {
            self.keyboards.clone_from(&told.keyboards);
        }
    }

    /// Whether cursor keys are sent as an application wants them.
    pub fn application_cursor(&self) -> bool {
        self.private.get(&CURSOR_KEYS) == Some(&true)
    }

    /// Whether the alternate screen is shown, which full-screen programs use.
    pub fn alternate_screen(&self) -> bool {
        ALTERNATE
            .iter()
            .any(|mode| self.private.get(mode) == Some(&true))
    }

    /// The private modes that are not as they are by default.
    fn switched(&self) -> impl Iterator<Item = (u16, bool)> {
        let switched = self.private.iter().map(|(mode, on)| (*mode, *on));
        switched.filter(|(mode, on)| *on != ON_BY_DEFAULT.contains(mode))
    }

    /// What switches a fresh terminal to this.
    pub fn set(&self) -> Vec<u8> {
        let mut text = String::new();
        for (mode, on) in self.switched() {
            text += &format!("\x1b[?{mode}{}", if on { 'h' } else { 'l' });
        }
        if self.keypad {
            text += "\x1b=";
        }
        if self.cursor != 0 {
            text += &format!("\x1b[{} q", self.cursor);
        }
        for flags in &self.keyboards {
            text += &format!("\x1b[>{flags}u");
        }
        if self.other_keys != 0 {
            text += &format!("\x1b[>4;{}m", self.other_keys);
        }
        text.into_bytes()
    }

    /// All of it, so that whoever [follows](Modes::follow) it has the same modes.
    pub fn to_text(&self) -> String {
        let text = [self.set(), self.margins()].concat();
        // Nothing but ASCII is remembered.
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What makes the same part of a drawn screen scroll; the cursor stays where it is.
    pub fn margins(&self) -> Vec<u8> {
        match self.margins.is_empty() {
            true => Vec::new(),
            false => [b"\x1b7\x1b[", &*self.margins, b"r\x1b8"].concat(),
        }
    }

    /// The part of a control sequence that has come, if it is not whole.
    pub fn unfinished(&self) -> Vec<u8> {
        match self.parsing {
            Parsing::Ground => Vec::new(),
            Parsing::Escape => vec![ESCAPE],
            Parsing::Control => [b"\x1b[", &*self.parameters].concat(),
        }
    }

    /// What sets the terminal back from this, whatever sequence was cut short: modes, colours,
    /// characters, links and the part of the screen that scrolls. The cursor stays where it is, but
    /// for what leaving the alternate screen does.
    pub fn unset(&self) -> Vec<u8> {
        // Ends a string that was left open (ST).
        let mut text = "\x1b\\".to_owned();
        if self.other_keys != 0 {
            text += "\x1b[>4m";
        }
        if !self.keyboards.is_empty() {
            text += &format!("\x1b[<{}u", self.keyboards.len());
        }
        if self.cursor != 0 {
            text += "\x1b[0 q";
        }
        if self.keypad {
            text += "\x1b>";
        }
        // The margins' change moves the cursor, which is saved meanwhile (DECSC, DECSTBM, DECRC).
        text += "\x1b[m\x1b(B\x0f\x1b]8;;\x1b\\\x1b7\x1b[r\x1b8";
        for (mode, on) in self.switched() {
            text += &format!("\x1b[?{mode}{}", if on { 'l' } else { 'h' });
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::Modes;

    fn after(output: &str) -> Modes {
        let mut modes = Modes::default();
        modes.follow(output.as_bytes());
        modes
    }

    #[test]
    fn what_is_set_is_unset() {
        let vim = after(
            "\x1b[?1049h\x1b[2;9r\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002;1006h\x1b[?25l\x1b[>4;2m\x1b[2 q",
        );
        assert!(vim.alternate_screen() && vim.application_cursor());
        let mut again = Modes::default();
        again.follow(vim.to_text().as_bytes());
        assert_eq!((again.set(), again.margins()), (vim.set(), vim.margins()));
        again.follow(&vim.unset());
        assert_eq!(again.set(), b"", "{again:?}");
    }

    #[test]
    fn what_a_program_has_set_back_is_left_alone() {
        let modes = after("\x1b[?1049h\x1b[?25l\x1b[>1u\x1b[?25h\x1b[<u\x1b[?1049l");
        assert_eq!(modes.set(), b"");
        assert!(!modes.unset().windows(4).any(|it| it == b"1049"));
        assert_eq!(after("\x1b[?1049h\x1b[?1000hmore\x1bc").set(), b"");
    }

    #[test]
    fn what_is_known_and_seen_as_well_is_pushed_once() {
        for (gone, left) in [("", "\x1b[>1u"), ("\x1b[>1u", ""), ("\x1b[>1u", "\x1b[>3u")] {
            let told = after(&format!("{gone}{left}"));
            let mut modes = told.clone().without_keyboards();
            modes.follow(left.as_bytes());
            modes.take_keyboards(&told);
            assert_eq!(modes.set(), told.set());
        }
    }

    #[test]
    fn a_sequence_may_come_in_pieces() {
        let whole = b"a\x1b[?1049hb\x1b]0;title\x07\x1b[3;4Hc\x1b[?2004h";
        for at in 0..whole.len() {
            let mut modes = Modes::default();
            modes.follow(&whole[..at]);
            modes.follow(&whole[at..]);
            assert_eq!(modes.set(), b"\x1b[?1049h\x1b[?2004h", "{at}");
            assert!(modes.unfinished().is_empty());
        }
    }

    #[test]
    fn what_has_come_of_a_sequence_is_known() {
        for part in ["", "\x1b", "\x1b[", "\x1b[?25", "\x1b[38;5;"] {
            assert_eq!(after(&format!("a{part}")).unfinished(), part.as_bytes());
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut modes = Modes::default();
        for mode in 0..=u16::MAX {
            modes.follow(format!("\x1b[?{mode}h\x1b[>{mode}u").as_bytes());
        }
        modes.follow(b"\x1b[");
        modes.follow(&vec![b'9'; 1 << 20]);
        let reply = crate::Reply::Modes(modes.to_text());
        assert!(reply.to_bytes().len() < crate::MESSAGE_LIMIT);
    }
}
