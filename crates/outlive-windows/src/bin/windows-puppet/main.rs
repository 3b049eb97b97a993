//! A program that does what a test tells it over a connection, and ends when that is closed.
#![forbid(unsafe_code)]

use outlive::{Breakaway, Child, Command, Daemon, ExitStatus, Stdio};
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process;
use std::time::Duration;

fn main() {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let text: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    match &text[..] {
        ["arguments", ..] => words[1..].iter().for_each(|word| {
            let bytes = word.as_encoded_bytes().iter();
            let digits: String = bytes.map(|byte| format!("{byte:02x}")).collect();
            println!("{digits}");
        }),
        ["exit", code] => exit(code),
        ["console", program, ..] => at_console(program, &words[2..]),
        ["at", port, name] => obey(port, name),
        ["daemon", then, port, name] => daemon(then, port, name),
        _ => panic!("{words:?}"),
    }
}

/// Ends with any code that Windows has.
fn exit(code: &str) -> ! {
    let code: u32 = code.parse().expect("a number");
    std::process::exit(code.cast_signed())
}

/// Runs a program whose standard streams are those of this process's console, and ends as it does.
fn at_console(program: &str, words: &[OsString]) -> ! {
    let open = |name| {
        let both = File::options().read(true).write(true).open(name);
        both.expect("there is a console")
    };
    let mut command = process::Command::new(program);
    command.args(words).stdin(open("CONIN$"));
    let status = command
        .stdout(open("CONOUT$"))
        .stderr(open("CONOUT$"))
        .status();
    let code = status.expect("it can be run").code();
    process::exit(code.expect("Windows has no signals"))
}

/// Makes itself a daemon, and then is what `then` says before it obeys.
fn daemon(then: &str, port: &str, name: &str) {
    let mut daemon = Daemon::new();
    daemon.ready_timeout(Duration::from_secs(if then == "silent" { 3 } else { 90 }));
    if then == "pid-file" {
        daemon.pid_file("daemon.pid");
    }
    let mut daemon = match daemon.start() {
        Ok(daemon) => daemon,
        Err(error) => {
            eprintln!("{error}");
            exit("1")
        }
    };
    match then {
        "silent" => {}
        "fail" => daemon.failed("port 80 is taken"),
        "exit" => exit("7"),
        _ => daemon.ready().expect("its starter hears it"),
    }
    obey(port, name);
}

/// Says its name and id and then carries out one order after the other.
fn obey(port: &str, name: &str) {
    let address = format!("127.0.0.1:{port}");
    let mut answers = TcpStream::connect(address).expect("the test listens");
    let orders = BufReader::new(answers.try_clone().expect("a socket can be cloned"));
    let mut answer = |text: &str| {
        // Whoever ended the test hears nothing any more.
        let _ = answers.write_all(format!("{text}\n").as_bytes());
    };
    answer(&format!("{name} {}", std::process::id()));
    let mut child: Option<Child> = None;
    let mut listener: Option<TcpListener> = None;
    for order in orders.lines().map_while(Result::ok) {
        let (verb, rest) = order.split_once(' ').unwrap_or((&order, ""));
        match verb {
            "exit" => exit(rest),
            "folder" => answer(&format!("{:?}", env::current_dir().ok())),
            "terminal" => answer(&match outlive_os::terminal::size() {
                Some(size) => size.to_string(),
                None => "none".to_owned(),
            }),
            "attach" => {
                let program = env::current_exe().expect("a program knows its path");
                let mut command = process::Command::new(program.with_file_name("outlive.exe"));
                let status = command.args(["attach", rest]).status();
                let code = status.expect("it can be run").code();
                answer(&format!("{code:?}"));
            }
            "last-words" => {
                println!("the last line of {rest}");
                exit("3")
            }
            "say" => {
                println!("{rest}");
                io::stdout().flush().expect("its output can be written");
                answer("done");
            }
            "complain" => {
                // At once: what eprintln! writes comes in parts.
                let written = io::stderr().write_all(format!("{rest}\n").as_bytes());
                written.expect("its output can be written");
                answer("done");
            }
            "listen" => {
                listener = Some(TcpListener::bind(rest).expect("nobody else listens there"));
                answer("done");
            }
            "answer" => {
                let listener = listener.as_ref().expect("it was told to listen");
                answer(&answer_once(listener, rest).expect("whoever asks waits for the answer"));
            }
            "read" => {
                let mut line = String::new();
                let count = io::stdin().read_line(&mut line);
                let ended = count.expect("its input can be read") == 0;
                answer(if ended { "end" } else { line.trim_end() });
            }
            "variable" => answer(&env::var(rest).unwrap_or_default()),
            "start" => {
                let program = env::current_exe().expect("a program knows its path");
                let mut command = std::process::Command::new(program);
                command.args(["at", port, rest]);
                match command.spawn() {
                    // It ends by itself, and whoever waits for it is the test.
                    Ok(_) => answer("done"),
                    Err(error) => answer(&error.to_string()),
                }
            }
            "spawn" => match library(port, rest).spawn() {
                Ok(started) => {
                    answer(&started.id().to_string());
                    child = Some(started);
                }
                Err(error) => answer(&error.to_string()),
            },
            "disown" => match library(port, rest).disown() {
                Ok(process) => answer(&process.id().to_string()),
                Err(error) => answer(&error.to_string()),
            },
            "wait" => {
                let exit = child.as_mut().expect("it was spawned").wait();
                let code = exit.map(|status: ExitStatus| status.code());
                answer(&format!("{code:?}"));
            }
            _ => panic!("{order}"),
        }
    }
}

/// Answers the first question over HTTP with a status; its first line.
fn answer_once(listener: &TcpListener, status: &str) -> io::Result<String> {
    let (mut stream, _) = listener.accept()?;
    let mut question = BufReader::new(stream.try_clone()?).lines();
    let first = question.next().unwrap_or_else(|| Ok(String::new()))?;
    // What is closed with something unread in it is cut off, and not ended.
    for line in question {
        if line?.is_empty() {
            break;
        }
    }
    write!(stream, "HTTP/1.1 {status} \r\nConnection: close\r\n\r\n")?;
    Ok(first)
}

/// This program by the library: "NAME" or "NAME require".
fn library(port: &str, words: &str) -> Command {
    let (name, require) = words
        .split_once(' ')
        .map_or((words, false), |(name, how)| (name, how == "require"));
    let program = env::current_exe().expect("a program knows its path");
    let mut command = Command::new(program);
    command
        .args(["at", port, name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if require {
        command.breakaway(Breakaway::Require);
    }
    command
}
