//! `outlive attach`.

use crate::cli::examples;
use crate::detach::{Detach, Keys};
use crate::follow;
use crate::modes;
use crate::report::{self, Failure, Result};
use crate::screen::{PIECE, Screen};
use crate::status;
use crate::text;
use outlive::{Attached, Job, Jobs, Modes, Size, State, Status};
use outlive_os::events::Signals;
use outlive_os::signal;
use outlive_os::terminal::Raw;
use outlive_os::{AsDescriptor, KERNEL, Kernel};
use std::io::{self, IsTerminal, Read, Write};
use std::time::Duration;

#[derive(clap::Args)]
#[command(after_help = examples!(
    r"  outlive run --tty --name repl -- python3
  outlive attach repl                          leave it with Ctrl-\ d
  outlive attach --read-only repl              look on, type nothing
  outlive attach --detach-keys ctrl-a,d repl"
))]
pub(crate) struct Args {
    /// The job's name, its id or the beginning of its id
    job: String,

    /// Look on: what you type is not passed on, and the size stays as it is
    #[arg(long, short)]
    read_only: bool,

    #[command(flatten)]
    leave: Leave,
}

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Leave {
    /// The keys that leave it running, as docker writes them [default: ctrl-\,d]
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<Keys>,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let job = Jobs::open()?.get(&args.job)?;
    sit(&job, &args.job, &args.leave, args.read_only)
}

/// That there is a terminal to sit at.
pub(crate) fn require_terminal(label: &str) -> Result<()> {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return Ok(());
    }
    let what = format!("failed to attach to `{label}`: standard input and output are no terminal");
    Err(Failure::new(what).hint("without one use `outlive send` and `outlive logs -f`"))
}

/// How a sitting ended.
enum Left {
    /// By the keys.
    Detached,
    /// The job has ended.
    Ended,
    /// By a signal.
    Told(i32),
    /// The person's terminal is gone.
    Lost,
}

/// Sits a person down at a job's terminal, until they leave or it ends. Gives the code to exit with.
pub(crate) fn sit(job: &Job, label: &str, leave: &Leave, read_only: bool) -> Result<i32> {
    let mut output = job.latest_output()?;
    let (before, passed_over) = modes::start(job, &mut output)?;
    let terminal = job.attach(output)?;
    require_terminal(label)?;
    let failed = |what: &str| {
        let what = format!("failed to {what}");
        move |error: io::Error| report::io_failure(&what, &error)
    };
    let signals = [
        signal::WINDOW,
        signal::INTERRUPT,
        signal::TERM,
        signal::HANG_UP,
    ];
    let signals = Signals::take(&signals).map_err(failed("watch this terminal"))?;
    let raw = Raw::take().map_err(failed("take this terminal"))?;
    let mut seat = Seat {
        detach: Detach::new(leave.detach_keys.clone().unwrap_or_default()),
        read_only,
        pending: Vec::new(),
        modes: Modes::default(),
        within_line: false,
        before,
        passed_over,
        here: raw.size().map_err(failed("take this terminal"))?,
        raw,
        terminal,
    };
    restore_on_panic(&seat.raw).map_err(failed("take this terminal"))?;
    let left = match seat.sit(&signals) {
        // Whatever was being done with it when it was hung up.
        Err(_) if seat.raw.size().is_err() => Ok(Left::Lost),
        left => left,
    };
    // The terminal is as it was before anything else is said.
    drop(seat);
    let typed = text::command(&[label]);
    let goes_on = || report::note(&format!("left {label} running: outlive attach {typed}"));
    match left {
        Ok(Left::Detached) => {
            goes_on();
            Ok(0)
        }
        Ok(Left::Told(signal)) => {
            goes_on();
            Ok(128 + signal)
        }
        Ok(Left::Lost) => Ok(128 + signal::HANG_UP),
        Ok(Left::Ended) => ended(job),
        Err(error) => Err(report::io_failure(
            &format!("failed to stay attached to `{label}`"),
            &error,
        )),
    }
}

/// Tells how it ended, and gives the code to exit with.
fn ended(job: &Job) -> Result<i32> {
    let status = match job.wait(None)? {
        Some(status) => status,
        None => job.status()?,
    };
    status::tell_notes(&status);
    status::tell_unusual_end(&status);
    status::code(&status).ok_or_else(|| status::unknown_end(&status))
}

/// The same at a job that was started just now, and may have ended by now.
pub(crate) fn sit_at_new(job: &Job, label: &str, leave: &Leave) -> Result<i32> {
    // Between two runs there is a terminal, too.
    let goes_on = |status: Status| matches!(status.state, State::Running | State::Waiting);
    if goes_on(job.status()?) {
        let sat = sit(job, label, leave, false);
        if sat.is_ok() || goes_on(job.status()?) {
            return sat;
        }
    }
    follow::copy(&mut job.latest_output()?)?;
    ended(job)
}

fn is_for_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// A panic aborts, and nothing is dropped then.
fn restore_on_panic(raw: &Raw) -> io::Result<()> {
    let restore = raw.restorer()?;
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        tell(panic);
    }));
    Ok(())
}

/// How far behind the job somebody may be before what it printed meanwhile is passed over and the
/// screen is drawn as it is then: a terminal shows less than a program can print.
const BEHIND: u64 = 4 << 20;
/// How much that the job does not read is held before nothing more is taken from the keyboard.
const PENDING: usize = 64 << 10;

/// A person at a job's terminal. Theirs is as it was before once this is dropped.
struct Seat {
    detach: Detach,
    read_only: bool,
    /// What was typed and has found no room yet.
    pending: Vec<u8>,
    /// To what the person's terminal has been switched.
    modes: Modes,
    /// Whether what was shown last has not ended its line.
    within_line: bool,
    /// The modes that were set where the output was begun to be read.
    before: Modes,
    /// How much of the output was not looked at, since it is too long ago.
    passed_over: u64,
    raw: Raw,
    /// Its size.
    here: Size,
    terminal: Attached,
}

impl Seat {
    fn sit(&mut self, signals: &Signals) -> io::Result<Left> {
        self.arrive()?;
        let mut buffer = vec![0; PIECE];
        // Whether there may be something to show at once.
        let mut more = true;
        loop {
            if more {
                match self.terminal.try_read(&mut buffer)? {
                    Some(0) => return Ok(Left::Ended),
                    Some(length) => {
                        if self.show(&buffer[..length]).is_err() {
                            return Ok(Left::Lost);
                        }
                        let behind = self.terminal.behind()?;
                        if behind > BEHIND && self.catch_up().is_err() {
                            return Ok(Left::Lost);
                        }
                        more = behind > 0;
                    }
                    None => more = false,
                }
            }
            let reads = self.pending.len() < PENDING;
            let mut watched = vec![signals.as_fd()];
            if reads {
                watched.push(self.raw.as_fd());
            }
            let keys = if reads { Some(1) } else { None };
            let printed = watched.len();
            watched.extend(self.terminal.descriptors());
            let printed = printed..watched.len();
            // At the job's end there is nothing to wait for.
            more |= printed.is_empty();
            let timeout = more.then_some(Duration::ZERO);
            let to_write = !self.pending.is_empty();
            let ready = self.terminal.wait(&watched, to_write, timeout)?;
            // Where news of it may come late the wait ends without any (Windows).
            more |= ready.is_empty() || ready.iter().any(|at| printed.contains(at));
            if ready.contains(&0) {
                while let Some(signal) = signals.next()? {
                    match signal {
                        signal::WINDOW => {
                            self.here = self.raw.size()?;
                            self.resize()?;
                        }
                        other => return Ok(Left::Told(other)),
                    }
                }
            }
            if keys.is_some_and(|at| ready.contains(&at)) {
                let typed = match (&self.raw).read(&mut buffer[..4096]) {
                    Ok(length) if length > 0 => length,
                    Err(error) if is_for_now(&error) => 0,
                    // Hung up (EIO), or closed.
                    _ => return Ok(Left::Lost),
                };
                if KERNEL == Kernel::Windows {
                    // Among the keys of its consoles are some that are none: that there is another size.
                    self.here = self.raw.size()?;
                }
                let mut pass = Vec::new();
                let leaves = self.detach.typed(&buffer[..typed], &mut pass);
                if !self.read_only && (typed == 0 || !pass.is_empty()) {
                    self.pending.append(&mut pass);
                    self.type_pending()?;
                    // The one who types decides on the size.
                    self.resize()?;
                }
                if leaves {
                    return Ok(Left::Detached);
                }
            }
            self.type_pending()?;
        }
    }

    /// Draws what the job shows, and gives its terminal this one's size.
    fn arrive(&mut self) -> io::Result<()> {
        let size = self.here;
        let mut modes = self.before.clone().without_keyboards();
        let mut screen = Screen::read(&mut self.terminal, &mut modes)?;
        modes.take_keyboards(&self.before);
        let full = modes.alternate_screen();
        if !full && !screen.is_blank() {
            // What was on this screen goes up into what can be scrolled back to.
            let lines = "\n".repeat(size.rows.into());
            write!(&self.raw, "\x1b[{};1H{lines}", size.rows)?;
        }
        if full || !screen.is_blank() {
            self.show_instead(screen.draw(size), modes)?;
        }
        if !self.read_only {
            // Whoever comes decides on it, whatever others have made of it.
            self.set_size(size)?;
        }
        if !self.read_only && full && (self.passed_over > 0 || !screen.is_whole()) {
            // Of a full screen whose making is no longer there the program draws the rest itself: it
            // is told of another size and of this one.
            let rows = if size.rows > 1 { size.rows - 1 } else { 2 };
            let other = Size { rows, ..size };
            self.set_size(other)?;
            self.set_size(size)?;
        }
        Ok(())
    }

    fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.modes.follow(bytes);
        self.within_line = bytes.last() != Some(&b'\n');
        (&self.raw).write_all(bytes)
    }

    /// Passes over what the job has printed meanwhile, and draws what it shows now.
    fn catch_up(&mut self) -> io::Result<()> {
        let mut modes = self.modes.clone();
        let mut screen = Screen::read(&mut self.terminal, &mut modes)?;
        self.show_instead(screen.draw(self.here), modes)
    }

    /// Shows a whole screen, with what the terminal is switched to there.
    fn show_instead(&mut self, drawn: Vec<u8>, modes: Modes) -> io::Result<()> {
        let mut text = Vec::new();
        if modes.set() != self.modes.set() {
            text.extend(self.modes.unset());
            text.extend(modes.set());
        }
        text.extend(drawn);
        text.extend(modes.margins());
        // Its other part comes next.
        text.extend(modes.unfinished());
        self.modes = modes;
        self.within_line = true;
        (&self.raw).write_all(&text)
    }

    /// Gives the job's terminal this one's size, unless it has that.
    fn resize(&self) -> io::Result<()> {
        if self.read_only || self.terminal.size().map_err(io::Error::other)? == self.here {
            return Ok(());
        }
        self.set_size(self.here)
    }

    fn set_size(&self, size: Size) -> io::Result<()> {
        match self.terminal.set_size(size) {
            // By a system that can't it is of use all the same; that it has ended is told next.
            Err(error) if error.is_unsupported() || error.is_not_running() => Ok(()),
            set => set.map_err(io::Error::other),
        }
    }

    /// Types what there is room for.
    fn type_pending(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            match self.terminal.try_write(&self.pending) {
                Ok(length) => drop(self.pending.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Its terminal is gone: its end is told next.
                Err(_) => self.pending.clear(),
            }
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut text = self.modes.unset();
        if self.within_line && !self.modes.alternate_screen() {
            text.extend(b"\r\n");
        }
        // A terminal that is gone needs nothing.
        let _ = (&self.raw).write_all(&text);
    }
}
