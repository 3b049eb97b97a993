//! The release artefact. How it is linked decides the keeper's memory: static and at a fixed
//! address there is no dynamic loader, and no page is written for relocations.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::elf;
use crate::error::{Context, Error, Result};
use crate::workspace::{Workspace, host, output, run};

pub(crate) const FLAGS: &str = "-C target-feature=+crt-static -C relocation-model=static";

pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let copy = match arguments {
        [] => None,
        [option, path] if option == "--to" => Some(Path::new(path)),
        _ => return Err(Error::new("usage: cargo xtask dist [--to FILE]")),
    };
    let note = build(workspace)?;
    let mut artefact = workspace.dist_binary();
    if let Some(copy) = copy {
        publish(&artefact, copy)?;
        artefact = copy.to_path_buf();
    }
    println!("{}: {note}", artefact.display());
    Ok(())
}

/// Builds and verifies it; a line about what it is.
pub(crate) fn build(workspace: &Workspace) -> Result<String> {
    let built = build_static(workspace, "outlive-cli", "outlive")?;
    let artefact = workspace.dist_binary();
    publish(&built, &artefact)?;
    let image =
        fs::read(&artefact).context(|| format!("failed to read `{}`", artefact.display()))?;
    elf::must_be_static_and_fixed(&image)
        .map_err(|why| Error::new(format!("`{}` is {why}", artefact.display())))?;
    let size = image.len() as f64 / (1024.0 * 1024.0);
    Ok(format!("{size:.2} MiB, static, fixed address, {}", host()?))
}

/// Builds a program as the release artefact is built: it runs on any machine of this kind.
pub(crate) fn build_static(workspace: &Workspace, package: &str, program: &str) -> Result<PathBuf> {
    let host = host()?;
    if !host.ends_with("-linux-gnu") {
        return Err(Error::new(format!(
            "failed to build `{program}` for `{host}`: only for Linux with glibc so far"
        )));
    }
    // An explicit target, though it is the host: without one the flags would reach procedural
    // macros too, which can't be linked statically.
    let flags = match env::var("RUSTFLAGS") {
        Ok(own) => format!("{own} {FLAGS}"),
        Err(_) => FLAGS.to_owned(),
    };
    run(workspace
        .cargo(&[
            "build",
            "--profile",
            "dist",
            "--package",
            package,
            "--bin",
            program,
        ])
        .args(["--target", &host])
        .env("RUSTFLAGS", flags))?;
    Ok(workspace.target.join(&host).join("dist").join(program))
}

/// Runs it: a static program that builds may still fail to start.
pub(crate) fn smoke_test(workspace: &Workspace) -> Result<String> {
    let artefact = workspace.dist_binary();
    let version = output(Command::new(&artefact).arg("--version"))?;
    if !version.starts_with("outlive ") {
        return Err(Error::new(format!(
            "`outlive --version` printed `{}`",
            version.trim()
        )));
    }
    let home = workspace.target.join("dist-smoke-home");
    let outlive = |arguments: &[&str]| {
        let mut command = Command::new(&artefact);
        command.args(arguments).env("OUTLIVE_HOME", &home);
        command
    };
    let printed = output(&mut outlive(&["run", "--follow", "--", "echo", "it runs"]))?;
    run(&mut outlive(&["prune"]))?;
    if printed == "it runs\n" {
        Ok(version.trim().to_owned())
    } else {
        Err(Error::new(format!(
            "`outlive run --follow -- echo it runs` printed `{printed}`"
        )))
    }
}

/// By rename: a keeper may be running from the file that is there.
fn publish(built: &Path, artefact: &Path) -> Result<()> {
    let folder = artefact.parent().unwrap_or(Path::new("."));
    let fresh = artefact.with_extension("new");
    fs::create_dir_all(folder)
        .and_then(|()| fs::copy(built, &fresh))
        .and_then(|_| fs::rename(&fresh, artefact))
        .context(|| format!("failed to put `{}` in place", artefact.display()))
}
