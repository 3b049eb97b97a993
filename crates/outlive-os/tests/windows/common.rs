//! What these tests share: programs to start, and how they end.

use outlive_os::process::{Exit, Process};
use outlive_os::spawn::{Spawn, SpawnError, Strings};
use outlive_os::{AsDescriptor, Descriptor, bytes, events};
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::core::{s, w};

pub(crate) fn strings<S: AsRef<OsStr>>(all: impl IntoIterator<Item = S>) -> Strings {
    let mut strings = Strings::default();
    for one in all {
        strings.push(&[bytes(one.as_ref())]).expect("no NUL in it");
    }
    strings
}

/// This test program as what [`crate::puppet`] makes of it.
pub(crate) fn puppet(words: &[&str]) -> Spawn<'static> {
    let program = env::current_exe().expect("a program knows its path");
    Spawn {
        programs: strings([program]),
        arguments: strings([crate::puppet::NAME].iter().chain(words)),
        ..Spawn::default()
    }
}

/// One of the two ways to start a program.
pub(crate) type Start = fn(Spawn<'_>) -> Result<Process, SpawnError>;

pub(crate) fn as_child(spawn: Spawn<'_>) -> Result<Process, SpawnError> {
    spawn.spawn()
}

pub(crate) fn as_orphan(spawn: Spawn<'_>) -> Result<Process, SpawnError> {
    spawn.spawn_orphan()
}

pub(crate) fn started(spawn: Spawn<'_>, start: Start) -> Process {
    start(spawn).unwrap_or_else(|error| panic!("{error}: {}", error.cause))
}

/// What a program prints until it ends.
pub(crate) fn printed(spawn: Spawn<'_>, start: Start) -> String {
    let mut spawn: Spawn<'_> = spawn;
    let (read, write) = events::pipe().expect("a pipe can be made");
    spawn.descriptors.push((write.as_fd(), 1));
    let process = started(spawn, start);
    drop(write);
    let said = text(read);
    process.wait_end(None).expect("a process can be waited for");
    said
}

/// What comes out of a pipe until its end.
pub(crate) fn text(pipe: Descriptor) -> String {
    let mut said = String::new();
    let read = File::from(pipe).read_to_string(&mut said);
    read.expect("it prints text");
    said
}

/// The next line of what a puppet says, and no byte more.
pub(crate) fn line(said: &mut File) -> String {
    let mut line = String::new();
    let mut byte = [0];
    while !line.ends_with('\n') {
        said.read_exact(&mut byte)
            .expect("it says that it is there");
        line.push(byte[0].into());
    }
    line.trim_end().to_owned()
}

/// Whether this is Wine, which differs from Windows in what the tests then say.
pub(crate) fn is_wine() -> bool {
    // SAFETY: constant names; the library is in every process.
    unsafe { GetProcAddress(GetModuleHandleW(w!("ntdll.dll")), s!("wine_get_version")) }.is_some()
}

/// Starts a child and waits for its end.
pub(crate) fn ends(spawn: Spawn<'_>) -> Exit {
    let exit = started(spawn, as_child).reap();
    exit.expect("a child can be waited for")
        .expect("how it ended is known")
}

/// A puppet that says a line and then stands still until this is dropped.
pub(crate) struct Held {
    pub(crate) process: Process,
    /// What it said.
    pub(crate) line: String,
    input: Option<Descriptor>,
}

impl Held {
    /// Starts `spawn`, a puppet that prints a line and then waits for the end of its input.
    pub(crate) fn start(spawn: Spawn<'_>, start: Start) -> Held {
        let mut spawn: Spawn<'_> = spawn;
        let (stdin, input) = events::pipe().expect("a pipe can be made");
        let (said, stdout) = events::pipe().expect("a pipe can be made");
        let both = [(stdin.as_fd(), 0), (stdout.as_fd(), 1)];
        spawn.descriptors.extend(both);
        let process = started(spawn, start);
        drop(stdout);
        Held {
            process,
            line: line(&mut File::from(said)),
            input: Some(input),
        }
    }

    /// Lets it end, and waits until it has.
    pub(crate) fn end(mut self) -> Option<Exit> {
        drop(self.input.take());
        self.process.reap().expect("a process can be waited for")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait_end(None);
    }
}
