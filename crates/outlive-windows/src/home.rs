//! A home for jobs that is the test's own.

use crate::{GUARD, Puppet, Running, Stage};
use outlive_os::process::Process;
use outlive_os::{proc, signal};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Instant;
use tempfile::TempDir;

/// An `OUTLIVE_HOME` in a temporary folder, and the commands that a test runs on it.
///
/// When it goes, every job still running is stopped by outlive's own means, and the test fails if
/// any process that carries this home's mark is left after that. Declare it first in a test: what
/// is declared later goes earlier, and a [`Puppet`] that goes ends its job.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    path: PathBuf,
    /// Closed when this goes.
    _watched: Sender<()>,
}

/// The variable that all processes of a test have.
const MARK: &str = "OUTLIVE_TEST";

/// What a command said.
pub struct Said {
    /// Its exit code.
    pub code: u32,
    /// Its standard output.
    pub out: Vec<u8>,
    /// Its standard error.
    pub err: Vec<u8>,
}

impl Home {
    /// A home that does not exist yet.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Home {
        let folder = tempfile::Builder::new().prefix("outlive-test-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        Home {
            path: folder.path().join("home"),
            _watched: watch(folder.path().to_owned()),
            folder,
        }
    }

    /// A job's own folder.
    pub fn job(&self, id: &str) -> PathBuf {
        self.path.join("jobs").join(id)
    }

    /// What marks everything that comes of this home.
    pub(crate) fn variables(&self) -> [(&'static str, &Path); 2] {
        [("OUTLIVE_HOME", &self.path), (MARK, self.folder.path())]
    }

    /// `outlive` with `arguments`, with pipes for its output.
    pub fn command<W: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(beside_tests("outlive.exe"));
        command
            .args(arguments)
            .envs(self.variables())
            .env_remove("OUTLIVE_JOB")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `outlive` with `arguments` to its end.
    #[track_caller]
    pub fn call<W: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = W>) -> Said {
        self.begin(arguments).finish()
    }

    /// Starts `outlive` with `arguments`.
    #[track_caller]
    pub fn begin<W: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = W>) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// Runs `outlive` with `arguments`, which must succeed; what it printed, trimmed.
    #[track_caller]
    pub fn ok<W: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = W>) -> String {
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        let said = self.call(&arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said}");
        said.text()
    }

    /// Starts a puppet as a job with `options` for `run`; the job's id or name.
    #[track_caller]
    pub fn start(&self, stage: &Stage, options: &[&str]) -> (String, Puppet) {
        let job = self.ok(run(options, &stage.words("job")));
        (job, stage.enter())
    }

    /// What `show --json` says of a job.
    #[track_caller]
    pub fn show(&self, job: &str) -> Value {
        serde_json::from_str(&self.ok(["show", job, "--json"])).expect("show --json prints JSON")
    }

    /// What `list --json` says.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        serde_json::from_str(&self.ok(["list", "--json"])).expect("list --json prints an array")
    }

    /// Waits until the job's keeper has gone.
    #[track_caller]
    pub fn keeper_gone(&self, job: &str) {
        let keeper = || self.show(job)["keeper"].clone();
        let pid = keeper()["pid"].as_i64().map(|pid| pid as i32);
        let process = pid.and_then(|pid| Process::open(pid).ok());
        // If it lives even now then what was opened is it, and nothing that has its id since.
        if let (Some(process), true) = (process, keeper()["alive"] == true) {
            let ended = process.wait_end(Some(GUARD));
            assert!(ended.expect("it can be waited for"), "{job}'s keeper stays");
        }
    }

    /// The processes that carry this home's mark.
    pub fn processes(&self) -> Vec<Process> {
        marked(self.folder.path())
    }

    /// Ends what still runs and waits until it has; says what would not go.
    fn clear(&self) -> Vec<String> {
        if self.path.exists() {
            let said = self.call(["list", "--json"]);
            let jobs: Vec<Value> = serde_json::from_slice(&said.out).unwrap_or_default();
            for job in jobs.iter().filter(|job| job["state"] == "running") {
                if let Some(id) = job["id"].as_str() {
                    self.call(["stop", id, "--grace", "0s"]);
                }
            }
        }
        let mut stuck = Vec::new();
        let begun = Instant::now();
        for process in self.processes() {
            let left = (GUARD / 3).saturating_sub(begun.elapsed());
            // A keeper, or a puppet whose test has gone, ends by itself.
            if !process.wait_end(Some(left)).unwrap_or(true) {
                stuck.push(format!("{:?}", process.line()));
                let _ = process.signal(signal::KILL);
            }
        }
        stuck
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let stuck = self.clear();
        if !stuck.is_empty() && !std::thread::panicking() {
            panic!("these processes of the test were left:\n{stuck:?}");
        }
    }
}

/// The processes that carry the mark of a test's folder.
fn marked(folder: &Path) -> Vec<Process> {
    let mark = format!("{MARK}={}", folder.display()).into_bytes();
    let all = proc::all().expect("there are some");
    let marked = all.into_iter().filter(|line| {
        let environment = proc::environment(line.pid);
        environment.split(|&b| b == 0).any(|one| one == mark)
    });
    marked
        .filter_map(|line| Process::open_same(line.pid, line.start_time).ok()?)
        .collect()
}

/// Tells, of a test that is about to be ended because it hangs, what processes it has.
fn watch(folder: PathBuf) -> Sender<()> {
    let (watched, over) = channel();
    std::thread::spawn(move || {
        if over.recv_timeout(GUARD) == Err(RecvTimeoutError::Timeout) {
            eprintln!("the test goes on after {GUARD:?}, with these processes:");
            for process in marked(&folder) {
                eprintln!("{:?}", process.line());
            }
        }
    });
    watched
}

/// The words of `run` with `options` for a program.
pub fn run<W: AsRef<str>>(options: &[&str], words: &[W]) -> Vec<String> {
    let words = words.iter().map(|word| word.as_ref());
    let all = ["run"].into_iter().chain(options.iter().copied());
    all.chain(["--"]).chain(words).map(str::to_owned).collect()
}

impl Said {
    /// Its standard output as text, trimmed.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).trim().to_owned()
    }

    /// Its standard error as text, trimmed.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.err).trim().to_owned()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (out, err) = (self.text(), self.errors());
        write!(f, "ended with {} and said {out:?} and {err:?}", self.code)
    }
}

/// A program in the folder of the profile that this test was built in.
pub(crate) fn beside_tests(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    let folder = own.parent().expect("a program is in a folder");
    let folder = if folder.ends_with("deps") {
        folder.parent().expect("its profile's folder")
    } else {
        folder
    };
    folder.join(name)
}
