//! `cargo xtask musl`: static builds that no C library of the machine is needed for, tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cross::emulator::Emulator;
use crate::cross::zig::Zig;
use crate::cross::{Place, Toolchain};
use crate::dist;
use crate::elf;
use crate::error::{Context, Error, Result};
use crate::report::Report;
use crate::workspace::{Workspace, output, run};

const NATIVE: &str = "x86_64-unknown-linux-musl";
const FOREIGN: &str = "aarch64-unknown-linux-musl";

/// Starts jobs, waits for them, and looks at them. The last line says that all of it held.
const SMOKE: &str = r#"set -eu
export OUTLIVE_HOME="${TMPDIR:-/tmp}/outlive-smoke"
version=$(outlive --version)
id=$(outlive run -- true)
outlive wait "$id"
outlive list --json | grep -q "\"id\":\"$id\".*\"state\":\"exited\".*\"exit_code\":0"
id=$(outlive run -- sh -c 'exit 7')
code=0
outlive wait "$id" || code=$?
test "$code" = 7
outlive run --follow -- echo 'it prints' | grep -q '^it prints$'
outlive prune >/dev/null
echo "passed: $version on $(uname -m), Linux $(uname -r)"
"#;

pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if let Some(other) = arguments.first() {
        return Err(Error::new(format!("unknown option `{other}` of `musl`")));
    }
    let place = Place::hold(workspace, "musl")?;
    let mut report = Report::new();
    let mut zig = None;
    report.step("set-up", || {
        zig = Some(Zig::prepare(&place.downloads)?);
        Ok(String::new())
    });
    if let Some(zig) = &zig {
        report.step("x86_64", || {
            let (program, note) = build(workspace, &place, zig, NATIVE)?;
            Ok(format!("{note}; {}", try_here(workspace, &program)?))
        });
        report.step("aarch64", || {
            let (program, note) = build(workspace, &place, zig, FOREIGN)?;
            let emulator = match Emulator::prepare(&place.downloads) {
                Err(error) if error.is_lacking() => {
                    eprintln!("SKIPPED: {FOREIGN} was built and not run: {error}");
                    return Ok(format!("{note}; SKIPPED: {error}"));
                }
                emulator => emulator?,
            };
            let printed = emulator.run("outlive", &program, SMOKE)?;
            Ok(format!("{note}; {}", verdict(&printed)?))
        });
    } else {
        report.not_run("x86_64", "set-up");
        report.not_run("aarch64", "set-up");
    }
    match report.summary() {
        0 => Ok(()),
        failed => Err(Error::new(format!("{failed} of the steps did not pass"))),
    }
}

/// Builds as the release artefact is built; the program, and what it is.
fn build(
    workspace: &Workspace,
    place: &Place,
    zig: &Zig,
    target: &'static str,
) -> Result<(PathBuf, String)> {
    // Zig has musl, and links what starts a program itself.
    let flags = format!("-Clink-self-contained=no {}", dist::FLAGS);
    let mut toolchain = Toolchain::prepare(place, target, &flags)?;
    toolchain.set_variables(zig.variables()?);
    let words = ["zigbuild", "--profile", "dist", "--target", target];
    let of_program = ["--package", "outlive-cli", "--bin", "outlive"];
    run(toolchain.cargo(workspace, &words).args(of_program))?;
    let program = workspace.target.join(target).join("dist/outlive");
    let image = fs::read(&program).context(|| format!("failed to read `{}`", program.display()))?;
    elf::must_be_static_and_fixed(&image)
        .map_err(|why| Error::new(format!("`{}` is {why}", program.display())))?;
    let size = image.len() as f64 / (1024.0 * 1024.0);
    Ok((program, format!("{size:.2} MiB, static, fixed address")))
}

fn try_here(workspace: &Workspace, program: &Path) -> Result<String> {
    let scratch = workspace.target.join("musl-toolchain/smoke");
    fs::create_dir_all(&scratch).context(|| format!("failed to make `{}`", scratch.display()))?;
    let folder = program.parent().unwrap_or(Path::new("/"));
    let own = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        [folder.to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&own)),
    )
    .context(|| "failed to add to PATH".to_owned())?;
    let mut script = Command::new("sh");
    script
        .args(["-c", SMOKE])
        .env("PATH", path)
        .env("TMPDIR", &scratch);
    verdict(&output(&mut script)?)
}

/// The line that says that all went well.
fn verdict(printed: &str) -> Result<String> {
    let passed = printed.lines().find(|line| line.starts_with("passed: "));
    passed
        .map(str::to_owned)
        .ok_or_else(|| Error::new(format!("failed in between; it printed:\n{printed}")))
}
