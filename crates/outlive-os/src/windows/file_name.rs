//! Names that are names of files everywhere but on Windows.

/// What no name of a file may contain (Naming Files, Paths, and Namespaces), and what stands for it.
const ESCAPE: char = '%';
const FORBIDDEN: &str = "<>:\"\\|?*";

/// The name of the file that stands for this name.
pub(super) fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            ESCAPE | '\0'..='\x1f' => escaped += &format!("%{:02x}", c as u32),
            c if FORBIDDEN.contains(c) => escaped += &format!("%{:02x}", c as u32),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The name that a file's name stands for, if it is one of [`escaped`]'s.
pub(super) fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split(ESCAPE);
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        plain.push(char::from(u8::from_str_radix(code, 16).ok()?));
        plain += rest;
    }
    (escaped(&plain) == name).then_some(plain)
}
