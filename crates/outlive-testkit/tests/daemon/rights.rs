//! Who a daemon is, and where its root is.

use crate::{option, path, run, start, status};
use outlive_testkit::{Home, Puppet, is_root, skipped};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

/// Nobody, on every Linux system.
const NOBODY: u32 = 65534;

/// Lets other users reach what is in the home's folder.
pub(crate) fn let_others_in(home: &Home) {
    let all = Permissions::from_mode(0o755);
    fs::set_permissions(home.folder(), all).expect("our own folder");
}

/// A home whose daemons may become others, if this is root.
fn home(what: &str) -> Option<Home> {
    if !is_root() {
        skipped(what, "this is not root");
        return None;
    }
    let home = Home::new();
    let_others_in(&home);
    Some(home)
}

/// Ids as they are listed, in order.
fn numbers(text: &str) -> Vec<u32> {
    let words = text.split_whitespace();
    let mut ids: Vec<u32> = words.map(|id| id.parse().expect("a number")).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_user_by_name_comes_with_its_groups() {
    let Some(home) = home("a user by name") else {
        return;
    };
    let passwd = fs::read_to_string("/etc/passwd").expect("every system has it");
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == NOBODY.to_string()).then_some(name)
    });
    let Some(name) = name else {
        return skipped("a user by name", "nobody has no name here");
    };
    let groups = std::process::Command::new("id").args(["-G", name]).output();
    let groups = String::from_utf8(groups.expect("id is everywhere").stdout).expect("numbers");
    let user = format!("user={name}");
    let puppet = start(&home, &[&user]);
    let pid = puppet.pid();
    assert_eq!(status(pid, "Uid"), "65534\t65534\t65534\t65534");
    let gid = status(pid, "Gid");
    assert!(numbers(&gid).iter().all(|id| numbers(&groups).contains(id)));
    assert_eq!(numbers(&status(pid, "Groups")), numbers(&groups));
}

#[test]
fn group_and_supplementary_groups_are_what_was_asked_for() {
    let Some(home) = home("groups") else { return };
    let puppet = start(&home, &["user=4711", "group=4712", "groups=4713,4714"]);
    let pid = puppet.pid();
    assert_eq!(status(pid, "Uid"), "4711\t4711\t4711\t4711");
    assert_eq!(status(pid, "Gid"), "4712\t4712\t4712\t4712");
    assert_eq!(numbers(&status(pid, "Groups")), [4713, 4714]);
    // A group alone leaves the user as it is.
    let puppet = start(&home, &["group=4712"]);
    assert_eq!(status(puppet.pid(), "Uid"), "0\t0\t0\t0");
    assert_eq!(status(puppet.pid(), "Gid"), "4712\t4712\t4712\t4712");
}

#[test]
fn there_is_no_way_back_to_root() {
    let Some(home) = home("no way back") else {
        return;
    };
    let mut puppet = start(&home, &["user=65534"]);
    assert_eq!(puppet.ask("root"), "refused");
    // Nor is a capability left that a program could be given.
    assert_eq!(status(puppet.pid(), "CapPrm"), "0000000000000000");
}

#[test]
fn the_pid_file_of_who_may_not_remove_it_is_emptied() {
    let Some(home) = home("a pid file of root's") else {
        return;
    };
    let pid_file = option("pid-file", &home, "pid");
    let puppet = start(&home, &[&pid_file, "user=65534"]);
    let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
    assert_eq!(text.trim(), puppet.pid().to_string());
    crate::ends(puppet);
    assert_eq!(fs::read(path(&home, "pid")).expect("it is there"), b"");
    start(&home, &[&pid_file, "user=65534"]);
}

#[test]
fn its_root_is_the_folder_that_was_asked_for() {
    let Some(home) = home("a root of its own") else {
        return;
    };
    let chroot = format!("chroot={}", home.folder().display());
    fs::create_dir(path(&home, "data")).expect("our own folder");
    let pid_file = option("pid-file", &home, "pid");
    let options = [&*chroot, "dir=data", &pid_file, "user=65534"];
    let mut puppet = start(&home, &options);
    let pid = puppet.pid();
    let root = fs::read_link(format!("/proc/{pid}/root")).expect("root may look");
    assert_eq!(root, home.folder());
    assert_eq!(puppet.ask("folder"), "/data");
    // No descriptor leads out of it.
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).expect("root may look") {
        let found = fs::metadata(entry.expect("an entry").path()).expect("it is open");
        assert!(!found.is_dir(), "{found:?}");
    }
    crate::ends(puppet);
    assert_eq!(fs::read(path(&home, "pid")).expect("it is there"), b"");
}

#[test]
fn who_is_not_root_is_told_beforehand() {
    let Some(home) = Home::of_nobody("who is not root") else {
        return;
    };
    let chroot = format!("chroot={}", home.folder().display());
    for asked in ["user=0", "group=0", "groups=0", &chroot] {
        let said = run(&home, &Puppet::new(&home), &[asked]);
        assert_eq!(said.code, 1, "{said}");
        assert!(said.errors().contains("only root may"), "{said}");
    }
}

#[test]
fn who_asks_to_be_who_it_is_need_not_be_root() {
    let Some(home) = Home::of_nobody("who it is already") else {
        return;
    };
    let own = rustix::process::geteuid();
    let (user, group) = match own.is_root() {
        true => (NOBODY, NOBODY),
        false => (own.as_raw(), rustix::process::getegid().as_raw()),
    };
    let (user, group) = (format!("user={user}"), format!("group={group}"));
    let mut options = vec![&*user, &*group];
    // `of_nobody` takes all groups away from who was root.
    if own.is_root() {
        options.push("groups=");
    }
    start(&home, &options);
}

#[test]
fn users_and_groups_that_are_not_there_are_refused() {
    let home = Home::new();
    for asked in [
        "user=no-such-user",
        "group=no-such-group",
        "user=4294967295",
    ] {
        let said = run(&home, &Puppet::new(&home), &[asked]);
        assert_eq!(said.code, 1, "{said}");
        assert!(said.errors().starts_with("there is no "), "{said}");
    }
}

#[test]
fn a_file_of_its_own_can_be_its_output() {
    let Some(home) = home("a file of its own") else {
        return;
    };
    let log = path(&home, "log");
    fs::write(&log, b"").expect("our own folder");
    chown(&log, Some(0), Some(0)).expect("root may chown");
    // Opened by the starter, with its rights.
    let mut puppet = start(&home, &["user=65534", &format!("stdout={log}")]);
    puppet.does("say hello");
    assert_eq!(fs::read(&log).expect("it is there"), b"hello\n");
}
