//! `run --ready` and `wait --ready`: by what a job is seen to be ready, and what follows if it is not.
#![cfg(windows)]

use outlive_windows::{Home, Puppet, Running, Said, Stage, run};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// An address of the loopback network that is this process's alone, and a port.
fn address() -> String {
    let pid = std::process::id();
    let parts = [pid >> 14, pid >> 7, pid].map(|part| (part & 0x7f) + 1);
    format!("127.{}.{}.{}:7007", parts[0], parts[1], parts[2])
}

/// `run` of a puppet that is to become ready, and is not yet.
fn starting(home: &Home, stage: &Stage, options: &[&str]) -> (Running, Puppet) {
    let options = [&["--name", "job"], options].concat();
    let run = home.begin(run(&options, &stage.words("job")));
    let puppet = stage.enter();
    assert_eq!(home.show("job")["ready_at"], Value::Null);
    (run, puppet)
}

/// Shows that the job was seen to be ready, by `run` and for everybody.
#[track_caller]
fn is_ready(home: &Home, run: Running) {
    let said = run.finish();
    assert_eq!((said.code, &*said.text()), (0, "job"), "{said}");
    let shown = home.show("job");
    assert!(shown["ready_at"].is_string(), "{shown}");
    assert_eq!(home.call(["wait", "--ready", "job"]).code, 0);
}

#[track_caller]
fn failed(said: &Said, code: u32, why: &str) {
    assert_eq!((said.code, &*said.text()), (code, ""), "{said}");
    assert!(said.errors().contains(why), "{said}");
}

#[test]
fn a_port_is_ready_when_somebody_listens() {
    let (home, stage) = (Home::new(), Stage::new());
    let wish = format!("port:{}", address());
    let (run, mut puppet) = starting(&home, &stage, &["--ready", &wish]);
    assert_eq!(puppet.ask(&format!("listen {}", address())), "done");
    is_ready(&home, run);
}

#[test]
fn a_question_over_http_is_asked_until_the_answer_is_right() {
    let (home, stage) = (Home::new(), Stage::new());
    let url = format!("http://{}/health?all=1", address());
    let (run, mut puppet) = starting(&home, &stage, &["--ready", &url]);
    assert_eq!(puppet.ask(&format!("listen {}", address())), "done");
    assert_eq!(puppet.ask("answer 503"), "GET /health?all=1 HTTP/1.1");
    assert_eq!(home.show("job")["ready_at"], Value::Null);
    assert_eq!(puppet.ask("answer 302"), "GET /health?all=1 HTTP/1.1");
    is_ready(&home, run);
}

#[test]
fn a_line_of_output_shows_it() {
    for mode in ["file", "pipe"] {
        let (home, stage) = (Home::new(), Stage::new());
        let wish = [
            "--output-mode",
            mode,
            "--ready",
            "log:^listening on [0-9]+$",
        ];
        let (run, mut puppet) = starting(&home, &stage, &wish);
        assert_eq!(puppet.ask("say not listening on 80"), "done");
        assert_eq!(puppet.ask("complain listening on 80"), "done");
        is_ready(&home, run);
    }
}

#[test]
fn a_file_is_ready_when_it_is_new() {
    let folder = TempDir::new().expect("a folder can be made");
    let path = folder.path().join("up");
    fs::write(&path, "left of an earlier run").expect("our own folder");
    let (home, stage) = (Home::new(), Stage::new());
    let wish = format!("file:{}", path.display());
    let (run, _puppet) = starting(&home, &stage, &["--ready", &wish]);
    fs::write(&path, "new").expect("our own folder");
    is_ready(&home, run);
}

#[test]
fn a_command_in_the_jobs_folder_and_environment_says_it() {
    let folder = TempDir::new().expect("a folder can be made");
    let cwd = folder.path().to_str().expect("a path that is text");
    let (home, stage) = (Home::new(), Stage::new());
    let line = "cmd:if not exist \"%WHERE% it is\" exit 1";
    let options = ["--cwd", cwd, "-e", "WHERE=here", "--ready", line];
    let (run, _puppet) = starting(&home, &stage, &options);
    fs::write(folder.path().join("here it is"), "").expect("our own folder");
    is_ready(&home, run);
}

#[test]
fn a_command_that_hangs_ends_with_the_job() {
    let (home, stage) = (Home::new(), Stage::new());
    let line = format!("cmd:{}", stage.words("probe").join(" "));
    let options = ["--name", "job", "--grace", "0s", "--ready", &line];
    let run = home.begin(run(&options, &stage.words("job")));
    let (first, second) = (stage.enter(), stage.enter());
    let (mut job, probe) = match &*first.name {
        "job" => (first, second),
        _ => (second, first),
    };
    job.tell("exit 3");
    job.ended();
    failed(&run.finish(), 3, "exited with code 3 before it was ready");
    probe.ended();
}

#[test]
fn the_end_of_a_job_that_was_not_ready_is_told_with_its_last_lines() {
    let (home, stage) = (Home::new(), Stage::new());
    let (run, mut puppet) = starting(&home, &stage, &["--ready", "file:never"]);
    assert_eq!(puppet.ask("complain no such dataset"), "done");
    puppet.tell("exit 3");
    puppet.ended();
    let said = run.finish();
    failed(&said, 3, "no such dataset");
    failed(&said, 3, "exited with code 3 before it was ready");
    failed(
        &home.call(["wait", "--ready", "job"]),
        3,
        "before it was ready",
    );
}

#[test]
fn a_job_that_is_not_ready_in_time_is_stopped() {
    let (home, stage) = (Home::new(), Stage::new());
    let options = ["--name", "job", "--grace", "0s", "--ready", "file:never"];
    let options = [&options[..], &["--ready-timeout", "50ms"]].concat();
    let said = home.call(run(&options, &stage.words("job")));
    failed(&said, 124, "not ready within");
    let shown = home.show("job");
    assert_eq!(shown["state"], "exited", "{shown}");
    let notes = shown["notes"].to_string();
    assert!(notes.contains("not ready in time"), "{shown}");
    failed(
        &home.call(["wait", "--ready", "job"]),
        124,
        "not ready within",
    );
}

#[test]
fn a_job_that_is_to_keep_going_may_be_ready_later() {
    let (home, stage) = (Home::new(), Stage::new());
    let options = ["--name", "job", "--keep-going", "--ready", "log:up"];
    let options = [&options[..], &["--ready-timeout", "50ms"]].concat();
    let said = home.call(run(&options, &stage.words("job")));
    let mut puppet = stage.enter();
    assert_eq!((said.code, &*said.text()), (124, "job"), "{said}");
    assert_eq!(puppet.ask("say up"), "done");
    assert_eq!(home.call(["wait", "--ready", "job"]).code, 0);
    assert_eq!(home.show("job")["state"], "running");
}

#[test]
fn what_windows_cannot_tell_is_refused() {
    let (home, stage) = (Home::new(), Stage::new());
    let datagrams = "only Linux tells who has sent a datagram";
    for (options, why) in [
        (["--ready", "unix:socket"], "there are none on Windows"),
        (["--ready", "notify"], datagrams),
        (["--watchdog", "3s"], datagrams),
    ] {
        let said = home.call(run(&options, &stage.words("job")));
        failed(&said, 125, why);
        let hint = "hint: wait for a port, a file or a line of output";
        assert!(said.errors().contains(hint), "{said}");
    }
    assert!(home.list().is_empty());
    assert!(stage.entered().is_empty());
}
