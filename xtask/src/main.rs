//! The project's own tasks: `cargo xtask test`, `dist`, `bench`, `fuzz`, `soak`, `survive`, `box`,
//! `windows`, `musl`, `macos`.

#![forbid(unsafe_code)]

mod bench;
mod cross;
mod dist;
mod elf;
mod error;
mod fuzz;
mod machine;
mod macos;
mod musl;
mod python;
mod readme;
mod report;
mod seam;
mod setup;
mod soak;
mod source;
mod test;
mod tests_run;
mod transcript;
mod windows;
mod workspace;

use std::env;
use std::process::ExitCode;

use error::{Error, Result};
use workspace::Workspace;

const USAGE: &str = "\
The project's own tasks.

usage: cargo xtask <task>

  test [--only STEP,…] [--skip STEP,…] [--fuzz-seconds N] [--list]
        installs what is missing, then checks everything; --list names the steps
  dist [--to FILE]
        builds the release artefact, static and not position-independent, at target/dist/outlive,
        and copies it to FILE
  bench [--quick] [--peers] [--only PART,…]
        measures against the peers that are installed; --peers installs Debian's (as root); the
        parts are python, spawn, launch, delegated, keeper, output, many and ending
  fuzz [--seconds N] [TARGET]…
        fuzzes the parsers, all of them by default, for N seconds in all (60)
  soak [--minutes N] [--seed N]
        several processes do to dozens of jobs all that can be done to them, while keepers and commands
        are killed, the disk is full and the clock jumps; then every job must be accounted for (2
        minutes; root for the disk and the clock)
  survive [--outlive FILE] [--only SITUATION,…] [--user plain|root]
          [--row LAUNCHER,…] [--subset] [--systemd|--no-systemd] [--json|--markdown]
        starts jobs in machines of their own, with a real systemd and without, and does to them
        all that ends jobs (root; on Debian); launchers are outlive, child, python, disowned, job,
        plain, nohup, setsid, daemonize, tmux and systemd-run; FILE is looked at instead of the release artefact
  box [--outlive FILE] [-- CMD…]
        boots such a machine, runs CMD in it (a shell by default), and powers it off
  windows [-- ARGUMENT…]
        sets up what builds for Windows and Wine to run it, below target/windows-toolchain, then
        lints and runs the tests; `cargo nextest run` takes the ARGUMENTs
  musl
        builds the release artefact for arm64 and tries it in an emulated machine
  macos
        lints and links `outlive` for macOS; nothing here can run it
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match task(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn task(arguments: &[String]) -> Result<ExitCode> {
    let Some((task, rest)) = arguments.split_first() else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    match task.as_str() {
        "survive" => return machine::survive(&Workspace::find()?, rest),
        "box" => return machine::main(&Workspace::find()?, rest),
        "test" => test::main(&Workspace::find()?, rest),
        "dist" => dist::main(&Workspace::find()?, rest),
        "bench" => bench::main(&Workspace::find()?, rest),
        "fuzz" => fuzz::main(&Workspace::find()?, rest),
        "soak" => soak::main(&Workspace::find()?, rest),
        "windows" => windows::main(&Workspace::find()?, rest),
        "musl" => musl::main(&Workspace::find()?, rest),
        "macos" => macos::main(&Workspace::find()?, rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(Error::new(format!("unknown task `{other}`\n\n{USAGE}"))),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// The value of an option that was taken from the command line.
fn value<'a>(option: &str, rest: &mut impl Iterator<Item = &'a String>) -> Result<&'a str> {
    rest.next()
        .map(String::as_str)
        .ok_or_else(|| Error::new(format!("`{option}` wants a value")))
}
