//! Setting a soak up, letting it run, and clearing up after it.

use super::clock::Clock;
use super::faults::Faults;
use super::ledger::{Deed, Entry, Ledger};
use super::verdict::Verdict;
use crate::home::Home;
use crate::place::{Mount, own_mounts};
use crate::process::Running;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How many processes do things to jobs at a time.
const WORKERS: u64 = 4;
/// The size of the disk that the jobs are on, if it is one of its own.
const DISK: &str = "64m";

/// Runs for so many seconds, then says what went wrong.
pub(super) fn run(seconds: u64, seed: u64) -> ExitCode {
    println!("seed {seed}");
    let home = Home::new();
    let ledger = Ledger::open(&home.folder().join("ledger"));
    let own = own_mounts("a full disk, and clocks that jump");
    let disk = own.then(|| Mount::over(&home, DISK));
    let mut workers: Vec<Running> = (0..WORKERS)
        .map(|number| worker(&home, ledger.path(), seed.wrapping_add(number)))
        .collect();
    for worker in &mut workers {
        worker.out.line().expect("a worker says that it is ready");
    }
    // Those above keep their clocks: they watch that nothing takes too long.
    let clock = own.then(|| Clock::make(home.folder())).flatten();
    let mut faults = Faults {
        home: &home,
        ledger: &ledger,
        random: Rng::with_seed(!seed),
        disk: disk.as_ref(),
        clock: clock.as_ref(),
        counts: BTreeMap::new(),
    };
    faults.until(Instant::now() + Duration::from_secs(seconds));
    let counts = faults.counts;
    let mut failed = false;
    let mut commands = 0;
    for worker in workers {
        // The end of its standard input is the end of its work.
        let said = worker.finish();
        commands += said.text().parse::<u64>().unwrap_or(0);
        if said.code != 0 {
            eprintln!("{said}");
            failed = true;
        }
    }
    println!("{commands} commands were given; {counts:?}");
    end_all(&home, &ledger);
    match Verdict::new(&home, &ledger.read()).compare(&home.list()) {
        Ok(summary) => println!("{summary}"),
        Err(complaints) => {
            eprint!("{complaints}");
            failed = true;
        }
    }
    home.ok(["prune"]);
    let left = left(&home, &ledger);
    if !left.is_empty() {
        eprintln!("left over: {left:?}");
        failed = true;
    }
    ExitCode::from(u8::from(failed))
}

fn worker(home: &Home, ledger: &Path, seed: u64) -> Running {
    let own = std::env::current_exe().expect("a program knows its path");
    let words = [
        own.as_os_str(),
        "work".as_ref(),
        home.outlive().as_os_str(),
        home.path().as_os_str(),
        ledger.as_os_str(),
    ];
    let seed = OsString::from(seed.to_string());
    let mut command = home.command(words.into_iter().chain([seed.as_os_str()]));
    Running::start(command.stdin(Stdio::piped()))
}

/// Ends what is left of all jobs by outlive's own means: also of those that have ended, since what
/// they left behind may still be being stopped, or their keeper be gone.
fn end_all(home: &Home, ledger: &Ledger) {
    for job in home.list() {
        let id = job["id"].as_str().expect("an id is text");
        if job["state"] == "running" || job["state"] == "waiting" {
            ledger.write(id, &Entry::About(Deed::End));
        }
        let said = home.call(["stop", id, "--grace", "300ms"]);
        // One whose time to be kept is over goes whenever a keeper comes by.
        assert!(said.code == 0 || !home.job(id).exists(), "{said}");
    }
}

/// The files and cgroups that are left once all jobs have been removed.
fn left(home: &Home, ledger: &Ledger) -> Vec<PathBuf> {
    let jobs: BTreeSet<String> = ledger.read().into_iter().map(|(job, _)| job).collect();
    let mut left = Vec::new();
    find_cgroups(Path::new("/sys/fs/cgroup"), &jobs, &mut left);
    let files = ["jobs", "names"].map(|folder| std::fs::read_dir(home.path().join(folder)));
    let files = files.into_iter().flatten().flatten().flatten();
    left.extend(files.map(|file| file.path()));
    left
}

/// The cgroups of these jobs: their names are an id, a dot and their keeper's pid.
fn find_cgroups(folder: &Path, jobs: &BTreeSet<String>, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| name.rsplit_once('.'));
        if name.is_some_and(|(id, _)| jobs.contains(id)) {
            found.push(entry.path());
        }
        find_cgroups(&entry.path(), jobs, found);
    }
}
