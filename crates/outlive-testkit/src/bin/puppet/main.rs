//! A small program that plays the parts which the tests need: a job that does what it is told, and
//! callers of outlive in every bad state.

mod bereave;
mod callers;
mod children;
mod daemon;
mod obey;
mod serve;
mod signals;
mod strike;
mod sweep;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let part = words.next().unwrap_or_default();
    let words: Vec<OsString> = words.collect();
    let played = match part.to_str().unwrap_or_default() {
        "obey" => obey::obey(words[0].as_ref()),
        "daemon" => daemon::daemon(&words),
        "stay" => children::staying(&words),
        "elevated" => children::elevated(&words),
        "arguments" => arguments(&words),
        "mark" => mark(&words[0]),
        "take" => take(words[0].to_str().unwrap_or_default()).map(|_| ExitCode::SUCCESS),
        "lead" => callers::lead(&words),
        "closed" => callers::closed(&words),
        "nowhere" => callers::nowhere(&words),
        "deaf" => callers::deaf(&words),
        "adopting" => callers::adopting(&words),
        "orphaning" => callers::orphaning(&words),
        "strike" => strike::strike(&words),
        "bereave" => bereave::bereave(&words),
        "sweep" => sweep::sweep(&words),
        "knock" => callers::knock(words[0].as_ref()),
        _ => Err(io::Error::other(format!("no such part: {part:?}"))),
    };
    played.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "puppet: {error}");
        ExitCode::from(99)
    })
}

/// Becomes `words`.
fn become_program(words: &[OsString]) -> io::Error {
    Command::new(&words[0]).args(&words[1..]).exec()
}

/// Writes its arguments to its output, a NUL after each.
fn arguments(words: &[OsString]) -> io::Result<ExitCode> {
    let mut all = Vec::new();
    for word in words {
        all.extend_from_slice(word.as_bytes());
        all.push(0);
    }
    io::stdout().write_all(&all)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes that many bytes of memory, and touches each page of it.
fn take(bytes: &str) -> io::Result<Vec<u8>> {
    let bytes = bytes.parse().map_err(io::Error::other)?;
    // Zeros would be taken only when they are written to.
    Ok(std::hint::black_box(vec![1; bytes]))
}

/// Leaves its job's id and its pid in the file at `path`, writes one line and exits with 7: all of what a job
/// that was started once does exactly once.
fn mark(path: &OsStr) -> io::Result<ExitCode> {
    let job = std::env::var("OUTLIVE_JOB").map_err(io::Error::other)?;
    let mut file = std::fs::File::options()
        .append(true)
        .create(true)
        .open(path)?;
    file.write_all(format!("{job} {}\n", std::process::id()).as_bytes())?;
    println!("marked");
    Ok(ExitCode::from(7))
}
