//! Kills that nobody can see coming: of `run`, and of the keeper.

use outlive_testkit::{Home, Pidfd, Puppet, Running, strace, under_strace};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The words of a puppet's `part` that runs and kills `outlive run`; the job marks that it ran.
fn kills(home: &Home, part: &[&str]) -> (Vec<OsString>, PathBuf) {
    let marks = home.folder().join("marks");
    let mark = [
        home.puppet().as_os_str(),
        OsStr::new("mark"),
        marks.as_os_str(),
    ];
    let run = ["run", "--"].map(OsStr::new);
    let own = std::iter::once(home.puppet().into()).chain(part.iter().map(OsString::from));
    let run = home.outlive_words(run.into_iter().chain(mark));
    (own.chain(run).collect(), marks)
}

/// What a puppet says line by line until it has ended.
fn rounds(home: &Home, words: &[OsString]) -> Vec<String> {
    let mut striker = Running::start(&mut home.command(words));
    let mut rounds = Vec::new();
    while let Some(line) = striker.out.line() {
        rounds.push(line);
    }
    let said = striker.finish();
    assert_eq!(said.code, 0, "{said}");
    rounds
}

/// The jobs that ran, with their pids.
fn marked(marks: &Path) -> BTreeMap<String, i32> {
    let text = std::fs::read_to_string(marks).expect("some jobs ran");
    let mut ran = BTreeMap::new();
    for line in text.lines() {
        let (id, pid) = line.split_once(' ').expect("an id and a pid");
        let before = ran.insert(id.to_owned(), pid.parse().expect("a pid is a number"));
        assert_eq!(before, None, "{id} ran twice");
    }
    ran
}

/// Every job is wholly there, with its output and its exit code, or wholly absent.
fn all_whole_or_absent(home: &Home, marks: &Path) -> BTreeSet<String> {
    let ran: BTreeSet<String> = marked(marks).into_keys().collect();
    let listed = home.list();
    let id = |job: &Value| job["id"].as_str().expect("an id is text").to_owned();
    let ids: BTreeSet<String> = listed.iter().map(id).collect();
    assert_eq!(ids, ran, "listed, and ran");
    for job in &listed {
        assert_eq!(
            (&job["state"], &job["exit_code"]),
            (&"exited".into(), &7.into()),
            "{job}"
        );
        let output =
            std::fs::read_to_string(home.job(&id(job)).join("output")).expect("its output");
        assert_eq!(output, "marked\n", "{job}");
    }
    let folders = std::fs::read_dir(home.path().join("jobs")).expect("jobs ran");
    assert_eq!(folders.count(), ids.len(), "half-made folders are left");
    ids
}

/// Kills `run` at 500 random moments.
#[test]
fn run_is_killed_at_500_random_moments() {
    const ROUNDS: usize = 500;
    let home = Home::new();
    let seed = std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("Linux has it");
    let seed = u64::from_str_radix(&seed[..8], 16).expect("a uuid begins with digits") | 1;
    println!("seed {seed}");
    let (words, marks) = kills(&home, &["strike", &ROUNDS.to_string(), &seed.to_string()]);
    let rounds = rounds(&home, &words);
    // The first few are left in peace, to learn how long it takes.
    assert!(rounds.len() > ROUNDS);
    let killed: Vec<&String> = rounds
        .iter()
        .filter(|round| round.starts_with("killed"))
        .collect();
    println!("{} of {ROUNDS} were killed", killed.len());
    assert!(killed.len() > ROUNDS / 4);
    let ids = all_whole_or_absent(&home, &marks);
    println!("{} jobs were started", ids.len());
    for round in &rounds {
        let printed = round
            .strip_prefix("killed")
            .or(round.strip_prefix("ended 0"));
        let printed = printed.unwrap_or_else(|| panic!("{round:?}")).trim();
        assert!(printed.is_empty() || ids.contains(printed), "{round:?}");
    }
}

/// Kills `run` at every one of the system calls that it, its keeper and the job before its exec
/// make.
#[test]
fn run_is_killed_at_every_system_call() {
    let home = Home::new();
    let (words, marks) = kills(&home, &["sweep", "first", "1"]);
    let rounds = rounds(&home, &words);
    println!("{} moments", rounds.len());
    assert!(rounds.len() > 50, "{rounds:?}");
    let ids = all_whole_or_absent(&home, &marks);
    for round in &rounds {
        let printed = round.splitn(3, ' ').nth(2).unwrap_or_default();
        assert!(printed.is_empty() || ids.contains(printed), "{round:?}");
    }
}

/// Kills the keeper in the same way: whatever was started is then known, with its pid.
#[test]
fn the_keeper_is_killed_at_every_system_call() {
    let home = Home::new();
    let (words, marks) = kills(&home, &["sweep", "second", "1"]);
    let rounds = rounds(&home, &words);
    println!("{} moments", rounds.len());
    assert!(rounds.len() > 50, "{rounds:?}");
    let listed = home.list();
    let find = |id: &str| listed.iter().find(|job| job["id"] == *id);
    for (id, pid) in marked(&marks) {
        let job = find(&id).unwrap_or_else(|| panic!("{id} ran and nobody knows"));
        let known = job["state"] == "exited" && job["exit_code"] == 7;
        assert!(known || job["state"] == "lost", "{job}");
        let lock = std::fs::read_to_string(home.job(&id).join("lock")).expect("its lock");
        let line = lock.lines().nth(1).unwrap_or_default();
        assert!(
            line.starts_with(&format!("{pid} ")),
            "{id} had pid {pid}: {lock:?}"
        );
    }
    for round in &rounds {
        let printed = round.splitn(3, ' ').nth(2).unwrap_or_default();
        assert!(printed.is_empty() || find(printed).is_some(), "{round:?}");
    }
    // What was left half-made is in nobody's way.
    home.ok(["prune"]);
    assert_eq!(home.list().len(), 0);
}

#[test]
fn a_killed_keeper_costs_neither_the_job_nor_its_output() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let before = puppet.beat();
    home.kill_keeper("job");
    let after = puppet.beat();
    assert_eq!(home.logs("job"), format!("{before}\n{after}\n"));
    let listed = &home.list()[0];
    assert_eq!(
        (&listed["state"], &listed["keeper"]["alive"]),
        (&"running".into(), &false.into())
    );
    assert_eq!(listed["pid"], puppet.pid());
    assert!(
        !listed["notes"].as_array().expect("notes").is_empty(),
        "{listed}"
    );
    // Its name is still its own.
    let other = Puppet::new(&home);
    assert_eq!(home.call(other.run_words(&["--name", "job"])).code, 125);
    let main = Pidfd::of(puppet.pid()).expect("it lives");
    puppet.exit(7);
    main.ended();
    // Nobody was there to learn how it ended.
    assert_eq!(home.call(["wait", "job"]).code, 125);
    assert_eq!(home.show("job")["state"], "lost");
    home.ok(["rm", "job"]);
}

#[test]
fn stop_finds_the_tree_without_the_keeper() {
    for kind in [
        "plain",
        "session",
        "daemon",
        "deaf-daemon",
        "scrubbed-writer",
        "guardian",
    ] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        home.start(&["--name", "job"], &mut puppet);
        puppet.child(kind);
        home.kill_keeper("job");
        let said = home.call(["stop", "job", "--grace", "50ms"]);
        println!("{kind}: {said}");
        assert_eq!(said.code, 0, "{kind}: {said}");
        puppet.is_gone();
    }
}

/// No process of it lives long enough to be signalled, but all are of the job's process group.
#[test]
fn stop_ends_a_group_that_runs_away_without_the_keeper() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.child("runner");
    home.kill_keeper("job");
    let said = home.call(["stop", "job", "--grace", "50ms"]);
    assert_eq!(said.code, 0, "{said}");
    puppet.is_gone();
}

/// What a job leaves behind is ended by its keeper. If that was killed before, the job is not removed
/// as if nothing of it were left.
#[test]
fn a_job_of_which_something_is_left_is_not_removed() {
    for end in ["prune", "restart"] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        home.start(&["--name", "job"], &mut puppet);
        let left = Pidfd::of(puppet.child("daemon")).expect("it lives");
        home.kill_keeper("job");
        let main = Pidfd::of(puppet.pid()).expect("it lives");
        puppet.exit(0);
        main.ended();
        let said = home.call(["rm", "job"]);
        assert_eq!(said.code, 125, "{said}");
        assert!(
            said.errors().contains("1 of its processes still run"),
            "{said}"
        );
        assert_eq!((home.ok(["prune"]).as_str(), home.list().len()), ("", 1));
        if end == "prune" {
            home.ok(["stop", "job"]);
            puppet.is_gone();
            assert_ne!(home.ok(["prune"]), "");
        } else {
            home.ok(["restart", "job"]);
            assert!(!left.lives(), "what the first run left goes on");
            puppet.ready();
            puppet.exit(0);
        }
    }
}

/// Starts a job whose main process ends by itself and leaves one that its keeper gives an hour: that
/// one, and the keeper.
fn leaves_one(home: &Home, puppet: &mut Puppet) -> (Pidfd, Pidfd) {
    home.start(&["--name", "job", "--grace", "1h"], puppet);
    let left = Pidfd::of(puppet.child("deaf-daemon")).expect("it lives");
    puppet.exit(7);
    home.until_state("job", "exited");
    (left, home.keeper("job"))
}

/// The main process has ended by itself, and what it has left is still being given its time.
#[test]
fn a_stop_whose_keeper_is_killed_ends_what_is_left() {
    for verb in ["stop", "restart"] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let (left, keeper) = leaves_one(&home, &mut puppet);
        let (what, answers) = (
            "a keeper that is killed during a stop",
            ["-e", "trace=sendto,sendmsg"],
        );
        let Some(mut strace) = strace(&home, keeper.pid(), &answers, what) else {
            return;
        };
        let given = Running::start(&mut home.outlive_command([verb, "job"]));
        // Whoever stops the job has an answer, and waits for the keeper to do it.
        strace.err.until("done");
        strace.err.until(" = ");
        keeper.kill();
        let said = given.finish();
        assert_eq!(said.code, 0, "{said}");
        assert!(!left.lives(), "{verb}: a process of it goes on");
        strace.end();
        if verb == "restart" {
            puppet.ready();
            home.ok(["stop", "job"]);
        }
        puppet.is_gone();
    }
}

/// It lived when it was looked at first, and the answer that was waited for never came.
#[test]
fn a_prune_whose_keeper_is_killed_removes_nothing_that_runs() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let (left, keeper) = leaves_one(&home, &mut puppet);
    keeper.signal(Signal::STOP);
    let (what, prune) = (
        "a prune whose keeper is killed",
        home.outlive_words(["prune"]),
    );
    let Some(mut prune) = under_strace(&home, &["-e", "trace=connect"], prune, what) else {
        return;
    };
    let mut prune = Running::start(&mut prune);
    prune.err.until("connect(");
    prune.err.until(" = ");
    keeper.kill();
    let said = prune.finish();
    assert_eq!((said.code, &*said.text()), (0, ""), "{said}");
    assert!(left.lives());
    home.ok(["stop", "job", "--grace", "0"]);
    puppet.is_gone();
    assert_ne!(home.ok(["prune"]), "");
}

/// At whatever system call: nothing is half removed, and what is out of sight goes with the next prune.
#[test]
fn what_a_killed_removal_has_left_is_pruned() {
    let home = Home::new();
    let jobs = home.path().join("jobs");
    let mut hidden = 0;
    for moment in 1.. {
        let job = home.ok(["run", "--", "true"]);
        assert_eq!(home.call(["wait", &job]).code, 0);
        home.keeper_gone(&job);
        let kill = format!("inject=/rename|unlink:signal=KILL:when={moment}");
        let (what, rm) = ("a removal that is killed", home.outlive_words(["rm", &job]));
        let options = ["-qq", "-o", "/dev/null", "-e", &kill];
        let Some(mut rm) = under_strace(&home, &options, rm, what) else {
            return;
        };
        let said = Running::start(&mut rm).finish();
        let is_there = home.list().iter().any(|it| it["id"] == *job);
        assert_eq!(home.job(&job).exists(), is_there, "{moment}");
        let left = std::fs::read_dir(&jobs).expect("a job was there").count();
        hidden += left - usize::from(is_there);
        assert_eq!(home.ok(["prune"]), if is_there { &job } else { "" });
        let left = std::fs::read_dir(&jobs).expect("a job was there");
        let left: Vec<_> = left.flatten().map(|it| it.path()).collect();
        assert!(left.is_empty(), "{moment}: {left:?}");
        if said.code == 0 {
            break;
        }
    }
    println!("{hidden} were left out of sight");
    assert!(hidden > 1, "a removal takes more steps");
}

#[test]
fn stop_finds_children_of_a_dead_main_process_without_the_keeper() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--until", "tree"], &mut puppet);
    puppet.child("deaf-daemon");
    home.kill_keeper("job");
    let main = Pidfd::of(puppet.pid()).expect("it lives");
    puppet.exit(0);
    main.ended();
    let said = home.call(["stop", "job", "--grace", "50ms"]);
    assert_eq!(said.code, 0, "{said}");
    puppet.is_gone();
}

#[test]
fn a_job_without_its_keeper_is_signalled_and_restarted() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.does("trap USR1");
    home.kill_keeper("job");
    home.ok(["kill", "job", "-s", "USR1"]);
    assert_eq!(puppet.line(), "signal USR1");
    home.ok(["restart", "job"]);
    puppet.ready();
    home.survives("job", &mut puppet);
}

/// The polite signals do not end a keeper: they may be meant for everything that a user runs.
#[test]
fn a_keeper_outlives_polite_signals() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let pid = home.show("job")["keeper"]["pid"]
        .as_i64()
        .expect("a keeper that lives has a pid");
    let keeper = Pidfd::of(i32::try_from(pid).expect("a pid fits")).expect("it lives");
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        keeper.signal(signal);
    }
    home.survives("job", &mut puppet);
}
