//! Programs that make themselves daemons: daemon(7)'s fifteen steps, PEP 3143's list, and what the
//! starter tells of it.

mod breakaway;
mod pep3143;
mod pid_file;
mod rights;
mod starter;
mod steps;
mod supervised;

use outlive_testkit::{Home, Pidfd, Puppet, Running, Said};
use std::ffi::OsString;
use std::process::Command;

/// The words of a puppet that makes itself a daemon with these options, each `KEY=VALUE`.
fn words(puppet: &Puppet, options: &[&str]) -> Vec<OsString> {
    let [program, _, folder] = &puppet.words()[..] else {
        unreachable!("a program, a part and a folder");
    };
    let mut words = vec![program.clone(), "daemon".into(), folder.clone()];
    words.extend(options.iter().map(OsString::from));
    words
}

/// Runs the starter of such a puppet to its end.
fn run(home: &Home, puppet: &Puppet, options: &[&str]) -> Said {
    finish(&mut home.command(words(puppet, options)))
}

/// Runs a starter to its end.
fn finish(command: &mut Command) -> Said {
    Running::start(command).finish()
}

/// Starts such a daemon, which has to be ready and say nothing on the way.
#[track_caller]
fn start(home: &Home, options: &[&str]) -> Puppet {
    let mut puppet = Puppet::new(home);
    let said = run(home, &puppet, options);
    assert_eq!((said.code, said.errors()), (0, String::new()), "{said}");
    puppet.ready();
    puppet
}

/// Has a daemon exit as a program does, and waits for that.
#[track_caller]
fn ends(mut puppet: Puppet) {
    let process = Pidfd::of(puppet.pid()).expect("it lives");
    puppet.exit(0);
    process.ended();
}

/// A path in the home's folder, as text.
fn path(home: &Home, name: &str) -> String {
    let path = home.folder().join(name);
    path.to_str().expect("text").to_owned()
}

/// An option with a path in the home's folder.
fn option(key: &str, home: &Home, name: &str) -> String {
    format!("{key}={}", path(home, name))
}

/// A line of what the kernel says of a process.
fn status(pid: i32, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.expect("every kernel says that").trim().to_owned()
}
