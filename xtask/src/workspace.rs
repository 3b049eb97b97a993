//! Where things are, and the commands that are run on them.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Context, Error, Result};

pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or_else(|| Error::new("failed to find the workspace above `xtask`"))?
            .to_path_buf();
        // Asked of cargo, because a setting or CARGO_TARGET_DIR may have moved it.
        let metadata = output(
            cargo()
                .args(["metadata", "--no-deps", "--format-version", "1"])
                .current_dir(&root),
        )?;
        let target = metadata
            .split_once("\"target_directory\":\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(path, _)| PathBuf::from(path))
            .ok_or_else(|| Error::new("failed to read the target folder from `cargo metadata`"))?;
        Ok(Self { root, target })
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo();
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// The release artefact that `cargo xtask dist` makes.
    pub(crate) fn dist_binary(&self) -> PathBuf {
        self.target.join("dist").join("outlive")
    }
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` set for this program says nothing about what is built next.
    for (name, _) in env::vars_os() {
        let of_package = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if of_package {
            command.env_remove(name);
        }
    }
    command.env_remove("LD_LIBRARY_PATH");
    command
}

/// The triple that rustc builds for by default.
pub(crate) fn host() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| Error::new("failed to read the host from `rustc -vV`"))
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", written(command));
    let status = command
        .status()
        .context(|| format!("failed to start `{}`", program(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(format!("`{}`: {status}", written(command))))
    }
}

pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context(|| format!("failed to start `{}`", program(command)))?;
    if !output.status.success() {
        return Err(Error::new(format!(
            "`{}`: {}",
            written(command),
            output.status
        )));
    }
    String::from_utf8(output.stdout).context(|| format!("`{}` printed no UTF-8", written(command)))
}

/// Whether `program` is found in PATH (or in the folders that a plain user's PATH leaves out).
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

fn program(command: &Command) -> String {
    let path = Path::new(command.get_program());
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn written(command: &Command) -> String {
    let mut text = program(command);
    for argument in command.get_args().map(OsStr::to_string_lossy) {
        text.push(' ');
        text.push_str(&argument);
    }
    text
}
