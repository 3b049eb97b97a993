//! Builds what is measured, then measures it.

use std::path::PathBuf;
use std::process::Command;

use crate::dist;
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::python;
use crate::setup;
use crate::windows;
use crate::workspace::{Workspace, run};

/// Debian packages of the programs that the measurements compare with.
const PEERS: &[&str] = &[
    "daemonize",
    "dtach",
    "runit",
    "s6",
    "supervisor",
    "task-spooler",
];

pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if arguments.iter().any(|it| it == "--windows") {
        return windows::bench(workspace);
    }
    let mut passed_on = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "--peers" => {
                if !setup::install(PEERS)? {
                    return Err(Error::new(
                        "failed to install the peers: that takes apt-get and root",
                    ));
                }
            }
            other => passed_on.push(other.to_owned()),
        }
    }
    if parts(&passed_on).is_none_or(|parts| parts.contains(&"python")) {
        python::bench(workspace, passed_on.iter().any(|it| it == "--quick"))?;
    }
    if parts(&passed_on).is_some_and(|parts| parts == ["python"]) {
        return Ok(());
    }
    eprintln!("release artefact: {}", dist::build(workspace)?);
    run(&mut workspace.cargo(&[
        "build",
        "--release",
        "--package",
        "outlive-cli",
        "--package",
        "outlive-bench",
    ]))?;
    let release = workspace.target.join("release");
    // Started directly: `cargo run` adds to LD_LIBRARY_PATH, which slows down every dynamically
    // linked peer.
    let mut bench = Command::new(release.join("outlive-bench"));
    if wants_machine(&passed_on) {
        let dist = workspace.dist_binary();
        match Machine::prepare(workspace, dist.to_str())? {
            Ok(machine) => bench.envs(machine.variables()),
            Err(lacking) => bench.env("OUTLIVE_BENCH_NO_MACHINE", lacking.to_string()),
        };
    }
    run(bench
        .args(passed_on)
        .env("OUTLIVE_BENCH_DIST", workspace.dist_binary())
        .env("OUTLIVE_BENCH_RELEASE", release.join("outlive"))
        .env("OUTLIVE_BENCH_FOLDER", scratch(workspace))
        .env_remove("LD_LIBRARY_PATH"))
}

/// The parts that are to be measured, if not all of them are.
fn parts(arguments: &[String]) -> Option<Vec<&str>> {
    let mut given = arguments.iter().skip_while(|it| **it != "--only").skip(1);
    given.next().map(|parts| parts.split(',').collect())
}

/// Whether something is measured in a machine of its own.
fn wants_machine(arguments: &[String]) -> bool {
    parts(arguments).is_none_or(|parts| parts.contains(&"delegated"))
}

fn scratch(workspace: &Workspace) -> PathBuf {
    workspace.target.join("bench")
}
