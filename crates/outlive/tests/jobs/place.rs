//! Jobs of other places and other times, and records that can't be read.

use crate::home::{Home, Told, kill_keeper, lives, main_process, named, output, shell, status};
use crate::support::told;
use outlive::{Job, RestartOptions, State, Stopped};
use std::fs;
use std::time::Duration;

/// Changes a job's record as another place would have written it.
fn rewrite(home: &Home, job: &Job, field: &str, value: &str) {
    let path = home.file(job, "record");
    let record = fs::read_to_string(&path).expect("our own file");
    let start = record
        .find(&format!("\"{field}\":"))
        .expect("it has the field")
        + field.len()
        + 3;
    let end = start + record[start..].find([',', '}']).expect("something follows");
    let changed = format!("{}{value}{}", &record[..start], &record[end..]);
    fs::write(path, changed).expect("our own file");
}

fn is_left_alone(home: &Home, told_job: Told, note: &str) {
    let job = told_job.job.clone();
    let main = main_process(&job);
    // Its keeper would put its record right.
    kill_keeper(&job);
    let field = if note.contains("container") {
        "pid_namespace"
    } else {
        "machine"
    };
    rewrite(
        home,
        &job,
        field,
        if field == "machine" {
            "\"another\""
        } else {
            "1"
        },
    );
    for shown in [
        status(&job),
        home.jobs.list().expect("it can be listed").remove(0),
    ] {
        assert_eq!((shown.state, shown.keeper.alive), (State::Elsewhere, false));
        assert!(
            shown.notes.iter().any(|it| it.contains(note)),
            "{:?}",
            shown.notes
        );
    }
    let errors = [
        job.stop(None).map(drop).expect_err("it is not ours"),
        job.kill(9, true).expect_err("it is not ours"),
        job.restart(&RestartOptions::new())
            .expect_err("it is not ours"),
        job.remove().expect_err("it is not ours"),
        job.wait(Some(Duration::ZERO))
            .map(drop)
            .expect_err("it is not ours"),
        home.jobs
            .wait_any(std::slice::from_ref(&job), None)
            .map(drop)
            .expect_err("it is not ours"),
    ];
    for error in errors {
        assert!(
            error.is_elsewhere() && error.hint().is_some(),
            "{}",
            told(&error)
        );
    }
    assert!(home.jobs.prune(None).expect("it can be").is_empty());
    // What it has printed can be read from here.
    assert_eq!(output(&job), "ready\n");
    assert!(lives(&main));
    drop(told_job);
    assert!(main.wait_end(None).expect("it can be waited for"));
}

pub(crate) fn a_job_of_another_host_is_left_alone() {
    let home = Home::new();
    let told = Told::start(&home, "", &named("job"));
    is_left_alone(&home, told, "it belongs to another host");
}

pub(crate) fn a_job_of_another_container_is_left_alone() {
    let home = Home::new();
    let told = Told::start(&home, "", &named("job"));
    is_left_alone(&home, told, "it belongs to another container");
}

/// A container that is no more can't remove its jobs.
pub(crate) fn what_is_of_no_more_use_can_be_forgotten() {
    let home = Home::new();
    let [container, host, here] = ["container", "host", "here"].map(|name| home.ended(name, 0));
    rewrite(&home, &container, "pid_namespace", "1");
    rewrite(&home, &host, "machine", "\"another\"");
    assert!(
        container
            .remove()
            .expect_err("it is not ours")
            .is_elsewhere()
    );
    container.forget().expect("nobody has to keep it");
    // Another host's may be there to come back to.
    assert!(host.forget().expect_err("it is not ours").is_elsewhere());
    here.forget().expect("it has ended");
    let left = home.jobs.list().expect("it can be listed");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, host.id());
    let running = Told::start(&home, "", &named("running"));
    assert!(running.job.forget().expect_err("it runs").is_running());
    running.end(0);
}

/// The pid and the start time of a job of an earlier boot may be somebody else's now.
pub(crate) fn a_reboot_is_told_and_nobody_is_taken_for_the_job() {
    let home = Home::new();
    let bystander = Told::start(&home, "", &named("job"));
    let job = bystander.job.clone();
    let main = main_process(&job);
    kill_keeper(&job);
    rewrite(
        &home,
        &job,
        "boot",
        "\"00000000-0000-0000-0000-000000000000\"",
    );
    let shown = status(&job);
    assert_eq!((shown.state, shown.exit_code), (State::Lost, None));
    assert!(
        shown.notes.iter().any(|it| it.contains("lost (reboot)")),
        "{:?}",
        shown.notes
    );
    let ended = job
        .wait(None)
        .expect("it can be waited for")
        .expect("it does not run");
    assert_eq!(ended.state, State::Lost);

    assert_eq!(
        job.stop(None).expect("it does not run"),
        Stopped::AlreadyEnded
    );
    for tree in [false, true] {
        assert!(
            job.kill(9, tree)
                .expect_err("it does not run")
                .is_not_running()
        );
    }
    // Its name is free, it can be run again (were it not for its input), and removed.
    home.ended("job", 0);
    let error = job
        .restart(&RestartOptions::new())
        .expect_err("its input is gone");
    assert!(error.is_unsupported(), "{}", told(&error));
    job.remove().expect("it does not run");
    assert!(lives(&main));
    drop(bystander);
    assert!(main.wait_end(None).expect("it can be waited for"));
}

pub(crate) fn damaged_records_are_shown_and_harm_no_other() {
    let home = Home::new();
    let sound = home.ended("sound", 3);
    let damages: [(&str, &[u8]); 6] = [
        ("empty", b""),
        ("cut", b"{\"version\":1,\"id\":\"sh-"),
        ("other", b"[1, 2, 3]"),
        ("binary", b"\xff\xfe\x00"),
        ("bare", b"{\"version\":1}"),
        ("nobody", b"{\"version\":1,\"runs\":[],\"command\":[]}"),
    ];
    for (name, bytes) in damages {
        let job = home.ended(name, 0);
        fs::write(home.file(&job, "record"), bytes).expect("our own file");
        // Lock files, too.
        fs::write(home.file(&job, "lock"), b"-7 (x) S -1 0 0 0\nnonsense").expect("our own file");
    }
    let missing = home.ended("missing", 0);
    fs::remove_file(home.file(&missing, "record")).expect("our own file");
    let list = home.jobs.list().expect("it can be listed");
    let damaged: Vec<_> = list
        .iter()
        .filter(|it| it.state == State::Damaged)
        .collect();
    assert_eq!((list.len(), damaged.len()), (8, 7));
    for shown in damaged {
        assert!(
            shown.notes[0].contains("can't be read"),
            "{:?}",
            shown.notes
        );
        let job = home.jobs.get(&shown.id).expect("it is there");
        assert_eq!(status(&job).state, State::Damaged);
        assert!(job.stop(None).expect_err("nothing is known").is_damaged());
        assert!(job.wait(None).expect_err("nothing is known").is_damaged());
        assert!(
            job.kill(9, false)
                .expect_err("nothing is known")
                .is_damaged()
        );
        assert!(
            job.restart(&RestartOptions::new())
                .expect_err("nothing is known")
                .is_damaged()
        );
    }
    assert_eq!(home.jobs.prune(None).expect("it can be"), [sound.id()]);
    // One by one, on request, they go.
    for shown in home.jobs.list().expect("it can be listed") {
        home.jobs
            .get(&shown.id)
            .and_then(|job| job.remove())
            .expect("it can be removed");
    }
    assert!(home.jobs.list().expect("it can be listed").is_empty());
}

pub(crate) fn a_record_of_a_newer_version_is_told() {
    let home = Home::new();
    let job = home.ended("job", 0);
    rewrite(&home, &job, "version", "999");
    let shown = status(&job);
    assert_eq!(shown.state, State::Damaged);
    assert!(
        shown.notes[0].contains("newer outlive (format 999)"),
        "{:?}",
        shown.notes
    );
    assert!(home.jobs.prune(None).expect("it can be").is_empty());
}

/// What is written of it can't be read, but whoever keeps it knows what to do.
pub(crate) fn a_running_job_whose_record_is_damaged_can_be_ended() {
    let home = Home::new();
    for (name, damage) in [("newer", Damage::Newer), ("cut", Damage::Cut)] {
        let told_job = Told::start(&home, "", &named(name));
        let job = told_job.job.clone();
        let main = main_process(&job);
        // Its keeper writes the report into a whole record: that is there when it can be had.
        assert!(job.report().expect("it is kept").is_some());
        match damage {
            Damage::Newer => rewrite(&home, &job, "version", "999"),
            Damage::Cut => fs::write(home.file(&job, "record"), "{").expect("our own file"),
        }
        assert_eq!(status(&job).state, State::Damaged);
        assert!(job.remove().is_err());
        job.kill(0, false).expect("it is kept");
        assert!(lives(&main));
        assert_eq!(job.stop(None).expect("it is kept"), Stopped::Whole);
        assert!(main.wait_end(None).expect("it can be waited for"));
    }
    // They are in nobody's way.
    let next = home.start(&shell("exit 0"), &named("newer"));
    assert!(next.wait(None).expect("it can be waited for").is_some());
}

enum Damage {
    Newer,
    Cut,
}
