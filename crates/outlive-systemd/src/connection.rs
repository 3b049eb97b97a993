//! One connection to a manager or to a bus, all of whose waits end by one deadline.
//!
//! There is neither a thread nor a descriptor left once a call here has returned: a library must
//! leave its caller's process as it was, and a program that goes on to daemonize must have one
//! thread.

use crate::failure::Cause;
use crate::wire::{self, Call, Kind, Message, Writer};
use outlive_os::Borrowed;
use outlive_os::socket;
use outlive_os::stream::Stream;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) type Result<T> = std::result::Result<T, Cause>;

/// As many signals are kept that came before they were asked for; a peer that sends more is not a
/// manager.
const SIGNALS: usize = 1024;

/// What is sent has room in the socket's buffer, so that it is never sent in part: the few messages
/// of a connection are far below `net.core.wmem_default` (208 KiB, socket(7)).
const LONGEST_SENT: usize = 64 << 10;

/// `NO_REPLY_EXPECTED`.
const NO_ANSWER: u8 = 1;

/// When it is over, whatever is being waited for then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    within: Duration,
}

impl Deadline {
    pub(crate) fn after(within: Duration) -> Deadline {
        let at = Instant::now().checked_add(within);
        Deadline { at, within }
    }

    fn over(self) -> Cause {
        Cause::TimedOut(self.within)
    }

    fn left(self) -> Result<Duration> {
        let left = self.at.map_or(Duration::MAX, |at| {
            at.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Err(self.over());
        }
        // The kernel counts in parts of a second; what rounds to none would mean forever.
        Ok(left.clamp(Duration::from_millis(1), Duration::from_secs(1 << 30)))
    }
}

/// A connection that has been authenticated.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// The same, for sending.
    socket: socket::Connection,
    pub(crate) deadline: Deadline,
    serial: u32,
    received: Vec<u8>,
    signals: VecDeque<Message>,
}

impl Connection {
    /// Connects to the socket at `path`. A stopped peer whose queue is full lets connect(2) wait
    /// without end, so another thread does that, and is left behind in that case alone.
    pub(crate) fn open(path: &Path, deadline: Deadline) -> Result<Connection> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let address = path.to_owned();
        let thread = thread::Builder::new()
            .name("outlive-connect".to_owned())
            .spawn(move || sender.send(Stream::connect(address)))?;
        let connected = match receiver.recv_timeout(deadline.left()?) {
            Ok(connected) => connected,
            Err(RecvTimeoutError::Timeout) => return Err(deadline.over()),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        };
        drop(thread.join());
        let stream =
            connected.map_err(|error| Cause::NotThere(format!("`{}`: {error}", path.display())))?;
        Connection::over(stream, deadline)
    }

    /// Authenticates on a stream that is connected.
    ///
    /// By the mechanism EXTERNAL and without naming a user: the peer takes the one that the kernel
    /// tells it (`SO_PEERCRED`). A name would be wrong in a user namespace, where the same user has
    /// another number. Measured with systemd 252 and dbus-daemon 1.14.
    ///
    /// All of it goes in one write, as in systemd's own library. A `BEGIN` that is written later
    /// may be read by systemd together with the first message, which it then leaves lying, or takes
    /// for a violation if there is a descriptor with it (measured with systemd 252).
    pub(crate) fn over(stream: Stream, deadline: Deadline) -> Result<Connection> {
        let mut connection = Connection {
            socket: socket::Connection::from_descriptor(stream.try_clone()?.into()),
            stream,
            deadline,
            serial: 0,
            received: Vec::new(),
            signals: VecDeque::new(),
        };
        connection.write(
            b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n",
            None,
        )?;
        loop {
            let line = connection.line()?;
            match line.split(' ').next() {
                Some("DATA" | "OK") => {}
                Some("AGREE_UNIX_FD") => break,
                Some("REJECTED") => {
                    let name = "org.freedesktop.DBus.Error.AuthFailed";
                    return Err(Cause::answer(name, "it does not accept this user"));
                }
                Some("ERROR") => {
                    return Err(Cause::Failed("it passes no descriptors on".to_owned()));
                }
                _ => {
                    return Err(Cause::Failed(
                        "the answer is something that is not D-Bus".to_owned(),
                    ));
                }
            }
        }
        Ok(connection)
    }

    /// Makes itself known to a bus, which a manager's own socket does not want; the name by which it
    /// is known there.
    pub(crate) fn greet(&mut self) -> Result<String> {
        let answer = self.call(bus("Hello", "", Writer::default()), None)?;
        Ok(answer.body("s")?.text()?.to_owned())
    }

    /// Asks the bus itself something about a name on it.
    pub(crate) fn ask_bus(&mut self, member: &str, name: Writer) -> Result<Message> {
        self.call(bus(member, "s", name), None)
    }

    /// From now on the bus passes the signals on to here that this rule fits.
    pub(crate) fn listen_for(&mut self, rule: &str) -> Result<()> {
        let mut body = Writer::default();
        body.text(rule);
        self.call(bus("AddMatch", "s", body), None)?;
        Ok(())
    }

    /// Whether who listens at the other end is in this pid namespace. From outside of it its pid is
    /// 0 (pid_namespaces(7)), which [`socket::Connection::peer`] can't open.
    pub(crate) fn peer_is_in_sight(&self) -> Result<bool> {
        match self.socket.peer() {
            Err(error) if error.kind() == io::ErrorKind::Other => Ok(false),
            _ => Ok(true),
        }
    }

    /// Who listens at the other end, if that can be seen from here.
    pub(crate) fn peer(&self) -> Option<i32> {
        self.socket.peer().ok().map(|process| process.pid())
    }

    /// Calls a method and returns its answer. Signals that come in between are kept.
    pub(crate) fn call(
        &mut self,
        call: Call<'_>,
        descriptor: Option<Borrowed<'_>>,
    ) -> Result<Message> {
        let serial = self.send(&call, descriptor)?;
        loop {
            let message = self.receive()?;
            match message.kind {
                Kind::Return if message.reply_to == Some(serial) => return Ok(message),
                Kind::Error if message.reply_to == Some(serial) => {
                    let text = message.body("s").and_then(|mut body| body.text());
                    let name = message
                        .error
                        .as_deref()
                        .unwrap_or("an error without a name");
                    return Err(Cause::answer(name, text.unwrap_or("no reason is given")));
                }
                Kind::Signal if self.signals.len() < SIGNALS => self.signals.push_back(message),
                Kind::Signal => {
                    return Err(Cause::Failed(
                        "signals come instead of an answer".to_owned(),
                    ));
                }
                _ => {}
            }
        }
    }

    /// Sends a message that nobody answers, even when the time is over already.
    pub(crate) fn tell(&mut self, mut call: Call<'_>) -> Result<()> {
        call.flags |= NO_ANSWER;
        self.deadline = Deadline::after(Duration::from_millis(10));
        self.send(&call, None)?;
        Ok(())
    }

    /// The next signal, kept or yet to come.
    pub(crate) fn signal(&mut self) -> Result<Message> {
        if let Some(signal) = self.signals.pop_front() {
            return Ok(signal);
        }
        loop {
            let message = self.receive()?;
            if message.kind == Kind::Signal {
                return Ok(message);
            }
        }
    }

    fn send(&mut self, call: &Call<'_>, descriptor: Option<Borrowed<'_>>) -> Result<u32> {
        self.serial += 1;
        self.write(&call.encode(self.serial), descriptor)?;
        Ok(self.serial)
    }

    /// Not by `Write`: a peer that has gone must not mean a SIGPIPE for the caller's program.
    fn write(&self, bytes: &[u8], descriptor: Option<Borrowed<'_>>) -> Result<()> {
        if bytes.len() > LONGEST_SENT {
            return Err(Cause::Failed("it is too much for one message".to_owned()));
        }
        self.stream.set_write_timeout(Some(self.deadline.left()?))?;
        let sent = self.socket.send(bytes, descriptor);
        sent.map_err(|error| self.broken(error))
    }

    /// Receives more, at least a byte.
    fn read(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        loop {
            self.stream.set_read_timeout(Some(self.deadline.left()?))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => {
                    self.received.extend(&buffer[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.received[..end]).into_owned();
                self.received.drain(..end + 2);
                return Ok(line);
            }
            if self.received.len() > 4096 {
                return Err(Cause::Failed(
                    "the answer is something that is not D-Bus".to_owned(),
                ));
            }
            self.read()?;
        }
    }

    fn receive(&mut self) -> Result<Message> {
        loop {
            match wire::length(&self.received)? {
                Some(length) if length <= self.received.len() => {
                    let message = Message::decode(&self.received[..length]);
                    self.received.drain(..length);
                    return Ok(message?);
                }
                _ => self.read()?,
            }
        }
    }

    fn broken(&self, error: io::Error) -> Cause {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.deadline.over(),
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => {
                Cause::Failed("it has closed the connection".to_owned())
            }
            _ => error.into(),
        }
    }
}

fn bus<'a>(member: &'a str, signature: &'a str, body: Writer) -> Call<'a> {
    Call {
        destination: "org.freedesktop.DBus",
        path: "/org/freedesktop/DBus",
        interface: "org.freedesktop.DBus",
        member,
        flags: 0,
        signature,
        body,
        descriptors: 0,
    }
}

#[cfg(test)]
mod tests;
