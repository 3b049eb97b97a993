//! Jobs that root starts as somebody else, and whose jobs are whose.

use outlive_testkit::{Home, is_root, skipped};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Nobody: on every Linux system.
const NOBODY: u32 = 65534;

fn may_become(what: &str) -> bool {
    let may = is_root();
    if !may {
        skipped(what, "only root may become another user");
    }
    may
}

/// The words of a field of `/proc/PID/status`.
fn field<'a>(status: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let line = line.unwrap_or_else(|| panic!("no {name} in {status}"));
    line.split_whitespace().collect()
}

fn everything_is_roots(folder: &Path) {
    for entry in fs::read_dir(folder).expect("our own folder") {
        let path = entry.expect("our own folder").path();
        let metadata = path.symlink_metadata().expect("it is there");
        assert_eq!(
            (metadata.uid(), metadata.mode() & 0o077),
            (0, 0),
            "{path:?}"
        );
        if metadata.is_dir() {
            everything_is_roots(&path);
        }
    }
}

#[test]
fn a_job_of_somebody_else_has_nothing_of_roots() {
    if !may_become("a job of somebody else") {
        return;
    }
    let home = Home::new();
    let script = "cat /proc/self/status; env; setpriv --reuid=0 true 2>/dev/null || echo stays";
    let words = [
        "run",
        "--name",
        "job",
        "--user",
        "nobody",
        "--cwd",
        "/",
        "-e",
        "SHELL=/mine",
    ];
    home.ok([&words[..], &["--", "sh", "-c", script]].concat());
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let mut before = String::new();
    for _ in 0..2 {
        let said = home.logs("job");
        let said = said
            .strip_prefix(&before)
            .expect("a run is appended")
            .to_owned();
        let nobody = NOBODY.to_string();
        assert_eq!(field(&said, "Uid"), [&nobody; 4]);
        let group = field(&said, "Gid");
        assert!(
            group.iter().all(|it| *it == group[0] && *it != "0"),
            "{group:?}"
        );
        assert!(!field(&said, "Groups").contains(&"0"), "{said}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(&said, set), ["0000000000000000"], "{set}");
        }
        for line in ["USER=nobody", "LOGNAME=nobody", "SHELL=/mine", "stays"] {
            assert!(said.lines().any(|it| it == line), "{line}: {said}");
        }
        assert!(!said.contains("HOME=/root\n"), "{said}");
        // It removes its socket when the end has been told.
        home.keeper_gone("job");
        everything_is_roots(home.path());
        let shown = home.show("job");
        assert_eq!(
            (&shown["user"], &shown["exit_code"]),
            (&"nobody".into(), &0.into())
        );
        before = home.logs("job");
        home.ok(["restart", "job"]);
        assert_eq!(home.call(["wait", "job"]).code, 0);
    }
}

#[test]
fn a_group_alone_and_a_number_without_a_name_will_do() {
    if !may_become("groups and numbers") {
        return;
    }
    let home = Home::new();
    for (options, user, group) in [
        (["--user", "47110815"].as_slice(), "47110815", "47110815"),
        (&["--user", "47110815:47110816"], "47110815", "47110816"),
        (
            &["--user", "47110815:", "--group", "47110816"],
            "47110815",
            "47110816",
        ),
        (&["--group", "47110816"], "0", "47110816"),
    ] {
        let words = ["run", "--follow", "--cwd", "/"];
        let job = ["--", "cat", "/proc/self/status"];
        let said = home.call([&words[..], options, &job].concat());
        assert_eq!(said.code, 0, "{said}");
        assert_eq!(field(&said.text(), "Uid"), [user; 4], "{options:?}");
        assert_eq!(field(&said.text(), "Gid"), [group; 4], "{options:?}");
    }
}

#[test]
fn what_somebody_else_may_not_do_is_an_error() {
    if !may_become("what somebody else may not do") {
        return;
    }
    let home = Home::new();
    let private = home.folder().join("private");
    fs::create_dir(&private).expect("our own folder");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own");
    };
    mode(&private, 0o700);
    let private = private.to_str().expect("its name is text");
    for (options, expected) in [
        (
            ["--user", "nobody", "--cwd", private],
            "failed to enter the folder",
        ),
        (
            ["--user", "no-such-user", "--cwd", "/"],
            "there is no user `no-such-user`",
        ),
        (
            ["--group", "no-such-group", "--cwd", "/"],
            "there is no group `no-such-group`",
        ),
        (
            ["--user", "nobody:0", "--group", "1"],
            "which group is meant",
        ),
    ] {
        let said = home.call([&["run"], &options[..], &["--", "true"]].concat());
        assert_eq!(said.code, 125, "{said}");
        assert!(said.errors().contains(expected), "{said}");
    }
    let program = format!("{private}/program");
    fs::write(&program, "#!/bin/sh\n").expect("our own folder");
    mode(program.as_ref(), 0o755);
    let said = home.call(["run", "--user", "nobody", "--cwd", "/", "--", &program]);
    assert_eq!(said.code, 126, "{said}");
    assert!(home.list().is_empty());

    let Some(nobody) = Home::of_nobody("a plain user") else {
        return;
    };
    let said = nobody.call(["run", "--user", "root", "--", "true"]);
    assert_eq!(said.code, 125, "{said}");
    assert!(
        said.errors().contains("only root may become another user"),
        "{said}"
    );
}

#[test]
fn root_stops_what_somebody_else_runs() {
    if !may_become("stopping it") {
        return;
    }
    let home = Home::new();
    // Away from the main process, and from its group and session.
    let script = "setsid sleep 1000 & exec sleep 1000";
    let words = [
        "run", "--name", "job", "--user", "nobody", "--cwd", "/", "--",
    ];
    home.ok([&words[..], &["sh", "-c", script]].concat());
    home.ok(["stop", "job"]);
    assert_eq!(home.show("job")["state"], "signaled");
}

/// What a path means by the next run may be the other user's choice, and the keeper is root.
#[test]
fn a_further_run_reads_the_file_that_root_has_opened() {
    if !may_become("a job of somebody else that is started again") {
        return;
    }
    let home = Home::new();
    let theirs = tempfile::tempdir().expect("a folder can be made");
    let open = Permissions::from_mode(0o777);
    fs::set_permissions(theirs.path(), open).expect("our own folder");
    let (input, secret) = (theirs.path().join("in"), home.folder().join("secret"));
    fs::write(&input, "first\n").expect("our own folder");
    fs::write(&secret, "secret\n").expect("our own folder");
    let script = format!("cat; ln -sf {} {}", secret.display(), input.display());
    let stdin = input.to_str().expect("text");
    let words = ["run", "--name", "job", "--user", "nobody", "--cwd", "/"];
    let again = ["--restart", "always:1", "--stdin", stdin, "--", "sh", "-c"];
    home.ok([&words[..], &again, &[&script]].concat());
    assert_eq!(home.call(["wait", "job"]).code, 0);
    assert!(input.is_symlink(), "the job may write to that folder");
    assert_eq!(home.logs("job"), "first\nfirst\n");
}
