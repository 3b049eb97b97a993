//! Ending jobs.

use crate::home::{
    Home, Told, keeper_gone, main_process, named, output, says, says_times, shell, status, waited,
};
use crate::support::{pipe, rest, told};
use outlive::{Job, JobOptions, Leftover, State, Stopped, Until};
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

const LONG: Option<Duration> = Some(Duration::from_secs(90));

/// A job of several processes.
struct Family {
    job: Job,
    /// At its end when no process of the family is left.
    lifeline: PipeReader,
    /// By which its main process is told its exit code.
    orders: PipeWriter,
    /// Nothing is ever written here: those who read wait until the test has gone.
    _silence: PipeWriter,
}

/// Waits in silence. With it, a shell in which signals are trapped.
const STAND: &str = "exec cat <&7 >/dev/null";
const LISTEN: &str = "cat <&7 >/dev/null & it=$!; while wait $it; [ $? -gt 128 ]; do :; done";
/// What a main process does that ends when it is told.
const OBEY: &str = "echo up; read code <&6; exit $code";

/// A child in a session of its own, and one that is just there.
const APART: &str = "setsid sh -c 'echo up; exec cat <&7 >/dev/null' &";
const PLAIN: &str = "sh -c 'echo up; exec cat <&7 >/dev/null' &";

impl Family {
    /// Each of them says `up`, and all of them have when this returns.
    #[track_caller]
    fn start(home: &Home, children: &[&str], main: &str, options: &JobOptions) -> Family {
        let (lifeline, held) = pipe();
        let (told, orders) = pipe();
        let (silent, silence) = pipe();
        let mut command = shell(&format!("{}\n{main}", children.join("\n")));
        for (descriptor, number) in [(told.into(), 6), (silent.into(), 7), (held.into(), 9)] {
            let descriptor: OwnedFd = descriptor;
            command.keep_descriptor(descriptor, number);
        }
        let job = home.start(&command, options);
        says_times(&job, "up", children.len() + 1);
        Family {
            job,
            lifeline,
            orders,
            _silence: silence,
        }
    }

    /// Waits until none of them is left.
    #[track_caller]
    fn gone(self) {
        assert_eq!(rest(self.lifeline), "");
    }
}

pub(crate) fn asked_politely_it_may_clean_up() {
    let home = Home::new();
    let main = format!("trap 'echo cleaning up; exit 5' TERM; echo up; {LISTEN}");
    let family = Family::start(&home, &[], &main, &JobOptions::new());
    let job = family.job.clone();
    assert_eq!(job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    family.gone();
    let ended = status(&job);
    assert_eq!(
        (ended.state, ended.exit_code, ended.stopped),
        (State::Exited, Some(5), true)
    );
    assert!(!ended.keeper.alive);
    assert!(output(&job).ends_with("cleaning up\n"));
}

/// Who is forked when all others have been asked is asked too, as soon as its parent has ended.
pub(crate) fn who_comes_late_is_asked_too() {
    let home = Home::new();
    let late = "sh -c \"exec cat <&7 >/dev/null\" &";
    // With the trap gone: a shell that was forked just now has its parent's handlers for a moment,
    // and forgets what it was asked meanwhile.
    let main = format!("trap 'trap - TERM; {late} exit 5' TERM; echo up; {LISTEN}");
    let family = Family::start(&home, &[], &main, &JobOptions::new());
    let job = family.job.clone();
    let start = Instant::now();
    assert_eq!(job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "it was given up on"
    );
    family.gone();
    assert_eq!(status(&job).exit_code, Some(5));
}

pub(crate) fn what_does_not_listen_is_killed() {
    let home = Home::new();
    let main = format!("trap '' TERM; echo up; {STAND}");
    let deaf = format!("( trap '' TERM; echo up; {STAND} ) &");
    let family = Family::start(&home, &[&deaf], &main, &JobOptions::new());
    let job = family.job.clone();
    let grace = Some(Duration::from_millis(50));
    assert_eq!(job.stop(grace).expect("it can be stopped"), Stopped::Whole);
    family.gone();
    let ended = status(&job);
    assert_eq!(
        (ended.state, ended.signal, ended.stopped),
        (State::Signaled, Some(9), true)
    );
}

/// In a session of its own; forked twice, so that it is an orphan; and both.
pub(crate) fn all_of_it_is_stopped() {
    let home = Home::new();
    let children = [
        PLAIN,
        APART,
        &format!("( {PLAIN} )"),
        &format!("( {APART} )"),
    ];
    let family = Family::start(
        &home,
        &children,
        &format!("echo up; {STAND}"),
        &JobOptions::new(),
    );
    let job = family.job.clone();
    assert_eq!(job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    family.gone();
    assert_eq!(status(&job).signal, Some(15));
}

pub(crate) fn several_may_stop_it_at_once() {
    let home = Home::new();
    let main = format!("echo up; {STAND}");
    let family = Family::start(&home, &[PLAIN, APART], &main, &JobOptions::new());
    thread::scope(|scope| {
        let stopping: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| family.job.stop(LONG)))
            .collect();
        for it in stopping {
            let stopped = it.join().expect("no panic").expect("it can be stopped");
            assert!(
                matches!(stopped, Stopped::Whole | Stopped::AlreadyEnded),
                "{stopped:?}"
            );
        }
    });
    family.gone();
}

pub(crate) fn a_stopped_job_may_be_stopped_again() {
    let home = Home::new();
    let told = Told::start(&home, "", &JobOptions::new());
    assert_eq!(
        told.job.stop(LONG).expect("it can be stopped"),
        Stopped::Whole
    );
    assert_eq!(
        told.job.stop(LONG).expect("it is stopped"),
        Stopped::AlreadyEnded
    );
    let ended = home.ended("", 3);
    assert_eq!(
        ended.stop(None).expect("it has ended"),
        Stopped::AlreadyEnded
    );
    let status = status(&ended);
    assert_eq!((status.exit_code, status.stopped), (Some(3), false));
}

pub(crate) fn a_signal_reaches_main_or_all() {
    let home = Home::new();
    let child = format!("( trap 'echo child heard' USR1; echo up; {LISTEN} ) &");
    let main = format!("trap 'echo main heard' USR1; echo up; {LISTEN}");
    let family = Family::start(&home, &[&child], &main, &JobOptions::new());
    let job = family.job.clone();
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
    assert_eq!(
        (ended.state, ended.signal, ended.stopped),
        (State::Signaled, Some(9), false)
    );
    family.gone();
    keeper_gone(&job);
    for tree in [false, true] {
        let error = job.kill(15, tree).expect_err("it has ended");
        assert!(
            error.is_not_running() && told(&error).contains("SIGTERM"),
            "{}",
            told(&error)
        );
    }
}

pub(crate) fn its_end_may_be_that_of_its_tree() {
    let home = Home::new();
    let mut options = JobOptions::new();
    options.until(Until::Tree);
    let mut family = Family::start(&home, &[APART], OBEY, &options);
    let job = family.job.clone();
    let main = main_process(&job);
    writeln!(family.orders, "3").expect("it reads");
    assert!(main.wait_end(None).expect("it can be waited for"));
    assert!(
        job.wait(Some(Duration::from_millis(30)))
            .expect("it can be waited for")
            .is_none()
    );
    let shown = status(&job);
    assert_eq!((shown.state, shown.ended_at), (State::Running, None));
    // The other one ends too.
    drop(family);
    let ended = waited(&job);
    // Its code is still its main process's.
    assert_eq!((ended.state, ended.exit_code), (State::Exited, Some(3)));
}

pub(crate) fn a_tree_that_is_waited_for_can_be_stopped() {
    let home = Home::new();
    let mut options = JobOptions::new();
    options.until(Until::Tree);
    let mut family = Family::start(&home, &[APART], OBEY, &options);
    let job = family.job.clone();
    let main = main_process(&job);
    writeln!(family.orders, "3").expect("it reads");
    assert!(main.wait_end(None).expect("it can be waited for"));
    assert_eq!(job.stop(LONG).expect("it can be stopped"), Stopped::Whole);
    family.gone();
    let ended = status(&job);
    assert_eq!((ended.state, ended.exit_code), (State::Exited, Some(3)));
}

pub(crate) fn what_is_left_behind_may_go_on() {
    let home = Home::new();
    let mut options = named("leaving");
    options.leftover(Leftover::Leave);
    let mut family = Family::start(&home, &[APART, PLAIN], OBEY, &options);
    let job = family.job.clone();
    writeln!(family.orders, "3").expect("it reads");
    let ended = waited(&job);
    assert_eq!((ended.state, ended.exit_code), (State::Exited, Some(3)));
    keeper_gone(&job);
    // Something is left of it, and can be found.
    assert_eq!(
        job.stop(LONG).expect("it can be stopped"),
        Stopped::Found(2)
    );
    family.gone();
    assert_eq!(
        job.stop(LONG).expect("it is stopped"),
        Stopped::AlreadyEnded
    );
    assert_eq!(status(&job).exit_code, Some(3));
}

pub(crate) fn what_is_left_behind_is_stopped() {
    let home = Home::new();
    let mut family = Family::start(&home, &[APART, PLAIN], OBEY, &JobOptions::new());
    let job = family.job.clone();
    writeln!(family.orders, "3").expect("it reads");
    assert_eq!(waited(&job).exit_code, Some(3));
    // At once, since it is asked to and does not object.
    family.gone();
    keeper_gone(&job);
    let ended = status(&job);
    assert_eq!(
        (ended.state, ended.stopped, ended.keeper.alive),
        (State::Exited, false, false)
    );
}

/// What objects has ten seconds, unless somebody is in more of a hurry.
pub(crate) fn what_objects_can_be_stopped_sooner() {
    let home = Home::new();
    let deaf = format!("( trap '' TERM; echo up; {STAND} ) &");
    let mut family = Family::start(&home, &[&deaf], OBEY, &JobOptions::new());
    let job = family.job.clone();
    writeln!(family.orders, "3").expect("it reads");
    let ended = waited(&job);
    assert_eq!((ended.state, ended.keeper.alive), (State::Exited, true));
    let error = job.kill(10, false).expect_err("its main process has ended");
    assert!(error.is_not_running(), "{}", told(&error));
    assert_eq!(
        job.stop(Some(Duration::ZERO)).expect("it can be stopped"),
        Stopped::Whole
    );
    family.gone();
    let ended = status(&job);
    assert_eq!(
        (ended.exit_code, ended.stopped, ended.keeper.alive),
        (Some(3), false, false)
    );
}

pub(crate) fn a_job_that_stands_still_is_stopped_too() {
    let home = Home::new();
    let told = Told::start(&home, "trap 'exit 5' TERM", &JobOptions::new());
    told.job.kill(19, true).expect("it runs");
    assert_eq!(
        told.job.stop(LONG).expect("it can be stopped"),
        Stopped::Whole
    );
    assert_eq!(status(&told.job).exit_code, Some(5));
}
