//! The keys by which a person leaves a terminal without ending what runs there.

use std::str::FromStr;

/// Keys to be pressed one after the other, as docker writes them: `ctrl-\,d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys(Vec<u8>);

impl Default for Keys {
    fn default() -> Keys {
        Keys(vec![0x1c, b'd'])
    }
}

impl FromStr for Keys {
    type Err = String;

    fn from_str(text: &str) -> Result<Keys, String> {
        let key = |name: &str| match name.as_bytes() {
            [only @ b' '..=b'~'] => Some(*only),
            [b'c', b't', b'r', b'l', b'-', last] | [b'C', b'-', last] => match last {
                b'@'..=b'_' | b'a'..=b'z' => Some(last & 0x1f),
                _ => None,
            },
            _ => None,
        };
        let keys: Option<Vec<u8>> = text.split(',').map(key).collect();
        keys.map(Keys).ok_or_else(|| {
            r"write keys like ctrl-\,d: a character, or ctrl- and one of a-z @[\]^_".into()
        })
    }
}

impl Keys {
    /// What a terminal sends for a key: its byte, and, where a program asked for that, the forms of
    /// kitty's keyboard protocol and of xterm's modifyOtherKeys.
    fn forms(byte: u8) -> [Vec<u8>; 3] {
        let (code, modifiers) = match byte {
            0x00..=0x1f => ((byte | 0x40).to_ascii_lowercase(), 5),
            other => (other, 1),
        };
        [
            vec![byte],
            format!("\x1b[{code};{modifiers}u").into_bytes(),
            format!("\x1b[27;{modifiers};{code}~").into_bytes(),
        ]
    }
}

/// Looks for the keys in what is typed.
#[derive(Debug, Default)]
pub(crate) struct Detach {
    keys: Keys,
    /// How many of them were pressed last.
    pressed: usize,
    /// What came for those.
    held: Vec<u8>,
}

impl Detach {
    pub(crate) fn new(keys: Keys) -> Detach {
        Detach {
            keys,
            ..Detach::default()
        }
    }

    /// Gives what is to be passed on of what was typed, which is held back as long as it may be the
    /// keys; whether all of them have been pressed.
    pub(crate) fn typed(&mut self, mut bytes: &[u8], pass: &mut Vec<u8>) -> bool {
        while let Some(&first) = bytes.first() {
            let forms = Keys::forms(self.keys.0[self.pressed]);
            // A longer form comes in one piece: an escape alone is that key and must not wait.
            if let Some(form) = forms.iter().find(|form| bytes.starts_with(form)) {
                self.pressed += 1;
                if self.pressed == self.keys.0.len() {
                    return true;
                }
                self.held.extend(form);
                bytes = &bytes[form.len()..];
            } else if self.pressed > 0 {
                // It was another word that begins alike; this key may be the first one again.
                self.pressed = 0;
                pass.append(&mut self.held);
            } else {
                pass.push(first);
                bytes = &bytes[1..];
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{Detach, Keys};

    fn typed(detach: &mut Detach, pieces: &[&str]) -> (String, bool) {
        let mut pass = Vec::new();
        let detached = pieces
            .iter()
            .any(|piece| detach.typed(piece.as_bytes(), &mut pass));
        (String::from_utf8(pass).expect("text was typed"), detached)
    }

    #[test]
    fn the_keys_are_found_wherever_they_are_cut() {
        for pieces in [
            &["ab\x1cd"][..],
            &["ab\x1c", "d"],
            &["a", "b", "\x1c", "dxyz"],
        ] {
            let (passed, detached) = typed(&mut Detach::default(), pieces);
            assert_eq!((&*passed, detached), ("ab", true), "{pieces:?}");
        }
    }

    #[test]
    fn what_only_begins_alike_is_passed_on() {
        let mut detach = Detach::default();
        assert_eq!(typed(&mut detach, &["\x1cx"]), ("\x1cx".into(), false));
        assert_eq!(typed(&mut detach, &["\x1c"]), (String::new(), false));
        assert_eq!(typed(&mut detach, &["\x1c"]), ("\x1c".into(), false));
        assert_eq!(typed(&mut detach, &["d"]), (String::new(), true));
        let escape = typed(&mut Detach::default(), &["\x1b"]);
        assert_eq!(escape, ("\x1b".into(), false));
    }

    #[test]
    fn keyboards_with_protocols_of_their_own_detach_too() {
        for form in ["\x1b[92;5ud", "\x1b[27;5;92~d", "\x1b[92;5u\x1b[100;1u"] {
            let mut detach = Detach::default();
            assert_eq!(typed(&mut detach, &[form]), (String::new(), true));
        }
    }

    #[test]
    fn keys_are_written_as_docker_writes_them() {
        let detached = |keys: &str, press: &str| {
            let mut detach = Detach::new(keys.parse().expect(keys));
            typed(&mut detach, &[press])
        };
        assert_eq!(detached("ctrl-p,ctrl-q", "\x10\x11"), (String::new(), true));
        assert_eq!(detached("C-a,d", "x\x01d"), ("x".into(), true));
        assert_eq!(detached("q", "abq"), ("ab".into(), true));
        assert_eq!(r"ctrl-\,d".parse(), Ok(Keys::default()));
        for wrong in [
            "",
            ",",
            "ctrl-",
            "ctrl-é",
            "ctrl-1",
            "ab",
            "a,",
            "ctrl-\x03",
        ] {
            assert!(wrong.parse::<Keys>().is_err(), "{wrong}");
        }
    }
}
