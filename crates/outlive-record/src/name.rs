//! What a job may be called.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A job's id: the program's name, a dash and four random characters (`python3-3f9k`).
///
/// It is the name of the job's folder, so it is made of `a-z 0-9 -` alone and is at most 40 bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

/// A name given by a person; of several jobs that bore it in turn it means the newest.
///
/// 1 to 64 characters and at most 200 bytes (it names a file), none of them a control character,
/// white space, a `/` or an invisible direction mark; it does not start with `-` or `.`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobName(String);

/// Why something cannot name a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadName(&'static str);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadName {}

/// No vowels and nothing that looks like something else: an id never spells a word, and can be
/// read out over a telephone.
const ID_DIGITS: &[u8; 28] = b"23456789bcdfghjkmnpqrstvwxyz";
const LONGEST_ID: usize = 40;
const LONGEST_STEM: usize = 24;

impl JobId {
    /// An id for a run of `program` (its file name), from 32 random bits.
    ///
    /// ```
    /// # use outlive_record::JobId;
    /// assert_eq!(JobId::new(b"Python3.11", 0).as_str(), "python3-11-2222");
    /// ```
    pub fn new(program: &[u8], random: u32) -> JobId {
        let mut id = String::with_capacity(LONGEST_STEM + 5);
        for &byte in program {
            let byte = byte.to_ascii_lowercase();
            if id.len() == LONGEST_STEM {
                break;
            } else if byte.is_ascii_alphanumeric() {
                id.push(char::from(byte));
            } else if !id.is_empty() && !id.ends_with('-') {
                id.push('-');
            }
        }
        id.truncate(id.trim_end_matches('-').len());
        if id.is_empty() {
            id.push_str("job");
        }
        id.push('-');
        let mut rest = random as usize;
        for _ in 0..4 {
            id.push(char::from(ID_DIGITS[rest % ID_DIGITS.len()]));
            rest /= ID_DIGITS.len();
        }
        JobId(id)
    }

    /// The id that `text` is.
    pub fn parse(text: &str) -> Result<JobId, BadName> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > LONGEST_ID {
            Err(BadName("an id has 1 to 40 characters"))
        } else if text.starts_with('-') || !text.bytes().all(fits) {
            Err(BadName("an id is made of a-z, 0-9 and dashes"))
        } else {
            Ok(JobId(text.to_owned()))
        }
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JobName {
    /// The name that `text` is.
    ///
    /// ```
    /// # use outlive_record::JobName;
    /// assert!(JobName::parse("nightly-🌙").is_ok());
    /// assert!(JobName::parse("../x").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<JobName, BadName> {
        let unseen = |c: char| {
            c.is_control()
                || c.is_whitespace()
                // Unicode's direction marks and joiners: two names that look alike must be alike.
                || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        if text.is_empty() {
            Err(BadName("a name can't be empty"))
        } else if text.chars().count() > 64 || text.len() > 200 {
            Err(BadName("a name has at most 64 characters (200 bytes)"))
        } else if text.starts_with(['-', '.']) {
            Err(BadName("a name can't start with `-` or `.`"))
        } else if text.contains('/') || text.chars().any(unseen) {
            Err(BadName(
                "a name can't contain `/`, white space or invisible characters",
            ))
        } else {
            Ok(JobName(text.to_owned()))
        }
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                $name::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}
text_type!(JobId);
text_type!(JobName);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_made_id_is_an_id(program: Vec<u8>, random: u32) {
            let id = JobId::new(&program, random);
            prop_assert_eq!(JobId::parse(id.as_str()), Ok(id));
        }

        #[test]
        fn a_name_is_one_plain_file_name(text in ".*") {
            if let Ok(name) = JobName::parse(&text) {
                // What else a platform gives a meaning to in a path, its folders spell otherwise.
                let name = name.as_str();
                prop_assert!(!matches!(name, "" | "." | "..") && !name.contains(['/', '\0']));
                prop_assert!(name.len() <= 200);
            }
        }
    }

    #[test]
    fn names_that_would_harm_are_refused() {
        for wrong in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "-n",
            ".x",
            "a b",
            "a\nb",
            "a\u{202e}b",
            "a\0",
        ] {
            assert!(JobName::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(JobName::parse(&"x".repeat(64)).is_ok());
        assert!(JobName::parse(&"x".repeat(65)).is_err());
        assert!(JobName::parse(&"🌙".repeat(51)).is_err());
        for right in ["a", "🌙", "größer", "a.b_c", "x:y", "7"] {
            assert!(JobName::parse(right).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn ids_that_would_harm_are_refused() {
        for wrong in ["", "..", ".new-a", "-a", "A", "a/b", "a\0", "ä"] {
            assert!(JobId::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
