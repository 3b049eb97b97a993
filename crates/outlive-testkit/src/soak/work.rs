//! One of the processes that do things to jobs, at random.

use super::job::number;
use super::ledger::{ALL, Deed, Entry, Ledger};
use crate::events;
use crate::home::Said;
use crate::process::Running;
use fastrand::Rng;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// How many jobs there are before more of them are ended and removed than started.
const CROWD: usize = 48;
/// The greatest exit code of a job: greater ones may be a command's own.
const MOST: i32 = 100;

/// Who does things to jobs.
struct Worker {
    outlive: PathBuf,
    home: PathBuf,
    ledger: Ledger,
    /// What tells this one's jobs from those of others.
    seed: u64,
    random: Rng,
    started: u64,
    commands: u64,
}

/// `OUTLIVE HOME LEDGER SEED`: works until its standard input is at its end. Then says how many commands it gave.
pub(super) fn work(words: &[OsString]) -> ExitCode {
    let [outlive, home, ledger, seed] = words else {
        panic!("a worker takes four words: {words:?}");
    };
    let seed = number(seed);
    let mut worker = Worker {
        outlive: outlive.into(),
        home: home.into(),
        ledger: Ledger::open(ledger.as_ref()),
        seed,
        random: Rng::with_seed(seed),
        started: 0,
        commands: 0,
    };
    println!("ready");
    while !events::readable_within(std::io::stdin(), Duration::ZERO) {
        worker.turn();
    }
    println!("{}", worker.commands);
    ExitCode::SUCCESS
}

impl Worker {
    /// Does one thing.
    fn turn(&mut self) {
        let jobs = jobs(&self.home);
        let crowded = jobs.len() > CROWD;
        let Some(job) = self.random.choice(jobs) else {
            return self.start();
        };
        match self.random.u8(0..100) {
            0..30 if !crowded => self.start(),
            0..15 => self.end(&job, &["stop", "--grace", "300ms"]),
            15..30 => self.remove(&job),
            30..36 => self.look(&["list", "--json"]),
            36..40 => self.look(&["list"]),
            40..47 => self.look(&["show", "--json", &job]),
            47..54 => self.look(&["logs", &job]),
            54..58 => self.look(&["logs", "-n", "3", &job]),
            58..66 => self.wait(&job),
            66..76 => self.end(&job, &["stop", "--grace", "300ms"]),
            76..79 => self.end(&job, &["stop", "--grace", "0s"]),
            79..82 => {
                let signal = self.random.choice(["TERM", "KILL", "INT", "CONT"]);
                self.end(&job, &["kill", "--signal", signal.unwrap_or("TERM")]);
            }
            82..90 => {
                self.ledger.write(&job, &Entry::About(Deed::Restart));
                self.outlive(&job, &["restart", &job]);
            }
            90..98 => self.remove(&job),
            _ => self.prune(),
        }
    }

    /// Starts a job of any kind.
    fn start(&mut self) {
        let program = self.program();
        let job = program.file_name().and_then(OsStr::to_str);
        let job = format!("{}-", job.expect("it is ASCII"));
        let mut words: Vec<OsString> = vec!["run".into()];
        let name = format!("name-{}", self.random.u8(0..8));
        let timeout = format!("{}ms", self.random.u64(0..1_000));
        let options: [(f64, &[&str]); 13] = [
            (0.8, &["--grace", "100ms"]),
            (0.1, &["--restart", "on-failure:2"]),
            (0.1, &["--timeout", &timeout]),
            (0.05, &["--expire", "1s"]),
            (0.1, &["--timestamps"]),
            (0.1, &["--output-mode", "pipe"]),
            (0.05, &["--tty"]),
            (0.1, &["--ready", "cmd:true"]),
            (0.1, &["--on-end", "true"]),
            (0.2, &["--until", "tree"]),
            (0.1, &["--interactive"]),
            (0.1, &["--env", "SOAK=1"]),
            (0.3, &["--name", &name]),
        ];
        let (mut again, mut output) = (0, "file");
        for (chance, option) in options {
            // A terminal is all of its streams.
            let is_taken = match option[0] {
                "--tty" => output != "file",
                "--interactive" => output == "terminal",
                _ => false,
            };
            if is_taken || self.random.f64() >= chance {
                continue;
            }
            match option[0] {
                "--restart" => again = 2,
                "--timeout" => self.ledger.write(&job, &Entry::About(Deed::End)),
                "--expire" => self.ledger.write(&job, &Entry::About(Deed::Remove)),
                "--timestamps" | "--output-mode" => output = "passed",
                // It is hung up if its keeper is killed.
                "--tty" => {
                    output = "terminal";
                    self.ledger.write(&job, &Entry::About(Deed::End));
                }
                _ => {}
            }
            words.extend(option.iter().map(OsString::from));
        }
        words.extend(["--".into(), program.into_os_string()]);
        if self.random.f64() < 0.1 {
            words.push("deaf".into());
        }
        let code = self.random.i32(0..=MOST);
        self.ledger.write(&job, &Entry::Planned { code, again });
        // Most end soon, some only if they are ended.
        let milliseconds = match self.random.u8(0..10) {
            0..5 => self.random.u64(0..50),
            5..8 => self.random.u64(0..2_000),
            _ => 3_600_000,
        };
        let lines = self.random.u64(0..200);
        let tree = self
            .random
            .choice(["none", "none", "child", "session", "daemon", "deaf"]);
        words.extend(["job".into(), self.ledger.path().into()]);
        let numbers = [
            code.to_string(),
            milliseconds.to_string(),
            lines.to_string(),
        ];
        words.extend(numbers.map(OsString::from));
        words.extend([tree.unwrap_or("none"), output].map(OsString::from));
        if let Some((0, _)) = self.outlive(&job, &words) {
            self.ledger.write(&job, &Entry::Started);
        }
    }

    /// A program that no other job is started from.
    fn program(&mut self) -> PathBuf {
        self.started += 1;
        // Short enough for an id to begin with all of it.
        let name = format!("soak{}-{}", self.seed % 1_000_000, self.started);
        let program = self.ledger.path().with_file_name(name);
        let own = std::env::current_exe().expect("a program knows its path");
        std::os::unix::fs::symlink(own, &program).expect("a link can be made beside the ledger");
        program
    }

    /// Gives a command that ends a job, or may.
    fn end(&mut self, job: &str, words: &[&str]) {
        self.ledger.write(job, &Entry::About(Deed::End));
        self.outlive(job, &[words, &[job]].concat());
    }

    fn wait(&mut self, job: &str) {
        let code = self.outlive(job, &["wait", "--timeout", "40ms", job]);
        if let Some((code @ 0..=MOST, _)) = code {
            self.ledger.write(job, &Entry::Said(code));
        }
    }

    /// Removes a job, having asked once more how it ended.
    fn remove(&mut self, job: &str) {
        if let Some((0, shown)) = self.outlive(job, &["show", "--json", job]) {
            let shown: Value = serde_json::from_str(&shown).expect("show --json prints JSON");
            let code = shown["exit_code"].as_i64().map(i32::try_from);
            if let Some(Ok(code)) = code {
                self.ledger.write(job, &Entry::Said(code));
            }
        }
        self.ledger.write(job, &Entry::About(Deed::Remove));
        if let Some((0, _)) = self.outlive(job, &["rm", job]) {
            self.ledger.write(job, &Entry::Removed);
        }
    }

    /// Removes all jobs that have ended. It is never killed: it is to say exactly which it has removed,
    /// so that any other that is missing in the end is one too many.
    fn prune(&mut self) {
        let said = self.give(&["prune"], None);
        for job in said.text().lines() {
            self.ledger.write(job, &Entry::Removed);
        }
        if said.code != 0 {
            let note = format!("prune: {} {}", said.code, said.errors());
            self.ledger.write(ALL, &Entry::Note(note));
            self.ledger.write(ALL, &Entry::About(Deed::Remove));
        }
    }

    /// Gives a command that only looks, of which nothing is written down.
    fn look(&mut self, words: &[&str]) {
        let moment = self.moment();
        self.give(words, moment);
    }

    /// Gives a command about a job; its exit code and what it printed if it came to an end.
    fn outlive<W: AsRef<OsStr>>(&mut self, job: &str, words: &[W]) -> Option<(i32, String)> {
        let moment = self.moment();
        let said = self.give(words, moment);
        let words: Vec<_> = words
            .iter()
            .map(|it| it.as_ref().to_string_lossy())
            .collect();
        let came_of_it = match moment {
            Some(moment) => format!("killed after {moment:?}"),
            None => format!("{} {}", said.code, said.errors()),
        };
        let note = format!("{}: {came_of_it}", words.join(" "));
        self.ledger.write(job, &Entry::Note(note));
        let printed = || String::from_utf8_lossy(&said.out).into_owned();
        moment.is_none().then(|| (said.code, printed()))
    }

    /// When a command is killed, which happens to one of twelve.
    fn moment(&mut self) -> Option<Duration> {
        let kill = self.random.f64() < 0.08;
        kill.then(|| Duration::from_micros(self.random.u64(0..15_000)))
    }

    /// Gives a command, and kills it at this moment, if at all.
    fn give<W: AsRef<OsStr>>(&mut self, words: &[W], moment: Option<Duration>) -> Said {
        self.commands += 1;
        let mut command = Command::new(&self.outlive);
        command.args(words).stdin(Stdio::null());
        let given = Running::start(&mut command);
        if let Some(moment) = moment {
            std::thread::sleep(moment);
            given.handle().kill();
        }
        // One that hangs fails here, after a while.
        let said = given.finish();
        assert!(!said.errors().contains("Usage:"), "{said}");
        said
    }
}

/// The ids of all jobs in a home, as its folders have them.
pub(super) fn jobs(home: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(home.join("jobs"))
        .into_iter()
        .flatten()
        .flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}
