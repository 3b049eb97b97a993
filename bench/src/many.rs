//! Many jobs: what `list` takes then, and whether a launch takes longer.

use std::path::Path;
use std::thread;
use std::time::Instant;

use crate::Options;
use crate::error::{Error, Result};
use crate::home::{Builds, Home};
use crate::launch;
use crate::sample::{Series, interleave};
use crate::table::Table;

const EMPTY: &str = "empty home";
const RUNNING: &str = "with running jobs";
const FINISHED: &str = "with finished jobs";

/// How much longer a launch may take and still be called the same.
const FLAT: f64 = 1.15;

pub(crate) fn measure(
    options: &Options,
    builds: &Builds,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    let (running, finished) = if options.quick {
        (100, 1000)
    } else {
        (1000, 10_000)
    };
    let homes =
        [EMPTY, RUNNING, FINISHED].map(|name| Home::fresh(&folder.join(name.replace(' ', "-"))));
    let [empty, of_running, of_finished] = homes;
    let (empty, of_running, of_finished) = (empty?, of_running?, of_finished?);
    fill(&of_running, builds, running, &["sleep", "infinity"])?;
    fill(&of_finished, builds, finished, &["true"])?;
    of_finished.settle()?;

    let home = |name: &str| match name {
        RUNNING => &of_running,
        FINISHED => &of_finished,
        _ => &empty,
    };
    let rounds = if options.quick { 10 } else { 31 };
    let lists = interleave(rounds, &[RUNNING, FINISHED], |name| {
        let mut list = home(name).command(&builds.dist, &["list"]);
        let begun = Instant::now();
        let status = list.status()?;
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        if status.success() {
            Ok(took)
        } else {
            Err(Error::new(format!("`outlive list` ended with {status}")))
        }
    })?;
    let rounds = if options.quick { 20 } else { 61 };
    let launches = interleave(rounds, &[EMPTY, RUNNING, FINISHED], |name| {
        launch::ours(home(name), &builds.dist)
    })?;
    for (title, series) in [("outlive list", &lists), ("outlive run -- true", &launches)] {
        println!(
            "\n{title}, {running} running or {finished} finished jobs (ms; median, spread of the middle half)"
        );
        for one in series {
            println!("  {:<32} {}", one.name, one.figures());
        }
    }
    for (name, count, what, reach) in [
        (RUNNING, running, "running", 50.0),
        (FINISHED, finished, "finished", 150.0),
    ] {
        let series = Series::named(&lists, name);
        table.limit(
            &format!("list with {count} {what} jobs"),
            (series.median(), "ms"),
            "",
            reach,
        );
    }
    let alone = Series::named(&launches, EMPTY);
    for (name, count) in [(RUNNING, running), (FINISHED, finished)] {
        let series = Series::named(&launches, name);
        table.ratio(
            &format!("launch {name} ({count})"),
            (series, "ms"),
            alone,
            FLAT,
        );
    }
    Ok(())
}

/// Starts `count` jobs, as many at a time as there are processors.
fn fill(home: &Home, builds: &Builds, count: usize, job: &[&str]) -> Result<()> {
    let lanes = thread::available_parallelism().map_or(1, usize::from);
    let failed = thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes)
            .map(|lane| {
                scope.spawn(move || {
                    (lane..count)
                        .step_by(lanes)
                        .try_for_each(|_| home.run(&builds.dist, &[], job).map(drop))
                        .map_err(|error| error.to_string())
                })
            })
            .collect();
        lanes
            .into_iter()
            .filter_map(|lane| {
                lane.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                    .err()
            })
            .next()
    });
    match failed {
        Some(error) => Err(Error::new(error)),
        None => Ok(()),
    }
}
