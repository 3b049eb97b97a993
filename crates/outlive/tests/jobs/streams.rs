//! A job's standard streams.

use crate::home::{Home, Told, output, says, shell, waited};
use crate::support::{again, passes, pipe, rest, this_test, told};
use outlive::{Command, Job, JobOptions, Stdio};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;

fn cat() -> Command {
    Command::new("cat")
}

fn keeping_stdin() -> JobOptions {
    JobOptions::new().keep_stdin(true).clone()
}

pub(crate) fn its_input_is_nothing_unless_it_is_set() {
    let home = Home::new();
    let job = home.start(&cat(), &JobOptions::new());
    assert_eq!(waited(&job).exit_code, Some(0));
    assert_eq!(output(&job), "");
}

pub(crate) fn a_file_can_be_its_input() {
    let home = Home::new();
    let path = home.folder().join("input");
    fs::write(&path, "from a file\n").expect("our own folder");
    let job = home.start(&cat(), JobOptions::new().stdin_file(&path));
    waited(&job);
    assert_eq!(output(&job), "from a file\n");
}

pub(crate) fn a_descriptor_can_be_its_input() {
    let home = Home::new();
    let path = home.folder().join("input");
    fs::write(&path, "from a descriptor\n").expect("our own folder");
    let job = home.start(
        cat().stdin(File::open(&path).expect("our own file")),
        &JobOptions::new(),
    );
    waited(&job);
    assert_eq!(output(&job), "from a descriptor\n");
}

fn write(job: &Job, text: &str) {
    let mut stdin = job.stdin().expect("it is open");
    stdin
        .write_all(text.as_bytes())
        .and_then(|()| stdin.flush())
        .expect("it is read");
}

pub(crate) fn an_input_kept_open_is_written_to_by_anybody() {
    let home = Home::new();
    let piped = home.start(cat().stdin(Stdio::piped()), &JobOptions::new());
    for job in [home.start(&cat(), &keeping_stdin()), piped] {
        write(&job, "first\n");
        says(&job, "first");
        // Each who writes closes; it stays open all the same.
        write(&home.jobs.get(job.id()).expect("it runs"), "second\n");
        says(&job, "second");
        let mut held = job.stdin().expect("it is open");
        job.close_stdin().expect("it is open");
        let error = job.stdin().expect_err("it is closed");
        assert!(error.is_unsupported() && told(&error).contains("has been closed"));
        assert!(
            job.close_stdin()
                .expect_err("it is closed")
                .is_unsupported()
        );
        // It reads to the end once the last who writes has closed.
        held.write_all(b"third\n").expect("it is read");
        says(&job, "third");
        drop(held);
        assert_eq!(waited(&job).exit_code, Some(0));
        assert_eq!(output(&job), "first\nsecond\nthird\n");
    }
}

pub(crate) fn an_input_that_is_not_there_is_told() {
    let home = Home::new();
    let running = Told::start(&home, "", &JobOptions::new());
    for error in [running.job.stdin().err(), running.job.close_stdin().err()] {
        let error = error.expect("it was not kept open");
        assert!(error.is_unsupported(), "{}", told(&error));
        assert!(error.hint().expect("a hint").contains("run -i"));
    }
    let job = home.start(&shell("exit 0"), &keeping_stdin());
    waited(&job);
    for error in [job.stdin().err(), job.close_stdin().err()] {
        let error = error.expect("it has ended");
        assert!(error.is_not_running(), "{}", told(&error));
        assert!(told(&error).contains("it has ended"));
    }
    running.end(0);
}

pub(crate) fn its_outputs_may_go_elsewhere() {
    let home = Home::new();
    let script = "echo out; echo err >&2";
    let (said, stderr) = pipe();
    let mut command = shell(script);
    command.stderr(OwnedFd::from(stderr));
    let job = home.start(&command, &JobOptions::new());
    drop(command);
    waited(&job);
    assert_eq!(
        (output(&job), rest(said)),
        ("out\n".to_owned(), "err\n".to_owned())
    );

    let job = home.start(shell(script).stdout(Stdio::null()), &JobOptions::new());
    waited(&job);
    assert_eq!(output(&job), "err\n");

    let path = home.folder().join("own");
    let both = File::create(&path).expect("our own folder");
    let copy = both.try_clone().expect("a descriptor can be copied");
    let job = home.start(shell(script).stdout(both).stderr(copy), &JobOptions::new());
    waited(&job);
    assert_eq!(output(&job), "");
    assert_eq!(
        fs::read_to_string(path).expect("our own file"),
        "out\nerr\n"
    );

    let job = home.start(&shell(script), &JobOptions::new());
    waited(&job);
    assert_eq!(output(&job), "out\nerr\n");
}

pub(crate) fn it_may_print_where_we_print() {
    const PRINT: &str = "OUTLIVE_TEST_PRINT";
    if std::env::var_os(PRINT).is_some() {
        let home = Home::new();
        let mut command = shell("echo; echo to out; echo to err >&2");
        command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let job = home.start(&command, &JobOptions::new());
        waited(&job);
        assert_eq!(output(&job), "");
        return;
    }
    let name = this_test!();
    let said = passes(name, again(name).env(PRINT, "1"));
    assert!(String::from_utf8_lossy(&said.stdout).contains("\nto out\n"));
    assert!(String::from_utf8_lossy(&said.stderr).contains("to err\n"));
}
