//! What belongs to a job and what does not, and what a keeper bears.

use outlive_testkit::{Home, Pidfd, Puppet};
use rustix::process::Signal;

/// Starts a job from within another one; the names are `outer` and `inner`.
fn nested(home: &Home, outer: &mut Puppet, inner: &Puppet) {
    let inner_line = home.shell_line(inner.run_words(&["--name", "inner"]));
    let outer_line = outlive_testkit::quoted(outer.words());
    let script = format!("{inner_line} && exec {outer_line}");
    home.ok(["run", "--name", "outer", "--", "sh", "-c", &script]);
    outer.ready();
}

#[test]
fn a_job_within_a_job_outlives_its_stop_even_without_a_keeper() {
    let home = Home::new();
    let (mut outer, mut inner) = (Puppet::new(&home), Puppet::new(&home));
    nested(&home, &mut outer, &inner);
    inner.ready();
    let inner_keeper = home.keeper("inner");
    inner_keeper.kill();
    inner_keeper.ended();
    home.ok(["stop", "outer"]);
    outer.is_gone();
    inner.beat();
    assert_eq!(home.show("inner")["state"], "running");
    home.ok(["stop", "inner"]);
    inner.is_gone();
}

#[test]
fn a_job_that_bears_a_keepers_mark_is_stopped_all_the_same() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = ["--name", "job", "-e", "OUTLIVE_KEEPER=1"];
    home.start(&options, &mut puppet);
    let child = puppet.child("session");
    assert!(Pidfd::of(child).is_some());
    home.ok(["stop", "job"]);
    puppet.is_gone();
}

#[test]
fn a_keeper_bears_every_signal_that_can_be_borne() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let keeper = home.keeper("job");
    for signal in [
        Signal::QUIT,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::XCPU,
        Signal::XFSZ,
        Signal::TSTP,
        Signal::TTIN,
        Signal::PIPE,
    ] {
        keeper.signal(signal);
    }
    home.survives("job", &mut puppet);
}

#[test]
fn a_keeper_that_stands_still_is_woken_by_a_stop() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    home.keeper("job").signal(Signal::STOP);
    home.ok(["stop", "job"]);
    puppet.is_gone();
    assert_eq!(home.show("job")["state"], "signaled");
}

#[test]
fn a_running_job_with_a_damaged_record_is_signalled_and_stopped() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = home.start(&[], &mut puppet);
    puppet.does("trap USR1");
    // That is written into a whole record.
    home.reported(&id);
    std::fs::write(home.job(&id).join("record"), b"{\"version\":1,").expect("our own home");
    assert_eq!(home.show(&id)["state"], "damaged");
    assert_eq!(home.call(["rm", &id]).code, 125);
    home.ok(["kill", &id, "-s", "USR1"]);
    assert_eq!(puppet.line(), "signal USR1");
    home.ok(["stop", &id]);
    puppet.is_gone();
}

#[test]
fn the_output_file_of_a_job_that_was_not_started_is_not_left() {
    let home = Home::new();
    let file = home.folder().join("new-output");
    let words = [
        "run",
        "--output",
        file.to_str().expect("text"),
        "--",
        "no-such-program",
    ];
    assert_eq!(home.call(words).code, 127);
    assert!(!file.exists());
    std::fs::write(&file, b"mine").expect("our own folder");
    assert_eq!(home.call(words).code, 127);
    assert_eq!(std::fs::read(&file).expect("it was there before"), b"mine");
}

#[test]
fn a_folder_that_is_shared_and_used_for_other_things_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let shared = home.folder().join("shared");
    std::fs::create_dir(&shared).expect("our own folder");
    std::fs::write(shared.join("letter"), b"dear").expect("our own folder");
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let mut command = home.outlive_command(["list"]);
    let said = outlive_testkit::Running::start(command.env("OUTLIVE_HOME", &shared)).finish();
    assert_eq!(said.code, 125, "{said}");
    assert!(said.errors().contains("chmod 700"), "{said}");
    let mode = shared.metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}
