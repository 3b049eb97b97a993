//! Ending jobs.

use crate::home::{
    Home, Told, keeper_gone, lives, main_process, named, output, says, shell, status, waited,
};
use crate::support::{pipe, rest, told};
use outlive::{Job, JobOptions, Leftover, State, Stopped, Until};
use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

const LONG: Option<Duration> = Some(Duration::from_secs(90));
const NOW: Option<Duration> = Some(Duration::ZERO);

/// A job whose processes all hold a pipe as their descriptor 9, and the pipe: it is at its end when
/// none of them is left. The script says `ready` when they are there.
fn family(home: &Home, script: &str, options: &JobOptions) -> (Job, PipeReader) {
    let (lifeline, held) = pipe();
    let mut command = shell(script);
    command.keep_descriptor(OwnedFd::from(held), 9);
    let job = home.start(&command, options);
    says(&job, "ready");
    (job, lifeline)
}

/// Waits for ever, whatever happens to the shell around it: `$1` is what comes before.
fn standing(before: &str) -> String {
    format!("{before} sh -c 'echo up >&8; exec cat <&7 >/dev/null' &")
}

/// A family of a main process and one for each prefix; 7 is a pipe that never ends, by 8 each says
/// that it is up.
fn family_of(home: &Home, prefixes: &[&str], last: &str, options: &JobOptions) -> (Job, PipeReader) {
    let fifo = home.folder().join("up");
    let never = home.folder().join("never");
    let children: Vec<String> = prefixes.iter().map(|prefix| standing(prefix)).collect();
    let script = format!(
        "mkfifo '{up}' '{never}'; exec 7<>'{never}' 8<>'{up}'\n{}\n{}echo ready; {last}",
        children.join("\n"),
        "read line <&8; ".repeat(prefixes.len()),
        up = fifo.display(),
        never = never.display(),
    );
    family(home, &script, options)
}

pub(crate) fn asked_politely_it_may_clean_up() {
    let home = Home::new();
    let script = "trap 'echo cleaning up; exit 5' TERM; echo ready; read line <&7";
    let (job, lifeline) = family_of(&home, &[], script, &JobOptions::new());
    assert_eq!(job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    assert_eq!(rest(lifeline), "");
    let ended = status(&job);
    assert_eq!((ended.state, ended.exit_code, ended.stopped), (State::Exited, Some(5), true));
    assert!(!ended.keeper.alive);
    assert!(output(&job).ends_with("cleaning up\n"));
}

pub(crate) fn what_does_not_listen_is_killed() {
    let home = Home::new();
    let script = "trap '' TERM; echo ready; while :; do read line <&7; done";
    let (job, lifeline) = family_of(&home, &["trap '' TERM;"], script, &JobOptions::new());
    let grace = Some(Duration::from_millis(50));
    assert_eq!(job.stop(grace).expect("it can be stopped"), Stopped::Whole);
    assert_eq!(rest(lifeline), "");
    let ended = status(&job);
    assert_eq!((ended.state, ended.signal, ended.stopped), (State::Signaled, Some(9), true));
}

/// In a session of its own; forked twice, so that it is an orphan; and both.
pub(crate) fn all_of_it_is_stopped() {
    let home = Home::new();
    let prefixes = ["", "setsid", "(", "( setsid"];
    let script = |prefix: &str| match prefix.strip_prefix('(') {
        None => standing(prefix),
        Some(before) => format!("( {} )", standing(before)),
    };
    let up = home.folder().join("up");
    let never = home.folder().join("never");
    let children: Vec<String> = prefixes.iter().map(|prefix| script(prefix)).collect();
    let script = format!(
        "mkfifo '{up}' '{never}'; exec 7<>'{never}' 8<>'{up}'\n{}\n{}echo ready; wait; read line <&7",
        children.join("\n"),
        "read line <&8; ".repeat(prefixes.len()),
        up = up.display(),
        never = never.display(),
    );
    let (job, lifeline) = family(&home, &script, &JobOptions::new());
    assert_eq!(job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    assert_eq!(rest(lifeline), "");
    assert_eq!(status(&job).signal, Some(15));
}

pub(crate) fn several_may_stop_it_at_once() {
    let home = Home::new();
    let (job, lifeline) = family_of(&home, &["", "setsid"], "read line <&7", &JobOptions::new());
    thread::scope(|scope| {
        let stopping: Vec<_> = (0..8).map(|_| scope.spawn(|| job.stop(LONG))).collect();
        for it in stopping {
            let stopped = it.join().expect("no panic").expect("it can be stopped");
            assert!(matches!(stopped, Stopped::Whole | Stopped::AlreadyEnded), "{stopped:?}");
        }
    });
    assert_eq!(rest(lifeline), "");
}

pub(crate) fn a_stopped_job_may_be_stopped_again() {
    let home = Home::new();
    let told = Told::start(&home, "", &JobOptions::new());
    assert_eq!(told.job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    assert_eq!(told.job.stop(LONG).expect("it is stopped"), Stopped::AlreadyEnded);
    let ended = home.ended("", 3);
    assert_eq!(ended.stop(None).expect("it has ended"), Stopped::AlreadyEnded);
    let status = status(&ended);
    assert_eq!((status.exit_code, status.stopped), (Some(3), false));
}

pub(crate) fn a_signal_reaches_main_or_all() {
    let home = Home::new();
    let heard = |who: &str| format!("trap 'echo {who} heard' USR1;");
    // A shell acts on a signal when `read` comes back, as it does then.
    let child = format!(
        "sh -c \"{} echo up >&8; while :; do read line <&7; done\" & ",
        heard("child")
    );
    let up = home.folder().join("up");
    let never = home.folder().join("never");
    let script = format!(
        "mkfifo '{up}' '{never}'; exec 7<>'{never}' 8<>'{up}'; {child} {} read line <&8; \
         echo ready; while :; do read line <&7; done",
        heard("main"),
        up = up.display(),
        never = never.display(),
    );
    let (job, lifeline) = family(&home, &script, &JobOptions::new());
    job.kill(10, false).expect("it runs");
    says(&job, "main heard");
    assert!(!output(&job).contains("child heard"));
    job.kill(10, true).expect("it runs");
    says(&job, "child heard");
    assert!(job.kill(1000, false).is_err());
    assert_eq!(status(&job).state, State::Running);
    job.kill(9, true).expect("it runs");
    let ended = waited(&job);
    // To be killed is not to be stopped.
    assert_eq!((ended.state, ended.signal, ended.stopped), (State::Signaled, Some(9), false));
    assert_eq!(rest(lifeline), "");
    keeper_gone(&job);
    for tree in [false, true] {
        let error = job.kill(15, tree).expect_err("it has ended");
        assert!(error.is_not_running() && told(&error).contains("SIGTERM"), "{}", told(&error));
    }
}

pub(crate) fn its_end_may_be_that_of_its_tree() {
    let home = Home::new();
    let (held, tell) = pipe();
    let mut command = shell("setsid cat <&5 & echo ready; exit 3");
    command.keep_descriptor(OwnedFd::from(held), 5);
    let job = home.start(&command, JobOptions::new().until(Until::Tree));
    drop(command);
    let main = main_process_or_gone(&job);
    says(&job, "ready");
    if let Some(main) = main {
        assert!(main.wait_end(None).expect("it can be waited for"));
    }
    assert!(job.wait(Some(Duration::from_millis(30))).expect("it can be waited for").is_none());
    assert_eq!(status(&job).state, State::Running);
    assert!(status(&job).ended_at.is_none());
    drop(tell);
    let ended = waited(&job);
    // Its code is still its main process's.
    assert_eq!((ended.state, ended.exit_code), (State::Exited, Some(3)));
}

fn main_process_or_gone(job: &Job) -> Option<outlive_os::pidfd::Process> {
    status(job).pid.and_then(|pid| outlive_os::pidfd::Process::open(pid).ok())
}

pub(crate) fn a_tree_that_is_waited_for_can_be_stopped() {
    let home = Home::new();
    let mut options = JobOptions::new();
    options.until(Until::Tree);
    let (job, lifeline) = family_of(&home, &["setsid"], "exit 3", &options);
    assert_eq!(job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    assert_eq!(rest(lifeline), "");
    let ended = status(&job);
    assert_eq!((ended.state, ended.exit_code), (State::Exited, Some(3)));
}

pub(crate) fn what_is_left_behind_may_go_on() {
    let home = Home::new();
    let mut options = named("leaving");
    options.leftover(Leftover::Leave);
    let (job, lifeline) = family_of(&home, &["setsid", ""], "exit 3", &options);
    let ended = waited(&job);
    assert_eq!((ended.state, ended.exit_code), (State::Exited, Some(3)));
    keeper_gone(&job);
    // They hold the lifeline: something is left of it, and can be found.
    assert_eq!(job.stop(LONG).expect("it can be stopped"), Stopped::Found(2));
    assert_eq!(rest(lifeline), "");
    assert_eq!(job.stop(LONG).expect("it is stopped"), Stopped::AlreadyEnded);
    assert_eq!(status(&job).exit_code, Some(3));
}

pub(crate) fn what_is_left_behind_is_stopped() {
    let home = Home::new();
    let (job, lifeline) = family_of(&home, &["setsid", ""], "exit 3", &JobOptions::new());
    assert_eq!(waited(&job).exit_code, Some(3));
    // At once, since it is asked to and does not object.
    assert_eq!(rest(lifeline), "");
    keeper_gone(&job);
    let ended = status(&job);
    assert_eq!((ended.state, ended.stopped, ended.keeper.alive), (State::Exited, false, false));

    // What objects has ten seconds, unless somebody is in more of a hurry.
    let home = Home::new();
    let (job, lifeline) = family_of(&home, &["trap '' TERM;"], "exit 3", &JobOptions::new());
    let ended = waited(&job);
    assert_eq!((ended.state, ended.keeper.alive), (State::Exited, true));
    let error = job.kill(10, false).expect_err("its main process has ended");
    assert!(error.is_not_running(), "{}", told(&error));
    assert_eq!(job.stop(NOW).expect("it can be stopped"), Stopped::Whole);
    assert_eq!(rest(lifeline), "");
    let ended = status(&job);
    assert_eq!((ended.exit_code, ended.stopped, ended.keeper.alive), (Some(3), false, false));
}

pub(crate) fn a_job_that_stands_still_is_stopped_too() {
    let home = Home::new();
    let told = Told::start(&home, "trap 'exit 5' TERM", &JobOptions::new());
    let main = main_process(&told.job);
    told.job.kill(19, true).expect("it runs");
    assert!(lives(&main));
    assert_eq!(told.job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    assert_eq!(status(&told.job).exit_code, Some(5));
}
