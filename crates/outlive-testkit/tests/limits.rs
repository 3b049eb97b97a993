//! What a job may use, what it uses, and its end for lack of memory.

use outlive_testkit::{Home, Pidfd, Puppet, Said, is_root, skipped};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// More than a limit of `LIMIT` allows.
const TOO_MUCH: &str = "268435456";
const LIMIT: &str = "32M";
const LIMIT_BYTES: u64 = 32 << 20;

/// Whether a process of root's can be limited here: there are the controllers, in cgroups that can be
/// made. It is told from the files alone; where they are there it must be possible.
fn can_limit(what: &str) -> bool {
    let missing = ["memory", "cpu", "pids"]
        .into_iter()
        .find(|controller| !is_had(controller));
    match missing {
        _ if !is_root() => skipped(what, "only root can make cgroups for sure"),
        None => return true,
        Some(controller) => skipped(what, &format!("no cgroup with `{controller}` can be made")),
    }
    false
}

fn is_had(controller: &str) -> bool {
    let unified = Path::new("/sys/fs/cgroup/cgroup.controllers");
    let text = fs::read_to_string(unified).unwrap_or_default();
    let in_unified = text.split_whitespace().any(|it| it == controller);
    let folder = match in_unified {
        true => PathBuf::from("/sys/fs/cgroup"),
        false => match mount_of(controller) {
            Some(mount) => mount,
            None => return false,
        },
    };
    let probe = folder.join(format!("outlive-probe-{}-{controller}", std::process::id()));
    let made = fs::create_dir(&probe).is_ok();
    made && fs::remove_dir(&probe).is_ok()
}

/// Where the hierarchy of version 1 with this controller is.
fn mount_of(controller: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("Linux has it");
    let mut lines = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let found = lines.find(|it| it[2] == "cgroup" && it[3].split(',').any(|it| it == controller));
    found.map(|it| PathBuf::from(it[1]))
}

/// What the kernel has in one of these files (version 2, version 1) of the cgroups of a job that are
/// said to be its own, if the process is in that cgroup.
fn in_force(home: &Home, job: &str, pid: i32, files: [&str; 2]) -> String {
    for folder in cgroups(home, job) {
        let text = files
            .iter()
            .find_map(|it| fs::read_to_string(folder.join(it)).ok());
        let Some(text) = text else { continue };
        let inside = fs::read_to_string(folder.join("cgroup.procs")).expect("a cgroup has it");
        assert!(
            inside.lines().any(|it| it == pid.to_string()),
            "{folder:?}: {inside}"
        );
        return text.trim().to_owned();
    }
    panic!("no cgroup of {job} has one of {files:?}")
}

/// The cgroups that are said to be a job's own.
fn cgroups(home: &Home, job: &str) -> Vec<PathBuf> {
    let shown = home.show(job);
    let id = shown["id"].as_str().expect("a job has an id");
    let record = fs::read(home.job(id).join("record")).expect("a job has a record");
    let record: Value = serde_json::from_slice(&record).expect("a record is JSON");
    let cgroups = record["cgroups"].as_array().expect("it has cgroups");
    let paths = cgroups.iter().filter_map(|it| it["path"].as_str());
    paths.map(PathBuf::from).collect()
}

/// A puppet that is started as a limited job; nothing, loudly, where that is not possible.
fn limited(what: &str, options: &[&str]) -> Option<(Home, Puppet)> {
    can_limit(what).then(|| {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        home.start(&[&["--name", "job"], options].concat(), &mut puppet);
        (home, puppet)
    })
}

const MEMORY: [&str; 2] = ["memory.max", "memory.limit_in_bytes"];

fn is_out_of_memory(home: &Home, job: &str, said: &Said) {
    assert_eq!(said.code, 128 + libc::SIGKILL, "{said}");
    let expected = "was ended by SIGKILL, out of memory (limit 32MiB)";
    assert!(said.errors().contains(expected), "{said}");
    let shown = home.show(job);
    assert_eq!(
        (&shown["state"], &shown["signal"]),
        (&"signaled".into(), &9.into())
    );
    assert_eq!(shown["out_of_memory"], true, "{shown}");
    assert!(shown["oom_kills"].as_u64() > Some(0), "{shown}");
}

#[test]
fn limits_are_in_force_and_a_restart_has_them_again() {
    let options = [
        "--memory", LIMIT, "--cpus", "0.5", "--tasks", "7", "--nice", "5",
    ];
    let Some((home, mut puppet)) = limited("limits", &options) else {
        return;
    };
    for _ in 0..2 {
        let pid = puppet.pid();
        let force = |files| in_force(&home, "job", pid, files);
        assert_eq!(force(MEMORY), LIMIT_BYTES.to_string());
        assert_eq!(force(["pids.max"; 2]), "7");
        let cpu = force(["cpu.max", "cpu.cfs_quota_us"]);
        assert!(cpu == "50000" || cpu == "50000 100000", "{cpu}");
        assert_eq!(puppet.ask("shell exit $(nice)"), "ended with Some(5)");
        let limits = &home.show("job")["limits"];
        assert_eq!(
            (&limits["cpus"], &limits["tasks"]),
            (&0.5.into(), &7.into())
        );
        home.ok(["restart", "job"]);
        puppet.ready();
    }
}

#[test]
fn the_first_instruction_is_limited() {
    if !can_limit("the first instruction") {
        return;
    }
    let home = Home::new();
    // What it reads first of all is where it is.
    let said = home.call([
        "run",
        "--follow",
        "--tasks",
        "9",
        "--",
        "cat",
        "/proc/self/cgroup",
    ]);
    assert_eq!(said.code, 0, "{said}");
    let id = home.list()[0]["id"]
        .as_str()
        .expect("it has an id")
        .to_owned();
    assert!(said.text().contains(&format!("{id}.")), "{said}");
}

#[test]
fn no_more_tasks_than_allowed() {
    let Some((home, mut puppet)) = limited("tasks", &["--tasks", "3"]) else {
        return;
    };
    // The puppet, a shell, and one more.
    assert_eq!(puppet.ask("shell /bin/true"), "ended with Some(0)");
    let crowd = "shell (/bin/true | /bin/true | /bin/true) 2>/dev/null || exit 40";
    let said = puppet.ask(crowd);
    assert!(
        ["ended with Some(2)", "ended with Some(40)"].contains(&&*said),
        "{said}"
    );
    home.survives("job", &mut puppet);
}

#[test]
fn an_end_for_lack_of_memory_is_recognised() {
    if !can_limit("an end for lack of memory") {
        return;
    }
    let home = Home::new();
    let take = format!("{} take {TOO_MUCH}", home.puppet().display());
    home.ok([
        "run",
        "--name",
        "job",
        "--memory",
        LIMIT,
        "--",
        "sh",
        "-c",
        &format!("exec {take}"),
    ]);
    is_out_of_memory(&home, "job", &home.call(["wait", "job"]));
    let listed = home.list();
    assert_eq!(listed[0]["out_of_memory"], true, "{listed:?}");

    // One of its processes, but not the main one: that is no reason of its end.
    let script = format!("{take}; exit 3");
    home.ok([
        "run", "--name", "other", "--memory", LIMIT, "--", "sh", "-c", &script,
    ]);
    let said = home.call(["wait", "other"]);
    assert_eq!((said.code, said.errors()), (3, String::new()), "{said}");
    let shown = home.show("other");
    assert_eq!(
        (&shown["out_of_memory"], &shown["oom_kills"]),
        (&false.into(), &1.into())
    );
    assert!(
        shown["notes"].to_string().contains("lack of memory"),
        "{shown}"
    );

    // Somebody else's SIGKILL is none either.
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "killed", "--memory", LIMIT], &mut puppet);
    home.ok(["kill", "killed", "-s", "KILL"]);
    assert_eq!(home.call(["wait", "killed"]).code, 128 + libc::SIGKILL);
    assert_eq!(home.show("killed")["out_of_memory"], false);
}

#[test]
fn the_keeper_of_an_adopted_job_recognises_it_too() {
    let Some((home, mut puppet)) = limited("an adopted job's memory", &["--memory", LIMIT]) else {
        return;
    };
    home.kill_keeper("job");
    // Which gives it another keeper.
    assert_eq!(home.call(["wait", "job", "--timeout", "0s"]).code, 124);
    assert_eq!(
        in_force(&home, "job", puppet.pid(), MEMORY),
        LIMIT_BYTES.to_string()
    );
    puppet.tell(&format!("take {TOO_MUCH}"));
    let said = home.call(["wait", "job"]);
    if home.show("job")["state"] == "lost" {
        skipped(
            "an adopted job's memory",
            "this kernel tells no stranger how a process ended",
        );
        assert!(home.show("job")["oom_kills"].as_u64() > Some(0));
        return;
    }
    is_out_of_memory(&home, "job", &said);
}

#[test]
fn what_a_killed_keeper_has_made_is_removed() {
    let Some((home, mut puppet)) = limited(
        "a killed keeper's cgroups",
        &["--memory", LIMIT, "--cpus", "1"],
    ) else {
        return;
    };
    let folders = cgroups(&home, "job");
    home.kill_keeper("job");
    let main = Pidfd::of(puppet.pid()).expect("it lives");
    puppet.exit(0);
    // It leaves its cgroups before that is told.
    main.ended();
    assert!(folders.iter().all(|it| it.exists()), "{folders:?}");
    // As if nothing had been written of it yet.
    fs::remove_dir_all(home.path().join("jobs")).expect("our own home");
    home.ok(["prune"]);
    assert!(folders.iter().all(|it| !it.exists()), "{folders:?}");
}

#[test]
fn what_can_not_be_limited_is_not_started_unless_that_will_do() {
    let what = "limits that can't be had";
    if !is_root() {
        return skipped(
            what,
            "only root can become a user who surely has no manager",
        );
    }
    let Some(home) = Home::of_nobody(what) else {
        return;
    };
    let said = home.call(["run", "--memory", LIMIT, "--", "true"]);
    assert_eq!(said.code, 125, "{said}");
    assert!(
        said.errors().contains("failed to limit the job's memory ("),
        "{said}"
    );
    assert!(said.errors().contains("hint: "), "{said}");
    let said = home.call(["run", "--nice", "-5", "--", "true"]);
    assert_eq!(said.code, 125, "{said}");
    assert!(said.errors().contains("the job's niceness ("), "{said}");
    assert!(home.list().is_empty(), "nothing of them is left");

    let mut puppet = Puppet::new(&home);
    let options = [
        "--name", "job", "--memory", LIMIT, "--nice", "-5", "--limits", "prefer",
    ];
    let said = home.call(puppet.run_words(&options));
    assert_eq!((said.code, &*said.text()), (0, "job"), "{said}");
    for what in ["not limited: memory (", "not limited: niceness ("] {
        assert!(said.errors().contains(what), "{said}");
    }
    puppet.ready();
    home.survives("job", &mut puppet);
    let shown = home.ok(["show", "job"]);
    assert!(shown.contains("not limited: memory ("), "{shown}");
}

#[test]
fn what_can_not_be_meant_is_refused() {
    let home = Home::new();
    for options in [
        ["--memory", "0"],
        ["--memory", "much"],
        ["--cpus", "0"],
        ["--cpus", "0.001"],
        ["--tasks", "0"],
        ["--io-weight", "10001"],
        ["--nice", "20"],
    ] {
        let said = home.call([&["run"], &options[..], &["--", "true"]].concat());
        assert_eq!(said.code, 125, "{said}");
        let says_how = ["invalid value '", "\nhint: leave a limit away"];
        assert!(
            says_how.iter().any(|it| said.errors().contains(it)),
            "{said}"
        );
    }
    assert!(home.list().is_empty());
}

#[test]
fn what_it_uses_is_told() {
    const TAKEN: u64 = 48 << 20;
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let used = |field: &str| {
        let shown = home.show("job");
        shown["usage"][field]
            .as_f64()
            .unwrap_or_else(|| panic!("no {field}: {shown}"))
    };
    let before = used("memory");
    assert_eq!(used("tasks"), 1.0);
    puppet.does(&format!("take {TAKEN}"));
    puppet.child("session");
    assert!(used("memory") >= before + TAKEN as f64, "{before}");
    assert_eq!(used("tasks"), 2.0);
    assert!(used("cpu_seconds") > 0.0 && used("bytes_read") >= 0.0);
    assert_eq!(
        home.list()[0]["usage"],
        Value::Null,
        "only where it is asked for"
    );
    let listed = home.ok(["list", "--usage", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("list --json prints an array");
    assert_eq!(listed[0]["usage"]["tasks"], 2);
    let line = home.ok(["list", "--usage"]);
    assert_eq!(line.split('\t').count(), 12, "{line}");
    assert_eq!(line.split('\t').nth(9), Some("2"), "{line}");
    home.ok(["stop", "job", "--grace", "0s"]);
    assert_eq!(home.show("job")["usage"], Value::Null);
}

#[test]
fn what_its_cgroup_accounts_for_is_not_summed() {
    let Some((home, mut puppet)) = limited(
        "a cgroup's accounts",
        &["--memory", "128M", "--tasks", "20"],
    ) else {
        return;
    };
    puppet.does("take 50331648");
    let usage = home.show("job")["usage"].clone();
    let summed = usage["summed"].as_array().expect("a list");
    assert!(
        !summed.contains(&"memory".into()) && !summed.contains(&"tasks".into()),
        "{usage}"
    );
    assert!(usage["memory_peak"].as_u64() >= Some(48 << 20), "{usage}");
}
