//! What the tests need from the machine.

use std::process::Command;

use crate::error::{Context, Result};
use crate::workspace::{Workspace, find_program, run};

/// A program, the Debian package that has it, and what wants it.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("c++", "g++", "libFuzzer is C++"),
    (
        "sshd",
        "openssh-server",
        "jobs that must survive a real log-out",
    ),
    (
        "ssh",
        "openssh-client",
        "jobs that must survive a real log-out",
    ),
    ("python3", "python3", "the README's example"),
    ("script", "bsdutils", "the README's commands, at a terminal"),
];

/// Installs what is missing; a note of what could not be.
pub(crate) fn for_tests(workspace: &Workspace) -> Result<String> {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, ..)| find_program(program).is_none())
        .collect();
    for (program, package, reason) in &missing {
        eprintln!("`{program}` is missing (Debian package {package}): {reason}");
    }
    let packages: Vec<_> = missing.iter().map(|(_, package, _)| *package).collect();
    let mut notes = Vec::new();
    if !packages.is_empty() && !install(&packages)? {
        notes.push(format!("missing: {}", packages.join(" ")));
    }
    if find_program("cargo-nextest").is_none() {
        eprintln!("cargo-nextest is missing: it runs the tests, each in a process of its own");
        run(&mut workspace.cargo(&["install", "--locked", "cargo-nextest"]))?;
        notes.push("cargo-nextest installed".to_owned());
    }
    Ok(notes.join("; "))
}

/// Installs Debian packages if that is possible here; false, with the command to type, if not.
pub(crate) fn install(packages: &[&str]) -> Result<bool> {
    if find_program("apt-get").is_none() || !is_root()? {
        eprintln!(
            "to install them: sudo apt-get install {}",
            packages.join(" ")
        );
        return Ok(false);
    }
    run(apt_get().arg("update"))?;
    run(apt_get()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))?;
    Ok(true)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["-qq", "-o", "DPkg::Lock::Timeout=600"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Only the programs are wanted: without systemd this keeps their services from starting.
        .env("RUNLEVEL", "1");
    command
}

pub(crate) fn is_root() -> Result<bool> {
    let output = Command::new("id")
        .arg("-u")
        .output()
        .context(|| "failed to start `id`".to_owned())?;
    Ok(output.stdout.trim_ascii() == b"0")
}
