//! The README's own commands, run for real, from top to bottom in one shell at a terminal, as a
//! reader would, and its Rust compiled.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::transcript::{commands, compare, script};
use crate::workspace::{Workspace, output, run};

/// How the README writes the reader's home folder.
const HOME: &str = "/home/you";
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let path = workspace.root.join("README.md");
    let readme =
        fs::read_to_string(&path).context(|| format!("failed to read `{}`", path.display()))?;
    let typed = commands(&readme);
    let home = fresh_home(workspace)?;
    let printed = output(
        at_a_terminal(&script(&typed), &home)?
            .current_dir(&workspace.root)
            .env("HOME", &home)
            .env("PATH", path_for(&home))
            .env("CARGO_HOME", or_home("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", or_home("RUSTUP_HOME", ".rustup"))
            .env("CARGO_TARGET_DIR", &workspace.target)
            .env("CARGO_TERM_QUIET", "true")
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env_remove("OUTLIVE_HOME")
            .env_remove("XDG_STATE_HOME"),
    )?
    .replace("\r\n", "\n");
    let faults = compare(&typed, &printed.replace(&*home.to_string_lossy(), HOME));
    for fault in &faults {
        eprintln!("{fault}");
    }
    let left = leave_nothing_running(&home);
    if !faults.is_empty() {
        return Err(Error::new(format!(
            "{} of the README's commands do not do as it says",
            faults.len()
        )));
    }
    left?;
    Ok(format!("{} commands", typed.len()))
}

/// The README's Rust, against the library.
pub(crate) fn check_library_example(workspace: &Workspace) -> Result<String> {
    run(&mut workspace.cargo(&["build", "--package", "outlive"]))?;
    let built = workspace.target.join("debug");
    let mut library = OsString::from("outlive=");
    library.push(built.join("liboutlive.rlib"));
    run(Command::new("rustdoc")
        .args(["--edition", "2024", "--test", "README.md", "-L"])
        .arg(built.join("deps"))
        .arg("--extern")
        .arg(library)
        .current_dir(&workspace.root))?;
    Ok(String::new())
}

/// Programs print for people there: that is what the README shows.
pub(crate) fn at_a_terminal(script: &str, home: &Path) -> Result<Command> {
    let file = home.join("readme.sh");
    fs::write(&file, script).context(|| format!("failed to write `{}`", file.display()))?;
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command"])
        .arg(format!("bash '{}'", file.display()))
        .arg("/dev/null");
    Ok(command)
}

fn fresh_home(workspace: &Workspace) -> Result<PathBuf> {
    let home = workspace.target.join("readme-home");
    let failed = || format!("failed to make a fresh `{}`", home.display());
    if home.exists() {
        fs::remove_dir_all(&home).context(failed)?;
    }
    fs::create_dir_all(&home).context(failed)?;
    Ok(home)
}

fn path_for(home: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}/.local/bin:{path}", home.display())
}

fn or_home(variable: &str, folder: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(folder),
        PathBuf::from,
    )
}

/// A reader who has typed it all should be left with no job running, and so should this machine.
fn leave_nothing_running(home: &Path) -> Result<()> {
    let outlive = home.join(".local/bin/outlive");
    let listed = output(
        Command::new(&outlive)
            .args(["list", "--json"])
            .env("HOME", home),
    )?;
    let running: Vec<_> = listed
        .split("\"id\"")
        .skip(1)
        .filter(|job| job.contains("\"running\""))
        .filter_map(|job| job.split('"').nth(1))
        .collect();
    if running.is_empty() {
        return Ok(());
    }
    output(
        Command::new(&outlive)
            .arg("stop")
            .args(&running)
            .env("HOME", home),
    )?;
    Err(Error::new(format!(
        "the README leaves jobs running: {}",
        running.join(", ")
    )))
}
