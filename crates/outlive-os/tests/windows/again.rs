//! This test program once more, as another process.

use crate::common::strings;
use outlive_os::spawn::Spawn;
use outlive_os::{Borrowed, bytes};
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

const ROLE: &str = "OUTLIVE_TEST_ROLE";

/// What this process is to do for the test of another, if it was started for that.
pub(crate) fn role() -> Option<OsString> {
    env::var_os(ROLE)
}

/// Another process in which the test called `name` finds a [`role`]. It is killed when this goes.
pub(crate) struct Other {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Other {
    /// Starts it, and waits until it has [`said`](say) that it is there.
    pub(crate) fn start(name: &str, role: &OsStr) -> Other {
        let mut command = Command::new(env::current_exe().expect("a program knows its path"));
        let mut child = command
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be run");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut other = Other { child, said };
        other.hears("there");
        other
    }

    /// Waits until it has said this.
    pub(crate) fn hears(&mut self, word: &str) {
        let mut line = String::new();
        while line.trim_end() != word {
            line.clear();
            let length = self.said.read_line(&mut line).expect("text");
            assert!(length > 0, "it has ended without saying `{word}`");
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says something to who has started this process.
pub(crate) fn say(word: &str) {
    println!("\n{word}");
}

/// Waits for who has started this process.
pub(crate) fn pause() {
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Says, loudly, what can't be tested here.
pub(crate) fn skipped(what: &str, why: &str) {
    println!("SKIPPED: {what}: {why}");
}

/// Another process with these descriptors, in which the test called `name` finds a [`role`].
pub(crate) fn spawn<'a>(name: &str, descriptors: Vec<(Borrowed<'a>, i32)>) -> Spawn<'a> {
    let program = env::current_exe().expect("a program knows its path");
    let mut environment = strings([format!("{ROLE}=1")]);
    for (key, value) in env::vars_os() {
        let parts = [bytes(&key), b"=", bytes(&value)];
        environment.push(&parts).expect("no NUL in it");
    }
    Spawn {
        programs: strings([&program]),
        arguments: strings(["test", "--exact", name, "--test-threads=1"]),
        environment: Some(environment),
        descriptors,
        ..Spawn::default()
    }
}
