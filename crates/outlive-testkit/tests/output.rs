//! Output: order, cap, truncation, `logs`.

use outlive_testkit::{Home, Puppet, Running};
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const MEBIBYTE: u64 = 1 << 20;

/// How many bytes of disk a file takes up.
fn disk_use(path: &Path) -> u64 {
    // In units of 512 bytes whatever the file system's own are, see stat(2).
    path.metadata().expect("the file is there").blocks() * 512
}

fn noted(shown: &Value, word: &str) -> bool {
    let notes = shown["notes"].as_array().expect("notes are an array");
    notes
        .iter()
        .any(|note| note.as_str().is_some_and(|note| note.contains(word)))
}

fn output_of(shown: &Value) -> &Path {
    Path::new(shown["output"].as_str().expect("a path is text"))
}

#[test]
fn both_streams_are_kept_in_order() {
    for mode in ["file", "pipe"] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        home.start(&["--name", "job", "--output-mode", mode], &mut puppet);
        puppet.does("alternate 2000");
        puppet.exit(0);
        assert_eq!(home.call(["wait", "job"]).code, 0);
        let expected: String = (0..2000).map(|index| format!("line {index}\n")).collect();
        assert!(
            home.logs("job") == expected,
            "{mode}: lines are lost or out of order"
        );
    }
}

#[test]
fn output_is_capped_and_the_newest_is_kept_whole() {
    for mode in ["--output-mode=file", "--output-mode=pipe", "--timestamps"] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let options = ["--name", "job", "--output-limit", "1MiB", mode];
        home.start(&options, &mut puppet);
        // 32 MiB in all.
        let (count, width) = (262_144, 128);
        puppet.does(&format!("flood {count} {width}"));
        puppet.does("say the last line");
        puppet.exit(0);
        assert_eq!(home.call(["wait", "job"]).code, 0);
        home.keeper_gone("job");
        let shown = home.show("job");
        let used = disk_use(output_of(&shown));
        assert!(used <= 2 * MEBIBYTE, "{mode}: {used} bytes are used");

        let logs = home.logs("job");
        let lines: Vec<&str> = logs.lines().collect();
        assert!(
            logs.len() as u64 >= MEBIBYTE / 2,
            "{mode}: only {} bytes are kept",
            logs.len()
        );
        assert_eq!(lines.last(), Some(&"the last line"));
        let flood = &lines[..lines.len() - 1];
        for (index, line) in flood.iter().enumerate() {
            let number = count - flood.len() + index;
            assert!(
                line.starts_with(&format!("flood {number} ")),
                "{mode}: {line:?} is not {number}"
            );
            assert_eq!(line.len(), width - 1, "{mode}: {line:?}");
        }
        let said = home.call(["logs", "job"]);
        assert!(!said.errors().is_empty(), "logs says that there was more");
        assert_eq!(home.ok(["logs", "job", "-n", "1"]), "the last line");
    }
}

/// The cap holds while the job goes on writing, not only at its end.
#[test]
fn output_is_capped_while_it_flows() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--output-limit", "1MiB"], &mut puppet);
    let shown = home.show("job");
    let output = output_of(&shown);
    // A hole punched in the file is a change of it.
    let watch =
        rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC).expect("an inotify");
    let changes = rustix::fs::inotify::WatchFlags::MODIFY;
    rustix::fs::inotify::add_watch(&watch, output, changes).expect("the output can be watched");
    puppet.does("flood 131072 128");
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut changes = rustix::fs::inotify::Reader::new(&watch, &mut buffer);
    while disk_use(output) > 2 * MEBIBYTE {
        outlive_testkit::events::readable(&watch, "the output to be cut back to its limit");
        changes.next().expect("a change");
    }
    home.survives("job", &mut puppet);
}

#[test]
fn a_file_of_the_users_own_is_appended_to_and_never_cut() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let file = home.folder().join("own.log");
    std::fs::write(&file, "was here before\n").expect("our own folder");
    let path = file.to_str().expect("a temporary path is text");
    home.start(&["--name", "job", "--output", path], &mut puppet);
    let line = puppet.beat();
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let kept = std::fs::read_to_string(&file).expect("our own file");
    assert_eq!(kept, format!("was here before\n{line}\n"));
    assert_eq!(home.show("job")["output"], path);
    home.ok(["rm", "job"]);
    assert!(file.exists(), "what is the user's own is not removed");
}

/// `echo x >/dev/stderr` opens a file anew and cuts it.
#[test]
fn a_job_that_cuts_its_own_output_is_noted() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.does("flood 1000 100");
    // A keeper that was not yet told of the output can't tell that it was cut. It looks at it in the
    // same turn in which it answers, so that the second answer comes after the look.
    for _ in 0..2 {
        assert_eq!(home.call(["wait", "job", "--timeout", "1ms"]).code, 124);
    }
    puppet.does("reopen after the cut");
    let line = puppet.beat();
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let logs = home.logs("job");
    assert!(logs.ends_with(&format!("{line}\n")), "{logs:?}");
    let whole = logs.starts_with("flood 0 ") && logs.contains("after the cut");
    let shown = home.show("job");
    assert!(whole || noted(&shown, "--output-mode pipe"), "{shown}");
}

#[test]
fn through_a_pipe_nothing_is_lost_by_opening_it_anew() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--output-mode", "pipe"], &mut puppet);
    puppet.does("flood 1000 100");
    puppet.does("reopen after the cut");
    let line = puppet.beat();
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let logs = home.logs("job");
    let lines: Vec<&str> = logs.lines().collect();
    assert_eq!(lines.len(), 1002);
    assert!(lines[0].starts_with("flood 0 ") && lines[999].starts_with("flood 999 "));
    assert_eq!(lines[1000..], ["after the cut", &line]);
    assert!(!noted(&home.show("job"), "pipe"));
}

#[test]
fn the_last_lines_are_shown() {
    let home = Home::new();
    home.ok([
        "run",
        "--name",
        "job",
        "--",
        "sh",
        "-c",
        "seq 1 5000; printf unfinished",
    ]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    for (count, expected) in [
        ("0", ""),
        ("1", "unfinished"),
        ("2", "5000\nunfinished"),
        ("3", "4999\n5000\nunfinished"),
    ] {
        assert_eq!(home.ok(["logs", "job", "-n", count]), expected, "{count}");
    }
    assert_eq!(
        home.ok(["logs", "job", "-n", "100000"]).lines().count(),
        5001
    );
    assert_eq!(
        home.call(["logs", "job"]).out.len(),
        home.call(["logs", "job", "-n", "5001"]).out.len()
    );
}

#[test]
fn output_that_is_no_text_is_shown_as_it_is() {
    let home = Home::new();
    home.ok([
        "run",
        "--name",
        "job",
        "--",
        "printf",
        r"\000\377\200a\r\nb\033[1m",
    ]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    assert_eq!(home.call(["logs", "job"]).out, b"\0\xff\x80a\r\nb\x1b[1m");
}

#[test]
fn output_is_followed_to_the_end() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let before = puppet.beat();
    let mut follower = Running::start(&mut home.outlive_command(["logs", "-f", "job"]));
    assert_eq!(follower.out.line(), Some(before));
    for _ in 0..5 {
        let line = puppet.beat();
        assert_eq!(follower.out.line(), Some(line));
    }
    // The last words and the end come together.
    puppet.does("flood 5000 100");
    puppet.exit(4);
    let said = follower.finish();
    let text = said.text();
    assert_eq!(text.lines().count(), 5000, "{} lines", text.lines().count());
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.starts_with("flood 4999 "))
    );
    assert_eq!(said.code, 0, "following is not waiting");
    assert_eq!(home.call(["wait", "job"]).code, 4);
}

#[test]
fn a_follower_whose_reader_goes_ends() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let line = home.shell_line(["logs", "-f", "job"]);
    let mut shell = Running::start(&mut home.command(["sh", "-c", &format!("{line} | head -n 1")]));
    puppet.beat();
    assert!(
        shell
            .out
            .line()
            .is_some_and(|line| line.starts_with("beat 1"))
    );
    puppet.beat();
    assert_eq!(shell.finish().code, 0);
    home.survives("job", &mut puppet);
}
