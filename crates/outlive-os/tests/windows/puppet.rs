//! This very program as the programs that the tests start: by its own name it is told what to do.

use crate::common::{Held, as_child, line, puppet, strings};
use outlive_os::process::Process;
use outlive_os::socket::Connection;
use outlive_os::spawn::Spawn;
use outlive_os::{AsDescriptor, Leave, bytes, events, proc, role, signal, surroundings};
use outlive_record::Via;
use std::env;
use std::ffi::{OsString, c_int, c_uint, c_void};
use std::fs::File;
use std::io::{self, Read, Write};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Threading::GetProcessShutdownParameters;

/// Its own name, if it is to be a puppet.
pub(crate) const NAME: &str = "outlive's puppet";

/// Run by the C runtime before `main`, since what Rust calls the main function of a test is not ours.
#[used]
#[unsafe(link_section = ".CRT$XCU")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    if role::name().is_some_and(|name| name == NAME) {
        // Who can't give it another name names it once more.
        let words = env::args_os().skip(1).skip_while(|word| word == NAME);
        let code = obey(words.collect());
        io::stdout().flush().expect("somebody reads it");
        std::process::exit(code.cast_signed());
    }
}

unsafe extern "C" {
    fn _write(descriptor: c_int, from: *const c_void, length: c_uint) -> c_int;
}

/// What else is on the C runtime's descriptor.
fn write_by_number(number: &str, text: &str) {
    let number = number.parse().expect("a number");
    // SAFETY: bytes of ours and how many they are.
    let written = unsafe { _write(number, text.as_ptr().cast(), text.len() as c_uint) };
    assert_eq!(
        written as usize,
        text.len(),
        "{}",
        io::Error::last_os_error()
    );
}

fn obey(words: Vec<OsString>) -> u32 {
    let all: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    match &all[..] {
        ["print"] => {
            let screen = File::options().read(true).write(true).open("CONOUT$");
            let mut screen = screen.expect("there is a console");
            // By its own name, since Wine gives none as a stream.
            screen.write_all(b"here").expect("it can be written to");
            7
        }
        ["arguments", ..] => {
            let hexadecimal = |word: &OsString| -> String {
                let digits = bytes(word).iter().map(|byte| format!("{byte:02x}"));
                digits.collect()
            };
            words[1..]
                .iter()
                .for_each(|word| println!("{}", hexadecimal(word)));
            0
        }
        ["exit", code] => code.parse().expect("a number"),
        ["say", out, error] => {
            print!("{out}");
            eprint!("{error}");
            0
        }
        ["write", number, text] => {
            write_by_number(number, text);
            0
        }
        ["environment"] => {
            env::vars().for_each(|(key, value)| println!("{key}={value}"));
            0
        }
        ["folder"] => {
            println!("{}", env::current_dir().expect("there is one").display());
            0
        }
        ["job"] => {
            println!("{:?}", surroundings::job());
            0
        }
        ["place"] => {
            println!("{:?}", proc::place().expect("it can be told"));
            0
        }
        ["foster"] => foster(),
        ["ask service"] => ask_service(),
        ["delegated", ..] => delegated(),
        ["console"] => {
            println!("{}", surroundings::console());
            0
        }
        ["inherited"] => {
            let taken = role::inherited().expect("they are taken for the first time");
            println!("{}", taken.len());
            for (place, handle) in taken.into_iter().enumerate() {
                let written = write!(File::from(handle), "{place}");
                written.expect("it can be written to");
            }
            assert!(role::inherited().is_err());
            0
        }
        ["held"] => held(0),
        ["held", code] => held(code.parse().expect("a number")),
        ["polite"] => polite(),
        ["keeper", job] => keeper(job),
        ["turn"] => turn(),
        ["start", leave, rest @ ..] => start(leave, rest),
        _ => panic!("{all:?}"),
    }
}

/// Says that it is there, and stands still until its input is at its end.
fn held(code: u32) -> u32 {
    println!();
    wait_for_input();
    code
}

unsafe extern "system" fn ask(event: u32) -> i32 {
    std::process::exit(if event == CTRL_BREAK_EVENT { 41 } else { 42 })
}

/// Ends with code 41 when it is asked to end.
fn polite() -> u32 {
    // SAFETY: a function that ends the process.
    assert_ne!(unsafe { SetConsoleCtrlHandler(Some(ask), 1) }, 0);
    held(0)
}

/// Says a keeper's turn at the end of its session.
fn turn() -> u32 {
    role::become_keeper("test").expect("anybody may be a keeper");
    let (mut level, mut flags) = (0, 0);
    // SAFETY: two numbers that are written.
    let told = unsafe { GetProcessShutdownParameters(&mut level, &mut flags) };
    assert_ne!(told, 0);
    println!("{level:#x} {flags}");
    0
}

/// Starts a polite puppet, in a session of its own or not, and asks it to end, perhaps as one that it
/// knows by its id alone; says what came of it.
fn keeper(job: &str) -> u32 {
    role::become_keeper("test").expect("anybody may be a keeper");
    let spawn = Spawn {
        new_session: job != "shared",
        ..puppet(&["polite"])
    };
    let by_id = job == "by id";
    let job = Held::start(spawn, as_child);
    let opened = by_id.then(|| Process::open(job.process.pid()).expect("it lives"));
    match opened.as_ref().unwrap_or(&job.process).signal(signal::TERM) {
        Ok(()) => println!("{:?}", job.process.reap().expect("it can be waited for")),
        Err(error) => println!("{error}"),
    }
    drop(job);
    0
}

/// Says who could be a parent in its place, and starts a puppet by that.
fn foster() -> u32 {
    let (parent, name) = surroundings::foster_parent().expect("there is one");
    let spawn = Spawn {
        leave: Leave::Parent(&parent),
        ..puppet(&["held"])
    };
    let child = Held::start(spawn, as_child);
    let is_in_one = proc::in_job(Some(&child.process)).expect("it can be asked");
    println!("{} {name} {is_in_one}", parent.pid());
    child.end();
    0
}

/// Has a service start a puppet, and says what that says of itself.
fn ask_service() -> u32 {
    let program = env::current_exe().expect("a program knows its path");
    let here = role::open_folder(".".as_ref()).expect("there is one");
    match role::start_by(Via::Service, &program, &[NAME, "delegated"]) {
        Ok(puppet) => {
            puppet.send(b"-", Some(here.as_fd())).expect("it listens");
            let (said, _) = puppet.receive(4096).expect("it answers");
            println!("{}", String::from_utf8_lossy(&said));
        }
        Err(error) => println!("{error}"),
    }
    0
}

/// Goes to the folder that it is given, and says whether it is in a job object and where it is.
fn delegated() -> u32 {
    let Some(end) = role::take_standard_input_socket() else {
        return 1;
    };
    let starter = Connection::from_descriptor(end);
    let (_, folder) = starter.receive(16).expect("it is told something");
    let folder = folder.expect("it is given its folder");
    role::enter_folder(folder.as_fd()).expect("it may go there");
    let is_in_one = proc::in_job(None).expect("it can be asked");
    let here = env::current_dir().expect("there is one");
    let said = format!("{is_in_one} {}", here.display());
    starter
        .send(said.as_bytes(), None)
        .expect("it waits for it");
    0
}

fn wait_for_input() {
    io::stdout().flush().expect("somebody reads it");
    let read = io::stdin().read_to_end(&mut Vec::new());
    read.expect("it can be read");
}

/// Starts another puppet, says its id or what failed once that one has said its first line, and stands
/// still. One that is ended while it begins leaves its conhost.exe under Wine 8, which holds the test's
/// standard error open.
fn start(leave: &str, words: &[&str]) -> u32 {
    let mut inherited = role::inherited().expect("they are taken for the first time");
    let parent = leave
        .parse()
        .map(|pid| Process::open(pid).expect("it lives"));
    let leave = match (leave, &parent) {
        ("inherit", _) => Leave::Inherit,
        ("breakaway", _) => Leave::Breakaway,
        (_, Ok(parent)) => Leave::Parent(parent),
        _ => panic!("{leave}"),
    };
    let input = inherited.pop();
    let (said, stdout) = events::pipe().expect("a pipe can be made");
    let descriptors = input.iter().map(|input| (input.as_fd(), 0));
    let mut spawn = Spawn {
        leave,
        new_session: true,
        descriptors: descriptors.chain([(stdout.as_fd(), 1)]).collect(),
        ..puppet(words)
    };
    if words == ["no such program"] {
        spawn.programs = strings(words);
    }
    let started = spawn.spawn();
    drop(spawn);
    drop((input, stdout));
    match started {
        Ok(process) => {
            line(&mut File::from(said));
            println!("{}", process.pid());
        }
        Err(error) => println!("{:?} {:?}", error.step, error.cause.raw_os_error()),
    }
    wait_for_input();
    0
}
