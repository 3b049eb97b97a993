//! What PEP 3143 asks of a daemon ("Correct daemon behaviour"), one by one.

use crate::{finish, option, path, start, words};
use outlive_testkit::{Home, Pidfd, Puppet, Running, Terminal, is_root, process, skipped};
use rustix::process::Signal;
use rustix::pty::OpenptFlags;
use std::fs;

/// A daemon that was started by typing at a terminal, and that.
fn at_terminal(home: &Home) -> (Terminal, Puppet) {
    let mut puppet = Puppet::new(home);
    let mut terminal = Terminal::with_shell(home);
    terminal.command(&outlive_testkit::quoted(words(&puppet, &[])));
    puppet.ready();
    (terminal, puppet)
}

/// The terminal that controls a process, 0 if none does.
fn controlling_terminal(pid: i32) -> String {
    process::stat(pid).expect("it lives")[4].clone()
}

#[test]
fn closes_all_open_file_descriptors() {
    let home = Home::new();
    let mut puppet = start(&home, &["open=/etc/passwd", "open=/etc/group"]);
    let open = puppet.ask("descriptors");
    let other = open.split(' ').find(|it| !it.ends_with("=/dev/null"));
    assert_eq!(other, None, "{open}");
}

#[test]
fn changes_the_current_working_directory() {
    let home = Home::new();
    let puppet = start(&home, &[]);
    let folder = fs::read_link(format!("/proc/{}/cwd", puppet.pid()));
    assert_eq!(folder.expect("it lives").to_str(), Some("/"));
}

#[test]
fn resets_the_file_access_creation_mask() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let line = outlive_testkit::quoted(words(&puppet, &["umask=0"]));
    let script = format!("umask 077; exec {line}");
    let said = finish(&mut home.command(["sh", "-c", &script]));
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(crate::status(puppet.ready(), "Umask"), "0000");
}

#[test]
fn runs_in_the_background() {
    let home = Home::new();
    let (mut terminal, mut puppet) = at_terminal(&home);
    // The shell has prompted, and takes the next command while the daemon runs.
    terminal.types("echo 'as ev''er'");
    terminal.screen.until("as ever");
    puppet.does("say hello");
}

#[test]
fn disassociates_from_the_process_group() {
    let home = Home::new();
    let (terminal, mut puppet) = at_terminal(&home);
    let group = process::group(puppet.pid());
    assert_ne!(group, process::group(terminal.leader.pid()));
    assert_ne!(group, Some(puppet.pid()));
    puppet.does("say hello");
}

#[test]
fn is_not_reached_by_the_signals_of_the_terminal() {
    let home = Home::new();
    let (mut terminal, mut puppet) = at_terminal(&home);
    // Ctrl-C, Ctrl-\ and Ctrl-Z; the shell comes back to its prompt.
    for key in ["\x03", "\x1c", "\x1a"] {
        terminal.presses(key);
        terminal.command("true");
        puppet.does("say hello");
    }
    // With default dispositions, which those who do have a terminal need.
    let ignored = crate::status(puppet.pid(), "SigIgn");
    let ignored = u64::from_str_radix(&ignored, 16).expect("hexadecimal");
    for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        assert_eq!(ignored >> (signal.as_raw() - 1) & 1, 0);
    }
}

#[test]
fn disassociates_from_the_control_terminal() {
    let home = Home::new();
    let (terminal, mut puppet) = at_terminal(&home);
    assert_ne!(controlling_terminal(terminal.leader.pid()), "0");
    assert_eq!(controlling_terminal(puppet.pid()), "0");
    assert_eq!(puppet.ask("terminal"), "no terminal");
}

#[test]
fn does_not_reacquire_a_control_terminal() {
    let home = Home::new();
    let mut puppet = start(&home, &[]);
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).expect("a pseudo-terminal can be had");
    rustix::pty::grantpt(&master).expect("our own terminal");
    rustix::pty::unlockpt(&master).expect("our own terminal");
    let name = rustix::pty::ptsname(&master, Vec::new()).expect("it has a name");
    let name = name.to_str().expect("text");
    // It is opened without O_NOCTTY.
    let opened = puppet.ask(&format!("data {name}"));
    assert!(opened.contains(name), "{opened}");
    assert_eq!(controlling_terminal(puppet.pid()), "0");
}

#[test]
fn can_be_started_by_init() {
    let available = is_root()
        && std::process::Command::new("unshare")
            .args(["--pid", "--fork", "--mount-proc", "true"])
            .output()
            .is_ok_and(|output| output.status.success());
    if !available {
        return skipped(
            "a start by process 1",
            "it takes root and unshare (util-linux)",
        );
    }
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let line = outlive_testkit::quoted(words(&puppet, &[]));
    // The shell is process 1, which starts it, and inherits it.
    let script = format!("{line}; echo \"code $?\"; read end");
    let mut command = home.command(["unshare", "--pid", "--fork", "--mount-proc"]);
    command.args(["sh", "-c", &script]);
    let mut machine = Running::start(command.stdin(std::process::Stdio::piped()));
    assert_eq!(machine.out.line().as_deref(), Some("code 0"));
    puppet.ready();
    assert_eq!(puppet.ask("status PPid"), "1");
    drop(machine.input());
    machine.end();
}

#[test]
fn ends_by_sigterm_and_leaves_no_lock() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let first = start(&home, &[&pid_file, "deaf"]);
    let daemon = Pidfd::of(first.pid()).expect("it lives");
    daemon.signal(Signal::TERM);
    daemon.ended();
    let second = start(&home, &[&pid_file]);
    let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
    assert_eq!(text.trim(), second.pid().to_string());
}

#[test]
fn hears_of_the_ends_of_its_children() {
    let home = Home::new();
    // Its starter ignores SIGCHLD, which would have the kernel reap them.
    let mut puppet = start(&home, &["deaf"]);
    assert_eq!(puppet.ask("shell exit 3"), "ended with Some(3)");
}
