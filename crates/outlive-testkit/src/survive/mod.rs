//! The survival matrix: what becomes of a job in every situation that ends jobs, really performed
//! in a machine of its own with a real systemd, and in one without.
//!
//! A cell is a situation, a user and a launcher. The harness puts a script into its surroundings
//! (a login at a terminal, a service, an ssh login, …); the script asks `outlive doctor`, launches
//! a job that beats ten times a second, and says so. Then comes the strike, and after it the job
//! lives if it beats thirty times more. [`main`] is the program: its parts run outside the machine
//! (`matrix`, `box`, `guard`), inside it (`inside`), and in a cell (`beat`, `hunter`, …).

mod beside;
mod cell;
mod cgroups;
mod checks;
mod deeds;
mod expect;
mod fault;
mod fifos;
mod guard;
mod inside;
mod library;
mod lines;
mod machine;
mod matrix;
mod options;
mod parts;
mod rows;
mod script;
mod situation;
mod situations;
mod status;
mod stopwatch;
mod strike;
mod surround;
mod table;
mod verdict;
mod world;

use fault::{Context, Fault, Result};
use machine::{Init, Machine, Parts};
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Runs the program `survive`.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    play(&words).unwrap_or_else(|fault| {
        let _ = writeln!(std::io::stderr(), "survive: {fault}");
        ExitCode::from(125)
    })
}

fn play(words: &[OsString]) -> Result<ExitCode> {
    let (part, words) = words
        .split_first()
        .ok_or_else(|| Fault::new("this is the harness of `cargo xtask survive`"))?;
    match part.to_str().unwrap_or_default() {
        "matrix" => matrix::matrix(words),
        "box" => in_box(words),
        "guard" => guard::guard(words),
        "inside" => inside::inside(words),
        "idle" => Ok(parts::idle()),
        "beat" => parts::beat(words),
        "tests" => beside::run_tests(words),
        "leave" => beside::leave(words),
        "status" => Ok(status::print()),
        "child" => library::child(words),
        "python" => library::python(words),
        "disown" => library::disown(words),
        "job" => library::job(words),
        "stopwatch" => stopwatch::stopwatch(words),
        "parent" => parts::parent(words),
        "hunter" => parts::hunter(words),
        "deaf" => parts::deaf(words),
        _ => Err(Fault::new(format!("no such part: `{}`", part.display()))),
    }
}

/// `ROOT SCRATCH OUTLIVE WORDS`: runs WORDS in a machine with systemd.
fn in_box(words: &[OsString]) -> Result<ExitCode> {
    let (parts, words) = Parts::taken(words)?;
    let machine = Machine::boot(&parts, Init::Systemd)?;
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let status = machine
        .command(terminal, words)?
        .status()
        .context(|| "failed to start `nsenter`".to_owned())?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(128)))
}
