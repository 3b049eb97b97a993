//! What others ask of a keeper, over its control socket.

use crate::pump::{Pump, Source};
use crate::table::Event;
use crate::watch::Keeper;
use outlive_os::pty::Pty;
use outlive_os::{AsDescriptor, Descriptor, role};
use outlive_record::{Form, MESSAGE_LIMIT, OutputMode, Reply, Request};
use std::io;
use std::time::Duration;

/// How many may talk to a keeper at once; the one who came first goes when one more comes.
const MOST_CONNECTIONS: usize = 16;

impl Keeper {
    /// Lets in whoever knocks, if it is of the same user.
    pub(crate) fn accept(&mut self) {
        loop {
            let connection = match self.job.listener.accept() {
                Ok(Some(connection)) => connection,
                // No descriptor is free: the one who came first goes, or whoever knocks now would
                // keep us awake.
                Err(_) if !self.connections.is_empty() => {
                    self.connections.remove(0);
                    continue;
                }
                Ok(None) | Err(_) => return,
            };
            let user = connection.peer_user();
            if user.is_ok_and(|user| user == role::user() || user == 0) {
                if self.connections.len() == MOST_CONNECTIONS {
                    // What it asked for is done first; if it has gone, it is gone by then.
                    self.hear(0);
                }
                if self.connections.len() == MOST_CONNECTIONS {
                    self.connections.remove(0);
                }
                self.connections.push(connection);
            }
        }
    }

    /// Hears and answers one request.
    pub(crate) fn hear(&mut self, place: usize) {
        let (request, came) = match self.connections[place].receive(MESSAGE_LIMIT) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok((packet, came)) if !packet.is_empty() => (Request::parse(&packet), came),
            // It has gone, or speaks another language.
            _ => {
                self.connections.remove(place);
                return;
            }
        };
        let (mut descriptor, mut tee) = (None, false);
        let refused = |why: &str| Reply::Refused(why.to_owned());
        let reply = match request {
            Err(why) => Reply::Refused(why),
            Ok(Request::Ended) => {
                descriptor = self.job.ended.try_clone().ok();
                if descriptor.is_some() {
                    Reply::Done
                } else {
                    refused("no descriptor is free")
                }
            }
            Ok(Request::Ready) => match self.job.ready.decided().map(Descriptor::try_clone) {
                Some(Ok(decided)) => {
                    descriptor = Some(decided);
                    Reply::Done
                }
                Some(Err(error)) => Reply::Refused(error.to_string()),
                None => refused("nothing tells when it is ready"),
            },
            Ok(Request::Stop { grace_ms }) => {
                self.stop(Duration::from_millis(grace_ms));
                Reply::Done
            }
            Ok(Request::Kill { signal, tree }) => match self.kill(signal, tree) {
                Ok(()) => Reply::Done,
                Err(error) => Reply::Refused(error.to_string()),
            },
            Ok(Request::Stdin) => match self.input() {
                Some(Ok(pipe)) => {
                    descriptor = Some(pipe);
                    Reply::Done
                }
                Some(Err(error)) => Reply::Refused(error.to_string()),
                None => refused("its standard input is not open"),
            },
            Ok(Request::CloseStdin) => match self.close_input() {
                Ok(()) => Reply::Done,
                Err(error) => Reply::Refused(error.to_string()),
            },
            Ok(Request::Resize(size)) => match &self.job.terminal {
                Some(terminal) => match terminal.resize(size) {
                    Ok(()) => Reply::Done,
                    Err(error) => Reply::Refused(error.to_string()),
                },
                None => refused("it has no terminal"),
            },
            Ok(Request::Terminal) => match self.take_terminal(came) {
                Ok(()) => Reply::Done,
                Err(error) => Reply::Refused(error.to_string()),
            },
            Ok(Request::Modes) => match &self.modes {
                Some(modes) => Reply::Modes(modes.to_text()),
                None => refused("it has not seen all that was printed to a terminal"),
            },
            Ok(Request::Tee) => match self.job.record.spec.output.mode {
                OutputMode::Pty => {
                    tee = true;
                    Reply::Done
                }
                _ => refused("it has no terminal"),
            },
        };
        let connection = &self.connections[place];
        let lent = descriptor.as_ref().map(AsDescriptor::as_fd);
        let sent = connection.send(&reply.to_bytes(), lent).or_else(|error| {
            if lent.is_none() {
                return Err(error);
            }
            // Windows closes an elevated process to the same user's others.
            let why = format!("the descriptor can't be passed on: {error}");
            connection.send(&Reply::Refused(why).to_bytes(), None)
        });
        if sent.is_err() || tee {
            let connection = self.connections.remove(place);
            if sent.is_ok() {
                self.tell(connection);
            }
        }
    }

    /// What is written to so that the job reads it; none if that is not open.
    fn input(&self) -> Option<io::Result<Descriptor>> {
        match &self.job.terminal {
            Some(terminal) => Some(terminal.input()),
            None => self.job.stdin.as_ref().map(Descriptor::try_clone),
        }
    }

    /// Lets the job read to the end of its input: a terminal goes on after that.
    fn close_input(&mut self) -> io::Result<()> {
        match (&self.job.terminal, self.job.stdin.take()) {
            (Some(terminal), _) => terminal.type_end(),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(io::Error::other("its standard input is not open")),
        }
    }

    /// Takes the terminal that was made by the keeper before this one.
    fn take_terminal(&mut self, master: Option<Descriptor>) -> io::Result<()> {
        let master = master.filter(|_| self.job.record.newest().terminal_lost);
        let master = master.ok_or_else(|| io::Error::other("it has not lost a terminal"))?;
        let (terminal, printed) = Pty::of_master(master)?;
        self.job.pump = Pump::new(Form::default(), vec![Source::terminal(printed)], None);
        self.job.terminal = Some(terminal);
        self.job.record.newest_mut().terminal_lost = false;
        self.write_record();
        Ok(())
    }

    /// Stops the job: politely, and by force once `grace` is over.
    pub(crate) fn stop(&mut self, grace: Duration) {
        self.grace = grace;
        if self.job.tell_ended.is_some() {
            self.job.record.newest_mut().stopped = true;
        }
        self.on(Event::StopAsked);
    }

    /// Sends a signal to the main process, or to the whole tree.
    fn kill(&mut self, signal: i32, tree: bool) -> io::Result<()> {
        if tree {
            return match self.job.tree.is_empty()? {
                false => {
                    self.killed_by = Some(signal);
                    self.job.tree.signal_all(signal)
                }
                true => Err(io::Error::other("no process of it is left")),
            };
        }
        // It may have ended and not been reaped, by whoever has inherited it.
        let line = self.job.main.line()?;
        match self.end.is_none() && line.is_some_and(|line| !line.has_ended()) {
            true => self.job.main.signal(signal),
            false => Err(io::Error::other("its main process has ended")),
        }
    }
}
