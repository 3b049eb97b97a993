//! A killed keeper costs nothing: whoever waits for the job, stops or restarts it gives it another one.

use outlive_testkit::{Home, Pidfd, Puppet, Running, quoted, skipped};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Has the job adopted, by a wait that does not last.
fn adopt(home: &Home, job: &str) -> Pidfd {
    assert_eq!(home.call(["wait", job, "--timeout", "1ms"]).code, 124);
    home.keeper(job)
}

/// Whether the kernel tells of the end of somebody else's child (Linux 6.15); says so if not.
fn ends_are_told(what: &str) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux has it");
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|it| it.parse::<u32>().ok());
    let told = (numbers.next(), numbers.next()) >= (Some(6), Some(15));
    if !told {
        skipped(
            what,
            "before Linux 6.15 nobody but its parent is told how a process ended",
        );
    }
    told
}

/// What a wait for an adopted job says that has ended with 7, and what is shown of it then.
fn ended_with_7(home: &Home, code: i32, what: &str) {
    let shown = home.show("job");
    let seen = (&shown["state"], &shown["exit_code"]);
    assert!(shown["ended_at"].is_string(), "{shown}");
    match ends_are_told(what) {
        true => assert_eq!((seen, code), ((&"exited".into(), &7.into()), 7)),
        false => assert_eq!((seen, code), ((&"lost".into(), &Value::Null), 125)),
    }
}

#[test]
fn a_wait_learns_how_an_adopted_job_ends() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let first = home.kill_keeper("job");
    let second = adopt(&home, "job");
    assert_ne!(second.pid(), first);
    let shown = home.show("job");
    assert_eq!(
        (&shown["state"], &shown["pid"]),
        (&"running".into(), &puppet.pid().into())
    );
    let line = puppet.beat();
    let waits: Vec<Running> = (0..3)
        .map(|_| Running::start(&mut home.outlive_command(["wait", "job"])))
        .collect();
    puppet.exit(7);
    for wait in waits {
        ended_with_7(&home, wait.finish().code, "an adopted job's exit code");
    }
    second.ended();
    assert_eq!(home.logs("job"), format!("{line}\n"));
}

/// Who has waited from the beginning gives it the new keeper at once.
#[test]
fn a_wait_outlives_the_keeper_that_it_has_asked() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let mut follow = Running::start(&mut home.outlive_command(["logs", "-f", "job"]));
    let wait = Running::start(&mut home.outlive_command(["wait", "job"]));
    let line = puppet.beat();
    assert_eq!(follow.out.line(), Some(line));
    for _ in 0..3 {
        // It is killed again as soon as it is there; the last one may be.
        adopt(&home, "job").kill();
    }
    let line = puppet.beat();
    assert_eq!(follow.out.line(), Some(line));
    adopt(&home, "job");
    puppet.exit(7);
    ended_with_7(
        &home,
        wait.finish().code,
        "a code that was waited for from the beginning",
    );
    assert_eq!(follow.end(), 0);
}

#[test]
fn one_of_many_adopts() {
    for _ in 0..5 {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        home.start(&["--name", "job"], &mut puppet);
        let first = home.kill_keeper("job");
        let waits: Vec<Running> = (0..10)
            .map(|_| Running::start(&mut home.outlive_command(["wait", "job"])))
            .collect();
        let second = adopt(&home, "job");
        assert_ne!(second.pid(), first);
        puppet.beat();
        assert!(second.lives(), "it was replaced by another one");
        puppet.exit(7);
        for wait in waits {
            ended_with_7(&home, wait.finish().code, "the code that all were told");
        }
    }
}

#[test]
fn an_adopted_job_is_stopped_whole() {
    for kinds in [
        &["plain", "session", "daemon"][..],
        &["deaf-daemon", "groups", "stopped"],
        &["storm"],
        &["runner"],
        &["vfork", "zombies", "guardian"],
    ] {
        for options in [
            &["--name", "job"][..],
            &["--name", "job", "--breakaway", "off"],
        ] {
            let home = Home::new();
            let mut puppet = Puppet::new(&home);
            home.start(options, &mut puppet);
            for kind in kinds {
                puppet.child(kind);
            }
            home.kill_keeper("job");
            let said = home.call(["stop", "job", "--grace", "20ms"]);
            assert_eq!(said.code, 0, "{kinds:?}: {said}");
            println!("{kinds:?} {options:?}: {said}");
            puppet.is_gone();
            let shown = home.show("job");
            assert_ne!(shown["state"], "running", "{shown}");
        }
    }
}

#[test]
fn an_adopted_jobs_tree_may_outlast_its_main_process() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--until", "tree"], &mut puppet);
    puppet.child("daemon");
    home.kill_keeper("job");
    adopt(&home, "job");
    let main = Pidfd::of(puppet.pid()).expect("it lives");
    puppet.exit(7);
    main.ended();
    assert_eq!(home.call(["wait", "job", "--timeout", "10ms"]).code, 124);
    assert_eq!(puppet.let_go().line(), None);
    let code = home.call(["wait", "job"]).code;
    ended_with_7(&home, code, "the code of a main process whose tree went on");
}

#[test]
fn what_an_adopted_job_leaves_behind_is_stopped() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.child("daemon");
    puppet.child("plain");
    home.kill_keeper("job");
    let keeper = adopt(&home, "job");
    puppet.exit(7);
    let code = home.call(["wait", "job"]).code;
    ended_with_7(&home, code, "the code of a main process that leaves others");
    puppet.gone();
    keeper.ended();
}

#[test]
fn an_adopted_job_is_signalled_and_restarted() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.does("trap USR1");
    home.kill_keeper("job");
    home.ok(["kill", "job", "-s", "USR1"]);
    assert_eq!(puppet.line(), "signal USR1");
    home.keeper("job");
    home.kill_keeper("job");
    home.ok(["restart", "job"]);
    puppet.ready();
    home.survives("job", &mut puppet);
    assert_eq!(home.list().len(), 1);
}

#[test]
fn who_only_looks_does_not_adopt() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    home.kill_keeper("job");
    let line = puppet.beat();
    assert_eq!(home.logs("job"), format!("{line}\n"));
    for _ in 0..2 {
        let listed = &home.list()[0];
        assert_eq!(listed["keeper"]["alive"], false, "{listed}");
        let notes = listed["notes"].to_string();
        assert!(notes.contains("its keeper was killed"), "{notes}");
        assert_eq!(home.show("job")["keeper"], listed["keeper"]);
    }
    home.ok(["prune"]);
    assert_eq!(home.list()[0]["keeper"]["alive"], false);
}

#[test]
fn an_adopted_jobs_output_is_capped() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let job = home.start(&["--output-limit", "1MiB"], &mut puppet);
    puppet.does("flood 20000 100");
    home.kill_keeper(&job);
    puppet.does("flood 20000 100");
    adopt(&home, &job);
    puppet.does("flood 20000 100");
    puppet.exit(7);
    home.call(["wait", &job]);
    home.keeper_gone(&job);
    let notes = home.show(&job)["notes"].to_string();
    if notes.contains("not capped") {
        skipped("the output of an adopted job", &notes);
        return;
    }
    let output = fs::metadata(home.job(&job).join("output")).expect("it has printed");
    assert_eq!(output.len(), 3 * 20000 * 100);
    assert!(
        output.blocks() * 512 < 2 << 20,
        "{} blocks",
        output.blocks()
    );
}

#[test]
fn an_adopted_jobs_standard_input_has_ended() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "-i"], &mut puppet);
    home.kill_keeper("job");
    assert_eq!(puppet.ask("read"), "end of file");
    adopt(&home, "job");
    let notes = home.show("job")["notes"].to_string();
    assert!(notes.contains("standard input has ended"), "{notes}");
    let said = Running::start(&mut home.outlive_command(["send", "job", "text"])).finish();
    assert_eq!(said.code, 125, "{said}");
    puppet.exit(7);
    let code = home.call(["wait", "job"]).code;
    ended_with_7(&home, code, "the code of a job that was written to");
}

/// What it has printed meanwhile waits in its pipe.
#[test]
fn output_that_passes_through_the_keeper_goes_on() {
    for options in [
        &["--output-mode", "pipe"][..],
        &["--timestamps"],
        &["--split", "--timestamps"],
    ] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        home.start(&[&["--name", "job"], options].concat(), &mut puppet);
        let (mut expected, mut errors) = (vec![puppet.beat()], Vec::new());
        let is_split = options.contains(&"--split");
        for round in 0..3 {
            home.kill_keeper("job");
            // Nobody reads: it neither fails nor gets SIGPIPE.
            for (order, is_error) in [("say", false), ("complain", true)] {
                let line = format!("{order} alone {round}");
                puppet.does(&format!("{order} {line}"));
                let stream = if is_error && is_split {
                    &mut errors
                } else {
                    &mut expected
                };
                stream.push(line);
            }
            adopt(&home, "job");
            expected.push(puppet.beat());
        }
        // More than a pipe holds: it waits until there is another keeper.
        home.kill_keeper("job");
        puppet.tell("flood 10000 100");
        adopt(&home, "job");
        assert_eq!(puppet.line(), "done");
        puppet.exit(7);
        let code = home.call(["wait", "job"]).code;
        ended_with_7(&home, code, "the code of a job with output through a pipe");
        expected.extend((0..10000).map(|number| format!("{:.<99}", format!("flood {number} "))));
        let streams = if is_split {
            &["--stdout", "--stderr"][..]
        } else {
            &["-f"]
        };
        for (stream, expected) in streams.iter().zip([expected, errors]) {
            let said = home.ok(["logs", "job", stream]);
            let lines: Vec<&str> = said.lines().collect();
            assert!(lines == expected, "{stream:?}: {} lines", lines.len());
        }
        let notes = home.show("job")["notes"].to_string();
        assert!(!notes.contains("could not be written"), "{notes}");
    }
}

/// Whenever it comes: lost is no more than what it held, and nothing comes twice or in another order.
#[test]
fn keepers_are_killed_while_output_passes_through_them() {
    const KILLS: usize = 5;
    const LINES: usize = 200_000;
    // What is taken out of a pipe at once, in lines of 100 bytes.
    const HELD: usize = (256 << 10) / 100 + 2;
    for option in ["--timestamps", "--output-mode=pipe"] {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let id = home.start(&["--output-limit", "0", option], &mut puppet);
        puppet.tell(&format!("flood {LINES} 100"));
        for _ in 0..KILLS {
            home.kill_keeper(&id);
            adopt(&home, &id);
        }
        assert_eq!(puppet.line(), "done");
        puppet.exit(7);
        home.call(["wait", &id]);
        let logs = home.logs(&id);
        let number = |line: &str| line.strip_prefix("flood ")?.split(' ').next()?.parse().ok();
        let whole = logs.lines().filter(|line| line.len() == 99);
        let numbers: Vec<usize> = whole.filter_map(number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{option}");
        println!(
            "{option}: {} of {LINES} lines are lost",
            LINES - numbers.len()
        );
        assert!(
            LINES - numbers.len() <= KILLS * HELD,
            "{option}: {}",
            numbers.len()
        );
    }
}

/// As a keeper leaves it that is killed while it writes.
#[test]
fn an_entry_that_was_cut_short_does_not_spoil_the_next() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = home.start(&["--timestamps"], &mut puppet);
    home.kill_keeper(&id);
    let output = home.job(&id).join("output");
    fs::write(&output, "2026-11-22T10:05:18.123456Z cut sh").expect("our own home");
    adopt(&home, &id);
    let line = puppet.beat();
    puppet.exit(0);
    home.call(["wait", &id]);
    let file = fs::read_to_string(output).expect("our own home");
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(lines.len(), 2, "{file}");
    assert!(
        lines[0].ends_with(" cut sh") && lines[1].ends_with(&line),
        "{file}"
    );
}

#[test]
fn a_pipe_that_is_gone_is_noted() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = home.start(&["--timestamps"], &mut puppet);
    let keeper = home.kill_keeper(&id);
    fs::remove_file(home.job(&id).join("stdout")).expect("the pipe has a name");
    assert_ne!(adopt(&home, &id).pid(), keeper);
    let notes = home.show(&id)["notes"].to_string();
    assert!(
        notes.contains("went through the keeper that was killed"),
        "{notes}"
    );
}

/// The lines of a puppet's `part`, as they come.
fn lines(home: &Home, part: &[&str], words: Vec<OsString>, mut each: impl FnMut(&str)) {
    let own = std::iter::once(home.puppet().into()).chain(part.iter().map(OsString::from));
    let mut puppet = Running::start(&mut home.command(own.chain(words)));
    while let Some(line) = puppet.out.line() {
        each(&line);
    }
    let said = puppet.finish();
    assert_eq!(said.code, 0, "{said}");
}

/// Kills the new keeper at every one of the system calls that it, and who starts it, make until the
/// job has been adopted: it is always there, its main process known, and can be adopted again.
#[test]
fn the_new_keeper_is_killed_at_every_system_call() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let job = home.start(&[], &mut puppet);
    home.kill_keeper(&job);
    let mut moments = 0;
    let kill = home.outlive_words(["kill", &job, "-s", "CONT"]);
    lines(&home, &["sweep", "keeper", "1"], kill, |_| {
        moments += 1;
        // At any moment of the next round.
        let listed = home.list();
        assert_eq!(listed.len(), 1, "{listed:?}");
        let seen = (&listed[0]["state"], &listed[0]["pid"]);
        assert_eq!(
            seen,
            (&"running".into(), &puppet.pid().into()),
            "{}",
            listed[0]
        );
    });
    println!("{moments} moments");
    assert!(moments > 50);
    let line = puppet.beat();
    adopt(&home, &job);
    assert_eq!(home.logs(&job), format!("{line}\n"));
    puppet.exit(7);
    let code = home.call(["wait", &job]).code;
    let shown = home.show(&job);
    if ends_are_told("a code after a hundred keepers") {
        assert_eq!((code, &shown["exit_code"]), (7, &7.into()), "{shown}");
    }
    assert_eq!(shown["runs"].as_array().map(Vec::len), Some(1), "{shown}");
}

/// Kills keepers, and who starts them, at random moments: no job is missing, none was started twice,
/// and none has an exit code that is not its own.
#[test]
fn keepers_are_killed_at_1000_random_moments() {
    // Side by side, since most of a round is waiting.
    const STRIKERS: u64 = 4;
    const ROUNDS: u64 = 250;
    let home = Home::new();
    let seed = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("Linux has it");
    let seed = u64::from_str_radix(&seed[..8], 16).expect("a uuid begins with digits") | 1;
    println!("seed {seed}");
    let marks = home.folder().join("marks");
    let mark = [home.puppet(), "mark".as_ref(), &marks];
    // It lasts longer than it takes to give it another keeper.
    let script = format!("sleep 0.03; exec {}", quoted(mark));
    let strike = |striker: u64| {
        let seed = (seed + 2 * striker).to_string();
        let words = ["bereave", &ROUNDS.to_string(), &seed].map(OsString::from);
        let words = std::iter::once(home.puppet().into()).chain(words);
        let job = ["sh", "-c", &script].map(OsString::from);
        let words = words.chain([home.outlive().into()]).chain(job);
        Running::start(&mut home.command(words))
    };
    let strikers: Vec<Running> = (0..STRIKERS).map(strike).collect();
    let mut said = Vec::new();
    for striker in strikers {
        let ended = striker.finish();
        assert_eq!(ended.code, 0, "{ended}");
        let lines = String::from_utf8(ended.out).expect("it prints text");
        said.extend(lines.lines().map(str::to_owned));
    }
    assert_eq!(said.len() as u64, STRIKERS * ROUNDS);

    let listed = home.list();
    let find = |id: &str| {
        let found = listed.iter().find(|job| job["id"] == *id);
        found.unwrap_or_else(|| panic!("{id} is missing"))
    };
    let (mut known, mut adopted) = (0, 0);
    for job in &listed {
        match job["state"].as_str() {
            Some("exited") => {
                known += 1;
                assert_eq!(job["exit_code"], 7, "{job}");
                adopted += usize::from(job["notes"].to_string().contains("has adopted it"));
            }
            state => assert!(matches!(state, Some("lost" | "failed")), "{job}"),
        }
    }
    println!(
        "{known} of {} are known, {adopted} of them were adopted",
        listed.len()
    );
    for line in &said {
        let (code, id) = line.split_once(' ').expect("a code and an id");
        if !id.is_empty() {
            let code: i32 = code.parse().expect("who prints an id is waited for");
            let expected = if find(id)["state"] == "exited" {
                7
            } else {
                125
            };
            assert_eq!(code, expected, "{line} {}", find(id));
        }
    }
    let ran = fs::read_to_string(&marks).expect("some jobs ran");
    let mut ids: Vec<&str> = ran
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    for id in &ids {
        find(id);
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "one was started twice");
}
