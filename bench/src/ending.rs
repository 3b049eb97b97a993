//! What it takes to learn of a job's end, and to end a large tree.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use outlive::Job;

use crate::Options;
use crate::error::{Error, Result};
use crate::home::{Builds, Home};
use crate::sample::{Series, interleave};
use crate::table::Table;

const WAIT: &str = "outlive wait";
const PARENT: &str = "the parent's wait";
const POLITE: &str = "outlive stop";
const FORCED: &str = "outlive stop --grace 0s";
/// How many processes the tree has, beside its main one.
const TREE: usize = 1000;
/// Until `wait` waits, which nothing tells.
const SETTLED: Duration = Duration::from_millis(30);

pub(crate) fn measure(
    options: &Options,
    builds: &Builds,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    let home = Home::fresh(&folder.join("ending"))?;
    let rounds = if options.quick { 20 } else { 101 };
    let waits = interleave(rounds, &[WAIT, PARENT], |name| match name {
        WAIT => wait(&home, &builds.dist),
        _ => parent(),
    })?;
    let rounds = if options.quick { 3 } else { 11 };
    let stops = interleave(rounds, &[POLITE, FORCED], |name| {
        let grace = if name == FORCED { "0s" } else { "10s" };
        stop(&home, &builds.dist, grace)
    })?;
    for (title, series) in [
        (
            "From the kill of a job's main process until it is known",
            &waits,
        ),
        ("Stop of a tree of 1,000 processes", &stops),
    ] {
        println!("\n{title} (ms; median, spread of the middle half)");
        for one in series {
            println!("  {:<32} {}", one.name, one.figures());
        }
    }
    let median = Series::named(&waits, WAIT).median();
    table.limit(
        "from a job's end to the end of `wait`",
        (median, "ms"),
        "",
        5.0,
    );
    for (name, what) in [(POLITE, "politely"), (FORCED, "by force")] {
        let median = Series::named(&stops, name).median();
        let what = format!("stop {TREE} processes {what}");
        table.limit(&what, (median, "ms"), "", 1000.0);
    }
    home.remove()
}

fn pid(job: &Job) -> Result<String> {
    let pid = job.status()?.pid;
    pid.map(|pid| pid.to_string())
        .ok_or_else(|| Error::new("a job that runs has no process id"))
}

fn kill(pid: &str) -> Result<()> {
    let status = Command::new("kill").args(["-KILL", pid]).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::new(format!("`kill` ended with {status}"))),
    }
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

/// From before the kill to after the end of `outlive wait`.
fn wait(home: &Home, outlive: &Path) -> Result<f64> {
    let job = home.run(outlive, &[], &["sleep", "infinity"])?;
    let pid = pid(&job)?;
    let mut waits = home.command(outlive, &["wait", job.id()]).spawn()?;
    thread::sleep(SETTLED);
    let begun = Instant::now();
    kill(&pid)?;
    waits.wait()?;
    Ok(milliseconds(begun))
}

/// The same of a child of this process.
fn parent() -> Result<f64> {
    let mut child = Command::new("sleep")
        .arg("infinity")
        .stdin(Stdio::null())
        .spawn()?;
    thread::sleep(SETTLED);
    let begun = Instant::now();
    kill(&child.id().to_string())?;
    child.wait()?;
    Ok(milliseconds(begun))
}

fn stop(home: &Home, outlive: &Path, grace: &str) -> Result<f64> {
    let script = format!(
        "i=0; while [ $i -lt {TREE} ]; do sleep infinity & i=$((i+1)); done; echo grown; wait"
    );
    let job = home.run(outlive, &[], &["sh", "-c", &script])?;
    let mut output = job.follow(job.output()?)?;
    let mut read = [0; 64];
    if std::io::Read::read(&mut output, &mut read)? == 0 {
        return Err(Error::new("the tree has not grown"));
    }
    let begun = Instant::now();
    let status = home
        .command(outlive, &["stop", "--grace", grace, job.id()])
        .stderr(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(milliseconds(begun)),
        false => Err(Error::new(format!("`outlive stop` ended with {status}"))),
    }
}
