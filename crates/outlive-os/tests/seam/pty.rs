//! Terminals of jobs' own.

use crate::common::shell;
use outlive_os::events::{Inflow, wait, wait_or_room};
use outlive_os::process::Exit;
use outlive_os::pty::{self, Pty};
use outlive_os::spawn::Spawn;
use outlive_os::terminal::Raw;
use outlive_record::Size;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::Duration;

const SIZE: Size = Size {
    columns: 101,
    rows: 37,
};

/// A shell's script that runs on a terminal and leads its session.
fn run(terminal: &Pty, script: &str) -> Exit {
    let spawn = Spawn {
        new_session: true,
        terminal: Some(terminal),
        ..shell(script)
    };
    let child = spawn.spawn().expect("a shell can be started");
    assert!(child.wait_end(None).expect("it can be waited for"));
    child
        .reap()
        .expect("a child can be reaped")
        .expect("it has ended")
}

/// What has been printed.
fn printed(output: &mut Inflow) -> String {
    let mut bytes = [0; 4096];
    let length = output.read(&mut bytes).expect("something was printed");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[test]
fn it_controls_the_session_that_is_started_on_it() {
    let (terminal, mut output) = Pty::open(SIZE).expect("a terminal can be had");
    let script = "cut -d' ' -f7 /proc/self/stat; stty size; tty >/dev/tty; exit 7";
    assert_eq!(run(&terminal, script), Exit::Code(7));
    // What was printed is there although whoever has printed it is gone.
    let said = printed(&mut output);
    let mut lines = said.lines();
    let number = terminal.number().expect("it has a number").to_string();
    assert_eq!(lines.next(), Some(&*number));
    assert_eq!(lines.next(), Some("37 101"));
    assert!(
        lines
            .next()
            .is_some_and(|name| name.starts_with("/dev/pts/"))
    );
}

#[test]
fn no_other_sessions_terminal_is_taken_away() {
    let (terminal, _output) = Pty::open(SIZE).expect("a terminal can be had");
    let spawn = |script| Spawn {
        new_session: true,
        terminal: Some(&terminal),
        ..shell(script)
    };
    let first = spawn("read line").spawn().expect("a shell can be started");
    let second = spawn("true").spawn().expect_err("the terminal is taken");
    assert_eq!(second.step, outlive_os::spawn::Step::Terminal);
    let mut input = File::from(terminal.input().expect("it can be copied"));
    input.write_all(b"go\r").expect("there is room");
    assert!(first.wait_end(None).expect("it can be waited for"));
    first.reap().expect("a child can be reaped");
}

#[test]
fn nobody_waits_at_the_masters_side() {
    let (terminal, mut output) = Pty::open(SIZE).expect("a terminal can be had");
    let mut bytes = [0; 16];
    let nothing = output.read(&mut bytes).expect_err("nothing was printed");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    let mut input = File::from(terminal.input().expect("it can be copied"));
    // Without a line's end all of it is dropped but what a line holds, and there is always room.
    let full = loop {
        if let Err(error) = input.write(&[b'\n'; 1024]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let now = Some(Duration::ZERO);
    let room = || wait_or_room(&[], Some(input.as_fd()), now).expect("it can be waited for");
    assert_eq!(room(), [] as [usize; 0]);
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let peer = rustix::pty::ioctl_tiocgptpeer(&input, flags).expect("its other side");
    rustix::termios::tcflush(&peer, rustix::termios::QueueSelector::IFlush)
        .expect("what was typed can be dropped");
    assert_eq!(room(), [0]);
}

#[test]
fn it_stays_when_all_have_closed_it() {
    let (terminal, mut output) = Pty::open(SIZE).expect("a terminal can be had");
    assert_eq!(run(&terminal, "echo once"), Exit::Code(0));
    assert_eq!(printed(&mut output), "once\r\n");
    let ready = wait(&[output.as_fd()], Some(Duration::ZERO)).expect("it can be waited for");
    assert_eq!(ready, [] as [usize; 0], "an end would be told for ever");
    assert_eq!(run(&terminal, "echo again"), Exit::Code(0));
    assert_eq!(printed(&mut output), "again\r\n");
}

#[test]
fn whoever_holds_the_master_can_go_on_with_it() {
    let (first, output) = Pty::open(SIZE).expect("a terminal can be had");
    let held = first.input().expect("it can be copied");
    let number = first.number().expect("it has a number");
    drop((first, output));
    let (second, mut output) = Pty::of_master(held).expect("it is still there");
    assert_eq!(second.number().expect("it has a number"), number);
    assert_eq!(run(&second, "stty size"), Exit::Code(0));
    assert_eq!(printed(&mut output), "37 101\r\n");
    let none = File::open("/dev/null").expect("/dev/null opens");
    assert!(Pty::of_master(none.into()).is_err());
}

#[test]
fn sizes_and_the_end_of_input() {
    let (terminal, _output) = Pty::open(SIZE).expect("a terminal can be had");
    let input = terminal.input().expect("it can be copied");
    assert_eq!(pty::size(input.as_fd()).expect("it has a size"), SIZE);
    let unknown = Size {
        columns: 0,
        rows: 0,
    };
    pty::set_size(input.as_fd(), unknown).expect("it can be told nothing");
    let size = pty::size(input.as_fd()).expect("it has a size");
    assert_eq!(size, Size::default());
    terminal.type_end().expect("there is room");
    assert_eq!(run(&terminal, "cat; stty eof ^X"), Exit::Code(0));
    terminal.type_end().expect("there is room");
    assert_eq!(run(&terminal, "cat"), Exit::Code(0));
}

#[test]
fn without_a_terminal_there_is_none_to_take() {
    // The test runner's own streams are none.
    let refused = Raw::take().expect_err("standard output is a pipe");
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}
