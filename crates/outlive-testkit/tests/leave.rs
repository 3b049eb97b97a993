//! What surrounds a caller: told beforehand, left, and told of the job that runs. The survival
//! matrix (`cargo xtask survive`) does the same in machines of its own, with a real systemd.

use outlive_testkit::process::{environment, parent, stat};
use outlive_testkit::{Home, Pidfd, Puppet, Running, Said, skipped};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// `outlive` with `arguments`, below a subreaper that would find every orphan.
fn below_a_subreaper(home: &Home, arguments: &[OsString]) -> Said {
    let own = [home.puppet().into(), OsString::from("adopting")];
    let words = own.into_iter().chain(home.outlive_words(arguments));
    Running::start(&mut home.command(words)).finish()
}

fn hazard<'a>(hazards: &'a Value, name: &str) -> &'a Value {
    let all = hazards.as_array().expect("hazards are an array");
    let found = all.iter().find(|it| it["hazard"] == name);
    found.unwrap_or(&Value::Null)
}

fn doctor(said: &Said) -> Value {
    assert_eq!(said.code, 0, "{said}");
    serde_json::from_slice(&said.out).expect("doctor --json prints JSON")
}

#[test]
fn a_subreaper_above_is_told_of_and_left_only_by_a_manager() {
    let home = Home::new();
    let said = below_a_subreaper(&home, &["doctor".into(), "--json".into()]);
    let doctor = doctor(&said);
    let planned = hazard(&doctor["hazards"], "subreaper").clone();
    let leaves = planned["state"] == "left";
    assert_eq!(leaves, doctor["way"] == "delegated", "{doctor}");
    assert!(leaves || planned["state"] == "remains", "{doctor}");

    let mut puppet = Puppet::new(&home);
    let said = below_a_subreaper(&home, &puppet.run_words(&["--name", "job"]));
    assert_eq!((said.code, &*said.text()), (0, "job"), "{said}");
    assert_eq!(said.errors().contains("subreaper"), !leaves, "{said}");
    puppet.ready();
    let shown = home.show("job");
    let seen = hazard(&shown["report"], "subreaper");
    assert_eq!(
        (&seen["state"], &seen["how"]),
        (&planned["state"], &planned["how"])
    );
    home.survives("job", &mut puppet);

    let mut puppet = Puppet::new(&home);
    let words = puppet.run_words(&["--name", "required", "--breakaway", "require"]);
    let said = below_a_subreaper(&home, &words);
    if leaves {
        assert_eq!(said.code, 0, "{said}");
        puppet.ready();
        home.survives("required", &mut puppet);
    } else {
        assert_eq!(said.code, 125, "{said}");
        assert!(said.errors().contains("subreaper"), "{said}");
        assert_eq!(home.list().len(), 1, "nothing of it is left");
    }

    let mut puppet = Puppet::new(&home);
    let words = puppet.run_words(&["--name", "stays", "--breakaway", "off"]);
    let said = below_a_subreaper(&home, &words);
    assert_eq!((said.code, &*said.errors()), (0, ""), "{said}");
    puppet.ready();
    let shown = home.show("stays");
    assert_eq!(
        hazard(&shown["report"], "subreaper")["state"],
        "kept",
        "{shown}"
    );
    home.survives("stays", &mut puppet);
}

#[test]
fn what_runners_hunt_by_is_not_in_the_jobs_environment() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut command =
        home.outlive_command(puppet.run_words(&["--name", "job", "-e", "HUDSON_COOKIE=my own"]));
    command
        .env("JENKINS_NODE_COOKIE", "secret")
        .env("runner_tracking_id", "github_1")
        .env("HUDSON_COOKIE", "another")
        .env("BUILD_ID", "7");
    let said = Running::start(&mut command).finish();
    assert_eq!(said.code, 0, "{said}");
    let job = puppet.ready();
    let names = |pid| -> Vec<String> {
        let all = environment(pid);
        all.iter()
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .collect()
    };
    let has = |all: &[String], start: &str| all.iter().any(|it| it.starts_with(start));
    let found = names(job);
    assert!(!has(&found, "JENKINS_NODE_COOKIE="), "{found:?}");
    assert!(!has(&found, "runner_tracking_id="), "{found:?}");
    assert!(has(&found, "BUILD_ID=7"), "jobs want to read it: {found:?}");
    assert!(has(&found, "HUDSON_COOKIE=my own"), "asked for: {found:?}");
    let keeper = names(parent(job).expect("its keeper is its parent"));
    assert!(!has(&keeper, "JENKINS_NODE_COOKIE="), "{keeper:?}");
    let shown = home.show("job");
    let cookies = hazard(&shown["report"], "cookies");
    // One of them is in its environment after all, since that was asked for.
    assert_eq!(cookies["state"], "remains", "{cookies}");
    assert!(
        cookies["how"]
            .as_str()
            .is_some_and(|how| how.contains("HUDSON_COOKIE")),
        "{cookies}"
    );
    home.survives("job", &mut puppet);
}

const NO_CGROUP: &str = "none can be made here: it takes root, or a subtree of one's own";

/// The folders of a job's own cgroups, as its record names them.
fn cgroups(home: &Home, job: &str) -> Vec<PathBuf> {
    let shown = home.show(job);
    let id = shown["id"].as_str().expect("it has an id");
    let record = fs::read(home.job(id).join("record")).expect("it has a record");
    let record: Value = serde_json::from_slice(&record).expect("a record is JSON");
    let folders = record["cgroups"].as_array().into_iter().flatten();
    folders
        .map(|it| PathBuf::from(it["path"].as_str().expect("a path")))
        .collect()
}

fn members(cgroup: &Path) -> Vec<i32> {
    let text =
        fs::read_to_string(cgroup.join("cgroup.procs")).expect("a cgroup lists its processes");
    text.lines()
        .map(|line| line.parse().expect("a pid"))
        .collect()
}

#[test]
fn each_job_has_a_cgroup_of_its_own_that_goes_with_it() {
    let home = Home::new();
    let mut outer = Puppet::new(&home);
    let job = home.start(&["--name", "outer"], &mut outer);
    let own = cgroups(&home, &job);
    if own.is_empty() {
        skipped("a job's own cgroup", NO_CGROUP);
        outer.exit(0);
        home.ok(["wait", &job]);
        return;
    }
    let child = outer.child("plain");
    let keeper = parent(outer.pid()).expect("its keeper is its parent");
    // One that is started from within it has another one.
    let mut inner = Puppet::new(&home);
    let line = home.shell_line(inner.run_words(&["--name", "inner"]));
    assert_eq!(outer.ask(&format!("shell {line}")), "ended with Some(0)");
    inner.ready();
    for cgroup in &own {
        let found = members(cgroup);
        assert!(
            found.contains(&outer.pid()) && found.contains(&child),
            "{found:?}"
        );
        assert!(
            !found.contains(&keeper) && !found.contains(&inner.pid()),
            "{found:?}"
        );
    }
    home.ok(["stop", "outer"]);
    home.keeper_gone("outer");
    assert!(own.iter().all(|cgroup| !cgroup.exists()), "{own:?}");
    home.survives("inner", &mut inner);
}

/// A killed keeper can't remove it; whoever stops the job then does.
#[test]
fn a_killed_keepers_cgroup_is_removed_by_whoever_stops_the_job() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let own = cgroups(&home, "job");
    if own.is_empty() {
        skipped("a job's own cgroup", NO_CGROUP);
        puppet.exit(0);
        home.ok(["wait", "job"]);
        return;
    }
    let keeper = Pidfd::of(parent(puppet.pid()).expect("its keeper is its parent"));
    let keeper = keeper.expect("it lives");
    keeper.kill();
    keeper.ended();
    home.ok(["stop", "job"]);
    puppet.gone();
    assert!(own.iter().all(|cgroup| !cgroup.exists()), "{own:?}");
}

#[test]
fn limits_are_kept_unless_their_reset_is_asked_for() {
    let home = Home::new();
    for (name, options, expected) in [
        ("kept", &["--name", "kept"][..], "5"),
        ("reset", &["--name", "reset", "--reset", "nice,umask"], "0"),
    ] {
        let mut puppet = Puppet::new(&home);
        let line = home.shell_line(puppet.run_words(options));
        let script = format!("umask 0027; exec nice -n 5 {line}");
        let said = Running::start(&mut home.command(["sh", "-c", &script])).finish();
        assert_eq!(said.code, 0, "{said}");
        let pid = puppet.ready();
        let stat = stat(pid).expect("it runs");
        // Niceness is field 19 of proc_pid_stat(5), the state was 3; lowering it takes a privilege.
        let may = rustix::process::geteuid().is_root();
        let expected = if may { expected } else { "5" };
        assert_eq!(stat[16], expected, "{name}");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let mask = if name == "kept" { "0027" } else { "0022" };
        assert!(status.contains(&format!("Umask:\t{mask}")), "{status}");
        let shown = home.show(name);
        let limits = hazard(&shown["report"], "limits");
        let told = format!("{}{}", limits["detail"], limits["how"]);
        assert!(told.contains("nice"), "{limits}");
        home.survives(name, &mut puppet);
    }
}

#[test]
fn the_report_of_a_job_that_ends_at_once_says_so() {
    let home = Home::new();
    let job = home.ok(["run", "--", "true"]);
    assert_eq!(home.call(["wait", &job]).code, 0);
    let shown = home.show(&job);
    assert!(shown["way"].is_string(), "{shown}");
    assert_eq!(
        hazard(&shown["report"], "session")["state"],
        "left",
        "{shown}"
    );
}

/// A cgroup that limits the number of processes, where this machine has such; it is removed again.
struct Limited(PathBuf);

impl Limited {
    fn new(what: &str) -> Option<Limited> {
        let name = format!("outlive-test-{}", std::process::id());
        let hierarchies = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids"];
        for hierarchy in hierarchies.map(Path::new) {
            let cgroup = hierarchy.join(&name);
            if fs::create_dir(&cgroup).is_err() {
                continue;
            }
            let limited = Limited(cgroup);
            // Where version 1 is mounted that is a plain folder.
            let limits = limited.0.join("pids.max");
            if limits.exists() && fs::write(limits, "150").is_ok() {
                return Some(limited);
            }
        }
        skipped(what, "no cgroup that limits processes can be made here");
        None
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // All that was in it has ended or left.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_cgroups_limits_are_told_of() {
    let Some(limited) = Limited::new("limits of a cgroup") else {
        return;
    };
    let home = Home::new();
    let procs = limited.0.join("cgroup.procs");
    let line = home.shell_line(["doctor", "--json"]);
    let script = format!("echo $$ > {} && exec {line}", procs.display());
    let said = Running::start(&mut home.command(["sh", "-c", &script])).finish();
    let doctor = doctor(&said);
    let limits = hazard(&doctor["hazards"], "limits");
    let told = format!("{} {}", limits["detail"], limits["how"]);
    assert!(told.contains("pids.max=150"), "{limits}");
}
