//! What came from elsewhere (names, commands, paths, messages), made fit for a terminal.
//!
//! A command or a file name may hold escape sequences that would recolour the screen, retitle the
//! window or type into the shell. None of it reaches a terminal as it is.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;

/// Characters that a terminal would act on, or that make text read as something else than it is:
/// controls (C0, DEL, C1), line separators, direction marks, invisible spaces.
/// U+200D joins emoji and stays.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        // The form that bash and zsh read back within $'…'. A `\x` above 7f would be a byte there.
        c if u32::from(c) < 0x80 => write!(out, "\\x{:02x}", u32::from(c)).expect("memory"),
        c => write!(out, "\\u{:04x}", u32::from(c)).expect("memory"),
    }
}

/// `text` with everything escaped that a terminal would act on.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            push_escaped(&mut out, c)
        } else {
            out.push(c)
        }
    }
    Cow::Owned(out)
}

/// A line of JSON in which strings hold nothing that a terminal would act on.
pub(crate) fn json(line: &str) -> Cow<'_, str> {
    if !line.chars().any(is_unsafe) {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if is_unsafe(c) {
            write!(out, "\\u{:04x}", u32::from(c)).expect("memory");
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// A path or another text of the operating system's, like [`plain`]; bytes that are not UTF-8 are
/// shown as `\xff`.
pub(crate) fn os(text: &OsStr) -> Cow<'_, str> {
    match text.to_str() {
        Some(text) => plain(text),
        None => {
            let mut out = String::new();
            push_chunks(&mut out, text, |_| false);
            Cow::Owned(out)
        }
    }
}

fn push_chunks(out: &mut String, text: &OsStr, quoted: impl Fn(char) -> bool) {
    for chunk in text.as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_unsafe(c) {
                push_escaped(out, c);
            } else {
                if quoted(c) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").expect("memory");
        }
    }
}

/// A command as it could be typed into a POSIX shell (bash or zsh, where it holds characters that
/// only `$'…'` can express), on one line.
pub(crate) fn command<S: AsRef<OsStr>>(words: &[S]) -> String {
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        push_word(&mut out, word.as_ref());
    }
    out
}

fn push_word(out: &mut String, word: &OsStr) {
    let is_bare = |c: char| {
        c.is_alphanumeric() && !is_unsafe(c)
            || matches!(
                c,
                '-' | '_' | '.' | '/' | '=' | ':' | ',' | '@' | '%' | '+' | '^'
            )
    };
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_bare) => out.push_str(text),
        Some(text) if !text.chars().any(is_unsafe) => {
            out.push('\'');
            for c in text.chars() {
                if c == '\'' {
                    out.push_str(r"'\''")
                } else {
                    out.push(c)
                }
            }
            out.push('\'');
        }
        _ => {
            out.push_str("$'");
            push_chunks(out, word, |c| matches!(c, '\'' | '\\'));
            out.push('\'');
        }
    }
}

/// `text` in at most `columns` columns of a terminal: the rest is cut off and an ellipsis shows it.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
    // Each character is at most two columns wide and nearly all are at least one, so that only the
    // beginning of a long command line needs to be measured.
    let far = text
        .char_indices()
        .nth(columns.saturating_mul(4))
        .map(|(at, _)| at);
    if far.is_none() && text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mut room = columns.saturating_sub(1);
    let mut end = 0;
    for (at, c) in text.char_indices() {
        match c.width().unwrap_or(0) {
            width if width > room => break,
            width => room -= width,
        }
        end = at + c.len_utf8();
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(plain("größer 🌙 👩\u{200d}🚀"), "größer 🌙 👩\u{200d}🚀");
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m"), r"\x1b[31mred\x1b[0m");
        assert_eq!(plain("a\nb\tc\r"), r"a\nb\tc\r");
        assert_eq!(plain("\u{9b}31m\u{7f}"), r"\u009b31m\x7f");
        assert_eq!(plain("\u{202e}txt.exe\u{2028}"), r"\u202etxt.exe\u2028");
    }

    #[test]
    fn json_stays_the_same_value() {
        let hostile = "\u{1b}[31m\u{9b}\u{7f}\u{202e}\u{feff}ü";
        let line = serde_json::to_string(hostile).unwrap();
        let escaped = json(&line);
        assert_eq!(escaped, r#""\u001b[31m\u009b\u007f\u202e\ufeffü""#);
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), hostile);
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let shown = |words: &[&str]| command(words);
        assert_eq!(
            shown(&["python3", "train.py", "--lr=0.1"]),
            "python3 train.py --lr=0.1"
        );
        assert_eq!(
            shown(&["sh", "-c", "echo $HOME; ls *"]),
            "sh -c 'echo $HOME; ls *'"
        );
        assert_eq!(shown(&["echo", "it's", ""]), r"echo 'it'\''s' ''");
        assert_eq!(
            shown(&["printf", "a\nb'\\\u{1b}["]),
            r"printf $'a\nb\'\\\x1b['"
        );
        assert_eq!(shown(&["~", "#x", "größe"]), "'~' '#x' größe");
        assert_eq!(command::<&str>(&[]), "");
    }

    #[test]
    fn text_is_cut_by_what_it_takes_on_the_screen() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        for columns in 1..12 {
            let long = "x日é\u{301}".repeat(1000);
            assert!(cut(&long, columns).width() <= columns, "{columns}");
        }
    }
}
