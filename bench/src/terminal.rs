//! A job with a terminal of its own, and somebody who is attached to it: how long a key's echo is on
//! its way, how much goes through, and what the keeper takes. Beside dtach and tmux, if installed.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use outlive::Size;
use outlive_os::events::{self, Inflow};
use outlive_os::process::Process;
use outlive_os::pty::Pty;
use outlive_os::spawn::{Spawn, Strings};
use outlive_os::{AsDescriptor, signal};

use crate::Options;
use crate::error::{Error, Result};
use crate::home::{Builds, Home};
use crate::keeper::{anonymous, pid};
use crate::peers::{find, quiet};
use crate::sample::{Series, interleave};
use crate::table::Table;

const OURS: &str = "outlive attach";
const DTACH: &str = "dtach -a";
const TMUX: &str = "tmux attach";

/// What is attached to: it prints as many bytes as it is told, and which time that was.
const SCRIPT: &str = "stty sane; while read n; do head -c $n /dev/zero | tr '\\0' y | fold -w 79; \
                      i=$((i + 1)); echo ti''me $i.; done";
/// How many keys are pressed for one sample.
const KEYS: usize = 200;
/// How many bytes are printed for one.
const PRINTED: u64 = 20_000_000;
/// How many lines the keeper has passed on when its memory is looked at.
const LINES: u64 = 1000;
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn measure(
    options: &Options,
    builds: &Builds,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    let folder = folder.join("terminal");
    let home = Home::fresh(&folder)?;
    let mut seats = vec![(OURS, ours(&home, &builds.dist, &folder)?)];
    let job = home.only()?;
    for (name, start) in [(DTACH, dtach as Start), (TMUX, tmux)] {
        match start(&folder)? {
            Some(seat) => seats.push((name, seat)),
            None => eprintln!("{name} takes no part: it is not installed"),
        }
    }
    let names: Vec<&str> = seats.iter().map(|(name, _)| *name).collect();
    let mut seat_of = |name: &str, measure: fn(&mut Seat) -> Result<f64>| {
        let mut all = seats.iter_mut();
        let (_, seat) = all
            .find(|(other, _)| *other == name)
            .ok_or_else(|| Error::new("nobody is attached by that name"))?;
        measure(seat)
    };
    let rounds = if options.quick { 5 } else { 15 };
    let echo = interleave(rounds, &names, |name| seat_of(name, Seat::echo))?;
    let rate = interleave(rounds, &names, |name| seat_of(name, Seat::rate))?;

    for (what, all) in [("a key's echo, µs", &echo), ("throughput, MB/s", &rate)] {
        println!("\n{what} (median, spread of the middle half)");
        for series in all {
            println!("  {:<32} {}", series.name, series.figures());
        }
    }
    let ours = |all| Series::named(all, OURS);
    for peer in &names[1..] {
        let (echoed, passed) = (Series::named(&echo, peer), Series::named(&rate, peer));
        if *peer == DTACH {
            table.ratio(
                "a key's echo through attach",
                (ours(&echo), "µs"),
                echoed,
                1.2,
            );
            table.at_least("output through attach", (ours(&rate), "MB/s"), passed, 1.0);
        } else {
            table.note("a key's echo through attach", (ours(&echo), "µs"), echoed);
            table.note("output through attach", (ours(&rate), "MB/s"), passed);
        }
    }
    let memory = anonymous(pid(&job)?)?;
    let what = format!("keeper's anonymous memory with a terminal, after {LINES} lines and more");
    table.limit(&what, (memory, "KiB"), "", 256.0);
    Ok(())
}

type Start = fn(&Path) -> Result<Option<Seat>>;

fn ours(home: &Home, outlive: &Path, folder: &Path) -> Result<Seat> {
    let run = [
        "run", "--tty", "--name", "terminal", "--", "sh", "-c", SCRIPT,
    ];
    done(&mut home.command(outlive, &run))?;
    let variable = format!("OUTLIVE_HOME={}", folder.display());
    let env = find("env").ok_or_else(|| Error::new("no `env` in PATH"))?;
    let outlive = outlive.to_string_lossy();
    Seat::open(
        &env,
        &["env", &variable, &outlive, "attach", "terminal"],
        None,
    )
}

fn dtach(folder: &Path) -> Result<Option<Seat>> {
    let Some(program) = find("dtach") else {
        return Ok(None);
    };
    let socket = folder.join("dtach").display().to_string();
    let start = ["-n", &socket, "-r", "none", "sh", "-c", SCRIPT];
    done(quiet(Command::new(&program).args(start)))?;
    Seat::open(&program, &["dtach", "-a", &socket, "-r", "none"], None).map(Some)
}

fn tmux(folder: &Path) -> Result<Option<Seat>> {
    let Some(program) = find("tmux") else {
        return Ok(None);
    };
    let socket = folder.join("tmux").display().to_string();
    let common = ["-S", &socket, "-f", "/dev/null"];
    let new = [
        "new-session",
        "-d",
        "-x",
        "80",
        "-y",
        "24",
        "sh",
        "-c",
        SCRIPT,
    ];
    done(quiet(Command::new(&program).args(common).args(new)))?;
    let mut end = Command::new(&program);
    quiet(end.args(common).arg("kill-server"));
    let attach = [&["tmux"], &common[..], &["attach"]].concat();
    Seat::open(&program, &attach, Some(end)).map(Some)
}

fn done(command: &mut Command) -> Result<()> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(Error::new(format!("failed to start {command:?}"))),
    }
}

/// Somebody at a terminal who is attached to another one.
struct Seat {
    output: Inflow,
    input: File,
    seen: Vec<u8>,
    asked: usize,
    client: Process,
    end: Option<Command>,
    _terminal: Pty,
}

impl Seat {
    fn open(program: &Path, words: &[&str], end: Option<Command>) -> Result<Seat> {
        let (terminal, output) = Pty::open(Size::default())?;
        let strings = |all: &[&str]| {
            let mut strings = Strings::default();
            all.iter()
                .try_for_each(|word| strings.push(&[word.as_bytes()]))
                .map(|()| strings)
        };
        let spawn = Spawn {
            programs: strings(&[&program.to_string_lossy()])?,
            arguments: strings(words)?,
            new_session: true,
            terminal: Some(&terminal),
            ..Spawn::default()
        };
        let client = spawn.spawn().map_err(|error| error.cause)?;
        let mut seat = Seat {
            output,
            input: terminal.input()?.into(),
            seen: Vec::new(),
            asked: 0,
            client,
            end,
            _terminal: terminal,
        };
        // Once it answers it is attached.
        seat.ask(0)?;
        seat.ask(LINES * 80)?;
        Ok(seat)
    }

    /// Reads until `text` has come.
    fn until(&mut self, text: &[u8]) -> Result<()> {
        loop {
            if let Some(at) = self.seen.windows(text.len()).position(|it| it == text) {
                self.seen.drain(..at + text.len());
                return Ok(());
            }
            // What may be its beginning stays.
            let rest = self.seen.len().saturating_sub(text.len());
            self.seen.drain(..rest);
            if events::wait(&[self.output.as_fd()], Some(PATIENCE))?.is_empty() {
                return Err(Error::new("nothing more comes through a terminal"));
            }
            let mut bytes = [0; 65536];
            match self.output.read(&mut bytes) {
                Ok(0) => return Err(Error::new("a terminal has ended")),
                Ok(length) => self.seen.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Has so many bytes printed.
    fn ask(&mut self, bytes: u64) -> Result<()> {
        write!(self.input, "{bytes}\r")?;
        self.asked += 1;
        self.until(format!("time {}.", self.asked).as_bytes())
    }

    /// How long a key takes until its echo is seen, in microseconds.
    fn echo(&mut self) -> Result<f64> {
        let mut times = Vec::with_capacity(KEYS);
        for _ in 0..KEYS {
            let begun = Instant::now();
            self.input.write_all(b"#")?;
            self.until(b"#")?;
            times.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        // The line is dropped, and what that has shown is passed over.
        self.input.write_all(b"\x15")?;
        self.ask(0)?;
        Ok(Series::of("keys", times).median())
    }

    /// How much comes through, in megabytes a second.
    fn rate(&mut self) -> Result<f64> {
        let begun = Instant::now();
        self.ask(PRINTED)?;
        Ok(PRINTED as f64 / 1e6 / begun.elapsed().as_secs_f64())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // The end of its input ends what all are attached to; that it fails has nobody to be told to.
        let _ = self.input.write_all(b"\x15\x04");
        if let Some(end) = &mut self.end {
            let _ = end.status();
        }
        if !self.client.wait_end(Some(PATIENCE)).unwrap_or(false) {
            let _ = self.client.signal(signal::KILL);
        }
        let _ = self.client.reap();
    }
}
