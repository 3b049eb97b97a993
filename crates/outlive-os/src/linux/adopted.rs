//! The processes of a job whose first keeper is gone: nobody's children here, they are found, and
//! their ends are told by pidfds.

use super::events::Signals;
use super::process::Process;
use super::tree::next_news;
use crate::{Exit, Found, News, Reaped};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// How long whoever has inherited the main process may take to reap it, which inits do at once or
/// within seconds; some programs that are process 1 of a container never do.
const REAPING: Duration = Duration::from_secs(5);
/// How often all processes are looked at until one of those that are left is watched.
const LOOKS: usize = 4;
/// How long until the next look if each ended before it was.
const PAUSE: Duration = Duration::from_millis(50);
/// How many processes are watched at once: when one ends the next is, and descriptors are few.
const WATCHED: usize = 8;

/// What an event is of; a member's is its id.
const SIGNALS: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
const MAIN: u64 = u64::MAX - 2;

#[derive(Debug)]
pub(super) struct Adopted {
    found: Found,
    signals: Signals,
    main: Process,
    state: State,
    /// Members whose end will be told.
    watched: Vec<Process>,
    timer: OwnedFd,
    /// What tells of all that.
    epoll: OwnedFd,
}

/// What is known of the main process.
#[derive(Debug, Clone, Copy)]
enum State {
    Running,
    /// It has ended; the kernel tells how when it has been reaped.
    Unreaped,
    /// It has ended, so, if that can be told.
    Ended(Option<Exit>),
    /// That has been told.
    Told,
}

impl Adopted {
    pub(super) fn new(found: Found, main: &Process, signals: Signals) -> io::Result<Adopted> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let adopted = Adopted {
            found,
            signals,
            main: main.try_clone()?,
            state: State::Running,
            watched: Vec::new(),
            timer: rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
        };
        let once = EventFlags::IN | EventFlags::ONESHOT;
        adopted.tell(&adopted.signals, SIGNALS, EventFlags::IN)?;
        adopted.tell(&adopted.timer, TIMER, EventFlags::IN)?;
        adopted.tell(&adopted.main, MAIN, once)?;
        Ok(adopted)
    }

    fn tell(&self, source: impl AsFd, of: u64, flags: EventFlags) -> io::Result<()> {
        epoll::add(&self.epoll, source, EventData::new_u64(of), flags)?;
        Ok(())
    }

    pub(super) fn found(&mut self) -> &mut Found {
        &mut self.found
    }

    pub(super) fn news(&mut self) -> io::Result<Option<News>> {
        loop {
            match next_news(&self.signals)? {
                // It has no children.
                Some(News::Ended) => {}
                Some(news) => return Ok(Some(news)),
                None => break,
            }
        }
        let mut events = Vec::with_capacity(WATCHED + 3);
        let now = Timespec::default();
        epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&now),
        )?;
        let mut ended = false;
        for event in events {
            match event.data.u64() {
                SIGNALS => continue,
                TIMER => self.time_is_over()?,
                MAIN => self.main_is_over()?,
                member => self.watched.retain(|it| id(it) != member),
            }
            ended = true;
        }
        Ok(ended.then_some(News::Ended))
    }

    /// A pidfd is readable once its process has ended, and hung up once that has been reaped (Linux
    /// 6.9): from then on the kernel tells how it ended (Linux 6.15).
    fn main_is_over(&mut self) -> io::Result<()> {
        self.state = match (self.state, self.main.exit_info()) {
            (State::Running, Ok(None)) => {
                let main = EventData::new_u64(MAIN);
                epoll::modify(&self.epoll, &self.main, main, EventFlags::ONESHOT)?;
                self.set_timer(REAPING)?;
                State::Unreaped
            }
            (State::Told, _) => State::Told,
            // A kernel that does not know the question will have no answer later either.
            (_, exit) => State::Ended(exit.unwrap_or(None)),
        };
        Ok(())
    }

    fn time_is_over(&mut self) -> io::Result<()> {
        // Nothing to be read if it has been set again meanwhile.
        let _ = rustix::io::read(&self.timer, &mut [0; 8]);
        match self.state {
            State::Unreaped => self.main_is_over(),
            _ => Ok(()),
        }
    }

    fn set_timer(&self, time: Duration) -> io::Result<()> {
        let time = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(time).map_err(io::Error::other)?,
        };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time)?;
        Ok(())
    }

    /// Tells once that the main process has ended: nobody else is to be reaped here.
    pub(super) fn reap(&mut self) -> io::Result<Reaped> {
        let State::Ended(exit) = self.state else {
            return Ok(Reaped::NoneEnded);
        };
        self.state = State::Told;
        Ok(Reaped::Main(exit))
    }

    /// Whether nothing can be found any more. If something is, the end of it will be news.
    pub(super) fn is_empty(&mut self) -> io::Result<bool> {
        for _ in 0..LOOKS {
            let members = self.found.members()?;
            self.watched
                .retain(|it| members.iter().any(|line| line.pid == it.pid()));
            for line in &members {
                if self.watched.len() == WATCHED {
                    break;
                }
                if !self.watched.iter().any(|it| it.pid() == line.pid) {
                    // One that has ended meanwhile may have left another one.
                    let process = Process::open_same(line.pid, line.start_time)?;
                    process.map(|it| self.watch(it)).transpose()?;
                }
            }
            if !self.watched.is_empty() {
                return Ok(false);
            }
            if self.found.was_asked() {
                // There is nobody who could be given time.
                self.found.kill_groups();
            }
            if members.is_empty() && !self.found.is_in_cgroups() {
                return Ok(true);
            }
        }
        // As long as the main process is, its end is news.
        if matches!(self.state, State::Told) {
            self.set_timer(PAUSE)?;
        }
        Ok(false)
    }

    fn watch(&mut self, process: Process) -> io::Result<()> {
        let once = EventFlags::IN | EventFlags::ONESHOT;
        self.tell(&process, id(&process), once)?;
        self.watched.push(process);
        Ok(())
    }
}

fn id(process: &Process) -> u64 {
    process.pid().unsigned_abs().into()
}

impl AsFd for Adopted {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
