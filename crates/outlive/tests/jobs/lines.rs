//! What jobs print, by lines, times and streams.

use crate::home::{Home, output, says, shell, waited};
use crate::support::pipe;
use jiff::Timestamp;
use outlive::{Command, Job, JobOptions, LINE_LIMIT, Line, Stream};
use outlive_os::output::give_back;
use std::fs::File;
use std::io::{PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::task::Poll;
use std::time::Duration;

fn with_all() -> JobOptions {
    let mut options = JobOptions::new();
    options.timestamps(true).split(true);
    options
}

/// A job that prints what it is told: to its standard error what begins with `!`.
fn echoing(home: &Home) -> (Job, PipeWriter) {
    let (stdin, tell) = pipe();
    let script = "echo up; while read -r line; do \
        case $line in !*) echo \"$line\" >&2;; *) echo \"$line\";; esac; done";
    let job = home.start(shell(script).stdin(OwnedFd::from(stdin)), &with_all());
    says(&job, "up");
    (job, tell)
}

fn text(line: &Line) -> &str {
    str::from_utf8(&line.text).expect("it is text")
}

pub(crate) fn they_are_told_apart() {
    let home = Home::new();
    let begun = Timestamp::now();
    let (job, mut tell) = echoing(&home);
    for word in ["one", "!two", "three"] {
        writeln!(tell, "{word}").expect("it reads");
        says(&job, word);
    }
    drop(tell);
    waited(&job);
    // What is read is what was printed.
    assert_eq!(output(&job), "up\none\n!two\nthree\n");
    let lines = job.output().expect("it can be read").lines();
    let lines = lines
        .collect::<Result<Vec<_>, _>>()
        .expect("it can be read");
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (text(line), line.stream, line.ends))
        .collect();
    let (out, err) = (Some(Stream::Stdout), Some(Stream::Stderr));
    assert_eq!(
        seen,
        [
            ("up", out, true),
            ("one", out, true),
            ("!two", err, true),
            ("three", out, true)
        ]
    );
    let times: Vec<_> = lines
        .iter()
        .map(|line| line.time.expect("it is told"))
        .collect();
    assert!(
        times.is_sorted() && times[0] >= begun - Duration::from_micros(1),
        "{times:?}"
    );

    let read = |choose: &dyn Fn(&mut outlive::Output) -> outlive::Result<()>| {
        let mut output = job.output().expect("it can be read");
        choose(&mut output).expect("it was written down");
        let mut text = String::new();
        output.read_to_string(&mut text).expect("it is text");
        text
    };
    assert_eq!(read(&|it| it.only(Stream::Stderr)), "!two\n");
    assert_eq!(read(&|it| it.since(times[2])), "!two\nthree\n");
    assert_eq!(read(&|it| it.until(times[2])), "up\none\n");
    assert_eq!(
        read(&|it| it.since(times[1]).and_then(|()| it.tail(1))),
        "three\n"
    );
    assert_eq!(
        read(&|it| it.only(Stream::Stdout).and_then(|()| it.tail(2))),
        "one\nthree\n"
    );
}

pub(crate) fn they_are_followed_without_waiting() {
    let home = Home::new();
    let (job, mut tell) = echoing(&home);
    let output = job.output().expect("it can be read");
    let mut lines = job.follow(output).expect("it can be followed").lines();
    let up = lines.try_next().expect("it can be read");
    let Poll::Ready(Some(up)) = up else {
        panic!("it has printed a line: {up:?}");
    };
    assert_eq!(text(&up), "up");
    assert_eq!(lines.try_next().expect("it can be read"), Poll::Pending);
    writeln!(tell, "last").expect("it reads");
    drop(tell);
    // By the iterator, which waits.
    let last = lines.next().expect("there is one").expect("it can be read");
    assert_eq!(text(&last), "last");
    assert!(lines.next().is_none());
}

/// The rest of a line is gone: what comes after it is another one.
pub(crate) fn what_was_given_back_ends_a_line_that_had_begun() {
    let home = Home::new();
    for options in [JobOptions::new(), with_all()] {
        let (stdin, mut tell) = pipe();
        let mut command = Command::new("cat");
        let job = home.start(command.stdin(OwnedFd::from(stdin)), &options);
        let follow = || job.output().and_then(|output| job.follow(output));
        let follow = || follow().expect("it can be followed");
        write!(tell, "half").expect("it reads");
        follow().read_exact(&mut [0; 4]).expect("it is printed");
        let mut lines = follow().lines();
        assert_eq!(lines.try_next().expect("it can be read"), Poll::Pending);

        // Parts of 64 KiB are given back.
        let more: String = (0..20_000)
            .map(|number| format!("line {number}\n"))
            .collect();
        writeln!(tell, " a line\n{more}last").expect("it reads");
        says(&job, "last");
        let file = File::options().write(true).open(home.file(&job, "output"));
        let file = file.expect("our own file");
        let size = file.metadata().expect("our own file").len();
        match give_back(file.as_fd(), 0, size, 4096) {
            Ok(given) => assert!(given > 0),
            Err(why) => return outlive_testkit::skipped("given-back output", &why.to_string()),
        }
        drop(tell);
        let lines = lines
            .collect::<Result<Vec<_>, _>>()
            .expect("it can be read");
        let (last, numbered) = lines.split_last().expect("there are some");
        assert_eq!((text(last), last.ends), ("last", true));
        let first: u32 = text(&numbered[0])
            .strip_prefix("line ")
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{:?} is none that was printed", text(&numbered[0])));
        assert_eq!((first > 0, numbered.len()), (true, 20_000 - first as usize));
        waited(&job);
    }
}

pub(crate) fn the_last_may_be_unfinished() {
    let home = Home::new();
    for options in [JobOptions::new(), with_all()] {
        let job = home.start(&shell("printf 'a\\nb'; printf c"), &options);
        let output = job.output().expect("it can be read");
        let lines = job.follow(output).expect("it can be followed").lines();
        let lines = lines
            .collect::<Result<Vec<_>, _>>()
            .expect("it can be read");
        let seen: Vec<_> = lines.iter().map(|line| (text(line), line.ends)).collect();
        assert_eq!(seen, [("a", true), ("bc", false)]);
        assert_eq!(lines[0].time.is_some(), lines[0].stream.is_some());
    }
}

pub(crate) fn long_ones_come_in_parts() {
    let home = Home::new();
    for options in [JobOptions::new(), with_all()] {
        let script = format!("head -c {} /dev/zero; echo; echo end", 3 * LINE_LIMIT);
        let job = home.start(&shell(&script), &options);
        waited(&job);
        let lines = job.output().expect("it can be read").lines();
        let lines = lines
            .collect::<Result<Vec<_>, _>>()
            .expect("it can be read");
        let (end, long) = lines.split_last().expect("there are some");
        assert_eq!((text(end), end.ends), ("end", true));
        let (last, parts) = long.split_last().expect("there are some");
        assert!(last.ends && parts.iter().all(|part| !part.ends));
        assert!(long.iter().all(|part| part.text.len() < 2 * LINE_LIMIT));
        let length: usize = long.iter().map(|part| part.text.len()).sum();
        assert_eq!(length, 3 * LINE_LIMIT);
    }
}

pub(crate) fn what_was_not_written_down_is_refused() {
    let home = Home::new();
    let job = home.shell("echo text");
    waited(&job);
    let mut output = job.output().expect("it can be read");
    let now = Timestamp::now();
    for refused in [
        output.since(now),
        output.until(now),
        output.require_timestamps(),
        output.only(Stream::Stdout),
    ] {
        let error = refused.expect_err("it can't be told");
        assert!(error.is_unsupported() && error.hint().is_some(), "{error}");
    }
}
