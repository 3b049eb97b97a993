//! The test machinery itself: each part is what it claims to be, without any outlive.

use outlive_testkit::{Home, Pidfd, Puppet, Running, Sshd, Terminal, process};
use rustix::process::Signal;

#[test]
fn a_puppet_obeys() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut process = Running::start(&mut home.command(puppet.words()));
    assert_eq!(puppet.ready(), process.pid());
    let line = puppet.beat();
    assert_eq!(process.out.line(), Some(line));
    puppet.does("trap USR1");
    process.handle().signal(Signal::USR1);
    assert_eq!(puppet.line(), "signal USR1");
    puppet.exit(42);
    puppet.gone();
    assert_eq!(process.end(), 42);
}

#[test]
fn every_kind_of_child_is_what_it_is_called() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let process = Running::start(&mut home.command(puppet.words()));
    let main = puppet.ready();
    let in_session = |pid| process::session(pid) == process::session(main);
    for (kind, same_session) in [
        ("plain", true),
        ("session", false),
        ("daemon", false),
        ("deaf", true),
        ("deaf-daemon", false),
        ("scrubbed", false),
        ("scrubbed-writer", false),
        ("guardian", false),
    ] {
        let child = puppet.child(kind);
        assert_eq!(in_session(child), same_session, "{kind}");
        let scrubbed = process::environment(child).is_empty();
        assert_eq!(scrubbed, kind.starts_with("scrubbed"), "{kind}");
        let handle = Pidfd::of(child).expect("it lives");
        if kind.starts_with("deaf") {
            handle.signal(Signal::TERM);
            assert!(handle.lives(), "{kind}");
        }
    }
    puppet.child("runner");
    puppet.child("runner-daemon");
    // The main process alone: what it made is still there.
    process.handle().kill();
    assert!(!puppet.has_ended());
    assert_eq!(puppet.let_go().line(), None);
}

#[test]
fn a_puppet_can_live_again() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    for round in 0..3 {
        let mut process = Running::start(&mut home.command(puppet.words()));
        puppet.ready();
        puppet.exit(round);
        assert_eq!(process.end(), round);
    }
}

#[test]
fn a_terminals_leader_is_hung_up_on() {
    let home = Home::new();
    let mut terminal = Terminal::with_shell(&home);
    terminal.types("echo $((6 * 7))");
    terminal.screen.until("42");
    let leader = terminal.leader.pid();
    assert_eq!(process::session(leader), Some(leader));
    // A shell in a shell, which is not the leader and has no handler.
    terminal.types("sh -c 'echo in $((6 * 8)); read x'");
    terminal.screen.until("in 48");
    let children: Vec<i32> = process::pids()
        .into_iter()
        .filter(|&pid| process::session(pid) == Some(leader))
        .collect();
    let children: Vec<Pidfd> = children.into_iter().filter_map(Pidfd::of).collect();
    assert_eq!(children.len(), 2);
    terminal.hang_up().end();
    children.iter().for_each(Pidfd::ended);
}

#[test]
fn what_is_left_is_found() {
    let home = Home::new().without_patience();
    let process = Running::start(
        home.command(["sh", "-c", "echo; read x"])
            .stdin(std::process::Stdio::piped()),
    );
    let folder = home.folder().to_owned();
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(home)));
    let said = dropped.expect_err("a process is left");
    let said = said.downcast_ref::<String>().expect("it says which");
    assert!(said.contains("read x"), "{said}");
    drop(process);
    assert!(!folder.exists());
}

#[test]
fn sshd_serves_with_and_without_a_terminal() {
    let home = Home::new();
    let Some(sshd) = Sshd::start(&home, "the test machinery's sshd") else {
        return;
    };
    let script = "test -t 0 && echo terminal; echo $((6 * 7)); exit 5";
    let plain = sshd.call(&[], script);
    assert_eq!((plain.code, &*plain.text()), (5, "42"), "{plain}");
    let terminal = sshd.call(&["-tt"], script);
    assert_eq!(
        (terminal.code, &*terminal.text()),
        (5, "terminal\r\n42"),
        "{terminal}"
    );
}
