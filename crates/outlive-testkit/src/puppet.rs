//! The test's side of a puppet.

use crate::events::{self, Stream};
use crate::home::{Home, run_words};
use crate::process::Pidfd;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A process that does what it is told through one FIFO and answers through another.
///
/// Its answers' FIFO is its lifeline: every descendant holds it, so end of file there means that
/// none is left. Its orders' FIFO is the test's: once that is closed it exits, and so do all the
/// descendants that it makes.
#[derive(Debug)]
pub struct Puppet {
    folder: PathBuf,
    program: PathBuf,
    orders: File,
    answers: Stream,
    beats: u32,
    pid: i32,
}

impl Puppet {
    /// A puppet for a job of `home`. It comes to life when its [`words`](Puppet::words) are run.
    pub fn new(home: &Home) -> Puppet {
        let folder = tempfile::Builder::new()
            .prefix("puppet-")
            .tempdir_in(home.folder());
        let folder = folder.expect("a folder can be made").keep();
        // Whoever runs it, it reaches its FIFOs; the folder around all of them is private.
        let all = Mode::RWXU | Mode::RWXG | Mode::RWXO;
        rustix::fs::chmod(&folder, all).expect("our own folder");
        for name in ["orders", "answers"] {
            let path = folder.join(name);
            rustix::fs::mknodat(CWD, &path, FileType::Fifo, all, 0).expect("a FIFO can be made");
            rustix::fs::chmod(&path, all).expect("our own FIFO");
        }
        // For reading too, so that it opens before anybody reads; nobody else writes.
        let orders = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(folder.join("orders"));
        let answers = Stream::new(reader(&folder), "the puppet");
        let orders = orders.expect("our own FIFO");
        Puppet {
            program: home.puppet().to_owned(),
            folder,
            orders,
            answers,
            beats: 0,
            pid: 0,
        }
    }

    /// The words of its command line.
    pub fn words(&self) -> Vec<OsString> {
        vec![
            self.program.clone().into(),
            "obey".into(),
            self.folder.clone().into(),
        ]
    }

    /// The words of `outlive run` with `options` for it.
    pub fn run_words(&self, options: &[&str]) -> Vec<OsString> {
        run_words(options, self)
    }

    /// Waits until it says that it is there; its pid.
    #[track_caller]
    pub fn ready(&mut self) -> i32 {
        self.answers.reopened(reader(&self.folder));
        let line = self.line();
        self.is_ready(&line)
    }

    /// Waits until it says that it is there once more, when it has gone or is about to; its pid.
    #[track_caller]
    pub fn ready_again(&mut self) -> i32 {
        loop {
            match self.answers.line() {
                Some(line) => return self.is_ready(&line),
                // What the next one says stays in the FIFO, which is never closed by us.
                None => self.answers.reopened(reader(&self.folder)),
            }
        }
    }

    /// As [`ready_again`](Puppet::ready_again), but nothing if `other` has ended before it says so.
    #[track_caller]
    pub fn ready_again_before(&mut self, other: &Pidfd) -> Option<i32> {
        loop {
            let sources = [self.answers.as_fd(), other.as_fd()];
            let ready = events::any_readable(&sources, events::GUARD);
            let ready = ready.expect("one of both within the guard's time");
            match ready[0].then(|| self.answers.line()) {
                Some(Some(line)) => return Some(self.is_ready(&line)),
                Some(None) => self.answers.reopened(reader(&self.folder)),
                None => return None,
            }
        }
    }

    #[track_caller]
    fn is_ready(&mut self, line: &str) -> i32 {
        let pid = line.strip_prefix("ready ").and_then(|pid| pid.parse().ok());
        self.pid = pid.unwrap_or_else(|| panic!("not a word of readiness: {line:?}"));
        self.pid
    }

    /// Where its FIFOs are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its pid, once it was ready.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Tells it something without waiting for an answer.
    pub fn tell(&mut self, order: &str) {
        assert!(!order.contains('\n'), "an order is a line");
        writeln!(self.orders, "{order}").expect("our own FIFO can be written");
    }

    /// Its next line.
    ///
    /// # Panics
    /// If it and all its descendants have gone.
    #[track_caller]
    pub fn line(&mut self) -> String {
        self.answers
            .line()
            .expect("the puppet has gone without a word")
    }

    /// Tells it something and gives its answer.
    #[track_caller]
    pub fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.line()
    }

    /// Tells it something that it is to answer with `done`.
    #[track_caller]
    pub fn does(&mut self, order: &str) {
        assert_eq!(self.ask(order), "done", "{order}");
    }

    /// Has it write a line that it never wrote before to its output; the line.
    #[track_caller]
    pub fn beat(&mut self) -> String {
        self.beats += 1;
        let line = format!("beat {} of {}", self.beats, self.pid);
        self.does(&format!("say {line}"));
        line
    }

    /// Has it make a descendant that lives on as `kind` says; its pid.
    #[track_caller]
    pub fn child(&mut self, kind: &str) -> i32 {
        let line = self.ask(&format!("child {kind}"));
        let pid = line.strip_prefix("child ").and_then(|pid| pid.parse().ok());
        pid.unwrap_or_else(|| panic!("no child: {line:?}"))
    }

    /// Tells it to exit.
    pub fn exit(&mut self, code: i32) {
        self.tell(&format!("exit {code}"));
    }

    /// Shows that neither it nor any descendant of it is left at this very moment.
    #[track_caller]
    pub fn is_gone(&mut self) {
        assert!(
            self.answers.has_something(),
            "some of its processes still live"
        );
        self.gone();
    }

    /// Whether neither it nor any descendant of it is left, or something was said.
    pub fn has_ended(&self) -> bool {
        self.answers.has_something()
    }

    /// Gives up ordering it about: it exits, and so do all its descendants.
    pub fn let_go(self) -> Stream {
        self.answers
    }

    /// Waits until neither it nor any descendant of it is left.
    #[track_caller]
    pub fn gone(&mut self) {
        let last = self.answers.line();
        assert_eq!(last, None, "it still had something to say");
    }

    /// The same of one that is ended over what it was told, and may have answered before.
    pub fn cut_off(&mut self) {
        while self.answers.line().is_some() {}
    }
}

/// The reading end of the answers, opened anew.
fn reader(folder: &Path) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(folder.join("answers"), flags, Mode::empty()).expect("our own FIFO")
}
