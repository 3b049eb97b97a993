//! What happened, as those to whom it happened wrote it down: one line for each, in one file that
//! no outlive knows of.
//!
//! Each job is started from a program of a name of its own, which its id begins with, so that ids of
//! four random characters that come again after a removal mix no two jobs up, and whoever starts a job
//! can write about it before it has an id.

use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that many append to.
pub(super) struct Ledger {
    file: File,
    path: PathBuf,
}

/// Something that happened to a job, and when.
#[derive(Debug)]
pub(super) struct Line {
    /// Milliseconds of CLOCK_MONOTONIC, which no jump of the wall clock changes.
    pub(super) at: u64,
    /// The name of its program, or [`ALL`].
    pub(super) job: String,
    pub(super) entry: Entry,
}

/// One thing that happened to a job, or was about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// It is about to be started for the first time.
    Planned {
        /// The exit code of each of its runs.
        code: i32,
        /// How many times its keeper may start it again each time that somebody has started it.
        again: u64,
    },
    /// Outlive said that it has started it.
    Started,
    /// Its program runs.
    Began,
    /// Another of its runs had not ended.
    Twice,
    /// So many of its lines were written whole.
    Printed(u64),
    /// It is about to exit.
    Ends,
    /// Outlive told somebody that it has exited with this code.
    Said(i32),
    /// Somebody is about to do this to it.
    About(Deed),
    /// It is no more.
    Removed,
    /// For who reads the story of a job: a command about it and what came of it, or what was done to all.
    Note(String),
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

/// The job that has this id: its program's name, a dash and four random characters.
pub(super) fn job_of(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(job, _)| job)
}

impl Ledger {
    /// The one at `path`.
    pub(super) fn open(path: &Path) -> Ledger {
        let file = File::options().append(true).create(true).open(path);
        let file = file.unwrap_or_else(|error| panic!("failed to open the ledger: {error}"));
        let path = path.to_owned();
        Ledger { file, path }
    }

    /// Writes an entry down about a job, by its id or its program's name with a dash behind it: by one
    /// write, so that lines of several processes don't mix.
    pub(super) fn write(&self, id: &str, entry: &Entry) {
        let now = clock_gettime(ClockId::Monotonic);
        let at = now.tv_sec * 1000 + now.tv_nsec / 1_000_000;
        let line = format!("{at} {} {}\n", job_of(id), entry.text());
        let mut file = &self.file;
        file.write_all(line.as_bytes())
            .unwrap_or_else(|error| panic!("failed to write to the ledger: {error}"));
    }

    /// All entries so far, in the order in which they were written.
    pub(super) fn read(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(&self.path).expect("the ledger can be read");
        let parse = |line: &str| {
            let (at, rest) = line.split_once(' ')?;
            let (job, entry) = rest.split_once(' ')?;
            Some(Line {
                at: at.parse().ok()?,
                job: job.to_owned(),
                entry: Entry::parse(entry)?,
            })
        };
        let lines = text.lines().map(|line| parse(line).ok_or(line));
        lines
            .map(|line| line.unwrap_or_else(|line| panic!("no entry of a ledger: {line:?}")))
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
    pub(super) fn text(&self) -> String {
        match self {
            Entry::Planned { code, again } => format!("planned {code} {again}"),
            Entry::Started => "started".to_owned(),
            Entry::Began => "began".to_owned(),
            Entry::Twice => "twice".to_owned(),
            Entry::Printed(lines) => format!("printed {lines}"),
            Entry::Ends => "ends".to_owned(),
            Entry::Said(code) => format!("said {code}"),
            Entry::Removed => "removed".to_owned(),
            Entry::Note(text) => format!("note {}", text.replace(char::is_control, " ")),
            Entry::About(deed) => {
                let known = DEEDS.iter().find(|(_, it)| it == deed);
                format!("about {}", known.expect("all deeds have a word").0)
            }
        }
    }

    fn parse(text: &str) -> Option<Entry> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match word {
            "planned" => {
                let (code, again) = rest.split_once(' ')?;
                Entry::Planned {
                    code: code.parse().ok()?,
                    again: again.parse().ok()?,
                }
            }
            "started" => Entry::Started,
            "began" => Entry::Began,
            "twice" => Entry::Twice,
            "printed" => Entry::Printed(rest.parse().ok()?),
            "ends" => Entry::Ends,
            "said" => Entry::Said(rest.parse().ok()?),
            "removed" => Entry::Removed,
            "note" => Entry::Note(rest.to_owned()),
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
            Entry::Planned { code: 3, again: 2 },
            Entry::Started,
            Entry::Began,
            Entry::Twice,
            Entry::Printed(7),
            Entry::Ends,
            Entry::Said(4),
            Entry::Removed,
            Entry::Note("two words".to_owned()),
        ];
        let all: Vec<_> = deeds.into_iter().chain(others).collect();
        for entry in &all {
            ledger.write("soak7-1-2345", entry);
        }
        let read = ledger.read();
        assert!(read.iter().all(|line| line.job == "soak7-1"));
        let read: Vec<Entry> = read.into_iter().map(|line| line.entry).collect();
        assert_eq!(read, all);
    }
}
