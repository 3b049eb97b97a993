//! Readiness beside other options: restarts by the keeper, another user, limits.

use outlive_testkit::{Home, Puppet, Running, is_root, skipped, strace};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;

/// What `show` has of each run under this name, the oldest first.
fn of_runs(home: &Home, name: &str) -> Vec<Value> {
    let shown = home.show("job");
    let runs = shown["runs"].as_array().expect("runs are an array");
    runs.iter().map(|run| run[name].clone()).collect()
}

#[test]
fn each_run_by_its_keeper_becomes_ready_by_itself() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = ["--name", "job", "--ready", "notify", "--restart", "always"];
    let run = Running::start(&mut home.outlive_command(puppet.run_words(&options)));
    puppet.ready();
    let first = puppet.ask("env NOTIFY_SOCKET");
    // A run that ends before it is ready is not the end of the waiting.
    puppet.exit(3);
    puppet.ready_again();
    let second = puppet.ask("env NOTIFY_SOCKET");
    assert!(second.starts_with("set ") && second != first, "{second}");
    puppet.does("notify READY=1");
    let said = run.finish();
    assert_eq!((said.code, &*said.text()), (0, "job"), "{said}");

    puppet.exit(3);
    puppet.ready_again();
    assert_eq!(home.show("job")["ready_at"], Value::Null);
    let said = home.call(["wait", "--ready", "--timeout", "1ms", "job"]);
    assert_eq!(said.code, 124, "{said}");
    puppet.does("notify READY=1");
    assert_eq!(home.call(["wait", "--ready", "job"]).code, 0);
    let ready: Vec<bool> = of_runs(&home, "ready_at")
        .iter()
        .map(Value::is_string)
        .collect();
    assert_eq!(ready, [false, true, true]);
    home.ok(["stop", "job"]);
}

/// The run before was ready, and the next one is what is waited for. The keeper stands still as soon as it
/// has written down that there is a pause between them, so that this does not end.
#[test]
fn who_waits_between_two_runs_waits_for_the_next() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = ["--name", "job", "--ready", "notify", "--restart", "always"];
    let run = Running::start(&mut home.outlive_command(puppet.run_words(&options)));
    puppet.ready();
    puppet.does("notify READY=1");
    assert_eq!(run.finish().code, 0);
    let keeper = home.keeper("job");
    let stop = ["-o", "/dev/null", "-e", "inject=/rename:signal=STOP:when=1"];
    let Some(mut strace) = strace(&home, keeper.pid(), &stop, "a wait between two runs") else {
        return;
    };
    puppet.exit(3);
    home.until_state("job", "waiting");
    let said = home.call(["wait", "--ready", "--timeout", "1ms", "job"]);
    assert_eq!(said.code, 124, "{said}");
    let wait = Running::start(&mut home.outlive_command(["wait", "--ready", "job"]));
    keeper.signal(Signal::CONT);
    puppet.ready_again();
    assert!(wait.handle().lives(), "the next run is not ready yet");
    puppet.does("notify READY=1");
    assert_eq!(wait.finish().code, 0);
    assert!(home.show("job")["ready_at"].is_string());
    home.ok(["stop", "job"]);
    strace.end();
}

#[test]
fn a_watchdogs_abort_is_a_failure_that_is_followed_by_another_run() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let restart = ["--restart", "on-failure:1", "--success-codes", "SIGABRT"];
    let options = [&["--name", "job", "--watchdog", "1h"][..], &restart].concat();
    home.start(&options, &mut puppet);
    puppet.tell("notify WATCHDOG=trigger");
    puppet.cut_off();
    puppet.ready_again();
    assert_eq!(puppet.ask("env WATCHDOG_USEC"), "set 3600000000");
    assert_eq!(home.show("job")["state"], "running");
    puppet.tell("notify WATCHDOG=trigger");
    puppet.cut_off();
    let abort = libc::SIGABRT;
    assert_eq!(home.call(["wait", "job"]).code, 128 + abort);
    assert_eq!(home.show("job")["success"], false);
    assert_eq!(of_runs(&home, "signal").len(), 2);
}

#[test]
fn a_run_that_was_not_ready_in_time_is_followed_by_another_one() {
    let home = Home::new();
    let waiting = ["--ready", "file:/nowhere", "--ready-timeout", "50ms"];
    let restart = ["--name", "job", "--restart", "on-failure:1"];
    // It ends as it should when it is asked to, and has failed all the same.
    let job = ["--", "sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"];
    let said = home.call([&["run"], &restart[..], &waiting, &job].concat());
    assert_eq!(said.code, 124, "{said}");
    assert!(said.errors().contains("not ready within"), "{said}");
    let shown = home.show("job");
    assert_eq!(shown["success"], false, "{shown}");
    assert_eq!(of_runs(&home, "exit_code").len(), 2);
    // Unless the signal has met it before it could say what to do then.
    let expected = match shown["exit_code"].as_i64() {
        Some(0) => 124,
        _ => 128 + libc::SIGTERM,
    };
    assert_eq!(home.call(["wait", "job"]).code, expected, "{shown}");
}

#[test]
fn a_later_run_may_be_ready_in_time() {
    let home = Home::new();
    let puppet = Puppet::new(&home);
    let folder = puppet.folder().display().to_string();
    let line = "echo run >> runs; [ $(wc -l < runs) = 1 ] || echo up; sleep 1000";
    let waiting = ["--ready", "log:^up$", "--ready-timeout", "2s"];
    let options = ["--name", "job", "--restart", "always", "--cwd", &folder];
    let job = ["--", "sh", "-c", line];
    let said = home.call([&["run"], &options[..], &waiting, &job].concat());
    assert_eq!(said.code, 0, "{said}");
    let ready: Vec<bool> = of_runs(&home, "ready_at")
        .iter()
        .map(Value::is_string)
        .collect();
    assert_eq!(ready, [false, true]);
    home.ok(["stop", "job"]);
}

#[test]
fn a_command_asks_as_the_jobs_user_within_its_limits() {
    let what = "a command that asks as another user";
    if !is_root() {
        return skipped(what, "only root may become another user");
    }
    let home = Home::new();
    let asked = "cmd:test \"$(id -u) $(nice)\" = '65534 5' && \
                 { [ -z \"$OWN\" ] || grep -q \"/$OUTLIVE_JOB\" /proc/self/cgroup; }";
    home.ok(["run", "--name", "other", "--", "true"]);
    let id = home.show("other")["id"].as_str().map(|id| home.job(id));
    let record = fs::read(id.expect("it has one").join("record")).expect("it has a record");
    let record: Value = serde_json::from_slice(&record).expect("a record is JSON");
    let has_own = record["cgroups"]
        .as_array()
        .is_some_and(|it| !it.is_empty());
    if !has_own {
        skipped(
            "a command that asks in the job's cgroup",
            "none can be made",
        );
    }
    let own = format!("OWN={}", if has_own { "1" } else { "" });
    let account = ["--user", "nobody", "--cwd", "/", "--nice", "5", "-e", &own];
    let waiting = [
        "--name",
        "job",
        "-i",
        "--ready",
        asked,
        "--ready-timeout",
        "20s",
    ];
    let job = ["--", "sh", "-c", "read never"];
    let said = home.call([&["run"], &account[..], &waiting, &job].concat());
    assert_eq!(said.code, 0, "{said}");
}
