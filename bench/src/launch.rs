//! `outlive run -- true`, from its start to its return, and what others take for as much or less.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, id};
use std::time::Instant;

use crate::Options;
use crate::error::{Error, Result};
use crate::home::{Builds, Home};
use crate::peers::{self, Launcher, quiet};
use crate::sample::{Series, interleave};
use crate::table::Table;

const TRUE: &str = "true";
const DIST: &str = "outlive run";
const RELEASE: &str = "outlive run, plain build";
const IN_MEMORY: &str = "outlive run, home on tmpfs";
const PUEUE: &str = "pueue add";

/// Milliseconds from which on a launcher is measured a few times only.
const SLOW: f64 = 50.0;

pub(crate) fn measure(
    options: &Options,
    builds: &Builds,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    let home = Home::fresh(&folder.join("launch"))?;
    // What the disk has to do with it.
    let in_memory = Home::fresh(&Path::new("/dev/shm").join(format!("outlive-bench-{}", id())))?;
    let (mut launchers, missing) = peers::launchers(folder);
    let peer_names: Vec<_> = launchers.iter().map(|launcher| launcher.name).collect();
    let mut one = |name: &str| match name {
        TRUE => wall(quiet(&mut Command::new("true"))),
        DIST => ours(&home, &builds.dist),
        RELEASE => ours(&home, &builds.release),
        IN_MEMORY => ours(&in_memory, &builds.dist),
        peer => {
            let launcher = launchers.iter_mut().find(|launcher| launcher.name == peer);
            wall(
                &mut launcher
                    .map(Launcher::command)
                    .ok_or_else(|| Error::new("no such peer"))?,
            )
        }
    };
    for name in &peer_names {
        // The first use starts a server or warms a cache.
        one(name)?;
    }
    let (here, there) = (new_folder(home.folder())?, new_folder(in_memory.folder())?);
    println!("\na folder as each job has takes {here:.0} us in the home, {there:.0} on tmpfs");
    let rounds = if options.quick { 20 } else { 100 };
    let alone = interleave(rounds, &[TRUE, DIST, RELEASE, IN_MEMORY], &mut one)?;
    show(&alone);
    // Apart from the above, since what most of these leave behind goes on after their return.
    let (mut names, mut slow) = (vec![DIST], vec![DIST]);
    for name in peer_names {
        let took = one(name)?;
        let kind = if took > SLOW { &mut slow } else { &mut names };
        kind.push(name);
    }
    let beside = interleave(rounds, &names, &mut one)?;
    show(&beside);
    if slow.len() > 1 {
        show(&interleave(5, &slow, &mut one)?);
    }
    if !missing.is_empty() {
        println!("  not installed: {}", missing.join(", "));
    }

    let [plain, dist, release, memory] =
        [TRUE, DIST, RELEASE, IN_MEMORY].map(|name| Series::named(&alone, name));
    table.ratio("outlive run -- true, wall", (dist, "ms"), plain, 2.5);
    table.note("the same, plain build", (release, "ms"), plain);
    table.note("the same, home on tmpfs", (memory, "ms"), plain);
    for peer in beside.iter().filter(|series| series.name != DIST) {
        let dist = Series::named(&beside, DIST);
        if peer.name == PUEUE {
            table.ratio("the same beside a daemon", (dist, "ms"), peer, 1.0);
        } else {
            table.note("the same beside it", (dist, "ms"), peer);
        }
    }
    in_memory.remove()
}

/// What it takes to make a folder with four files, as each job has one, in microseconds. It tells whether
/// the file system is busy with itself: ext4 looks at each inode that was deleted within minutes before it
/// takes another one (recently_deleted in fs/ext4/ialloc.c), and so makes files ten times as slowly after a
/// large deletion.
fn new_folder(home: &Path) -> Result<f64> {
    let folders: Vec<_> = (0..5).map(|it| home.join(format!("new-{it}"))).collect();
    let mut took = Vec::new();
    for folder in &folders {
        let begun = Instant::now();
        fs::create_dir(folder)?;
        for file in ["lock", "output", "control", "record"] {
            File::create(folder.join(file))?;
        }
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    folders.iter().try_for_each(fs::remove_dir_all)?;
    Ok(Series::of("a new folder", took).median())
}

/// Milliseconds; the job is then waited for, so that its end disturbs nothing.
pub(crate) fn ours(home: &Home, outlive: &Path) -> Result<f64> {
    // A file, as cheap to write to as the others' `/dev/null`, and no pipe to be read meanwhile.
    let (answer, file) = home.answer_file()?;
    let took = wall(home.command(outlive, &["run", "--", "true"]).stdout(file))?;
    home.job(&answer)?.wait(None)?;
    Ok(took)
}

fn wall(command: &mut Command) -> Result<f64> {
    let begun = Instant::now();
    let status = command.status()?;
    let took = begun.elapsed();
    if status.success() {
        Ok(took.as_secs_f64() * 1000.0)
    } else {
        Err(Error::new(format!(
            "{:?} ended with {status}",
            command.get_program()
        )))
    }
}

fn show(series: &[Series]) {
    println!(
        "\nstart to return (ms; median of {} rounds, spread of the middle half)",
        series[0].len()
    );
    for one in series {
        println!("  {:<32} {}", one.name, one.figures());
    }
}
