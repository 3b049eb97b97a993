//! What the job tells of itself by sd_notify(3), and the watchdog that it has to tell that it lives.

use super::probe::Probe;
use crate::store::{NOTIFY, has, job_path};
use crate::table::Phase as TablePhase;
use crate::watch::Keeper;
use outlive_os::folder::Folder;
use outlive_os::notify::Receiver;
use outlive_os::process::Process;
use outlive_os::{Borrowed, bytes, os_string, proc, role, signal};
use outlive_record::{Launch, NOTIFICATION_LIMIT, Notification, Phase, ReadyWish, Watchdog};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where the job finds its socket.
const SOCKET: &str = "NOTIFY_SOCKET";
/// How often it has to tell that it lives. WATCHDOG_PID is not set, since nobody knows the pid before
/// the process is there: whoever of the job finds the variable is meant (sd_watchdog_enabled(3)).
const WATCHDOG: &str = "WATCHDOG_USEC";
/// How many datagrams are heard in one turn.
const HEARD: usize = 64;
/// How often what it says is written down.
const WRITTEN: Duration = Duration::from_millis(500);

/// A socket on which the job tells of itself, and when it has to.
pub(super) struct Notices {
    receiver: Receiver,
    /// How often it has to tell that it lives, and until when it has to next.
    period: Option<Duration>,
    alive_until: Option<Instant>,
    /// When what it said last is to be written down; it was last at that other time.
    write_at: Option<Instant>,
    written: Option<Instant>,
}

impl Notices {
    /// A new socket, which the job finds in this environment.
    pub(super) fn new(
        launch: &Launch,
        folder: &Folder,
        environment: &mut Vec<u8>,
    ) -> io::Result<Notices> {
        let wish = &launch.spec.ready;
        let (receiver, address) = match own_address(launch) {
            Some(path) => (Receiver::in_folder(folder, NOTIFY)?, path),
            None => Receiver::new()?,
        };
        let mut set = |name: &str, value: &[u8]| {
            environment.extend([name.as_bytes(), b"=", value, b"\0"].concat());
        };
        set(SOCKET, bytes(&address));
        if let Some(period) = wish.watchdog_ms {
            let period = period.saturating_mul(1000).to_string();
            set(WATCHDOG, period.as_bytes());
        }
        Ok(Notices::at(receiver, wish, wish.when.is_none()))
    }

    /// The socket of a job that has lost its keeper: in its folder, or by the environment that it has.
    /// What it has sent meanwhile was refused.
    pub(super) fn again(
        wish: &ReadyWish,
        folder: &Folder,
        environment: &[u8],
        has_begun: bool,
    ) -> io::Result<Notices> {
        let receiver = if has(folder, NOTIFY)? {
            Receiver::in_folder(folder, NOTIFY)?
        } else {
            let unknown = || io::Error::other("the address of its socket can't be read");
            let address = proc::variable(environment, SOCKET).ok_or_else(unknown)?;
            Receiver::at(&os_string(address.to_vec()))?
        };
        Ok(Notices::at(receiver, wish, has_begun))
    }

    fn at(receiver: Receiver, wish: &ReadyWish, has_begun: bool) -> Notices {
        let mut notices = Notices {
            receiver,
            period: wish.watchdog_ms.map(Duration::from_millis),
            alive_until: None,
            write_at: None,
            written: None,
        };
        if has_begun {
            notices.begin_watchdog();
        }
        notices
    }

    /// From now on it has to tell that it lives.
    pub(super) fn begin_watchdog(&mut self) {
        let now = Instant::now();
        self.alive_until = self.period.and_then(|period| now.checked_add(period));
    }

    /// It need not tell that it lives any more.
    pub(super) fn end_watchdog(&mut self) {
        (self.period, self.alive_until) = (None, None);
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.alive_until.into_iter().chain(self.write_at).min()
    }

    pub(super) fn descriptor(&self) -> Borrowed<'_> {
        self.receiver.descriptor()
    }
}

/// Where the job finds a socket in its own folder, which nobody else may enter: none if the path is too
/// long for a socket's. Nor for root's jobs, which may be or become another user's and change their root
/// folder before they say that they are ready, as daemons do: their address is as open as that of
/// systemd's own services.
fn own_address(launch: &Launch) -> Option<OsString> {
    let home = os_string(launch.home.0.clone());
    let path = job_path(Path::new(&home), launch.spec.id.as_str()).join(NOTIFY);
    (Receiver::is_reached_by(&path) && role::user() != 0).then(|| path.into())
}

impl Keeper {
    /// Hears what the job tells. What comes from a process that is none of its tree, or has gone
    /// before it could be looked at, counts for nothing.
    pub(crate) fn hear_notices(&mut self) {
        let mut strangers = 0;
        for _ in 0..HEARD {
            let Some(notices) = &self.job.ready.notices else {
                return;
            };
            let Ok(Some(received)) = notices.receiver.receive(NOTIFICATION_LIMIT) else {
                return;
            };
            let is_ours = |pid| self.job.tree.has(pid).unwrap_or(false);
            if received.sender.is_some_and(is_ours) {
                self.heed(Notification::parse(&received.bytes));
            } else {
                strangers += 1;
            }
        }
        // The queue was theirs, and what the job had to say may have found no place in it: an abstract
        // address is open to everybody (unix(7)), the job's folder to its user's other programs.
        if let Some(notices) = &mut self.job.ready.notices
            && strangers == HEARD
            && notices.alive_until.is_some()
        {
            notices.begin_watchdog();
        }
    }

    fn heed(&mut self, said: Notification) {
        let now = Instant::now();
        // Never less than it was given; and how long a stop may take is for whoever asks for one to say.
        let until = said.extend_timeout.and_then(|time| now.checked_add(time));
        let deadline = self.job.ready.deadline;
        self.job.ready.deadline = deadline.map(|at| until.map_or(at, |until| at.max(until)));
        let Some(notices) = &mut self.job.ready.notices else {
            return;
        };
        let counts = notices.alive_until.is_some();
        let stops = !matches!(self.phase, TablePhase::Running | TablePhase::Trailing);
        let period = said.watchdog_period.filter(|it| !it.is_zero() && !stops);
        notices.period = period.or(notices.period);
        // A period that was not asked for counts from the moment that it is.
        let is_new = period.is_some() && self.job.ready.probe.is_none();
        if is_new || (counts && said.watchdog == Some(Watchdog::Alive)) {
            notices.begin_watchdog();
        }
        let main = said.main_pid;
        let main = main.filter(|pid| self.job.tree.has(*pid).unwrap_or(false));
        let before = self.job.record.newest().readiness.clone();
        let readiness = &mut self.job.record.newest_mut().readiness;
        readiness.main_pid = main.or(readiness.main_pid);
        if let Some(status) = said.status {
            readiness.status_text = Some(status).filter(|it| !it.is_empty());
        }
        readiness.phase = match (said.stopping, said.reloading, said.ready) {
            (true, ..) => Some(Phase::Stopping),
            (_, true, _) => Some(Phase::Reloading),
            (_, _, true) => None,
            _ => readiness.phase,
        };
        if *readiness != before {
            self.write_soon(now);
        }
        if said.ready && matches!(self.job.ready.probe, Some(Probe::Notify)) {
            self.is_ready();
        }
        if said.watchdog == Some(Watchdog::Trigger) {
            self.watchdog_expired();
        }
    }

    /// Writes the record, but no more often than twice a second: a job may tell of each of its steps.
    fn write_soon(&mut self, now: Instant) {
        let Some(notices) = &mut self.job.ready.notices else {
            return;
        };
        let next = notices.written.and_then(|at| at.checked_add(WRITTEN));
        match next.filter(|next| *next > now) {
            Some(next) => notices.write_at = Some(next),
            None => {
                notices.written = Some(now);
                self.write_record();
            }
        }
    }

    /// Does what is due by now.
    pub(super) fn notices_turn(&mut self, now: Instant) {
        let Some(notices) = &mut self.job.ready.notices else {
            return;
        };
        if notices.write_at.take_if(|at| *at <= now).is_some() {
            notices.written = Some(now);
            self.write_record();
        }
        if self.is_overdue(now) {
            // What it has said just in time may not have been heard yet.
            self.hear_notices();
            if self.is_overdue(now) {
                self.watchdog_expired();
            }
        }
    }

    /// Whether it has not told that it lives.
    fn is_overdue(&self, now: Instant) -> bool {
        let notices = self.job.ready.notices.as_ref();
        let until = notices.and_then(|it| it.alive_until);
        until.is_some_and(|until| until <= now)
    }

    /// Ends a job that does not tell that it lives, as systemd does: its main process is aborted, so
    /// that it leaves a core dump.
    fn watchdog_expired(&mut self) {
        if !matches!(self.phase, TablePhase::Running | TablePhase::Trailing) {
            return;
        }
        let readiness = &mut self.job.record.newest_mut().readiness;
        readiness.watchdog_expired = true;
        let told = readiness.main_pid;
        // As long as it is of the tree the id is that of the one who was meant.
        let told = told.filter(|pid| self.job.tree.has(*pid).unwrap_or(false));
        let told = told.and_then(|pid| Process::open(pid).ok());
        // One that has ended needs no signal.
        let _ = told
            .as_ref()
            .unwrap_or(&self.job.main)
            .signal(signal::ABORT);
        self.write_record();
        self.give_up();
    }
}
