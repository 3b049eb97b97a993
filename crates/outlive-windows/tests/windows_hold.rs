//! What a job is given and how it is looked at: limits, usage, a terminal, output with entries.
#![cfg(windows)]

use outlive_windows::{Home, Puppet, Stage, is_wine, run, skipped};
use serde_json::Value;

const LIMITS: [&str; 6] = ["--memory", "1G", "--cpus", "0.5", "--tasks", "8"];

#[test]
fn limits_hold_or_nothing_is_started() {
    let (home, stage) = (Home::new(), Stage::new());
    let said = home.call(run(&LIMITS, &stage.words("job")));
    if said.code == 125 && is_wine() {
        let errors = said.errors();
        for what in ["memory", "processor time", "tasks"] {
            assert!(errors.contains(&format!("{what} (")), "{said}");
        }
        assert!(errors.contains("hint: with `--limits prefer`"), "{said}");
        assert!(home.list().is_empty());
        assert!(stage.entered().is_empty());
        let why = "Wine accepts the limits of a job object and has none of them afterwards";
        return skipped("a job with limits of its own", why);
    }
    assert_eq!(said.code, 0, "{said}");
    let mut puppet = stage.enter();
    let shown = home.show(&said.text());
    assert_eq!(shown["notes"].as_array().map(Vec::len), Some(0), "{shown}");
    // It is one of the eight itself.
    let mut children = Vec::new();
    while puppet.ask("start child") == "done" {
        children.push(stage.enter());
        assert!(children.len() < 8);
    }
    assert!(!children.is_empty());
}

#[test]
fn a_job_that_would_rather_be_limited_is_started_in_any_case() {
    let (home, stage) = (Home::new(), Stage::new());
    let options = [&LIMITS[..], &["--limits", "prefer", "--nice", "5"]].concat();
    let said = home.call(run(&options, &stage.words("job")));
    assert_eq!(said.code, 0, "{said}");
    let _puppet = stage.enter();
    let shown = home.show(&said.text());
    assert_eq!(shown["limits"]["memory"], 1 << 30, "{shown}");
    assert_eq!(shown["limits"]["required"], false, "{shown}");
    // What is not limited is said to whoever starts it, and kept.
    let notes = shown["notes"].as_array().expect("it is a list");
    for what in ["memory", "processor time", "tasks"] {
        let note = format!("not limited: {what}");
        let is_kept = notes.iter().filter_map(Value::as_str);
        let is_kept = is_kept.filter(|it| it.starts_with(&note)).count();
        assert_eq!(is_kept, usize::from(is_wine()), "{shown}");
        assert_eq!(said.errors().contains(&note), is_wine(), "{said}");
    }
}

#[test]
fn what_windows_lacks_is_refused_with_the_reason() {
    let (home, stage) = (Home::new(), Stage::new());
    let another = "this system's jobs are their starter's";
    for (options, why, hint) in [
        (
            ["--io-weight", "50"],
            "job objects have no weights of input and output",
            "--limits prefer",
        ),
        (["--user", "nobody"], another, "become that user first"),
        (["--group", "nobody"], another, "become that user first"),
    ] {
        let said = home.call(run(&options, &stage.words("job")));
        assert_eq!(said.code, 125, "{said}");
        assert!(said.errors().contains(why), "{said}");
        assert!(said.errors().contains(hint), "{said}");
    }
    assert!(home.list().is_empty());
    assert!(stage.entered().is_empty());
}

#[test]
fn what_a_job_uses_is_told() {
    let (home, stage) = (Home::new(), Stage::new());
    let (_, mut puppet) = home.start(&stage, &["--name", "job"]);
    assert_eq!(puppet.ask("start child"), "done");
    let _child = stage.enter();
    assert_eq!(puppet.ask("say here"), "done");
    let list: Vec<Value> =
        serde_json::from_str(&home.ok(["list", "--usage", "--json"])).expect("JSON");
    let usage = &list[0]["usage"];
    assert!(usage["cpu_seconds"].is_f64(), "{usage}");
    assert!(usage["memory"].as_u64() > Some(0), "{usage}");
    // Wine has its console's process in the job object, too.
    let tasks = if is_wine() { 3 } else { 2 };
    assert_eq!(usage["tasks"], tasks, "{usage}");
    let shown = home.show("job");
    assert_eq!(shown["usage"]["tasks"], tasks, "{shown}");

    let list = home.ok(["list", "--usage"]);
    let columns: Vec<&str> = list.split('\t').collect();
    assert_eq!(columns.len(), 12, "{list}");
    assert!(columns[8].parse::<u64>().is_ok_and(|it| it > 0), "{list}");
    assert_eq!(columns[9], tasks.to_string(), "{list}");

    let top = home.ok(["top", "--once"]);
    let columns: Vec<&str> = top.split('\t').collect();
    assert_eq!(columns[1..3], ["job", "running"], "{top}");
    assert!(columns[5].parse::<u64>().is_ok_and(|it| it > 0), "{top}");
    assert_eq!(columns[6], "here", "{top}");
}

/// A job that has printed a line to each stream, one after the other.
fn printing(home: &Home, stage: &Stage) -> Puppet {
    let options = ["--name", "job", "--timestamps", "--split"];
    let (_, mut puppet) = home.start(stage, &options);
    for order in ["say one", "complain two"] {
        assert_eq!(puppet.ask(order), "done");
    }
    puppet
}

#[test]
fn lines_bear_their_time_and_stream() {
    let (home, stage) = (Home::new(), Stage::new());
    let mut puppet = printing(&home, &stage);
    puppet.tell("exit 0");
    puppet.ended();
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let output = home.show("job")["output"].as_str().map(std::fs::read);
    let file = output.expect("a path is text").expect("it has printed");
    let file = String::from_utf8(file).expect("text");
    // RFC 3339 with microseconds is 27 letters long. Two pipes are read in any order.
    let mut entries: Vec<&str> = file.lines().map(|line| &line[27..]).collect();
    entries.sort_unstable();
    assert_eq!(entries, [" err two", " out one"], "{file}");

    assert_eq!(home.ok(["logs", "job", "--stderr"]), "two");
    assert_eq!(home.ok(["logs", "job", "--stdout"]), "one");
    assert_eq!(
        home.ok(["logs", "job", "--since", "1h", "--grep", "^t"]),
        "two"
    );
    let json = home.ok(["logs", "job", "--json"]);
    let mut lines: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    lines.sort_by_key(|line| line["stream"].to_string());
    for (line, (stream, text)) in lines.iter().zip([("stderr", "two"), ("stdout", "one")]) {
        assert_eq!(
            (&line["stream"], &line["text"]),
            (&stream.into(), &text.into())
        );
        assert!(line["time"].is_string(), "{line}");
    }
    assert_eq!(lines.len(), 2, "{json}");
}

#[test]
fn lines_are_followed_as_they_come() {
    let (home, stage) = (Home::new(), Stage::new());
    let mut puppet = printing(&home, &stage);
    let mut follow = home.begin(["logs", "-f", "--stderr", "job"]);
    assert_eq!(follow.line().as_deref(), Some("two"));
    assert_eq!(puppet.ask("say three"), "done");
    assert_eq!(puppet.ask("complain four"), "done");
    assert_eq!(follow.line().as_deref(), Some("four"));
    puppet.tell("exit 5");
    puppet.ended();
    assert_eq!(follow.line(), None);
    assert_eq!(follow.finish().code, 0);
    assert_eq!(home.call(["wait", "job"]).code, 5);
}
