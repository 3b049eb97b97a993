//! Words for a shell.

use std::ffi::{OsStr, OsString};

/// `words` as one line that a POSIX shell splits into exactly them.
pub fn quoted<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    let mut line = OsString::new();
    for word in words {
        if !line.is_empty() {
            line.push(" ");
        }
        let word = word.as_ref().to_str().expect("what a test types is text");
        line.push(format!("'{}'", word.replace('\'', "'\\''")));
    }
    line.into_string().expect("made of text")
}
