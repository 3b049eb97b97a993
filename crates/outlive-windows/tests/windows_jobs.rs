//! The command, end to end.
#![cfg(windows)]

use outlive_windows::{GUARD, Home, Puppet, Stage};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

/// A command that ends with this code at once, as words of `run`.
fn exits(stage: &Stage, code: u32) -> [String; 3] {
    let program = stage.words("")[0].clone();
    [program, "exit".into(), code.to_string()]
}

fn run<'a>(options: &[&'a str], words: &'a [String]) -> Vec<&'a str> {
    let all = ["run"].into_iter().chain(options.iter().copied());
    all.chain(["--"])
        .chain(words.iter().map(String::as_str))
        .collect()
}

#[test]
fn a_job_is_run_seen_waited_for_and_forgotten() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut puppet) = home.start(&stage, &[]);
    assert_eq!(puppet.ask("variable OUTLIVE_JOB"), id);
    assert_eq!(puppet.ask("say hello"), "done");

    let list = home.list();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["id"], id.as_str());
    assert_eq!(list[0]["state"], "running");
    assert_eq!(list[0]["pid"], puppet.pid);
    let shown = home.show(&id);
    assert_eq!(shown["keeper"]["alive"], true);
    assert_eq!(shown["way"], "direct");
    assert_eq!(home.call(["logs", &id]).out, b"hello\n");
    assert_eq!(home.call(["wait", &id, "--timeout", "1ms"]).code, 124);
    let busy = home.call(["rm", &id]);
    assert_eq!(busy.code, 125, "{busy}");

    puppet.tell("exit 7");
    puppet.ended();
    assert_eq!(home.call(["wait", &id]).code, 7);
    assert_eq!(home.show(&id)["exit_code"], 7);
    home.keeper_gone(&id);
    assert_eq!(home.show(&id)["keeper"]["alive"], false);
    assert!(home.call(["list"]).text().contains(&id));
    home.ok(["rm", &id]);
    assert!(home.list().is_empty());
    assert!(!home.job(&id).exists());
}

#[test]
fn an_exit_code_has_all_of_its_bits() {
    let (home, stage) = (Home::new(), Stage::new());
    for code in [0, 1, 259, 0x8000_0000, 0xC000_0005] {
        let id = home.ok(run(&[], &exits(&stage, code)));
        assert_eq!(home.call(["wait", &id]).code, code);
        assert_eq!(home.show(&id)["exit_code"], code);
        let followed = home.call(run(&["--follow"], &exits(&stage, code)));
        assert_eq!(followed.code, code, "{followed}");
    }
}

#[test]
fn what_cannot_be_run_leaves_nothing() {
    let home = Home::new();
    let missing = home.call(["run", "--", "no such program"]);
    assert_eq!(missing.code, 127, "{missing}");
    let text = home.job("").parent().expect("the home").join("text.exe");
    std::fs::create_dir_all(text.parent().expect("the home")).expect("our own folder");
    std::fs::write(&text, "no program").expect("our own folder");
    let unfit = home.call(["run".as_ref(), "--".as_ref(), text.as_os_str()]);
    assert_eq!(unfit.code, 126, "{unfit}");
    assert!(home.list().is_empty());
}

/// A job whose main process has started another, which has started a third.
fn family(home: &Home, stage: &Stage) -> (String, [Puppet; 3]) {
    let (id, mut main) = home.start(stage, &[]);
    assert_eq!(main.ask("start child"), "done");
    let mut child = stage.enter();
    assert_eq!(child.ask("start grandchild"), "done");
    let grandchild = stage.enter();
    assert_eq!(grandchild.name, "grandchild");
    (id, [main, child, grandchild])
}

#[test]
fn a_stopped_job_leaves_nothing() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, all) = family(&home, &stage);
    home.ok(["stop", &id, "--grace", "1s"]);
    all.into_iter().for_each(Puppet::ended);
    assert_eq!(home.show(&id)["keeper"]["alive"], false);
    assert_ne!(home.show(&id)["state"], "running");
}

#[test]
fn what_a_main_process_leaves_behind_is_stopped() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, [mut main, child, grandchild]) = family(&home, &stage);
    main.tell("exit 3");
    [main, child, grandchild]
        .into_iter()
        .for_each(Puppet::ended);
    assert_eq!(home.call(["wait", &id]).code, 3);
}

#[test]
fn a_tree_is_waited_for_to_its_last_process() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut main) = home.start(&stage, &["--until", "tree"]);
    assert_eq!(main.ask("start child"), "done");
    let mut child = stage.enter();
    main.tell("exit 3");
    main.ended();
    assert_eq!(child.ask("say still there"), "done");
    assert_eq!(home.show(&id)["state"], "running");
    child.tell("exit 4");
    child.ended();
    assert_eq!(home.call(["wait", &id]).code, 3);
}

#[test]
fn a_job_has_a_name_and_is_started_again() {
    let (home, stage) = (Home::new(), Stage::new());
    let (name, mut first) = home.start(&stage, &["--name", "web"]);
    assert_eq!(name, "web");
    let taken = home.call(run(&["--name", "web"], &exits(&stage, 0)));
    assert_eq!(taken.code, 125, "{taken}");
    assert_eq!(first.ask("say first"), "done");
    home.ok(["restart", "web"]);
    first.ended();
    let mut second = stage.enter();
    assert_eq!(second.ask("say second"), "done");
    let shown = home.show("web");
    assert_eq!(shown["runs"].as_array().map(Vec::len), Some(2), "{shown}");
    assert!(home.ok(["logs", "web"]).contains("second"));
    second.tell("exit 0");
    assert_eq!(home.call(["wait", "web"]).code, 0);
    home.keeper_gone("web");
    let again = home.ok(run(&["--name", "web"], &exits(&stage, 5)));
    assert_eq!(again, "web");
    assert_eq!(home.call(["wait", "web"]).code, 5);
}

#[test]
fn a_job_reads_what_is_sent_to_it() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut puppet) = home.start(&stage, &["-i"]);
    home.ok(["send", &id, "a \"quoted\" word"]);
    assert_eq!(puppet.ask("read"), "a \"quoted\" word");
    home.ok(["send", &id, "--eof", "last"]);
    assert_eq!(puppet.ask("read"), "last");
    assert_eq!(puppet.ask("read"), "end");
    let (closed, mut puppet) = home.start(&stage, &[]);
    assert_eq!(puppet.ask("read"), "end");
    assert_eq!(home.call(["send", &closed, "x"]).code, 125);
}

#[test]
fn a_job_holds_nothing_of_whoever_runs_it() {
    let (home, stage) = (Home::new(), Stage::new());
    let program = stage.words("job");
    let mut command = home.command(run(&[], &program));
    let mut run = command
        .stdin(Stdio::piped())
        .spawn()
        .expect("outlive can be started");
    let mut input = run.stdin.take().expect("it is a pipe");
    let (sender, ended) = channel();
    let reader = std::thread::spawn(move || {
        let said = run.wait_with_output();
        let _ = sender.send(());
        said
    });
    // The job lives, and so does what it starts, and both ends of the pipes have an end.
    let mut puppet = stage.enter();
    assert_eq!(puppet.ask("start child"), "done");
    let child = stage.enter();
    let in_time = ended.recv_timeout(GUARD);
    in_time.expect("the output of `outlive run` is at its end at once");
    let said = reader.join().expect("no panic").expect("it can be read");
    assert!(said.status.success(), "{said:?}");
    input.write_all(b"x").expect_err("nobody reads it any more");
    drop((puppet, child));
}

#[test]
fn another_program_that_runs_one_gets_its_end_at_once() {
    let (home, stage) = (Home::new(), Stage::new());
    // As a script does it: everything that can be inherited is.
    let words = home.command(run(&[], &stage.words("job")));
    let mut shell = Command::new("cmd.exe");
    shell
        .arg("/c")
        .arg(words.get_program())
        .args(words.get_args());
    for (name, value) in words.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let shell = shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let shell = shell.expect("there is cmd.exe");
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(shell.wait_with_output()));
    let puppet = stage.enter();
    let said = ended.recv_timeout(GUARD).expect("its output has an end");
    let said = said.expect("it can be read");
    assert!(said.status.success(), "{said:?}");
    drop(puppet);
}
