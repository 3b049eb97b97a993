//! Jobs that can't be started.

use crate::home::{Home, Told, named, output, shell, waited};
use crate::support::told;
use outlive::{Breakaway, Command, Error, JobOptions, Leftover, OutputMode, Stdio};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

fn refused(home: &Home, command: &Command, options: &JobOptions) -> Error {
    let refused = home.jobs.start(command, options);
    refused
        .map(|job| job.id().to_owned())
        .expect_err("it can't be started")
}

type Change = fn(&mut Command) -> &mut Command;
type Kind = fn(&Error) -> bool;

/// Commands that can't be started, and what kind of error they give.
fn bad_commands(home: &Home) -> Vec<(Command, Kind)> {
    let plain = home.folder().join("plain");
    fs::write(&plain, "exit 0\n").expect("our own folder");
    fs::set_permissions(&plain, Permissions::from_mode(0o644)).expect("our own file");
    let mut bad: Vec<(Command, Kind)> = vec![
        (Command::new("no-such-program"), Error::is_not_found),
        (Command::new("/no/such/program"), Error::is_not_found),
        (Command::new(""), Error::is_not_found),
        (Command::new(&plain), Error::is_not_executable),
        (Command::new("a\0b"), Error::is_invalid),
    ];
    let changes: [(Change, Kind); 8] = [
        (
            |it| it.current_dir("/no/such/folder"),
            |error| !error.is_not_found(),
        ),
        (|it| it.arg("a\0b"), Error::is_invalid),
        (|it| it.env("A=B", "x"), Error::is_invalid),
        (|it| it.env("", "x"), Error::is_invalid),
        (|it| it.env("A", "\0"), Error::is_invalid),
        (|it| it.umask(0o1000), Error::is_invalid),
        (|it| it.stdout(Stdio::piped()), Error::is_invalid),
        (|it| it.arg("x".repeat(1 << 20)), Error::is_not_executable),
    ];
    for (change, kind) in changes {
        let mut command = Command::new("true");
        change(&mut command);
        bad.push((command, kind));
    }
    bad
}

pub(crate) fn nothing_of_a_refused_job_is_left() {
    let home = Home::new();
    let mut bad = bad_commands(&home);
    let mut hunted = Command::new("true");
    hunted.env("JENKINS_NODE_COOKIE", "x");
    hunted.breakaway(Breakaway::Require);
    bad.push((hunted, Error::is_remains));
    for (command, kind) in bad {
        let error = refused(&home, &command, &named("job"));
        assert!(kind(&error), "{command:?}: {}", told(&error));
        assert!(
            home.jobs.list().expect("it can be listed").is_empty(),
            "{command:?}"
        );
        for folder in ["jobs", "names"] {
            let path = home.jobs.home().join(folder);
            let left = fs::read_dir(path).map_or(0, |entries| entries.count());
            assert_eq!(left, 0, "{command:?}: {folder}");
        }
    }
    // Nor does it stand in the way of the next.
    waited(&home.start(&Command::new("true"), &named("job")));
}

pub(crate) fn reasons_are_those_of_a_child() {
    let home = Home::new();
    for (mut command, _) in bad_commands(&home) {
        if told(&refused(&home, &command, &JobOptions::new())).contains("pipe") {
            continue;
        }
        let job = refused(&home, &command, &JobOptions::new());
        let child = command.spawn().expect_err("it can't be started");
        assert_eq!((told(&job), job.hint()), (told(&child), child.hint()));
    }
}

pub(crate) fn names_that_can_not_be() {
    let home = Home::new();
    let long = "x".repeat(65);
    for name in [
        "",
        "../x",
        "a/b",
        "-n",
        ".new-x",
        "a b",
        "a\nb",
        "a\u{202e}b",
        &long,
    ] {
        let error = refused(&home, &Command::new("true"), &named(name));
        assert!(error.is_invalid(), "{name:?}: {}", told(&error));
        assert!(
            told(&error).starts_with("failed to use "),
            "{}",
            told(&error)
        );
    }
    assert!(!home.jobs.home().exists());
    for name in ["x", "🚀", "ein-Name_mit.Punkten", &"x".repeat(64)] {
        let job = home.ended(name, 0);
        assert_eq!(home.jobs.get(name).expect("it is there").id(), job.id());
    }
}

pub(crate) fn a_name_in_use_is_refused() {
    let home = Home::new();
    let first = Told::start(&home, "", &named("job"));
    let error = refused(&home, &shell("exit 0"), &named("job"));
    assert!(error.is_name_in_use(), "{}", told(&error));
    assert!(told(&error).contains("`job`") && told(&error).contains(first.job.id()));
    assert!(error.hint().expect("a hint").contains("outlive stop"));
    assert_eq!(home.jobs.list().expect("it can be listed").len(), 1);
    // It still means the one that has it.
    assert_eq!(home.jobs.get("job").expect("it runs").id(), first.job.id());
    first.end(0);
}

pub(crate) fn options_that_contradict_each_other() {
    let home = Home::new();
    let path = home.folder().join("output");
    let mut leaving = JobOptions::new();
    leaving
        .leftover(Leftover::Leave)
        .output_mode(OutputMode::Pipe);
    let mut own_file = JobOptions::new();
    own_file.output_file(&path).output_mode(OutputMode::Pipe);
    for options in [leaving, own_file] {
        let error = refused(&home, &Command::new("true"), &options);
        assert!(error.is_invalid(), "{}", told(&error));
    }
    let mut missing = JobOptions::new();
    missing.stdin_file("/no/such/file");
    let error = refused(&home, &Command::new("true"), &missing);
    assert!(
        told(&error).starts_with("failed to open `/no/such/file`: "),
        "{}",
        told(&error)
    );
    let mut missing = JobOptions::new();
    missing.output_file("/no/such/folder/file");
    let error = refused(&home, &Command::new("true"), &missing);
    assert!(
        told(&error).starts_with("failed to open `/no/such/folder/file`: "),
        "{}",
        told(&error)
    );
    assert!(home.jobs.list().expect("it can be listed").is_empty());
}

pub(crate) fn a_secret_that_is_not_set() {
    let home = Home::new();
    let mut options = JobOptions::new();
    options.secret_env("OUTLIVE_TEST_NOT_SET");
    let error = refused(&home, &Command::new("true"), &options);
    assert!(error.is_invalid() && error.to_string().contains("OUTLIVE_TEST_NOT_SET"));
    // One that is set for it alone is as good.
    let mut command = shell("echo $OUTLIVE_TEST_NOT_SET");
    let job = home.start(command.env("OUTLIVE_TEST_NOT_SET", "x"), &options);
    waited(&job);
    assert_eq!(output(&job), "x\n");
}
