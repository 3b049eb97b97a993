//! `outlive run -- true` where a systemd manager has to start it, beside `systemd-run`: in a
//! machine of its own with a real systemd, which `cargo xtask box` boots, too.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Options;
use crate::error::{Error, Result};
use crate::sample::{Series, interleave};
use crate::table::Table;

const TRUE: &str = "true";
const OURS: &str = "outlive run";
const STAYS: &str = "outlive run --breakaway off";
const SYSTEMD: &str = "systemd-run";
const SYSTEMD_EXEC: &str = "systemd-run -p Type=exec";
const SPAWN: &str = "Command::spawn";
const SPAWN_STAYS: &str = "Command::spawn, breakaway off";

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if let Ok(why) = env::var("OUTLIVE_BENCH_NO_MACHINE") {
        println!("\nSKIPPED: what a systemd manager starts: {why}");
        return Ok(());
    }
    let rounds = if options.quick { 41 } else { 101 };
    let all = [TRUE, OURS, STAYS, SYSTEMD, SYSTEMD_EXEC];
    for (place, user, title) in [
        ("service", "user", "from a service, as a plain user"),
        ("hunted", "root", "below a subreaper, as root"),
    ] {
        let series = Stopwatch::start(place)?.rounds(rounds, &all)?;
        show(title, &series);
        let of = |name| Series::named(&series, name);
        for peer in [SYSTEMD, SYSTEMD_EXEC] {
            let what = format!("outlive run -- true, delegated ({user})");
            table.ratio(&what, (of(OURS), "ms"), of(peer), 1.2);
        }
        let what = format!("outlive run -- true, direct, there ({user})");
        table.note(&what, (of(STAYS), "ms"), of(TRUE));
    }
    let series = Stopwatch::start("service")?.rounds(rounds, &[SPAWN, SPAWN_STAYS])?;
    show("a child, from a service, as a plain user", &series);
    let [scoped, stays] = [SPAWN, SPAWN_STAYS].map(|name| Series::named(&series, name));
    table.note("a child moved to a scope", (scoped, "ms"), stays);
    Ok(())
}

fn show(title: &str, series: &[Series]) {
    println!(
        "\n{title} (ms to its return; median of {} rounds, spread of the middle half)",
        series[0].len()
    );
    for one in series {
        println!("  {:<32} {}", one.name, one.figures());
    }
}

/// A program in a machine that starts what it is told and says how long that took.
struct Stopwatch {
    machine: Child,
    told: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Stopwatch {
    /// Boots a machine with one in these surroundings.
    fn start(place: &str) -> Result<Self> {
        let variable = |name: &str| {
            env::var_os(name).ok_or_else(|| {
                Error::new(format!("no `{name}`: start this by `cargo xtask bench`"))
            })
        };
        let mut machine = Command::new(variable("OUTLIVE_BENCH_MACHINE")?)
            .arg("box")
            .arg(variable("OUTLIVE_BENCH_MACHINE_ROOT")?)
            .arg(variable("OUTLIVE_BENCH_MACHINE_SCRATCH")?)
            .arg(variable("OUTLIVE_BENCH_DIST")?)
            .args(["survive", "stopwatch", place])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let told = machine.stdin.take();
        let said = machine.stdout.take();
        let said = said.ok_or_else(|| Error::new("a machine without an output"))?;
        Ok(Self {
            machine,
            told,
            said: BufReader::new(said),
        })
    }

    fn rounds(mut self, rounds: usize, names: &[&str]) -> Result<Vec<Series>> {
        for name in names {
            // The first use warms a cache or starts something.
            self.time(name)?;
        }
        interleave(rounds, names, |name| self.time(name))
    }

    fn time(&mut self, name: &str) -> Result<f64> {
        let told = self.told.as_mut();
        writeln!(told.ok_or_else(|| Error::new("nobody to tell"))?, "{name}")?;
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        let took = line.trim().parse();
        took.map_err(|_| Error::new(format!("`{name}` was not timed: {line:?}")))
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        // At the end of its orders the machine powers off.
        drop(self.told.take());
        let _ = self.machine.wait();
    }
}
