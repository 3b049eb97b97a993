//! What the starter tells, and what becomes of it.

use crate::{finish, option, path, run, start, words};
use outlive_testkit::{Home, Pidfd, Puppet, Running, Terminal, skipped};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

#[test]
fn a_daemon_that_gives_up_ends_by_itself() {
    let home = Home::new();
    let log = path(&home, "log");
    fs::File::create(&log).expect("our own folder");
    let stderr = format!("stderr={log}");
    let said = run(
        &home,
        &Puppet::new(&home),
        &[&stderr, "then=give-up:no tide"],
    );
    assert_eq!(
        (said.code, said.errors()),
        (1, "no tide".to_owned()),
        "{said}"
    );
    let log = fs::read_to_string(&log).expect("it is there");
    assert_eq!(log, "tidied up; Ok(())\n");
}

#[test]
fn one_that_does_not_detach_is_the_same_process() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let mut puppet = Puppet::new(&home);
    let words = crate::words(&puppet, &["detach=no", "umask=027", &pid_file]);
    let mut running = Running::start(&mut home.command(words));
    assert_eq!(puppet.ready(), running.pid());
    assert_eq!(crate::status(puppet.pid(), "Umask"), "0027");
    assert!(!puppet.ask("descriptors").contains("pipe:"));
    let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
    assert_eq!(text.trim(), puppet.pid().to_string());
    puppet.exit(4);
    assert_eq!(running.end(), 4);
}

#[test]
fn a_daemon_that_fails_tells_why_by_its_starter() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let said = run(
        &home,
        &Puppet::new(&home),
        &[&pid_file, "then=fail:port 80 is taken"],
    );
    assert_eq!(said.code, 1, "{said}");
    assert_eq!(said.errors(), "port 80 is taken");
    assert!(!fs::exists(path(&home, "pid")).expect("our own folder"));
}

#[test]
fn what_was_closed_is_named_when_it_is_needed() {
    let home = Home::new();
    let options = ["open=/etc/group", "then=use-opened"];
    let said = run(&home, &Puppet::new(&home), &options);
    assert_eq!(said.code, 1, "{said}");
    let errors = said.errors();
    assert!(errors.contains("Bad file descriptor"), "{said}");
    assert!(errors.contains("(/etc/group)"), "{said}");
    assert!(errors.contains("keep_descriptor"), "{said}");
}

#[test]
fn a_daemon_that_exits_before_it_is_ready_is_told_with_its_code() {
    let home = Home::new();
    let said = run(&home, &Puppet::new(&home), &["then=exit:7"]);
    assert_eq!(said.code, 1, "{said}");
    let errors = said.errors();
    assert!(
        errors.starts_with("puppet: the daemon ended before it was ready"),
        "{said}"
    );
    assert!(errors.ends_with("(exit code 7)"), "{said}");
}

#[test]
fn a_daemon_that_is_killed_before_it_is_ready_is_told_and_its_pid_file_removed() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let mut puppet = Puppet::new(&home);
    let options = words(&puppet, &[&pid_file, "then=silent"]);
    let starter = Running::start(&mut home.command(options));
    let daemon = Pidfd::of(puppet.ready()).expect("it lives");
    assert!(fs::exists(path(&home, "pid")).expect("our own folder"));
    daemon.kill();
    let said = starter.finish();
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.errors().contains("ended before it was ready"),
        "{said}"
    );
    assert!(said.errors().ends_with("(SIGKILL)"), "{said}");
    assert!(!fs::exists(path(&home, "pid")).expect("our own folder"));
}

#[test]
fn a_daemon_that_is_never_ready_is_ended_with_its_group() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = words(&puppet, &["timeout-ms=1500", "then=silent"]);
    let starter = Running::start(&mut home.command(options));
    let daemon = Pidfd::of(puppet.ready()).expect("it lives");
    let child = Pidfd::of(puppet.child("plain")).expect("it lives");
    let said = starter.finish();
    assert_eq!(said.code, 1, "{said}");
    assert_eq!(
        said.errors(),
        "puppet: the daemon was not ready after 1.5s, and was ended"
    );
    daemon.ended();
    child.ended();
    puppet.gone();
}

#[test]
fn a_daemon_that_drops_its_handle_and_goes_on_is_ended() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = words(&puppet, &["timeout-ms=1500", "then=drop"]);
    let starter = Running::start(&mut home.command(options));
    let daemon = Pidfd::of(puppet.ready()).expect("it lives");
    let said = starter.finish();
    assert_eq!(said.code, 1, "{said}");
    assert!(said.errors().contains("went on without a word"), "{said}");
    daemon.ended();
}

#[test]
fn a_starter_with_its_standard_descriptors_closed_makes_a_whole_daemon() {
    let home = Home::new();
    for closed in ["<&-", ">&-", "<&- >&- 2>&-"] {
        let mut puppet = Puppet::new(&home);
        let pid_file = option("pid-file", &home, "pid");
        let mut program = words(&puppet, &[&pid_file]);
        let around = format!("exec \"$@\" {closed}");
        program.splice(0..0, ["sh", "-c", &around, "sh"].map(OsString::from));
        let said = finish(&mut home.command(program));
        assert_eq!(said.code, 0, "{closed}: {said}");
        let pid = puppet.ready();
        for number in 0..3 {
            let stream = fs::read_link(format!("/proc/{pid}/fd/{number}"));
            assert_eq!(
                stream.expect("it is open"),
                Path::new("/dev/null"),
                "{closed}"
            );
        }
        let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
        assert_eq!(text.trim(), pid.to_string());
        crate::ends(puppet);
    }
}

#[test]
fn a_killed_starter_leaves_a_daemon_that_becomes_ready() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let options = words(&puppet, &["then=silent"]);
    let starter = Running::start(&mut home.command(options));
    puppet.ready();
    starter.handle().kill();
    puppet.does("say hello");
}

#[test]
fn threads_are_refused_with_their_number() {
    let home = Home::new();
    let said = run(&home, &Puppet::new(&home), &["threads=2"]);
    assert_eq!(said.code, 1, "{said}");
    let errors = said.errors();
    assert!(errors.contains("this process has 3 threads"), "{said}");
    assert!(errors.contains("first thing in main"), "{said}");
}

#[test]
fn threads_that_have_been_joined_are_none() {
    let home = Home::new();
    start(&home, &["joined-threads=50"]);
}

#[test]
fn a_failed_fork_is_an_error_and_exit_code_1() {
    let Some(home) = Home::of_nobody("a failed fork") else {
        return;
    };
    // The user's one process is the starter; then there is one more, which can't fork in its turn.
    for limit in ["processes=1", "processes=2"] {
        let puppet = Puppet::new(&home);
        let pid_file = option("pid-file", &home, "pid");
        let said = run(&home, &puppet, &[limit, &pid_file]);
        assert_eq!(said.code, 1, "{said}");
        assert!(said.errors().starts_with("failed to fork: "), "{said}");
        assert!(said.errors().contains("ulimit -u"), "{said}");
        assert!(!fs::exists(path(&home, "pid")).expect("our own folder"));
        assert!(!puppet.has_ended());
    }
}

#[test]
fn the_terminal_that_it_was_started_at_may_go() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut terminal = Terminal::with_shell(&home);
    terminal.command(&outlive_testkit::quoted(words(&puppet, &[])));
    puppet.ready();
    terminal.types("exit");
    assert_eq!(terminal.leader.end(), 0);
    // End of file at this side: nobody, and no daemon, holds the terminal any more.
    terminal.screen.rest();
    drop(terminal);
    puppet.does("say hello");
    assert_eq!(puppet.ask("terminal"), "no terminal");
}

#[test]
fn a_terminal_that_hangs_up_leaves_it_alone() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut terminal = Terminal::with_shell(&home);
    terminal.command(&outlive_testkit::quoted(words(&puppet, &[])));
    puppet.ready();
    terminal.hang_up().end();
    puppet.does("say hello");
}

#[test]
fn closed_streams_few_descriptors_and_a_deleted_folder_are_no_obstacle() {
    let home = Home::new();
    let deleted = home.folder().join("deleted");
    for (part, detail) in [("closed", None), ("nowhere", Some(deleted))] {
        let mut puppet = Puppet::new(&home);
        let mut around = vec![home.puppet().as_os_str().to_owned(), part.into()];
        around.extend(detail.map(Into::into));
        around.extend(words(&puppet, &[]));
        let said = finish(&mut home.command(around));
        assert_eq!(said.code, 0, "{said}");
        puppet.ready();
        puppet.does("say hello");
        assert_eq!(puppet.ask("umask"), "022");
    }
}

#[test]
fn process_1_is_refused() {
    let unshare = ["unshare", "--pid", "--fork"];
    let mut trial = std::process::Command::new(unshare[0]);
    let available = trial.args(&unshare[1..]).arg("true").output();
    if !available.is_ok_and(|output| output.status.success()) {
        return skipped("process 1", "it takes root and unshare (util-linux)");
    }
    let home = Home::new();
    let puppet = Puppet::new(&home);
    let mut command = home.command(unshare);
    let said = finish(command.args(words(&puppet, &[])));
    assert_eq!(said.code, 1, "{said}");
    assert!(said.errors().contains("this is process 1"), "{said}");
}

#[test]
fn a_descriptor_that_is_not_open_can_t_be_kept() {
    let home = Home::new();
    let said = run(&home, &Puppet::new(&home), &["keep=4711"]);
    assert_eq!(said.code, 1, "{said}");
    assert_eq!(
        said.errors(),
        "failed to keep descriptor 4711: it is not open"
    );
}
