//! Jobs that are started again.

use crate::home::{
    Home, Told, keeper_gone, kill_keeper, named, output, says, shell, status, waited,
};
use crate::support::{again, alone, pipe, this_test, told};
use outlive::{Command, Job, JobOptions, Jobs, RestartOptions, State};
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[track_caller]
fn restart(job: &Job) {
    let restarted = job.restart(&RestartOptions::new());
    restarted.unwrap_or_else(|error| panic!("{}", told(&error)));
}

/// A job that keeps its standard input open and ends with the code that it reads there.
fn reading(home: &Home, options: &mut JobOptions) -> Job {
    home.start(
        &shell("echo up; read code; exit $code"),
        options.keep_stdin(true),
    )
}

fn tell(job: &Job, code: i32) {
    writeln!(job.stdin().expect("it is open"), "{code}").expect("it reads");
}

pub(crate) fn a_restart_is_another_run_of_the_same_job() {
    let home = Home::new();
    let job = reading(&home, &mut named("job"));
    tell(&job, 3);
    let first = waited(&job);
    restart(&job);
    let running = status(&job);
    assert_eq!((running.state, running.exit_code), (State::Running, None));
    assert_eq!((running.ended_at, running.runs.len()), (None, 2));
    assert!(running.keeper.alive && running.pid != first.pid && running.pid.is_some());
    assert!(running.started_at >= first.ended_at);
    tell(&job, 5);
    let second = waited(&job);
    assert_eq!((second.exit_code, second.runs.len()), (Some(5), 2));
    assert_eq!(second.runs[0], first.runs[0]);
    assert_eq!(
        (second.runs[1].exit_code, second.runs[1].pid),
        (Some(5), running.pid)
    );
    assert_eq!((second.id, second.name), (first.id, first.name));
    assert_eq!(output(&job), "up\nup\n");
}

pub(crate) fn a_job_that_runs_is_stopped_first() {
    let home = Home::new();
    let job = reading(&home, &mut JobOptions::new());
    says(&job, "up");
    restart(&job);
    let running = status(&job);
    assert_eq!(
        (running.state, running.runs.len(), running.stopped),
        (State::Running, 2, false)
    );
    assert_eq!(
        (running.runs[0].signal, running.runs[1].signal),
        (Some(15), None)
    );
    tell(&job, 0);
    assert_eq!(waited(&job).exit_code, Some(0));
}

pub(crate) fn it_has_the_environment_of_who_restarts_and_its_own() {
    const PART: &str = "OUTLIVE_TEST_PART";
    let name = this_test!();
    if let Some(part) = std::env::var_os(PART) {
        let home = std::env::var_os("OUTLIVE_TEST_HOME").expect("the other part sets it");
        return as_another_process(part.to_str().expect("text"), Path::new(&home));
    }
    let home = Home::new();
    let part = |part: &str, ours: &str, secret: Option<&str>| {
        let mut command = again(name);
        command
            .env(PART, part)
            .env("OUTLIVE_TEST_HOME", home.jobs.home());
        command
            .env("OURS", ours)
            .env("CHANGED", ours)
            .env("REMOVED", ours);
        if let Some(secret) = secret {
            command.env("SECRET", secret);
        }
        crate::support::passes(name, &mut command);
    };
    part("start", "first", Some("1"));
    part("restart", "second", Some("2"));
    // Whoever does not have the secret can't start it again, and nothing has changed.
    part("fail", "third", None);
    let job = home.jobs.get("job").expect("it is there");
    assert_eq!(output(&job), "first own gone 1\nsecond own gone 2\n");
    assert_eq!(status(&job).runs.len(), 2);
}

fn as_another_process(part: &str, home: &Path) {
    let jobs = Jobs::at(home).expect("this place can be told");
    if part == "start" {
        let mut command = shell("echo $OURS $CHANGED ${REMOVED-gone} $SECRET");
        command.env("CHANGED", "own").env_remove("REMOVED");
        let job = jobs
            .start(&command, named("job").secret_env("SECRET"))
            .expect("it starts");
        waited(&job);
        return;
    }
    let job = jobs.get("job").expect("it is there");
    match (part, job.restart(&RestartOptions::new())) {
        ("restart", restarted) => {
            restarted.expect("it starts again");
            waited(&job);
        }
        (_, restarted) => {
            let error = restarted.expect_err("the secret is not set");
            assert!(
                error.is_invalid() && error.hint().is_some(),
                "{}",
                told(&error)
            );
            assert_eq!(
                (status(&job).state, status(&job).exit_code),
                (State::Exited, Some(0))
            );
        }
    }
}

pub(crate) fn it_is_started_as_it_was() {
    let home = Home::new();
    let (input, own) = (home.folder().join("input"), home.folder().join("own"));
    fs::write(&input, "input\n").expect("our own folder");
    let mut command = shell("umask; /bin/pwd; cat; echo A=$A $OUTLIVE_JOB");
    command
        .current_dir("/")
        .umask(0o031)
        .env_clear()
        .env("A", "1");
    let mut options = JobOptions::new();
    options.stdin_file(&input).output_file(&own);
    let job = home.start(&command, &options);
    waited(&job);
    let once = fs::read_to_string(&own).expect("our own file");
    assert_eq!(once, format!("0031\n/\ninput\nA=1 {}\n", job.id()));
    restart(&job);
    waited(&job);
    assert_eq!(
        fs::read_to_string(&own).expect("our own file"),
        once.repeat(2)
    );
}

pub(crate) fn what_can_not_be_had_again_is_refused() {
    let home = Home::new();
    let (stdin, tell) = pipe();
    let mut command = Command::new("cat");
    let job = home.start(command.stdin(OwnedFd::from(stdin)), &JobOptions::new());
    drop((command, tell));
    waited(&job);
    keeper_gone(&job);
    let error = job
        .restart(&RestartOptions::new())
        .expect_err("its input is gone");
    assert!(
        error.is_unsupported() && error.hint().is_some(),
        "{}",
        told(&error)
    );
    assert_eq!(status(&job).runs.len(), 1);
}

pub(crate) fn a_restart_that_fails_changes_nothing() {
    alone!();
    let home = Home::new();
    let path = home.folder().join("script");
    let write = |text: &str| {
        fs::write(&path, text).expect("our own folder");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("our own file");
    };
    write("#!/bin/sh\nexit 3\n");
    let job = home.start(&Command::new(&path), &named("job"));
    waited(&job);
    keeper_gone(&job);
    let before = format!("{:?}", status(&job));
    fs::remove_file(&path).expect("our own file");
    let error = job
        .restart(&RestartOptions::new())
        .expect_err("its program is gone");
    assert!(error.is_not_found(), "{}", told(&error));
    let missing = RestartOptions::new().keeper("/no/such/keeper").clone();
    assert!(told(&job.restart(&missing).expect_err("no keeper")).contains("/no/such/keeper"));
    keeper_gone(&job);
    assert_eq!(format!("{:?}", status(&job)), before);
    assert_eq!(home.jobs.get("job").expect("it is there").id(), job.id());
    // It can still be, once its program is there again.
    write("#!/bin/sh\nexit 4\n");
    restart(&job);
    assert_eq!(waited(&job).exit_code, Some(4));
}

pub(crate) fn a_name_comes_back_with_a_restart() {
    let home = Home::new();
    let [first, second] = [1, 2].map(|code| home.ended("job", code));
    assert_eq!(home.jobs.get("job").expect("it is there").id(), second.id());
    restart(&first);
    waited(&first);
    keeper_gone(&first);
    assert_eq!(home.jobs.get("job").expect("it is there").id(), first.id());
    // One that runs keeps it.
    let third = Told::start(&home, "", &named("job"));
    let error = first
        .restart(&RestartOptions::new())
        .expect_err("the name is in use");
    assert!(error.is_name_in_use(), "{}", told(&error));
    assert_eq!(status(&first).exit_code, Some(1));
    assert_eq!(home.jobs.get("job").expect("it runs").id(), third.job.id());
    third.end(0);
}

pub(crate) fn only_the_last_runs_are_kept() {
    let home = Home::new();
    let script = format!(
        "echo >>'{0}'; exit $(wc -l <'{0}')",
        home.folder().join("count").display()
    );
    let job = home.start(&shell(&script), &JobOptions::new());
    for _ in 1..13 {
        waited(&job);
        restart(&job);
    }
    let codes: Vec<_> = waited(&job).runs.iter().map(|run| run.exit_code).collect();
    assert_eq!(codes, (4..=13).map(Some).collect::<Vec<_>>());
}

pub(crate) fn a_lost_job_can_be_restarted() {
    let home = Home::new();
    let job = reading(&home, &mut JobOptions::new());
    says(&job, "up");
    kill_keeper(&job);
    // It runs without its keeper, and so is stopped first; or it has ended meanwhile.
    restart(&job);
    let running = status(&job);
    assert_eq!((running.state, running.runs.len()), (State::Running, 2));
    assert_eq!(
        (running.runs[0].exit_code, running.runs[0].ended_at),
        (None, None)
    );
    assert!(
        running.keeper.alive && running.notes.is_empty(),
        "{:?}",
        running.notes
    );
    tell(&job, 6);
    assert_eq!(waited(&job).exit_code, Some(6));
}
