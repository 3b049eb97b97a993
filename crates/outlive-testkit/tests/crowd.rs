//! Many at once.

use outlive_testkit::{Home, Running};
use std::collections::{BTreeMap, HashSet};
use std::process::Stdio;

/// 200 `run`s from 16 processes at once: none is lost, all ids are distinct, and each job has its
/// own end and its own output.
#[test]
fn two_hundred_runs_from_sixteen_processes() {
    let home = Home::new();
    // Each waits for its start, so that all sixteen are there before the first begins.
    let script = "read start; i=$1; while [ $i -lt 200 ]; do \
                  \"$0\" run -- sh -c \"echo output of $i; exit $((i % 100))\" || exit 1; \
                  i=$((i + 16)); done";
    let mut crowd: Vec<Running> = (0..16)
        .map(|first: u32| {
            let words = ["sh", "-c", script].map(std::ffi::OsString::from);
            let rest = [home.outlive().into(), first.to_string().into()];
            Running::start(
                home.command(words.into_iter().chain(rest))
                    .stdin(Stdio::piped()),
            )
        })
        .collect();
    let starts: Vec<_> = crowd.iter_mut().map(Running::input).collect();
    drop(starts);
    let mut jobs = BTreeMap::new();
    for (first, one) in crowd.into_iter().enumerate() {
        let said = one.finish();
        assert_eq!(said.code, 0, "{said}");
        for (turn, id) in said.text().lines().enumerate() {
            let before = jobs.insert(id.to_owned(), first + 16 * turn);
            assert_eq!(before, None, "two jobs are called {id}");
        }
    }
    assert_eq!(jobs.len(), 200);
    let all: Vec<&str> = std::iter::once("wait")
        .chain(jobs.keys().map(String::as_str))
        .collect();
    home.call(all);
    let listed = home.list();
    let ids: HashSet<&str> = listed.iter().filter_map(|job| job["id"].as_str()).collect();
    assert_eq!((listed.len(), ids.len()), (200, 200));
    for job in &listed {
        let id = job["id"].as_str().expect("an id is text");
        let number = jobs[id];
        assert_eq!(
            (&job["state"], &job["exit_code"]),
            (&"exited".into(), &(number % 100).into())
        );
        let output = std::fs::read_to_string(home.job(id).join("output")).expect("its output");
        assert_eq!(output, format!("output of {number}\n"));
    }
}

/// One name for sixteen: one gets it.
#[test]
fn one_of_sixteen_gets_the_name() {
    let home = Home::new();
    let mut puppets: Vec<_> = (0..16)
        .map(|_| outlive_testkit::Puppet::new(&home))
        .collect();
    let crowd: Vec<Running> = puppets
        .iter()
        .map(|puppet| {
            Running::start(&mut home.outlive_command(puppet.run_words(&["--name", "job"])))
        })
        .collect();
    let codes: Vec<i32> = crowd.into_iter().map(|one| one.finish().code).collect();
    let winners: Vec<usize> = (0..16).filter(|&at| codes[at] == 0).collect();
    assert_eq!(winners.len(), 1, "{codes:?}");
    assert!(
        codes.iter().all(|&code| code == 0 || code == 125),
        "{codes:?}"
    );
    let listed = home.list();
    assert_eq!(listed.len(), 1, "{listed:?}");
    let winner = &mut puppets[winners[0]];
    winner.ready();
    home.survives("job", winner);
}

/// What some do to all jobs hinders nobody who looks at them or starts others.
#[test]
fn everything_at_once() {
    let home = Home::new();
    let script = "i=0; while [ $i -lt 25 ]; do \"$0\" \"$@\" >&2 || exit 1; i=$((i + 1)); done";
    let kinds: [&[&str]; 6] = [
        &["run", "--", "true"],
        &["run", "--follow", "--", "true"],
        &["list"],
        &["list", "--json"],
        &["prune"],
        &["prune", "--json"],
    ];
    let start = |words: &&[&str]| {
        let script = ["sh", "-c", script].map(std::ffi::OsString::from);
        Running::start(&mut home.command(script.into_iter().chain(home.outlive_words(*words))))
    };
    let crowd: Vec<Running> = kinds.iter().map(start).collect();
    for one in crowd {
        let said = one.finish();
        // Following a job that somebody prunes the moment it ends has nothing to end with.
        let pruned = said.errors().contains("removed");
        assert!(said.code == 0 || pruned, "{said}");
    }
}

/// Five restart the same job, one after the other whatever they meant: every run is accounted for.
#[test]
fn five_restart_the_same_job() {
    let home = Home::new();
    let marks = home.folder().join("marks");
    let script = format!("echo $OUTLIVE_JOB >> {}; exit 3", marks.display());
    home.ok(["run", "--name", "job", "--", "sh", "-c", &script]);
    assert_eq!(home.call(["wait", "job"]).code, 3);
    let crowd: Vec<Running> = (0..5)
        .map(|_| Running::start(&mut home.outlive_command(["restart", "job"])))
        .collect();
    let restarted = crowd.into_iter().map(|one| one.finish().code);
    let restarted = restarted.filter(|&code| code == 0).count();
    assert_eq!(home.call(["wait", "job"]).code, 3);
    let runs = home.show("job")["runs"]
        .as_array()
        .expect("runs are an array")
        .len();
    assert_eq!(runs, 1 + restarted);
    // One that was restarted while it ran may have been stopped before it wrote its mark.
    let ran = std::fs::read_to_string(&marks).expect("it ran");
    assert!(
        (2..=runs).contains(&ran.lines().count()),
        "{runs} runs: {ran}"
    );
}
