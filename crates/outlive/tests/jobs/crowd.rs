//! Many who do things with the same jobs at once.

use crate::home::{Home, Told, named, output, shell, status, waited};
use crate::support::told;
use outlive::{Command, Job, JobOptions, RestartOptions, State};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

pub(crate) fn all_jobs_of_many_threads_differ() {
    let home = Home::new();
    let start = |thread: usize| -> Vec<Job> {
        let job = |job| home.shell(&format!("echo {thread} {job}"));
        (0..5).map(job).collect()
    };
    let jobs: Vec<Job> = thread::scope(|scope| {
        let started: Vec<_> = (0..8)
            .map(|thread| scope.spawn(move || start(thread)))
            .collect();
        started
            .into_iter()
            .flat_map(|it| it.join().expect("no panic"))
            .collect()
    });
    assert!(
        home.jobs
            .wait_all(&jobs, None)
            .expect("they can be waited for")
    );
    let ids: BTreeSet<&str> = jobs.iter().map(Job::id).collect();
    let said: BTreeSet<String> = jobs.iter().map(output).collect();
    let codes: BTreeSet<_> = jobs.iter().map(|job| status(job).exit_code).collect();
    assert_eq!((ids.len(), said.len()), (40, 40));
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [Some(0)]);
    assert_eq!(home.jobs.list().expect("it can be listed").len(), 40);
    assert_eq!(home.jobs.prune(None).expect("it can be").len(), 40);
}

pub(crate) fn of_many_who_want_a_name_one_has_it() {
    let home = Home::new();
    for _ in 0..5 {
        let command = shell("read code; exit 3");
        let options = named("job").keep_stdin(true).clone();
        let start = || home.jobs.start(&command, &options);
        let started: Vec<_> = thread::scope(|scope| {
            let starting: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starting
                .into_iter()
                .map(|it| it.join().expect("no panic"))
                .collect()
        });
        let (had, refused): (Vec<_>, Vec<_>) = started.into_iter().partition(Result::is_ok);
        assert_eq!((had.len(), refused.len()), (1, 7));
        for error in refused.into_iter().filter_map(Result::err) {
            assert!(error.is_name_in_use(), "{}", told(&error));
        }
        let job = home.jobs.get("job").expect("one has it");
        assert_eq!(had[0].as_ref().ok().map(Job::id), Some(job.id()));
        assert_eq!(home.jobs.list().expect("it can be listed").len(), 1);
        job.close_stdin().expect("it is open");
        assert_eq!(waited(&job).exit_code, Some(3));
        job.remove().expect("it has ended");
    }
}

/// Whoever removes what has ended is in nobody's way, and in no other's who does the same.
pub(crate) fn pruning_disturbs_nobody() {
    let home = Home::new();
    let running = Told::start(&home, "", &named("running"));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let pruning: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut removed = Vec::new();
                    while !over.load(Relaxed) {
                        let ids = home.jobs.prune(None);
                        removed.extend(ids.unwrap_or_else(|error| panic!("{}", told(&error))));
                        home.jobs.list().expect("it can be listed");
                    }
                    removed
                })
            })
            .collect();
        let starting: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let start = |_| home.start(&Command::new("true"), &JobOptions::new());
                    (0..50)
                        .map(start)
                        .map(|job| job.id().to_owned())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let started: Vec<String> = starting
            .into_iter()
            .flat_map(|it| it.join().expect("no panic"))
            .collect();
        over.store(true, Relaxed);
        let removed: Vec<String> = pruning
            .into_iter()
            .flat_map(|it| it.join().expect("no panic"))
            .collect();
        assert_eq!(started.len(), 100);
        // An id that was removed may be given out once more.
        assert!(removed.iter().all(|id| started.contains(id)));
    });
    assert_eq!(status(&running.job).state, State::Running);
    running.end(0);
}

/// One of them starts it, and the others are told that it runs, or stop it and start it in turn.
pub(crate) fn several_may_restart_it_at_once() {
    let home = Home::new();
    let job = home.ended("job", 0);
    thread::scope(|scope| {
        let restart = || job.restart(&RestartOptions::new());
        let restarting: Vec<_> = (0..6).map(|_| scope.spawn(restart)).collect();
        let done: Vec<_> = restarting
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect();
        assert!(done.iter().any(Result::is_ok));
        for error in done.into_iter().filter_map(Result::err) {
            assert!(error.is_running(), "{}", told(&error));
        }
    });
    let ended = waited(&job);
    assert!(
        matches!(ended.state, State::Exited | State::Signaled),
        "{ended:?}"
    );
    assert_eq!(home.jobs.list().expect("it can be listed").len(), 1);
}
