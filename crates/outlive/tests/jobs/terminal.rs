//! A job's own terminal.

use crate::home::{Home, output, says, shell, waited};
use crate::support::told;
use outlive::{Attached, Command, Job, JobOptions, Leftover, OutputMode, Size};
use outlive_os::folder::Folder;
use outlive_os::socket::{Connection, connect};
use outlive_record::{MESSAGE_LIMIT, Printed, Reply, Request};
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

/// Prints as many digits as each line says that is typed.
const DIGITS: &str = r#"stty -echo; echo ready; while read n; do printf "%0${n}d\n" 7; done"#;

fn digits(count: usize) -> String {
    format!("{:0count$}\r\n", 7)
}

pub(crate) fn all_that_is_printed_comes_once_in_whatever_pieces() {
    let home = Home::new();
    let job = home.start(&shell(DIGITS), &tty());
    let mut terminal = job.attach(job.output().expect("it has an output"));
    let terminal = terminal.as_mut().expect("it has a terminal");
    until(terminal, "ready\r\n");
    let mut seen = Vec::new();
    let mut read_to = |terminal: &mut Attached, length: usize, piece: usize| {
        let mut bytes = vec![0; piece];
        while seen.len() < length {
            let length = terminal.read(&mut bytes).expect("it can be read");
            assert_ne!(length, 0, "it has ended");
            seen.extend_from_slice(&bytes[..length]);
        }
        assert_eq!(seen.len(), length);
    };
    let mut expected = String::new();
    let counts = [1, 2, 700, 1100, 30, 2500, 5, 1022, 1023, 6000, 1];
    for (round, piece) in [65536, 1024, 100, 1].into_iter().enumerate() {
        // Each is awaited, and then, in the next round, none of them.
        for count in counts {
            write!(terminal, "{count}\r").expect("there is room");
            expected += &digits(count);
            if round % 2 == 0 {
                read_to(terminal, expected.len(), piece);
            }
        }
        read_to(terminal, expected.len(), piece);
    }
    job.close_stdin().expect("the end can be typed");
    assert_eq!(waited(&job).exit_code, Some(0));
    assert!(seen == expected.as_bytes(), "a byte was lost or doubled");
    assert!(output(&job) == format!("ready\r\n{expected}"));
}

/// Somebody who is told by the keeper itself.
fn told_by_keeper(home: &Home, job: &Job) -> Connection {
    let folder = home.folder().join("home/jobs").join(job.id());
    let folder = Folder::open(&folder).expect("the job's folder");
    let connection = connect(&folder, "control").expect("its keeper listens");
    let asked = connection.send(&Request::Tee.to_bytes(), None);
    asked.expect("it can be asked");
    let (answer, _) = connection.receive(MESSAGE_LIMIT).expect("it answers");
    assert_eq!(Reply::parse(&answer), Ok(Reply::Done));
    connection
}

pub(crate) fn who_asks_for_it_is_told_what_is_printed() {
    let home = Home::new();
    let job = home.start(&shell(DIGITS), &tty());
    let mut terminal = attached(&job);
    says(&job, "ready");
    let told = told_by_keeper(&home, &job);
    let mut packets = Vec::new();
    for count in [5, 1000, 1500] {
        write!(terminal, "{count}\r").expect("there is room");
        // A line may come in pieces, its end by itself.
        while !output(&job).ends_with(&digits(count)) {
            let (packet, _) = told.receive(Printed::LIMIT).expect("it is told");
            let printed = Printed::parse(&packet).expect("it is understood");
            // What comes without its bytes is longer than those that come along.
            let length = match printed.bytes.len() {
                0 => Printed::MOST + 1,
                length => length,
            };
            let end = usize::try_from(printed.at).expect("it is short") + length;
            assert!(output(&job).len() >= end, "it is in the file by then");
            packets.push(packet);
        }
    }
    job.close_stdin().expect("the end can be typed");
    loop {
        let (packet, _) = told.receive(Printed::LIMIT).expect("it is told");
        if packet.is_empty() {
            break;
        }
        packets.push(packet);
    }
    let whole = output(&job);
    let told = packets.iter().map(|it| Printed::parse(it));
    let told: Vec<_> = told.map(|it| it.expect("it is understood")).collect();
    let begins = told.iter().map(|it| usize::try_from(it.at).expect("short"));
    let begins: Vec<_> = begins.chain([whole.len()]).collect();
    assert_eq!(begins[0], "ready\r\n".len());
    for (printed, piece) in told.iter().zip(begins.windows(2)) {
        let piece = &whole[piece[0]..piece[1]];
        let comes_along = piece.len() <= Printed::MOST;
        assert_eq!(
            printed.bytes,
            if comes_along { piece } else { "" }.as_bytes()
        );
    }
}

pub(crate) fn who_takes_nothing_is_told_no_more_and_holds_up_nobody() {
    const LINES: usize = 20_000;
    let home = Home::new();
    let script = format!(
        "echo ready; read go; i=0; while [ $i -lt {LINES} ]; do echo line; i=$((i+1)); done"
    );
    let job = home.start(&shell(&script), &tty());
    let told = told_by_keeper(&home, &job);
    let mut terminal = attached(&job);
    write!(terminal, "\r").expect("there is room");
    assert_eq!(waited(&job).exit_code, Some(0));
    let printed = output(&job);
    assert_eq!(printed.matches("line\r\n").count(), LINES);
    let mut last = 0;
    loop {
        let (packet, _) = told.receive(Printed::LIMIT).expect("it ends");
        if packet.is_empty() {
            break;
        }
        let printed = Printed::parse(&packet).expect("it is understood");
        last = printed.at as usize + printed.bytes.len();
    }
    assert!(last < printed.len(), "it was told to the end");
}
