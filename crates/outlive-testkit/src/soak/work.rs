//! One of the processes that do things to jobs, at random.

use super::job::number;
use super::ledger::{ALL, Deed, Entry, Ledger};
use crate::events;
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
    random: Rng,
    commands: u64,
}

/// `OUTLIVE HOME LEDGER SEED`: works until its standard input is at its end. Then says how many commands it gave.
pub(super) fn work(words: &[OsString]) -> ExitCode {
    let [outlive, home, ledger, seed] = words else {
        panic!("a worker takes four words: {words:?}");
    };
    let mut worker = Worker {
        outlive: outlive.into(),
        home: home.into(),
        ledger: Ledger::open(ledger.as_ref()),
        random: Rng::with_seed(number(seed)),
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
                self.outlive(&["restart", "--grace", "100ms", &job]);
            }
            90..98 => self.remove(&job),
            _ => self.prune(),
        }
    }

    /// Starts a job of any kind.
    fn start(&mut self) {
        let own = std::env::current_exe().expect("a program knows its path");
        let mut words: Vec<OsString> = vec!["run".into()];
        let name = format!("name-{}", self.random.u8(0..8));
        let timeout = format!("{}ms", self.random.u64(0..1_000));
        let options: [(f64, &[&str]); 12] = [
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
        let (mut again, mut deeds, mut output) = ("0", String::new(), "file");
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
                "--restart" => again = "2",
                "--timeout" => deeds += "end,",
                "--expire" => deeds += "remove,",
                "--timestamps" | "--output-mode" => output = "passed",
                // It is hung up if its keeper is killed.
                "--tty" => (output, deeds) = ("terminal", deeds + "end,"),
                _ => {}
            }
            words.extend(option.iter().map(OsString::from));
        }
        words.push("--".into());
        let stubborn = self.random.f64() < 0.1;
        if stubborn {
            words.extend(["sh", "-c", "trap '' TERM; exec \"$@\"", "sh"].map(OsString::from));
        }
        let code = self.random.i32(0..=MOST);
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
        words.extend(
            [
                own.as_os_str(),
                OsStr::new("job"),
                self.ledger.path().as_os_str(),
            ]
            .map(OsString::from),
        );
        words.extend(
            [
                code.to_string(),
                milliseconds.to_string(),
                lines.to_string(),
            ]
            .map(OsString::from),
        );
        words.extend([tree.unwrap_or("none"), again, &deeds, output].map(OsString::from));
        self.outlive(&words);
    }

    /// Gives a command that ends a job, or may.
    fn end(&mut self, job: &str, words: &[&str]) {
        self.ledger.write(job, &Entry::About(Deed::End));
        self.outlive(&[words, &[job]].concat());
    }

    fn wait(&mut self, job: &str) {
        let code = self.outlive(&["wait", "--timeout", "40ms", job]);
        if let Some((code @ 0..=MOST, _)) = code {
            self.ledger.write(job, &Entry::Said(code));
        }
    }

    /// Removes a job, having asked once more how it ended.
    fn remove(&mut self, job: &str) {
        if let Some((0, shown)) = self.outlive(&["show", "--json", job]) {
            let shown: Value = serde_json::from_str(&shown).expect("show --json prints JSON");
            let code = shown["exit_code"].as_i64().map(i32::try_from);
            if let Some(Ok(code)) = code {
                self.ledger.write(job, &Entry::Said(code));
            }
        }
        self.ledger.write(job, &Entry::About(Deed::Remove));
        if self
            .outlive(&["rm", job])
            .is_some_and(|(code, _)| code == 0)
        {
            self.ledger.write(job, &Entry::Removed);
        }
    }

    fn prune(&mut self) {
        self.ledger.write(ALL, &Entry::About(Deed::Remove));
        if let Some((_, pruned)) = self.outlive(&["prune"]) {
            for job in pruned.lines() {
                self.ledger.write(job, &Entry::Removed);
            }
        }
    }

    fn look(&mut self, words: &[&str]) {
        self.outlive(words);
    }

    /// Gives a command, and now and then kills it at a random moment; its exit code and what it
    /// printed if it came to an end.
    fn outlive<W: AsRef<OsStr>>(&mut self, words: &[W]) -> Option<(i32, String)> {
        self.commands += 1;
        let mut command = Command::new(&self.outlive);
        command.args(words).stdin(Stdio::null());
        let given = Running::start(&mut command);
        if self.random.f64() < 0.08 {
            let moment = Duration::from_micros(self.random.u64(0..15_000));
            std::thread::sleep(moment);
            given.handle().kill();
            given.finish();
            return None;
        }
        // One that hangs fails here, after a while.
        let said = given.finish();
        Some((said.code, String::from_utf8_lossy(&said.out).into_owned()))
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
