//! The Python package: built as `pip install .` does, type-checked, and tested on every Python from
//! 3.9 on that is here.

mod newer;

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::error::{Context, Error, Result};
use crate::setup;
use crate::workspace::{Workspace, find_program, output, run};

/// What builds and tests the package, from PyPI.
const TOOLS: &[&str] = &["maturin>=1.9,<2", "mypy>=1.18", "pyright>=1.1.400", PYTEST];
/// All that the tests themselves take.
const PYTEST: &str = "pytest>=8.4";

/// The minor versions of Python 3 that the package is for.
const VERSIONS: std::ops::RangeInclusive<u32> = 9..=14;

/// Prints the minor version of the Python that runs it.
const MINOR: &str = "import sys; print(sys.version_info.minor)";

pub(crate) fn test(workspace: &Workspace) -> Result<String> {
    let folder = workspace.target.join("python");
    let pythons = pythons();
    let venv = match prepare(&folder) {
        Ok(venv) => venv,
        Err(error) if error.is_lacking() => {
            eprintln!("SKIPPED: the Python package: {error}");
            return Ok(format!("SKIPPED: {error}"));
        }
        Err(error) => return Err(error),
    };
    let wheel = build(workspace, &venv, "dev", &folder.join("wheels"))?;
    let mut venvs = vec![venv];
    let mut others = pythons;
    let own = venvs[0].minor()?;
    others.remove(&own);
    let place = |minor: u32| folder.join(format!("venv-3.{minor}"));
    let mut made: BTreeMap<u32, Result<Venv>> = others
        .iter()
        .map(|(minor, python)| (*minor, Venv::make(&place(*minor), python)))
        .collect();
    for minor in VERSIONS.filter(|minor| *minor > own && !others.contains_key(minor)) {
        if let Some(python) = newer::interpreter(minor, &folder, &venvs[0])? {
            let venv = Venv::make_without_ensurepip(&place(minor), &python, &venvs[0]);
            made.insert(minor, venv);
        }
    }
    for (minor, other) in made {
        match other.and_then(|it| it.install(&[PYTEST]).map(|()| it)) {
            Ok(other) => venvs.push(other),
            Err(error) if error.is_lacking() => {
                eprintln!("SKIPPED: the Python package on 3.{minor}: {error}");
            }
            Err(error) => return Err(error),
        }
    }
    let first = &venvs[0];
    for venv in &venvs {
        venv.install_wheel(&wheel)?;
    }
    let types = check_types(first)?;
    let mut started = Vec::new();
    for venv in &venvs {
        started.push(Tests::start(workspace, venv)?);
    }
    let results: Vec<Result<String>> = started.into_iter().map(Tests::finish).collect();
    let mut notes = results.into_iter().collect::<Result<Vec<_>>>()?;
    notes.extend(types);
    let tested: Vec<u32> = venvs.iter().map(Venv::minor).collect::<Result<_>>()?;
    let missing: Vec<String> = VERSIONS
        .filter(|minor| !tested.contains(minor))
        .map(|minor| format!("3.{minor}"))
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        eprintln!("SKIPPED: the Python package on {missing}: not here");
        notes.push(format!("not run: {missing}"));
    }
    Ok(notes.join("; "))
}

/// Checks the types, and that they are those of what is installed; a note if one checker is not here.
fn check_types(venv: &Venv) -> Result<Option<String>> {
    run(venv.python().args(["-m", "mypy"]).args([
        "crates/outlive-python/python",
        "crates/outlive-python/tests",
        "examples",
        // For people who know no annotations.
        "--exclude=child_process.py",
    ]))?;
    let exceptions = "crates/outlive-python/stubtest.txt";
    run(venv
        .program("stubtest")
        .args(["outlive", "--allowlist", exceptions]))?;
    // It is a program for Node, which the package from PyPI fetches from npm at its first run.
    let there = venv.program("pyright").arg("--version").output();
    if !there.is_ok_and(|it| it.status.success()) {
        eprintln!("SKIPPED: pyright: it takes Node and npm's registry");
        return Ok(Some("SKIPPED: pyright".to_owned()));
    }
    run(&mut venv.program("pyright"))?;
    Ok(None)
}

/// Measures what a start costs from Python.
pub(crate) fn bench(workspace: &Workspace, quick: bool) -> Result<()> {
    let folder = workspace.target.join("python");
    let venv = prepare(&folder)?;
    let wheel = build(workspace, &venv, "wheel", &folder.join("wheels-bench"))?;
    venv.install_wheel(&wheel)?;
    if let Err(error) = venv.install(&["python-daemon>=3"]) {
        eprintln!("SKIPPED: python-daemon: {error}");
    }
    let mut bench = venv.python();
    bench.arg("bench/python.py").current_dir(&workspace.root);
    run(bench.args(quick.then_some("--quick")))
}

/// A virtual environment (PEP 405).
struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// One of this interpreter, reused if it is there.
    fn make(folder: &Path, python: &Path) -> Result<Venv> {
        let venv = Venv::at(folder);
        if !venv.is_whole() {
            // Debian has venv's part of the standard library in a package of its own.
            run(Command::new(python)
                .args(["-m", "venv", "--clear"])
                .arg(folder))
            .map_err(|error| Error::lacking(format!("it has no venv: {error}")))?;
        }
        Ok(venv)
    }

    /// The same, of an interpreter that brings no pip: that of `other` installs it.
    fn make_without_ensurepip(folder: &Path, python: &Path, other: &Venv) -> Result<Venv> {
        let venv = Venv::at(folder);
        if !venv.is_whole() {
            run(Command::new(python)
                .args(["-m", "venv", "--clear", "--without-pip"])
                .arg(folder))?;
            let mut pip = other.pip();
            pip.arg("--python").arg(folder.join("bin/python"));
            run(pip.args(["install", "pip"]))?;
        }
        Ok(venv)
    }

    fn at(folder: &Path) -> Venv {
        Venv {
            folder: folder.to_owned(),
        }
    }

    /// One whose making failed has an interpreter and no pip: Debian's venv without ensurepip.
    fn is_whole(&self) -> bool {
        let pip = self.pip().arg("--version").output();
        pip.is_ok_and(|pip| pip.status.success())
    }

    /// A command of its interpreter, at the root of the workspace as cargo runs this program.
    fn python(&self) -> Command {
        self.program("python")
    }

    fn program(&self, name: &str) -> Command {
        let programs = self.folder.join("bin");
        let mut command = Command::new(programs.join(name));
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(programs).chain(env::split_paths(&path));
        command
            .env("PATH", env::join_paths(paths).unwrap_or(path))
            // Another one's modules, and another `outlive`.
            .env_remove("PYTHONPATH")
            .env_remove("OUTLIVE_BIN")
            .env_remove("LD_LIBRARY_PATH");
        command
    }

    fn minor(&self) -> Result<u32> {
        minor(&mut self.python()).ok_or_else(|| {
            Error::new(format!(
                "failed to run the Python of `{}`",
                self.folder.display()
            ))
        })
    }

    fn pip(&self) -> Command {
        let mut command = self.python();
        command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
        command
    }

    /// Installs what is not there yet.
    fn install(&self, tools: &[&str]) -> Result<()> {
        let installed = output(self.pip().args(["list", "--format", "freeze"]))?;
        let there = |tool: &&&str| {
            let name = tool.split('>').next().unwrap_or(tool);
            installed
                .lines()
                .any(|line| line.split("==").next() == Some(name))
        };
        if tools.iter().all(|tool| there(&tool)) {
            return Ok(());
        }
        let installed = run(self.pip().arg("install").args(tools));
        installed.map_err(|error| match self.reaches_index() {
            true => Error::new(format!("pip fails to install its tools: {error}")),
            false => Error::lacking(format!("pip reaches no package index: {error}")),
        })
    }

    /// Whether pip can fetch anything at all: itself.
    fn reaches_index(&self) -> bool {
        let folder = self.folder.join("fetched");
        let mut fetch = self.pip();
        fetch
            .args(["download", "--no-deps", "--no-cache-dir", "pip", "--dest"])
            .arg(folder);
        fetch.output().is_ok_and(|fetched| fetched.status.success())
    }

    fn install_wheel(&self, wheel: &Path) -> Result<()> {
        run(self
            .pip()
            .args(["install", "--no-deps", "--force-reinstall"])
            .arg(wheel))
    }
}

fn minor(python: &mut Command) -> Option<u32> {
    let said = python.args(["-c", MINOR]).output().ok()?;
    String::from_utf8(said.stdout).ok()?.trim().parse().ok()
}

/// The virtual environment in which the package is built, with all that this takes.
fn prepare(folder: &Path) -> Result<Venv> {
    let python = || find_program("python3");
    if python().is_none() {
        setup::install(&["python3", "python3-venv"])?;
    }
    let python = python().ok_or_else(|| Error::lacking("there is no python3"))?;
    let place = folder.join("venv");
    let venv = match Venv::make(&place, &python) {
        Ok(venv) => venv,
        Err(_) if setup::install(&["python3-venv"])? => Venv::make(&place, &python)?,
        Err(error) => return Err(error),
    };
    venv.install(TOOLS)?;
    Ok(venv)
}

/// Builds the wheel as pip does; its path.
fn build(workspace: &Workspace, venv: &Venv, profile: &str, folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .context(|| format!("failed to remove `{}`", folder.display()))?;
    }
    let mut pip = venv.pip();
    pip.args(["wheel", "--no-deps", "--no-build-isolation"])
        .args(["--config-settings", &format!("profile={profile}")])
        .arg("--wheel-dir")
        .arg(folder)
        .arg(&workspace.root)
        .env("CARGO_TARGET_DIR", &workspace.target);
    run(&mut pip)?;
    let failed = || format!("failed to find the wheel in `{}`", folder.display());
    let mut entries = fs::read_dir(folder).context(failed)?;
    let wheel = entries.next().ok_or_else(|| Error::new(failed()))?;
    Ok(wheel.context(failed)?.path())
}

/// Each Python that is here, by its minor version: in PATH, or one of pyenv's.
fn pythons() -> BTreeMap<u32, PathBuf> {
    let mut candidates: Vec<PathBuf> = VERSIONS
        .filter_map(|minor| find_program(&format!("python3.{minor}")))
        .collect();
    let pyenv = env::var_os("PYENV_ROOT").map(PathBuf::from);
    let pyenv = pyenv.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".pyenv")));
    let versions = pyenv.and_then(|it| fs::read_dir(it.join("versions")).ok());
    for version in versions.into_iter().flatten().flatten() {
        candidates.push(version.path().join("bin/python3"));
    }
    let mut found = BTreeMap::new();
    for python in candidates {
        if let Some(minor) = minor(&mut Command::new(&python)).filter(|it| VERSIONS.contains(it)) {
            found.entry(minor).or_insert(python);
        }
    }
    found
}

/// The tests on one Python, which run beside those on the others.
struct Tests {
    minor: u32,
    child: Child,
    said: PathBuf,
}

impl Tests {
    fn start(workspace: &Workspace, venv: &Venv) -> Result<Tests> {
        let said = venv.folder.join("pytest.log");
        let log = File::create(&said).context(|| format!("failed to make `{}`", said.display()))?;
        let errors = log
            .try_clone()
            .context(|| "failed to share a file".to_owned())?;
        let mut command = venv.python();
        // What it compiles stays out of the workspace, and each has a cache of its own.
        command
            .args(["-B", "-m", "pytest", "-rs", "-p", "no:cacheprovider"])
            .current_dir(&workspace.root)
            .stdout(log)
            .stderr(errors);
        let child = command
            .spawn()
            .context(|| "failed to start pytest".to_owned())?;
        Ok(Tests {
            minor: venv.minor()?,
            child,
            said,
        })
    }

    /// What came of them: pytest's last line.
    fn finish(mut self) -> Result<String> {
        let status = self.child.wait();
        let status = status.context(|| "failed to wait for pytest".to_owned())?;
        let said = fs::read_to_string(&self.said)
            .context(|| format!("failed to read `{}`", self.said.display()))?;
        for line in said.lines().filter(|line| line.starts_with("SKIPPED")) {
            eprintln!("{line} (Python 3.{})", self.minor);
        }
        let last = said.lines().last().unwrap_or_default();
        let note = format!("3.{}: {}", self.minor, last.trim_matches([' ', '=']));
        if status.success() {
            return Ok(note);
        }
        eprintln!("{said}");
        Err(Error::new(note))
    }
}
