//! `send` and `wait`.

use outlive_testkit::{Home, Puppet, Running};
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_line_is_sent() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "-i"], &mut puppet);
    puppet.tell("read");
    home.ok(["send", "job", "first words"]);
    assert_eq!(puppet.line(), "line first words");
    home.ok(["send", "job", "--", "-n and more"]);
    assert_eq!(puppet.ask("read"), "line -n and more");
    // No sender's end is the end of the job's input.
    home.ok(["send", "job", "-N", "half "]);
    home.ok(["send", "job", "a line"]);
    assert_eq!(puppet.ask("read"), "line half a line");
    home.ok(["send", "job", "the last one", "--eof"]);
    assert_eq!(puppet.ask("read"), "line the last one");
    assert_eq!(puppet.ask("read"), "end of file");
    let said = home.call(["send", "job", "too late"]);
    assert_eq!(said.code, 125, "{said}");
    home.survives("job", &mut puppet);
}

#[test]
fn more_than_a_pipe_holds_is_sent() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "-i"], &mut puppet);
    let size = 1 << 20;
    let mut send = Running::start(
        home.outlive_command(["send", "job", "--eof"])
            .stdin(Stdio::piped()),
    );
    puppet.tell("drain");
    let mut input = send.input();
    input
        .write_all(&vec![b'x'; size])
        .expect("send takes it all");
    drop(input);
    let said = send.finish();
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(puppet.line(), format!("drained {size}"));
    home.survives("job", &mut puppet);
}

#[test]
fn a_job_without_open_input_takes_nothing() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let said = home.call(["send", "job", "hello"]);
    assert!(said.code == 125 && said.errors().contains("-i"), "{said}");
    home.survives("job", &mut puppet);
}

#[test]
fn input_may_be_a_file() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let file = home.folder().join("input");
    std::fs::write(&file, "from the file\n").expect("our own folder");
    let file = file.to_str().expect("a temporary path is text");
    home.start(&["--name", "job", "--stdin", file], &mut puppet);
    assert_eq!(puppet.ask("read"), "line from the file");
    assert_eq!(puppet.ask("read"), "end of file");
    home.survives("job", &mut puppet);
}

#[test]
fn a_wait_that_times_out_leaves_the_job_alone() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    for _ in 0..3 {
        let said = home.call(["wait", "job", "--timeout", "10ms"]);
        assert_eq!(said.code, 124, "{said}");
    }
    home.survives("job", &mut puppet);
    assert_eq!(home.call(["wait", "job", "--timeout", "10ms"]).code, 7);
}

#[test]
fn a_wait_ends_with_the_job() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let waiting: Vec<Running> = (0..5)
        .map(|_| Running::start(&mut home.outlive_command(["wait", "job"])))
        .collect();
    puppet.beat();
    puppet.exit(23);
    for wait in waiting {
        assert_eq!(wait.finish().code, 23);
    }
}

#[test]
fn a_wait_that_is_killed_leaves_the_job_alone() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let waiting = Running::start(&mut home.outlive_command(["wait", "job"]));
    puppet.beat();
    waiting.handle().kill();
    drop(waiting);
    home.survives("job", &mut puppet);
}

#[test]
fn of_several_all_are_waited_for() {
    let home = Home::new();
    let mut puppets: Vec<Puppet> = (0..3).map(|_| Puppet::new(&home)).collect();
    let jobs: Vec<String> = puppets
        .iter_mut()
        .map(|puppet| home.start(&[], puppet))
        .collect();
    let words: Vec<&str> = std::iter::once("wait")
        .chain(jobs.iter().map(String::as_str))
        .collect();
    let waiting = Running::start(&mut home.outlive_command(&words));
    puppets[2].exit(0);
    puppets[1].exit(8);
    puppets[1].gone();
    assert!(waiting.handle().lives());
    puppets[0].exit(9);
    assert_eq!(waiting.finish().code, 9, "the first named that is not 0");
    assert_eq!(home.call(["wait", &jobs[2], &jobs[1], &jobs[0]]).code, 8);
}

#[test]
fn the_first_of_several_is_waited_for() {
    let home = Home::new();
    let mut puppets: Vec<Puppet> = (0..3).map(|_| Puppet::new(&home)).collect();
    let jobs: Vec<String> = puppets
        .iter_mut()
        .map(|puppet| home.start(&[], puppet))
        .collect();
    let words = ["wait", "--any", &jobs[0], &jobs[1], &jobs[2]];
    let timed = home.call([&words[..], &["--timeout", "10ms"]].concat());
    assert_eq!((timed.code, &*timed.text()), (124, ""), "{timed}");
    let waiting = Running::start(&mut home.outlive_command(words));
    puppets[1].exit(8);
    let said = waiting.finish();
    assert_eq!((said.code, &said.text()), (8, &jobs[1]), "{said}");
    puppets[0].beat();
    // One that has ended already is the first.
    let said = home.call(words);
    assert_eq!((said.code, &said.text()), (8, &jobs[1]), "{said}");
}
