//! `events`: what happens to jobs, as it happens.
#![cfg(windows)]

use outlive_windows::{Home, Stage, is_wine, skipped};
use serde_json::Value;
use std::io::{BufRead, BufReader};

#[test]
fn a_jobs_life_is_told_in_order() {
    if is_wine() {
        skipped(
            "news of jobs",
            "Wine tells of a folder's entries alone, not of what is in them",
        );
        return;
    }
    let (home, stage) = (Home::new(), Stage::new());
    let mut watching = home.command(["events", "--json"]);
    let mut watching = watching.spawn().expect("outlive can be started");
    let errors = watching.stderr.take().expect("a pipe");
    let mut note = String::new();
    let read = BufReader::new(errors).read_line(&mut note);
    read.expect("it can be read");
    assert!(note.contains("waiting"), "{note}");
    let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let mut next = || {
        let line = lines.next().expect("it goes on").expect("it can be read");
        let event: Value = serde_json::from_str(&line).expect("an event is JSON");
        (event["event"].clone(), event["job"].clone())
    };

    let missing = home.call(["run", "--", "no such program"]);
    assert_eq!(missing.code, 127, "{missing}");
    let (id, mut puppet) = home.start(&stage, &[]);
    let (what, job) = next();
    assert_eq!((what, &job["id"]), ("started".into(), &id.clone().into()));
    assert_eq!(job["pid"], puppet.pid);
    assert_eq!(puppet.ask("say hello"), "done");
    puppet.tell("exit 7");
    puppet.ended();
    let (what, job) = next();
    assert_eq!((what, &job["exit_code"]), ("ended".into(), &7.into()));
    home.keeper_gone(&id);
    home.ok(["rm", &id]);
    let (what, job) = next();
    assert_eq!((what, &job["id"]), ("removed".into(), &id.into()));
    watching.kill().expect("it is ours");
    watching.wait().expect("it is ours");
}
