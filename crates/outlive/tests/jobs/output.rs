//! What jobs print.

use crate::home::{Home, Told, keeper_gone, output, says, shell, status, waited};
use crate::support::pipe;
use outlive::{Job, JobOptions, OutputMode, RestartOptions};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::thread;

fn text(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).expect("text");
    text
}

fn tail(job: &Job, lines: u64) -> String {
    let mut output = job.output().expect("it can be read");
    output.tail(lines).expect("it can be read");
    text(output)
}

pub(crate) fn it_is_read_whole_or_from_its_last_lines() {
    let home = Home::new();
    let job = home.shell("seq 1 100000; printf 'no end'");
    waited(&job);
    let whole = output(&job);
    assert_eq!(whole.lines().count(), 100_001);
    for lines in [1, 2, 3, 1000, 50_000, 100_000, 100_001] {
        let expected = whole
            .split_inclusive('\n')
            .skip(100_001 - lines)
            .collect::<String>();
        assert!(tail(&job, lines as u64) == expected, "{lines} lines");
    }
    assert!(tail(&job, 0).is_empty());
    assert!(tail(&job, 100_002) == whole && tail(&job, u64::MAX) == whole);
    assert_eq!(job.output().expect("it can be read").skipped(), 0);

    for (printed, last) in [
        ("", ""),
        ("\\n", "\n"),
        ("a", "a"),
        ("a\\n", "a\n"),
        ("a\\n\\n", "\n"),
    ] {
        let job = home.shell(&format!("printf '{printed}'"));
        waited(&job);
        assert_eq!(tail(&job, 1), last, "{printed:?}");
    }
}

/// A job that prints what it is told, line by line.
fn echoing(home: &Home) -> (Job, std::io::PipeWriter) {
    let (stdin, tell) = pipe();
    let mut command = shell("echo up; while read -r line; do echo got $line; done");
    let job = home.start(command.stdin(OwnedFd::from(stdin)), &JobOptions::new());
    says(&job, "up");
    (job, tell)
}

pub(crate) fn following_ends_with_the_job() {
    let home = Home::new();
    let (job, mut tell) = echoing(&home);
    let mut follow = job
        .output()
        .and_then(|output| job.follow(output))
        .expect("it can be followed");
    let mut next = |expected: &str| {
        let mut bytes = vec![0; expected.len()];
        follow.read_exact(&mut bytes).expect("it goes on");
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    };
    next("up\n");
    for word in ["one", "two"] {
        // Nothing of it is there before it is asked for.
        writeln!(tell, "{word}").expect("it reads");
        next(&format!("got {word}\n"));
    }
    writeln!(tell, "last").expect("it reads");
    drop(tell);
    assert_eq!(text(&mut follow), "got last\n");
    assert_eq!(follow.read(&mut [0; 8]).expect("it is at its end"), 0);
    assert_eq!(follow.skipped(), 0);
    // One that has ended is all there.
    let all = job
        .output()
        .and_then(|output| job.follow(output))
        .expect("it can be followed");
    assert_eq!(text(all), "up\ngot one\ngot two\ngot last\n");
}

pub(crate) fn following_goes_on_where_reading_stopped() {
    let home = Home::new();
    let (job, mut tell) = echoing(&home);
    writeln!(tell, "one").expect("it reads");
    says(&job, "got one");
    let mut read = job.output().expect("it can be read");
    assert_eq!(text(&mut read), "up\ngot one\n");
    let rest = job.follow(read).expect("it can be followed");
    let mut last = job.output().expect("it can be read");
    last.tail(1).expect("it can be read");
    let last = job.follow(last).expect("it can be followed");
    writeln!(tell, "two").expect("it reads");
    drop(tell);
    assert_eq!(
        (text(rest), text(last)),
        ("got two\n".to_owned(), "got one\ngot two\n".to_owned())
    );
}

pub(crate) fn several_follow_at_once() {
    let home = Home::new();
    let (job, mut tell) = echoing(&home);
    thread::scope(|scope| {
        let following: Vec<_> = (0..8)
            .map(|_| {
                let follow = job.output().and_then(|output| job.follow(output));
                scope.spawn(|| text(follow.expect("it can be followed")))
            })
            .collect();
        for number in 0..100 {
            writeln!(tell, "{number}").expect("it reads");
        }
        drop(tell);
        let expected: String = (0..100).map(|number| format!("got {number}\n")).collect();
        for it in following {
            assert_eq!(it.join().expect("no panic"), format!("up\n{expected}"));
        }
    });
}

pub(crate) fn only_the_newest_part_is_kept() {
    const LIMIT: u64 = 256 << 10;
    let home = Home::new();
    let mut options = JobOptions::new();
    let job = home.start(&shell("seq 1000000 2000000"), options.output_limit(LIMIT));
    assert_eq!(waited(&job).exit_code, Some(0));
    // The last of what is too much goes when everybody has been told of the end.
    keeper_gone(&job);
    let ended = status(&job);
    if ended.notes.iter().any(|note| note.contains("not capped")) {
        return outlive_testkit::skipped("capped output", &ended.notes.join("; "));
    }
    let mut output = job.output().expect("it can be read");
    let skipped = output.skipped();
    assert!(skipped > 0);
    let kept = text(&mut output);
    let (first, rest) = kept.split_once('\n').expect("lines");
    // Whole lines, in order, without a gap, to the last.
    let first: u64 = first.parse().expect("a whole line");
    let rest: Vec<u64> = rest
        .lines()
        .map(|line| line.parse().expect("a whole line"))
        .collect();
    assert!(
        rest.iter()
            .zip(first + 1..)
            .all(|(line, expected)| *line == expected)
    );
    assert_eq!(rest.last(), Some(&2_000_000));
    assert_eq!(skipped + kept.len() as u64, 1_000_001 * 8);
    assert!(kept.len() as u64 >= LIMIT - 8 && (kept.len() as u64) < LIMIT + (64 << 10));
    let stat = fs::metadata(&ended.output).expect("our own file");
    assert!(
        stat.blocks() * 512 <= LIMIT + (128 << 10),
        "{} blocks",
        stat.blocks()
    );
    assert_eq!(tail(&job, 2), "1999999\n2000000\n");
}

pub(crate) fn the_newest_run_can_be_read_alone() {
    let home = Home::new();
    let count = home.folder().join("count");
    let own = home.folder().join("own");
    fs::write(&own, "what was there before\n").expect("our own folder");
    let script = format!("echo x >>'{0}'; echo run $(wc -l <'{0}')", count.display());
    for options in [
        JobOptions::new(),
        JobOptions::new().output_file(&own).clone(),
    ] {
        fs::write(&count, "").expect("our own folder");
        let job = home.start(&shell(&script), &options);
        waited(&job);
        assert_eq!(
            text(job.latest_output().expect("it can be read")),
            "run 1\n"
        );
        job.restart(&RestartOptions::new())
            .expect("it starts again");
        waited(&job);
        assert_eq!(
            text(job.latest_output().expect("it can be read")),
            "run 2\n"
        );
        assert!(output(&job).ends_with("run 1\nrun 2\n"));
        let starts: Vec<u64> = status(&job)
            .runs
            .iter()
            .map(|run| run.output_start)
            .collect();
        assert_eq!(starts[1], starts[0] + 6);
    }
}

pub(crate) fn a_file_of_ones_own_is_appended_to() {
    let home = Home::new();
    let path = home.folder().join("own");
    fs::write(&path, "before\n").expect("our own folder");
    let mut options = JobOptions::new();
    // It is nobody's to cap.
    options.output_file(&path).output_limit(1);
    let job = home.start(&shell("echo out; echo err >&2; seq 1 50000"), &options);
    let ended = waited(&job);
    assert_eq!(ended.output, path);
    let all = fs::read_to_string(&path).expect("our own file");
    assert!(all.starts_with("before\nout\nerr\n1\n") && all.ends_with("\n50000\n"));
    assert_eq!(output(&job), all);
    assert_eq!(tail(&job, 1), "50000\n");
    assert!(!home.file(&job, "output").exists());
    keeper_gone(&job);
    job.remove().expect("it has ended");
    assert_eq!(fs::read_to_string(&path).expect("it is not the job's"), all);
}

pub(crate) fn a_pipe_keeps_what_a_job_would_cut() {
    let home = Home::new();
    let mut options = JobOptions::new();
    options.output_mode(OutputMode::Pipe);
    let script = "echo one; echo two >/dev/stdout; echo three >/dev/stderr; seq 1 100000";
    let job = home.start(&shell(script), &options);
    let ended = waited(&job);
    let seq: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(output(&job) == format!("one\ntwo\nthree\n{seq}"));
    assert!(ended.notes.is_empty(), "{:?}", ended.notes);
    // While it runs, too.
    let told = Told::start(&home, "", &options);
    assert_eq!(output(&told.job), "ready\n");
    assert_eq!(told.end(4).exit_code, Some(4));
}

pub(crate) fn bytes_are_not_changed() {
    let home = Home::new();
    let path = home.folder().join("bytes");
    let bytes: Vec<u8> = (0..200_000u32).map(|it| (it % 251) as u8).collect();
    // Zeros that the job printed are no hole.
    let bytes = [vec![0; 100_000], bytes, vec![0; 100_000]].concat();
    fs::write(&path, &bytes).expect("our own folder");
    let mut command = outlive::Command::new("cat");
    command.stdin(File::open(&path).expect("our own file"));
    let job = home.start(&command, &JobOptions::new());
    waited(&job);
    let mut read = Vec::new();
    job.output()
        .expect("it can be read")
        .read_to_end(&mut read)
        .expect("it can be read");
    assert!(read == bytes);
    let mut read = Vec::new();
    let follow = job.output().and_then(|output| job.follow(output));
    follow
        .expect("it can be followed")
        .read_to_end(&mut read)
        .expect("it can be read");
    assert!(read == bytes);
}
