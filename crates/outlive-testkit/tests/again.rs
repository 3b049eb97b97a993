//! Jobs that are started again by their keepers: `run --restart`.

use outlive_testkit::{Home, Pidfd, Puppet, Running};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const ALWAYS: [&str; 4] = ["--name", "job", "--restart", "always"];
const ON_FAILURE: [&str; 4] = ["--name", "job", "--restart", "on-failure"];

/// What the runs of the job ended with, the oldest first.
fn codes(home: &Home) -> Vec<Option<i64>> {
    let shown = home.show("job");
    let runs = shown["runs"].as_array().expect("runs are an array");
    runs.iter().map(|run| run["exit_code"].as_i64()).collect()
}

/// Has the job fail until the next pause is so long (1.6 s at least) that whatever a test does next is
/// done in it.
fn waiting(home: &Home, puppet: &mut Puppet) -> Value {
    for _ in 0..5 {
        puppet.exit(3);
        puppet.ready_again();
    }
    puppet.exit(3);
    let shown = home.until_state("job", "waiting");
    assert!(shown["restarts_at"].is_string(), "{shown}");
    shown
}

#[test]
fn a_job_that_fails_is_started_again_until_it_does_not() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut command = home.outlive_command(puppet.run_words(&ON_FAILURE));
    let said = Running::start(command.env("INHERITED", "once")).finish();
    assert_eq!(said.code, 0, "{said}");
    puppet.ready();
    let mut follow = Running::start(&mut home.outlive_command(["logs", "-f", "job"]));
    let wait = Running::start(&mut home.outlive_command(["wait", "job"]));
    let first = puppet.beat();
    assert_eq!(follow.out.line(), Some(first));
    for code in [5, 6] {
        let before = puppet.pid();
        puppet.exit(code);
        assert_ne!(puppet.ready_again(), before);
        assert_eq!(puppet.ask("env INHERITED"), "set once");
        assert_eq!(puppet.ask("terminal"), "no terminal");
        let line = puppet.beat();
        assert_eq!(follow.out.line(), Some(line));
        let shown = home.show("job");
        assert_eq!(shown["state"], "running", "{shown}");
        assert_eq!(shown["pid"], puppet.pid());
        let said = home.call(["run", "--name", "job", "--", "true"]);
        assert_eq!(said.code, 125, "the name is the job's own: {said}");
    }
    assert_eq!(home.show("job")["restarts"], 2);
    puppet.exit(0);
    assert_eq!(wait.finish().code, 0);
    assert_eq!(follow.out.line(), None);
    assert_eq!(follow.end(), 0);
    assert_eq!(codes(&home), [Some(5), Some(6), Some(0)]);
    assert_eq!(home.show("job")["state"], "exited");
    puppet.gone();
    home.ok(["run", "--name", "job", "--", "true"]);
}

#[test]
fn not_more_often_than_it_may_be() {
    let home = Home::new();
    let options = ["--follow", "--name", "job", "--restart", "on-failure:2"];
    let job = ["--", "sh", "-c", "echo here; exit 3"];
    let said = home.call([&["run"], &options[..], &job].concat());
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(said.text(), "here\nhere\nhere");
    assert_eq!(codes(&home), [Some(3); 3]);
}

#[test]
fn what_counts_as_success_can_be_chosen() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = [&ON_FAILURE[..], &["--success-codes", "3,SIGUSR1"]].concat();
    home.start(&options, &mut puppet);
    puppet.exit(0);
    puppet.ready_again();
    puppet.exit(3);
    assert_eq!(home.call(["wait", "job"]).code, 3);
    assert_eq!(home.show("job")["success"], true);
    home.ok(["restart", "job"]);
    puppet.ready_again();
    puppet.tell("die USR1");
    assert_eq!(home.call(["wait", "job"]).code, 128 + libc::SIGUSR1);
    let shown = home.show("job");
    assert_eq!(
        (&shown["success"], &shown["restarts"]),
        (&true.into(), &0.into())
    );
    assert_eq!(codes(&home), [Some(0), Some(3), None]);
}

#[test]
fn a_job_that_is_stopped_stays_so() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&ALWAYS, &mut puppet);
    home.ok(["stop", "job"]);
    puppet.is_gone();
    let shown = home.show("job");
    assert_eq!(shown["state"], "signaled", "{shown}");
    assert_eq!(shown["runs"][0]["stopped"], true);
    assert_eq!(codes(&home), [None]);
}

#[test]
fn one_whose_processes_were_all_killed_is_not_started_again() {
    let home = Home::new();
    for signal in ["KILL", "TERM", "USR1"] {
        let mut puppet = Puppet::new(&home);
        home.start(&ALWAYS, &mut puppet);
        // A signal to its main process alone ends a run, and not the job.
        home.ok(["kill", "job"]);
        puppet.ready_again();
        home.ok(["kill", "job", "--tree", "-s", signal]);
        assert!(home.call(["wait", "job"]).code > 128);
        assert_eq!(codes(&home), [None, None]);
        puppet.gone();
    }
}

#[test]
fn one_that_has_heeded_a_signal_to_all_goes_on() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&ON_FAILURE, &mut puppet);
    puppet.does("trap USR1");
    home.ok(["kill", "job", "--tree", "-s", "USR1"]);
    assert_eq!(puppet.line(), "signal USR1");
    puppet.exit(3);
    puppet.ready_again();
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
}

#[test]
fn a_job_that_waits_is_shown_and_can_be_stopped() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&ALWAYS, &mut puppet);
    let shown = waiting(&home, &mut puppet);
    assert_eq!(
        (&shown["exit_code"], &shown["restarts"]),
        (&3.into(), &5.into())
    );
    assert_eq!(home.list()[0]["state"], "waiting");
    assert_eq!(home.call(["wait", "job", "--timeout", "1ms"]).code, 124);
    for refused in [
        &["rm", "job"][..],
        &["kill", "job"],
        &["kill", "--tree", "job"],
    ] {
        let said = home.call(refused);
        assert_eq!(said.code, 125, "{said}");
        assert!(said.errors().contains("outlive stop"), "{said}");
    }
    let said = home.call(["run", "--name", "job", "--", "true"]);
    assert_eq!(said.code, 125, "the name is the job's own: {said}");
    assert_eq!(home.ok(["prune"]), "");
    home.ok(["stop", "job"]);
    let shown = home.show("job");
    assert_eq!(
        (&shown["state"], &shown["exit_code"]),
        (&"exited".into(), &3.into())
    );
    assert_eq!(shown["runs"][5]["stopped"], true, "{shown}");
    assert!(shown["restarts_at"].is_null(), "{shown}");
    assert_eq!(codes(&home), [Some(3); 6]);
    assert_eq!(home.call(["wait", "job"]).code, 3);
    puppet.gone();
    home.ok(["rm", "job"]);
}

#[test]
fn a_job_that_waits_can_be_started_at_once() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&ALWAYS, &mut puppet);
    waiting(&home, &mut puppet);
    home.ok(["restart", "job"]);
    puppet.ready_again();
    let shown = home.show("job");
    assert_eq!(
        (&shown["state"], &shown["restarts"]),
        (&"running".into(), &0.into())
    );
    assert_eq!(shown["runs"].as_array().map(Vec::len), Some(7));
    // And is started again after that as before.
    puppet.exit(4);
    puppet.ready_again();
    home.ok(["stop", "job"]);
}

#[test]
fn one_whose_keeper_is_killed_while_it_waits_is_not_lost() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&ALWAYS, &mut puppet);
    waiting(&home, &mut puppet);
    let wait = Running::start(&mut home.outlive_command(["wait", "job"]));
    home.keeper("job").kill();
    assert_eq!(wait.finish().code, 3);
    let listed = &home.list()[0];
    assert_eq!(
        (&listed["state"], &listed["exit_code"]),
        (&"exited".into(), &3.into())
    );
    let notes = listed["notes"].to_string();
    assert!(notes.contains("outlive restart"), "{notes}");
    assert!(listed["restarts_at"].is_null(), "{listed}");
    puppet.gone();
    home.ok(["stop", "job"]);
    home.ok(["restart", "job"]);
    puppet.ready_again();
    home.ok(["stop", "job"]);
    assert_eq!(codes(&home).len(), 7);
}

#[test]
fn one_whose_keeper_is_killed_while_it_runs_is_not_started_again() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&ALWAYS, &mut puppet);
    home.keeper("job").kill();
    let wait = Running::start(&mut home.outlive_command(["wait", "job"]));
    let shown = home.until_state("job", "running");
    puppet.exit(7);
    wait.finish();
    let shown_later = home.show("job");
    assert_eq!(
        shown_later["runs"].as_array().map(Vec::len),
        Some(1),
        "{shown}"
    );
    assert!(
        shown_later["notes"].to_string().contains("outlive restart"),
        "{shown_later}"
    );
    puppet.gone();
}

#[test]
fn a_program_that_has_gone_fails_each_run() {
    let home = Home::new();
    let program = home.folder().join("program");
    fs::write(&program, "#!/bin/sh\nrm \"$0\"\nexit 3\n").expect("our own folder");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our own file");
    let path = program.to_str().expect("a temporary path is text");
    home.ok([
        "run",
        "--name",
        "job",
        "--restart",
        "on-failure:2",
        "--",
        path,
    ]);
    let said = home.call(["wait", "job"]);
    assert_eq!(said.code, 125, "{said}");
    let shown = home.show("job");
    assert_eq!(shown["state"], "failed", "{shown}");
    assert_eq!(codes(&home), [Some(3), None, None]);
    for run in [&shown["runs"][1], &shown["runs"][2]] {
        let why = run["failure"].as_str().expect("it says why");
        assert!(why.contains("No such file"), "{why}");
        assert!(run["pid"].is_null(), "{run}");
    }
    assert!(home.ok(["show", "job"]).contains("No such file"));
}

#[test]
fn nothing_of_a_run_is_left_when_the_next_one_starts() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = [&ALWAYS[..], &["--grace", "0"]].concat();
    home.start(&options, &mut puppet);
    for kind in ["plain", "daemon", "deaf-daemon"] {
        let child = Pidfd::of(puppet.child(kind)).expect("it lives");
        puppet.exit(0);
        puppet.ready_again();
        assert!(!child.lives(), "{kind}");
    }
    puppet.child("daemon");
    home.ok(["stop", "job"]);
    puppet.is_gone();
}

#[test]
fn a_run_may_last_as_long_as_its_tree() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = [&ON_FAILURE[..], &["--until", "tree"]].concat();
    home.start(&options, &mut puppet);
    let child = Pidfd::of(puppet.child("daemon")).expect("it lives");
    let main = Pidfd::of(puppet.pid()).expect("it lives");
    puppet.exit(3);
    main.ended();
    assert_eq!(home.show("job")["state"], "running");
    child.kill();
    puppet.ready_again();
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    assert_eq!(codes(&home), [Some(3), Some(0)]);
}

#[test]
fn each_run_has_its_folder_and_its_input_anew() {
    let home = Home::new();
    let (folder, moved) = (home.folder().join("here"), home.folder().join("there"));
    fs::create_dir(&folder).expect("our own folder");
    let input = home.folder().join("input");
    fs::write(&input, "one\ntwo\n").expect("our own folder");
    let mut puppet = Puppet::new(&home);
    let [cwd, stdin] = [&folder, &input].map(|path| path.to_str().expect("it is text"));
    let options = [&ALWAYS[..], &["--cwd", cwd, "--stdin", stdin]].concat();
    home.start(&options, &mut puppet);
    assert_eq!(puppet.ask("read"), "line one");
    fs::rename(&folder, &moved).expect("our own folder");
    puppet.exit(1);
    puppet.ready_again();
    assert_eq!(puppet.ask("read"), "line one");
    assert_eq!(puppet.ask("folder"), moved.display().to_string());
    home.ok(["stop", "job"]);
}

#[test]
fn each_run_can_be_written_to() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = [&ALWAYS[..], &["-i", "--output-mode", "pipe"]].concat();
    home.start(&options, &mut puppet);
    let mut lines = String::new();
    for text in ["one", "two"] {
        home.ok(["send", "job", text]);
        assert_eq!(puppet.ask("read"), format!("line {text}"));
        lines += &puppet.beat();
        lines.push('\n');
        puppet.exit(1);
        puppet.ready_again();
    }
    home.ok(["stop", "job"]);
    assert_eq!(home.logs("job"), lines);
}

#[test]
fn the_time_of_a_job_is_that_of_all_its_runs() {
    let home = Home::new();
    let words = [
        &["run"],
        &ALWAYS[..],
        &["--timeout", "700ms"],
        &["--", "false"],
    ]
    .concat();
    home.ok(words);
    assert_eq!(home.call(["wait", "job"]).code, 124);
    let shown = home.show("job");
    assert_eq!(shown["state"], "timed-out", "{shown}");
    assert!(codes(&home).len() > 1, "{shown}");
}

#[test]
fn leaving_processes_with_every_run_is_refused() {
    let home = Home::new();
    let words = [
        &["run"],
        &ALWAYS[..],
        &["--leftover", "leave"],
        &["--", "true"],
    ]
    .concat();
    let said = home.call(words);
    assert_eq!(said.code, 125, "{said}");
    assert!(home.list().is_empty());
}

#[test]
fn a_stop_and_an_end_at_once_are_one_end() {
    for _ in 0..20 {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        home.start(&ALWAYS, &mut puppet);
        let stop = Running::start(&mut home.outlive_command(["stop", "job"]));
        puppet.exit(3);
        assert_eq!(stop.finish().code, 0);
        // A stop that comes late meets the next run.
        puppet.cut_off();
        let state = home.show("job")["state"].clone();
        assert!(state == "exited" || state == "signaled", "{state}");
        assert_eq!(home.show("job")["keeper"]["alive"], false);
    }
}

#[test]
fn a_fifo_is_not_waited_for_by_the_keeper() {
    let home = Home::new();
    let fifo = home.folder().join("in");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("a FIFO can be made");
    let mut writer = std::process::Command::new("sh")
        .args(["-c", "echo line >\"$1\"", "sh"])
        .arg(&fifo)
        .spawn()
        .expect("sh is there");
    let input = fifo.to_str().expect("it is text");
    let words = [
        "run",
        "--name",
        "job",
        "--stdin",
        input,
        "--restart",
        "always",
    ];
    home.ok([&words[..], &["--", "cat"]].concat());
    assert!(writer.wait().expect("our child").success());
    // Nobody writes any more; each run finds the end.
    home.prints("job", "line");
    home.ok(["stop", "job"]);
}
