//! Output with the time and the stream of each line: what the keeper writes down.

use outlive_testkit::{Home, Mount, Puppet, Running, own_mounts};
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
    assert!(file.lines().all(|line| line.len() <= (256 << 10) + 4));
    assert!(file.lines().any(|line| line.starts_with("out+")));
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

/// Without a keeper it is the reader whom its writes wait for.
#[test]
fn a_job_holds_a_spare_end_of_its_pipes() {
    for (options, held) in [
        (&[][..], ""),
        (&["--timestamps"], "30=stdout"),
        (&["--split"], "30=stdout 31=stderr"),
    ] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        home.start(&[&["--name", "job"], options].concat(), &mut puppet);
        let all = puppet.ask("descriptors");
        let spare = all
            .split(' ')
            .filter_map(|it| it.split_once('='))
            .filter(|it| it.0.len() == 2);
        let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
        let spare = spare.filter_map(|(number, path)| Some(format!("{number}={}", name(path)?)));
        assert_eq!(spare.collect::<Vec<_>>().join(" "), held, "{all}");
        puppet.exit(0);
        assert_eq!(home.call(["wait", "job"]).code, 0);
    }
}

#[test]
fn a_job_that_may_have_few_descriptors_does_without_it() {
    let home = Home::new();
    let line = home.shell_line(["run", "--name", "job", "--timestamps", "--", "echo", "text"]);
    let limited = format!("ulimit -n 24; exec {line}");
    let said = Running::start(&mut home.command(["sh", "-c", &limited])).finish();
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(home.call(["wait", "job"]).code, 0);
    assert_eq!(home.logs("job"), "text\n");
}

/// asyncio's transports and some versions of tail take a pipe that can be read for a broken one.
#[test]
fn a_job_finds_nothing_to_read_where_it_prints() {
    let home = Home::new();
    let script = "import os, select, sys\n\
        os.write(1, b'text\\n' * 1000)\n\
        poll = select.poll()\n\
        poll.register(1, select.POLLIN)\n\
        sys.exit(len(poll.poll(0)))";
    home.ok([
        "run",
        "--name",
        "job",
        "--timestamps",
        "--",
        "python3",
        "-c",
        script,
    ]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    assert_eq!(home.logs("job").lines().count(), 1000);
}

#[test]
fn another_run_goes_on_in_the_same_file() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = home.start(&["--timestamps", "--split"], &mut puppet);
    let folder = home.job(&id);
    let mut expected = String::new();
    for run in 0..3 {
        puppet.does(&format!("say run {run}"));
        expected += &format!("run {run}\n");
        puppet.exit(0);
        assert_eq!(home.call(["wait", &id]).code, 0);
        assert_eq!(home.logs(&id), expected);
        home.keeper_gone(&id);
        let files = fs::read_dir(&folder).expect("our own home");
        let names = files.map(|file| file.expect("it is there").file_name());
        let pipes = names.filter(|name| name == "stdout" || name == "stderr");
        assert_eq!(pipes.count(), 0, "they go with their keeper");
        home.ok(["restart", &id]);
        puppet.ready();
    }
    puppet.exit(0);
    assert_eq!(home.call(["wait", &id]).code, 0);
    // As a keeper leaves it that is killed while it writes, with its job.
    let output = folder.join("output");
    let torn = fs::read_to_string(&output).expect("it has printed") + "2026-11-22T10:05";
    fs::write(&output, torn).expect("our own home");
    home.ok(["restart", &id]);
    puppet.ready();
    puppet.does("say after that");
    puppet.exit(0);
    assert_eq!(home.call(["wait", &id]).code, 0);
    assert_eq!(home.logs(&id), expected + "2026-11-22T10:05\nafter that\n");
}

#[test]
fn a_full_disk_costs_what_is_printed_meanwhile_and_no_more() {
    let home = Home::new();
    if !own_mounts("output on a full disk") {
        return;
    }
    let disk = Mount::over(&home, "256k");
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--timestamps"], &mut puppet);
    // Its keeper gives back no room afterwards.
    home.reported("job");
    let filler = disk.fill();
    puppet.does("say there is no room for this");
    home.ok(["kill", "job", "-s", "CONT"]);
    let notes = home.show("job")["notes"].to_string();
    assert!(
        notes.contains("some of the output could not be written: No space"),
        "{notes}"
    );
    fs::remove_file(filler).expect("our own file");
    puppet.does("say there is for this");
    puppet.exit(7);
    assert_eq!(home.call(["wait", "job"]).code, 7);
    // What bears a time is whole.
    let since = ["logs", "job", "--since", "1970-01-01T00:00:00Z"];
    assert_eq!(home.ok(since), "there is for this");
}
