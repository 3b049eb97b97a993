//! Jobs that are removed.

use crate::home::{Home, Told, keeper_gone, kill_keeper, named, status};
use crate::support::told;
use outlive::{JobOptions, State};
use std::fs;
use std::time::Duration;

fn ids(home: &Home) -> Vec<String> {
    home.jobs
        .list()
        .expect("it can be listed")
        .into_iter()
        .map(|it| it.id)
        .collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

pub(crate) fn what_has_ended_is_removed_and_nothing_else() {
    let home = Home::new();
    assert!(home.jobs.prune(None).expect("there is nothing").is_empty());
    let ended = [home.ended("a", 0), home.ended("", 7)];
    let killed = Told::start(&home, "", &JobOptions::new());
    killed.job.kill(9, false).expect("it runs");
    let killed = killed
        .job
        .wait(None)
        .expect("it can be waited for")
        .expect("it has ended")
        .id;
    keeper_gone(&home.jobs.get(&killed).expect("it is there"));
    let running = Told::start(&home, "", &named("running"));
    let orphaned = Told::start(&home, "", &named("orphaned"));
    kill_keeper(&orphaned.job);
    let damaged = home.ended("damaged", 0);
    fs::write(home.file(&damaged, "record"), "{").expect("our own file");

    let removed = home.jobs.prune(None).expect("they can be removed");
    let mut expected = ended.each_ref().map(|job| job.id().to_owned()).to_vec();
    expected.push(killed);
    assert_eq!(sorted(removed), sorted(expected));
    let left = [&running.job, &orphaned.job, &damaged].map(|job| job.id().to_owned());
    assert_eq!(sorted(ids(&home)), sorted(left.to_vec()));
    assert!(!home.file(&ended[0], "").exists());
    running.end(0);
    orphaned.end(0);
}

pub(crate) fn only_what_ended_long_ago_if_so_asked() {
    let home = Home::new();
    let job = home.ended("", 0);
    let prune = |age| home.jobs.prune(Some(age)).expect("it can be");
    assert!(prune(Duration::from_secs(3600)).is_empty());
    assert!(prune(Duration::MAX).is_empty());
    // As if it had been long ago.
    let path = home.file(&job, "record");
    let record = fs::read_to_string(&path).expect("our own file");
    let ended = status(&job).ended_at.expect("it has ended").to_string();
    assert_eq!(record.matches(&ended).count(), 1, "{record}");
    fs::write(&path, record.replace(&ended, "2001-09-09T01:46:40Z")).expect("our own file");
    assert_eq!(prune(Duration::from_secs(3600)), [job.id()]);
    assert!(ids(&home).is_empty());
}

pub(crate) fn a_running_job_is_not_removed() {
    let home = Home::new();
    let told_job = Told::start(&home, "", &named("job"));
    let error = told_job.job.remove().expect_err("it runs");
    assert!(error.is_running(), "{}", told(&error));
    assert!(error.hint().expect("a hint").contains("outlive stop"));
    assert_eq!(status(&told_job.job).state, State::Running);
    told_job.end(0);
}

pub(crate) fn a_removed_job_is_gone_for_all() {
    let home = Home::new();
    let job = home.ended("job", 0);
    let other = home.jobs.get("job").expect("it is there");
    job.remove().expect("it has ended");
    for job in [&job, &other] {
        assert!(job.status().expect_err("it is gone").is_no_such_job());
        assert!(job.output().expect_err("it is gone").is_no_such_job());
        assert!(job.stop(None).expect_err("it is gone").is_no_such_job());
        assert!(job.kill(9, true).expect_err("it is gone").is_no_such_job());
        assert!(job.stdin().expect_err("it is gone").is_no_such_job());
        assert!(job.remove().expect_err("it is gone").is_no_such_job());
        let error = job
            .restart(&outlive::RestartOptions::new())
            .expect_err("it is gone");
        assert!(error.is_no_such_job() && told(&error).contains("it was removed"));
    }
    for key in ["job", job.id()] {
        assert!(home.jobs.get(key).expect_err("it is gone").is_no_such_job());
    }
    for folder in ["jobs", "names"] {
        let path = home.jobs.home().join(folder);
        assert_eq!(
            fs::read_dir(path).expect("our own folder").count(),
            0,
            "{folder}"
        );
    }
}

pub(crate) fn its_name_is_free_again() {
    let home = Home::new();
    let first = home.ended("job", 1);
    let second = home.ended("job", 2);
    // The name is the newer one's, and stays so.
    first.remove().expect("it has ended");
    assert_eq!(home.jobs.get("job").expect("it is there").id(), second.id());
    second.remove().expect("it has ended");
    let third = home.ended("job", 3);
    assert_eq!(home.jobs.get("job").expect("it is there").id(), third.id());
}
