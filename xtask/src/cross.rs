//! Building for a system that this machine is not: the compiler, std for that system, and what
//! links. Everything is kept below the target folder, and made again only for another compiler.

pub(crate) mod debian;
pub(crate) mod emulator;
pub(crate) mod node;
mod scratch;
mod std_source;
mod sysroot;
pub(crate) mod wine;
pub(crate) mod zig;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::workspace::{Workspace, find_program};
use crate::{machine, setup};
use sysroot::Compiler;

/// Where toolchains are kept, held against other runs that would make the same ones.
pub(crate) struct Place {
    /// What was downloaded, for all of them.
    pub(crate) downloads: PathBuf,
    /// What was made, for one of them.
    pub(crate) folder: PathBuf,
    _lock: File,
}

impl Place {
    pub(crate) fn hold(workspace: &Workspace, name: &str) -> Result<Self> {
        let downloads = workspace.target.join("toolchain-downloads");
        let folder = workspace.target.join(format!("{name}-toolchain"));
        for folder in [&downloads, &folder] {
            fs::create_dir_all(folder)
                .context(|| format!("failed to make `{}`", folder.display()))?;
        }
        let path = downloads.join("lock");
        let failed = || format!("failed to lock `{}`", path.display());
        let lock = File::create(&path).context(failed)?;
        if lock.try_lock().is_err() {
            eprintln!("another run is at work on a toolchain: waiting for it");
            lock.lock().context(failed)?;
        }
        Ok(Self {
            downloads,
            folder,
            _lock: lock,
        })
    }
}

/// What builds for one target.
pub(crate) struct Toolchain {
    target: &'static str,
    compiler: Compiler,
    variables: Vec<(String, OsString)>,
}

impl Toolchain {
    /// Finds std for `target`, or makes it. `flags` are the compiler's.
    pub(crate) fn prepare(place: &Place, target: &'static str, flags: &str) -> Result<Self> {
        let (compiler, sysroot) = sysroot::with_std(place, target)?;
        let mut all = Vec::new();
        if let Some(sysroot) = sysroot {
            all.push(format!("--sysroot={}", without_blanks(&sysroot)?));
        }
        all.push(flags.to_owned());
        // Cargo takes one of the two only, and this one must not get lost.
        if let Ok(own) = env::var("RUSTFLAGS") {
            all.push(own);
        }
        let mut toolchain = Self {
            target,
            compiler,
            variables: Vec::new(),
        };
        toolchain.set("RUSTFLAGS", all.join(" ").trim());
        for (name, path) in toolchain.compiler.variables() {
            toolchain.variables.push((name.to_owned(), path.into()));
        }
        Ok(toolchain)
    }

    /// Sets what cargo knows as `target.TARGET.KEY` (cargo's book, "Environment variables").
    pub(crate) fn set(&mut self, key: &str, value: impl Into<OsString>) {
        let name = format!("CARGO_TARGET_{}_{key}", self.target);
        let name = name.to_ascii_uppercase().replace('-', "_");
        self.variables.push((name, value.into()));
    }

    pub(crate) fn set_variables(&mut self, variables: Vec<(String, OsString)>) {
        self.variables.extend(variables);
    }

    /// Clippy comes with one compiler and reads what that one has built.
    pub(crate) fn has_clippy(&self) -> bool {
        self.compiler.is_own()
    }

    pub(crate) fn cargo(&self, workspace: &Workspace, arguments: &[&str]) -> Command {
        let mut command = workspace.cargo(arguments);
        command
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Writes what a shell wants to hear before `cargo build --target` does the same by hand.
    pub(crate) fn write_for_shells(&self, path: &Path) -> Result<()> {
        let mut text = String::new();
        for (name, value) in &self.variables {
            let value = value.to_string_lossy().replace('\'', r"'\''");
            text.push_str(&format!("export {name}='{value}'\n"));
        }
        fs::write(path, text).context(|| format!("failed to write `{}`", path.display()))
    }
}

/// Installs the packages of the programs that are missing.
pub(crate) fn need(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = programs
        .iter()
        .filter(|(program, _)| find_program(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() || setup::install(&missing)? {
        return Ok(());
    }
    Err(Error::lacking(format!("missing: {}", missing.join(" "))))
}

/// Whether packages can be had from Debian here.
fn is_debian() -> bool {
    find_program("apt-get").is_some() && machine::release().is_ok()
}

/// Cargo and the compiler split their flags at blanks.
fn without_blanks(path: &Path) -> Result<&str> {
    path.to_str()
        .filter(|path| !path.contains(char::is_whitespace))
        .ok_or_else(|| {
            Error::new(format!(
                "`{}` can't be named in a compiler's flags: set CARGO_TARGET_DIR to a path without \
                 blanks",
                path.display()
            ))
        })
}
