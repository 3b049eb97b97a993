//! A keeper that is killed while it starts its job again.

use outlive_testkit::{Home, Pidfd, Puppet, Running, skipped};
use std::process::{Command, Stdio};

const WHAT: &str = "a keeper that is killed at each step of a restart";

/// Every so many system calls: each round takes the time of a first pause.
const STRIDE: usize = 5;

/// At whatever system call of its keeper: the job is not missing, has no second main process, and can be
/// stopped and started again.
#[test]
fn a_restart_that_is_cut_short_loses_no_job() {
    let mut strace = Command::new("strace");
    if strace.arg("-V").stdout(Stdio::null()).status().is_err() {
        skipped(WHAT, "no strace to kill it by");
        return;
    }
    let (mut rounds, mut seen) = (0, Vec::new());
    for moment in (1..).step_by(STRIDE) {
        let Some((killed, state)) = strike(moment) else {
            return;
        };
        rounds += 1;
        seen.push(state);
        if !killed {
            break;
        }
    }
    seen.dedup();
    println!("{rounds} rounds: {seen:?}");
    assert!(rounds > 15, "a restart takes more calls than these");
}

/// Kills the keeper at the entry of this system call of those that it makes from its job's end on;
/// whether it made so many before the job ran again, and how the job stood then.
fn strike(moment: usize) -> Option<(bool, String)> {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--restart", "always"], &mut puppet);
    let first = Pidfd::of(puppet.pid()).expect("it lives");
    let pid = home.show("job")["keeper"]["pid"].as_i64();
    let pid = i32::try_from(pid.expect("it has one")).expect("a pid fits");
    let keeper = Pidfd::of(pid).expect("it lives");
    let kill = format!("inject=all:signal=KILL:when={moment}");
    let words = [
        "strace",
        "-e",
        "trace=all",
        "-e",
        &kill,
        "-p",
        &pid.to_string(),
    ];
    let mut strace = Running::start(&mut home.command(words));
    let said = strace.err.line().expect("it says something");
    if !said.contains("attached") {
        puppet.exit(0);
        home.ok(["stop", "job"]);
        skipped(WHAT, &said);
        return None;
    }
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
    assert!(fine.contains(&&*state), "{moment}: {}", listed[0]);
    if state == "running" {
        // The one that runs is the one that is shown.
        let again = again.unwrap_or_else(|| puppet.ready_again());
        assert_eq!(again, listed[0]["pid"], "{moment}");
    }
    let said = home.call(["stop", "job"]);
    assert_eq!(said.code, 0, "{moment}: {said}");
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
