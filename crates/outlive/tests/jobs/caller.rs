//! Whoever starts jobs: nothing changes for them, and they may be in any state.

use crate::home::{Home, Told, lives, main_process, named, output, shell, status, waited};
use crate::support::{again, alone, open_descriptors, own_status, passes, this_test, wrapped};
use outlive::{JobOptions, Jobs, RestartOptions, State};
use outlive_os::process::{Waited, reap_any};
use outlive_os::role;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

/// All of a process that a library could change.
fn snapshot() -> (Vec<String>, PathBuf, usize, usize, Vec<(String, String)>) {
    let fields = [
        "Umask:",
        "SigBlk:",
        "SigIgn:",
        "SigCgt:",
        "Seccomp:",
        "NoNewPrivs:",
    ];
    let threads = fs::read_dir("/proc/self/task")
        .expect("/proc is mounted")
        .count();
    (
        fields.map(own_status).to_vec(),
        env::current_dir().expect("there is one"),
        open_descriptors(),
        threads,
        env::vars().collect(),
    )
}

fn live_through_a_job(home: &Home) {
    let before = home.jobs.list().expect("it can be listed").len();
    let mut command = shell("echo up; read code; exit $code");
    command.umask(0o077).current_dir("/");
    let job = home.start(&command, named("job").keep_stdin(true));
    assert_eq!(home.jobs.get("jo").expect("it runs").id(), job.id());
    assert_eq!(
        home.jobs.list().expect("it can be listed").len(),
        before + 1
    );
    let mut follow = job
        .output()
        .and_then(|output| job.follow(output))
        .expect("it can be followed");
    follow.read_exact(&mut [0; 3]).expect("it prints");
    assert!(
        job.wait(Some(Duration::from_millis(1)))
            .expect("it can be waited for")
            .is_none()
    );
    writeln!(job.stdin().expect("it is open"), "3").expect("it reads");
    assert_eq!(waited(&job).exit_code, Some(3));
    follow
        .read_to_end(&mut Vec::new())
        .expect("it is at its end");
    job.restart(&RestartOptions::new())
        .expect("it starts again");
    job.kill(0, true).expect("it runs");
    job.stop(None).expect("it can be stopped");
    job.remove().expect("it has ended");
    home.jobs
        .start(&shell("exit 0"), &named("not a name"))
        .expect_err("it is none");
    home.jobs
        .start(&outlive::Command::new("no-such-program"), &named("x"))
        .expect_err("not there");
    home.jobs.prune(None).expect("it can be");
}

pub(crate) fn nothing_of_the_caller_changes() {
    alone!();
    let home = Home::new();
    let before = snapshot();
    for _ in 0..3 {
        live_through_a_job(&home);
        assert_eq!(snapshot(), before);
    }
    assert_eq!(reap_any().expect("it can be asked"), Waited::NoChildren);
}

pub(crate) fn letting_go_of_a_job_does_nothing_to_it() {
    let home = Home::new();
    let (job, tell) = Told::start(&home, "", &JobOptions::new()).apart();
    let main = main_process(&job);
    let id = job.id().to_owned();
    drop(job.clone());
    drop(job);
    drop(home.jobs.clone());
    assert!(lives(&main));
    let again = Jobs::at(home.jobs.home())
        .and_then(|jobs| jobs.get(&id))
        .expect("it is there");
    assert_eq!(status(&again).state, State::Running);
    drop(tell);
    assert_eq!(waited(&again).exit_code, Some(1));
}

/// Through a shell that changes what it starts us with.
fn under(name: &str, change: &str) -> bool {
    if crate::support::is_alone(name) {
        return true;
    }
    let script = format!("{change}; exec \"$@\"");
    passes(name, &mut wrapped(&["sh", "-c", &script, "sh"], name));
    false
}

pub(crate) fn room_for_16_descriptors_is_enough() {
    if under(this_test!(), "ulimit -S -n 16") {
        let home = Home::new();
        let job = home.shell("ulimit -S -n; ulimit -H -n");
        waited(&job);
        let ours = fs::read_to_string("/proc/self/limits").expect("/proc is mounted");
        let ours = ours
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .expect("a limit");
        let hard = ours.split_whitespace().nth(4).expect("a hard limit");
        assert_eq!(output(&job), format!("16\n{hard}\n"));
        live_through_a_job(&home);
        // With all that a keeper may hold.
        let mut options = named("pipe");
        options
            .keep_stdin(true)
            .output_mode(outlive::OutputMode::Pipe);
        let job = home.start(&shell("echo up; read code; exit $code"), &options);
        crate::home::says(&job, "up");
        writeln!(job.stdin().expect("it is open"), "3").expect("it reads");
        assert_eq!(waited(&job).exit_code, Some(3));
    }
}

pub(crate) fn ignored_signals_and_a_closed_umask_are_no_matter() {
    if under(
        this_test!(),
        "trap '' HUP INT QUIT PIPE CHLD TERM USR1; umask 0777",
    ) {
        assert_ne!(own_status("SigIgn:"), "SigIgn:\t0000000000000000");
        let home = Home::new();
        let job = home.shell("umask; exec grep -E 'SigIgn|SigBlk' /proc/self/status");
        waited(&job);
        let none = "0000000000000000";
        assert_eq!(
            output(&job),
            format!("0777\nSigBlk:\t{none}\nSigIgn:\t{none}\n")
        );
        live_through_a_job(&home);
    }
}

pub(crate) fn a_deleted_folder_is_no_matter() {
    alone!();
    let home = Home::new();
    let folder = home.folder().join("deleted");
    fs::create_dir(&folder)
        .and_then(|()| env::set_current_dir(&folder))
        .expect("our own folder");
    fs::remove_dir(&folder).expect("our own folder");
    let job = home.shell("exit 3");
    assert_eq!(waited(&job).exit_code, Some(3));
    assert!(
        status(&job).cwd.ends_with("deleted (deleted)"),
        "{:?}",
        status(&job).cwd
    );
    let error = job
        .restart(&RestartOptions::new())
        .expect_err("its folder is gone");
    assert!(
        error.to_string().starts_with("failed to change folder to"),
        "{error}"
    );
    env::set_current_dir("/").expect("there is always a root");
}

/// The path of a socket has at most 107 bytes.
pub(crate) fn a_home_may_be_deep() {
    let home = Home::new();
    let deep = home
        .folder()
        .join("x".repeat(100))
        .join("y".repeat(100))
        .join("z z".repeat(50));
    let jobs = Jobs::at(&deep).expect("this place can be told");
    let command = shell("read code; exit 3");
    let job = jobs
        .start(&command, JobOptions::new().keep_stdin(true))
        .expect("it starts");
    assert_eq!(jobs.get(job.id()).expect("it runs").id(), job.id());
    job.close_stdin().expect("it is open");
    assert_eq!(waited(&job).exit_code, Some(3));
    job.remove().expect("it has ended");
}

pub(crate) fn a_job_outlives_its_starter_and_says_so_to_others() {
    const PART: &str = "OUTLIVE_TEST_PART";
    let name = this_test!();
    if let Some(home) = env::var_os(PART) {
        let jobs = Jobs::at(home).expect("this place can be told");
        let command = shell("echo up; read code; echo still here; exit $code");
        jobs.start(&command, named("job").keep_stdin(true))
            .expect("it starts");
        // Gone at once, and its output is at its end though the job runs on.
        return;
    }
    let home = Home::new();
    passes(name, again(name).env(PART, home.jobs.home()));
    let job = home.jobs.get("job").expect("it runs");
    assert_eq!(status(&job).state, State::Running);
    writeln!(job.stdin().expect("it is open"), "9").expect("it reads");
    assert_eq!(waited(&job).exit_code, Some(9));
    assert_eq!(output(&job), "up\nstill here\n");
}

pub(crate) fn a_subreaper_has_no_zombie_of_keepers() {
    alone!();
    role::become_keeper("subreaper").expect("anybody may be a subreaper");
    let home = Home::new();
    let told = Told::start(&home, "", &JobOptions::new());
    let keeper = status(&told.job).keeper.pid.expect("it is kept");
    let keeper_line = outlive_os::proc::line(keeper)
        .expect("/proc is mounted")
        .expect("it lives");
    assert_eq!(keeper_line.parent, std::process::id().cast_signed());
    let keeper = rustix::process::Pid::from_raw(keeper).expect("a pid");
    let keeper = rustix::process::pidfd_open(keeper, rustix::process::PidfdFlags::empty());
    told.end(0);
    if crate::support::reaped(
        "a keeper started by a subreaper",
        &keeper.expect("it lived"),
    ) {
        assert_eq!(reap_any().expect("it can be asked"), Waited::NoChildren);
    }
}
