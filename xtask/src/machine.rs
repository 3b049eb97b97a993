//! A Debian root to boot as a machine of its own, and the programs that run in it.

mod brought;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::error::{Context, Error, Result};
use crate::workspace::{Workspace, find_program, run};
use crate::{dist, setup};

/// What makes a root and boots it: a program, and its Debian package.
const TOOLS: &[(&str, &str)] = &[
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("nsenter", "util-linux"),
];

/// What is in the root. It is made again when this changes.
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "dbus-user-session",
    "libpam-systemd",
    "polkitd",
    "login",
    "openssh-server",
    "openssh-client",
    "procps",
    "util-linux",
    "libcap2-bin",
    "python3",
    "bubblewrap",
    "daemonize",
    "tmux",
];

/// What a machine is booted from.
pub(crate) struct Machine {
    root: PathBuf,
    scratch: PathBuf,
    outlive: PathBuf,
    harness: PathBuf,
}

/// Why there can be no machine here: something that a person has to see to.
pub(crate) struct Lacking(String);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Machine {
    /// Builds everything that is missing, also the outlive that is looked at if none is given.
    pub(crate) fn prepare(
        workspace: &Workspace,
        outlive: Option<&str>,
    ) -> Result<std::result::Result<Self, Lacking>> {
        let missing: Vec<_> = TOOLS
            .iter()
            .filter(|(program, _)| find_program(program).is_none())
            .map(|(_, package)| *package)
            .collect();
        if !setup::is_root()? {
            return lacking("only root can boot a machine in a container");
        }
        if !missing.is_empty() && !setup::install(&missing)? {
            return lacking(&format!("missing: {}", missing.join(" ")));
        }
        // Root in a container may be root without these rights.
        let namespaces = ["--mount", "--pid", "--fork", "--mount-proc", "true"];
        let allowed = Command::new("unshare").args(namespaces).status();
        if !allowed.is_ok_and(|status| status.success()) {
            return lacking("this root may not make namespaces");
        }
        let folder = workspace.target.join("box");
        let root = folder.join("root");
        let scratch = folder.join("scratch");
        fs::create_dir_all(&scratch)
            .context(|| format!("failed to make `{}`", scratch.display()))?;
        if let Err(error) = make_root(&root, &folder.join("packages")) {
            return lacking(&error.to_string());
        }
        let outlive = match outlive {
            Some(path) => fs::canonicalize(path).context(|| format!("failed to find `{path}`"))?,
            None => {
                dist::build(workspace)?;
                workspace.dist_binary()
            }
        };
        let harness = dist::build_static(workspace, "outlive-testkit", "survive")?;
        Ok(Ok(Self {
            root,
            scratch,
            outlive,
            harness,
        }))
    }

    /// Where its parts are, for the program that measures.
    pub(crate) fn variables(&self) -> [(&'static str, &Path); 3] {
        [
            ("OUTLIVE_BENCH_MACHINE", &self.harness),
            ("OUTLIVE_BENCH_MACHINE_ROOT", &self.root),
            ("OUTLIVE_BENCH_MACHINE_SCRATCH", &self.scratch),
        ]
    }

    /// The harness, told to play `part`.
    pub(crate) fn command(&self, part: &str, words: &[String]) -> Command {
        let parts: [&Path; 3] = [&self.root, &self.scratch, &self.outlive];
        let mut command = Command::new(&self.harness);
        command.arg(part).args(parts).args(words);
        command
    }
}

fn lacking<T>(why: &str) -> Result<std::result::Result<T, Lacking>> {
    Ok(Err(Lacking(why.to_owned())))
}

/// Makes the root, unless there is one of the same packages.
fn make_root(root: &Path, list: &Path) -> Result<()> {
    let release = release()?;
    let wanted = format!("{release} {}\n", PACKAGES.join(" "));
    if root.is_dir() && fs::read_to_string(list).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    let failed = || format!("failed to make `{}`", root.display());
    // The list is written last: a root without it is half a root.
    for (path, folder) in [(list, false), (root, true)] {
        let removed = if folder {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(failed);
            }
            _ => {}
        }
    }
    let source = source(&release)?;
    run(Command::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase", "--mode=root"])
        .arg(format!("--include={}", PACKAGES.join(",")))
        .arg(&release)
        .arg(root)
        .arg(source))?;
    fs::write(list, wanted).context(failed)
}

/// The name of the Debian release that this machine runs.
pub(crate) fn release() -> Result<String> {
    let path = "/etc/os-release";
    let text = fs::read_to_string(path).context(|| format!("failed to read `{path}`"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_matches('"').to_owned())
    };
    match (field("ID="), field("VERSION_CODENAME=")) {
        (Some(id), Some(release)) if id == "debian" => Ok(release),
        _ => Err(Error::new("the root is Debian's, and this machine is not")),
    }
}

/// The file that tells apt where this machine gets its Debian packages from.
fn source(release: &str) -> Result<PathBuf> {
    let mut candidates = vec![
        PathBuf::from("/etc/apt/sources.list.d/debian.sources"),
        PathBuf::from("/etc/apt/sources.list"),
    ];
    let others = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten();
    candidates.extend(others.flatten().map(|entry| entry.path()));
    let has_release = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let words = |line: &str| line.split_whitespace().any(|word| word == release);
        text.lines()
            .any(|line| !line.starts_with('#') && words(line))
    };
    candidates
        .into_iter()
        .find(has_release)
        .ok_or_else(|| Error::new(format!("no apt source of Debian {release} on this machine")))
}

/// `cargo xtask box [--outlive FILE] [-- CMD…]`.
pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let (outlive, words) = given_outlive(arguments);
    let words = match words {
        [dashes, words @ ..] if dashes == "--" => words,
        words => words,
    };
    let shell = ["bash".to_owned(), "--login".to_owned()];
    let words = if words.is_empty() { &shell[..] } else { words };
    code_of(workspace, outlive, "box", words)
}

/// `cargo xtask survive [--outlive FILE] …`.
pub(crate) fn survive(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let (outlive, words) = given_outlive(arguments);
    let mut words = words.to_vec();
    words.extend(["--python".to_owned(), brought::python(workspace)?]);
    let narrow = ["--only", "--row", "--no-systemd"];
    if !words.iter().any(|word| narrow.contains(&&**word)) {
        words.extend(["--tests".to_owned(), brought::tests(workspace)?]);
    }
    code_of(workspace, outlive, "matrix", &words)
}

/// An outlive that is there already comes first.
fn given_outlive(arguments: &[String]) -> (Option<&str>, &[String]) {
    match arguments {
        [option, path, rest @ ..] if option == "--outlive" => (Some(path), rest),
        rest => (None, rest),
    }
}

/// The step of `cargo xtask test`.
pub(crate) fn test(workspace: &Workspace) -> Result<String> {
    let machine = match Machine::prepare(workspace, None)? {
        Ok(machine) => machine,
        Err(Lacking(why)) => {
            eprintln!("SKIPPED: the survival matrix: {why}");
            return Ok(format!("SKIPPED: {why}"));
        }
    };
    let (tests, python) = (brought::tests(workspace)?, brought::python(workspace)?);
    let words = ["--subset", "--tests", &tests, "--python", &python].map(str::to_owned);
    let mut matrix = machine.command("matrix", &words);
    let said = matrix
        .stderr(Stdio::inherit())
        .output()
        .context(|| "failed to start `survive`".to_owned())?;
    let table = String::from_utf8_lossy(&said.stdout);
    eprint!("{table}");
    let summary = table.lines().last().unwrap_or("no table").to_owned();
    if said.status.success() {
        Ok(summary)
    } else {
        Err(Error::new(format!(
            "failed to survive as expected: {summary}"
        )))
    }
}

fn code_of(
    workspace: &Workspace,
    outlive: Option<&str>,
    part: &str,
    words: &[String],
) -> Result<ExitCode> {
    match Machine::prepare(workspace, outlive)? {
        Ok(machine) => {
            let status = machine
                .command(part, words)
                .status()
                .context(|| "failed to start `survive`".to_owned())?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            Ok(ExitCode::from(code.unwrap_or(128)))
        }
        Err(Lacking(why)) => {
            eprintln!("SKIPPED: {part}: {why}");
            Ok(ExitCode::from(125))
        }
    }
}
