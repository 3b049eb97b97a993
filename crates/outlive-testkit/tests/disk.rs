//! Disks that are full or can't be written to.

use outlive_testkit::{Home, Mount, Puppet, own_mounts};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The jobs' folders, half-made ones included.
fn folders(home: &Home) -> usize {
    std::fs::read_dir(home.path().join("jobs")).map_or(0, Iterator::count)
}

#[test]
fn run_on_a_full_disk_fails_and_leaves_nothing() {
    let home = Home::new();
    if !own_mounts("a full disk") {
        return;
    }
    let disk = Mount::over(&home, "256k");
    let filler = disk.fill();
    let puppet = Puppet::new(&home);
    for _ in 0..2 {
        let said = home.call(puppet.run_words(&["--name", "job"]));
        assert_eq!(said.code, 125, "{said}");
        assert!(said.errors().to_lowercase().contains("no space"), "{said}");
        assert_eq!((said.text().as_str(), folders(&home)), ("", 0));
    }
    std::fs::remove_file(filler).expect("our own file");
    let mut puppet = puppet;
    home.start(&["--name", "job"], &mut puppet);
    home.survives("job", &mut puppet);
    home.keeper_gone("job");
    // With a job there already.
    let filler = disk.fill();
    let said = home.call(puppet.run_words(&[]));
    assert_eq!((said.code, folders(&home)), (125, 1), "{said}");
    assert_eq!(home.call(["wait", "job"]).code, 7);
    std::fs::remove_file(filler).expect("our own file");
}

#[test]
fn a_job_that_ends_while_the_disk_is_full_has_its_exit_code() {
    let home = Home::new();
    if !own_mounts("the end of a job on a full disk") {
        return;
    }
    let disk = Mount::over(&home, "256k");
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    // Its keeper gives back no room afterwards.
    home.reported("job");
    let filler = disk.fill();
    let before = puppet.ask("say a line for which there is no room");
    assert!(before.starts_with("failed"), "{before}");
    puppet.exit(7);
    assert_eq!(home.call(["wait", "job"]).code, 7);
    home.keeper_gone("job");
    // Still full, and only the record is left to tell.
    assert_eq!(home.call(["wait", "job"]).code, 7);
    let shown = home.show("job");
    assert_eq!(
        (&shown["state"], &shown["exit_code"]),
        (&"exited".into(), &7.into())
    );
    // Removing needs no room, and makes some.
    home.ok(["rm", "job"]);
    assert_eq!(folders(&home), 0);
    std::fs::remove_file(filler).expect("our own file");
}

#[test]
fn what_a_job_says_of_itself_costs_no_exit_code_on_a_full_disk() {
    let home = Home::new();
    if !own_mounts("a long status on a full disk") {
        return;
    }
    let disk = Mount::over(&home, "256k");
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--watchdog", "1h"], &mut puppet);
    home.reported("job");
    disk.fill();
    // Six bytes of the record for each: more than the page that it has.
    puppet.does(&format!("notify STATUS={}", "\u{1}".repeat(512)));
    puppet.exit(7);
    assert_eq!(home.call(["wait", "job"]).code, 7);
    home.keeper_gone("job");
    let shown = home.show("job");
    assert_eq!(
        (&shown["state"], &shown["exit_code"]),
        (&"exited".into(), &7.into())
    );
    assert!(shown["status_text"].is_null(), "{shown}");
}

#[test]
fn stop_works_on_a_full_disk() {
    let home = Home::new();
    if !own_mounts("stop on a full disk") {
        return;
    }
    let disk = Mount::over(&home, "256k");
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    puppet.child("deaf-daemon");
    disk.fill();
    home.ok(["stop", "job", "--grace", "50ms"]);
    puppet.is_gone();
    assert_eq!(home.show("job")["state"], "signaled");
}

#[test]
fn a_read_only_home_is_read() {
    let home = Home::new();
    if !own_mounts("a read-only disk") {
        return;
    }
    let disk = Mount::over(&home, "1m");
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job"], &mut puppet);
    let line = puppet.beat();
    puppet.exit(7);
    assert_eq!(home.call(["wait", "job"]).code, 7);
    home.keeper_gone("job");
    disk.read_only();
    let said = home.call(puppet.run_words(&["--name", "other"]));
    assert!(
        said.code == 125 && said.errors().to_lowercase().contains("read-only"),
        "{said}"
    );
    assert_eq!(home.list().len(), 1);
    assert_eq!(home.logs("job"), format!("{line}\n"));
    assert_eq!(home.call(["wait", "job"]).code, 7);
    for verb in ["rm", "restart"] {
        assert_eq!(home.call([verb, "job"]).code, 125);
    }
    assert_eq!(home.call(["wait", "job"]).code, 7);
    disk.writable();
    home.ok(["rm", "job"]);
}

#[test]
fn a_home_that_may_not_be_written_to() {
    let Some(home) = Home::of_nobody("a home without write permission") else {
        return;
    };
    let said = home.call(["list", "--json"]);
    assert_eq!(
        (said.code, &*said.text()),
        (0, "[]"),
        "no home is no job: {said}"
    );
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .expect("our own folder");
    };
    mode(home.folder(), 0o555);
    let said = home.call(["run", "--", "true"]);
    assert!(
        said.code == 125 && said.errors().contains(&home.path().display().to_string()),
        "{said}"
    );
    assert!(!home.path().exists());
    mode(home.folder(), 0o755);
    home.ok(["run", "--", "true"]);
}

/// The record is written over itself, within the room that it has.
#[test]
fn a_job_is_started_again_while_the_disk_is_full() {
    let home = Home::new();
    if !own_mounts("restarts on a full disk") {
        return;
    }
    let disk = Mount::over(&home, "256k");
    let mut puppet = Puppet::new(&home);
    home.start(&["--name", "job", "--restart", "always"], &mut puppet);
    let filler = disk.fill();
    for restarts in 1..4 {
        puppet.exit(7);
        puppet.ready_again();
        let shown = home.show("job");
        assert_eq!(shown["state"], "running", "{shown}");
        assert_eq!(shown["restarts"], restarts, "{shown}");
        assert_eq!(shown["runs"][0]["exit_code"], 7, "{shown}");
    }
    home.ok(["stop", "job"]);
    puppet.is_gone();
    assert_eq!(home.show("job")["state"], "signaled");
    std::fs::remove_file(filler).expect("our own file");
}
