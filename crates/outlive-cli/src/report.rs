//! What is said on standard error: failures with their hints, and notes.

use crate::text;
use anstyle::{AnsiColor, Style};
use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

pub(crate) const TIMED_OUT: i32 = 124;
pub(crate) const FAILED: i32 = 125;
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// With this exit code and no word: all has been said, or nobody reads any more.
    Silent(i32),
    /// With a message, hints and an exit code.
    Told {
        message: String,
        hints: Vec<String>,
        code: i32,
    },
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure::Told {
            message: message.into(),
            hints: Vec::new(),
            code: FAILED,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        if let Failure::Told { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    pub(crate) fn code(mut self, new: i32) -> Failure {
        match &mut self {
            Failure::Silent(code) | Failure::Told { code, .. } => *code = new,
        }
        self
    }

    /// With this code instead, if it is not one that is told.
    pub(crate) fn unless_told(self, code: i32) -> Failure {
        match self {
            Failure::Silent(_) => Failure::Silent(code),
            told @ Failure::Told { .. } => told,
        }
    }

    /// Says it and gives the code to exit with.
    pub(crate) fn tell(&self) -> i32 {
        match self {
            Failure::Silent(code) => *code,
            Failure::Told {
                message,
                hints,
                code,
            } => {
                line("outlive:", AnsiColor::Red, message);
                for hint in hints {
                    line("hint:", AnsiColor::Cyan, hint);
                }
                *code
            }
        }
    }
}

impl From<outlive::Error> for Failure {
    fn from(error: outlive::Error) -> Failure {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(message, ": {}", cause_words(&error.to_string())).expect("memory");
            cause = error.source();
        }
        let failure = Failure::new(message).code(match () {
            () if error.is_not_found() => NOT_FOUND,
            () if error.is_not_executable() => NOT_EXECUTABLE,
            () => FAILED,
        });
        let near: Vec<String> = error
            .near()
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        match (near.is_empty(), error.hint()) {
            (false, _) => failure.hint(format!("did you mean {}?", near.join(" or "))),
            (true, Some(hint)) => failure.hint(hint),
            (true, None) => failure,
        }
    }
}

/// A cause as part of a sentence: the operating system's begin with a capital letter, and end with
/// a number that tells a person nothing.
fn cause_words(cause: &str) -> String {
    let words = cause.find(" (os error ").map_or(cause, |at| &cause[..at]);
    let mut letters = words.chars();
    match (letters.next(), letters.as_str()) {
        (Some(first), rest) if rest.starts_with(|second: char| !second.is_uppercase()) => {
            first.to_lowercase().collect::<String>() + rest
        }
        _ => words.to_owned(),
    }
}

/// The failure of something that the operating system was asked for.
pub(crate) fn io_failure(what: &str, cause: &io::Error) -> Failure {
    Failure::new(format!("{what}: {}", cause_words(&cause.to_string())))
}

/// A note for whoever reads along.
pub(crate) fn note(text: &str) {
    line("note:", AnsiColor::Cyan, text);
}

/// A note for a person, left out where nobody watches.
pub(crate) fn note_to_person(text: &str) {
    if person_watches() {
        note(text);
    }
}

/// A line of a job's own, which is not ours to judge.
pub(crate) fn quote(text: &str) {
    // Nothing is left to be done where even standard error can't be written to.
    let _ = writeln!(anstream::stderr(), "  {}", text::plain(text));
}

/// Ends the line on which a terminal has shown the `^C` that was typed.
pub(crate) fn after_typed_key() {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr());
    }
}

/// Whether a person reads both of our outputs; with one of them redirected a script does.
pub(crate) fn person_watches() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// What is wrong with the command line: lines that are fit for a terminal.
pub(crate) fn usage(lines: &str) -> io::Result<()> {
    labelled("outlive:", AnsiColor::Red, lines)
}

fn line(label: &str, color: AnsiColor, text: &str) {
    // Nothing is left to be done where even standard error can't be written to.
    let _ = labelled(label, color, &text::plain(text));
}

fn labelled(label: &str, color: AnsiColor, text: &str) -> io::Result<()> {
    let style = Style::new().bold().fg_color(Some(color.into()));
    writeln!(anstream::stderr(), "{style}{label}{style:#} {text}")
}

#[cfg(test)]
mod tests {
    use super::cause_words;

    #[test]
    fn a_cause_is_part_of_a_sentence() {
        let words = |code| cause_words(&std::io::Error::from_raw_os_error(code).to_string());
        assert_eq!(words(2), "no such file or directory");
        assert_eq!(cause_words("RLIMIT is low"), "RLIMIT is low");
        assert_eq!(cause_words("a bad\nthing"), "a bad\nthing");
        assert_eq!(cause_words(""), "");
    }
}
