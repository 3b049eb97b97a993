//! One cell: a situation, a user and a launcher.

use super::deeds;
use super::expect;
use super::fault::{Context, Fault, Result};
use super::fifos::{fifo, held, listening, tell};
use super::lines::Lines;
use super::rows::{Output, Row};
use super::situation::{Check, Launch, Situation, Strike};
use super::strike;
use super::surround::Scene;
use super::verdict::{Life, Seen};
use super::world::{User, World, call};
use crate::events;
use crate::process::Pidfd;
use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long anything in a cell may take that is to happen at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// A job that does not beat for so long has been stopped.
const SILENCE: Duration = Duration::from_secs(10);
/// How many beats make a life, of 100 ms each.
const BEATS: usize = 30;
/// The exit code that a job is told to end with.
const CODE: i32 = 37;

/// A cell while it is played.
#[derive(Debug)]
pub(crate) struct Cell<'a> {
    pub(crate) world: &'a World,
    pub(crate) situation: &'static Situation,
    pub(crate) row: &'static Row,
    pub(crate) user: &'a User,
    number: usize,
    pub(crate) folder: PathBuf,
    heard: Mutex<Vec<String>>,
    said: Mutex<Lines>,
    /// FIFOs that the script and the job read from: held open, so that they wait.
    orders: File,
    go: File,
    wrapper: File,
}

impl<'a> Cell<'a> {
    pub(crate) fn new(
        world: &'a World,
        number: usize,
        situation: &'static Situation,
        user: &'a User,
        row: &'static Row,
    ) -> Result<Cell<'a>> {
        let folder = world.folder(number, user)?;
        for name in ["orders", "beats", "said", "go", "strike"] {
            fifo(&folder.join(name))?;
        }
        if situation.lingers() && world.has_systemd() {
            call(&["loginctl", "enable-linger", &user.name])?;
        }
        let said = Mutex::new(Lines::new(held(&folder.join("said"))?));
        let [orders, go, wrapper] = ["orders", "go", "strike"].map(|name| held(&folder.join(name)));
        let cell = Cell {
            world,
            situation,
            row,
            user,
            number,
            heard: Mutex::new(Vec::new()),
            said,
            orders: orders?,
            go: go?,
            wrapper: wrapper?,
            folder,
        };
        let path = cell.script();
        std::fs::write(&path, super::script::text(&cell))
            .context(|| format!("failed to write `{}`", path.display()))?;
        Ok(cell)
    }

    /// Plays it: what was seen.
    pub(crate) fn play(&self) -> Result<Seen> {
        deeds::before(self)?;
        let seen = self.perform();
        deeds::after(self)?;
        seen
    }

    fn perform(&self) -> Result<Seen> {
        let mut beats = Lines::new(listening(&self.folder.join("beats"))?);
        let mut scene = Scene::set(self)?;
        self.heard("pid")?;
        let mut seen = Seen {
            wanted_code: CODE,
            ..Seen::default()
        };
        if self.requires() {
            seen.required = self.heard("required")?.parse().ok();
        }
        let returns = self.situation.launch != Launch::Exec || !self.row.becomes_job;
        if returns {
            self.heard("launching")?;
            let began = Instant::now();
            seen.launched = self.heard("launched")?.parse().ok();
            seen.launch_seconds = began.elapsed().as_secs_f64();
        }
        seen.errors = self.read("errors");
        seen.doctor = serde_json::from_str(&self.read("doctor")).ok();
        seen.caller = serde_json::from_str(&self.read("caller")).ok();
        if first_beat(&mut beats).is_none() {
            let terminal = self.situation.strike == Strike::Terminal;
            seen.life = if terminal {
                Life::Silent
            } else {
                Life::NeverBegan
            };
            return Ok(seen);
        }
        self.take_report(&mut seen)?;
        // From before the strike, which may end it.
        let parent = match self.row.is_child() {
            true => Pidfd::of(self.word("parent", 0)?),
            false => None,
        };
        seen.hung = strike::strike(self, &mut scene)?;
        if seen.report.is_none() {
            // The keeper writes it when the job runs already.
            self.take_report(&mut seen)?;
        }
        beats.come();
        let (life, last) = lives_on(&mut beats);
        seen.life = life;
        if life == Life::Lives {
            self.aftermath(&mut seen, &mut beats, &last)?;
            if let Some(parent) = parent {
                seen.exit_code = self.waited_for(&parent)?;
            }
        }
        drop(scene);
        Ok(seen)
    }

    /// What is said of the job.
    fn take_report(&self, seen: &mut Seen) -> Result<()> {
        let shown = match self.row {
            row if row.is_kept() => self.outlive(&["show", "job", "--json"])?.1,
            _ => self.read("shown"),
        };
        if let Ok(Value::Object(mut shown)) = serde_json::from_str(&shown) {
            seen.report = shown.remove("report").filter(|report| !report.is_null());
            let way = shown.get("way").and_then(Value::as_str);
            seen.way = way.map(str::to_owned);
            seen.spawn_us = shown.get("spawn_us").and_then(Value::as_u64);
        }
        Ok(())
    }

    /// What a job that lives has still: its output, its exit code, and what it says of itself.
    fn aftermath(&self, seen: &mut Seen, beats: &mut Lines, last: &str) -> Result<()> {
        self.order("status")?;
        loop {
            match beats.next_within(SILENCE) {
                Some(Some(line)) if line.starts_with("status ") => {
                    seen.status = serde_json::from_str(&line["status ".len()..]).ok();
                    break;
                }
                Some(Some(_)) => {}
                _ => return Err(Fault::new("the job does not say how it is")),
            }
        }
        if last.contains("without output") {
            seen.output_kept = Some(false);
        }
        let status = seen.status.clone().unwrap_or_default();
        if self.situation.check == Some(Check::Polite) {
            seen.fault = deeds::stop_politely(self, &status, beats)?;
            seen.wanted_code = deeds::ASKED.into();
        } else {
            seen.fault = deeds::to_job(self, &status)?;
            self.order(&format!("exit {CODE}"))?;
            while let Some(Some(_)) = beats.next_within(SILENCE) {}
        }
        if self.row.is_kept() {
            seen.exit_code = Some(self.outlive(&["wait", "job"])?.0);
            if seen.report.is_none() {
                self.take_report(seen)?;
            }
            let output = self.outlive(&["logs", "job"])?.1;
            seen.output_kept = Some(has_line(&output, last));
        } else if self.row.output == Output::File {
            seen.output_kept = Some(has_line(&self.read("out"), last));
        }
        Ok(())
    }

    /// What a parent that lives was told of its child's end; nothing if it was struck.
    fn waited_for(&self, parent: &Pidfd) -> Result<Option<i32>> {
        if !events::readable_within(parent, PATIENCE) {
            return Err(Fault::new("a parent waits on, though its child has ended"));
        }
        let code = self.read("ended").trim().parse().ok();
        // Nothing has ended this one.
        let missed = code.is_none() && self.situation.strike == Strike::Nothing;
        Ok(if missed { Some(-1) } else { code })
    }

    /// Runs `outlive` elsewhere, as the job's user; its exit code and what it printed.
    fn outlive(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let words: Vec<&str> = ["timeout", "20", "outlive"]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        let said = self
            .user
            .command(&words)
            .env("OUTLIVE_HOME", self.folder.join("home"))
            .output()
            .context(|| "failed to start `outlive`".to_owned())?;
        let printed = String::from_utf8_lossy(&said.stdout).into_owned();
        Ok((said.status.code().unwrap_or(128), printed))
    }

    /// Whether `--breakaway require` is to start nothing.
    pub(crate) fn requires(&self) -> bool {
        let root = self.user.is_root();
        expect::requires(self.situation, self.world.init, root, self.row)
    }

    /// The script that the caller runs.
    pub(crate) fn script(&self) -> PathBuf {
        self.folder.join("script")
    }

    /// The words that run the script, wrapped.
    pub(crate) fn wrapped(&self) -> Vec<String> {
        let folder = self.folder.display().to_string();
        let wrap = self.situation.wrap.iter();
        wrap.copied()
            .chain(["sh"])
            .map(|word| word.replace("{F}", &folder))
            .chain([self.script().display().to_string()])
            .collect()
    }

    /// What tells this cell from all others.
    pub(crate) fn id(&self) -> String {
        format!("cell{}", self.number)
    }

    /// The name of its service.
    pub(crate) fn unit(&self) -> String {
        format!("box-{}", self.id())
    }

    /// The script goes on.
    pub(crate) fn go(&self) -> Result<()> {
        tell(&self.go, "go")
    }

    /// What wraps the script strikes.
    pub(crate) fn tell_wrapper(&self) -> Result<()> {
        tell(&self.wrapper, "strike")
    }

    /// The job does something.
    pub(crate) fn order(&self, order: &str) -> Result<()> {
        tell(&self.orders, order)
    }

    /// Waits for a line from the script or what wraps it that begins with `word`; its rest.
    pub(crate) fn heard(&self, word: &str) -> Result<String> {
        let rest = |line: &String| {
            line.strip_prefix(word)?
                .strip_prefix(' ')
                .map(str::to_owned)
        };
        loop {
            let mut heard = self.heard.lock().unwrap_or_else(|held| held.into_inner());
            if let Some(found) = heard.iter().find_map(rest) {
                return Ok(found);
            }
            let mut said = self.said.lock().unwrap_or_else(|held| held.into_inner());
            match said.next_within(PATIENCE) {
                Some(Some(line)) => heard.push(line),
                _ => {
                    return Err(Fault::new(format!(
                        "the script did not say `{word}`: {heard:?}"
                    )));
                }
            }
        }
    }

    /// The script's pid.
    pub(crate) fn caller(&self) -> Result<i32> {
        self.word("pid", 0)
    }

    /// The pid of what wraps it.
    pub(crate) fn wrapper(&self) -> Result<i32> {
        self.word("wrapper", 0)
    }

    /// The session's name at logind.
    pub(crate) fn login_session(&self) -> Option<String> {
        self.word("pid", 1)
            .ok()
            .filter(|name: &String| name != "none")
    }

    fn word<T: std::str::FromStr>(&self, line: &str, index: usize) -> Result<T> {
        let heard = self.heard(line)?;
        let word = heard
            .split(' ')
            .nth(index)
            .and_then(|word| word.parse().ok());
        word.ok_or_else(|| Fault::new(format!("not what was to be said: `{line} {heard}`")))
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Whether a job beats on, and its last beat.
fn lives_on(beats: &mut Lines) -> (Life, String) {
    let mut last = String::new();
    for _ in 0..BEATS {
        match beats.next_within(SILENCE) {
            Some(Some(line)) => last = line,
            Some(None) => return (Life::Ended, last),
            None => return (Life::Silent, last),
        }
    }
    (Life::Lives, last)
}

fn first_beat(beats: &mut Lines) -> Option<String> {
    beats.next_within(SILENCE).flatten()
}

fn has_line(output: &str, wanted: &str) -> bool {
    output.lines().any(|line| line == wanted)
}
