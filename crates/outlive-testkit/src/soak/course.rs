//! Setting a soak up, letting it run, and clearing up after it.

use super::clock::Clock;
use super::faults::Faults;
use super::ledger::{Deed, Entry, Ledger, job_of};
use super::story::story;
use super::verdict::complaints;
use crate::home::Home;
use crate::place::{Mount, own_mounts};
use crate::process::Running;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How many processes do things to jobs at a time.
const WORKERS: u64 = 4;
/// The size of the disk that the jobs are on, if it is one of its own.
const DISK: &str = "64m";
/// Of how many jobs all is told if something is wrong with them.
const STORIES: usize = 8;

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
    let mut wrong = Vec::new();
    let mut commands = 0;
    for worker in workers {
        // The end of its standard input is the end of its work.
        let said = worker.finish();
        commands += said.text().parse::<u64>().unwrap_or(0);
        if said.code != 0 {
            wrong.push(said.to_string());
        }
    }
    println!("{commands} commands were given; {counts:?}");
    wrong.extend(end_all(&home, &ledger));
    let (lines, listed) = (ledger.read(), home.list());
    let mut complaints = complaints(&home, &lines, &listed);
    for (process, id) in home.stuck() {
        let job = id.as_deref().map_or("no job", job_of).to_owned();
        let what = format!("has left this running: {process}");
        complaints.entry(job).or_default().push(what);
    }
    let mut stories: Vec<String> = complaints
        .keys()
        .map(|job| story(&home, &lines, job))
        .collect();
    let said = home.call(["prune"]);
    if said.code != 0 {
        wrong.push(said.to_string());
    }
    let jobs: BTreeSet<&str> = lines.iter().map(|line| &*line.job).collect();
    for left in left(&home, &jobs) {
        let job = jobs
            .iter()
            .find(|job| is_of(&left, job))
            .map_or("no job", |job| job);
        if !complaints.contains_key(job) {
            stories.push(story(&home, &lines, job));
        }
        let what = format!("has left this over: {}", left.display());
        complaints.entry(job.to_owned()).or_default().push(what);
    }
    for (job, complaints) in complaints {
        wrong.extend(complaints.iter().map(|what| format!("{job} {what}")));
    }
    if wrong.is_empty() {
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        let of_each = listed.iter().filter_map(|job| job["state"].as_str());
        of_each.for_each(|state| *states.entry(state).or_default() += 1);
        let (jobs, listed) = (jobs.len(), listed.len());
        println!("{jobs} jobs, {listed} listed at the end: {states:?}");
        return ExitCode::SUCCESS;
    }
    // What is wrong comes last: where only the end of all this is kept, it is there.
    stories.truncate(STORIES);
    eprintln!(
        "{}\nseed {seed}: {} things are wrong:",
        stories.concat(),
        wrong.len()
    );
    wrong.iter().for_each(|what| eprintln!("{what}"));
    ExitCode::FAILURE
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
/// they left behind may still be being stopped, or their keeper be gone. What went wrong with that.
fn end_all(home: &Home, ledger: &Ledger) -> Vec<String> {
    let mut wrong = Vec::new();
    for job in home.list() {
        let id = job["id"].as_str().expect("an id is text");
        if job["state"] == "running" || job["state"] == "waiting" {
            ledger.write(id, &Entry::About(Deed::End));
        }
        let said = home.call(["stop", id, "--grace", "300ms"]);
        ledger.write(id, &Entry::Note(format!("in the end: {said}")));
        // One whose time to be kept is over goes whenever a keeper comes by.
        if said.code != 0 && home.job(id).exists() {
            wrong.push(said.to_string());
        }
    }
    wrong
}

/// The files and cgroups that are left once all jobs have been removed.
fn left(home: &Home, jobs: &BTreeSet<&str>) -> Vec<PathBuf> {
    let mut left = Vec::new();
    find_cgroups(Path::new("/sys/fs/cgroup"), jobs, &mut left);
    let files = ["jobs", "names"].map(|folder| std::fs::read_dir(home.path().join(folder)));
    let files = files.into_iter().flatten().flatten().flatten();
    left.extend(files.map(|file| file.path()));
    left
}

/// The cgroups of these jobs: their names have an id, a dot and their keeper's pid.
fn find_cgroups(folder: &Path, jobs: &BTreeSet<&str>, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        if jobs.iter().any(|job| is_of(&path, job)) {
            found.push(path.clone());
        }
        find_cgroups(&path, jobs, found);
    }
}

/// Whether a file or folder is named after a job: its id, perhaps with something before and behind it.
fn is_of(path: &Path, job: &str) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| name.contains(&format!("{job}-")))
}
