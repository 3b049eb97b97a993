//! Killing a program, or the first process that it starts, at every one of its system calls.
//!
//! What random moments find by luck this finds for certain: between any two system calls nothing
//! changes that anybody else could see.

use rustix::process::{Pid, Signal};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// Who is what in the family that is watched.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// The program itself.
    First,
    /// What it starts.
    Second,
    /// What that starts; watched up to its exec.
    Third,
    /// A keeper that stays when the program has ended, whoever has started it.
    Keeper,
}

/// `first|second|keeper STRIDE WORDS`: starts the program again and again, and kills it (or what it
/// starts) at its first system call, its second, and so on: at the entry and at the exit, whoever
/// of the family makes it. A `keeper` is there from its exec on, when the counting begins, and is killed
/// in any case once the program has ended, since it would stay. Says a line for each round, after everything that came of it has ended.
pub(crate) fn sweep(words: &[OsString]) -> io::Result<ExitCode> {
    let victim = match words[0].to_str() {
        Some("first") => Part::First,
        Some("keeper") => Part::Keeper,
        _ => Part::Second,
    };
    let stride: usize = words[1]
        .to_str()
        .and_then(|word| word.parse().ok())
        .unwrap_or(1);
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    for moment in (1..).step_by(stride) {
        let mut command = Command::new(&words[2]);
        command
            .args(&words[3..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Hundreds of failures, which nobody reads.
            .stderr(Stdio::null());
        // SAFETY: ptrace is allowed after a fork.
        unsafe { command.pre_exec(|| traced(libc::PTRACE_TRACEME, 0, 0)) };
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let struck = Watch::of(pid, victim, moment).go()?;
        let mut printed = String::new();
        let mut out = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no pipe"))?;
        out.read_to_string(&mut printed)?;
        let how = if struck { "struck" } else { "missed" };
        println!("{how} {moment} {}", printed.trim());
        io::stdout().flush()?;
        if !struck {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Watch {
    family: HashMap<i32, Part>,
    victim: Part,
    moment: usize,
    calls: usize,
}

impl Watch {
    fn of(first: i32, victim: Part, moment: usize) -> Watch {
        Watch {
            family: HashMap::from([(first, Part::First)]),
            victim,
            moment,
            calls: 0,
        }
    }

    /// Watches until all have ended, whatever came of them included; says whether the victim was
    /// killed.
    fn go(mut self) -> io::Result<bool> {
        let mut ready = false;
        let mut struck = false;
        loop {
            let mut status = 0;
            // SAFETY: the status is our own.
            let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
            if pid < 0 {
                let error = io::Error::last_os_error();
                return if error.raw_os_error() == Some(libc::ECHILD) {
                    Ok(struck)
                } else {
                    Err(error)
                };
            }
            if !libc::WIFSTOPPED(status) {
                // Not the end even if it was the last: one may have been born that nobody saw yet.
                let part = self.family.remove(&pid);
                if self.victim == Part::Keeper && part == Some(Part::First) && !struck {
                    self.strike()?;
                }
                continue;
            }
            if !ready {
                // The stop after its exec: from here on it is the program.
                let options = libc::PTRACE_O_TRACESYSGOOD
                    | libc::PTRACE_O_TRACECLONE
                    | libc::PTRACE_O_TRACEFORK
                    | libc::PTRACE_O_TRACEVFORK
                    | libc::PTRACE_O_TRACEEXEC;
                traced(libc::PTRACE_SETOPTIONS, pid, options as usize)?;
                ready = true;
            }
            let signal = libc::WSTOPSIG(status);
            let event = status >> 16;
            let mut pass_on = 0;
            if event == libc::PTRACE_EVENT_EXEC && self.victim == Part::Keeper && is_keeper(pid) {
                self.family.insert(pid, Part::Keeper);
            } else if event == libc::PTRACE_EVENT_EXEC
                && self.family.get(&pid) == Some(&Part::Third)
            {
                self.family.remove(&pid);
                traced(libc::PTRACE_DETACH, pid, 0)?;
                continue;
            } else if signal == libc::SIGTRAP | 0x80 {
                self.calls += usize::from(self.victim != Part::Keeper || self.victim().is_some());
                struck = struck || (self.calls >= self.moment && self.strike()?);
            } else if event == 0 && self.family.contains_key(&pid) && signal != libc::SIGTRAP {
                pass_on = signal as usize;
            } else if !self.family.contains_key(&pid) {
                // The first stop of one that was born; its parent may be told later.
                let part = self.part_of(pid);
                self.family.insert(pid, part);
            }
            let go_on = if struck {
                libc::PTRACE_CONT
            } else {
                libc::PTRACE_SYSCALL
            };
            // One that was just killed can't be told to go on.
            let _ = traced(go_on, pid, pass_on);
        }
    }

    fn part_of(&self, pid: i32) -> Part {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        match parent.and_then(|parent: i32| self.family.get(&parent)) {
            Some(Part::First) => Part::Second,
            _ => Part::Third,
        }
    }

    fn victim(&self) -> Option<Pid> {
        let mut family = self.family.iter();
        let victim = family.find(|(_, part)| **part == self.victim);
        victim.and_then(|(&pid, _)| Pid::from_raw(pid))
    }

    /// Kills the victim; `false` if there is none yet, or none any more.
    fn strike(&self) -> io::Result<bool> {
        let Some(victim) = self.victim() else {
            return Ok(false);
        };
        rustix::process::kill_process(victim, Signal::KILL)?;
        Ok(true)
    }
}

fn is_keeper(pid: i32) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.starts_with(b"outlive-keeper\0")
}

fn traced(request: libc::c_uint, pid: i32, data: usize) -> io::Result<()> {
    // SAFETY: none of the requests made here writes to memory of ours.
    let done = unsafe { libc::ptrace(request, pid, 0usize, data) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
