//! Killing the keepers of jobs at random moments of the jobs' lives.

use crate::strike::{random, reap_all};
use rustix::event::Timespec;
use rustix::process::{Pid, Signal, WaitOptions};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// `ROUNDS SEED OUTLIVE WORDS`: starts the job that `WORDS` are, again and again, kills its keeper at
/// a random moment, and in every second round who starts it as well, waits for the job by
/// `outlive wait`, and in every third round kills who keeps it then. After each round it says how that ended and the job's id, if that was printed, once
/// all that came of it has ended: orphans become this process's children, and are reaped at once.
pub(crate) fn bereave(words: &[OsString]) -> io::Result<ExitCode> {
    let number = |word: &OsString| word.to_str().and_then(|word| word.parse::<u64>().ok());
    let numbers = number(&words[0]).zip(number(&words[1]));
    let (rounds, mut seed) = numbers.ok_or_else(|| io::Error::other("two numbers come first"))?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let mut usual = Duration::from_secs(1);
    for round in 0..rounds {
        let start = Instant::now();
        let mut run = Command::new(&words[2]);
        run.args(["run", "--"]).args(&words[3..]);
        let run = run.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut run = run.stderr(Stdio::null()).spawn()?;
        // The first one is left in peace, to learn how long it takes.
        if round > 0 {
            pause(usual.mul_f64(random(&mut seed)))?;
            keepers_below(rustix::process::getpid()).for_each(kill);
            if round % 2 == 0 {
                run.kill()?;
            }
        }
        let printed = run.wait_with_output()?.stdout;
        let id = String::from_utf8_lossy(&printed).trim().to_owned();
        let mut code = None;
        if !id.is_empty() {
            let mut wait = Command::new(&words[2]);
            let wait = wait.args(["wait", &id]).stderr(Stdio::null()).spawn()?;
            if round % 3 == 1 {
                // Who has adopted it, if anybody has.
                pause(usual.mul_f64(random(&mut seed) / 4.0))?;
                keepers_below(rustix::process::getpid()).for_each(kill);
            }
            code = end_of(Pid::from_child(&wait))?;
        }
        reap_all()?;
        if round == 0 {
            usual = start.elapsed();
        }
        println!(
            "{} {id}",
            code.map_or("none".to_owned(), |code| code.to_string())
        );
        io::stdout().flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn pause(time: Duration) -> io::Result<()> {
    let time = Timespec::try_from(time).map_err(io::Error::other)?;
    rustix::event::poll(&mut [], Some(&time))?;
    Ok(())
}

/// The exit code of a child; whatever else has ended by then is reaped.
fn end_of(child: Pid) -> io::Result<Option<i32>> {
    loop {
        match rustix::process::wait(WaitOptions::empty())? {
            Some((pid, status)) if pid == child => return Ok(status.exit_status()),
            _ => {}
        }
    }
}

fn kill(keeper: Pid) {
    // It may have ended since.
    let _ = rustix::process::kill_process(keeper, Signal::KILL);
}

/// The keepers among the descendants of a process that waits for nobody meanwhile. A job before its
/// exec bears its keeper's name, and is below it.
fn keepers_below(parent: Pid) -> impl Iterator<Item = Pid> {
    let children = |pid: Pid| {
        let pid = pid.as_raw_nonzero();
        let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let list = list.unwrap_or_default();
        let pids = list.split_ascii_whitespace();
        let pids: Vec<Pid> = pids
            .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
            .collect();
        pids
    };
    let is_keeper = |pid: &Pid| {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
        name.is_ok_and(|name| name.trim() == "outlive-keeper")
    };
    let near = children(parent);
    let far: Vec<Pid> = near
        .iter()
        .filter(|pid| !is_keeper(pid))
        .flat_map(|pid| children(*pid))
        .collect();
    near.into_iter().chain(far).filter(is_keeper)
}
