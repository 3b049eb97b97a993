//! `events`: what happens to jobs, as it happens.

use outlive_testkit::{Home, Puppet};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, read_to_string};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

/// `outlive events --json`, which watches by the time that this is there.
struct Watching {
    process: Child,
    events: Lines<BufReader<ChildStdout>>,
    errors: BufReader<ChildStderr>,
}

impl Watching {
    fn start(home: &Home, arguments: &[&str]) -> Watching {
        let words = ["events", "--json"].iter().chain(arguments);
        let mut process = home
            .outlive_command(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("outlive can be started");
        let mut note = String::new();
        let mut errors = BufReader::new(process.stderr.take().expect("a pipe"));
        errors.read_line(&mut note).expect("it can be read");
        assert!(note.contains("waiting"), "{note}");
        let events = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Watching {
            process,
            events,
            errors,
        }
    }

    /// The next event: what, of which job, and the whole of it.
    #[track_caller]
    fn next(&mut self) -> (String, String, Value) {
        let Some(line) = self.events.next() else {
            panic!("it has ended: {:?}", read_to_string(&mut self.errors));
        };
        let line = line.expect("it can be read");
        let event: Value = serde_json::from_str(&line).expect("an event is JSON");
        let text = |value: &Value| value.as_str().expect("it is text").to_owned();
        (text(&event["event"]), text(&event["job"]["id"]), event)
    }

    #[track_caller]
    fn expect(&mut self, what: &str, id: &str) -> Value {
        let (kind, job, event) = self.next();
        assert_eq!((&*kind, &*job), (what, id), "{event}");
        event
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // Ours, and not waited for yet: its id is its own.
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
    }
}

fn id_of(home: &Home, name: &str) -> String {
    let shown = home.show(name);
    shown["id"].as_str().expect("an id is text").to_owned()
}

#[test]
fn a_jobs_life_is_told_in_order() {
    let home = Home::new();
    let mut watching = Watching::start(&home, &[]);
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "web"], &mut puppet);
    let id = id_of(&home, "web");
    let started = watching.expect("started", &id);
    assert_eq!(started["job"]["name"], "web");
    assert_eq!(started["job"]["pid"], puppet.pid());
    assert_eq!(started["job"]["state"], "running");
    // Its output is no event.
    puppet.beat();
    puppet.exit(7);
    let ended = watching.expect("ended", &id);
    assert_eq!(ended["job"]["exit_code"], 7);
    assert_eq!(ended["at"], ended["job"]["ended_at"]);
    home.keeper_gone("web");
    home.ok(["restart", "web"]);
    puppet.ready();
    watching.expect("restarted", &id);
    home.ok(["stop", "web", "--grace", "0s"]);
    let ended = watching.expect("ended", &id);
    assert_eq!(ended["job"]["signal"], 15);
    home.keeper_gone("web");
    home.ok(["rm", "web"]);
    let removed = watching.expect("removed", &id);
    assert_eq!(removed["at"], Value::Null);
    puppet.is_gone();
}

#[test]
fn what_never_ran_is_no_event() {
    let home = Home::new();
    let mut watching = Watching::start(&home, &[]);
    for _ in 0..20 {
        assert_eq!(home.call(["run", "--", "no such program"]).code, 127);
    }
    let id = home.ok(["run", "--", "true"]);
    watching.expect("started", &id);
    watching.expect("ended", &id);
}

#[test]
fn only_the_jobs_named_are_told_of() {
    let home = Home::new();
    let [mut one, mut two] = [Puppet::new(&home), Puppet::new(&home)];
    home.start(&["--name", "one"], &mut one);
    home.start(&["--name", "two"], &mut two);
    let first = id_of(&home, "one");
    let mut watching = Watching::start(&home, &["one"]);
    two.exit(2);
    assert_eq!(home.call(["wait", "two"]).code, 2);
    one.exit(1);
    watching.expect("ended", &first);
    let unknown = home.call(["events", "nobody"]);
    assert_eq!(unknown.code, 125, "{unknown}");
}

#[test]
fn many_jobs_are_all_told_of() {
    const COUNT: usize = 200;
    let home = Home::new();
    let mut watching = Watching::start(&home, &[]);
    let starting: Vec<_> = (0..4)
        .map(|part| {
            let line = format!(
                "for i in $(seq {}); do \"$0\" run -- sh -c \"exit {part}\"; done",
                COUNT / 4
            );
            let mut shell = home.command(["sh", "-c", &line]);
            shell.arg(home.outlive()).stdout(Stdio::piped());
            shell.spawn().expect("there is a shell")
        })
        .collect();
    let mut left: BTreeMap<String, bool> = BTreeMap::new();
    while left.len() < COUNT || left.values().any(|&ended| !ended) {
        let (what, id, event) = watching.next();
        match &*what {
            "started" => assert_eq!(left.insert(id, false), None, "{event}"),
            "ended" => assert_eq!(left.insert(id, true), Some(false), "{event}"),
            _ => panic!("{event}"),
        }
    }
    for shell in starting {
        let said = shell.wait_with_output().expect("it is ours");
        assert!(said.status.success());
        let ids = String::from_utf8(said.stdout).expect("ids are text");
        assert!(ids.lines().all(|id| left.contains_key(id)), "{ids}");
    }
}

#[test]
fn that_a_job_is_ready_is_told_for_each_run() {
    let home = Home::new();
    let mut events = Watching::start(&home, &[]);
    let line = "echo up; read never";
    home.ok([
        "run", "-i", "--name", "job", "--ready", "log:^up$", "--", "sh", "-c", line,
    ]);
    let id = home.show("job")["id"]
        .as_str()
        .expect("it has one")
        .to_owned();
    // Of what happens in quick succession all is told, in this order.
    events.expect("started", &id);
    let ready = events.expect("ready", &id);
    assert!(
        ready["at"].is_string() && ready["at"] == ready["job"]["ready_at"],
        "{ready}"
    );
    // Not by `restart` alone: an end that is followed by another run before anybody looks is none.
    home.ok(["stop", "job"]);
    events.expect("ended", &id);
    home.ok(["restart", "job"]);
    events.expect("restarted", &id);
    events.expect("ready", &id);
}
