//! `logs`: what is printed of an output, and how.

use outlive_testkit::{Home, Puppet, Running, Said};
use serde_json::Value;
use std::fs;
use std::io::Write;

/// A job that has ended, with these entries in its output file.
fn with_entries(home: &Home, options: &[&str], entries: &str) {
    home.ok([&["run", "--name", "job"], options, &["--", "true"]].concat());
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let output = home.show("job")["output"].as_str().map(str::to_owned);
    fs::write(output.expect("a path is text"), entries).expect("our own home");
}

const ENTRIES: &str = "\
2026-11-22T10:00:00.000001Z out first
2026-11-22T10:00:01.000000Z err+not
2026-11-22T10:00:02.000000Z out second
2026-11-22T10:00:03.000000Z err  found
2026-11-22T10:00:04.500000Z out third
2026-11-22T10:00:05.000000Z out+no end
";

fn logs(home: &Home, options: &[&str]) -> String {
    let said = home.call([&["logs", "job"], options].concat());
    assert_eq!(said.code, 0, "{said}");
    String::from_utf8(said.out).expect("it is text")
}

#[test]
fn what_was_printed_is_printed_and_nothing_else() {
    let home = Home::new();
    with_entries(&home, &["--timestamps", "--split"], ENTRIES);
    for (options, expected) in [
        (&[][..], "first\nnotsecond\n found\nthird\nno end"),
        (&["--stdout"], "first\nsecond\nthird\nno end"),
        (&["--stderr"], "not found\n"),
        (
            &["--since", "2026-11-22T10:00:03Z"],
            " found\nthird\nno end",
        ),
        (&["--until", "2026-11-22T10:00:01Z"], "first\n"),
        (
            &[
                "--since",
                "2026-11-22T10:00:02Z",
                "--until",
                "2026-11-22T10:00:03Z",
            ],
            "second\n",
        ),
        (&["--since", "10s"], ""),
        (&["--stderr", "--since", "2026-11-22T10:00:02Z"], " found\n"),
        (&["-n", "0"], ""),
        (&["-n", "1"], "no end"),
        (&["-n", "2"], "third\nno end"),
        // The first of these four has begun before the second, and has not ended.
        (&["-n", "4"], "notsecond\n found\nthird\nno end"),
        (&["-n", "1000"], "first\nnotsecond\n found\nthird\nno end"),
        (&["--stderr", "-n", "1"], "not found\n"),
        (&["--stdout", "-n", "2"], "third\nno end"),
        (&["--until", "2026-11-22T10:00:04Z", "-n", "1"], " found\n"),
        (&["-f"], "first\nnotsecond\n found\nthird\nno end"),
    ] {
        assert_eq!(logs(&home, options), expected, "{options:?}");
    }
}

#[test]
fn lines_are_searched() {
    let home = Home::new();
    with_entries(&home, &["--timestamps", "--split"], ENTRIES);
    for (options, expected) in [
        (&["--grep", "ir"][..], "first\nthird\n"),
        // A line is put together before it is looked at.
        (&["--grep", "^not found$"], "not found\n"),
        (&["--grep", "^.e"], "second\n"),
        (&["--grep", "(?i)NO", "-n", "1"], "no end"),
        (&["--grep", "(?i)NO", "-n", "2"], "not found\nno end"),
        (&["--grep", "no", "-n", "0"], ""),
        (&["--grep", "nothing"], ""),
        (&["--grep", "i", "--stdout", "-f"], "first\nthird\n"),
        (
            &["--grep", "ir", "--timestamps"],
            "2026-11-22T10:00:00.000001Z first\n2026-11-22T10:00:04.500000Z third\n",
        ),
    ] {
        assert_eq!(logs(&home, options), expected, "{options:?}");
    }
    let said = home.call(["logs", "job", "--grep", "("]);
    assert!(
        said.code == 125 && said.errors().contains("unclosed group"),
        "{said}"
    );
}

fn objects(said: &str) -> Vec<Value> {
    let lines = said.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .expect("each line is an object")
}

#[test]
fn lines_are_objects() {
    let home = Home::new();
    with_entries(&home, &["--timestamps", "--split"], ENTRIES);
    let objects = objects(&logs(&home, &["--json", "--since", "2026-11-22T10:00:01Z"]));
    let text = |object: &Value| object["text"].as_str().map(str::to_owned);
    let texts: Vec<_> = objects.iter().filter_map(text).collect();
    assert_eq!(texts, ["second", "not found", "third", "no end"]);
    let second = &objects[1];
    assert_eq!(second["time"], "2026-11-22T10:00:01Z");
    assert_eq!(second["stream"], "stderr");
    assert_eq!(
        (&second["partial"], &objects[3]["partial"]),
        (&Value::Null, &true.into())
    );
}

#[test]
fn any_bytes_can_be_printed_and_searched() {
    let home = Home::new();
    let script = r"printf '\000\377a\r\nb\033[1m\n\342\200\256c'";
    for options in [&[][..], &["--split"], &["--output-mode", "pipe"]] {
        let words = [
            &["run", "--name", "job"],
            options,
            &["--", "sh", "-c", script],
        ];
        home.ok(words.concat());
        assert_eq!(home.call(["wait", "job"]).code, 0);
        let Said { out, .. } = home.call(["logs", "job"]);
        assert_eq!(out, b"\0\xff\x61\r\nb\x1b[1m\n\xe2\x80\xaec");
        let Said { out, .. } = home.call(["logs", "job", "--grep", r"(?-u:\xff)"]);
        assert_eq!(out, b"\0\xff\x61\r\n");
        let said = logs(&home, &["--json"]);
        assert!(
            said.is_ascii(),
            "nothing that a terminal would act on: {said:?}"
        );
        let objects = objects(&said);
        assert_eq!(objects[0]["hex"], "00ff610d");
        assert_eq!(
            (&objects[0]["text"], &objects[0]["time"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(objects[1]["text"], "b\u{1b}[1m");
        assert_eq!(objects[2]["text"], "\u{202e}c");
        home.ok(["rm", "job"]);
    }
}

#[test]
fn what_was_not_written_down_is_not_told() {
    let home = Home::new();
    with_entries(&home, &[], "line\n");
    for (option, hint) in [
        (&["--since", "1h"][..], "--timestamps"),
        (&["--until", "1h"], "--timestamps"),
        (&["--timestamps"], "--timestamps"),
        (&["--stdout"], "--split"),
        (&["--stderr"], "--split"),
    ] {
        let said = home.call([&["logs", "job"], option].concat());
        let told = said
            .errors()
            .contains(&format!("hint: start the job with `outlive run {hint}`"));
        assert!(said.code == 125 && told, "{said}");
    }
}

/// Damage of any kind is shown as it is.
#[test]
fn what_is_no_entry_is_a_line() {
    let home = Home::new();
    with_entries(
        &home,
        &["--timestamps"],
        "torn\n2026-11-22T10:00:00.000000Z whole\n2026-11-2",
    );
    assert_eq!(logs(&home, &[]), "torn\nwhole\n");
    assert_eq!(logs(&home, &["--since", "2026-01-01T00:00:00Z"]), "whole\n");
}

/// Most of the line is a hole: not one of ours, since the file is the user's own.
#[test]
fn a_line_larger_than_all_memory_is_read() {
    let home = Home::new();
    let path = home.folder().join("own.log");
    let words = path.to_str().expect("a temporary path is text");
    home.ok(["run", "--name", "job", "--output", words, "--", "true"]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let mut file = fs::File::options()
        .append(true)
        .open(&path)
        .expect("our own file");
    file.set_len(256 << 20).expect("a sparse file");
    file.write_all(b"end\nlast\n").expect("our own file");
    drop(file);
    for options in [&["--grep", "last"][..], &["-n", "1"]] {
        let line = home.shell_line([&["logs", "job"], options].concat());
        // What the program itself maps is within it, too.
        let limited = format!("ulimit -v 131072; exec {line}");
        let said = Running::start(&mut home.command(["sh", "-c", &limited])).finish();
        assert_eq!((said.code, &*said.text()), (0, "last"), "{said}");
    }
}

#[test]
fn lines_are_followed() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--timestamps", "--split"], &mut puppet);
    let mut json = Running::start(&mut home.outlive_command(["logs", "-f", "job", "--json"]));
    let mut errors = Running::start(&mut home.outlive_command(["logs", "-f", "job", "--stderr"]));
    for round in 0..3 {
        puppet.does(&format!("say out {round}"));
        let line: Value = serde_json::from_str(&json.out.line().expect("a line")).expect("JSON");
        assert_eq!(
            (&line["stream"], &line["text"]),
            (&"stdout".into(), &format!("out {round}").into())
        );
        puppet.does(&format!("complain err {round}"));
        let line: Value = serde_json::from_str(&json.out.line().expect("a line")).expect("JSON");
        assert_eq!(line["stream"], "stderr");
        assert_eq!(errors.out.line(), Some(format!("err {round}")));
    }
    puppet.exit(0);
    assert_eq!(json.finish().code, 0);
    assert_eq!(errors.finish().text(), "");
}

#[test]
fn a_job_is_followed_through_its_restarts() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let mut plain = Running::start(&mut home.outlive_command(["logs", "-F", "job"]));
    let mut lines =
        Running::start(&mut home.outlive_command(["logs", "-F", "job", "--grep", "beat"]));
    for run in 0..3 {
        let line = puppet.beat();
        assert_eq!(plain.out.line(), Some(line.clone()), "run {run}");
        assert_eq!(lines.out.line(), Some(line), "run {run}");
        puppet.exit(0);
        assert_eq!(home.call(["wait", "job"]).code, 0);
        home.ok(["restart", "job"]);
        puppet.ready();
    }
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    home.keeper_gone("job");
    home.ok(["rm", "job"]);
    assert_eq!((plain.finish().code, lines.finish().code), (0, 0));
}
