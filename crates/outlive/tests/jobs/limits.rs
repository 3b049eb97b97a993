//! What jobs may use, and what they use.

use crate::home::{Home, Told, output, shell, waited};
use outlive::{JobOptions, Limits};

pub(crate) fn niceness_is_given_and_comes_back_with_a_restart() {
    let home = Home::new();
    let limits = Limits {
        nice: Some(19),
        ..Limits::default()
    };
    let job = home.start(&shell("nice"), JobOptions::new().limits(limits));
    assert_eq!(waited(&job).limits, limits);
    assert_eq!(output(&job), "19\n");
    job.restart(&Default::default()).expect("it has ended");
    waited(&job);
    assert_eq!(output(&job), "19\n19\n");
}

pub(crate) fn limits_that_make_no_sense_are_refused() {
    let home = Home::new();
    let none = Limits::default();
    for limits in [
        Limits {
            memory: Some(0),
            ..none
        },
        Limits {
            tasks: Some(0),
            ..none
        },
        Limits {
            nice: Some(-21),
            ..none
        },
    ] {
        let refused = home
            .jobs
            .start(&shell("true"), JobOptions::new().limits(limits));
        let error = refused
            .map(|job| job.id().to_owned())
            .expect_err("no sense");
        assert!(error.is_invalid(), "{error:?}");
    }
    let refused = home
        .jobs
        .start(&shell("true"), JobOptions::new().user("no such user"));
    assert!(
        refused
            .map(|job| job.id().to_owned())
            .expect_err("none")
            .is_invalid()
    );
    assert!(home.jobs.list().expect("our own home").is_empty());
}

pub(crate) fn what_a_job_uses_is_told_while_it_runs() {
    let home = Home::new();
    let told = Told::start(&home, "echo", &JobOptions::new());
    let usage = told
        .job
        .usage()
        .expect("it can be looked at")
        .expect("it runs");
    assert!(
        usage.tasks >= Some(1) && usage.memory > Some(0),
        "{usage:?}"
    );
    let all = home.jobs.usage().expect("our own home");
    let same = all.get(told.job.id()).expect("it runs");
    assert_eq!(same.tasks, usage.tasks);
    let job = told.job.clone();
    told.end(0);
    assert_eq!(job.usage().expect("as before"), None);
    assert!(home.jobs.usage().expect("as before").is_empty());
}
