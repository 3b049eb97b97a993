//! Zig, which links for every system, and cargo-zigbuild, which makes the compiler use it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Context, Error, Result};
use crate::setup;
use crate::workspace::run;

/// The package index of Python has both as programs that need no Python.
const PACKAGES: &[&str] = &["ziglang==0.17.1", "cargo-zigbuild==0.24.0"];

pub(crate) struct Zig {
    folder: PathBuf,
}

impl Zig {
    pub(crate) fn prepare(downloads: &Path) -> Result<Self> {
        let folder = downloads.join(PACKAGES.join("-").replace("==", "-"));
        if !folder.is_dir() {
            install(&folder)?;
        }
        Ok(Self { folder })
    }

    /// What `cargo zigbuild` needs in its environment.
    pub(crate) fn variables(&self) -> Result<Vec<(String, OsString)>> {
        let own = env::var_os("PATH").unwrap_or_default();
        let all = env::split_paths(&own).chain([self.folder.join("bin")]);
        let path = env::join_paths(all).context(|| "failed to add to PATH".to_owned())?;
        let cache = self.folder.join("cache");
        Ok(vec![
            ("PATH".to_owned(), path),
            (
                "CARGO_ZIGBUILD_ZIG_PATH".to_owned(),
                self.folder.join("ziglang/zig").into(),
            ),
            ("CARGO_ZIGBUILD_CACHE_DIR".to_owned(), cache.clone().into()),
            ("ZIG_GLOBAL_CACHE_DIR".to_owned(), cache.into()),
        ])
    }
}

/// By a Python environment that is thrown away: the packages alone stay.
fn install(folder: &Path) -> Result<()> {
    eprintln!("fetching {}", PACKAGES.join(" and "));
    let failed = || format!("failed to make `{}`", folder.display());
    let environment = folder.with_extension("python");
    let half = folder.with_extension("new");
    for left in [&environment, &half] {
        match fs::remove_dir_all(left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(failed);
            }
            _ => {}
        }
    }
    // Debian's Python has these in packages of their own.
    let able = Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .stderr(Stdio::null())
        .status();
    if !able.is_ok_and(|status| status.success()) && !setup::install(&["python3-venv"])? {
        return Err(Error::lacking("missing: python3-venv"));
    }
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment))?;
    run(Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "--no-deps", "--only-binary=:all:"])
        .arg("--target")
        .arg(&half)
        .args(PACKAGES))?;
    fs::remove_dir_all(&environment).context(failed)?;
    fs::rename(&half, folder).context(failed)
}
