//! `cargo xtask windows`: builds for Windows, and runs the tests there with Wine.

use crate::cross::wine::Wine;
use crate::cross::{self, Place, Toolchain, node};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::tests_run;
use crate::workspace::{Workspace, run};

const TARGET: &str = "x86_64-pc-windows-gnu";

const LINKER: &str = "x86_64-w64-mingw32-gcc";

/// Everything that exists on Windows.
const BUILT: &[&str] = &[
    "outlive-record",
    "outlive-os",
    "outlive-escape",
    "outlive-systemd",
    "outlive-keeper",
    "outlive",
    "outlive-cli",
];

const TESTED: &[&str] = &[
    "outlive-record",
    "outlive-os",
    "outlive-escape",
    "outlive-keeper",
    "outlive-windows",
];

/// Their test targets: the others drive Linux, or read what its kernel writes, whose paths are Unix's.
const TESTS: &[&str] = &["windows*", "cookies", "plan", "survey"];

/// Where tests find a program of somebody else's.
const NODE: &str = "OUTLIVE_TEST_NODE";

/// The toolchain, and what runs what it builds.
struct Windows {
    toolchain: Toolchain,
    wine: Wine,
    place: Place,
}

/// `cargo xtask windows [-- NEXTEST ARGUMENTS]`.
pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let passed_on = match arguments {
        [dashes, passed_on @ ..] if dashes == "--" => passed_on,
        [] => arguments,
        [other, ..] => return Err(Error::new(format!("unknown option `{other}` of `windows`"))),
    };
    let mut report = Report::new();
    let mut windows = None;
    report.step("set-up", || {
        let windows = windows.insert(Windows::prepare(workspace)?);
        Ok(windows.wine.version().to_owned())
    });
    match &windows {
        Some(windows) => {
            report.step("clippy", || windows.clippy(workspace));
            report.step("tests", || windows.tests(workspace, passed_on));
        }
        None => {
            report.not_run("clippy", "set-up");
            report.not_run("tests", "set-up");
        }
    }
    match report.summary() {
        0 => Ok(()),
        failed => Err(Error::new(format!("{failed} of the steps did not pass"))),
    }
}

/// The step of `cargo xtask test`.
pub(crate) fn test(workspace: &Workspace) -> Result<String> {
    let windows = match Windows::prepare(workspace) {
        Err(error) if error.is_lacking() => {
            eprintln!("SKIPPED: everything on Windows: {error}");
            return Ok(format!("SKIPPED: {error}"));
        }
        windows => windows?,
    };
    let clippy = windows.clippy(workspace)?;
    let tests = windows.tests(workspace, &[])?;
    let notes = [windows.wine.version(), &tests, &clippy];
    let notes: Vec<_> = notes.into_iter().filter(|note| !note.is_empty()).collect();
    Ok(notes.join(", "))
}

/// `cargo xtask bench --windows`.
pub(crate) fn bench(workspace: &Workspace) -> Result<()> {
    let windows = Windows::prepare(workspace)?;
    let build = ["build", "--release", "--target", TARGET, "--package"];
    let cargo = |words: &[&str]| {
        windows
            .toolchain
            .cargo(workspace, &[&build, words].concat())
    };
    run(&mut cargo(&["outlive-cli", "--bin", "outlive"]))?;
    run(&mut cargo(&["outlive-windows", "--examples"]))?;
    let built = workspace.target.join(TARGET).join("release");
    let example = |name: &str| built.join("examples").join(name);
    let _server = windows.wine.start()?;
    let mut measure = windows.wine.command();
    measure.arg(example("startup.exe"));
    run(measure
        .arg(built.join("outlive.exe"))
        .arg(example("minimal.exe")))
}

impl Windows {
    fn prepare(workspace: &Workspace) -> Result<Self> {
        let place = Place::hold(workspace, "windows")?;
        cross::need(&[(LINKER, "gcc-mingw-w64-x86-64-win32")])?;
        let mut toolchain = Toolchain::prepare(&place, TARGET, "")?;
        let wine = Wine::prepare(&place.folder, LINKER)?;
        toolchain.set("LINKER", LINKER);
        toolchain.set("RUNNER", wine.runner());
        toolchain.set_variables(wine.variables());
        let by_hand = place.folder.join("env");
        toolchain.write_for_shells(&by_hand)?;
        eprintln!(
            "to build by hand: . {} && cargo test --target {TARGET}",
            by_hand.display()
        );
        Ok(Self {
            toolchain,
            wine,
            place,
        })
    }

    fn clippy(&self, workspace: &Workspace) -> Result<String> {
        if !self.toolchain.has_clippy() {
            eprintln!("SKIPPED: clippy for Windows: the compiler in use has none");
            return Ok("SKIPPED: clippy".to_owned());
        }
        let mut clippy = self
            .toolchain
            .cargo(workspace, &["clippy", "--target", TARGET]);
        clippy
            .args(of("--package", BUILT))
            .args(["--lib", "--bins"]);
        run(clippy.args(["--", "-D", "warnings"]))?;
        let mut clippy = self
            .toolchain
            .cargo(workspace, &["clippy", "--target", TARGET]);
        clippy
            .args(of("--package", TESTED))
            .args(["--lib", "--profile", "test"]);
        run(clippy
            .args(of("--test", TESTS))
            .args(["--", "-D", "warnings"]))?;
        Ok(String::new())
    }

    fn tests(&self, workspace: &Workspace, passed_on: &[String]) -> Result<String> {
        let cargo = |words: &[&str]| {
            let mut command = self.toolchain.cargo(workspace, words);
            command.args(["--target", TARGET]);
            command
        };
        // Tests look for it beside themselves.
        run(&mut cargo(&[
            "build",
            "--package",
            "outlive-cli",
            "--bin",
            "outlive",
        ]))?;
        let tested = |first: &[&str]| {
            let mut command = cargo(first);
            command.args(of("--package", TESTED)).arg("--lib");
            command.args(of("--test", TESTS));
            command
        };
        // Before the server is there, which does not wait for a compiler. Nextest's own `--no-run`
        // has each program list its tests: without a server each of them starts one or meets one
        // that is about to end.
        run(&mut tested(&["test", "--no-run"]))?;
        let server = self.wine.start()?;
        let mut tests = tested(&["nextest", "run"]);
        match node::for_windows(&self.place.downloads)? {
            Ok(node) => drop(tests.env(NODE, node)),
            Err(why) => eprintln!("Node.js for Windows is not to be had: {why}"),
        }
        tests.args(passed_on);
        let note = tests_run::counted(workspace, tests);
        drop(server);
        note
    }
}

/// `option` before each of `values`.
fn of<'a>(option: &'a str, values: &'a [&str]) -> impl Iterator<Item = &'a str> {
    values.iter().flat_map(move |value| [option, value])
}
