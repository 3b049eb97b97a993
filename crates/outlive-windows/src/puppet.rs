//! The test's side of its puppets.

use crate::GUARD;
use outlive_os::process::Process;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

/// Where puppets enter.
#[derive(Debug)]
pub struct Stage {
    port: u16,
    entering: Receiver<TcpStream>,
    doorman: Option<JoinHandle<()>>,
}

/// A process that does what it is told, and that ends when this goes.
#[derive(Debug)]
pub struct Puppet {
    /// What it was called when it was started.
    pub name: String,
    /// Its process's id.
    pub pid: i32,
    lines: BufReader<TcpStream>,
    process: Option<Process>,
}

impl Stage {
    /// A stage of the test's own.
    #[expect(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, entering) = channel();
        let doorman = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Stage {
            port,
            entering,
            doorman: Some(doorman),
        }
    }

    /// The words of a puppet's command line.
    pub fn words(&self, name: &str) -> Vec<String> {
        let program = crate::home::beside_tests("windows-puppet.exe");
        let program = program.to_str().expect("a path that is text").to_owned();
        vec![program, "at".into(), self.port.to_string(), name.into()]
    }

    /// Waits for the next puppet.
    #[track_caller]
    pub fn enter(&self) -> Puppet {
        let stream = self.entering.recv_timeout(GUARD);
        Puppet::new(stream.expect("a puppet enters in time")).expect("it says who it is")
    }

    /// The puppets that have entered until now and live.
    pub fn entered(&self) -> Vec<Puppet> {
        self.entering.try_iter().filter_map(Puppet::new).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The doorman finds nobody to tell, and goes.
        drop(std::mem::replace(&mut self.entering, channel().1));
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.doorman.take().map(JoinHandle::join);
    }
}

impl Puppet {
    fn new(stream: TcpStream) -> Option<Puppet> {
        let timeout = stream.set_read_timeout(Some(GUARD));
        timeout.expect("a socket has a timeout");
        let mut puppet = Puppet {
            name: String::new(),
            pid: 0,
            lines: BufReader::new(stream),
            process: None,
        };
        let line = puppet.line()?;
        let (name, pid) = line.split_once(' ').expect("its name and its id");
        puppet.name = name.to_owned();
        puppet.pid = pid.parse().expect("a number");
        puppet.process = Process::open(puppet.pid).ok();
        Some(puppet)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            // As Windows tells that the other side was ended by force; or it has ended, and nothing
            // is left of what it had said.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::WouldBlock
                ) =>
            {
                None
            }
            Err(error) => panic!("{} says nothing: {error}", self.name),
        }
    }

    /// Gives it an order; its answer.
    #[track_caller]
    pub fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    /// Waits for the answer to an order that it was [told](Puppet::tell).
    #[track_caller]
    pub fn answer(&mut self) -> String {
        self.line().expect("it lives")
    }

    /// Gives it an order, and does not wait for an answer.
    #[track_caller]
    pub fn tell(&mut self, order: &str) {
        let order = format!("{order}\n");
        let told = self.lines.get_mut().write_all(order.as_bytes());
        told.expect("it lives");
    }

    /// Waits until it has ended, and shows that it has said nothing more.
    ///
    /// It is the process that is waited for: Wine 8 keeps the connection of one that is killed as it
    /// begins to read (its server does not cancel an operation whose program has been told to try by
    /// itself, `cancel_async` in server/async.c).
    #[track_caller]
    pub fn ended(mut self) {
        if let Some(process) = &self.process {
            let ended = process.wait_end(Some(GUARD));
            assert!(
                ended.expect("it can be waited for"),
                "{} goes on",
                self.name
            );
            let set = self.lines.get_ref().set_nonblocking(true);
            set.expect("it is a socket");
        }
        assert_eq!(self.line(), None);
    }
}
