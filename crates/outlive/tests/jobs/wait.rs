//! Waiting for jobs.

use crate::home::{Home, Told, named, status, waited};
use outlive::{EventKind, Job, JobOptions, State, Waiting};
use std::io::Write;
use std::thread;
use std::time::Duration;

const LONG: Option<Duration> = Some(Duration::from_secs(90));
const SHORT: Option<Duration> = Some(Duration::from_millis(30));

fn three(home: &Home) -> ([Job; 3], [Told; 3]) {
    let told = ["a", "b", "c"].map(|name| Told::start(home, "", &named(name)));
    (told.each_ref().map(|it| it.job.clone()), told)
}

pub(crate) fn a_wait_that_times_out_does_no_harm() {
    let home = Home::new();
    let mut told = Told::start(&home, "", &JobOptions::new());
    for timeout in [Some(Duration::ZERO), SHORT] {
        assert!(
            told.job
                .wait(timeout)
                .expect("it can be waited for")
                .is_none()
        );
    }
    assert_eq!(status(&told.job).state, State::Running);
    told.tell(7);
    let ended = told
        .job
        .wait(Some(Duration::MAX))
        .expect("it can be waited for");
    assert_eq!(ended.expect("it has ended").exit_code, Some(7));
    // Whoever comes later sees the same, as often as they ask.
    for timeout in [None, Some(Duration::ZERO)] {
        let again = home
            .jobs
            .get(told.job.id())
            .expect("it is there")
            .wait(timeout);
        assert_eq!(
            again.expect("it is known").expect("it has ended").exit_code,
            Some(7)
        );
    }
}

fn wait_as_a_loop_does(waiting: &mut Waiting) {
    while !waiting.is_over() {
        let descriptor = waiting.descriptor().expect("there is more to come");
        outlive_os::events::wait(&[descriptor], LONG).expect("it can be waited for");
        waiting.advance().expect("it can be waited for");
    }
}

pub(crate) fn an_event_loop_can_wait() {
    let home = Home::new();
    let mut told = Told::start(&home, "", &JobOptions::new());
    let mut waiting = told.job.waiting().expect("it can be waited for");
    assert!(!waiting.is_over());
    told.tell(7);
    wait_as_a_loop_does(&mut waiting);
    assert!(waiting.descriptor().is_none());
    assert_eq!(status(&told.job).exit_code, Some(7));
    let waiting = told.job.waiting().expect("it can be waited for");
    assert!(waiting.is_over());
}

pub(crate) fn an_event_loop_can_wait_for_what_is_ready_and_what_happens() {
    let home = Home::new();
    let mut events = home.jobs.events().expect("they can be watched");
    let mut options = JobOptions::new();
    options.ready("file:never".parse().expect("that can be looked at"));
    let mut told = Told::start(&home, "", &options);
    let mut waiting = told.job.waiting_ready().expect("it can be waited for");
    assert!(!waiting.is_over());
    told.tell(7);
    wait_as_a_loop_does(&mut waiting);
    let mut seen = Vec::new();
    while seen.last() != Some(&EventKind::Ended) {
        outlive_os::events::wait(&[events.descriptor()], LONG).expect("it can be waited for");
        let now = Some(Duration::ZERO);
        while let Some(event) = events.wait(now).expect("they are watched") {
            seen.push(event.kind);
        }
    }
    assert_eq!(seen, [EventKind::Started, EventKind::Ended]);
}

/// More than the keeper talks to at once.
pub(crate) fn any_number_may_wait() {
    let home = Home::new();
    let (job, mut tell) = Told::start(&home, "", &JobOptions::new()).apart();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..40).map(|_| scope.spawn(|| waited(&job))).collect();
        // Among them some who don't wait long.
        for _ in 0..40 {
            assert!(
                job.wait(Some(Duration::ZERO))
                    .expect("it can be waited for")
                    .is_none()
            );
        }
        writeln!(tell, "7").expect("it reads");
        for it in waiting {
            assert_eq!(it.join().expect("no panic").exit_code, Some(7));
        }
    });
}

pub(crate) fn the_first_to_end_is_told() {
    let home = Home::new();
    let (jobs, [a, mut b, c]) = three(&home);
    let any = |timeout| {
        home.jobs
            .wait_any(&jobs, timeout)
            .expect("they can be waited for")
    };
    assert_eq!(any(Some(Duration::ZERO)), None);
    assert_eq!(any(SHORT), None);
    b.tell(3);
    assert_eq!(any(None), Some(1));
    assert_eq!(status(&b.job).exit_code, Some(3));
    // One that has ended is the first from then on.
    assert_eq!(any(Some(Duration::ZERO)), Some(1));
    a.end(0);
    assert_eq!(any(LONG), Some(0));
    c.end(0);
}

pub(crate) fn all_are_waited_for() {
    let home = Home::new();
    let (jobs, [mut a, mut b, mut c]) = three(&home);
    let all = |timeout| {
        home.jobs
            .wait_all(&jobs, timeout)
            .expect("they can be waited for")
    };
    assert!(!all(Some(Duration::ZERO)));
    a.tell(1);
    b.tell(2);
    assert!(!all(SHORT));
    assert_eq!(status(&c.job).state, State::Running);
    c.tell(3);
    assert!(all(None));
    let codes = jobs.each_ref().map(|job| status(job).exit_code);
    assert_eq!(codes, [Some(1), Some(2), Some(3)]);
    assert!(all(Some(Duration::ZERO)));
}

pub(crate) fn waiting_for_nothing_is_over_at_once() {
    let home = Home::new();
    assert_eq!(
        home.jobs
            .wait_any(&[], None)
            .expect("nothing is there to fail"),
        None
    );
    assert!(
        home.jobs
            .wait_all(&[], None)
            .expect("nothing is there to fail")
    );
}

pub(crate) fn a_job_that_was_removed_is_told() {
    let home = Home::new();
    let job = home.ended("", 0);
    let other = job.clone();
    job.remove().expect("it has ended");
    assert!(other.wait(None).expect_err("it is gone").is_no_such_job());
    let told = Told::start(&home, "", &JobOptions::new());
    let both = [told.job.clone(), other];
    assert!(
        home.jobs
            .wait_any(&both, None)
            .expect_err("one is gone")
            .is_no_such_job()
    );
    assert!(home.jobs.wait_all(&both, SHORT).is_ok_and(|ended| !ended));
    told.end(0);
    assert!(
        home.jobs
            .wait_all(&both, None)
            .expect_err("one is gone")
            .is_no_such_job()
    );
}
