//! The program that every job of a soak is.

use super::ledger::{Entry, Ledger, job_of};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// `LEDGER CODE MILLISECONDS LINES TREE OUTPUT`: writes down that it runs, prints its lines, starts
/// what belongs to its tree, works for its time, and exits with its code: each of it written down, its
/// lines if they go to a file as they are.
pub(super) fn job(words: &[OsString]) -> ExitCode {
    let id = std::env::var("OUTLIVE_JOB").expect("every job has an id");
    let [ledger, code, milliseconds, lines, tree, output] = words else {
        panic!("a job of a soak takes six words: {words:?}");
    };
    let ledger = Ledger::open(ledger.as_ref());
    ledger.write(&id, &Entry::Began);
    let running = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(lock_of(ledger.path(), &id))
        .expect("a file beside the ledger can be made");
    if running.try_lock().is_err() {
        ledger.write(&id, &Entry::Twice);
    }
    let printed = print(&id, number(lines));
    if output == "file" {
        ledger.write(&id, &Entry::Printed(printed));
    }
    grow(tree.to_str().unwrap_or_default());
    std::thread::sleep(Duration::from_millis(number(milliseconds)));
    let code = u8::try_from(number(code)).expect("an exit code has eight bits");
    ledger.write(&id, &Entry::Ends);
    ExitCode::from(code)
}

/// `WORDS`: does what these words say, by a shell that has the polite signal ignored.
pub(super) fn deaf(words: &[OsString]) -> ExitCode {
    let own = std::env::current_exe().expect("a program knows its path");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' TERM; exec \"$@\"", "sh"]);
    let error = shell.arg(own).args(words).exec();
    panic!("failed to run sh: {error}");
}

/// A word that is a number.
pub(super) fn number(word: &OsString) -> u64 {
    let number = word.to_str().and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no number: {word:?}"))
}

/// What a job holds locked while it runs.
fn lock_of(ledger: &Path, id: &str) -> PathBuf {
    ledger.with_file_name(format!("{}.lock", job_of(id)))
}

/// Prints the lines, each by one write; how many came out whole: the disk is full now and then.
fn print(id: &str, lines: u64) -> u64 {
    let mut out = std::io::stdout();
    let mut print = |number| {
        out.write_all(line(id, number).as_bytes())?;
        out.flush()
    };
    (0..lines)
        .find(|&number| print(number).is_err())
        .unwrap_or(lines)
}

/// A line of a job's output.
pub(super) fn line(id: &str, number: u64) -> String {
    format!("{id} says {number}\n")
}

/// Starts processes that its end must end too.
fn grow(tree: &str) {
    let own = std::env::current_exe().expect("a program knows its path");
    let words: &[&str] = match tree {
        "child" => &[],
        "session" => &["setsid"],
        // The one in between ends at once.
        "daemon" => &["setsid", "--fork"],
        "deaf" => &["sh", "-c", "trap '' TERM HUP; exec \"$@\"", "sh"],
        _ => return,
    };
    let words: Vec<OsString> = words
        .iter()
        .map(OsString::from)
        .chain([own.into(), "stay".into()])
        .collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    // Nobody waits for it: that is what the job's end is about. Where no process can be made, the
    // job has a smaller tree.
    drop(command.spawn());
}

/// Stays until it is ended.
pub(super) fn stay() -> ExitCode {
    loop {
        std::thread::park();
    }
}
