//! Sitting down at a job's terminal, and leaving it.

use outlive_testkit::events::Stream;
use outlive_testkit::{Home, Puppet, Running, Terminal, quoted, skipped};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::Signal;

/// Ctrl-\ and then d.
const DETACH: &str = "\x1cd";

fn started(home: &Home, options: &[&str]) -> Puppet {
    let mut puppet = Puppet::new(home);
    home.start(
        &[&["--tty", "--name", "job"], options].concat(),
        &mut puppet,
    );
    puppet
}

/// Somebody who is attached, and sees what the puppet prints.
fn attached(home: &Home, puppet: &mut Puppet, options: &[&str]) -> Terminal {
    let words = [&["attach", "job"], options].concat();
    let mut terminal = Terminal::open(home, home.outlive_words(words));
    sees(&mut terminal, puppet);
    terminal
}

fn sees(terminal: &mut Terminal, puppet: &mut Puppet) {
    let line = puppet.beat();
    terminal.screen.until(&line);
}

/// The modes of a terminal that nobody has changed.
fn untouched(home: &Home) -> String {
    let mut terminal = Terminal::open(home, ["true"]);
    terminal.leader.end();
    terminal.modes()
}

/// Leaves by the keys: it is said that the job goes on, and the terminal is as it was.
fn leaves(home: &Home, mut terminal: Terminal) {
    terminal.presses(DETACH);
    let seen = String::from_utf8_lossy(&terminal.screen.rest()).into_owned();
    assert!(seen.contains("outlive attach job"), "{seen:?}");
    assert_eq!(terminal.leader.end(), 0, "{seen:?}");
    assert_eq!(terminal.modes(), untouched(home));
}

#[test]
fn what_is_typed_reaches_the_job_and_its_end_is_told() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    let mut terminal = attached(&home, &mut puppet, &[]);
    puppet.tell("read");
    terminal.types("héllo");
    assert_eq!(puppet.line(), "line héllo");
    puppet.exit(7);
    terminal.screen.rest();
    assert_eq!(terminal.leader.end(), 7);
    assert_eq!(terminal.modes(), untouched(&home));
}

#[test]
fn who_leaves_leaves_it_running() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    let terminal = attached(&home, &mut puppet, &[]);
    leaves(&home, terminal);
    let mut terminal = attached(&home, &mut puppet, &["--detach-keys", "ctrl-p,ctrl-q"]);
    // The usual ones are the job's now; Ctrl-\ would end it by SIGQUIT.
    puppet.ask("shell stty quit undef");
    puppet.tell("read");
    terminal.types(DETACH);
    assert_eq!(puppet.line(), "line \x1cd");
    terminal.presses("\x10\x11");
    terminal.screen.rest();
    assert_eq!(terminal.leader.end(), 0);
    home.goes_on("job", &mut puppet);
}

#[test]
fn started_and_inside_at_once() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let words = puppet.run_words(&["--tty", "--attach", "--name", "job"]);
    let mut terminal = Terminal::sized(&home, (101, 37), home.outlive_words(words));
    puppet.ready();
    sees(&mut terminal, &mut puppet);
    assert_eq!(puppet.ask("shell stty size"), "ended with Some(0)");
    terminal.screen.until("37 101");
    leaves(&home, terminal);
    home.goes_on("job", &mut puppet);
}

/// Whether the job has ended before anybody could sit down or after.
#[test]
fn a_job_that_ends_at_once_is_told_all_the_same() {
    let home = Home::new();
    for round in 0..20 {
        let script = format!("echo quick {round}; exit {round}");
        let words = ["run", "--tty", "--attach", "--", "sh", "-c", &script];
        let mut terminal = Terminal::open(&home, home.outlive_words(words));
        let seen = String::from_utf8_lossy(&terminal.screen.rest()).into_owned();
        assert!(seen.contains(&format!("quick {round}")), "{seen:?}");
        assert_eq!(terminal.leader.end(), round, "{seen:?}");
    }
}

#[test]
fn who_only_looks_on_types_nothing() {
    let home = Home::new();
    let mut puppet = started(&home, &["--size", "90x20"]);
    let mut watching = attached(&home, &mut puppet, &["--read-only"]);
    let mut typing = attached(&home, &mut puppet, &[]);
    puppet.tell("read");
    watching.types("nothing of this");
    watching.presses("\x03");
    typing.types("all of this");
    assert_eq!(puppet.line(), "line all of this");
    watching.screen.until("all of this");
    leaves(&home, watching);
    sees(&mut typing, &mut puppet);
    leaves(&home, typing);
    home.goes_on("job", &mut puppet);
}

#[test]
fn what_is_on_the_screen_is_drawn_for_whoever_comes() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    puppet.ask("shell printf '\\033[2J\\033[5;9Hover\\033[5;10Hlaid\\033[1;1Hlast '");
    let mut terminal = attached(&home, &mut puppet, &[]);
    puppet.ask("shell printf '\\033[?1049h\\033[?2004h\\033[3;3Hfull'");
    terminal.screen.until("full");
    leaves(&home, terminal);
    // What it was switched to is switched back by who leaves, and set for who comes.
    let words = home.outlive_words(["attach", "job"]);
    let mut terminal = Terminal::open(&home, words);
    let seen = terminal.screen.until("full");
    assert!(seen.contains("\x1b[?1049h"), "{seen:?}");
    assert!(seen.contains("\x1b[?2004h"), "{seen:?}");
    assert!(
        !seen.contains("laid"),
        "that is on the other screen: {seen:?}"
    );
    terminal.presses(DETACH);
    let seen = String::from_utf8_lossy(&terminal.screen.rest()).into_owned();
    assert!(seen.contains("\x1b[?1049l"), "{seen:?}");
    assert!(seen.contains("\x1b[?2004l"), "{seen:?}");
    home.goes_on("job", &mut puppet);
}

/// What it was switched to stands in a part of the output that has been given back.
#[test]
fn what_was_switched_long_ago_is_known_to_whoever_comes() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    puppet.ask("shell printf '\\033[?1049h\\033[?2004h'");
    puppet.does("flood 2000 80");
    // Its keeper has written all of it by then: what is given back is there.
    home.prints("job", &puppet.beat());
    home.gives_back("job", 64 << 10);
    let mut terminal = Terminal::open(&home, home.outlive_words(["attach", "job"]));
    let seen = terminal.screen.until("flood");
    assert!(seen.contains("\x1b[?1049h"), "{seen:?}");
    assert!(seen.contains("\x1b[?2004h"), "{seen:?}");
    leaves(&home, terminal);
    home.goes_on("job", &mut puppet);
}

/// However large a job says that its screen is, or asks for it to be.
#[test]
fn a_screen_without_measure_takes_no_memory_without_measure() {
    let home = Home::new();
    let mut puppet = started(&home, &["--size", "65535x65535"]);
    let hostile = [
        "8;65535;65535t",
        "65535;65535H",
        "4294967295b",
        "65535L",
        "65535@",
        "1;65535r",
        "65535S",
        "99999999999999999999C",
    ];
    let hostile: String = hostile.iter().map(|it| format!("\\033[{it}x")).collect();
    puppet.ask(&format!("shell printf '{hostile}\\033[H'"));
    let line = puppet.beat();
    let attach = format!(
        "ulimit -v 1048576; exec {}",
        quoted(home.outlive_words(["attach", "job"]))
    );
    // As large as a terminal can be, too, so that nothing else keeps what is drawn small.
    let mut terminal = Terminal::sized(&home, (65535, 65535), ["sh", "-c", &attach]);
    terminal.screen.until(&line);
    leaves(&home, terminal);
    home.goes_on("job", &mut puppet);
}

/// Who is attached stays when the job is started again, and sits at the next run's terminal.
#[test]
fn another_run_is_at_the_same_seat() {
    let home = Home::new();
    let mut puppet = started(&home, &["--restart", "always"]);
    let words = home.outlive_words(["attach", "job"]);
    let mut terminal = Terminal::sized(&home, (101, 37), words);
    sees(&mut terminal, &mut puppet);
    for code in [0, 3] {
        puppet.exit(code);
        puppet.ready_again();
        sees(&mut terminal, &mut puppet);
        puppet.ask("shell stty size");
        terminal.screen.until("37 101");
        puppet.tell("read");
        terminal.types("to this run");
        assert_eq!(puppet.line(), "line to this run");
    }
    leaves(&home, terminal);
    home.ok(["stop", "job", "--grace", "0s"]);
    puppet.gone();
}

/// Nobody waits to sit down: what a job prints before it is ready is what they want to see.
#[test]
fn who_starts_it_sits_down_before_it_is_ready() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = [
        "--tty",
        "--attach",
        "--name",
        "job",
        "--ready",
        "log:open for all",
    ];
    let words = puppet.run_words(&options);
    let mut terminal = Terminal::open(&home, home.outlive_words(words));
    puppet.ready();
    sees(&mut terminal, &mut puppet);
    assert!(home.show("job")["ready_at"].is_null());
    puppet.does("say open for all");
    assert_eq!(home.call(["wait", "--ready", "job"]).code, 0);
    leaves(&home, terminal);
    home.goes_on("job", &mut puppet);
}

#[test]
fn who_sits_there_is_told_that_it_was_not_ready_in_time() {
    let home = Home::new();
    let run = ["run", "--tty", "--attach", "--ready", "log:never said"];
    let in_time = [
        "--ready-timeout",
        "50ms",
        "--",
        "sh",
        "-c",
        "echo seen; exec cat",
    ];
    let words = home.outlive_words([&run[..], &in_time].concat());
    let mut terminal = Terminal::open(&home, words);
    let seen = String::from_utf8_lossy(&terminal.screen.rest()).into_owned();
    assert!(seen.contains("was not ready within 50ms"), "{seen:?}");
    assert_eq!(terminal.leader.end(), 124, "{seen:?}");
}

#[test]
fn the_last_one_who_comes_or_types_decides_on_the_size() {
    let home = Home::new();
    let mut puppet = started(&home, &["--size", "90x20"]);
    let words = home.outlive_words(["attach", "job"]);
    puppet.does("trap WINCH");
    let mut small = Terminal::sized(&home, (60, 15), &words);
    assert_eq!(puppet.line(), "signal WINCH");
    sees(&mut small, &mut puppet);
    let mut large = Terminal::sized(&home, (120, 50), &words);
    assert_eq!(puppet.line(), "signal WINCH");
    sees(&mut large, &mut puppet);
    let has_size = |puppet: &mut Puppet, terminal: &mut Terminal, size: &str| {
        puppet.ask("shell stty size");
        terminal.screen.until(size);
    };
    has_size(&mut puppet, &mut large, "50 120");
    large.resize(110, 40);
    assert_eq!(puppet.line(), "signal WINCH");
    has_size(&mut puppet, &mut large, "40 110");
    small.types("");
    assert_eq!(puppet.line(), "signal WINCH");
    has_size(&mut puppet, &mut large, "15 60");
    leaves(&home, small);
    leaves(&home, large);
    home.goes_on("job", &mut puppet);
}

/// Each is attached while much is printed, sees some of it, and leaves: the output file has all of it
/// once.
#[test]
fn a_hundred_come_and_go_under_load() {
    const ROUNDS: usize = 100;
    const LINES: usize = 500;
    let home = Home::new();
    let mut puppet = started(&home, &["--output-limit", "0"]);
    let words = home.outlive_words(["attach", "job"]);
    for _ in 0..ROUNDS {
        puppet.tell(&format!("flood {LINES} 80"));
        let mut terminal = Terminal::open(&home, &words);
        terminal.screen.until("flood");
        terminal.presses(DETACH);
        terminal.screen.rest();
        assert_eq!(terminal.leader.end(), 0);
        assert_eq!(puppet.line(), "done");
    }
    // None of the keys by which they left has reached the job.
    puppet.tell("read");
    home.ok(["send", "job", "the first that is typed"]);
    assert_eq!(puppet.line(), "line the first that is typed");
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let mut expected = String::new();
    for _ in 0..ROUNDS {
        for index in 0..LINES {
            let line = format!("flood {index} ");
            expected += &format!("{line:.<79}\r\n");
        }
    }
    let printed = home.logs("job");
    let echo = "the first that is typed\r\n";
    let floods = printed.strip_suffix(echo).expect("its echo is the last");
    assert!(floods == expected, "a byte was lost, doubled or moved");
}

/// Somebody whose terminal takes nothing holds up neither the job nor others.
#[test]
fn a_reader_that_stands_still_holds_up_nobody() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    let stuck = attached(&home, &mut puppet, &[]);
    stuck.leader.handle().signal(Signal::STOP);
    puppet.does("flood 250000 80");
    let terminal = attached(&home, &mut puppet, &[]);
    leaves(&home, terminal);
    stuck.leader.handle().signal(Signal::KILL);
    home.goes_on("job", &mut puppet);
}

/// A job that prints without end leaves a person the keys by which they leave.
#[test]
fn who_is_flooded_can_leave() {
    let home = Home::new();
    home.ok(["run", "--tty", "--name", "job", "--", "yes"]);
    for _ in 0..3 {
        let mut terminal = Terminal::open(&home, home.outlive_words(["attach", "job"]));
        terminal.screen.until("y\r\ny\r\ny\r\n");
        leaves(&home, terminal);
    }
    let mut terminal = Terminal::open(&home, home.outlive_words(["attach", "job"]));
    terminal.screen.until("y\r\ny\r\ny\r\n");
    terminal.presses("\x03");
    terminal.screen.rest();
    assert_eq!(terminal.leader.end(), 128 + 2);
    assert_eq!(home.show("job")["signal"], 2);
}

#[test]
fn a_lost_connection_leaves_it_running() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    let terminal = attached(&home, &mut puppet, &[]);
    assert_eq!(terminal.hang_up().end(), 128 + 1);
    home.goes_on("job", &mut puppet);
}

#[test]
fn whoever_is_told_to_end_restores_the_terminal() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut terminal = attached(&home, &mut puppet, &[]);
        assert_ne!(terminal.modes(), untouched(&home), "it is in raw mode");
        terminal.leader.handle().signal(signal);
        terminal.screen.rest();
        assert_eq!(terminal.leader.end(), 128 + signal.as_raw());
        assert_eq!(terminal.modes(), untouched(&home));
    }
    home.goes_on("job", &mut puppet);
}

/// Whoever is attached holds the terminal open, and hands it to the next keeper.
#[test]
fn a_killed_keeper_costs_nothing_while_somebody_is_attached() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    let mut terminals = [0, 1].map(|_| attached(&home, &mut puppet, &[]));
    for _ in 0..3 {
        let first = home.keeper("job");
        first.kill();
        // It comes to both by the new keeper, whichever of them has given it the job.
        let line = puppet.beat();
        for terminal in &mut terminals {
            terminal.screen.until(&line);
        }
        assert_ne!(home.keeper("job").pid(), first.pid());
    }
    puppet.tell("read");
    terminals[0].types("still here");
    assert_eq!(puppet.line(), "line still here");
    let notes = home.show("job")["notes"].to_string();
    assert!(!notes.contains("terminal"), "{notes}");
    for terminal in terminals {
        leaves(&home, terminal);
    }
    assert_eq!(puppet.ask("terminal"), "has a terminal");
    home.ok(["send", "job", "nobody is attached"]);
    assert_eq!(puppet.ask("read"), "line nobody is attached");
    home.ok(["stop", "job", "--grace", "0s"]);
    puppet.gone();
}

#[test]
fn what_cannot_be_attached_to_is_refused() {
    let home = Home::new();
    let mut plain = Puppet::new(&home);
    home.start(&["--name", "plain"], &mut plain);
    let said = home.call(["attach", "plain"]);
    assert!(
        said.code == 125 && said.errors().contains("run --tty"),
        "{said}"
    );
    let mut puppet = started(&home, &[]);
    let said = home.call(["attach", "job"]);
    assert!(
        said.code == 125 && said.errors().contains("no terminal"),
        "{said}"
    );
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let said = home.call(["attach", "job"]);
    assert!(
        said.code == 125 && said.errors().contains("has ended"),
        "{said}"
    );
    home.survives("plain", &mut plain);
}

/// A tmux server of the test's own: a real terminal emulator, by which a person would look at vim.
struct Tmux<'a> {
    home: &'a Home,
    socket: String,
}

impl<'a> Tmux<'a> {
    fn new(home: &'a Home) -> Tmux<'a> {
        let socket = home.folder().join("tmux").display().to_string();
        Tmux { home, socket }
    }

    fn call(&self, words: &[&str]) -> String {
        let all = ["tmux", "-S", &self.socket, "-f", "/dev/null"];
        let said = Running::start(&mut self.home.command(all.iter().chain(words))).finish();
        assert_eq!(said.code, 0, "{said}");
        String::from_utf8_lossy(&said.out).into_owned()
    }

    /// A terminal in which `outlive` is called with `words`, and what comes on it.
    fn open(&self, session: &str, size: (&str, &str), words: &[&str]) -> Stream {
        let fifo = self.home.folder().join(session);
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .expect("our own folder");
        // It waits until what it prints is listened to.
        let line = format!("read go; exec {}", quoted(self.home.outlive_words(words)));
        let (columns, rows) = size;
        let new = [
            "new-session",
            "-d",
            "-s",
            session,
            "-x",
            columns,
            "-y",
            rows,
            "--",
        ];
        self.call(&[&new[..], &["sh", "-c", &line]].concat());
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let seen = rustix::fs::open(&fifo, flags, Mode::empty()).expect("our own FIFO");
        let listen = format!("cat > {}", quoted([&fifo]));
        self.call(&["pipe-pane", "-t", session, &listen]);
        self.press(session, &["Enter"]);
        Stream::new(seen, session)
    }

    fn press(&self, session: &str, keys: &[&str]) {
        self.call(&[&["send-keys", "-t", session], keys].concat());
    }

    /// What is on the screen.
    fn screen(&self, session: &str) -> String {
        self.call(&["capture-pane", "-p", "-t", session])
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let words = ["tmux", "-S", &self.socket, "kill-server"];
        Running::start(&mut self.home.command(words)).finish();
    }
}

#[test]
fn vim_outlives_the_terminal_that_it_was_started_in() {
    let there = |program| {
        let found = std::process::Command::new(program)
            .arg("--version")
            .output();
        if found.is_err() {
            skipped("vim, seen through tmux", &format!("no {program}"));
        }
        found.is_ok()
    };
    if !there("tmux") || !there("vim") {
        return;
    }
    let home = Home::new();
    let file = home.folder().join("text");
    let path = file.to_str().expect("a temporary path is text");
    let tmux = Tmux::new(&home);
    let run = ["run", "--tty", "--attach", "--name", "job", "--"];
    let vim = [
        "vim",
        "-u",
        "NONE",
        "-i",
        "NONE",
        "-n",
        "--not-a-term",
        path,
    ];
    let mut seen = tmux.open("first", ("70", "20"), &[&run[..], &vim].concat());
    seen.until("[New");
    tmux.press("first", &["i", "written at the first terminal"]);
    seen.until("first terminal");
    tmux.call(&["kill-session", "-t", "first"]);
    assert_eq!(home.show("job")["state"], "running");

    let mut seen = tmux.open("second", ("90", "30"), &["attach", "job"]);
    // It is drawn by us, and then, at the new size, by vim: the 28th line is below the first screen.
    seen.until("\x1b[28;1H");
    seen.until("\x1b[1;30H");
    let screen = tmux.screen("second");
    assert!(
        screen.starts_with("written at the first terminal"),
        "{screen}"
    );
    tmux.press("second", &[" and the second"]);
    seen.until("second");
    tmux.press("second", &["Escape", ":wq", "Enter"]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let text = std::fs::read_to_string(&file).expect("vim has saved it");
    assert_eq!(text, "written at the first terminal and the second\n");
}
