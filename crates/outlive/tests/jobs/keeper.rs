//! Which executable is a job's keeper.

use crate::NO_INIT;
use crate::home::{Home, Told, status, waited};
use crate::support::{again, passes, this_test, told, wrapped};
use outlive::{Command, JobOptions, Jobs, RestartOptions, State};
use outlive_os::process::Process;
use std::env;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

fn own() -> PathBuf {
    env::current_exe().expect("a program knows its path")
}

pub(crate) fn the_executable_may_be_named() {
    let home = Home::new();
    let keeper = home.folder().join("a keeper");
    symlink(own(), &keeper).expect("our own folder");
    let told = Told::start(&home, "", JobOptions::new().keeper(&keeper));
    let pid = status(&told.job).keeper.pid.expect("it is kept");
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).expect("it lives");
    assert_eq!(
        words,
        format!("outlive-keeper\0{}\0", told.job.id()).into_bytes()
    );
    told.end(0);
}

pub(crate) fn it_may_be_named_in_the_environment() {
    let name = this_test!();
    if env::var_os(NO_INIT).is_none() {
        passes(
            name,
            again(name)
                .env(NO_INIT, "1")
                .env("OUTLIVE_BIN", own())
                .env("PATH", "/bin"),
        );
        return;
    }
    let home = Home::new();
    assert_eq!(waited(&home.shell("exit 3")).exit_code, Some(3));
    // What is named explicitly goes first.
    let mut options = JobOptions::new();
    let refused = home
        .jobs
        .start(&Command::new("true"), options.keeper("/no/such/keeper"));
    let refused = refused
        .map(|job| job.id().to_owned())
        .expect_err("it is not there");
    assert!(told(&refused).starts_with("failed to run the keeper `/no/such/keeper`: "));
}

pub(crate) fn it_is_looked_for_in_path_by_programs_that_never_called_init() {
    let name = this_test!();
    if env::var_os(NO_INIT).is_none() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut command = again(name);
        command.env(NO_INIT, "1").env_remove("OUTLIVE_BIN");
        passes(name, command.env("PATH", "/bin:/usr/bin"));
        symlink(own(), folder.path().join("outlive")).expect("our own folder");
        passes(
            name,
            command.env("PATH", format!("/bin:/usr/bin:{}", folder.path().display())),
        );
        return;
    }
    let home = Home::new();
    let path = env::var("PATH").expect("it was set");
    match home.jobs.start(&Command::new("true"), &JobOptions::new()) {
        Ok(job) => {
            assert!(path.matches(':').count() == 2, "{path}");
            assert_eq!(waited(&job).exit_code, Some(0));
        }
        Err(error) => {
            assert!(path.matches(':').count() == 1, "{path}: {}", told(&error));
            assert!(error.is_unsupported() && error.to_string().contains("`outlive` executable"));
            let hint = error.hint().expect("a hint");
            assert!(hint.contains("PATH") && hint.contains("init()"), "{hint}");
            assert!(!home.jobs.home().exists());
        }
    }
}

pub(crate) fn one_that_is_no_keeper_is_refused() {
    let home = Home::new();
    let refused = |keeper: &str| {
        let started = home
            .jobs
            .start(&Command::new("true"), JobOptions::new().keeper(keeper));
        started
            .map(|job| job.id().to_owned())
            .expect_err("it is no keeper")
    };
    let error = refused("/bin/true");
    assert!(
        told(&error).starts_with("failed to start the keeper for `true`"),
        "{}",
        told(&error)
    );
    let hint = error.hint().expect("a hint");
    assert!(
        hint.contains("/bin/true") && hint.contains("outlive::init()"),
        "{hint}"
    );
    let error = refused("/dev/null");
    assert!(
        told(&error).starts_with("failed to run the keeper `/dev/null`: "),
        "{}",
        told(&error)
    );
    assert!(home.jobs.list().expect("it can be listed").is_empty());

    let job = home.ended("", 0);
    let options = RestartOptions::new().keeper("/bin/true").clone();
    job.restart(&options).expect_err("it is no keeper");
    assert_eq!(
        (status(&job).state, status(&job).runs.len()),
        (State::Exited, 1)
    );
}

/// A process that stands still, until this goes.
struct Still(Process);

impl Still {
    fn make(process: Process) -> Still {
        process.signal(19).expect("it is ours");
        Still(process)
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let _ = self.0.signal(18);
    }
}

/// A frozen container, a debugger: the keeper neither answers nor goes.
pub(crate) fn one_that_stands_still_holds_up_no_wait() {
    let name = this_test!();
    if !crate::support::is_alone(name) {
        passes(name, &mut wrapped(&[], name));
        return;
    }
    let home = Home::new();
    let mut told = Told::start(&home, "", &JobOptions::new());
    let keeper = status(&told.job).keeper.pid.expect("it is kept");
    let still = Still::make(Process::open(keeper).expect("it lives"));
    for timeout in [Duration::ZERO, Duration::from_millis(50)] {
        let jobs: Jobs = home.jobs.clone();
        let job = told.job.clone();
        assert!(
            job.wait(Some(timeout))
                .expect("it can be waited for")
                .is_none()
        );
        assert!(
            !jobs
                .wait_all(&[job], Some(timeout))
                .expect("it can be waited for")
        );
    }
    assert_eq!(status(&told.job).state, State::Running);
    told.tell(7);
    drop(still);
    assert_eq!(waited(&told.job).exit_code, Some(7));
}
