//! Trees that do all they can to outlive a `stop`: none has a survivor.
//!
//! Every process of a puppet's tree holds its lifeline, so that the end of file there, at the very
//! moment when `stop` has returned, is the proof.

use outlive_testkit::{Home, Pidfd, Puppet, Running, quoted, skipped};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The user and group that stand for "somebody else": nobody, on every Linux system.
const NOBODY: u32 = 65534;

/// Each kind of descendant, in a job of its own.
const KINDS: [&str; 12] = [
    "daemon",
    "session",
    "deaf-daemon",
    "runner",
    "runner-daemon",
    "storm",
    "stopped",
    "groups",
    "vfork",
    "zombies",
    "scrubbed",
    "guardian",
];

/// The folders of a job's own cgroups.
fn cgroups(home: &Home, job: &str) -> Vec<PathBuf> {
    let id = home.show(job)["id"].as_str().expect("an id").to_owned();
    let record = fs::read(home.job(&id).join("record")).expect("a job has a record");
    let record: Value = serde_json::from_slice(&record).expect("a record is JSON");
    let folders = record["cgroups"].as_array().into_iter().flatten();
    let path = |folder: &Value| folder["path"].as_str().expect("a path is text").into();
    folders.map(path).collect()
}

/// Starts each kind, all of them, and stops it.
fn nothing_is_left(options: &[&str], in_cgroup: bool) {
    let all = KINDS.join(" ");
    for kinds in KINDS.into_iter().chain([all.as_str()]) {
        let home = Home::new();
        let mut puppet = Puppet::new(&home);
        let job = home.start(options, &mut puppet);
        if in_cgroup && cgroups(&home, &job).is_empty() {
            skipped("hostile trees in a cgroup", "no cgroup can be made here");
            return;
        }
        assert_eq!(cgroups(&home, &job).is_empty(), !in_cgroup);
        for kind in kinds.split(' ') {
            puppet.child(kind);
        }
        let said = home.call(["stop", &job, "--grace", "20ms"]);
        assert_eq!(said.code, 0, "{kinds}: {said}");
        println!("{kinds}");
        puppet.is_gone();
    }
}

#[test]
fn nothing_outlives_a_stop_in_a_cgroup() {
    nothing_is_left(&[], true);
}

#[test]
fn nothing_outlives_a_stop_without_a_cgroup() {
    nothing_is_left(&["--breakaway", "off"], false);
}

/// A cgroup that the test has made; what is in it goes to where it is made, and it is removed.
struct Elsewhere(PathBuf);

impl Elsewhere {
    /// In the hierarchy of a job's own cgroup.
    fn beside(own: &Path, home: &Home) -> Elsewhere {
        let name = home.folder().file_name().expect("a folder has a name");
        let folder = own.with_file_name(name);
        fs::create_dir(&folder).expect("whoever makes one cgroup makes another");
        Elsewhere(folder)
    }

    fn takes(&self, pid: i32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("our own process");
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // What is left in it would be seen by the home that goes after it.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn what_was_moved_to_another_cgroup_is_stopped_all_the_same() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let job = home.start(&[], &mut puppet);
    let own = cgroups(&home, &job);
    let Some(own) = own.first() else {
        skipped("a process that was moved", "no cgroup can be made here");
        return;
    };
    let elsewhere = Elsewhere::beside(own, &home);
    for kind in ["deaf-daemon", "scrubbed"] {
        elsewhere.takes(puppet.child(kind));
    }
    let said = home.call(["stop", &job, "--grace", "20ms"]);
    assert_eq!(said.code, 0, "{said}");
    puppet.is_gone();
}

/// A job within the job that was not let out of its cgroup: it is not its to stop.
#[test]
fn another_job_in_the_cgroup_is_spared() {
    let home = Home::new();
    let (mut puppet, mut other) = (Puppet::new(&home), Puppet::new(&home));
    let job = home.start(&[], &mut puppet);
    if cgroups(&home, &job).is_empty() {
        skipped("another job in the cgroup", "no cgroup can be made here");
        return;
    }
    let line = home.shell_line(other.run_words(&["--name", "other", "--breakaway", "off"]));
    assert_eq!(puppet.ask(&format!("shell {line}")), "ended with Some(0)");
    other.ready();
    puppet.child("deaf-daemon");
    puppet.child("storm");
    let said = home.call(["stop", &job, "--grace", "20ms"]);
    assert_eq!(said.code, 0, "{said}");
    puppet.is_gone();
    home.survives("other", &mut other);
}

/// Where the hierarchy of version 2 is mounted.
fn unified() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mut lines = mounts.lines().map(|line| line.split(' '));
    let mut line = lines.find(|line| line.clone().nth(2) == Some("cgroup2"))?;
    line.nth(1).map(PathBuf::from)
}

/// A process that may not be ended is named, and so is the cgroup to which it was moved.
#[test]
fn what_a_privileged_helper_has_moved_is_named() {
    const WHAT: &str = "a process that a privileged helper has moved";
    let (true, Some(unified)) = (outlive_testkit::is_root(), unified()) else {
        skipped(WHAT, "it takes root and cgroups of version 2");
        return;
    };
    let Some(home) = Home::of_nobody(WHAT) else {
        return;
    };
    let helper = home.folder().join("helper");
    fs::copy(home.puppet(), &helper).expect("a program can be copied");
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o4755)).expect("our own file");
    // A part of the hierarchy that is the user's own, and another one that is not.
    let elsewhere = Elsewhere::beside(&unified.join("any"), &home);
    let theirs = elsewhere.0.join("theirs");
    fs::create_dir(&theirs).expect("whoever makes one cgroup makes another");
    for file in [theirs.clone(), theirs.join("cgroup.procs")] {
        chown(file, Some(NOBODY), Some(NOBODY)).expect("root may chown");
    }

    let mut puppet = Puppet::new(&home);
    let words = ["sh", "-c", "read go; exec \"$@\"", "sh"].map(OsString::from);
    let run = home.outlive_words(puppet.run_words(&["--name", "job"]));
    let mut run = Running::start(
        home.command(words.into_iter().chain(run))
            .stdin(Stdio::piped()),
    );
    fs::write(theirs.join("cgroup.procs"), run.pid().to_string()).expect("our own process");
    writeln!(run.input(), "go").expect("it waits");
    assert_eq!(run.finish().code, 0);
    puppet.ready();
    assert!(
        !cgroups(&home, "job").is_empty(),
        "the part is the user's own"
    );

    let folder = puppet.folder().as_os_str();
    let line = quoted([helper.as_os_str(), "elevated".as_ref(), folder]);
    puppet.tell(&format!("shell setsid {line} &"));
    let mut said = [puppet.line(), puppet.line()];
    said.sort();
    let pid = said[0]
        .strip_prefix("child ")
        .and_then(|pid| pid.parse().ok());
    let survivor = Pidfd::of(pid.expect("programs gain rights here")).expect("it lives");
    elsewhere.takes(survivor.pid());

    let stopped = home.call(["stop", "job", "--grace", "0s"]);
    survivor.kill();
    puppet.gone();
    home.keeper_gone("job");
    let name = elsewhere.0.file_name().expect("a folder has a name");
    let named = format!(
        "{} (moved to the cgroup /{}",
        survivor.pid(),
        name.display()
    );
    assert!(
        stopped.code == 125 && stopped.errors().contains(&named),
        "{stopped}"
    );
    for folder in [
        theirs.join("outlive/keepers"),
        theirs.join("outlive"),
        theirs,
    ] {
        let _ = fs::remove_dir(folder);
    }
}
