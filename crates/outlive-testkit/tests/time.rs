//! A job's own time: `--timeout`, `--stop-signal`, `--grace`, `--expire`.

use outlive_testkit::{Home, Puppet, Running};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A signal that ends nobody who has not asked for it (signal(7)): a polite one that is not heard.
const UNHEARD: &str = "WINCH";

fn record(home: &Home, job: &str) -> Value {
    let id = home.show(job)["id"].as_str().expect("text").to_owned();
    let record = fs::read(home.job(&id).join("record")).expect("it has one");
    serde_json::from_slice(&record).expect("it is JSON")
}

#[test]
fn a_job_is_stopped_when_its_time_is_over() {
    let home = Home::new();
    let options = ["--name", "job", "--timeout", "100ms", "--grace", "1h"];
    home.ok([&["run"], &options[..], &["--", "sleep", "1000"]].concat());
    assert!(home.show("job")["times_out_at"].is_string());
    let said = home.call(["wait", "job"]);
    assert_eq!(said.code, 124, "{said}");
    let shown = home.show("job");
    assert_eq!(shown["state"], "timed-out", "{shown}");
    assert_eq!(
        (&shown["signal"], &shown["success"]),
        (&15.into(), &false.into())
    );
    let run = &shown["runs"][0];
    assert_eq!(
        (&run["timed_out"], &run["stopped"]),
        (&true.into(), &false.into())
    );
    assert!(shown["times_out_at"].is_null(), "{shown}");
    assert!(home.ok(["show", "job"]).contains("timed-out, SIGTERM"));
}

#[test]
fn the_whole_tree_ends_with_the_time_by_force_if_need_be() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = ["--timeout", "3s", "--stop-signal", UNHEARD, "--grace", "0"];
    let job = home.start(&options, &mut puppet);
    puppet.child("deaf-daemon");
    assert_eq!(home.call(["wait", &job]).code, 124);
    assert_eq!(home.show(&job)["signal"], 9);
    puppet.gone();
}

#[test]
fn who_stops_it_before_has_stopped_it() {
    let home = Home::new();
    home.ok([
        "run",
        "--name",
        "job",
        "--timeout",
        "1h",
        "--",
        "sleep",
        "1000",
    ]);
    home.ok(["stop", "job"]);
    let shown = home.show("job");
    assert_eq!(shown["state"], "signaled", "{shown}");
    let run = &shown["runs"][0];
    assert_eq!(
        (&run["timed_out"], &run["stopped"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn its_time_goes_on_under_another_keeper() {
    let home = Home::new();
    home.ok([
        "run",
        "--name",
        "job",
        "--timeout",
        "2s",
        "--",
        "sleep",
        "1000",
    ]);
    let before = record(&home, "job")["course"].clone();
    assert!(before["time_over_ms"].is_u64(), "{before}");
    home.keeper("job").kill();
    let said = home.call(["wait", "job"]);
    assert_eq!(said.code, 124, "{said}");
    let after = record(&home, "job");
    assert_eq!(after["course"], before);
    assert!(after["runs"][0]["adopted_at"].is_string(), "{after}");
    assert_eq!(home.show("job")["state"], "timed-out");
}

#[test]
fn it_is_asked_by_the_signal_that_it_hears() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = ["--name", "job", "--stop-signal", "INT", "--grace", "1h"];
    home.start(&options, &mut puppet);
    puppet.does("trap INT");
    puppet.does("trap TERM");
    let stop = Running::start(&mut home.outlive_command(["stop", "job"]));
    assert_eq!(puppet.line(), "signal INT");
    let line = puppet.beat();
    puppet.exit(5);
    assert_eq!(stop.finish().code, 0);
    assert_eq!(home.call(["wait", "job"]).code, 5);
    assert_eq!(home.logs("job").trim(), line);
}

#[test]
fn a_stop_may_give_it_another_time_than_its_own() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = ["--name", "job", "--stop-signal", UNHEARD, "--grace", "1h"];
    home.start(&options, &mut puppet);
    home.ok(["stop", "job", "--grace", "0"]);
    puppet.is_gone();
    assert_eq!(home.show("job")["signal"], 9);
}

/// Its keeper is gone and no other one can be had: who stops it ends what it finds.
#[test]
fn its_signal_is_kept_by_who_stops_it_without_a_keeper() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = ["--name", "job", "--stop-signal", "INT", "--grace", "1h"];
    home.start(&options, &mut puppet);
    puppet.does("trap INT");
    home.keeper("job").kill();
    let mut stop = home.outlive_command(["stop", "job"]);
    stop.env("OUTLIVE_BIN", "/nonexistent");
    let stop = Running::start(&mut stop);
    assert_eq!(puppet.line(), "signal INT");
    puppet.exit(5);
    assert_eq!(stop.finish().code, 0);
    puppet.gone();
}

#[test]
fn what_can_not_be_sent_is_refused() {
    let home = Home::new();
    for wrong in [
        ["--stop-signal", "NONSENSE"],
        ["--timeout", "-1s"],
        ["--grace", "soon"],
    ] {
        let said = home.call([&["run"], &wrong[..], &["--", "true"]].concat());
        assert_eq!(said.code, 125, "{said}");
    }
    assert!(home.list().is_empty());
}

/// The name in the `expire` folder that tells when the job is to be removed.
fn reminder(home: &Home, id: &str) -> Option<PathBuf> {
    let names = fs::read_dir(home.path().join("expire"))
        .into_iter()
        .flatten();
    let mut paths = names.map(|name| name.expect("our own folder").path());
    let ends = format!(".{id}");
    paths.find(|path| path.to_str().is_some_and(|path| path.ends_with(&ends)))
}

#[test]
fn who_lists_the_jobs_removes_what_has_expired() {
    let home = Home::new();
    // One after the other: the second keeper may remove the first job when it goes.
    let ended = |options: &[&str]| {
        let id = home.ok([&["run"], options, &["--", "true"]].concat());
        assert_eq!(home.call(["wait", &id]).code, 0);
        home.keeper_gone(&id);
        id
    };
    let gone = ended(&["--expire", "0"]);
    ended(&["--expire", "1h", "--name", "kept"]);
    let listed = home.list();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["name"], "kept");
    assert!(listed[0]["expires_at"].is_string(), "{listed:?}");
    assert!(home.ok(["show", "kept"]).contains("Expires "));
    assert!(!home.job(&gone).exists());
}

#[test]
fn so_does_the_keeper_of_the_next_job_that_ends() {
    let home = Home::new();
    let [gone, again] = ["gone", "again"].map(|name| {
        let job = home.ok(["run", "--expire", "0", "--name", name, "--", "true"]);
        assert_eq!(home.call(["wait", &job]).code, 0);
        home.keeper_gone(&job);
        let id = home.show(&job)["id"]
            .as_str()
            .expect("an id is text")
            .to_owned();
        // The second that it tells has long come.
        let path = reminder(&home, &id).expect("the keeper has left one");
        fs::rename(&path, path.with_file_name(format!("7.{id}"))).expect("our own folder");
        id
    });
    // One is started again, and has not ended since.
    let record = home.job(&again).join("record");
    let text = fs::read_to_string(&record).expect("our own file");
    let text = text.replace("[\"true\"]", "[\"sleep\",\"1000\"]");
    fs::write(&record, text).expect("our own file");
    home.ok(["restart", "again"]);
    let next = home.ok(["run", "--", "true"]);
    assert_eq!(home.call(["wait", &next]).code, 0);
    home.keeper_gone(&next);
    assert!(!home.job(&gone).exists());
    assert_eq!(reminder(&home, &gone), None);
    assert!(!home.path().join("names/gone").exists());
    assert_eq!(home.show("again")["state"], "running");
    assert_eq!(reminder(&home, &again), None);
}

#[test]
fn what_lies_about_in_that_folder_does_nothing() {
    let home = Home::new();
    let kept = home.ok(["run", "--", "true"]);
    assert_eq!(home.call(["wait", &kept]).code, 0);
    home.keeper_gone(&kept);
    let folder = home.path().join("expire");
    fs::create_dir(&folder).expect("our own folder");
    for name in [
        "x",
        "-5.x",
        "1.",
        "1..x",
        "1.no-such-job",
        "99999999999999999999.x",
    ] {
        fs::write(folder.join(name), "").expect("our own folder");
    }
    fs::create_dir(folder.join("1.a-folder")).expect("our own folder");
    fs::write(folder.join(format!("1.{kept}")), "").expect("our own folder");
    let next = home.ok(["run", "--", "true"]);
    assert_eq!(home.call(["wait", &next]).code, 0);
    home.keeper_gone(&next);
    assert_eq!(home.list().len(), 2);
    assert!(!folder.join("1.no-such-job").exists());
}
