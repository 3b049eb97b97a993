//! The parts that this program plays in a cell: the job, and what wraps its caller.

use super::fault::{Context, Fault, Result};
use crate::events;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a job says that it lives.
const BEAT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// `FOLDER`: the job. It beats, through a FIFO and to its output, until it is told to exit or
/// nobody gives it orders any more.
pub(crate) fn beat(words: &[OsString]) -> Result<ExitCode> {
    let folder = Path::new(words.first().ok_or_else(|| Fault::new("no folder"))?);
    let orders = File::open(folder.join("orders")).context(|| "no orders".to_owned())?;
    let beats = File::options().write(true).open(folder.join("beats"));
    let mut beats = beats.context(|| "nobody listens".to_owned())?;
    let mut say = |line: &str| beats.write_all(format!("{line}\n").as_bytes());
    let mut number = 0u64;
    loop {
        number += 1;
        let kept = writeln!(io::stdout(), "beat {number}").and_then(|()| io::stdout().flush());
        let line = match kept {
            Ok(()) => format!("beat {number}"),
            Err(error) => format!("beat {number} without output: {error}"),
        };
        say(&line).context(|| "nobody listens any more".to_owned())?;
        if ASKED.load(Ordering::Relaxed) {
            say("asked").context(|| "nobody listens any more".to_owned())?;
            return Ok(ExitCode::from(super::deeds::ASKED));
        }
        let mut fds = [PollFd::new(&orders, PollFlags::IN)];
        if !matches!(rustix::event::poll(&mut fds, Some(&BEAT)), Ok(1..)) {
            continue;
        }
        let order = one_line(&orders).context(|| "failed to read an order".to_owned())?;
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("exit", code) => return Ok(ExitCode::from(code.parse().unwrap_or(99))),
            ("status", _) => say(&format!("status {}", super::status::own())).unwrap_or_default(),
            ("terminal", _) => {
                let _ = io::stdin().read(&mut [0]);
                let written = File::options().write(true).open("/dev/tty");
                let _ = written.and_then(|mut terminal| terminal.write_all(b"from the job\n"));
                say("terminal done").unwrap_or_default();
            }
            ("polite", _) => {
                let noted: extern "C" fn(libc::c_int) = note_asked;
                // SAFETY: the handler does nothing but store.
                unsafe { libc::signal(libc::SIGTERM, noted as libc::sighandler_t) };
                say("polite").unwrap_or_default();
            }
            _ => return Ok(ExitCode::from(98)),
        }
    }
}

/// Whether the job was sent SIGTERM: that interrupts its wait for orders (poll(2)).
static ASKED: AtomicBool = AtomicBool::new(false);

extern "C" fn note_asked(_: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// One line, byte by byte: what comes after it stays in the FIFO.
fn one_line(mut source: &File) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while source.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

pub(crate) fn pid() -> i32 {
    i32::try_from(std::process::id()).unwrap_or_default()
}

/// Does nothing until it is killed.
pub(crate) fn idle() -> ExitCode {
    loop {
        std::thread::park();
    }
}

/// `FOLDER HOW WORDS`: a parent. `mortal`: its child has asked to be killed with it. Once the child
/// has ended it says so.
pub(crate) fn parent(words: &[OsString]) -> Result<ExitCode> {
    let [folder, how, words @ ..] = words else {
        return Err(Fault::new("a parent wants a folder, a manner and words"));
    };
    let mut command = program(words)?;
    if how == "mortal" {
        let ask = || {
            let signal = Some(Signal::KILL);
            Ok(rustix::process::set_parent_process_death_signal(signal)?)
        };
        // SAFETY: prctl is allowed after a fork.
        unsafe { command.pre_exec(ask) };
    }
    said(folder, &format!("wrapper {}", std::process::id()))?;
    let mut child = spawn(&mut command)?;
    let status = child.wait().context(|| "failed to wait".to_owned())?;
    said(
        folder,
        &format!("launched {}", status.code().unwrap_or(128)),
    )?;
    // Stays to be killed.
    Ok(idle())
}

/// `FOLDER HOW WORDS`: a parent that, when told, kills whatever descends from it until nothing
/// does. `subreaper`: orphans stay its descendants.
pub(crate) fn hunter(words: &[OsString]) -> Result<ExitCode> {
    let [folder, how, words @ ..] = words else {
        return Err(Fault::new("a hunter wants a folder, a manner and words"));
    };
    if how == "subreaper" {
        let own = Some(rustix::process::getpid());
        rustix::process::set_child_subreaper(own)
            .context(|| "failed to become a subreaper".to_owned())?;
    }
    let strike = Path::new(folder).join("strike");
    let strike = File::open(strike).context(|| "failed to open `strike`".to_owned())?;
    let _child = spawn(&mut program(words)?)?;
    let mut line = String::new();
    BufReader::new(strike)
        .read_line(&mut line)
        .context(|| "failed to wait for a word".to_owned())?;
    let mut killed = 0;
    loop {
        reap();
        let found = descendants(pid());
        if found.is_empty() {
            break;
        }
        killed += found.len();
        for process in &found {
            process.signal(Signal::KILL);
        }
        for process in &found {
            let _ = events::readable_within(process, Duration::from_secs(10));
        }
    }
    said(folder, &format!("struck {killed}"))?;
    Ok(idle())
}

/// All that descend from `ancestor` by parent pid and have not ended.
fn descendants(ancestor: i32) -> Vec<crate::Pidfd> {
    let parents: Vec<(i32, i32)> = crate::process::pids()
        .into_iter()
        .filter_map(|pid| Some((pid, crate::process::stat(pid)?.get(1)?.parse().ok()?)))
        .collect();
    let mut family = vec![ancestor];
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        let children = parents.iter().filter(|(_, its)| *its == parent);
        family.extend(children.map(|(pid, _)| *pid));
        at += 1;
    }
    let found = family.into_iter().skip(1).filter_map(crate::Pidfd::of);
    found.filter(crate::Pidfd::lives).collect()
}

fn reap() {
    use rustix::process::{WaitOptions, wait};
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// `WORDS`, with signals ignored and others blocked.
pub(crate) fn deaf(words: &[OsString]) -> Result<ExitCode> {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1] {
        // SAFETY: ignoring a signal needs nothing.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: all zeroes is a valid set, which the next call empties.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is our own.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in [libc::SIGTERM, libc::SIGUSR2] {
        // SAFETY: the set is our own, and the signals exist.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    // SAFETY: the set is filled, and the old one is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    let error = program(words)?.exec();
    Err(error).context(|| format!("failed to become `{}`", words[0].display()))
}

fn program(words: &[OsString]) -> Result<Command> {
    let (program, arguments) = words.split_first().ok_or_else(|| Fault::new("no words"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .spawn()
        .context(|| format!("failed to start `{}`", command.get_program().display()))
}

/// Tells the harness something.
pub(crate) fn said(folder: &std::ffi::OsStr, line: &str) -> Result<()> {
    let path = Path::new(folder).join("said");
    File::options()
        .write(true)
        .open(path)
        .and_then(|mut file| writeln!(file, "{line}"))
        .context(|| "failed to tell the harness".to_owned())
}
