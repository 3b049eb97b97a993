//! How long a job lives: `run --timeout`, `--restart`, `--stop-signal`, `--expire`.
#![cfg(windows)]

use outlive_windows::{GUARD, Home, Puppet, Stage, run};
use serde_json::Value;
use std::time::Instant;

/// A command that ends with this code at once.
fn exits(stage: &Stage, code: &str) -> [String; 3] {
    let program = stage.words("")[0].clone();
    [program, "exit".into(), code.into()]
}

/// What the runs of the job ended with, the oldest first.
fn codes(shown: &Value) -> Vec<Option<u64>> {
    let runs = shown["runs"].as_array().expect("runs are an array");
    runs.iter().map(|run| run["exit_code"].as_u64()).collect()
}

#[test]
fn a_job_whose_time_is_over_is_ended_whole() {
    let (home, stage) = (Home::new(), Stage::new());
    // A process that waits for another one.
    let words = [&["cmd".into(), "/c".into()], &*stage.words("child")].concat();
    let id = home.ok(run(&["--timeout", "1s", "--grace", "0s"], &words));
    let said = home.call(["wait", &id]);
    assert_eq!(said.code, 124, "{said}");
    // Whoever has come until then.
    stage.entered().into_iter().for_each(Puppet::ended);
    let shown = home.show(&id);
    assert_eq!(shown["state"], "timed-out", "{shown}");
    assert_eq!(shown["runs"][0]["timed_out"], true, "{shown}");
}

#[test]
fn a_job_that_ends_in_time_is_not_touched() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut puppet) = home.start(&stage, &["--timeout", "1h"]);
    assert!(home.show(&id)["times_out_at"].is_string());
    puppet.tell("exit 5");
    puppet.ended();
    assert_eq!(home.call(["wait", &id]).code, 5);
    let shown = home.show(&id);
    assert_eq!(shown["state"], "exited", "{shown}");
    assert_eq!(shown["times_out_at"], Value::Null, "{shown}");
}

#[test]
fn a_job_that_fails_is_started_again_no_more_often_than_it_may_be() {
    let (home, stage) = (Home::new(), Stage::new());
    let options = ["--follow", "--name", "job", "--restart", "on-failure:2"];
    let said = home.call(run(&options, &exits(&stage, "3")));
    assert_eq!(said.code, 3, "{said}");
    let shown = home.show("job");
    assert_eq!(codes(&shown), [Some(3); 3], "{shown}");
    assert_eq!(shown["restarts"], 2, "{shown}");
}

#[test]
fn a_job_that_ends_well_is_not_started_again() {
    let (home, stage) = (Home::new(), Stage::new());
    let options = ["--name", "job", "--restart", "on-failure"];
    let options = [&options[..], &["--success-codes", "3221225786"]].concat();
    // STATUS_CONTROL_C_EXIT, as a person ends a program.
    home.ok(run(&options, &exits(&stage, "3221225786")));
    assert_eq!(home.call(["wait", "job"]).code, 0xC000_013A);
    let shown = home.show("job");
    assert_eq!(codes(&shown), [Some(0xC000_013A)], "{shown}");
    assert_eq!(shown["success"], true, "{shown}");
}

#[test]
fn a_job_is_stopped_in_the_pause_between_two_runs() {
    let (home, stage) = (Home::new(), Stage::new());
    let (_, mut puppet) = home.start(&stage, &["--name", "job", "--restart", "always"]);
    // Until the next pause is 3.2 s at least.
    for _ in 0..6 {
        puppet.tell("exit 3");
        puppet.ended();
        puppet = stage.enter();
    }
    puppet.tell("exit 3");
    puppet.ended();
    // The keeper hears of that end when it does; Wine has no news of it for anybody else.
    let begun = Instant::now();
    while home.show("job")["state"] != "waiting" {
        assert!(begun.elapsed() < GUARD, "{}", home.show("job"));
    }
    home.ok(["stop", "job"]);
    home.keeper_gone("job");
    let shown = home.show("job");
    assert_eq!(codes(&shown), [Some(3); 7], "{shown}");
    assert_eq!(shown["state"], "exited", "{shown}");
    assert!(stage.entered().is_empty());
    assert_eq!(home.call(["wait", "job"]).code, 3);
}

#[test]
fn signals_that_windows_lacks_are_refused() {
    let (home, stage) = (Home::new(), Stage::new());
    let hint = "hint: Windows has TERM, BREAK and KILL";
    for signal in ["HUP", "SIGUSR1", "2"] {
        let said = home.call(run(&["--stop-signal", signal], &exits(&stage, "0")));
        assert_eq!(said.code, 125, "{said}");
        assert!(said.errors().contains(hint), "{said}");
    }
    assert!(home.list().is_empty());
    let (id, puppet) = home.start(&stage, &["--stop-signal", "KILL"]);
    let said = home.call(["kill", "-s", "HUP", &id]);
    assert_eq!(said.code, 125, "{said}");
    assert!(said.errors().contains("SIGHUP"), "{said}");
    assert!(said.errors().contains(hint), "{said}");
    assert_eq!(home.show(&id)["state"], "running");
    // Without any time to end by itself.
    home.ok(["stop", &id]);
    puppet.ended();
}

#[test]
fn a_job_that_expires_is_forgotten_by_whoever_lists() {
    let (home, stage) = (Home::new(), Stage::new());
    let kept = home.ok(run(&["--expire", "1h"], &exits(&stage, "0")));
    assert_eq!(home.call(["wait", &kept]).code, 0);
    // A keeper that goes would look for what has expired, too.
    home.keeper_gone(&kept);
    let id = home.ok(run(&["--expire", "0s"], &exits(&stage, "3")));
    assert_eq!(home.call(["wait", &id]).code, 3);
    home.keeper_gone(&id);
    let list = home.list();
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0]["id"], kept.as_str());
    assert!(list[0]["expires_at"].is_string());
    assert!(!home.job(&id).exists());
}
