//! sd_notify(3): what a job tells of itself, and the watchdog.

use outlive_testkit::{Home, Pidfd, Puppet, Running, quoted, skipped};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType,
};
use serde_json::Value;
use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::process::Command;

/// Sends this to the puppet's keeper from this process, which is none of the job's, and waits until
/// that and all before it has been heard.
fn tell_from_outside(puppet: &mut Puppet, text: &str) {
    let address = puppet.ask("env NOTIFY_SOCKET");
    let name = address.strip_prefix("set @").expect("it is abstract");
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).expect("it is short");
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::DGRAM, None);
    let socket = socket.expect("a socket can be made");
    let (mut heard, barrier) = io::pipe().expect("a pipe can be made");
    let ends = [barrier.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&ends)));
    let text = format!("{text}\nBARRIER=1");
    let parts = [IoSlice::new(text.as_bytes())];
    let flags = SendFlags::empty();
    rustix::net::sendmsg_addr(&socket, &address, &parts, &mut ancillary, flags)
        .expect("somebody listens");
    drop(barrier);
    assert_eq!(heard.read(&mut [0]).expect("a pipe"), 0);
}

/// A job that is to say when it is ready, and has not.
fn starting(home: &Home, options: &[&str], puppet: &mut Puppet) -> Running {
    let options = [&["--name", "job", "--ready", "notify"], options].concat();
    let mut command = home.outlive_command(puppet.run_words(&options));
    // A manager of the caller's own is none of the job's.
    let run = Running::start(
        command
            .env("NOTIFY_SOCKET", "/nowhere")
            .env("WATCHDOG_PID", "1"),
    );
    puppet.ready();
    run
}

#[track_caller]
fn is_ready(home: &Home, run: Running) -> Value {
    let said = run.finish();
    assert_eq!(said.code, 0, "{said}");
    let shown = home.show("job");
    assert!(shown["ready_at"].is_string(), "{shown}");
    shown
}

#[test]
fn a_job_says_that_it_is_ready_and_what_it_does() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &[], &mut puppet);
    assert_eq!(puppet.ask("env WATCHDOG_PID"), "unset");
    tell_from_outside(&mut puppet, "READY=1\nSTATUS=I am a stranger");
    let shown = home.show("job");
    assert_eq!(
        (&shown["ready_at"], &shown["status_text"]),
        (&Value::Null, &Value::Null)
    );

    let child = puppet.child("daemon");
    puppet.does(&format!(
        "notify READY=1;STATUS=serving 3 of 4;MAINPID={child}"
    ));
    let shown = is_ready(&home, run);
    assert_eq!(shown["status_text"], "serving 3 of 4");
    assert_eq!(shown["main_pid"], child);
    let said = home.ok(["show", "job"]);
    assert!(
        said.contains(&format!("main process {child}, serving 3 of 4")),
        "{said}"
    );

    for stranger in [std::process::id().cast_signed(), home.keeper("job").pid()] {
        puppet.does(&format!("notify RELOADING=1;STATUS=;MAINPID={stranger}"));
    }
    tell_from_outside(&mut puppet, "");
    // What it says is written down no more often than twice a second, and at the end.
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let shown = home.show("job");
    assert_eq!(
        (&shown["phase"], &shown["status_text"]),
        (&"reloading".into(), &Value::Null)
    );
    assert_eq!(
        shown["main_pid"], child,
        "neither a stranger nor its keeper is its main process"
    );
}

#[test]
fn a_job_that_ends_says_so_beforehand() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &[], &mut puppet);
    puppet.does("notify READY=1;STATUS=serving");
    is_ready(&home, run);
    puppet.does("notify STOPPING=1;STATUS=has the rest written");
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let shown = home.show("job");
    assert_eq!(
        (&shown["phase"], &shown["status_text"]),
        (&"stopping".into(), &"has the rest written".into())
    );
}

#[test]
fn systemds_own_program_and_python_are_understood() {
    let python = "import os, socket\n\
        address = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)\n\
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1\\nSTATUS=up', address)\n\
        input()";
    for words in [
        &["systemd-notify", "--version"][..],
        &["python3", "--version"],
    ] {
        let program = words[0];
        if Command::new(program).arg(words[1]).output().is_err() {
            skipped(program, "it is not installed");
            continue;
        }
        let line = match program {
            "python3" => quoted(["python3", "-c", python]),
            _ => "systemd-notify --ready --status=up; read never".to_owned(),
        };
        let home = Home::new();
        let words = [
            "run", "-i", "--name", "job", "--ready", "notify", "--", "sh", "-c",
        ];
        let said = home.call(words.iter().copied().chain([&*line]));
        assert_eq!(said.code, 0, "{program}: {said}");
        assert_eq!(home.show("job")["status_text"], "up", "{program}");
    }
}

#[test]
fn a_job_that_does_not_say_that_it_lives_is_aborted() {
    let home = Home::new();
    let puppet = Puppet::new(&home);
    let options = ["--name", "job", "--watchdog", "50ms"];
    let words = puppet.run_words(&options);
    assert_eq!(home.call(&words).code, 0);
    let said = home.call(["wait", "job"]);
    assert_eq!(said.code, 128 + libc::SIGABRT, "{said}");
    let shown = home.show("job");
    assert!(
        shown["notes"].to_string().contains("that it lives"),
        "{shown}"
    );
    let _ = puppet.let_go().line();
}

#[test]
fn a_watchdog_that_gives_no_time_is_refused() {
    let home = Home::new();
    let said = home.call(["run", "--watchdog", "0", "--", "true"]);
    assert_eq!(said.code, 125, "{said}");
    let (why, hint) = ("every 0 s\n", "hint: give it more time");
    assert!(said.errors().contains(&format!("{why}{hint}")), "{said}");
    assert!(home.list().is_empty());
}

#[test]
fn a_watchdog_begins_when_the_job_is_ready_and_can_be_triggered() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &["--watchdog", "1h"], &mut puppet);
    assert_eq!(puppet.ask("env WATCHDOG_USEC"), "set 3600000000");
    puppet.does("notify READY=1");
    is_ready(&home, run);
    puppet.does("notify WATCHDOG=1");
    // A shorter time counts at once.
    puppet.tell("notify WATCHDOG_USEC=1000");
    assert_eq!(home.call(["wait", "job"]).code, 128 + libc::SIGABRT);
    drop(puppet.let_go());

    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "other", "--watchdog", "1h"], &mut puppet);
    puppet.tell("notify WATCHDOG=trigger");
    assert_eq!(home.call(["wait", "other"]).code, 128 + libc::SIGABRT);
    drop(puppet.let_go());
}

#[test]
fn a_job_may_ask_for_more_time() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &["--ready-timeout", "1h"], &mut puppet);
    // No less than it was given.
    puppet.does("notify EXTEND_TIMEOUT_USEC=1");
    tell_from_outside(&mut puppet, "");
    puppet.does("notify READY=1");
    is_ready(&home, run);
}

#[test]
fn another_keeper_hears_it_at_the_same_address() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &[], &mut puppet);
    let address = puppet.ask("env NOTIFY_SOCKET");
    let keeper = home.show("job")["keeper"]["pid"].as_i64();
    let keeper = keeper.and_then(|pid| Pidfd::of(i32::try_from(pid).ok()?));
    keeper.expect("it has one").kill();
    // Who waits has it adopted; so does this, and the address is there when it has said so.
    assert_eq!(home.call(["wait", "job", "--timeout", "1ms"]).code, 124);
    let another = home.keeper("job").pid();
    puppet.does(&format!("notify MAINPID={another}"));
    puppet.does("notify READY=1;STATUS=still there");
    let shown = is_ready(&home, run);
    assert_eq!(shown["status_text"], "still there");
    assert_eq!(shown["main_pid"], Value::Null, "it is no part of the job");
    assert_eq!(puppet.ask("env NOTIFY_SOCKET"), address);
}
