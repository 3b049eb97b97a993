//! What is built for a machine beside the programs that are in each: the machine has the C library
//! that this one has, being of the same Debian release.

use std::fs;

use crate::error::{Context, Error, Result};
use crate::workspace::{Workspace, output, run};

/// The tests that want a real systemd.
pub(super) fn tests(workspace: &Workspace) -> Result<String> {
    let said = output(&mut workspace.cargo(&[
        "test",
        "--no-run",
        "--package",
        "outlive-systemd",
        "--test",
        "systemd",
        "--message-format",
        "json",
    ]))?;
    let built = said.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        Some(rest.split_once('"')?.0.to_owned())
    });
    built.ok_or_else(|| Error::new("failed to find the tests that `cargo test --no-run` built"))
}

/// The Python package, as a wheel has it: a folder.
pub(super) fn python(workspace: &Workspace) -> Result<String> {
    // All of the workspace, as the step before has built it: with fewer crates there are fewer
    // features of those that they share, which would be compiled once more.
    run(&mut workspace.cargo(&["build", "--workspace", "--lib"]))?;
    let package = workspace.target.join("box").join("python");
    let failed = || format!("failed to put together `{}`", package.display());
    if package.exists() {
        fs::remove_dir_all(&package).context(failed)?;
    }
    fs::create_dir_all(&package).context(failed)?;
    let modules = workspace.root.join("crates/outlive-python/python/outlive");
    for module in fs::read_dir(modules).context(failed)? {
        let module = module.context(failed)?;
        if module.path().extension().is_some_and(|it| it == "py") {
            fs::copy(module.path(), package.join(module.file_name())).context(failed)?;
        }
    }
    let extension = workspace.target.join("debug").join("lib_native.so");
    fs::copy(extension, package.join("_native.abi3.so")).context(failed)?;
    package
        .into_os_string()
        .into_string()
        .map_err(|path| Error::new(format!("`{}` is not UTF-8", path.display())))
}
