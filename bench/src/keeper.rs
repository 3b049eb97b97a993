//! What an idle job costs: the memory of its keeper alone, and how often that wakes up.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use outlive::Job;

use crate::Options;
use crate::error::{Error, Result};
use crate::home::{Builds, Home};
use crate::sample::{Series, rounded};
use crate::supervisors;
use crate::table::Table;

const IDLE_JOBS: usize = 20;
const IDLE: Duration = Duration::from_secs(10);

pub(crate) fn measure(
    options: &Options,
    builds: &Builds,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    let idle = if options.quick { IDLE / 5 } else { IDLE };
    let home = Home::fresh(&folder.join("keeper"))?;
    let start = |outlive: &Path| -> Result<Vec<u32>> {
        (0..IDLE_JOBS)
            .map(|_| pid(&home.run(outlive, &[], &["sleep", "infinity"])?))
            .collect()
    };
    let (dist, release) = (start(&builds.dist)?, start(&builds.release)?);

    let before = wakeups(&dist)?;
    // This is the measurement: ten seconds in which nothing happens.
    thread::sleep(idle);
    let woken = Series::of(
        "wake-ups",
        wakeups(&dist)?
            .iter()
            .zip(&before)
            .map(|(a, b)| a - b)
            .collect(),
    );

    println!(
        "\nkeeper, {IDLE_JOBS} idle jobs: anonymous memory (KiB; median, spread of the middle half)"
    );
    let [dist, release] =
        [("outlive", dist), ("outlive, plain build", release)].map(|(name, pids)| {
            let memory = pids
                .iter()
                .map(|pid| anonymous(*pid))
                .collect::<Result<_>>()?;
            let series = Series::of(name, memory);
            println!("  {:<32} {}", series.name, series.figures());
            Ok::<_, Box<dyn std::error::Error>>(series)
        });
    let (dist, release) = (dist?, release?);
    drop(home);

    let peers = supervisors::anonymous_memory(&folder.join("supervisors"))?;
    let best = peers
        .iter()
        .min_by(|(_, one), (_, other)| one.total_cmp(other));
    let best = best.map_or_else(
        || "none installed".to_owned(),
        |(name, memory)| format!("{name}: {} KiB", rounded(*memory)),
    );
    table.limit(
        "keeper's anonymous memory, the most",
        (dist.max(), "KiB"),
        &best,
        96.0,
    );
    table.row(
        "the same, plain build",
        format!("{} KiB", rounded(release.max())),
        best,
        String::new(),
        String::new(),
        None,
    );
    let seconds = idle.as_secs();
    println!(
        "\nwake-ups in {seconds} idle seconds, the most of {IDLE_JOBS} keepers: {}",
        woken.max()
    );
    table.limit(
        &format!("keeper's wake-ups in {seconds} idle seconds"),
        (woken.max(), ""),
        "",
        0.0,
    );
    Ok(())
}

/// The keeper of a job.
pub(crate) fn pid(job: &Job) -> Result<u32> {
    let pid = job.status()?.keeper.pid;
    pid.and_then(|pid| u32::try_from(pid).ok())
        .ok_or_else(|| Error::new("the job has no keeper"))
}

/// Kilobytes of memory that belong to this process alone and to no file.
pub(crate) fn anonymous(pid: u32) -> Result<f64> {
    field(&format!("/proc/{pid}/smaps_rollup"), "Anonymous:")
}

fn wakeups(pids: &[u32]) -> Result<Vec<f64>> {
    let switches = |pid: &u32| {
        let status = format!("/proc/{pid}/status");
        Ok(field(&status, "voluntary_ctxt_switches:")?
            + field(&status, "nonvoluntary_ctxt_switches:")?)
    };
    pids.iter().map(switches).collect()
}

fn field(path: &str, name: &str) -> Result<f64> {
    let text = fs::read_to_string(path)
        .map_err(|error| Error::new(format!("failed to read `{path}`: {error}")))?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .ok_or_else(|| Error::new(format!("no `{name}` in `{path}`")))
}
