//! A keeper that is killed while it starts its job again.

use outlive_testkit::{Home, Pidfd, Puppet, strace};
use std::fs;

/// What a strace without kills is for, and one with them.
const WHAT: &str = "a keeper that is killed at each step of a restart";

/// At whatever system call of its keeper: the job is not missing, has no second main process, and can be
/// stopped and started again.
#[test]
fn a_restart_that_is_cut_short_loses_no_job() {
    let Some(calls) = calls() else {
        return;
    };
    assert!(calls.len() > 50, "a restart takes more calls: {calls:?}");
    let (mut kills, mut seen) = (0, Vec::new());
    for (call, time) in &calls {
        let Some((killed, state)) = strike(call, *time) else {
            return;
        };
        kills += usize::from(killed);
        seen.push(state);
    }
    seen.dedup();
    println!("{kills} of {} calls: {seen:?}", calls.len());
    // No two restarts make the very same calls.
    assert!(kills * 2 > calls.len(), "most are met");
}

/// The system calls that a keeper makes from its job's end until that runs again: each by its name, and
/// for which time it makes that one.
fn calls() -> Option<Vec<(String, usize)>> {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--restart", "always"], &mut puppet);
    let first = Pidfd::of(puppet.pid()).expect("it lives");
    let seen = home.folder().join("calls");
    let options = ["-o", seen.to_str().expect("it is text")];
    let mut strace = strace(&home, home.keeper("job").pid(), &options, WHAT)?;
    puppet.exit(3);
    first.ended();
    puppet.ready_again();
    home.ok(["stop", "job"]);
    puppet.gone();
    strace.end();
    let seen = fs::read_to_string(seen).expect("strace has written it");
    let mut calls: Vec<(String, usize)> = Vec::new();
    let names = seen
        .lines()
        .filter_map(|line| Some(line.split_once('(')?.0));
    // The one in which it was met is not made anew.
    for name in names.filter(|name| *name != "restart_syscall") {
        let before = calls.iter().filter(|(other, _)| other == name).count();
        calls.push((name.to_owned(), before + 1));
        if name == "clone3" || name == "clone" {
            break;
        }
    }
    Some(calls)
}

/// Kills the keeper where it makes this system call for this time, from its job's end on; whether it did
/// so before the job ran again, and how the job stood then.
fn strike(call: &str, time: usize) -> Option<(bool, String)> {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--restart", "always"], &mut puppet);
    let first = Pidfd::of(puppet.pid()).expect("it lives");
    let keeper = home.keeper("job");
    let kill = format!("inject={call}:signal=KILL:when={time}");
    let mut strace = strace(&home, keeper.pid(), &["-o", "/dev/null", "-e", &kill], WHAT)?;
    puppet.exit(3);
    first.ended();
    let again = puppet.ready_again_before(&keeper);
    let killed = !keeper.lives();
    let listed = home.list();
    assert_eq!(listed.len(), 1, "{listed:?}");
    let state = listed[0]["state"].as_str().expect("it is text").to_owned();
    let fine: &[&str] = match killed {
        true => &["exited", "running", "failed", "lost"],
        false => &["running"],
    };
    assert!(fine.contains(&&*state), "{call} {time}: {}", listed[0]);
    if state == "running" {
        // The one that runs is the one that is shown.
        let again = again.unwrap_or_else(|| puppet.ready_again());
        assert_eq!(again, listed[0]["pid"], "{call} {time}");
    }
    let said = home.call(["stop", "job"]);
    assert_eq!(said.code, 0, "{call} {time}: {said}");
    if state == "running" {
        puppet.gone();
    }
    home.ok(["restart", "job"]);
    puppet.ready();
    puppet.beat();
    home.ok(["stop", "job"]);
    // A second one would hold its answers, too.
    puppet.is_gone();
    strace.end();
    Some((killed, state))
}
