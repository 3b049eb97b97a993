//! Jobs with a terminal of their own: a pseudoconsole (ConPTY).
#![cfg(windows)]

use outlive_os::proc;
use outlive_os::process::Process;
use outlive_windows::{GUARD, Home, Puppet, Running, Stage, is_wine, run, skipped};

/// The words of a puppet that has the console's own handles as its standard streams, by another one
/// that opens them: Wine does not give them to who is started on a pseudoconsole.
fn at_console(stage: &Stage) -> Vec<String> {
    let words = stage.words("job");
    [&[words[0].clone(), "console".into()], &words[..]].concat()
}

/// The same as a job with a terminal; its id.
fn start(home: &Home, stage: &Stage, options: &[&str]) -> (String, Puppet) {
    let options = [&["--tty"], options].concat();
    let job = home.ok(run(&options, &at_console(stage)));
    (job, stage.enter())
}

/// Reads on until `text` was printed.
#[track_caller]
fn prints(output: &mut Running, text: &str) {
    while !output.line().expect("the job goes on").contains(text) {}
}

/// What draws a job's console.
fn console_host(home: &Home, job: &str) -> Process {
    let shown = home.show(job);
    let pid = |value: &serde_json::Value| value.as_i64().expect("it runs") as i32;
    let (keeper, main) = (pid(&shown["keeper"]["pid"]), pid(&shown["pid"]));
    let all = proc::all().expect("there are some");
    let mut of_keeper = all.into_iter().filter(|line| line.parent == keeper);
    let host = of_keeper.find(|line| line.pid != main);
    let host = host.expect("a keeper has started conhost.exe");
    Process::open(host.pid).expect("it lives")
}

#[test]
fn a_job_on_a_tty_prints_and_reads_there() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut puppet) = start(&home, &stage, &["--size", "100x30"]);
    assert_eq!(puppet.ask("terminal"), "100x30");
    assert_eq!(home.show(&id)["terminal"], "100x30");
    let mut output = home.begin(["logs", "-f", &id]);
    assert_eq!(puppet.ask("say hello"), "done");
    prints(&mut output, "hello");
    home.ok(["send", &id, "a \"quoted\" wörd"]);
    assert_eq!(puppet.ask("read"), "a \"quoted\" wörd");
    home.ok(["send", &id, "--keys", "y", "e", "s", "Enter"]);
    assert_eq!(puppet.ask("read"), "yes");
    prints(&mut output, "yes");
    home.ok(["send", &id, "--eof", "last"]);
    assert_eq!(puppet.ask("read"), "last");
    let end = puppet.ask("read");
    if is_wine() {
        skipped(
            "the key for the end",
            "ReadConsole knows no control key that ends it",
        );
    } else {
        assert_eq!(end, "end");
    }
    puppet.tell("exit 7");
    puppet.ended();
    assert_eq!(home.call(["wait", &id]).code, 7);
    assert_eq!(output.finish().code, 0);
}

#[test]
fn what_is_printed_last_on_a_tty_is_kept() {
    let (home, stage) = (Home::new(), Stage::new());
    for round in 0..5 {
        let (id, mut puppet) = start(&home, &stage, &[]);
        puppet.tell(&format!("last-words {round}"));
        puppet.ended();
        assert_eq!(home.call(["wait", &id]).code, 3);
        let kept = home.call(["logs", &id]);
        let last = format!("the last line of {round}");
        assert!(kept.text().contains(&last), "{kept}");
    }
}

#[test]
fn who_is_started_on_a_tty_has_it_as_its_streams() {
    let (home, stage) = (Home::new(), Stage::new());
    let (_, mut puppet) = home.start(&stage, &["--tty", "--size", "91x17"]);
    if is_wine() {
        skipped("the streams of a job on a terminal", "they are not there");
        assert_eq!(puppet.ask("terminal"), "none");
    } else {
        assert_eq!(puppet.ask("terminal"), "91x17");
    }
}

#[test]
fn ctrl_c_ends_who_is_at_a_tty() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, puppet) = start(&home, &stage, &[]);
    home.ok(["send", &id, "--keys", "C-c"]);
    if is_wine() {
        skipped("Ctrl-C", "a program that waits does not hear it");
        return;
    }
    puppet.ended();
    // STATUS_CONTROL_C_EXIT (ntstatus.h).
    assert_eq!(home.call(["wait", &id]).code, 0xC000_013A);
}

#[test]
fn a_stopped_tty_leaves_nothing() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut puppet) = start(&home, &stage, &[]);
    assert_eq!(puppet.ask("start child"), "done");
    let child = stage.enter();
    let host = console_host(&home, &id);
    home.ok(["stop", &id, "--grace", "1s"]);
    [puppet, child].into_iter().for_each(Puppet::ended);
    home.keeper_gone(&id);
    let ended = host.wait_end(Some(GUARD));
    assert!(ended.expect("it can be waited for"), "conhost.exe goes on");
}

#[test]
fn a_tty_ends_with_a_keeper_that_is_killed() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, _puppet) = start(&home, &stage, &[]);
    let host = console_host(&home, &id);
    let keeper = home.show(&id)["keeper"]["pid"]
        .as_i64()
        .expect("it has one") as i32;
    outlive_windows::kill(keeper);
    let ended = host.wait_end(Some(GUARD));
    assert!(ended.expect("it can be waited for"), "conhost.exe goes on");
    assert_eq!(home.show(&id)["keeper"]["alive"], false);
}

#[test]
fn a_job_on_a_tty_is_started_again_on_another_one() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut first) = start(
        &home,
        &stage,
        &["--name", "repl", "--restart", "on-failure:1"],
    );
    first.tell("exit 3");
    first.ended();
    let mut second = stage.enter();
    home.ok(["send", &id, "again"]);
    assert_eq!(second.ask("read"), "again");
    second.tell("exit 0");
    second.ended();
    assert_eq!(home.call(["wait", &id]).code, 0);
}

#[test]
fn who_attaches_to_a_tty_sees_types_and_leaves() {
    let (home, stage) = (Home::new(), Stage::new());
    let (_, mut job) = start(&home, &stage, &["--name", "repl"]);
    // The person's console is that of another job, at which the test types.
    let (_, mut person) = start(&home, &stage, &["--name", "seat", "--size", "91x17"]);
    let mut screen = home.begin(["logs", "-f", "seat"]);
    assert_eq!(job.ask("say before"), "done");
    person.tell("attach repl");
    prints(&mut screen, "before");
    assert_eq!(job.ask("say after"), "done");
    prints(&mut screen, "after");
    if is_wine() {
        skipped("another size", "ResizePseudoConsole is not implemented");
    } else {
        assert_eq!(job.ask("terminal"), "91x17");
    }
    home.ok(["send", "seat", "typed"]);
    assert_eq!(job.ask("read"), "typed");
    home.ok(["send", "seat", "--keys", "C-\\", "d"]);
    assert_eq!(person.answer(), "Some(0)");
    // A console that was left raw gives no lines.
    home.ok(["send", "seat", "a line"]);
    assert_eq!(person.ask("read"), "a line");
    person.tell("attach repl");
    assert_eq!(job.ask("say at last"), "done");
    prints(&mut screen, "at last");
    job.tell("exit 5");
    job.ended();
    assert_eq!(person.answer(), "Some(5)");
}
