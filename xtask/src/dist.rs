//! The release artefact. How it is linked decides the keeper's memory and how fast a job starts:
//! static and at a fixed address there is no dynamic loader, and no page is written for relocations.
//! With musl, since glibc asks the processor some fifty times what it is before `main` (cpuid, in
//! init_cpu_features), and in a virtual machine each time is microseconds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cross::zig::Zig;
use crate::cross::{Place, Toolchain};
use crate::elf;
use crate::error::{Context, Error, Result};
use crate::workspace::{Workspace, host, output, run};

pub(crate) const NATIVE: &str = "x86_64-unknown-linux-musl";
pub(crate) const FOREIGN: &str = "aarch64-unknown-linux-musl";

const FLAGS: &str = "-C target-feature=+crt-static -C relocation-model=static";

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
    Ok(format!(
        "{size:.2} MiB, static, fixed address, {}",
        target()?
    ))
}

/// Builds a program as the release artefact is built: it runs on any machine of this kind.
pub(crate) fn build_static(workspace: &Workspace, package: &str, program: &str) -> Result<PathBuf> {
    build_for(workspace, target()?, package, program)
}

/// The same for machines of another kind.
pub(crate) fn build_for(
    workspace: &Workspace,
    target: &'static str,
    package: &str,
    program: &str,
) -> Result<PathBuf> {
    let what = ["--package", package, "--bin", program];
    let how = ["--release", "--target", target];
    if target == self::target()? && has_musl(target)? {
        let flags = match env::var("RUSTFLAGS") {
            Ok(own) => format!("{own} {FLAGS}"),
            Err(_) => FLAGS.to_owned(),
        };
        let mut build = workspace.cargo(&["build"]);
        run(build.args(how).args(what).env("RUSTFLAGS", flags))?;
    } else {
        let place = Place::hold(workspace, "musl")?;
        let zig = Zig::prepare(&place.downloads)?;
        // Zig has musl, and links what starts a program itself.
        let flags = format!("-Clink-self-contained=no {FLAGS}");
        let mut toolchain = Toolchain::prepare(&place, target, &flags)?;
        toolchain.set_variables(zig.variables()?);
        run(toolchain
            .cargo(workspace, &["zigbuild"])
            .args(how)
            .args(what))?;
    }
    Ok(workspace.target.join(target).join("release").join(program))
}

/// What the release artefact is built for on this machine.
fn target() -> Result<&'static str> {
    let host = host()?;
    let known = [NATIVE, FOREIGN].into_iter().find(|known| {
        let machine = known.split('-').next();
        host.contains("-linux-") && host.split('-').next() == machine
    });
    known.ok_or_else(|| {
        Error::new(format!(
            "failed to build for `{host}`: only for Linux on x86-64 and arm64 so far"
        ))
    })
}

/// Whether the compiler has std for this target, and musl with it. Rustup has both.
fn has_musl(target: &str) -> Result<bool> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let musl = format!("lib/rustlib/{target}/lib/self-contained/libc.a");
    let musl = Path::new(sysroot.trim()).join(musl);
    if !musl.exists() {
        // Where there is no rustup, or it can't reach its server, there is another way.
        let _ = Command::new("rustup")
            .args(["target", "add", target])
            .status();
    }
    Ok(musl.exists())
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
