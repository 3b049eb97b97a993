//! Fuzzing on the stable compiler: libFuzzer with LLVM's own coverage instrumentation. Every parser
//! fuzzed is safe Rust, so no sanitizer is needed to see what it does wrong.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use crate::error::{Context, Error, Result};
use crate::value;
use crate::workspace::{Workspace, host, run};

const TARGETS: &[&str] = &[
    "record", "entries", "control", "launch", "lock", "cgroup", "mounts", "status", "notify",
];

pub(crate) const DEFAULT_SECONDS: u64 = 60;

/// What `cargo fuzz` passes too, less the sanitizer, which takes a nightly compiler.
const FLAGS: &str = "--cfg fuzzing -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares \
    -C debug-assertions -C overflow-checks -C codegen-units=1";

pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut seconds = DEFAULT_SECONDS;
    let mut targets = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            seconds = parse_seconds(value(argument, &mut rest)?)?;
        } else if let Some(target) = TARGETS.iter().find(|target| *target == argument) {
            targets.push(*target);
        } else {
            let known = TARGETS.join(", ");
            return Err(Error::new(format!(
                "no fuzz target `{argument}`; there are {known}"
            )));
        }
    }
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    let note = fuzz(workspace, &targets, seconds)?;
    println!("{note}");
    Ok(())
}

pub(crate) fn all(workspace: &Workspace, seconds: u64) -> Result<String> {
    fuzz(workspace, TARGETS, seconds)
}

pub(crate) fn parse_seconds(text: &str) -> Result<u64> {
    text.parse()
        .context(|| format!("failed to read `{text}` as seconds"))
}

/// Shares the time out: on each processor one target after the other.
fn fuzz(workspace: &Workspace, targets: &[&'static str], seconds: u64) -> Result<String> {
    let built = build(workspace, targets)?;
    let lanes = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(targets.len());
    let share = (seconds * lanes as u64 / targets.len() as u64).max(1);
    let lane = |lane: usize| -> Vec<(&str, Result<String>)> {
        let mine = targets.iter().skip(lane).step_by(lanes);
        mine.map(|target| {
            (
                *target,
                fuzz_one(workspace, &built.join(target), target, share),
            )
        })
        .collect()
    };
    let results: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..lanes)
            .map(|number| scope.spawn(move || lane(number)))
            .collect();
        started
            .into_iter()
            .flat_map(|lane| {
                lane.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut failed = Vec::new();
    for (target, result) in &results {
        match result {
            Ok(note) => eprintln!("{target:<8} {note}"),
            Err(error) => {
                eprintln!("{target:<8} FAILED: {error}");
                failed.push(*target);
            }
        }
    }
    if failed.is_empty() {
        Ok(format!("{} targets, {share} s each", results.len()))
    } else {
        Err(Error::new(format!(
            "failed to withstand fuzzing: {}",
            failed.join(", ")
        )))
    }
}

/// The folder that holds the built targets.
fn build(workspace: &Workspace, targets: &[&str]) -> Result<PathBuf> {
    let host = host()?;
    let target_folder = workspace.target.join("fuzz");
    let mut command = workspace.cargo(&[
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        "fuzz/Cargo.toml",
    ]);
    // An explicit target keeps the instrumentation away from build scripts, which would not link.
    command
        .args(["--target", &host])
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", &target_folder);
    for target in targets {
        command.args(["--bin", target]);
    }
    run(&mut command)?;
    Ok(target_folder.join(host).join("release"))
}

fn fuzz_one(
    workspace: &Workspace,
    program: &PathBuf,
    target: &str,
    seconds: u64,
) -> Result<String> {
    let folder = |kind: &str| workspace.target.join("fuzz").join(kind).join(target);
    let (corpus, crashes) = (folder("corpus"), folder("crashes"));
    for folder in [&corpus, &crashes] {
        fs::create_dir_all(folder).context(|| format!("failed to make `{}`", folder.display()))?;
    }
    let output = Command::new(program)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .args([
            "-timeout=5",
            "-rss_limit_mb=1024",
            "-max_len=65536",
            "-print_final_stats=1",
            "-verbosity=1",
        ])
        .arg(&corpus)
        .arg(workspace.root.join("fuzz").join("seeds").join(target))
        .stdin(Stdio::null())
        .output()
        .context(|| format!("failed to start `{}`", program.display()))?;
    let log = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(figures(&log));
    }
    let shown = log.lines().rev().take(40).collect::<Vec<_>>();
    for line in shown.iter().rev() {
        eprintln!("{target}: {line}");
    }
    Err(Error::new(format!(
        "{}; the input is in `{}`",
        output.status,
        crashes.display()
    )))
}

fn figures(log: &str) -> String {
    let stat = |name: &str| {
        log.lines()
            .find_map(|line| line.strip_prefix(name))
            .map_or("?", str::trim)
    };
    let coverage = log
        .rsplit_once(" cov: ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap_or("?");
    format!(
        "{} inputs, {} a second, coverage {coverage}, {} new for the corpus",
        stat("stat::number_of_executed_units:"),
        stat("stat::average_exec_per_sec:"),
        stat("stat::new_units_added:"),
    )
}
