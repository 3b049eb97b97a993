//! Terminals of jobs' own: pseudoconsoles.

use crate::common::{ends, is_wine, puppet};
use outlive_os::events::{self, Inflow};
use outlive_os::process::Exit;
use outlive_os::pty::{self, Pty};
use outlive_os::spawn::Spawn;
use outlive_os::{AsDescriptor, terminal};
use outlive_record::Size;
use std::io::ErrorKind;

const SIZE: Size = Size {
    columns: 101,
    rows: 37,
};

fn open() -> (Pty, Inflow) {
    Pty::open(SIZE).expect("a pseudoconsole can be had")
}

/// What comes until its end.
fn rest(output: &mut Inflow) -> String {
    let (mut said, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        match output.read(&mut bytes) {
            Ok(0) => return String::from_utf8(said).expect("it is drawn in UTF-8"),
            Ok(length) => said.extend(&bytes[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                events::wait(&[output.as_fd()], None).expect("it can be waited for");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn what_is_printed_comes_until_it_is_finished() {
    let (terminal, mut output) = open();
    let spawn = || Spawn {
        new_session: true,
        terminal: Some(&terminal),
        ..puppet(&["print"])
    };
    assert_eq!(ends(spawn()), Exit::Code(7));
    assert!(terminal.finish(), "an end comes");
    let said = rest(&mut output);
    assert!(said.contains("here"), "{said}");
    let refused = spawn().spawn().expect_err("it is gone");
    assert_eq!(refused.cause.kind(), ErrorKind::NotConnected);
    let gone = terminal.resize(SIZE).expect_err("it is gone");
    assert_eq!(gone.kind(), ErrorKind::NotConnected);
}

#[test]
fn it_goes_when_it_is_dropped() {
    let (terminal, mut output) = open();
    drop(terminal);
    rest(&mut output);
}

#[test]
fn another_size_is_one_that_a_console_can_have() {
    let wide = Size {
        columns: 40000,
        rows: 1,
    };
    let refused = Pty::open(wide).expect_err("it is too wide");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let (terminal, _output) = open();
    let refused = terminal.resize(wide).expect_err("it is too wide");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let resized = terminal.resize(Size::default());
    if is_wine() {
        println!("SKIPPED: another size: ResizePseudoConsole is not implemented");
        assert_eq!(resized.expect_err("Wine").kind(), ErrorKind::Unsupported);
    } else {
        resized.expect("it can have another size");
    }
}

#[test]
fn whether_anybody_reads_what_is_typed_is_seen() {
    let (from, to) = events::pipe().expect("a pipe can be made");
    let hung_up = || pty::is_hung_up(to.as_fd()).expect("a pipe can be asked");
    assert!(!hung_up());
    drop(from);
    assert!(hung_up());
    let nobodys = Pty::of_master(to).expect_err("it ends with who has made it");
    assert_eq!(nobodys.kind(), ErrorKind::Unsupported);
}

#[test]
fn without_a_console_there_is_none_to_take() {
    // The test runner's own streams are none.
    let refused = terminal::Raw::take().expect_err("standard output is a pipe");
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert_eq!(terminal::size(), None);
}
