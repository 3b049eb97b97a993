//! Records that are damaged, many, of another time or of another place.

use outlive_testkit::{Home, Pidfd, Puppet, Running, process};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The state of each job by its id.
fn states(home: &Home) -> BTreeMap<String, String> {
    let text =
        |value: &serde_json::Value| value.as_str().expect("ids and states are text").to_owned();
    home.list()
        .iter()
        .map(|job| (text(&job["id"]), text(&job["state"])))
        .collect()
}

fn record(home: &Home, id: &str) -> PathBuf {
    home.job(id).join("record")
}

/// A job that has ended with 3.
fn ended(home: &Home) -> String {
    let id = home.ok(["run", "--", "sh", "-c", "echo hello; exit 3"]);
    assert_eq!(home.call(["wait", &id]).code, 3);
    home.keeper_gone(&id);
    id
}

/// A copy of a job that has ended, under another id and with another record.
fn copy(home: &Home, id: &str, as_id: &str, record: &[u8]) {
    let folder = home.job(as_id);
    std::fs::create_dir(&folder).expect("our own home");
    for file in ["lock", "output"] {
        std::fs::copy(home.job(id).join(file), folder.join(file)).expect("our own home");
    }
    std::fs::write(folder.join("record"), record).expect("our own home");
}

#[test]
fn damaged_records_are_shown_and_hide_no_others() {
    let home = Home::new();
    let good = ended(&home);
    let whole = std::fs::read(record(&home, &good)).expect("a job has a record");
    let needed = whole.trim_ascii_end().len();
    // Cut at every byte, down to nothing.
    for length in 0..needed {
        copy(&home, &good, &format!("cut-{length}"), &whole[..length]);
    }
    // One byte changed.
    for at in (0..needed).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x80;
        copy(&home, &good, &format!("changed-{at}"), &changed);
    }
    let nesting = [b"[".repeat(200_000), b"]".repeat(200_000)].concat();
    let others = [
        ("nul", vec![0; 4096]),
        ("nested", nesting),
        ("list", b"[]".to_vec()),
        ("word", b"null".to_vec()),
    ];
    for (name, bytes) in &others {
        copy(&home, &good, name, bytes);
    }
    std::fs::create_dir(home.job("empty")).expect("our own home");
    std::fs::create_dir_all(record(&home, "folder")).expect("our own home");
    std::fs::write(home.job("file"), "not a folder").expect("our own home");
    std::os::unix::fs::symlink("loop", home.job("loop")).expect("our own home");

    let states = states(&home);
    assert_eq!(states[&good], "exited");
    for length in 0..needed {
        assert_eq!(
            states[&format!("cut-{length}")],
            "damaged",
            "cut after {length} bytes"
        );
    }
    for (name, _) in others {
        assert_eq!(states[name], "damaged");
    }
    assert_eq!(states["folder"], "damaged");
    assert_eq!(home.show("cut-10")["state"], "damaged");
    assert_eq!(home.call(["wait", &good]).code, 3);
    assert_eq!(home.call(["wait", "cut-10"]).code, 125);
    assert_eq!(home.call(["stop", "cut-10"]).code, 125);
    assert_eq!(home.call(["list"]).code, 0);
    // A person can get rid of one by name.
    home.ok(["rm", "cut-10"]);
    assert!(!home.job("cut-10").exists());
}

#[test]
fn a_record_of_a_newer_version_is_left_alone() {
    let home = Home::new();
    let good = ended(&home);
    let text = std::fs::read_to_string(record(&home, &good)).expect("a job has a record");
    let newer = text.replacen("\"version\":1", "\"version\":99", 1);
    assert_ne!(text, newer);
    copy(&home, &good, "newer", newer.as_bytes());
    assert_eq!(states(&home)["newer"], "damaged");
    let shown = home.show("newer");
    assert!(shown["notes"].to_string().contains("newer"), "{shown}");
    home.ok(["prune"]);
    assert!(
        home.job("newer").exists(),
        "prune does not touch what it does not understand"
    );
}

#[test]
fn what_has_ended_is_pruned() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let mut done = [ended(&home), ended(&home)];
    done.sort();
    assert_eq!(home.ok(["prune", "--older-than", "1h"]), "");
    assert_eq!(states(&home).len(), 3);
    let said = home.ok(["prune", "--json"]);
    let mut removed: Vec<String> = serde_json::from_str(&said).expect("an array of ids");
    removed.sort();
    assert_eq!(removed, done);
    assert_eq!(states(&home).len(), 1);
    home.survives("job", &mut puppet);
}

#[test]
fn ten_thousand_jobs_are_listed() {
    let home = Home::new();
    let good = ended(&home);
    let text = std::fs::read_to_string(record(&home, &good)).expect("a job has a record");
    for index in 0..10_000 {
        let id = format!("many-{index}");
        let folder = home.job(&id);
        std::fs::create_dir(&folder).expect("our own home");
        std::fs::write(folder.join("record"), text.replace(&good, &id)).expect("our own home");
    }
    let states = states(&home);
    assert_eq!(states.len(), 10_001);
    assert!(states.values().all(|state| state == "exited"));
    assert_eq!(home.call(["wait", "many-9999"]).code, 3);
    assert_eq!(home.ok(["run", "--name", "new", "--", "true"]), "new");
    assert_eq!(home.call(["wait", "new"]).code, 0);
}

/// A job whose keeper and processes were killed, as a power cut does; its id.
fn cut_off(home: &Home) -> String {
    let mut puppet = Puppet::new(home);
    let id = home.start(&[], &mut puppet);
    let shown = home.show(&id);
    for pid in [&shown["keeper"]["pid"], &shown["pid"]] {
        let pid = i32::try_from(pid.as_i64().expect("a running job has pids")).expect("a pid fits");
        Pidfd::of(pid).expect("it lives").kill();
    }
    puppet.gone();
    id
}

/// Changes a job's record by exchanging one text in it.
fn change(home: &Home, id: &str, from: &str, to: &str) {
    let path = record(home, id);
    let text = std::fs::read_to_string(&path).expect("a job has a record");
    assert!(text.contains(from), "no {from} in {text}");
    std::fs::write(path, text.replace(from, to)).expect("our own home");
}

fn kernel_says(path: &str) -> String {
    std::fs::read_to_string(path)
        .expect("Linux has it")
        .trim()
        .to_owned()
}

#[test]
fn a_job_of_an_earlier_boot_is_lost() {
    let home = Home::new();
    let mut other = Puppet::new(&home);
    let id = cut_off(&home);
    assert_eq!(home.show(&id)["state"], "lost");
    let boot = kernel_says("/proc/sys/kernel/random/boot_id");
    change(&home, &id, &boot, "11111111-2222-3333-4444-555555555555");
    // Its pids mean nothing now, even if they are somebody's.
    let lock = home.job(&id).join("lock");
    home.start(&["--name", "other"], &mut other);
    let lines = std::fs::read(
        home.job(home.show("other")["id"].as_str().expect("text"))
            .join("lock"),
    );
    std::fs::write(lock, lines.expect("a running job's lock")).expect("our own home");

    let shown = home.show(&id);
    assert_eq!(shown["state"], "lost");
    assert!(shown["notes"].to_string().contains("reboot"), "{shown}");
    assert_eq!(home.call(["wait", &id]).code, 125);
    home.call(["stop", &id]);
    home.call(["kill", &id]);
    other.beat();
    home.ok(["rm", &id]);
    home.survives("other", &mut other);
}

#[test]
fn a_job_of_another_machine_is_touched_by_nobody() {
    let home = Home::new();
    let id = cut_off(&home);
    change(
        &home,
        &id,
        &kernel_says("/etc/machine-id"),
        "0123456789abcdef0123456789abcdef",
    );
    elsewhere(&home, &id);
}

#[test]
fn a_job_of_another_container_is_touched_by_nobody() {
    // Pids are counted in one namespace, the start times that vouch for them in the other.
    for kind in ["pid", "time"] {
        let home = Home::new();
        let id = cut_off(&home);
        let namespace = std::fs::read_link(format!("/proc/self/ns/{kind}")).expect("Linux has it");
        let digits: String = namespace
            .to_string_lossy()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        change(&home, &id, &digits, "4026999999");
        elsewhere(&home, &id);
    }
}

fn elsewhere(home: &Home, id: &str) {
    assert_eq!(home.show(id)["state"], "elsewhere");
    for words in [
        &["stop", id][..],
        &["rm", id],
        &["rm", "--force", id],
        &["kill", id],
        &["restart", id],
    ] {
        let said = home.call(words);
        assert_eq!(said.code, 125, "{said}");
    }
    assert_eq!(home.ok(["prune"]), "");
    assert_eq!(states(home)[id], "elsewhere");
}

/// The same home, seen from a real pid namespace and from a real container's.
#[test]
fn a_running_job_is_elsewhere_for_another_pid_namespace() {
    let home = Home::new();
    let unshare = ["unshare", "--pid", "--fork", "--mount-proc"];
    let may = Running::start(&mut home.command(unshare.iter().chain(&["true"]))).finish();
    if may.code != 0 {
        outlive_testkit::skipped("another pid namespace", &may.errors());
        return;
    }
    let mut puppet = Puppet::new(&home);
    let id = home.start(&[], &mut puppet);
    let inside = |words: &[&str]| {
        let unshare = unshare.map(Into::into).into_iter();
        Running::start(&mut home.command(unshare.chain(home.outlive_words(words)))).finish()
    };
    let said = inside(&["show", &id, "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&said.out).expect("JSON");
    assert_eq!(shown["state"], "elsewhere", "{said}");
    for words in [&["stop", &id][..], &["rm", "--force", &id], &["kill", &id]] {
        let said = inside(words);
        assert_eq!(said.code, 125, "{said}");
    }
    let said = inside(&["prune"]);
    assert_eq!((said.code, &*said.text()), (0, ""), "{said}");
    puppet.beat();
    home.survives(&id, &mut puppet);
    assert_eq!(inside(&["prune"]).text(), "");
    assert!(home.job(&id).exists());
}

/// The pid of a job that has gone belongs to somebody else now.
#[test]
fn pid_reuse_fools_nobody() {
    let home = Home::new();
    let id = cut_off(&home);
    let mut stranger = Puppet::new(&home);
    let mut running = Running::start(&mut home.command(stranger.words()));
    let pid = stranger.ready();
    // Both lines of the lock, the keeper's and the job's, are /proc/PID/stat, see proc_pid_stat(5).
    let lock = home.job(&id).join("lock");
    let lines = std::fs::read_to_string(&lock).expect("a job has a lock");
    assert_eq!(lines.lines().count(), 2, "{lines:?}");
    let own = process::stat(pid).expect("it lives");
    let started: u64 = own[19].parse().expect("a start time is a number");
    let changed: String = lines
        .lines()
        .map(|line| {
            let (name, rest) = line.rsplit_once(") ").expect("a name in parentheses");
            let (_, name) = name.split_once(' ').expect("a pid in front of it");
            let mut fields: Vec<&str> = rest.split(' ').collect();
            let before = (started - 1).to_string();
            fields[19] = &before;
            format!("{pid} {name}) {}\n", fields.join(" "))
        })
        .collect();
    std::fs::write(&lock, changed).expect("our own home");

    let shown = home.show(&id);
    assert_eq!(
        (&shown["state"], &shown["keeper"]["alive"]),
        (&"lost".into(), &false.into())
    );
    assert_eq!(home.call(["wait", &id]).code, 125);
    home.call(["stop", &id, "--grace", "0s"]);
    home.call(["kill", &id]);
    home.call(["kill", &id, "--tree"]);
    home.call(["rm", "--force", &id]);
    stranger.beat();
    stranger.exit(0);
    assert_eq!(running.end(), 0);
}
