//! One cell: a situation, a user and a launcher.

use super::expect;
use super::fault::{Context, Fault, Result};
use super::lines::Lines;
use super::rows::{Output, Row};
use super::situation::{Launch, Situation, Strike};
use super::strike;
use super::surround::Scene;
use super::verdict::{Life, Seen};
use super::world::{User, World, call};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

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
        let mut beats = Lines::new(listening(&self.folder.join("beats"))?);
        let mut scene = Scene::set(self)?;
        self.heard("pid")?;
        let mut seen = Seen::default();
        if self.requires() {
            seen.required = self.heard("required")?.parse().ok();
        }
        let returns = self.situation.launch != Launch::Exec || !self.row.becomes_job;
        if returns {
            seen.launched = self.heard("launched")?.parse().ok();
        }
        seen.errors = self.read("errors");
        seen.doctor = serde_json::from_str(&self.read("doctor")).ok();
        if first_beat(&mut beats).is_none() {
            let terminal = self.situation.strike == Strike::Terminal;
            seen.life = if terminal {
                Life::Silent
            } else {
                Life::NeverBegan
            };
            return Ok(seen);
        }
        if self.row.is_ours() {
            let shown = self.outlive(&["show", "job", "--json"])?;
            seen.report = serde_json::from_str(&shown.1)
                .ok()
                .and_then(|mut shown: Value| Some(shown.get_mut("report")?.take()));
            seen.way = serde_json::from_str(&shown.1)
                .ok()
                .and_then(|shown: Value| Some(shown.get("way")?.as_str()?.to_owned()));
        }
        seen.hung = strike::strike(self, &mut scene)?;
        beats.come();
        let (life, last) = lives_on(&mut beats);
        seen.life = life;
        if life == Life::Lives {
            self.aftermath(&mut seen, &mut beats, &last)?;
        }
        drop(scene);
        Ok(seen)
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
        self.order(&format!("exit {CODE}"))?;
        while let Some(Some(_)) = beats.next_within(SILENCE) {}
        if self.row.is_ours() {
            seen.exit_code = Some(self.outlive(&["wait", "job"])?.0);
            let output = self.outlive(&["logs", "job"])?.1;
            seen.output_kept = Some(has_line(&output, last));
        } else if self.row.output == Output::File {
            seen.output_kept = Some(has_line(&self.read("out"), last));
        }
        Ok(())
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
        self.row.is_ours() && expect::requires(self.situation, self.world.init, root)
    }

    /// The script that the caller runs.
    pub(crate) fn script(&self) -> PathBuf {
        self.folder.join("script")
    }

    /// The words that run the script, wrapped.
    pub(crate) fn wrapped(&self, wrap: &[&str]) -> Vec<String> {
        let folder = self.folder.display().to_string();
        wrap.iter()
            .copied()
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

    fn read(&self, name: &str) -> String {
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

fn tell(mut fifo: &File, line: &str) -> Result<()> {
    writeln!(fifo, "{line}").context(|| format!("failed to say `{line}`"))
}

/// A FIFO that anybody may use: the folder's user is not always who opens it.
fn fifo(path: &Path) -> Result<()> {
    let all = Mode::RWXU | Mode::RWXG | Mode::RWXO;
    let failed = || format!("failed to make `{}`", path.display());
    rustix::fs::mknodat(CWD, path, FileType::Fifo, all, 0).context(failed)?;
    rustix::fs::chmod(path, all).context(failed)
}

/// Both ends of a FIFO, so that it has no end of file.
fn held(path: &Path) -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .context(|| format!("failed to open `{}`", path.display()))
}

/// The reading end alone: its end of file is the end of whoever wrote to it.
fn listening(path: &Path) -> Result<std::os::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .context(|| format!("failed to open `{}`", path.display()))
}
