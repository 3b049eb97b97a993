//! Keepers and launchers that are killed, crowds, and damaged records.
#![cfg(windows)]

use outlive_os::proc;
use outlive_os::process::Process;
use outlive_windows::{Home, Puppet, Stage, kill, run};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[test]
fn a_job_goes_on_without_its_keeper_and_is_stopped_whole() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut job) = home.start(&stage, &[]);
    assert_eq!(job.ask("start child"), "done");
    let mut child = stage.enter();
    let keeper = home.show(&id)["keeper"]["pid"].as_i64();
    kill(keeper.expect("it lives") as i32);

    assert_eq!(job.ask("say one"), "done");
    assert_eq!(child.ask("say two"), "done");
    assert_eq!(home.ok(["logs", &id]), "one\ntwo");
    let shown = home.show(&id);
    assert_eq!(shown["state"], "running");
    assert_eq!(shown["keeper"]["alive"], false);
    assert_eq!(shown["pid"], job.pid);
    let notes = shown["notes"].to_string();
    assert!(notes.contains("keeper"), "{notes}");

    home.ok(["stop", &id, "--grace", "1s"]);
    job.ended();
    child.ended();
    // It was adopted to be stopped, where that can be.
    let state = home.show(&id)["state"].to_string();
    assert!(["\"lost\"", "\"exited\""].contains(&&*state), "{state}");
    home.ok(["rm", &id]);
}

#[test]
fn the_end_of_a_job_without_keeper_is_waited_for() {
    let (home, stage) = (Home::new(), Stage::new());
    let (id, mut job) = home.start(&stage, &[]);
    let keeper = home.show(&id)["keeper"]["pid"].as_i64();
    kill(keeper.expect("it lives") as i32);
    assert_eq!(home.call(["wait", &id, "--timeout", "1ms"]).code, 124);
    let adopted = home.show(&id)["keeper"]["alive"] == true;
    job.tell("exit 3");
    job.ended();
    let said = home.call(["wait", &id]);
    let state = &home.show(&id)["state"];
    if adopted {
        assert_eq!((said.code, state), (3, &"exited".into()), "{said}");
        return;
    }
    println!("SKIPPED: a job that is adopted: its job object does not give up its completion port");
    assert_eq!((said.code, state), (125, &"lost".into()), "{said}");
}

#[test]
fn run_is_killed_at_50_random_moments() {
    const ROUNDS: u32 = 50;
    let (home, stage) = (Home::new(), Stage::new());
    let command = || {
        let words = stage.words("job");
        home.command(
            ["run", "--"]
                .into_iter()
                .chain(words.iter().map(String::as_str)),
        )
    };
    // The first are left in peace, to learn how long it takes.
    let mut reach = Duration::ZERO;
    for _ in 0..3 {
        let begun = Instant::now();
        let said = command().output().expect("outlive can be started");
        reach = reach.max(begun.elapsed());
        assert!(said.status.success(), "{said:?}");
        stage.enter();
    }
    let mut printed = BTreeSet::new();
    let mut killed = 0;
    let mut keepers: Vec<Process> = Vec::new();
    let mut puppets: Vec<Puppet> = Vec::new();
    for _ in 0..ROUNDS {
        let random = proc::random().expect("it can be had");
        let moment = reach.mul_f64(f64::from(random) / f64::from(u32::MAX));
        let mut run = command().spawn().expect("outlive can be started");
        let pid = run.id().cast_signed();
        let line = proc::line(pid).expect("it can be looked at");
        // It is the kill's own moment, nothing is waited for.
        std::thread::sleep(moment);
        let _ = run.kill();
        let _ = run.wait();
        keepers.extend(children(pid, line.map_or(u64::MAX, |line| line.start_time)));
        let said = run.wait_with_output().expect("it can be waited for");
        // How long it takes changes with what else the machine does.
        if said.status.success() {
            reach = reach.mul_f64(0.8);
        } else {
            killed += 1;
            reach = reach.mul_f64(1.25);
        }
        let id = String::from_utf8(said.stdout).expect("an id is text");
        if !id.trim().is_empty() {
            printed.insert(id.trim().to_owned());
        }
        puppets.extend(stage.entered());
    }
    println!("{killed} of {ROUNDS} were killed");
    assert!(killed > ROUNDS / 4);
    let ids = settled(&home, &stage, &mut puppets);
    assert!(printed.is_subset(&ids), "{printed:?} {ids:?}");
    let alive = puppets.len();
    for mut puppet in puppets {
        let id = puppet.ask("variable OUTLIVE_JOB");
        assert!(ids.contains(&id), "{id} runs and is not listed");
        puppet.tell("exit 7");
        puppet.ended();
        assert_eq!(home.call(["wait", &id]).code, 7);
    }
    println!("{alive} jobs ran");
    // Whoever is killed within CreateProcess leaves a process that never runs: its first thread is
    // suspended until that call's very end, and nothing but ntdll is loaded. No job comes of it.
    let begun = Instant::now();
    let mut unborn = 0;
    for process in keepers {
        let left = Duration::from_secs(10).saturating_sub(begun.elapsed());
        if !process.wait_end(Some(left)).expect("it can be waited for") {
            unborn += 1;
            kill(process.pid());
        }
    }
    println!("{unborn} were left unborn by CreateProcess");
    assert_eq!(home.list().len(), ids.len());
}

/// The processes that were started by this one, born then, of which a handle is held.
fn children(pid: i32, born: u64) -> Vec<Process> {
    let all = proc::all().expect("there are some").into_iter();
    // Whoever had the number before has older ones.
    let own = all.filter(|line| line.parent == pid && line.start_time >= born);
    own.filter_map(|line| Process::open_same(line.pid, line.start_time).ok()?)
        .collect()
}

/// All jobs, once the puppets of those that run have entered.
fn settled(home: &Home, stage: &Stage, puppets: &mut Vec<Puppet>) -> BTreeSet<String> {
    let list = home.list();
    let running = list.iter().filter(|job| job["state"] == "running");
    for _ in puppets.len()..running.count() {
        puppets.push(stage.enter());
    }
    let id = |job: &serde_json::Value| job["id"].as_str().expect("an id is text").to_owned();
    list.iter().map(id).collect()
}

#[test]
fn a_hundred_jobs_run_at_once() {
    const COUNT: usize = 100;
    let (home, stage) = (Home::new(), Stage::new());
    let begin = |place: usize| home.begin(run(&[], &stage.words(&place.to_string())));
    let places: Vec<usize> = (0..COUNT).collect();
    let mut ids = BTreeSet::new();
    // Ten launchers at a time: it is the jobs that are to be many.
    for some in places.chunks(10) {
        let running: Vec<_> = some.iter().map(|&place| begin(place)).collect();
        for run in running {
            let said = run.finish();
            assert_eq!(said.code, 0, "{said}");
            ids.insert(said.text());
        }
    }
    let mut puppets: Vec<Puppet> = (0..COUNT).map(|_| stage.enter()).collect();
    assert_eq!(ids.len(), COUNT);
    let list = home.list();
    assert_eq!(list.len(), COUNT);
    assert!(list.iter().all(|job| job["state"] == "running"));
    let mut jobs = Vec::new();
    for puppet in &mut puppets {
        let code: u32 = puppet.name.parse().expect("a number");
        assert_eq!(puppet.ask(&format!("say {code}")), "done");
        jobs.push((puppet.ask("variable OUTLIVE_JOB"), code));
        puppet.tell(&format!("exit {code}"));
    }
    for (id, code) in jobs {
        assert_eq!(home.call(["wait", &id]).code, code);
        assert_eq!(home.ok(["logs", &id]), code.to_string());
    }
    puppets.into_iter().for_each(Puppet::ended);
}

#[test]
fn damaged_records_are_shown_and_hide_no_others() {
    let (home, stage) = (Home::new(), Stage::new());
    let program = stage.words("")[0].clone();
    let good = home.ok(["run", "--", &program, "exit", "3"]);
    assert_eq!(home.call(["wait", &good]).code, 3);
    home.keeper_gone(&good);
    let whole = std::fs::read(home.job(&good).join("record")).expect("a job has a record");
    let newer = String::from_utf8(whole.clone()).expect("a record is text");
    let newer = newer.replacen("\"version\":1", "\"version\":99", 1);
    let damaged = [
        ("cut", Some(&whole[..whole.len() / 2])),
        ("nothing", Some(&b""[..])),
        ("garbage", Some(&b"\x00\xff\xfe{{{"[..])),
        ("newer", Some(newer.as_bytes())),
        ("missing", None),
    ];
    for (name, record) in damaged {
        let folder = home.job(name);
        std::fs::create_dir(&folder).expect("our own home");
        for file in ["lock", "output"] {
            let copied = std::fs::copy(home.job(&good).join(file), folder.join(file));
            copied.expect("our own home");
        }
        if let Some(record) = record {
            std::fs::write(folder.join("record"), record).expect("our own home");
        }
    }
    let list = home.list();
    for (name, record) in damaged {
        let listed = list.iter().find(|job| job["id"] == name);
        if record.is_some() {
            assert_eq!(listed.map(|job| &job["state"]), Some(&"damaged".into()));
            assert_eq!(home.show(name)["state"], "damaged");
        }
        assert_eq!(home.call(["wait", name]).code, 125);
        assert_eq!(home.call(["stop", name]).code, 125);
    }
    assert!(home.show("newer")["notes"].to_string().contains("newer"));
    assert_eq!(home.call(["wait", &good]).code, 3);
    home.ok(["rm", "cut"]);
    assert!(!home.job("cut").exists());
    home.ok(["prune"]);
    assert!(home.job("newer").exists());
}
