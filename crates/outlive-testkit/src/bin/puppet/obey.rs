//! The job that does what it is told.

use crate::{children, serve, signals};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Takes orders from one FIFO and answers each with a line through the other, until it is told to
/// exit or the test has gone.
pub(crate) fn obey(folder: &Path) -> io::Result<ExitCode> {
    let orders = File::open(folder.join("orders"))?;
    let answers = File::options().write(true).open(folder.join("answers"))?;
    // Whatever it starts holds the lifeline too, programs as well as forks.
    rustix::io::fcntl_setfd(&answers, rustix::io::FdFlags::empty())?;
    answer(&answers, &format!("ready {}", std::process::id()));

    let mut reader = BufReader::new(orders.try_clone()?);
    let mut data = None;
    let mut taken = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(ExitCode::from(98));
        }
        let line = line.trim_end_matches('\n');
        let (order, rest) = line.split_once(' ').unwrap_or((line, ""));
        let said = match order {
            "exit" => return Ok(ExitCode::from(rest.parse().unwrap_or(99))),
            "child" => {
                children::child(rest, &orders, &answers);
                continue;
            }
            "data" => File::create(rest).map(|file| {
                let name =
                    rustix::fs::readlink(format!("/proc/self/fd/{}", number(&file)), Vec::new());
                data = Some(file);
                format!("{name:?}")
            }),
            "take" => crate::take(rest).map(|memory| {
                taken.push(memory);
                "done".to_owned()
            }),
            "trap" => signals::trap(rest, &answers).map(|()| "done".to_owned()),
            "die" => signals::die(rest),
            _ => act(order, rest),
        };
        drop(data.as_ref().map(File::sync_data));
        answer(
            &answers,
            &said.unwrap_or_else(|error| format!("failed: {error}")),
        );
    }
}

/// One line, in one write: other processes answer through the same FIFO.
pub(crate) fn answer(answers: &File, line: &str) {
    let mut answers = answers;
    // Without a test nobody is left to tell, and the orders' end of file comes next.
    let _ = answers.write_all(format!("{line}\n").as_bytes());
}

fn number(file: &File) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(file)
}

fn act(order: &str, rest: &str) -> io::Result<String> {
    let done = || "done".to_owned();
    match order {
        "say" => write_to(io::stdout(), rest).map(|()| done()),
        "complain" => write_to(io::stderr(), rest).map(|()| done()),
        "alternate" => alternate(rest).map(|()| done()),
        "flood" => flood(rest).map(|()| done()),
        "reopen" => {
            let mut file = File::options()
                .write(true)
                .truncate(true)
                .open("/dev/stderr")?;
            writeln!(file, "{rest}").map(|()| done())
        }
        "read" => {
            // Byte by byte: what comes after the line is for the next order.
            let mut line = Vec::new();
            let mut byte = [0];
            while io::stdin().as_fd_read(&mut byte)? == 1 && byte[0] != b'\n' {
                line.push(byte[0]);
            }
            let ended = byte[0] != b'\n' && line.is_empty();
            Ok(if ended {
                "end of file".to_owned()
            } else {
                format!("line {}", String::from_utf8_lossy(&line))
            })
        }
        "drain" => {
            let mut all = Vec::new();
            io::stdin().lock().read_to_end(&mut all)?;
            Ok(format!("drained {}", all.len()))
        }
        "terminal" => Ok(
            match File::options().read(true).write(true).open("/dev/tty") {
                Ok(_) => "has a terminal".to_owned(),
                Err(error) if error.raw_os_error() == Some(libc::ENXIO) => "no terminal".to_owned(),
                Err(error) => return Err(error),
            },
        ),
        "env" => {
            Ok(std::env::var(rest)
                .map_or_else(|_| "unset".to_owned(), |value| format!("set {value}")))
        }
        "folder" => std::env::current_dir().map(|path| path.display().to_string()),
        "umask" => {
            let mask = rustix::process::umask(rustix::fs::Mode::empty());
            rustix::process::umask(mask);
            Ok(format!("{:03o}", mask.bits()))
        }
        "listen" => serve::listen(rest).map(|()| done()),
        "answer" => serve::answer(rest),
        "notify" => serve::notify(rest).map(|()| done()),
        "status" => status(rest),
        "descriptors" => descriptors(),
        "group" => {
            let group = rustix::process::getpgrp().as_raw_nonzero();
            let session = rustix::process::getsid(None)?.as_raw_nonzero();
            Ok(format!("{group} {session}"))
        }
        // SAFETY: takes a number; one thread is this program's only one.
        "root" => match unsafe { libc::setuid(0) } {
            0 => Ok("became root".to_owned()),
            _ => Ok("refused".to_owned()),
        },
        "shell" => {
            let status = Command::new("sh").args(["-c", rest]).status()?;
            Ok(format!("ended with {:?}", status.code()))
        }
        _ => Err(io::Error::other("no such order")),
    }
}

fn write_to(mut to: impl Write, line: &str) -> io::Result<()> {
    to.write_all(format!("{line}\n").as_bytes())?;
    to.flush()
}

/// Lines in turn to output and error, unbuffered.
fn alternate(count: &str) -> io::Result<()> {
    for index in 0..count.parse().unwrap_or(0) {
        if index % 2 == 0 {
            write_to(io::stdout(), &format!("line {index}"))?;
        } else {
            write_to(io::stderr(), &format!("line {index}"))?;
        }
    }
    Ok(())
}

/// `COUNT WIDTH`: numbered lines of that width, in writes of many lines each.
fn flood(rest: &str) -> io::Result<()> {
    let (count, width) = rest.split_once(' ').unwrap_or((rest, "80"));
    let (count, width) = (count.parse().unwrap_or(0), width.parse().unwrap_or(80));
    let mut block = Vec::new();
    for index in 0..count {
        let start = block.len();
        block.extend_from_slice(format!("flood {index} ").as_bytes());
        block.resize(start + width - 1, b'.');
        block.push(b'\n');
        if block.len() >= 65536 || index + 1 == count {
            rustix_write_all(&block)?;
            block.clear();
        }
    }
    Ok(())
}

fn rustix_write_all(mut block: &[u8]) -> io::Result<()> {
    while !block.is_empty() {
        let count = rustix::io::write(rustix::stdio::stdout(), block)?;
        block = &block[count..];
    }
    Ok(())
}

/// One line of its own /proc status.
fn status(field: &str) -> io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    Ok(line.unwrap_or("none").trim().to_owned())
}

/// What its descriptors lead to, but for those it opened itself.
fn descriptors() -> io::Result<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        let Ok(target) = std::fs::read_link(&path) else {
            continue;
        };
        let target = target.display().to_string();
        let own = ["/orders", "/answers", "/fd"]
            .iter()
            .any(|end| target.ends_with(end));
        if !own {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            all.push(format!("{name}={target}"));
        }
    }
    all.sort();
    Ok(all.join(" "))
}

/// Reading without a buffer that would swallow what is meant for later.
trait ReadOnce {
    fn as_fd_read(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl ReadOnce for io::Stdin {
    fn as_fd_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.as_fd(), buffer)?)
    }
}
