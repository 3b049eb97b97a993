//! Killing a program at random moments.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// `ROUNDS SEED WORDS`: starts the program, kills it at a random moment of its time, and waits
/// until all that came of it has ended: whatever it started becomes this process's child then.
/// After each round it says `killed` or `ended CODE`, and what the program printed.
pub(crate) fn strike(words: &[OsString]) -> io::Result<ExitCode> {
    let number = |word: &OsString| word.to_str().and_then(|word| word.parse::<u64>().ok());
    let numbers = number(&words[0]).zip(number(&words[1]));
    let (rounds, mut seed) = numbers.ok_or_else(|| io::Error::other("two numbers come first"))?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;

    let mut command = Command::new(&words[2]);
    command
        .args(&words[3..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut times = Vec::new();
    for _ in 0..9 {
        let start = Instant::now();
        let child = command.spawn()?;
        wait(&child, None)?;
        times.push(start.elapsed());
        finish(child)?;
    }
    times.sort();
    let usual = times[times.len() / 2];
    for _ in 0..rounds {
        // A little longer than it usually takes, so that the last moments are struck too.
        let moment = usual.mul_f64(1.2 * random(&mut seed));
        let child = command.spawn()?;
        if !wait(&child, Some(moment))? {
            let pid = Pid::from_child(&child);
            rustix::process::kill_process(pid, Signal::KILL)?;
        }
        finish(child)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits for a child's end, or until its moment has come; says whether it has ended.
fn wait(child: &Child, limit: Option<Duration>) -> io::Result<bool> {
    let handle = rustix::process::pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let limit = limit
        .map(|limit| Timespec::try_from(limit).map_err(io::Error::other))
        .transpose()?;
    let ready = rustix::event::poll(&mut [PollFd::new(&handle, PollFlags::IN)], limit.as_ref())?;
    Ok(ready == 1)
}

/// Says how a round went, once everything that came of it has ended.
fn finish(child: Child) -> io::Result<()> {
    let said = child.wait_with_output()?;
    reap_all()?;
    let how = said
        .status
        .code()
        .map_or("killed".to_owned(), |code| format!("ended {code}"));
    let printed = String::from_utf8_lossy(&said.stdout);
    println!("{how} {}", printed.trim());
    io::stdout().flush()
}

/// Waits until no child is left, and no child's child.
pub(crate) fn reap_all() -> io::Result<()> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A number from 0 to 1 (xorshift64*, see Marsaglia 2003 and Vigna 2016).
pub(crate) fn random(seed: &mut u64) -> f64 {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    (seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
}
