//! A home for jobs that is the test's own.

use crate::process::{self, Running};
use crate::puppet::Puppet;
use crate::shell::quoted;
use rustix::fs::inotify;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The user and group that stand for "somebody else": nobody, on every Linux system.
const NOBODY: u32 = 65534;

/// An `OUTLIVE_HOME` in a temporary folder, and the commands that a test runs on it.
///
/// When it goes, every job still running is stopped by outlive's own means, and the test fails if
/// any process that carries this home's mark or holds a file of it is left after that. Declare it
/// first in a test: what is declared later goes earlier, and a [`Puppet`] that goes ends its job.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    path: PathBuf,
    user: Option<u32>,
    patience: Duration,
    outlive: PathBuf,
    puppet: PathBuf,
}

/// What a command said, once it had ended and nobody held its output any more.
pub struct Said {
    /// Its exit code; 128+n for a signal.
    pub code: i32,
    /// Its standard output.
    pub out: Vec<u8>,
    /// Its standard error.
    pub err: Vec<u8>,
    pub(crate) what: String,
}

impl Home {
    /// A home that does not exist yet.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Home {
        let folder = tempfile::Builder::new().prefix("outlive-test-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        let path = folder.path().join("home");
        Home {
            path,
            user: None,
            patience: Duration::from_secs(30),
            outlive: executable(),
            puppet: beside_tests("puppet"),
            folder,
        }
    }

    /// A home of a user without any rights; `None`, loudly, if this test can't become one.
    pub fn of_nobody(what: &str) -> Option<Home> {
        if !crate::is_root() {
            // A plain user already.
            return Some(Home::new());
        }
        if Command::new("setpriv")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            crate::skipped(what, "no setpriv (util-linux) to become another user with");
            return None;
        }
        let mut home = Home::new();
        // The target folder may be where nobody else can go.
        for program in [&mut home.outlive, &mut home.puppet] {
            let copy = home
                .folder
                .path()
                .join(program.file_name().expect("a program has a name"));
            std::fs::copy(&*program, &copy).expect("a program can be copied");
            *program = copy;
        }
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(home.folder.path(), open).expect("our own folder");
        chown(home.folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may chown");
        home.user = Some(NOBODY);
        Some(home)
    }

    /// Gives what is left at the end no time to go by itself.
    pub fn without_patience(mut self) -> Home {
        self.patience = Duration::ZERO;
        self
    }

    /// The home's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The temporary folder that it is in, for other things.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A job's own folder.
    pub fn job(&self, id: &str) -> PathBuf {
        self.path.join("jobs").join(id)
    }

    /// The outlive executable.
    ///
    /// # Panics
    /// If it was not built.
    pub fn outlive(&self) -> &Path {
        let hint = "build it (cargo build -p outlive-cli) or set OUTLIVE_TEST_BIN";
        assert!(
            self.outlive.exists(),
            "no {}: {hint}",
            self.outlive.display()
        );
        &self.outlive
    }

    /// The puppet executable.
    pub fn puppet(&self) -> &Path {
        &self.puppet
    }

    /// What marks everything that comes of this home.
    fn mark(&self) -> (&'static str, &Path) {
        ("OUTLIVE_TEST", self.folder.path())
    }

    /// A command for `words`, as this home's user and with its environment.
    pub fn command<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut all: Vec<OsString> = Vec::new();
        if let Some(user) = self.user {
            all.push("setpriv".into());
            all.extend([format!("--reuid={user}"), format!("--regid={user}")].map(OsString::from));
            all.extend(["--clear-groups", "--"].map(OsString::from));
        }
        all.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        let mut command = process::command(all[0].as_ref(), &all[1..]);
        let (mark, folder) = self.mark();
        command
            .env("OUTLIVE_HOME", &self.path)
            .env(mark, folder)
            // Whoever runs the tests keeps their account as it is.
            .env("OUTLIVE_NO_LINGER", "1")
            .env_remove("OUTLIVE_JOB");
        command.stdin(Stdio::null());
        command
    }

    /// `outlive` with `arguments`.
    pub fn outlive_command<W: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = W>,
    ) -> Command {
        self.command(self.outlive_words(arguments))
    }

    /// The words of a command line for `outlive` with `arguments`.
    pub fn outlive_words<W: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = W>,
    ) -> Vec<OsString> {
        let arguments = arguments.into_iter().map(|word| word.as_ref().to_owned());
        std::iter::once(self.outlive().as_os_str().to_owned())
            .chain(arguments)
            .collect()
    }

    /// A line for a shell that does not have this home's environment.
    pub fn shell_line<W: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = W>) -> String {
        let (mark, folder) = self.mark();
        let variables = [("OUTLIVE_HOME", &*self.path), (mark, folder)]
            .map(|(name, value)| OsString::from(format!("{name}={}", value.display())));
        let words = [OsString::from("env")].into_iter().chain(variables);
        quoted(words.chain(self.outlive_words(arguments)))
    }

    /// Runs `outlive` with `arguments` to its end.
    #[track_caller]
    pub fn call<W: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = W>) -> Said {
        Running::start(&mut self.outlive_command(arguments)).finish()
    }

    /// Runs `outlive` with `arguments`, which must succeed; what it printed, trimmed.
    #[track_caller]
    pub fn ok<W: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = W>) -> String {
        let said = self.call(arguments);
        assert_eq!(said.code, 0, "{said}");
        said.text()
    }

    /// Starts a puppet as a job with `options` for `run`; its id or name.
    #[track_caller]
    pub fn start(&self, options: &[&str], puppet: &mut Puppet) -> String {
        let job = self.ok(run_words(options, puppet));
        puppet.ready();
        job
    }

    /// What `show --json` says of a job.
    #[track_caller]
    pub fn show(&self, job: &str) -> Value {
        serde_json::from_str(&self.ok(["show", job, "--json"])).expect("show --json prints JSON")
    }

    /// Waits until a job's keeper has written its report: the last that it writes of a start.
    #[track_caller]
    pub fn reported(&self, job: &str) {
        assert!(self.show(job)["report"].is_array());
    }

    /// What `list --json` says.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        let said = self.ok(["list", "--json"]);
        serde_json::from_str(&said).expect("list --json prints an array")
    }

    /// All of a job's output.
    #[track_caller]
    pub fn logs(&self, job: &str) -> String {
        let said = self.call(["logs", job]);
        assert_eq!(said.code, 0, "{said}");
        String::from_utf8(said.out).expect("this job writes text")
    }

    /// Waits until the job is in this state, which its keeper writes down; what `show --json` says then.
    #[track_caller]
    pub fn until_state(&self, job: &str, state: &str) -> Value {
        let id = self.show(job)["id"].clone();
        let folder = self.job(id.as_str().expect("an id is text"));
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC).expect("a watch can be had");
        let written = inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CLOSE_WRITE;
        inotify::add_watch(&watch, &folder, written).expect("the job's folder");
        loop {
            let shown = self.show(job);
            if shown["state"] == state {
                return shown;
            }
            crate::events::readable(&watch, &format!("{job} to be {state}"));
            rustix::io::read(&watch, &mut [0; 4096]).expect("there is something");
        }
    }

    /// Waits until the last of a job's output, which its keeper passes on, has `text` in it; all of that
    /// up to there.
    #[track_caller]
    pub fn prints(&self, job: &str, text: &str) -> String {
        let mut follow = Running::start(&mut self.outlive_command(["logs", "-f", "-n", "50", job]));
        follow.out.until(text)
    }

    /// Gives back the oldest bytes of a job's output, as its keeper does at the limit.
    #[track_caller]
    pub fn gives_back(&self, job: &str, bytes: u64) {
        use rustix::fs::FallocateFlags;
        let shown = self.show(job);
        let path = shown["output"].as_str().expect("a path is text");
        let file = File::options().write(true).open(path);
        let file = file.expect("its output is there");
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&file, hole, 0, bytes).expect("a hole can be punched");
    }

    /// As [`survives`](Home::survives), of a job whose keeper passes on what it prints.
    #[track_caller]
    pub fn goes_on(&self, job: &str, puppet: &mut Puppet) {
        let line = puppet.beat();
        self.prints(job, &line);
        self.ends_well(job, puppet);
    }

    /// The job's keeper, which must live.
    #[track_caller]
    pub fn keeper(&self, job: &str) -> process::Pidfd {
        let shown = self.show(job);
        let pid = shown["keeper"]["pid"]
            .as_i64()
            .filter(|_| shown["keeper"]["alive"] == true);
        let pid = pid.and_then(|pid| i32::try_from(pid).ok());
        let keeper = pid.and_then(process::Pidfd::of);
        let keeper = keeper.unwrap_or_else(|| panic!("no keeper lives: {shown}"));
        assert!(process::describe(keeper.pid()).contains("outlive-keeper"));
        keeper
    }

    /// Kills the job's keeper, which nobody replaces at once; its pid.
    #[track_caller]
    pub fn kill_keeper(&self, job: &str) -> i32 {
        let keeper = self.keeper(job);
        keeper.kill();
        assert_eq!(self.show(job)["keeper"]["alive"], false);
        keeper.pid()
    }

    /// Waits until the job's keeper has gone.
    #[track_caller]
    pub fn keeper_gone(&self, job: &str) {
        let pid = self.show(job)["keeper"]["pid"].as_i64();
        let keeper = pid.and_then(|pid| process::Pidfd::of(i32::try_from(pid).ok()?));
        // Its pid may be somebody else's by now.
        if let Some(keeper) =
            keeper.filter(|it| process::describe(it.pid()).contains("outlive-keeper"))
        {
            keeper.ended();
        }
    }

    /// Shows that the puppet's job lives, that what it writes now is kept, and that any other
    /// process learns how it ends.
    #[track_caller]
    pub fn survives(&self, job: &str, puppet: &mut Puppet) {
        let line = puppet.beat();
        assert!(
            self.logs(job).lines().any(|kept| kept == line),
            "{line:?} was not kept"
        );
        self.ends_well(job, puppet);
    }

    /// Shows that the puppet's job lives, and that any other process learns how it ends.
    #[track_caller]
    fn ends_well(&self, job: &str, puppet: &mut Puppet) {
        assert_eq!(self.show(job)["state"], "running");
        puppet.exit(7);
        let said = self.call(["wait", job]);
        assert_eq!(said.code, 7, "{said}");
        let shown = self.show(job);
        assert_eq!(
            (&shown["state"], &shown["exit_code"]),
            (&"exited".into(), &7.into())
        );
    }

    /// Removes the cgroups of jobs whose keepers a test has killed.
    fn remove_cgroups(&self) {
        let jobs = std::fs::read_dir(self.path.join("jobs"));
        let records = jobs.into_iter().flatten().flatten();
        for record in records.filter_map(|job| std::fs::read(job.path().join("record")).ok()) {
            let record: Value = serde_json::from_slice(&record).unwrap_or_default();
            for cgroup in record["cgroups"].as_array().into_iter().flatten() {
                // Most went with their keepers.
                let _ = cgroup["path"].as_str().map(std::fs::remove_dir);
            }
        }
    }

    /// The processes that carry this home's mark or hold a file of it.
    fn left(&self) -> Vec<process::Pidfd> {
        let mark = format!("{}={}", self.mark().0, self.mark().1.display());
        process::touching(self.folder.path(), mark.as_bytes())
    }

    /// Waits until what is left has gone, and ends what would not go; of each its description, and of
    /// which job it was.
    pub(crate) fn stuck(&self) -> Vec<(String, Option<String>)> {
        let mut stuck = Vec::new();
        for process in self.left() {
            // A keeper, or a process whose last holder is about to reap it, ends by itself.
            if !crate::events::readable_within(&process, self.patience) {
                let environment = process::environment(process.pid());
                let job = environment
                    .iter()
                    .find_map(|it| it.strip_prefix(b"OUTLIVE_JOB="));
                let job = job.map(|id| String::from_utf8_lossy(id).into_owned());
                stuck.push((process::describe(process.pid()), job));
                process.kill();
            }
        }
        stuck
    }

    /// Ends what still runs and waits until it has; says what would not go.
    fn clear(&self) -> Result<(), String> {
        if self.left().is_empty() {
            return Ok(());
        }
        let mut jobs: Vec<Value> = Vec::new();
        if self.path.exists() {
            let said = Running::start(&mut self.outlive_command(["list", "--json"])).finish();
            jobs = serde_json::from_slice(&said.out).unwrap_or_default();
        }
        for job in jobs.iter().filter(|job| job["state"] == "running") {
            if let Some(id) = job["id"].as_str() {
                Running::start(&mut self.outlive_command(["stop", id, "--grace", "0s"])).finish();
            }
        }
        let stuck = self.stuck().into_iter();
        let stuck: Vec<String> = stuck
            .map(|(process, job)| match job {
                Some(job) => format!("{process}, of the job {job}"),
                None => process,
            })
            .collect();
        match stuck.is_empty() {
            true => Ok(()),
            false => Err(stuck.join("\n")),
        }
    }
}

/// The words of `run` with `options` for a puppet.
pub(crate) fn run_words(options: &[&str], puppet: &Puppet) -> Vec<OsString> {
    let run = std::iter::once("run")
        .chain(options.iter().copied())
        .chain(["--"]);
    run.map(OsString::from).chain(puppet.words()).collect()
}

impl Drop for Home {
    fn drop(&mut self) {
        let left = self.clear();
        self.remove_cgroups();
        if let (Err(left), false) = (left, std::thread::panicking()) {
            panic!("these processes of the test were left:\n{left}");
        }
    }
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
        let Said { code, what, .. } = self;
        write!(
            f,
            "{what}\nended with {code} and said {:?} and {:?}",
            self.text(),
            self.errors()
        )
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The executable under test: `OUTLIVE_TEST_BIN`, else the one built beside the tests.
fn executable() -> PathBuf {
    std::env::var_os("OUTLIVE_TEST_BIN").map_or_else(|| beside_tests("outlive"), PathBuf::from)
}

/// A program in the folder of the profile that this test was built in.
fn beside_tests(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    let folder = own
        .parent()
        .filter(|folder| folder.ends_with("deps"))
        .and_then(Path::parent);
    folder
        .or(own.parent())
        .expect("a program is in a folder")
        .join(name)
}
