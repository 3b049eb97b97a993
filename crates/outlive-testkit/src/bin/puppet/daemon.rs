//! A program that makes itself a daemon, and then does what it is told.

use crate::{obey, signals};
use outlive::{Breakaway, Daemon, Daemonized, Stdio};
use rustix::process::{Resource, Rlimit};
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::Duration;

/// What it does once it is a daemon.
enum Then {
    /// Says that it is ready, and obeys.
    Ready,
    /// Obeys, and never says that it is ready.
    Silent,
    /// Lets its handle go, and obeys.
    Drop,
    /// Fails with this text.
    Fail(String),
    /// The same, but ends by itself, with 3, after it has written to its standard error.
    GiveUp(String),
    /// Fails with what comes of reading the first file that it opened before.
    UseOpened,
    /// Exits with this code.
    Exit(i32),
    /// Is ended by this signal.
    Die(String),
}

/// `FOLDER KEY=VALUE...`: a daemon with these options; orders come through the FIFOs in FOLDER.
pub(crate) fn daemon(words: &[OsString]) -> io::Result<ExitCode> {
    let mut folder = PathBuf::from(&words[0]);
    let (mut daemon, mut then) = (Daemon::new(), Then::Ready);
    let (mut opened, mut tell) = (Vec::new(), None);
    for word in &words[1..] {
        let word = word.to_str().unwrap_or_default();
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "dir" => drop(daemon.working_dir(value)),
            "umask" => drop(daemon.umask(u32::from_str_radix(value, 8).unwrap_or(0))),
            "pid-file" => drop(daemon.pid_file(value)),
            "user" => drop(daemon.user(value)),
            "group" => drop(daemon.group(value)),
            "groups" => {
                let names = value.split(',').filter(|name| !name.is_empty());
                daemon.supplementary_groups(names);
            }
            "chroot" => {
                daemon.chroot(value);
                let inside = folder.strip_prefix(value).unwrap_or(&folder);
                folder = Path::new("/").join(inside);
            }
            "stdin" => drop(daemon.stdin(stream(value)?)),
            "stdout" => drop(daemon.stdout(stream(value)?)),
            "stderr" => drop(daemon.stderr(stream(value)?)),
            "keep" => drop(daemon.keep_descriptor(number(value))),
            "detach" => drop(daemon.detach(value != "no")),
            "breakaway" if value == "require" => drop(daemon.breakaway(Breakaway::Require)),
            "breakaway" => drop(daemon.breakaway(Breakaway::Prefer)),
            "timeout-ms" => {
                daemon.ready_timeout(Duration::from_millis(value.parse().unwrap_or(0)));
            }
            "open" => opened.push(File::open(value)?),
            "keep-opened" => {
                let file = File::open(value)?;
                daemon.keep_descriptor(file.as_raw_fd());
                opened.push(file);
            }
            "threads" => (0..number(value)).for_each(|_| {
                std::thread::spawn(std::thread::park);
            }),
            "joined-threads" => (0..number(value)).for_each(|_| {
                std::thread::spawn(|| {}).join().expect("it does nothing");
            }),
            "processes" => {
                let current = Some(number(value).unsigned_abs().into());
                let maximum = current;
                let limit = Rlimit { current, maximum };
                rustix::process::setrlimit(Resource::Nproc, limit)?;
            }
            "trap" => signals::trap(value, &File::create("/dev/null")?)?,
            "deaf" => {
                signals::ignore_all();
                signals::block_all();
            }
            "print" => print!("{value}"),
            "tell" => tell = Some(value.to_owned()),
            "then" => then = parse(value),
            _ => return Err(io::Error::other(format!("no such option: {word}"))),
        }
    }
    let mut daemon = match daemon.start() {
        Ok(daemon) => daemon,
        Err(error) => {
            eprintln!("{}", told(&error));
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(path) = tell {
        std::fs::write(path, state(&daemon))?;
    }
    match then {
        Then::Ready => daemon.ready().map_err(io::Error::other)?,
        Then::Silent => {}
        Then::Drop => {
            drop(daemon);
            return obey::obey(&folder);
        }
        Then::Fail(why) => daemon.failed(why),
        Then::GiveUp(why) => {
            let unheard = daemon.give_up(why);
            eprintln!("tidied up; {unheard:?}");
            process::exit(3)
        }
        Then::UseOpened => match opened[0].read(&mut [0]) {
            Ok(_) => daemon.failed("it was still open"),
            Err(error) => daemon.failed(error),
        },
        Then::Exit(code) => process::exit(code),
        Then::Die(signal) => drop(signals::die(&signal)),
    }
    let code = obey::obey(&folder);
    // What was opened before the start is closed by its owners now, as in any program.
    drop(opened);
    drop(daemon);
    code
}

fn parse(value: &str) -> Then {
    let (how, detail) = value.split_once(':').unwrap_or((value, ""));
    match how {
        "silent" => Then::Silent,
        "drop" => Then::Drop,
        "fail" => Then::Fail(detail.to_owned()),
        "give-up" => Then::GiveUp(detail.to_owned()),
        "use-opened" => Then::UseOpened,
        "exit" => Then::Exit(number(detail)),
        "die" => Then::Die(detail.to_owned()),
        _ => Then::Ready,
    }
}

fn number(text: &str) -> i32 {
    text.parse().expect("a number")
}

fn stream(value: &str) -> io::Result<Stdio> {
    Ok(match value {
        "inherit" => Stdio::inherit(),
        "null" => Stdio::null(),
        "piped" => Stdio::piped(),
        path => {
            let mut options = File::options();
            options.read(true).append(true).create(true);
            options.open(path)?.into()
        }
    })
}

/// An error as a person is told of it.
fn told(error: &outlive::Error) -> String {
    let mut text = error.to_string();
    if let Some(cause) = error.source() {
        let _ = write!(text, ": {cause}");
    }
    if let Some(hint) = error.hint() {
        let _ = write!(text, "\nhint: {hint}");
    }
    text
}

/// What the handle knows, a line for each thing.
fn state(daemon: &Daemonized) -> String {
    let mut text = format!("supervised {}\n", daemon.is_supervised());
    for closed in daemon.closed() {
        let _ = writeln!(text, "closed {closed}");
    }
    for escape in daemon.report().into_iter().flat_map(|it| &it.escapes) {
        let _ = writeln!(text, "{} {:?} {}", escape.hazard, escape.state, escape.how);
    }
    text
}
