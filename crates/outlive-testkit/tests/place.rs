//! Where jobs are kept.

use outlive_testkit::{Home, Puppet, Running, Said};
use std::path::Path;

/// `outlive` with another state folder, in a folder.
fn at(home: &Home, state: &Path, folder: &Path, words: &[&std::ffi::OsStr]) -> Said {
    let mut command = home.outlive_command(words);
    Running::start(command.env("OUTLIVE_HOME", state).current_dir(folder)).finish()
}

/// Without anywhere to keep jobs there are none, and the message says what would help.
#[test]
fn no_home() {
    let home = Home::new();
    let mut command = home.outlive_command(["run", "--", "true"]);
    command
        .env_remove("OUTLIVE_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("HOME");
    let said = Running::start(&mut command).finish();
    assert!(
        said.code == 125 && said.errors().contains("OUTLIVE_HOME"),
        "{said}"
    );
}

/// It ends at once and reads nothing of what it is sent, whenever that comes.
#[test]
fn what_is_no_keeper_is_said_to_be_none() {
    let home = Home::new();
    for _ in 0..20 {
        let mut command = home.outlive_command(["run", "--", "true"]);
        let said = Running::start(command.env("OUTLIVE_BIN", "/bin/true")).finish();
        assert!(
            said.code == 125 && said.errors().contains("is it outlive"),
            "{said}"
        );
    }
    assert!(home.list().is_empty());
}

#[test]
fn the_home_is_where_the_variables_say() {
    let home = Home::new();
    let folder = home.folder();
    let places = [
        ("XDG_STATE_HOME", folder.join("state"), "state/outlive"),
        ("HOME", folder.join("person"), "person/.local/state/outlive"),
    ];
    for (variable, value, expected) in places {
        let outlive = |words: &[&str]| {
            let mut command = home.outlive_command(words);
            command
                .env_remove("OUTLIVE_HOME")
                .env_remove("XDG_STATE_HOME")
                .env_remove("HOME");
            Running::start(command.env(variable, &value)).finish()
        };
        std::fs::create_dir(&value).expect("our own folder");
        let said = outlive(&["run", "--", "true"]);
        assert_eq!(said.code, 0, "{said}");
        assert_eq!(outlive(&["wait", &said.text()]).code, 0);
        assert!(
            folder
                .join(expected)
                .join("jobs")
                .join(said.text())
                .exists(),
            "{variable}"
        );
    }
}

/// Paths that are unusual, but are paths: longer than a socket's may be, with white space, through
/// a link, relative.
#[test]
fn any_path_will_do() {
    let home = Home::new();
    let long = home.folder().join("x".repeat(200)).join("y".repeat(200));
    let odd = home.folder().join("two words\nand lines");
    let real = home.folder().join("real");
    let linked = home.folder().join("linked");
    std::fs::create_dir_all(&real).expect("our own folder");
    std::os::unix::fs::symlink(&real, &linked).expect("our own folder");
    std::fs::create_dir_all(long.parent().expect("it has one")).expect("our own folder");
    let relative = Path::new("some/where");
    for state in [&long, &odd, &linked.join("state"), relative] {
        let mut puppet = Puppet::new(&home);
        let words = puppet.run_words(&["--name", "job", "-i"]);
        let words: Vec<&std::ffi::OsStr> = words.iter().map(AsRef::as_ref).collect();
        let said = at(&home, state, home.folder(), &words);
        assert_eq!(said.code, 0, "{said}");
        puppet.ready();
        let call = |words: &[&str]| {
            let words: Vec<&std::ffi::OsStr> = words.iter().map(AsRef::as_ref).collect();
            at(&home, state, home.folder(), &words)
        };
        assert_eq!(call(&["send", "job", "hello"]).code, 0);
        assert_eq!(puppet.ask("read"), "line hello");
        let line = puppet.beat();
        assert_eq!(call(&["logs", "job"]).text(), line);
        let said = call(&["stop", "job"]);
        assert_eq!(said.code, 0, "{said}");
        puppet.is_gone();
        assert_eq!(call(&["wait", "job"]).code, 128 + libc::SIGTERM);
    }
}
