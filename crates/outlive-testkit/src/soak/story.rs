//! All that is known of one job, for who reads why a soak has failed: the soak's own files are gone then.

use super::ledger::{ALL, Line};
use crate::home::Home;
use crate::process::describe;
use std::fmt::Write;
use std::path::Path;

/// How much of a file is shown, from its end.
const SHOWN: usize = 4096;

/// What was written down about a job while it was spoken of, and what is in its folders now.
pub(super) fn story(home: &Home, lines: &[Line], job: &str) -> String {
    let mut told = format!("--- {job}\n");
    let own = |line: &Line| line.job == job;
    let first = lines.iter().position(own).unwrap_or(lines.len());
    let last = lines.iter().rposition(own).map_or(first, |last| last + 1);
    for line in lines[first..last]
        .iter()
        .filter(|it| own(it) || it.job == ALL)
    {
        let _ = writeln!(
            told,
            "{:>10} ms {} {}",
            line.at,
            line.job,
            line.entry.text()
        );
    }
    for name in ["jobs", "names", "expire"] {
        let entries = std::fs::read_dir(home.path().join(name));
        for entry in entries.into_iter().flatten().flatten() {
            if entry
                .file_name()
                .to_string_lossy()
                .contains(&format!("{job}-"))
            {
                show(&entry.path(), &mut told);
            }
        }
    }
    told
}

/// A file's end, or that of all files in a folder; of a lock file also what its processes do now.
fn show(path: &Path, told: &mut String) {
    let shown = path.display();
    if path.is_dir() {
        let _ = writeln!(told, "{shown}:");
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| show(&entry.path(), told));
        return;
    }
    // A FIFO's other side is waited for.
    if !path.is_file() {
        let _ = writeln!(told, "{shown}");
        return;
    }
    let bytes = std::fs::read(path).unwrap_or_default();
    let end = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(SHOWN)..]);
    let _ = writeln!(told, "{shown}, {} bytes:\n{}", bytes.len(), end.trim_end());
    if path.ends_with("lock") {
        let pids = end
            .lines()
            .filter_map(|line| line.split(' ').next()?.parse().ok());
        for pid in pids {
            let _ = writeln!(told, "now: {}", describe(pid));
        }
    }
}
