//! Output with the time and the stream of each line: what the keeper writes down.

use outlive_testkit::{Home, Puppet};
use std::fs;

/// The job's output file, as `cat` shows it.
fn file(home: &Home) -> String {
    let output = home.show("job")["output"].as_str().map(fs::read_to_string);
    output.expect("a path is text").expect("it has printed")
}

/// A job that prints to one stream after the other, each time when the keeper has read what came
/// before, and ends in the middle of a line; its output file.
fn printed(home: &Home, options: &[&str]) -> String {
    let mut puppet = Puppet::new(home);
    home.start(&[&["--name", "job"], options].concat(), &mut puppet);
    for order in ["say one", "complain two", "say three", "shell printf part"] {
        puppet.ask(order);
        // The keeper passes on what there is before it hears whoever comes after that.
        home.ok(["kill", "job", "-s", "CONT"]);
    }
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    file(home)
}

/// Takes the time from the front of a line.
fn after_time(line: &str) -> (&str, &str) {
    let (time, rest) = line.split_at(27);
    assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
    (time, rest)
}

#[test]
fn each_line_bears_its_stream() {
    let home = Home::new();
    let file = printed(&home, &["--split"]);
    assert_eq!(file, "out one\nerr two\nout three\nout+part\n");
}

#[test]
fn each_line_bears_its_time() {
    for (options, heads) in [
        (&["--timestamps"][..], ["", "", "", ""]),
        (
            &["--timestamps", "--split"],
            [" out", " err", " out", " out"],
        ),
    ] {
        let home = Home::new();
        let file = printed(&home, options);
        let shown = home.show("job");
        let moments = ["started_at", "ended_at"].map(|it| shown[it].as_str().expect("a moment"));
        let mut before = moments[0];
        let texts = [" one", " two", " three", "+part"];
        assert_eq!(file.lines().count(), 4);
        for ((line, head), text) in file.lines().zip(heads).zip(texts) {
            let (time, rest) = after_time(line);
            // All are in the same form, but for the digits after the point.
            assert!(
                before[..20] <= time[..20] && time[..20] <= moments[1][..20],
                "{line}"
            );
            assert_eq!(rest, format!("{head}{text}"));
            before = time;
        }
    }
}

#[test]
fn a_line_longer_than_what_is_held_is_passed_on_in_parts() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--split"], &mut puppet);
    // One line of a mebibyte, then lines of one byte.
    puppet.does(&format!("flood 1 {}", 1 << 20));
    puppet.does("flood 10000 10");
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let file = file(&home);
    assert!(file.lines().all(|line| line.len() <= (32 << 10) + 4));
    let mut text = String::new();
    for line in file.lines() {
        match line.split_at(4) {
            ("out ", rest) => text += &format!("{rest}\n"),
            ("out+", rest) => text += rest,
            _ => panic!("{line}"),
        }
    }
    assert_eq!(text.len(), (1 << 20) + 100_000);
    assert_eq!(text.lines().count(), 10_001);
}
