//! Who may do what.

use outlive_testkit::{Home, Puppet, Running};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

fn mode(path: &Path) -> u32 {
    let metadata = path
        .symlink_metadata()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o7777
}

/// Everything below a folder.
fn below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("our own home") {
        let path = entry.expect("our own home").path();
        if path.is_dir() {
            all.extend(below(&path));
        }
        // On its way to another name, under which it is looked at.
        if path.extension().is_none_or(|it| it != "new") {
            all.push(path);
        }
    }
    all
}

#[test]
fn everything_is_the_owners_alone() {
    for mask in ["000", "022", "777"] {
        let Some(home) = Home::of_nobody("modes") else {
            return;
        };
        let mut puppet = Puppet::new(&home);
        let line = home.shell_line(puppet.run_words(&["--name", "job", "--umask", "022", "-i"]));
        let said =
            Running::start(&mut home.command(["sh", "-c", &format!("umask {mask}; {line}")]))
                .finish();
        assert_eq!(said.code, 0, "umask {mask}: {said}");
        puppet.ready();
        puppet.beat();
        assert_eq!(mode(home.path()), 0o700, "umask {mask}");
        let all = below(home.path());
        let (sockets, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|path| {
            path.symlink_metadata()
                .is_ok_and(|it| it.file_type().is_socket())
        });
        for path in &others {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(path), expected, "{} with umask {mask}", path.display());
        }
        assert_eq!(sockets.len(), 1, "{sockets:?}");
        assert_eq!(mode(&sockets[0]) & 0o077, 0, "the socket with umask {mask}");
        home.survives("job", &mut puppet);
    }
}

#[test]
fn another_user_gets_no_answer() {
    if !outlive_testkit::is_root() {
        outlive_testkit::skipped("another user", "only root can become one");
        return;
    }
    let Some(other) = Home::of_nobody("another user") else {
        return;
    };
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = home.start(&[], &mut puppet);
    let socket = below(home.path())
        .into_iter()
        .find(|path| path.ends_with("control"))
        .expect("a socket");
    let knock = |as_whom: &Home| {
        let words = [
            as_whom.puppet().as_os_str(),
            "knock".as_ref(),
            socket.as_os_str(),
        ];
        let said = Running::start(&mut as_whom.command(words)).finish();
        assert_eq!(said.code, 0, "{said}");
        said.text()
    };
    assert!(
        knock(&home).starts_with("answer: "),
        "its owner is heard: {}",
        knock(&home)
    );
    assert!(knock(&other).starts_with("not let in"), "{}", knock(&other));
    // Even if somebody opens every door on the way, it asks who is there.
    let set =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    let opened: Vec<&Path> = socket
        .ancestors()
        .take_while(|path| path.starts_with(home.folder()))
        .collect();
    let before: Vec<u32> = opened.iter().map(|path| mode(path)).collect();
    opened
        .iter()
        .for_each(|path| set(path, 0o777).expect("our own home"));
    let heard = knock(&other);
    assert!(!heard.contains("done"), "{heard}");
    let others = |words: &[&str]| {
        let mut command = other.command(
            std::iter::once(other.outlive().as_os_str()).chain(words.iter().map(AsRef::as_ref)),
        );
        Running::start(command.env("OUTLIVE_HOME", home.path())).finish()
    };
    for words in [&["list"][..], &["stop", &id], &["run", "--", "true"]] {
        let said = others(words);
        assert_eq!(said.code, 125, "{said}");
    }
    for (path, mode) in opened.iter().zip(before) {
        set(path, mode).expect("our own home");
    }
    home.survives(&id, &mut puppet);
}

#[test]
fn a_home_that_others_can_write_to_is_refused_or_closed() {
    let home = Home::new();
    std::fs::create_dir(home.path()).expect("our own folder");
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o777))
        .expect("our own folder");
    let said = home.call(["run", "--name", "job", "--", "true"]);
    if said.code == 0 {
        assert_eq!(home.call(["wait", "job"]).code, 0);
        assert_eq!(mode(home.path()), 0o700);
    } else {
        assert_eq!(said.code, 125, "{said}");
    }
}

#[test]
fn a_home_of_another_user_is_refused() {
    let Some(home) = Home::of_nobody("a home of another user") else {
        return;
    };
    let owner = home.folder().metadata().expect("our own folder").uid();
    if !outlive_testkit::is_root() || owner == 0 {
        return outlive_testkit::skipped("a home of another user", "only root can make one");
    }
    home.ok(["run", "--name", "job", "--", "true"]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    // Root may read it, but what another user could have put there is not to be believed.
    let mut command = std::process::Command::new(home.outlive());
    let said = Running::start(command.arg("list").env("OUTLIVE_HOME", home.path())).finish();
    assert_eq!(said.code, 125, "{said}");
}

/// Links that would have it write somewhere else.
#[test]
fn links_in_the_home_are_not_followed() {
    let home = Home::new();
    home.ok(["run", "--name", "first", "--", "true"]);
    assert_eq!(home.call(["wait", "first"]).code, 0);
    let target = home.folder().join("target");
    std::fs::write(&target, "precious").expect("our own folder");
    std::os::unix::fs::symlink(&target, home.path().join("names").join("job"))
        .expect("our own home");
    let said = home.call(["run", "--name", "job", "--", "true"]);
    if said.code == 0 {
        home.call(["wait", "job"]);
    }
    assert_eq!(
        std::fs::read_to_string(&target).expect("our own file"),
        "precious",
        "{said}"
    );
}
