//! Callers of outlive, each in a state of its own; most become the program that they are given.

use crate::{become_program, signals};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit, Signal};
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The leader of a new session, whose controlling terminal is its standard input.
pub(crate) fn lead(words: &[OsString]) -> io::Result<ExitCode> {
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
    Err(become_program(words))
}

/// Descriptors 0 to 2 closed, and room for 16 in all.
pub(crate) fn closed(words: &[OsString]) -> io::Result<ExitCode> {
    let limit = Rlimit {
        current: Some(16),
        maximum: Some(16),
    };
    rustix::process::setrlimit(Resource::Nofile, limit)?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    let close = || {
        for fd in 0..3 {
            // SAFETY: the program that comes next opens what it needs anew, and if the exec fails
            // this one only exits.
            unsafe { libc::close(fd) };
        }
        Ok(())
    };
    // SAFETY: close is allowed after a fork; there is none here, exec replaces this very process.
    unsafe { command.pre_exec(close) };
    Err(command.exec())
}

/// In a folder that has been removed, with a mask that leaves nothing of any mode.
pub(crate) fn nowhere(words: &[OsString]) -> io::Result<ExitCode> {
    let folder = Path::new(&words[0]);
    std::fs::create_dir(folder)?;
    std::env::set_current_dir(folder)?;
    std::fs::remove_dir(folder)?;
    rustix::process::umask(Mode::RWXU | Mode::RWXG | Mode::RWXO);
    Err(become_program(&words[1..]))
}

/// With every signal ignored and blocked, SIGCHLD too.
pub(crate) fn deaf(words: &[OsString]) -> io::Result<ExitCode> {
    signals::ignore_all();
    signals::block_all();
    Err(become_program(words))
}

/// A parent whose child asked to be killed with it. The child is `WORDS`, started as `HOW` says; the
/// parent says when it has ended, and goes when its standard input is closed.
///
/// - `exec`: the child asks, then becomes the program.
/// - `fork`: the child asks, then starts the program.
/// - `thread`: as `exec`, and the thread that started it ends first.
pub(crate) fn orphaning(words: &[OsString]) -> io::Result<ExitCode> {
    let (how, words) = (words[0].as_os_str(), &words[1..]);
    let launch = || {
        let mut command = if how == "fork" {
            let mut shell = Command::new("sh");
            // Not the last command of the shell, which would become it instead of starting it.
            shell.args(["-c", "\"$@\"; exit $?", "sh"]).args(words);
            shell
        } else {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            command
        };
        let ask = || {
            Ok(rustix::process::set_parent_process_death_signal(Some(
                Signal::KILL,
            ))?)
        };
        // SAFETY: prctl is allowed after a fork.
        unsafe { command.pre_exec(ask) };
        command.status()
    };
    let status = if how == "thread" {
        let ended = std::thread::scope(|scope| scope.spawn(launch).join());
        ended.map_err(|_| io::Error::other("the thread panicked"))??
    } else {
        launch()?
    };
    println!("launched with {:?}", status.code());
    io::stdout().flush()?;
    io::stdin().lock().read_line(&mut String::new())?;
    Ok(ExitCode::SUCCESS)
}

/// A subreaper that runs `WORDS` as its child; it inherits all orphans that come of that. It ends as
/// that does.
pub(crate) fn adopting(words: &[OsString]) -> io::Result<ExitCode> {
    // SAFETY: prctl with plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let status = Command::new(&words[0]).args(&words[1..]).status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Knocks at a control socket with a request that changes nothing, and says what came of it.
pub(crate) fn knock(path: &Path) -> io::Result<ExitCode> {
    let kind = SocketType::SEQPACKET;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    if let Err(error) = rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        println!("not let in: {error}");
        return Ok(ExitCode::SUCCESS);
    }
    let asked = rustix::net::send(
        &socket,
        br#"{"version":1,"ask":"ended"}"#,
        SendFlags::NOSIGNAL,
    );
    let mut answer = [0; 4096];
    let heard = asked.and_then(|_| rustix::net::recv(&socket, &mut answer, RecvFlags::empty()));
    match heard {
        Ok((_, 0)) => println!("no answer"),
        Ok((_, count)) => println!("answer: {}", String::from_utf8_lossy(&answer[..count])),
        Err(error) => println!("no answer: {error}"),
    }
    Ok(ExitCode::SUCCESS)
}
