//! Terminals: K1, K1x, K2, K3, K13, and surprises 1 and 9.

use outlive_testkit::{Home, Pidfd, Puppet, Terminal, process};
use rustix::process::{Pid, Signal};

const HUNG_UP: i32 = 128 + 1;

/// A shell at a terminal in which a job was started, by typing.
fn started_by_hand(home: &Home, puppet: &mut Puppet) -> Terminal {
    let mut terminal = Terminal::with_shell(home);
    terminal.types(&home.shell_line(puppet.run_words(&["--name", "job"])));
    puppet.ready();
    terminal.screen.until("\njob\r\n");
    terminal.screen.until("ready> ");
    terminal
}

/// A script at a terminal that started a job and goes on.
fn started_by_script(home: &Home, puppet: &mut Puppet) -> Terminal {
    let line = home.shell_line(puppet.run_words(&["--name", "job"]));
    let mut terminal = Terminal::open(home, ["sh", "-c", &format!("{line}; echo started; read x")]);
    terminal.screen.until("started");
    puppet.ready();
    terminal
}

#[test]
fn k1_the_terminal_hangs_up() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let terminal = started_by_hand(&home, &mut puppet);
    terminal.hang_up().end();
    home.survives("job", &mut puppet);
}

#[test]
fn k1_the_terminal_hangs_up_on_a_script() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let terminal = started_by_script(&home, &mut puppet);
    assert_eq!(terminal.hang_up().end(), HUNG_UP);
    home.survives("job", &mut puppet);
}

#[test]
fn k1x_the_person_types_exit() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut terminal = started_by_hand(&home, &mut puppet);
    terminal.types("exit");
    assert_eq!(terminal.leader.end(), 0);
    // End of file at this side: nobody, and no job, holds the terminal any more.
    terminal.screen.rest();
    drop(terminal);
    home.survives("job", &mut puppet);
}

#[test]
fn k2_the_callers_group_is_killed() {
    for signal in [Signal::HUP, Signal::INT, Signal::TERM, Signal::KILL] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let mut terminal = started_by_script(&home, &mut puppet);
        let group = process::group(terminal.leader.pid()).expect("the shell waits");
        assert_ne!(process::group(puppet.pid()), Some(group));
        let group = Pid::from_raw(group).expect("a group has a number");
        rustix::process::kill_process_group(group, signal).expect("the shell is in it");
        assert_eq!(terminal.leader.end(), 128 + signal.as_raw());
        home.survives("job", &mut puppet);
    }
}

#[test]
fn k3_every_process_of_the_callers_session_is_killed() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut terminal = started_by_script(&home, &mut puppet);
    let session = process::session(terminal.leader.pid());
    assert!(session.is_some());
    assert_ne!(process::session(puppet.pid()), session);
    let of_session = process::pids()
        .into_iter()
        .filter(|&pid| process::session(pid) == session);
    let of_session: Vec<Pidfd> = of_session.filter_map(Pidfd::of).collect();
    assert!(!of_session.is_empty());
    of_session
        .iter()
        .for_each(|process| process.signal(Signal::KILL));
    terminal.leader.end();
    of_session.iter().for_each(Pidfd::ended);
    home.survives("job", &mut puppet);
}

#[test]
fn k13_the_job_writes_and_reads_the_terminal() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut terminal = Terminal::with_shell(&home);
    // From now on the terminal stops background processes that write to it.
    terminal.command("stty tostop");
    terminal.types(&home.shell_line(puppet.run_words(&["--name", "job"])));
    puppet.ready();
    terminal.screen.until("ready> ");
    assert_eq!(puppet.ask("terminal"), "no terminal");
    assert_eq!(puppet.ask("read"), "end of file");
    puppet.does("say a line for the output");
    puppet.does("complain a line for the errors");
    terminal.types("echo so far: $((40 + 2))");
    let seen = terminal.screen.until("so far: 42");
    assert!(!seen.contains("a line for"), "{seen:?}");
    assert_eq!(
        home.logs("job"),
        "a line for the output\na line for the errors\n"
    );
    home.survives("job", &mut puppet);
}

/// The launcher is the last thing that the terminal's leader does, or is the leader itself: the
/// hang-up comes the moment it returns.
#[test]
fn surprise_1_exit_at_once_100_of_100() {
    let home = Home::new();
    let mut jobs = Vec::new();
    for round in 0..100 {
        let mut puppet = Puppet::new(&home);
        let job = format!("job-{round}");
        let words = home.outlive_words(puppet.run_words(&["--name", &job]));
        let mut terminal = if round % 2 == 0 {
            Terminal::open(&home, words)
        } else {
            Terminal::open(&home, ["sh", "-c", &outlive_testkit::quoted(words)])
        };
        let screen = String::from_utf8(terminal.screen.rest()).expect("an id is text");
        assert_eq!(terminal.leader.end(), 0, "{screen:?}");
        drop(terminal);
        puppet.ready();
        let line = puppet.beat();
        puppet.exit(round);
        jobs.push((job, line, round));
    }
    for (job, line, code) in jobs {
        assert_eq!(home.call(["wait", &job]).code, code, "{job}");
        assert_eq!(home.logs(&job).trim(), line, "{job}");
    }
}

/// A background job whose standard input is the terminal would eat what the person types.
#[test]
fn surprise_9_keystrokes_stay_with_the_shell() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut terminal = started_by_hand(&home, &mut puppet);
    puppet.tell("read");
    assert_eq!(puppet.line(), "end of file");
    terminal.types("echo heard $((40 + 2))");
    terminal.screen.until("heard 42");
    home.survives("job", &mut puppet);
}

#[test]
fn ctrl_c_ends_the_following_and_not_the_job() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let words = home.outlive_words(puppet.run_words(&["--name", "job", "--follow"]));
    let mut terminal = Terminal::open(&home, words);
    puppet.ready();
    let line = puppet.beat();
    terminal.screen.until(&line);
    terminal.presses("\x03");
    assert_ne!(terminal.leader.end(), 0);
    let said = String::from_utf8(terminal.screen.rest()).expect("a note is text");
    assert!(
        said.contains("job"),
        "it says that the job goes on: {said:?}"
    );
    home.survives("job", &mut puppet);
}
