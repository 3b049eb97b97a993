//! Where the socket is on which a job tells of itself (sd_notify(3)), and who reaches it. That of a plain
//! user's job is in its folder, that of root's is not.

use outlive_testkit::{Home, Puppet, Running, is_root, skipped};
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

const WAITING: [&str; 4] = ["--name", "job", "--ready", "notify"];

/// Starts the puppet as a job that has not said yet that it is ready, by these words.
fn starting(home: &Home, before: &[&str], puppet: &mut Puppet) -> Running {
    let words = [&["run"], &WAITING[..], &["--"], before].concat();
    let words = words.into_iter().map(Into::into).chain(puppet.words());
    let run = Running::start(&mut home.outlive_command(words));
    puppet.ready();
    run
}

#[track_caller]
fn becomes_ready(home: &Home, run: Running, puppet: &mut Puppet) {
    puppet.does("notify READY=1;STATUS=up");
    let said = run.finish();
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(home.show("job")["status_text"], "up");
}

/// Where the socket of the job is expected.
fn socket(home: &Home) -> PathBuf {
    let id = home.show("job")["id"].as_str().expect("text").to_owned();
    home.job(&id).join("notify")
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket())
}

#[test]
fn a_users_is_in_the_jobs_own_folder_and_goes_with_its_keeper() {
    let Some(home) = Home::of_nobody("the socket of a user's job") else {
        return;
    };
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &[], &mut puppet);
    let path = socket(&home);
    let address = format!("set {}", path.display());
    assert_eq!(puppet.ask("env NOTIFY_SOCKET"), address);
    for private in [&*path, home.path()] {
        let mode = fs::symlink_metadata(private).expect("it is there");
        assert_eq!(mode.permissions().mode() & 0o077, 0, "{private:?}");
    }

    // A further keeper hears it in the same place.
    home.keeper("job").kill();
    assert!(is_there(&path), "a job finds it all the time");
    assert_eq!(home.call(["wait", "job", "--timeout", "1ms"]).code, 124);
    becomes_ready(&home, run, &mut puppet);
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    home.keeper_gone("job");
    assert!(!is_there(&path), "its keeper has gone");

    let run = Running::start(&mut home.outlive_command(["restart", "job"]));
    puppet.ready_again();
    becomes_ready(&home, run, &mut puppet);
}

#[test]
fn no_other_user_reaches_it() {
    let what = "another user at the socket of a job";
    if !is_root() {
        return skipped(what, "only root may become another user");
    }
    let Some(home) = Home::of_nobody(what) else {
        return;
    };
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &[], &mut puppet);
    let path = socket(&home);
    // To send to a socket takes the right to write to it, and to enter the folders above (unix(7)).
    for (user, may) in [("47110815", false), ("65534", true)] {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={user}"), "--clear-groups", "test", "-w"]);
        let looked = command.arg(&path).status().expect("it has made the home");
        assert_eq!(looked.success(), may, "{user}");
    }
    becomes_ready(&home, run, &mut puppet);
}

#[test]
fn a_user_is_heard_from_a_network_namespace_of_its_own() {
    let what = "a job in a network namespace of its own";
    let Some(home) = Home::of_nobody(what) else {
        return;
    };
    let unshare = ["unshare", "--map-root-user", "--net"];
    let tried = home.command([&unshare[..], &["true"]].concat()).output();
    if !tried.is_ok_and(|it| it.status.success()) {
        return skipped(what, "a user can't make one here");
    }
    let mut puppet = Puppet::new(&home);
    let run = starting(&home, &unshare, &mut puppet);
    becomes_ready(&home, run, &mut puppet);
}

#[test]
fn a_path_that_is_too_long_is_none() {
    let what = "a state folder with a long path";
    let Some(home) = Home::of_nobody(what) else {
        return;
    };
    let long = home.folder().join("l".repeat(120));
    let mut puppet = Puppet::new(&home);
    let words = puppet.run_words(&WAITING);
    let mut command = home.outlive_command(&words);
    let run = Running::start(command.env("OUTLIVE_HOME", &long));
    puppet.ready();
    let address = puppet.ask("env NOTIFY_SOCKET");
    assert!(address.starts_with("set @outlive-"), "{address}");
    puppet.does("notify READY=1");
    let said = run.finish();
    assert_eq!(said.code, 0, "{said}");
    let mut stop = home.outlive_command(["stop", "job"]);
    let said = Running::start(stop.env("OUTLIVE_HOME", &long)).finish();
    assert_eq!(said.code, 0, "{said}");
}

/// As many daemons do that were written for systemd, whose socket is open to everybody.
#[test]
fn a_job_of_roots_is_heard_once_it_has_become_another_user() {
    let what = "a job that becomes another user";
    if !is_root() {
        return skipped(what, "only root may");
    }
    let home = Home::new();
    // The other user must be able to run it.
    let line =
        "setpriv --reuid=65534 --clear-groups systemd-notify --ready --status=up; read never";
    if Command::new("systemd-notify")
        .arg("--version")
        .output()
        .is_err()
    {
        return skipped(what, "systemd-notify is not installed");
    }
    let said = home.call([&["run", "-i"], &WAITING[..], &["--", "sh", "-c", line]].concat());
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(home.show("job")["status_text"], "up");
    home.ok(["stop", "job"]);
}
