//! The fifteen steps of a SysV daemon, daemon(7), one by one.

use crate::{finish, option, path, run, start, status, words};
use outlive_testkit::{Home, Puppet, process};
use std::fs;

/// A command that runs `words` with a file open as number 7, as a careless starter does.
fn with_seven(home: &Home, words: &[std::ffi::OsString]) -> std::process::Command {
    let script = format!("exec 7</etc/passwd; {}", outlive_testkit::quoted(words));
    home.command(["sh", "-c", &script])
}

#[test]
fn step_1_no_descriptor_of_its_starter_is_left_open() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let tell = option("tell", &home, "told");
    let words = words(&puppet, &[&tell, "open=/etc/group"]);
    let said = finish(&mut with_seven(&home, &words));
    assert_eq!(said.code, 0, "{said}");
    let pid = puppet.ready();
    let seven = fs::read_link(format!("/proc/{pid}/fd/7")).expect("it lives");
    assert_eq!(seven.to_str(), Some("/dev/null"));
    let open = puppet.ask("descriptors");
    assert!(!open.contains("/etc/group"), "{open}");
    let told = fs::read_to_string(path(&home, "told")).expect("it told");
    assert!(told.contains("closed 7 (/etc/passwd)\n"), "{told}");
    assert!(told.contains(" (/etc/group)\n"), "{told}");
    // What it opens to look is none of it.
    assert!(!told.contains("/fd)\n"), "{told}");
}

#[test]
fn step_1_what_is_to_be_kept_is_kept() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let words = words(&puppet, &["keep=7", "keep-opened=/etc/group"]);
    let said = finish(&mut with_seven(&home, &words));
    assert_eq!(said.code, 0, "{said}");
    puppet.ready();
    let open = puppet.ask("descriptors");
    assert!(open.contains("7=/etc/passwd"), "{open}");
    assert!(open.contains("=/etc/group"), "{open}");
}

#[test]
fn step_1_a_file_that_is_owned_is_dropped_without_harm() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let puppet = start(&home, &[&pid_file, "open=/etc/group", "open=/etc/passwd"]);
    // A build with debug assertions aborts if a file's number is found closed at its drop: the pid
    // file would stay then.
    crate::ends(puppet);
    assert!(!fs::exists(path(&home, "pid")).expect("our own folder"));
}

#[test]
fn step_2_signal_handlers_and_ignored_signals_are_reset() {
    let home = Home::new();
    let puppet = start(&home, &["trap=USR1", "trap=TERM"]);
    let deaf = start(&home, &["deaf"]);
    for pid in [puppet.pid(), deaf.pid()] {
        let caught = u64::from_str_radix(&status(pid, "SigCgt"), 16).expect("hexadecimal");
        let ignored = u64::from_str_radix(&status(pid, "SigIgn"), 16).expect("hexadecimal");
        // The C library keeps two for itself, 32 and 33.
        let usual = !(0b11 << 31);
        assert_eq!(caught & usual, 0, "{caught:x}");
        assert_eq!(ignored & usual, 1 << (libc::SIGPIPE - 1), "{ignored:x}");
    }
}

#[test]
fn step_3_the_signal_mask_is_reset() {
    let home = Home::new();
    let puppet = start(&home, &["deaf"]);
    assert_eq!(status(puppet.pid(), "SigBlk"), "0000000000000000");
}

#[test]
fn step_4_the_environment_loses_what_the_daemon_would_be_hunted_by() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut command = home.command(words(&puppet, &[]));
    command.env("JENKINS_NODE_COOKIE", "1").env("JENKINS", "2");
    let said = finish(command.env("RUNNER_TRACKING_ID", "github_3"));
    assert_eq!(said.code, 0, "{said}");
    let seen = process::environment(puppet.ready());
    let has = |text: &str| {
        seen.iter()
            .any(|variable| variable.starts_with(text.as_bytes()))
    };
    assert!(!has("JENKINS_NODE_COOKIE") && !has("RUNNER_TRACKING_ID"));
    assert!(has("JENKINS=2"));
    assert_eq!(puppet.ask("env JENKINS_NODE_COOKIE"), "unset");
    assert_eq!(puppet.ask("env JENKINS"), "set 2");
    // Nor do the programs that it starts have it.
    let ended = puppet.ask("shell test -z \"$RUNNER_TRACKING_ID\" && test \"$JENKINS\" = 2");
    assert_eq!(ended, "ended with Some(0)");
}

#[test]
fn step_5_it_runs_in_the_background() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let said = run(&home, &puppet, &["print=once"]);
    // The starter has ended; what it had not written yet was written once.
    assert_eq!((said.code, said.text()), (0, "once".to_owned()), "{said}");
    puppet.ready();
    assert_eq!(puppet.ask("say hello"), "done");
}

#[test]
fn step_6_it_has_a_session_of_its_own_and_no_terminal() {
    let home = Home::new();
    let mut puppet = start(&home, &[]);
    let own = i32::try_from(std::process::id()).expect("a pid");
    assert_ne!(process::session(puppet.pid()), process::session(own));
    assert_eq!(puppet.ask("terminal"), "no terminal");
}

#[test]
fn step_7_it_leads_no_session_so_that_it_can_get_no_terminal() {
    let home = Home::new();
    let puppet = start(&home, &[]);
    let pid = puppet.pid();
    assert_ne!(process::session(pid), Some(pid));
    assert_ne!(process::group(pid), Some(pid));
    assert_eq!(process::group(pid), process::session(pid));
}

#[test]
fn step_8_the_process_between_is_gone_and_the_daemon_is_nobodys_child() {
    let home = Home::new();
    let puppet = start(&home, &[]);
    let leader = process::session(puppet.pid()).expect("it lives");
    assert!(process::stat(leader).is_none(), "the first child is there");
    let parent = process::parent(puppet.pid()).expect("it lives");
    let own = i32::try_from(std::process::id()).expect("a pid");
    assert_ne!(parent, own);
    assert_ne!(parent, leader);
}

#[test]
fn step_9_its_standard_streams_are_the_null_device() {
    let home = Home::new();
    let puppet = start(&home, &[]);
    for number in 0..3 {
        let link = fs::read_link(format!("/proc/{}/fd/{number}", puppet.pid()));
        assert_eq!(link.expect("it is open").to_str(), Some("/dev/null"));
    }
}

#[test]
fn step_9_its_standard_streams_are_what_was_asked_for() {
    let home = Home::new();
    fs::write(path(&home, "in"), b"a line\n").expect("our own folder");
    let options = [
        option("stdin", &home, "in"),
        option("stdout", &home, "out"),
        option("stderr", &home, "err"),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut puppet = start(&home, &options);
    assert_eq!(puppet.ask("read"), "line a line");
    puppet.does("say hello");
    puppet.does("complain alas");
    let read = |name| fs::read_to_string(path(&home, name)).expect("it was made");
    assert_eq!(
        (read("out"), read("err")),
        ("hello\n".into(), "alas\n".into())
    );
}

#[test]
fn step_9_a_stream_that_is_inherited_stays_and_a_pipe_is_refused() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let out = fs::File::create(path(&home, "log")).expect("our own folder");
    let mut command = home.command(words(&puppet, &["stdout=inherit"]));
    let mut starter = outlive_testkit::Running::start_as_is(command.stdout(out));
    assert_eq!(starter.end(), 0);
    puppet.ready();
    puppet.does("say to the log");
    let log = fs::read_to_string(path(&home, "log")).expect("our own file");
    assert_eq!(log, "to the log\n");
    let refused = run(&home, &Puppet::new(&home), &["stdout=piped"]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.errors().contains("nobody would hold"), "{refused}");
}

#[test]
fn step_10_its_umask_is_022_unless_asked_for() {
    let home = Home::new();
    let script = |puppet: &Puppet, options: &[&str]| {
        let line = outlive_testkit::quoted(words(puppet, options));
        home.command(["sh", "-c", &format!("umask 077; exec {line}")])
    };
    for (options, expected) in [
        (&[][..], "022"),
        (&["umask=0"], "000"),
        (&["umask=27"], "027"),
    ] {
        let mut puppet = Puppet::new(&home);
        let said = finish(&mut script(&puppet, options));
        assert_eq!(said.code, 0, "{said}");
        puppet.ready();
        assert_eq!(puppet.ask("umask"), expected);
    }
    let said = run(&home, &Puppet::new(&home), &["umask=1777"]);
    assert!(said.errors().contains("umask above 0777"), "{said}");
}

#[test]
fn step_11_its_folder_is_the_root_unless_asked_for() {
    let home = Home::new();
    assert_eq!(start(&home, &[]).ask("folder"), "/");
    assert_eq!(start(&home, &["dir=/usr"]).ask("folder"), "/usr");
    let said = run(&home, &Puppet::new(&home), &["dir=/no/such"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.errors().contains("`/no/such`"), "{said}");
    let said = run(&home, &Puppet::new(&home), &["dir=/etc/passwd"]);
    assert_eq!(said.code, 1, "{said}");
}

#[test]
fn step_12_its_pid_is_in_its_pid_file() {
    let home = Home::new();
    let puppet = start(&home, &[&option("pid-file", &home, "pid")]);
    let text = fs::read_to_string(path(&home, "pid")).expect("it was made");
    assert_eq!(text, format!("{}\n", puppet.pid()));
    crate::ends(puppet);
    assert!(!fs::exists(path(&home, "pid")).expect("our own folder"));
}

#[test]
fn step_13_root_s_rights_are_gone() {
    if !outlive_testkit::is_root() {
        return outlive_testkit::skipped("dropping root's rights", "this is not root");
    }
    let home = Home::new();
    crate::rights::let_others_in(&home);
    let puppet = start(&home, &["user=65534"]);
    let pid = puppet.pid();
    assert_eq!(status(pid, "Uid"), "65534\t65534\t65534\t65534");
    for set in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
        assert_eq!(status(pid, set), "0000000000000000", "{set}");
    }
}

#[test]
fn step_14_the_starter_is_told_when_the_daemon_is_ready() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = words(&puppet, &["then=silent"]);
    let starter = outlive_testkit::Running::start(&mut home.command(options));
    puppet.ready();
    // It works already, and the starter waits for the word.
    puppet.does("say hello");
    assert!(starter.handle().lives());
    puppet.exit(0);
    let said = starter.finish();
    assert_eq!(said.code, 1, "{said}");
}

#[test]
fn step_15_the_starter_ends_with_0_once_it_is_ready() {
    let home = Home::new();
    let mut puppet = start(&home, &[]);
    puppet.does("say hello");
}
