//! Asks the managers by hand: what the crate does, one function for each verb.
//!
//! `ASK_USER` is whose manager is asked (the own user's), `ASK_WITHIN` how many milliseconds (5000).
//!
//! ```text
//! ask there | start MANAGER NAME PROGRAM [ARGUMENT…] | scope MANAGER NAME PID
//! ask kill-mode MANAGER UNIT | logind | linger        (MANAGER: user, system)
//! ```

use outlive_os::socket;
use outlive_systemd::{
    Manager, Program, Service, enable_linger, kill_mode, logind, move_into_scope, start_service,
};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn manager(word: &str) -> Manager {
    match word {
        "user" => Manager::User,
        _ => Manager::System,
    }
}

fn main() -> ExitCode {
    let setting = |name| {
        std::env::var(name)
            .ok()
            .and_then(|it| it.parse::<u32>().ok())
    };
    let within = Duration::from_millis(setting("ASK_WITHIN").unwrap_or(5000).into());
    let own = || std::fs::metadata("/proc/self").map_or(0, |it| it.uid());
    let user = setting("ASK_USER").unwrap_or_else(own);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(|it| &**it).collect();
    let begin = Instant::now();
    let result = match arguments[..] {
        ["there"] => {
            let [own, system] = [Manager::User, Manager::System].map(|it| it.is_there(user));
            Ok(format!("user: {own}, system: {system}"))
        }
        ["start", whom, name, program, ref rest @ ..] => {
            let (ours, theirs) = socket::pair().expect("a pair of sockets");
            let mut argv = vec!["own-name"];
            argv.extend(rest);
            let service = Service {
                name,
                description: "a service of the example",
                program: Program::Path(Path::new(program)),
                arguments: &argv,
                environment: &[("OUTLIVE_KEEPER", "1")],
                standard_input: theirs.as_fd(),
            };
            let started = start_service(manager(whom), user, &service, within);
            let took = begin.elapsed();
            drop(theirs);
            started.map(|()| {
                let sent = ours.send(b"hello over the descriptor\n", None);
                let (answer, _) = ours.receive(4096).unwrap_or_default();
                let answer = String::from_utf8_lossy(&answer);
                format!("started in {took:?}; it was sent {sent:?}, it says {answer}")
            })
        }
        ["scope", whom, name, pid] => {
            let pid = pid.parse().expect("a pid");
            let what = "a scope of the example";
            move_into_scope(manager(whom), user, name, what, pid, within)
                .map(|()| "moved".to_owned())
        }
        ["kill-mode", whom, unit] => kill_mode(manager(whom), user, unit, within),
        ["logind"] => logind(user, within).map(|it| format!("{it:?}")),
        ["linger"] => enable_linger(user, within).map(|()| "lingers".to_owned()),
        _ => panic!("see the example's text for its verbs"),
    };
    let took = begin.elapsed();
    match result {
        Ok(text) => {
            println!("{text} ({took:?})");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure} ({took:?})");
            ExitCode::FAILURE
        }
    }
}
