//! Keys by name, as tmux(1) names them, and what a terminal sends when one is pressed (xterm's
//! ctlseqs, "PC-Style Function Keys").

/// What is sent for a key: `C-c`, `M-x`, `Enter`, `S-Up`, `F5`, or a character. A word that names
/// none is typed letter by letter, as tmux does. `application` is the mode in which cursor keys are
/// sent otherwise (DECCKM).
pub(crate) fn bytes(word: &str, application: bool) -> Vec<u8> {
    key(word, application).unwrap_or_else(|| word.as_bytes().to_vec())
}

fn key(word: &str, application: bool) -> Option<Vec<u8>> {
    let (mut control, mut meta, mut shift) = (false, false, false);
    let mut name = word;
    loop {
        // The last character is a key of its own: `C--`, `^`.
        let (modifier, rest) = match name.as_bytes() {
            [b'^', _, ..] => (b'C', &name[1..]),
            [modifier, b'-', _, ..] => (*modifier, &name[2..]),
            _ => break,
        };
        match modifier {
            b'C' | b'c' => control = true,
            b'M' | b'm' => meta = true,
            b'S' | b's' => shift = true,
            _ => break,
        }
        name = rest;
    }
    // As xterm counts them.
    let modifiers = 1 + u8::from(shift) + 2 * u8::from(meta) + 4 * u8::from(control);
    if let Some(sequence) = special(name, modifiers, application) {
        return Some(sequence);
    }
    let mut characters = name.chars();
    let (Some(only), None) = (characters.next(), characters.next()) else {
        let plain = plain(name)?;
        return Some(modified(plain, control, meta));
    };
    let typed = if shift {
        only.to_ascii_uppercase()
    } else {
        only
    };
    match u8::try_from(typed) {
        Ok(byte) if byte.is_ascii() => Some(modified(byte, control, meta)),
        // No letter of another alphabet has a control character.
        _ if control => None,
        _ => {
            let mut sequence = if meta { vec![ESCAPE] } else { vec![] };
            sequence.extend(typed.to_string().bytes());
            Some(sequence)
        }
    }
}

const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// The byte of a key that has a name.
fn plain(name: &str) -> Option<u8> {
    Some(match name {
        "Enter" => b'\r',
        "Tab" => b'\t',
        "Escape" | "Esc" => ESCAPE,
        "Space" => b' ',
        "BSpace" => DELETE,
        _ => return None,
    })
}

/// A byte typed with Control or Meta held: Meta sends an escape in front.
fn modified(byte: u8, control: bool, meta: bool) -> Vec<u8> {
    let byte = match byte {
        b'?' if control => DELETE,
        b' ' | b'@'..=b'_' | b'a'..=b'z' if control => byte & 0x1f,
        other => other,
    };
    if meta { vec![ESCAPE, byte] } else { vec![byte] }
}

/// The sequence of a cursor or function key.
fn special(name: &str, modifiers: u8, application: bool) -> Option<Vec<u8>> {
    let letter = |last: char| match modifiers {
        1 if application => format!("\x1bO{last}"),
        1 => format!("\x1b[{last}"),
        _ => format!("\x1b[1;{modifiers}{last}"),
    };
    let number = |number: u8| match modifiers {
        1 => format!("\x1b[{number}~"),
        _ => format!("\x1b[{number};{modifiers}~"),
    };
    let function = |last: char| match modifiers {
        1 => format!("\x1bO{last}"),
        _ => format!("\x1b[1;{modifiers}{last}"),
    };
    let sequence = match name {
        "Up" => letter('A'),
        "Down" => letter('B'),
        "Right" => letter('C'),
        "Left" => letter('D'),
        "End" => letter('F'),
        "Home" => letter('H'),
        "BTab" => "\x1b[Z".to_owned(),
        "Insert" | "IC" => number(2),
        "Delete" | "DC" => number(3),
        "PageUp" | "PgUp" | "PPage" => number(5),
        "PageDown" | "PgDn" | "NPage" => number(6),
        "F1" => function('P'),
        "F2" => function('Q'),
        "F3" => function('R'),
        "F4" => function('S'),
        "F5" => number(15),
        "F6" => number(17),
        "F7" => number(18),
        "F8" => number(19),
        "F9" => number(20),
        "F10" => number(21),
        "F11" => number(23),
        "F12" => number(24),
        _ => return None,
    };
    Some(sequence.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn keys_are_sent_as_a_terminal_sends_them() {
        for (name, sent) in [
            ("C-c", "\x03"),
            ("^C", "\x03"),
            ("C-\\", "\x1c"),
            ("C-Space", "\0"),
            ("C-?", "\x7f"),
            ("C--", "-"),
            ("M-x", "\x1bx"),
            ("M-é", "\x1bé"),
            ("C-M-a", "\x1b\x01"),
            ("S-a", "A"),
            ("Enter", "\r"),
            ("M-Enter", "\x1b\r"),
            ("BSpace", "\x7f"),
            ("Up", "\x1b[A"),
            ("C-Up", "\x1b[1;5A"),
            ("S-F5", "\x1b[15;2~"),
            ("F1", "\x1bOP"),
            ("PageUp", "\x1b[5~"),
            ("x", "x"),
            ("^", "^"),
            ("-", "-"),
            ("é", "é"),
        ] {
            assert_eq!(bytes(name, false), sent.as_bytes(), "{name}");
        }
        assert_eq!(bytes("Up", true), b"\x1bOA");
        assert_eq!(bytes("S-Up", true), b"\x1b[1;2A");
    }

    #[test]
    fn what_is_no_key_is_typed() {
        for text in [
            "print(1)",
            "C-",
            "M-",
            "Entr",
            "C-né",
            "",
            "x-y",
            "C-Nothing",
        ] {
            assert_eq!(bytes(text, false), text.as_bytes());
        }
    }
}
