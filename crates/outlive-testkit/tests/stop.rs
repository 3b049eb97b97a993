//! `stop`, `kill`, and what a job's end is.

use outlive_testkit::{Home, Pidfd, Puppet, Running};

/// Every kind of descendant that a puppet can make.
const KINDS: [&str; 10] = [
    "plain",
    "session",
    "daemon",
    "deaf",
    "deaf-daemon",
    "runner",
    "runner-daemon",
    "scrubbed",
    "scrubbed-writer",
    "guardian",
];

#[test]
fn stop_leaves_nothing_of_the_tree() {
    for kind in KINDS {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let job = home.start(&[], &mut puppet);
        puppet.child(kind);
        let said = home.call(["stop", &job, "--grace", "50ms"]);
        assert_eq!(said.code, 0, "{kind}: {said}");
        println!("{kind}");
        puppet.is_gone();
        assert_eq!(home.show(&job)["state"], "signaled");
        assert_eq!(home.call(["wait", &job]).code, 128 + libc::SIGTERM);
    }
}

#[test]
fn stop_ends_a_tree_of_all_kinds() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let job = home.start(&[], &mut puppet);
    for kind in KINDS {
        puppet.child(kind);
    }
    let said = home.call(["stop", &job, "--grace", "50ms"]);
    assert_eq!(said.code, 0, "{said}");
    puppet.is_gone();
}

#[test]
fn a_job_that_ignores_the_polite_signal_is_killed() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let line = outlive_testkit::quoted(puppet.words());
    // What is ignored stays ignored over exec.
    home.ok([
        "run",
        "--name",
        "job",
        "--",
        "sh",
        "-c",
        &format!("trap '' TERM; exec {line}"),
    ]);
    puppet.ready();
    home.ok(["stop", "job", "--grace", "50ms"]);
    puppet.is_gone();
    let shown = home.show("job");
    assert_eq!(
        (&shown["state"], &shown["signal"]),
        (&"signaled".into(), &libc::SIGKILL.into())
    );
}

#[test]
fn a_job_may_end_by_itself_within_its_grace() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.does("trap TERM");
    let stop = Running::start(&mut home.outlive_command(["stop", "job", "--grace", "1h"]));
    assert_eq!(puppet.line(), "signal TERM");
    let line = puppet.beat();
    puppet.exit(5);
    let said = stop.finish();
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(home.call(["wait", "job"]).code, 5);
    assert_eq!(home.logs("job").trim(), line);
}

#[test]
fn a_job_that_stands_still_is_stopped() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.child("daemon");
    home.ok(["kill", "job", "--tree", "-s", "STOP"]);
    assert_eq!(home.show("job")["state"], "running");
    let said = home.call(["stop", "job", "--grace", "1h"]);
    assert_eq!(said.code, 0, "{said}");
    puppet.is_gone();
}

#[test]
fn five_stop_the_same_job() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.child("deaf-daemon");
    let stops: Vec<Running> = (0..5)
        .map(|_| Running::start(&mut home.outlive_command(["stop", "job", "--grace", "50ms"])))
        .collect();
    for stop in stops {
        let said = stop.finish();
        assert_eq!(said.code, 0, "{said}");
        puppet.is_gone();
    }
}

#[test]
fn several_are_stopped_at_once() {
    let home = Home::new();
    let mut puppets: Vec<Puppet> = (0..3).map(|_| Puppet::new(&home)).collect();
    let mut stop = vec!["stop".to_owned()];
    for puppet in &mut puppets {
        stop.push(home.start(&[], puppet));
    }
    assert_eq!(home.call(&stop).code, 0);
    puppets.iter_mut().for_each(Puppet::is_gone);
    assert_eq!(home.call(&stop).code, 0, "what has ended needs no stopping");
}

#[test]
fn what_the_main_process_leaves_is_stopped() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.child("daemon");
    puppet.child("plain");
    puppet.exit(3);
    assert_eq!(home.call(["wait", "job"]).code, 3);
    // The job has ended with its main process; its keeper ends with the rest.
    puppet.gone();
}

#[test]
fn what_the_main_process_leaves_may_be_left() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--leftover", "leave"], &mut puppet);
    let child = Pidfd::of(puppet.child("daemon")).expect("it lives");
    puppet.exit(3);
    assert_eq!(home.call(["wait", "job"]).code, 3);
    home.keeper_gone("job");
    assert!(child.lives());
    assert_eq!(home.show("job")["exit_code"], 3);
    assert_eq!(puppet.let_go().line(), None);
}

#[test]
fn a_job_may_last_as_long_as_its_tree() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--until", "tree"], &mut puppet);
    let main = Pidfd::of(puppet.pid()).expect("it lives");
    puppet.child("daemon");
    puppet.exit(3);
    main.ended();
    assert_eq!(home.show("job")["state"], "running");
    assert_eq!(home.call(["wait", "job", "--timeout", "10ms"]).code, 124);
    assert_eq!(puppet.let_go().line(), None);
    assert_eq!(home.call(["wait", "job"]).code, 3);
}

#[test]
fn a_tree_without_its_main_process_is_stopped_too() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--until", "tree"], &mut puppet);
    let main = Pidfd::of(puppet.pid()).expect("it lives");
    puppet.child("deaf-daemon");
    puppet.exit(3);
    main.ended();
    home.ok(["stop", "job", "--grace", "50ms"]);
    puppet.is_gone();
    assert_eq!(home.call(["wait", "job"]).code, 3);
}

#[test]
fn kill_sends_one_signal_to_the_main_process() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.does("trap USR1");
    puppet.does("trap USR2");
    for (given, heard) in [
        ("USR1", "USR1"),
        ("SIGUSR2", "USR2"),
        ("10", "USR1"),
        ("usr2", "USR2"),
    ] {
        home.ok(["kill", "job", "-s", given]);
        assert_eq!(puppet.line(), format!("signal {heard}"), "{given}");
    }
    let said = home.call(["kill", "job", "-s", "NONSENSE"]);
    assert_eq!(said.code, 125, "{said}");
    home.ok(["kill", "job"]);
    puppet.gone();
    assert_eq!(home.call(["wait", "job"]).code, 128 + libc::SIGKILL);
    let said = home.call(["kill", "job"]);
    assert_eq!(
        said.code, 125,
        "a job that has ended takes no signal: {said}"
    );
}

#[test]
fn kill_tree_sends_it_to_every_process() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let children = ["plain", "daemon", "deaf-daemon"].map(|kind| puppet.child(kind));
    let children = children.map(|pid| Pidfd::of(pid).expect("it lives"));
    home.ok(["kill", "job", "--tree"]);
    puppet.gone();
    children.iter().for_each(Pidfd::ended);
    assert_eq!(home.call(["wait", "job"]).code, 128 + libc::SIGKILL);
}

#[test]
fn an_end_by_signal_is_told() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.tell("die USR1");
    assert_eq!(home.call(["wait", "job"]).code, 128 + libc::SIGUSR1);
    let shown = home.show("job");
    assert_eq!(
        (&shown["state"], &shown["signal"]),
        (&"signaled".into(), &libc::SIGUSR1.into())
    );
    assert!(shown["exit_code"].is_null(), "{shown}");
}

#[test]
fn a_running_job_is_not_removed_unless_by_force() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let job = home.start(&[], &mut puppet);
    let said = home.call(["rm", &job]);
    assert!(
        said.code == 125 && said.errors().contains("outlive stop"),
        "{said}"
    );
    assert_eq!(home.ok(["prune"]), "");
    puppet.beat();
    home.ok(["rm", "--force", &job]);
    puppet.is_gone();
    assert_eq!(home.list().len(), 0);
    assert!(!home.job(&job).exists());
}
