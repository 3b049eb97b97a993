//! What is done at once after a job's end was told: its keeper may not quite have gone.

use crate::home::{Home, named, output, shell, status, waited};
use crate::support::told;
use outlive::{Command, Job, JobOptions, RestartOptions, State, Stopped};
use std::time::Duration;

/// Often enough that a wrong order of things shows.
const TIMES: usize = 40;

fn just_ended(home: &Home, options: &JobOptions) -> Job {
    let job = home.start(&Command::new("true"), options);
    assert_eq!(waited(&job).exit_code, Some(0));
    job
}

pub(crate) fn a_job_that_has_ended_can_be_removed_at_once() {
    let home = Home::new();
    for _ in 0..TIMES {
        let removed = just_ended(&home, &JobOptions::new()).remove();
        removed.unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    assert!(home.jobs.list().expect("it can be listed").is_empty());
}

pub(crate) fn a_job_that_has_ended_can_be_pruned_at_once() {
    let home = Home::new();
    for _ in 0..TIMES {
        let job = just_ended(&home, &JobOptions::new());
        assert_eq!(home.jobs.prune(None).expect("it can be"), [job.id()]);
    }
}

pub(crate) fn a_job_that_has_ended_can_be_stopped_at_once() {
    let home = Home::new();
    for _ in 0..TIMES {
        let job = just_ended(&home, &JobOptions::new());
        let stopped = job
            .stop(None)
            .unwrap_or_else(|error| panic!("{}", told(&error)));
        assert!(
            matches!(stopped, Stopped::AlreadyEnded | Stopped::Whole),
            "{stopped:?}"
        );
        assert_eq!(
            (status(&job).state, status(&job).stopped),
            (State::Exited, false)
        );
    }
}

pub(crate) fn a_job_that_has_ended_can_be_restarted_at_once() {
    let home = Home::new();
    let job = home.start(&shell("echo once more"), &named("job"));
    for _ in 0..TIMES {
        waited(&job);
        let restarted = job.restart(&RestartOptions::new());
        restarted.unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    assert_eq!(waited(&job).exit_code, Some(0));
    assert_eq!(output(&job), "once more\n".repeat(TIMES + 1));
}

pub(crate) fn a_name_is_free_as_soon_as_its_job_has_ended() {
    let home = Home::new();
    let mut before = String::new();
    for _ in 0..TIMES {
        let job = just_ended(&home, &named("job"));
        assert_ne!(job.id(), before);
        before = job.id().to_owned();
    }
}

pub(crate) fn a_signal_that_comes_too_late_is_told_so() {
    let home = Home::new();
    for tree in [false, true] {
        for _ in 0..TIMES / 2 {
            let job = just_ended(&home, &JobOptions::new());
            let error = job.kill(15, tree).err();
            // To a tree of which nothing is left a signal may be sent as long as somebody is there
            // to send it.
            assert!(
                tree && error.is_none()
                    || error.as_ref().is_some_and(outlive::Error::is_not_running),
                "{}",
                error.map_or_else(|| "it was sent".to_owned(), |error| told(&error))
            );
            assert!(
                job.wait(Some(Duration::ZERO))
                    .expect("it is known")
                    .is_some()
            );
        }
    }
}
