//! What happened, as those to whom it happened wrote it down: one line for each, in one file that
//! no outlive knows of.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that many append to.
pub(super) struct Ledger {
    file: File,
    path: PathBuf,
}

/// One thing that happened to a job, or was about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Each time that somebody starts it its keeper may start it again so many times.
    Again(u64),
    /// Its program runs.
    Began,
    /// Another of its runs had not ended.
    Twice,
    /// So many of its lines were written whole.
    Printed(u64),
    /// It is about to exit with this code.
    Ends(i32),
    /// Outlive told somebody that it has exited with this code.
    Said(i32),
    /// Somebody is about to do this to it.
    About(Deed),
    /// It is no more.
    Removed,
}

/// What can be done to a job that its own account can't tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// To stop it, or to send it a signal.
    End,
    /// To start it once more.
    Restart,
    /// To remove it, if it has ended.
    Remove,
    /// To kill its keeper.
    Bereave,
}

/// To whom an entry about all jobs belongs.
pub(super) const ALL: &str = "*";

impl Ledger {
    /// The one at `path`.
    pub(super) fn open(path: &Path) -> Ledger {
        let file = File::options().append(true).create(true).open(path);
        let file = file.unwrap_or_else(|error| panic!("failed to open the ledger: {error}"));
        let path = path.to_owned();
        Ledger { file, path }
    }

    /// Writes an entry down: by one write, so that lines of several processes don't mix.
    pub(super) fn write(&self, job: &str, entry: &Entry) {
        let line = format!("{job} {}\n", entry.text());
        let mut file = &self.file;
        file.write_all(line.as_bytes())
            .unwrap_or_else(|error| panic!("failed to write to the ledger: {error}"));
    }

    /// All entries so far, in the order in which they were written.
    pub(super) fn read(&self) -> Vec<(String, Entry)> {
        let text = std::fs::read_to_string(&self.path).expect("the ledger can be read");
        let entry = |line: &str| {
            let (job, entry) = line.split_once(' ')?;
            Some((job.to_owned(), Entry::parse(entry)?))
        };
        let entries = text.lines().map(|line| entry(line).ok_or(line));
        entries
            .map(|entry| entry.unwrap_or_else(|line| panic!("no entry of a ledger: {line:?}")))
            .collect()
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

const DEEDS: [(&str, Deed); 4] = [
    ("end", Deed::End),
    ("restart", Deed::Restart),
    ("remove", Deed::Remove),
    ("bereave", Deed::Bereave),
];

impl Entry {
    fn text(&self) -> String {
        match self {
            Entry::Again(times) => format!("again {times}"),
            Entry::Began => "began".to_owned(),
            Entry::Twice => "twice".to_owned(),
            Entry::Printed(lines) => format!("printed {lines}"),
            Entry::Ends(code) => format!("ends {code}"),
            Entry::Said(code) => format!("said {code}"),
            Entry::Removed => "removed".to_owned(),
            Entry::About(deed) => {
                let known = DEEDS.iter().find(|(_, it)| it == deed);
                format!("about {}", known.expect("all deeds have a word").0)
            }
        }
    }

    fn parse(text: &str) -> Option<Entry> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match word {
            "again" => Entry::Again(rest.parse().ok()?),
            "began" => Entry::Began,
            "twice" => Entry::Twice,
            "printed" => Entry::Printed(rest.parse().ok()?),
            "ends" => Entry::Ends(rest.parse().ok()?),
            "said" => Entry::Said(rest.parse().ok()?),
            "removed" => Entry::Removed,
            "about" => Entry::About(DEEDS.iter().find(|(word, _)| *word == rest)?.1),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger"));
        let deeds = DEEDS.map(|(_, deed)| Entry::About(deed));
        let others = [
            Entry::Again(2),
            Entry::Began,
            Entry::Twice,
            Entry::Printed(7),
            Entry::Ends(3),
            Entry::Said(4),
            Entry::Removed,
        ];
        let all: Vec<_> = deeds.into_iter().chain(others).collect();
        for entry in &all {
            ledger.write("sh-1234", entry);
        }
        let read = ledger.read();
        assert!(read.iter().all(|(job, _)| job == "sh-1234"));
        assert_eq!(read.into_iter().map(|it| it.1).collect::<Vec<_>>(), all);
    }
}
