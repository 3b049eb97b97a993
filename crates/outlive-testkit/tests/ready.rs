//! `run --ready` and `wait --ready`: by what a job is seen to be ready, and what follows if it is not.

use outlive_testkit::{Home, Pidfd, Puppet, Running, Said};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;

/// An address on the loopback device that is this process's alone, and a port.
fn address() -> String {
    let pid = std::process::id();
    let parts = [pid >> 14, pid >> 7, pid].map(|part| (part & 0x7f) + 1);
    format!("127.{}.{}.{}:7007", parts[0], parts[1], parts[2])
}

/// `run` of a puppet that is to become ready, and is not yet.
fn starting(home: &Home, options: &[&str], puppet: &mut Puppet) -> Running {
    let options = [&["--name", "job"], options].concat();
    let run = Running::start(&mut home.outlive_command(puppet.run_words(&options)));
    puppet.ready();
    assert_eq!(home.show("job")["ready_at"], Value::Null);
    run
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

#[test]
fn a_port_is_ready_when_somebody_listens() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(
        &home,
        &["--ready", &format!("port:{}", address())],
        &mut puppet,
    );
    puppet.does(&format!("listen {}", address()));
    is_ready(&home, run);
}

#[test]
fn a_unix_socket_is_ready_when_somebody_listens() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let path = puppet.folder().join("socket").display().to_string();
    // One that was left behind.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("our own folder"));
    let run = starting(&home, &["--ready", &format!("unix:{path}")], &mut puppet);
    fs::remove_file(&path).expect("our own socket");
    puppet.does(&format!("listen {path}"));
    is_ready(&home, run);
}

#[test]
fn a_question_over_http_is_asked_until_the_answer_is_right() {
    for (expected, wrong, right) in [("", "503", "302"), (":404", "200", "404")] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let url = format!("http://{}/health?all=1{expected}", address());
        let run = starting(&home, &["--ready", &url], &mut puppet);
        let asked = puppet.ask(&format!("answer {} {wrong}", address()));
        assert_eq!(asked, "GET /health?all=1 HTTP/1.1");
        assert_eq!(home.show("job")["ready_at"], Value::Null);
        puppet.ask(&format!("answer {} {right}", address()));
        is_ready(&home, run);
    }
}

#[test]
fn a_line_of_output_shows_it() {
    for options in [
        &["--output-mode", "file"][..],
        &["--output-mode", "pipe"],
        &["--timestamps"],
        &["--timestamps", "--split"],
        &["--tty"],
    ] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let options = [options, &["--ready", "log:^listening on [0-9]+$"]].concat();
        let run = starting(&home, &options, &mut puppet);
        puppet.does("say not listening on 80");
        puppet.does("complain listening on 80");
        is_ready(&home, run);
    }
}

#[test]
fn a_file_of_the_users_own_is_looked_at_from_where_the_run_begins() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let output = puppet.folder().join("output").display().to_string();
    fs::write(&output, "listening\n").expect("our own folder");
    let options = ["--output", &output, "--ready", "log:^listening$"];
    let run = starting(&home, &options, &mut puppet);
    puppet.does("say listening");
    is_ready(&home, run);
    let said = home.call([
        "run",
        "--output",
        "/dev/null",
        "--ready",
        "log:x",
        "--",
        "true",
    ]);
    assert!(
        said.code == 125 && said.errors().contains("regular file"),
        "{said}"
    );
}

/// Bytes that are no text, a line that is longer than any that is looked at whole, and one that is
/// not complete.
#[test]
fn output_may_be_anything() {
    let home = Home::new();
    let script = "printf '\\377\\0\\n'; head -c 300000 /dev/zero | tr '\\0' x; printf '\\n'; \
                  printf up; read never";
    let options = [
        "run",
        "-i",
        "--name",
        "job",
        "--ready-timeout",
        "100ms",
        "--ready",
        "log:^up$",
    ];
    let words = [&options[..], &["--", "sh", "-c", script]].concat();
    let said = home.call(words);
    assert_eq!(said.code, 124, "a line that has no end: {said}");
    let words = [&options[..4], &["--ready", "log:^up$", "--", "sh", "-c"]].concat();
    let whole = script.replace("printf up", "echo up");
    let said = home.call(words.iter().copied().chain([&*whole]));
    assert_eq!(said.code, 0, "{said}");
}

#[test]
fn a_file_is_ready_when_it_is_new() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let path = puppet.folder().join("pid").display().to_string();
    fs::write(&path, "left of an earlier run").expect("our own folder");
    let run = starting(&home, &["--ready", &format!("file:{path}")], &mut puppet);
    puppet.ask(&format!("data {path}"));
    is_ready(&home, run);
}

#[test]
fn a_command_of_the_jobs_own_says_it() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let folder = puppet.folder().display().to_string();
    let line = "cmd:test \"$COLOUR $OUTLIVE_JOB\" = \"dark blue $(cat id)\" && pwd > where";
    let options = ["--cwd", &folder, "-e", "COLOUR=dark blue", "--ready", line];
    let run = starting(&home, &options, &mut puppet);
    let id = home.show("job")["id"]
        .as_str()
        .expect("it has one")
        .to_owned();
    fs::write(puppet.folder().join("id"), id).expect("our own folder");
    is_ready(&home, run);
    let seen = fs::read_to_string(puppet.folder().join("where")).expect("it was written");
    assert_eq!(seen.trim(), folder);
}

#[test]
fn a_command_that_hangs_ends_with_the_job() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut probe = Puppet::new(&home);
    let line = outlive_testkit::quoted(probe.words());
    let run = starting(&home, &["--ready", &format!("cmd:{line}")], &mut puppet);
    probe.ready();
    puppet.exit(3);
    let said = run.finish();
    assert_eq!(said.code, 3, "{said}");
    probe.gone();
}

fn failed(said: &Said, code: i32, why: &str) {
    assert_eq!((said.code, &*said.text()), (code, ""), "{said}");
    assert!(said.errors().contains(why), "{said}");
}

#[test]
fn the_end_of_a_job_that_was_not_ready_is_told_with_its_last_lines() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &["--ready", "file:/nowhere"], &mut puppet);
    puppet.does("complain no such dataset");
    puppet.exit(3);
    let said = run.finish();
    failed(&said, 3, "no such dataset\n");
    failed(&said, 3, "exited with code 3 before it was ready");
    failed(
        &home.call(["wait", "--ready", "job"]),
        3,
        "before it was ready",
    );

    let said = home.call(["run", "--ready", "notify", "--", "true"]);
    failed(&said, 125, "exited with code 0 before it was ready");
}

#[test]
fn a_job_that_is_not_ready_in_time_is_stopped() {
    let home = Home::new();
    let puppet = Puppet::new(&home);
    let options = [
        "--name",
        "job",
        "--ready",
        "file:/nowhere",
        "--ready-timeout",
        "50ms",
    ];
    let said = home.call(puppet.run_words(&options));
    failed(&said, 124, "not ready within");
    // It may have been stopped before it could say that it was there.
    let _ = puppet.let_go().line();
    let shown = home.show("job");
    assert_eq!(shown["state"], "signaled");
    assert!(
        shown["notes"].to_string().contains("not ready in time"),
        "{shown}"
    );
    failed(
        &home.call(["wait", "--ready", "job"]),
        124,
        "not ready within",
    );
    // Of its end it says how that was.
    assert_eq!(home.call(["wait", "job"]).code, 128 + libc::SIGTERM);
}

#[test]
fn a_job_that_is_to_keep_going_may_be_ready_later() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = [
        "--name",
        "job",
        "--keep-going",
        "--ready-timeout",
        "50ms",
        "--ready",
        "log:up",
    ];
    let said = home.call(puppet.run_words(&options));
    puppet.ready();
    assert_eq!((said.code, &*said.text()), (124, "job"), "{said}");
    let said = home.call(["wait", "--ready", "--timeout", "1ms", "job"]);
    assert_eq!(said.code, 124, "{said}");
    puppet.does("say up");
    assert_eq!(home.call(["wait", "--ready", "job"]).code, 0);
    assert_eq!(home.show("job")["state"], "running");
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0, "it was left running");
}

#[test]
fn where_somebody_else_answers_nothing_is_started() {
    let home = Home::new();
    let _listener = TcpListener::bind(address()).expect("the address is ours");
    for what in ["port:", "http://"] {
        let said = home.call([
            "run",
            "--ready",
            &format!("{what}{}", address()),
            "--",
            "true",
        ]);
        failed(&said, 125, "something else answers there already");
    }
    assert_eq!(home.list().len(), 0);
    let long = format!("unix:/{}", "x".repeat(200));
    let said = home.call(["run", "--ready", &long, "--", "true"]);
    failed(&said, 125, "failed to wait for unix:");
    assert_eq!(home.list().len(), 0);
}

#[test]
fn a_program_that_goes_into_the_background_is_waited_for() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let line = format!("{} &", outlive_testkit::quoted(puppet.words()));
    let words = [
        "run", "--name", "job", "--ready", "log:^up$", "--until", "tree", "--",
    ];
    let words = words.iter().copied().chain(["sh", "-c", &*line]);
    let run = Running::start(&mut home.outlive_command(words));
    puppet.ready();
    puppet.does("say up");
    is_ready(&home, run);
}

#[test]
fn it_becomes_ready_also_if_nobody_waits() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &["--ready", "log:^up$"], &mut puppet);
    // As Ctrl-C does: that ends the waiting alone.
    run.handle().signal(rustix::process::Signal::INT);
    assert_eq!(run.finish().code, 128 + libc::SIGINT);
    puppet.does("say up");
    assert_eq!(home.call(["wait", "--ready", "job"]).code, 0);
    assert!(home.show("job")["runs"][0]["ready_at"].is_string());
}

#[test]
fn each_run_becomes_ready_by_itself() {
    let home = Home::new();
    let line = "trap 'exit 0' TERM; echo up; read never";
    home.ok([
        "run", "-i", "--name", "job", "--ready", "log:^up$", "--", "sh", "-c", line,
    ]);
    let first = home.show("job")["ready_at"].clone();
    home.ok(["restart", "job"]);
    let second = home.show("job")["ready_at"].clone();
    assert!(first.is_string() && second.is_string() && first != second);
}

#[test]
fn a_stop_ends_the_waiting() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &["--ready", "file:/nowhere"], &mut puppet);
    let wait = Running::start(&mut home.outlive_command(["wait", "--ready", "job"]));
    home.ok(["stop", "job"]);
    let code = 128 + libc::SIGTERM;
    failed(
        &run.finish(),
        code,
        "was ended by SIGTERM before it was ready",
    );
    failed(
        &wait.finish(),
        code,
        "was ended by SIGTERM before it was ready",
    );
    assert_eq!(home.show("job")["ready_at"], Value::Null);
}

#[test]
fn another_keeper_goes_on_looking() {
    for what in ["log:^up$", "cmd:test -n \"$OUTLIVE_JOB\" -a -e up"] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let folder = puppet.folder().display().to_string();
        let run = starting(&home, &["--cwd", &folder, "--ready", what], &mut puppet);
        let keeper = home.show("job")["keeper"]["pid"].as_i64();
        let keeper = keeper.and_then(|pid| Pidfd::of(i32::try_from(pid).ok()?));
        keeper.expect("it has one").kill();
        puppet.ask(&format!("data {folder}/up"));
        puppet.does("say up");
        is_ready(&home, run);
        assert_eq!(home.show("job")["keeper"]["alive"], true);
    }
}
