//! Jobs with a terminal of their own, and what is typed there by `send`.

use outlive_testkit::{Home, Puppet, Running, Terminal};
use std::io::Write;
use std::process::Stdio;

/// A puppet that runs as a job with a terminal.
fn started(home: &Home, options: &[&str]) -> Puppet {
    let mut puppet = Puppet::new(home);
    home.start(
        &[&["--tty", "--name", "job"], options].concat(),
        &mut puppet,
    );
    puppet
}

/// A shell's script that runs as a job with a terminal, and has printed `ready`.
fn ready(home: &Home, script: &str) {
    home.ok(["run", "--tty", "--name", "job", "--", "sh", "-c", script]);
    home.prints("job", "ready");
}

#[test]
fn a_job_has_a_terminal_of_its_own_that_survives_the_starters() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut terminal = Terminal::with_shell(&home);
    let words = puppet.run_words(&["--tty", "--size", "100x30", "--name", "job"]);
    terminal.types(&home.shell_line(words));
    puppet.ready();
    terminal.screen.until("ready> ");
    assert_eq!(puppet.ask("terminal"), "has a terminal");
    assert_eq!(puppet.ask("shell stty size"), "ended with Some(0)");
    home.prints("job", "30 100\r\n");
    let shown = home.show("job");
    assert_eq!(shown["terminal"], "100x30");
    let report = shown["report"].as_array().expect("it was looked at");
    let left = report.iter().find(|it| it["hazard"] == "terminal");
    let left = left.expect("the starter had a terminal");
    assert_eq!(left["state"], "left");
    assert_eq!(left["how"], "it has a terminal of its own");
    terminal.hang_up().end();
    home.goes_on("job", &mut puppet);
}

#[test]
fn the_size_is_that_of_the_terminal_at_which_it_is_started() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let words = home.outlive_words(puppet.run_words(&["--tty", "--name", "job"]));
    let mut terminal = Terminal::sized(&home, (132, 43), words);
    puppet.ready();
    terminal.screen.rest();
    puppet.ask("shell stty size");
    home.prints("job", "43 132\r\n");
    home.goes_on("job", &mut puppet);
}

#[test]
fn its_kind_is_the_starters_or_one_that_all_understand() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut run = home.outlive_command(puppet.run_words(&["--tty", "--name", "job"]));
    let said = Running::start(run.env("TERM", "vt220")).finish();
    assert_eq!(said.code, 0, "{said}");
    puppet.ready();
    assert_eq!(puppet.ask("env TERM"), "set vt220");
    puppet.exit(0);
    puppet.gone();
    let mut puppet = Puppet::new(&home);
    home.start(&["--tty", "--name", "bare", "--clean-env"], &mut puppet);
    assert_eq!(puppet.ask("env TERM"), "set xterm-256color");
    home.goes_on("bare", &mut puppet);
}

#[test]
fn a_line_and_the_end_are_typed() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    puppet.tell("read");
    home.ok(["send", "job", "first words"]);
    assert_eq!(puppet.line(), "line first words");
    home.ok(["send", "job", "the last one", "--eof"]);
    assert_eq!(puppet.ask("read"), "line the last one");
    assert_eq!(puppet.ask("read"), "end of file");
    // A terminal goes on after that.
    home.ok(["send", "job", "one more"]);
    assert_eq!(puppet.ask("read"), "line one more");
    home.goes_on("job", &mut puppet);
}

#[test]
fn more_than_a_terminal_holds_is_typed() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    let mut send = Running::start(home.outlive_command(["send", "job"]).stdin(Stdio::piped()));
    puppet.tell("drain");
    let line = [b'x'; 99];
    let lines = 5000;
    let mut input = send.input();
    for _ in 0..lines {
        input.write_all(&line).expect("send takes it");
        input.write_all(b"\n").expect("send takes it");
    }
    drop(input);
    let said = send.finish();
    assert_eq!(said.code, 0, "{said}");
    home.ok(["send", "job", "--eof"]);
    assert_eq!(puppet.line(), format!("drained {}", lines * 100));
    home.goes_on("job", &mut puppet);
}

#[test]
fn keys_are_pressed_by_name() {
    let home = Home::new();
    ready(
        &home,
        "trap 'echo caught; exit 3' INT; echo ready; while :; do read line; done",
    );
    home.ok(["send", "job", "--keys", "C-c"]);
    assert_eq!(home.call(["wait", "job"]).code, 3);
    assert!(home.logs("job").contains("caught"));
}

/// A program may want cursor keys in another form, as full-screen programs do.
#[test]
fn cursor_keys_are_sent_as_the_program_wants_them() {
    for (switch, sent) in [("", "033 [ A"), ("\\033[?1h", "033 O A")] {
        let home = Home::new();
        let script =
            format!("stty raw -echo; printf '{switch}ready'; dd bs=1 count=3 2>&- | od -An -c");
        ready(&home, &script);
        home.ok(["send", "job", "--keys", "Up"]);
        assert_eq!(home.call(["wait", "job"]).code, 0);
        let logs = home.logs("job");
        let words: Vec<&str> = logs.split_whitespace().collect();
        assert!(words.join(" ").contains(sent), "{logs:?}");
    }
}

/// The keeper has seen it pass: the part of the output in which it stood has been given back.
#[test]
fn what_was_switched_long_ago_is_known() {
    let home = Home::new();
    let script = "stty raw -echo; printf '\\033[?1h'; head -c 200000 /dev/zero | tr '\\0' x; \
                  printf '\\nready'; dd bs=1 count=3 2>&- | od -An -c";
    ready(&home, script);
    home.gives_back("job", 64 << 10);
    home.ok(["send", "job", "--keys", "Up"]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let logs = home.logs("job");
    let words: Vec<&str> = logs.split_whitespace().collect();
    assert!(words.join(" ").ends_with("033 O A"), "{words:?}");
}

#[test]
fn a_job_without_a_terminal_has_no_keys() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "-i"], &mut puppet);
    let said = home.call(["send", "job", "--keys", "C-c"]);
    assert!(
        said.code == 125 && said.errors().contains("--tty"),
        "{said}"
    );
    home.goes_on("job", &mut puppet);
}

#[test]
fn another_run_has_a_terminal_again() {
    let home = Home::new();
    let mut puppet = started(&home, &["--size", "90x20"]);
    puppet.exit(0);
    puppet.gone();
    home.ok(["restart", "job"]);
    puppet.ready();
    assert_eq!(puppet.ask("terminal"), "has a terminal");
    puppet.ask("shell stty size");
    home.prints("job", "20 90\r\n");
    home.goes_on("job", &mut puppet);
}

/// With the keeper the terminal goes, as with any terminal emulator that is killed.
#[test]
fn a_killed_keeper_hangs_up() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    home.keeper("job").kill();
    puppet.gone();
    let said = home.call(["wait", "job"]);
    assert_eq!(said.code, 125, "{said}");
    assert_eq!(home.show("job")["state"], "lost");
}

#[test]
fn a_job_that_bears_the_hang_up_goes_on_without_a_terminal() {
    let home = Home::new();
    let mut puppet = started(&home, &[]);
    puppet.does("trap HUP");
    home.keeper("job").kill();
    assert_eq!(puppet.line(), "signal HUP");
    assert_eq!(home.call(["wait", "job", "--timeout", "1ms"]).code, 124);
    let shown = home.show("job");
    assert_eq!(shown["keeper"]["alive"], true);
    let notes = shown["notes"].to_string();
    assert!(notes.contains("its terminal has ended"), "{notes}");
    let said = home.call(["send", "job", "hello"]);
    assert_eq!(said.code, 125, "{said}");
    home.ok(["stop", "job", "--grace", "0s"]);
    puppet.gone();
}

/// What a program does to its terminal is not done to that of whoever looks at the job.
#[test]
fn hostile_sequences_stay_in_the_output() {
    let home = Home::new();
    let evil = "\x1b]0;owned\x07\x1b[?1049h\x1b[31m";
    let script = "printf '%s' \"$1\"; exit 3";
    home.ok([
        "run", "--tty", "--name", "job", "--", "sh", "-c", script, "sh", evil,
    ]);
    assert_eq!(home.call(["wait", "job"]).code, 3);
    assert_eq!(home.logs("job"), evil);
    for words in [&["list"][..], &["show", "job"], &["list", "--json"]] {
        let said = home.call(words);
        let printed = [said.out.as_slice(), &said.err].concat();
        assert!(!printed.contains(&0x1b) && !printed.contains(&7), "{said}");
    }
    // At a terminal there are colours, but none of those.
    for words in [&["list"][..], &["show", "job"]] {
        let mut terminal = Terminal::open(&home, home.outlive_words(words));
        let seen = terminal.screen.rest();
        let has = |part: &[u8]| seen.windows(part.len()).any(|it| it == part);
        assert!(!has(b"\x1b]0;") && !has(b"\x1b[?1049"), "{words:?}");
        assert_eq!(terminal.leader.end(), 0);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let home = Home::new();
    let file = home.folder().join("file");
    let file = file.to_str().expect("a temporary path is text");
    for options in [
        &["--tty", "-i"][..],
        &["--tty", "--stdin", file],
        &["--tty", "--output", file],
        &["--tty", "--output-mode", "pipe"],
        &["--tty", "--timestamps"],
        &["--tty", "--leftover", "leave"],
        &["--tty", "--size", "80"],
        &["--tty", "--size", "0x24"],
        &["--size", "80x24"],
        &["--attach"],
        &["--tty", "--attach"],
        &["--tty", "--attach", "--detach-keys", "ctrl-1"],
    ] {
        let words = [&["run"], options, &["--", "true"]].concat();
        let said = home.call(words);
        assert_eq!(said.code, 125, "{said}");
    }
    assert!(!home.path().exists() || home.list().is_empty());
}
