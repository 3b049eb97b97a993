//! With a real systemd, for whoever runs it: root asks the system's manager, anyone else his own.
//!
//! Where there is none they say so and pass: `cargo xtask survive` runs them in a machine of its
//! own, as root and as a plain user.

use outlive_os::{events, socket};
use outlive_systemd::{
    Failure, Manager, Program, Service, enable_linger, kill_mode, logind, move_into_scope,
    start_service,
};
use outlive_testkit::skipped;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(20);

fn user() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

fn manager() -> Manager {
    match user() {
        0 => Manager::System,
        _ => Manager::User,
    }
}

/// Whether this user has a manager here; says so if not.
fn has_manager(test: &str) -> bool {
    let there = manager().is_there(user());
    if !there {
        skipped(test, "no systemd manager serves this user");
    }
    there
}

/// A name for this run of one test.
fn name(of: &str, kind: &str) -> String {
    format!("outlive-{of}-{}.{kind}", process::id())
}

/// Starts a shell that tells about itself in one packet, and ends when nobody listens any more.
fn start(name: &str, program: &str) -> Result<socket::Connection, Failure> {
    let (ours, theirs) = socket::pair().unwrap();
    let script = "exec 3<&0 4<&0; { echo \"$0\" $PPID $OUTLIVE_KEEPER; cat /proc/self/cgroup; } | \
                  dd bs=4096 iflag=fullblock status=none >&3; exec cat <&4 >/dev/null";
    let service = Service {
        name,
        description: "a test of outlive",
        program: Program::Path(Path::new(program)),
        arguments: &["sh", "-c", script, "$HOME"],
        environment: &[("OUTLIVE_KEEPER", "1")],
        standard_input: theirs.as_fd(),
    };
    start_service(manager(), user(), &service, WITHIN)?;
    Ok(ours)
}

#[test]
fn a_service_is_the_managers_child_in_a_cgroup_of_its_own() {
    if !has_manager("a_service_is_the_managers_child_in_a_cgroup_of_its_own") {
        return;
    }
    let name = name("service", "service");
    let job = start(&name, "/bin/sh").unwrap();
    let ready = events::wait(&[job.as_fd()], Some(WITHIN)).unwrap();
    assert_eq!(ready, [0], "it says something in time");
    let (said, _) = job.receive(8192).unwrap();
    let said = String::from_utf8(said).unwrap();
    let mut words = said.split_whitespace();
    assert_eq!(
        words.next(),
        Some("$HOME"),
        "arguments are passed as they are"
    );
    let parent: u32 = words.next().unwrap().parse().unwrap();
    let command = fs::read_to_string(format!("/proc/{parent}/comm")).unwrap();
    assert_eq!(
        (command.trim(), parent == process::id()),
        ("systemd", false)
    );
    assert_eq!(words.next(), Some("1"));
    assert!(
        said.lines().any(|line| line.ends_with(&format!("/{name}"))),
        "{said}"
    );
    let mode = kill_mode(manager(), user(), &name, WITHIN).unwrap();
    assert_eq!(mode, "mixed");
    let taken = start(&name, "/bin/sh").unwrap_err();
    assert_eq!(
        taken.error_name(),
        Some("org.freedesktop.systemd1.UnitExists")
    );
}

#[test]
fn a_program_that_is_missing_is_said_and_leaves_nothing() {
    if !has_manager("a_program_that_is_missing_is_said_and_leaves_nothing") {
        return;
    }
    let name = name("missing", "service");
    let failure = start(&name, "/nonexistent/program").unwrap_err();
    assert!(failure.to_string().contains("203/EXEC"), "{failure}");
    let gone = kill_mode(manager(), user(), &name, WITHIN).unwrap_err();
    assert_eq!(
        gone.error_name(),
        Some("org.freedesktop.systemd1.NoSuchUnit")
    );
}

#[test]
fn a_process_moves_into_a_scope_and_stays_our_child() {
    if !has_manager("a_process_moves_into_a_scope_and_stays_our_child") {
        return;
    }
    let name = name("scope", "scope");
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let pid = child.id().try_into().unwrap();
    move_into_scope(manager(), user(), &name, "a test of outlive", pid, WITHIN).unwrap();
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(cgroup.trim().ends_with(&name), "{cgroup}");
    let mode = kill_mode(manager(), user(), &name, WITHIN).unwrap();
    assert_eq!(mode, "control-group");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let none = move_into_scope(manager(), user(), &name, "a test of outlive", pid, WITHIN);
    assert!(none.is_err(), "it has ended");
}

#[test]
fn a_user_who_wants_it_lingers() {
    // It stays so: only in a machine that is thrown away.
    if std::env::var_os("OUTLIVE_TEST_LINGER").is_none() {
        let why = "this machine's users linger or not as they did";
        skipped("a_user_who_wants_it_lingers", why);
        return;
    }
    enable_linger(user(), WITHIN).unwrap();
    assert!(logind(user(), WITHIN).unwrap().lingers);
    assert!(Manager::User.is_there(user()));
}
