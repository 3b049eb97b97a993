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

/// Limits a job by cgroups of version 2 alone: a machine of one's own has all of their controllers.
const LIMITS: &str = r#"
mount -t cgroup2 none /sys/fs/cgroup
id=$(outlive run --memory 64M --cpus 0.5 --tasks 8 -- sleep 1000)
group=$(echo /sys/fs/cgroup/outlive/"$id".*)
test "$(cat "$group/memory.max")" = 67108864
test "$(cat "$group/memory.swap.max")" = 0
test "$(cat "$group/cpu.max")" = "50000 100000"
test "$(cat "$group/pids.max")" = 8
outlive show "$id" | grep -q '^Uses .*1 tasks'
outlive stop "$id"
test ! -e "$group"
id=$(outlive run --memory 16M -- dd if=/dev/zero of=/dev/null bs=64M count=1)
code=0
outlive wait "$id" || code=$?
test "$code" = 137
outlive show "$id" | grep -q '^State .*out of memory (limit 16MiB)'
outlive prune >/dev/null
echo "passed: limits"
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
            let script = format!("{SMOKE}{LIMITS}");
            let printed = emulator.run("outlive", &program, &script)?;
            let passed = verdicts(&printed, 2)?;
            Ok(format!("{note}; {}", passed.join(", ")))
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
    Ok(verdicts(&output(&mut script)?, 1)?.join(", "))
}

/// The lines that say that all went well, one of each script.
fn verdicts(printed: &str, scripts: usize) -> Result<Vec<&str>> {
    let lines = printed.lines();
    let passed: Vec<&str> = lines.filter(|line| line.starts_with("passed: ")).collect();
    match passed.len() == scripts {
        true => Ok(passed),
        false => Err(Error::new(format!(
            "failed in between; it printed:\n{printed}"
        ))),
    }
}
