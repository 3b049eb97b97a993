//! Callers that are programs: K9, K9x, K10, surprises 10 and 11, and whatever state a caller may be
//! in.

use outlive_testkit::{Home, Puppet, Running, quoted};
use std::ffi::{OsStr, OsString};
use std::process::Stdio;

/// The words that start a puppet's job through a puppet's `part`.
fn through(home: &Home, part: &[&str], puppet: &Puppet, options: &[&str]) -> Vec<OsString> {
    let part = part.iter().map(OsString::from);
    let own = std::iter::once(home.puppet().into()).chain(part);
    own.chain(home.outlive_words(puppet.run_words(options)))
        .collect()
}

/// The parent of the launcher dies, and the launcher had asked to be killed with it.
fn parent_dies(how: &str) {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let words = through(&home, &["orphaning", how], &puppet, &["--name", "job"]);
    let mut parent = Running::start(home.command(words).stdin(Stdio::piped()));
    assert_eq!(parent.out.line().as_deref(), Some("job"));
    assert_eq!(parent.out.line().as_deref(), Some("launched with Some(0)"));
    puppet.ready();
    drop(parent.input());
    assert_eq!(parent.end(), 0);
    home.survives("job", &mut puppet);
}

#[test]
fn k9_the_callers_death_signal() {
    parent_dies("fork");
}

#[test]
fn k9x_the_launchers_own_death_signal() {
    parent_dies("exec");
}

#[test]
fn k9x_the_death_signal_of_a_thread_that_ends() {
    parent_dies("thread");
}

#[test]
fn k10_captured_output_ends_at_once() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let line = home.shell_line(puppet.run_words(&["--name", "job"]));
    let said =
        Running::start(&mut home.command(["sh", "-c", &format!("id=$({line}); echo \"got $id\"")]));
    assert_eq!(said.finish().text(), "got job");
    puppet.ready();
    home.survives("job", &mut puppet);
}

#[test]
fn k10_a_pipe_on_any_descriptor_ends_at_once() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let line = home.shell_line(puppet.run_words(&["--name", "job"]));
    // The captured pipe is on 3 and 9 too, and in the shell's own children it is not closed on exec.
    let script = format!("exec 3>&1 9>&2; {line}");
    let said = Running::start(home.command(["sh", "-c", &script]).stdin(Stdio::piped())).finish();
    assert_eq!((said.code, &*said.text()), (0, "job"), "{said}");
    puppet.ready();
    let held = puppet.ask("descriptors");
    let names: Vec<&str> = held
        .split(' ')
        .filter_map(|one| one.split('=').next())
        .collect();
    assert_eq!(names, ["0", "1", "2"], "{held}");
    assert!(held.starts_with("0=/dev/null "), "{held}");
    home.survives("job", &mut puppet);
}

/// With 0 to 2 closed, whatever a launcher opens first lands there: a handshake, a record, a log.
#[test]
fn surprise_10_descriptors_0_to_2_closed_and_room_for_16() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let words = through(&home, &["closed"], &puppet, &["--name", "job"]);
    assert_eq!(Running::start(&mut home.command(words)).finish().code, 0);
    puppet.ready();
    let data = home.folder().join("data");
    let opened = puppet.ask(&format!("data {}", data.display()));
    assert!(opened.contains("/data"), "{opened}");
    puppet.does("say for the output");
    puppet.does("complain for the errors");
    assert_eq!(home.logs("job"), "for the output\nfor the errors\n");
    assert_eq!(std::fs::read(&data).expect("the job made it"), b"");
    let held = puppet.ask("descriptors");
    assert!(held.starts_with("0=/dev/null 1="), "{held}");
    home.survives("job", &mut puppet);
}

#[test]
fn surprise_11_no_folder_and_a_mask_that_leaves_nothing() {
    let Some(home) = Home::of_nobody("surprise 11") else {
        return;
    };
    let mut puppet = Puppet::new(&home);
    let gone = home.folder().join("gone");
    let part = ["nowhere", gone.to_str().expect("a temporary path is text")];
    let said =
        Running::start(&mut home.command(through(&home, &part, &puppet, &["--name", "job"])))
            .finish();
    assert_eq!((said.code, &*said.text()), (0, "job"), "{said}");
    puppet.ready();
    // Limits and the like are resources: kept unless asked otherwise.
    assert_eq!(puppet.ask("umask"), "777");
    home.survives("job", &mut puppet);
}

#[test]
fn every_signal_ignored_and_blocked() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let words = through(&home, &["deaf"], &puppet, &["--name", "job"]);
    let said = Running::start(&mut home.command(words)).finish();
    assert_eq!((said.code, &*said.text()), (0, "job"), "{said}");
    puppet.ready();
    for set in ["SigBlk", "SigIgn"] {
        let mask = u64::from_str_radix(&puppet.ask(&format!("status {set}")), 16);
        // Rust's own start-up ignores SIGPIPE in the puppet.
        let own = if set == "SigIgn" {
            1 << (libc::SIGPIPE - 1)
        } else {
            0
        };
        assert_eq!(mask.map(|mask| mask & !own), Ok(0), "{set}");
    }
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
}

#[test]
fn the_job_is_alone_in_its_session() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let pid = puppet.pid();
    assert_eq!(puppet.ask("group"), format!("{pid} {pid}"));
    assert_eq!(home.show("job")["pid"], pid);
    home.survives("job", &mut puppet);
}

#[test]
fn what_the_job_is_given() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let folder = home.folder().canonicalize().expect("it exists");
    let at = folder.to_str().expect("a temporary path is text");
    let options = [
        "--name",
        "job",
        "--cwd",
        at,
        "--umask",
        "027",
        "-e",
        "GIVEN=a b=c",
    ];
    let said = Running::start(
        home.outlive_command(puppet.run_words(&options))
            .env("INHERITED", "1")
            .env("GIVEN", "0"),
    );
    assert_eq!(said.finish().code, 0);
    puppet.ready();
    assert_eq!(puppet.ask("folder"), at);
    assert_eq!(puppet.ask("umask"), "027");
    assert_eq!(puppet.ask("env GIVEN"), "set a b=c");
    assert_eq!(puppet.ask("env INHERITED"), "set 1");
    assert_eq!(puppet.ask("env OUTLIVE_KEEPER"), "unset");
    let id = home.show("job")["id"]
        .as_str()
        .expect("an id is text")
        .to_owned();
    assert_eq!(puppet.ask("env OUTLIVE_JOB"), format!("set {id}"));
    home.survives("job", &mut puppet);
}

#[test]
fn a_clean_environment_has_what_was_given_alone() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = [
        "--name",
        "job",
        "--clean-env",
        "-e",
        "GIVEN=1",
        "--secret-env",
        "SECRET",
    ];
    let mut command = home.outlive_command(puppet.run_words(&options));
    assert_eq!(
        Running::start(command.env("SECRET", "2").env("OTHER", "3"))
            .finish()
            .code,
        0
    );
    let pid = puppet.ready();
    let variables = outlive_testkit::process::environment(pid);
    let mut names: Vec<&[u8]> = variables
        .iter()
        .filter_map(|one| one.split(|&b| b == b'=').next())
        .collect();
    names.sort_unstable();
    let expected: [&[u8]; 3] = [b"GIVEN", b"OUTLIVE_JOB", b"SECRET"];
    assert_eq!(names, expected);
    home.survives("job", &mut puppet);
}

#[test]
fn follow_streams_and_ends_as_the_job_does() {
    let home = Home::new();
    let script = "echo one; echo two >&2; exit 9";
    let words = ["run", "--follow", "--", "sh", "-c", script];
    let said = home.call(words);
    assert_eq!((said.code, &*said.text()), (9, "one\ntwo"), "{said}");
    let killed = home.call(["run", "--follow", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(killed.code, 128 + 9, "{killed}");
}

#[test]
fn a_job_that_starts_a_job() {
    let home = Home::new();
    let (mut outer, mut inner) = (Puppet::new(&home), Puppet::new(&home));
    home.start(&["--name", "outer"], &mut outer);
    let line = quoted(home.outlive_words(inner.run_words(&["--name", "inner"])));
    assert_eq!(outer.ask(&format!("shell {line}")), "ended with Some(0)");
    inner.ready();
    home.ok([OsStr::new("stop"), OsStr::new("outer")]);
    // Its lifeline was open in the shell that started the inner job, and none of that is left.
    outer.gone();
    home.survives("inner", &mut inner);
}
