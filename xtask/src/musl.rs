//! `cargo xtask musl`: the release artefact for arm64, tried in an emulated machine.

use std::fs;
use std::path::PathBuf;

use crate::cross::Place;
use crate::cross::emulator::Emulator;
use crate::dist::{self, FOREIGN};
use crate::elf;
use crate::error::{Context, Error, Result};
use crate::report::Report;
use crate::workspace::Workspace;

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
    let mut report = Report::new();
    report.step("aarch64", || {
        let (program, note) = build(workspace)?;
        let place = Place::hold(workspace, "musl")?;
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
    match report.summary() {
        0 => Ok(()),
        failed => Err(Error::new(format!("{failed} of the steps did not pass"))),
    }
}

/// Builds as the release artefact is built; the program, and what it is.
fn build(workspace: &Workspace) -> Result<(PathBuf, String)> {
    let program = dist::build_for(workspace, FOREIGN, "outlive-cli", "outlive")?;
    let image = fs::read(&program).context(|| format!("failed to read `{}`", program.display()))?;
    elf::must_be_static_and_fixed(&image)
        .map_err(|why| Error::new(format!("`{}` is {why}", program.display())))?;
    let size = image.len() as f64 / (1024.0 * 1024.0);
    Ok((program, format!("{size:.2} MiB, static, fixed address")))
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
