//! A job's own terminal.

use crate::home::{Home, output, shell, waited};
use crate::support::told;
use outlive::{Attached, Command, Job, JobOptions, Leftover, OutputMode, Size};
use std::io::{Read, Write};

const SIZE: Size = Size {
    columns: 101,
    rows: 37,
};

fn tty() -> JobOptions {
    JobOptions::new().tty(SIZE).clone()
}

/// Attached to what is printed from now on.
fn attached(job: &Job) -> Attached {
    let mut output = job.output().expect("it has an output");
    output.tail(0).expect("it can be read");
    job.attach(output).expect("it has a terminal")
}

/// Reads until `text` has come.
fn until(terminal: &mut Attached, text: &str) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(text.as_bytes()) {
        let length = terminal.read(&mut byte).expect("it can be read");
        let so_far = String::from_utf8_lossy(&seen);
        assert_eq!(length, 1, "it ended without {text:?}: {so_far:?}");
        seen.push(byte[0]);
    }
}

pub(crate) fn what_is_typed_is_read_and_what_is_printed_comes_back() {
    let home = Home::new();
    let job = home.start(&Command::new("cat"), &tty());
    let mut terminal = attached(&job);
    let mut other = attached(&job);
    terminal.write_all(b"hello\r").expect("there is room");
    for terminal in [&mut terminal, &mut other] {
        // Its echo, and what the job makes of it.
        until(terminal, "hello\r\nhello\r\n");
    }
    assert_eq!(
        terminal.try_read(&mut [0; 16]).expect("it can be read"),
        None
    );
    job.close_stdin().expect("the end can be typed");
    assert_eq!(waited(&job).exit_code, Some(0));
    assert_eq!(terminal.read(&mut [0; 16]).expect("it can be read"), 0);
    assert_eq!(output(&job), "hello\r\nhello\r\n");
}

pub(crate) fn its_size_is_what_it_was_given_last() {
    let home = Home::new();
    let job = home.start(&shell("stty size; read line; stty size"), &tty());
    let status = job.status().expect("it runs");
    assert_eq!(status.terminal, Some(SIZE));
    let mut terminal = job.attach(job.output().expect("it has an output"));
    let terminal = terminal.as_mut().expect("it has a terminal");
    until(terminal, "37 101\r\n");
    assert_eq!(terminal.size().expect("it has a size"), SIZE);
    let other = Size { rows: 38, ..SIZE };
    terminal.set_size(other).expect("it can be resized");
    terminal.write_all(b"\r").expect("there is room");
    until(terminal, "38 101\r\n");
    assert_eq!(waited(&job).exit_code, Some(0));
}

pub(crate) fn only_a_running_job_with_one_can_be_attached_to() {
    let home = Home::new();
    let attach = |job: &Job| {
        let output = job.output().expect("it has an output");
        job.attach(output).expect_err("it can't be attached to")
    };
    let plain = home.start(&Command::new("cat"), &JobOptions::new());
    let error = attach(&plain);
    assert!(error.is_unsupported(), "{}", told(&error));
    assert!(error.hint().is_some_and(|hint| hint.contains("--tty")));
    waited(&plain);
    let ended = home.start(&Command::new("true"), &tty());
    waited(&ended);
    let error = attach(&ended);
    assert!(error.is_not_running(), "{}", told(&error));
}

pub(crate) fn it_is_all_that_a_job_reads_and_writes() {
    let home = Home::new();
    let mut all = [tty(), tty(), tty(), tty(), tty()];
    all[0].keep_stdin(true);
    all[1].output_file(home.folder().join("output"));
    all[2].leftover(Leftover::Leave);
    all[3].output_mode(OutputMode::Pipe);
    all[4].timestamps(true);
    for options in &all {
        let error = home
            .jobs
            .start(&Command::new("true"), options)
            .expect_err("that makes no sense");
        assert!(error.is_invalid(), "{}", told(&error));
    }
    assert!(home.jobs.list().expect("it can be listed").is_empty());
}

pub(crate) fn of_a_long_output_the_last_is_read() {
    let home = Home::new();
    let job = home.start(&shell("printf 0123456789"), &JobOptions::new());
    waited(&job);
    let mut output = job.output().expect("it has an output");
    assert_eq!(output.skip_to_last(20).expect("it can be read"), 0);
    assert_eq!(output.skip_to_last(4).expect("it can be read"), 6);
    assert_eq!(output.left().expect("it can be read"), 4);
    let read = std::io::read_to_string(output).expect("it can be read");
    assert_eq!(read, "6789");
}
