//! Daemons in a cgroup that ends as one.

use crate::{finish, option, path, words};
use outlive_testkit::{Home, Pidfd, Puppet, skipped};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cgroup of version 2 of the test's own; it is removed again.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(what: &str) -> Option<Cgroup> {
        for hierarchy in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new) {
            let unified = hierarchy.join("cgroup.controllers").exists();
            let cgroup = hierarchy.join(format!("outlive-test-{what}-{}", std::process::id()));
            if unified && fs::create_dir(&cgroup).is_ok() {
                return Some(Cgroup(cgroup));
            }
        }
        skipped(what, "no cgroup of version 2 can be made here");
        None
    }

    /// The same command, run from within.
    fn within(&self, command: &Command) -> Command {
        let mut outer = Command::new("sh");
        let procs = self.0.join("cgroup.procs");
        let script = format!("echo $$ >{} && exec \"$@\"", procs.display());
        outer.args(["-c", &script, "sh"]).arg(command.get_program());
        outer.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => outer.env(name, value),
                None => outer.env_remove(name),
            };
        }
        outer
    }

    fn has(&self, pid: i32) -> bool {
        let text = fs::read_to_string(self.0.join("cgroup.procs")).expect("our own cgroup");
        text.lines().any(|line| line == pid.to_string())
    }

    /// Ends all that is in it at once (Linux 5.14).
    fn kill(&self) {
        fs::write(self.0.join("cgroup.kill"), "1").expect("our own cgroup");
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // All that was in it has ended or left.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn it_leaves_the_cgroup_when_it_is_asked_to() {
    let Some(cgroup) = Cgroup::new("leaving") else {
        return;
    };
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let tell = option("tell", &home, "told");
    let words = words(&puppet, &["breakaway=require", &tell]);
    let said = finish(&mut cgroup.within(&home.command(words)));
    assert_eq!(said.code, 0, "{said}");
    let pid = puppet.ready();
    assert!(!cgroup.has(pid));
    let told = fs::read_to_string(path(&home, "told")).expect("it told");
    assert!(told.contains("cgroup Left "), "{told}");
    assert!(told.contains("session Left "), "{told}");
    cgroup.kill();
    puppet.does("say hello");
}

#[test]
fn it_stays_in_the_cgroup_unless_it_is_asked() {
    let Some(cgroup) = Cgroup::new("staying") else {
        return;
    };
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let words = words(&puppet, &[]);
    let said = finish(&mut cgroup.within(&home.command(words)));
    assert_eq!(said.code, 0, "{said}");
    let daemon = Pidfd::of(puppet.ready()).expect("it lives");
    assert!(cgroup.has(daemon.pid()));
    cgroup.kill();
    daemon.ended();
}

#[test]
fn what_can_t_be_left_is_told_and_where_it_must_be_nothing_is_started() {
    let what = "a cgroup that can't be left";
    if !outlive_testkit::is_root() {
        return skipped(what, "this is not root");
    }
    let (Some(cgroup), Some(home)) = (Cgroup::new("remaining"), Home::of_nobody(what)) else {
        return;
    };
    // No manager of nobody's is found.
    let within = |words: Vec<OsString>| {
        let mut command = cgroup.within(&home.command(words));
        command.env_remove("XDG_RUNTIME_DIR");
        finish(&mut command)
    };
    let mut puppet = Puppet::new(&home);
    let tell = option("tell", &home, "told");
    let said = within(words(&puppet, &["breakaway=prefer", &tell]));
    assert_eq!(said.code, 0, "{said}");
    let daemon = Pidfd::of(puppet.ready()).expect("it lives");
    let told = fs::read_to_string(path(&home, "told")).expect("it told");
    assert!(told.contains("cgroup Remains "), "{told}");
    assert!(cgroup.has(daemon.pid()));
    cgroup.kill();
    daemon.ended();

    let puppet = Puppet::new(&home);
    let pid_file = option("pid-file", &home, "pid");
    let said = within(words(&puppet, &["breakaway=require", &pid_file]));
    assert_eq!(said.code, 1, "{said}");
    assert!(
        said.errors()
            .contains("failed to leave what could end it: cgroup"),
        "{said}"
    );
    assert!(!fs::exists(path(&home, "pid")).expect("our own folder"));
    assert!(!puppet.has_ended());
}
