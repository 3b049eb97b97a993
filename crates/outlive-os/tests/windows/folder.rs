//! Files of the state folder.

use crate::again::{self, Other, skipped};
use crate::lists;
use outlive_os::folder::{Folder, Unfit, identity, is_same};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::windows::fs::{OpenOptionsExt, symlink_dir, symlink_file};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use tempfile::TempDir;

fn folder() -> (TempDir, Folder) {
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    (path, folder)
}

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.err().expect("it fails").kind()
}

/// A text that says its own length, which differs from one to the next.
fn text(round: usize) -> Vec<u8> {
    let length = 1 + round * 7919 % 20_000;
    format!("{length:>8}{}", "x".repeat(length)).into_bytes()
}

fn is_whole(bytes: &[u8]) -> bool {
    let said = bytes
        .get(..8)
        .and_then(|said| std::str::from_utf8(said).ok());
    said.is_some_and(|said| said.trim().parse() == Ok(bytes.len() - 8))
}

#[test]
fn a_replaced_file_is_always_whole() {
    let (_path, folder) = folder();
    folder.replace("file", &text(0)).expect("our own folder");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut read = 0;
                    while !over.load(Relaxed) {
                        let bytes = folder.read("file", 1 << 20).expect("it is always there");
                        assert!(is_whole(&bytes));
                        read += 1;
                    }
                    read
                })
            })
            .collect();
        for round in 0..500 {
            folder
                .replace("file", &text(round))
                .expect("our own folder");
        }
        over.store(true, Relaxed);
        for reader in readers {
            assert!(reader.join().expect("no panic") > 0);
        }
    });
    assert_eq!(folder.names().expect("our own folder"), ["file"]);
    assert_eq!(
        folder.read("file", 1 << 20).expect("our own file"),
        text(499)
    );
}

/// Part of the test in the other process: replaces a file until it is killed, while somebody reads
/// it, so that it is also written over where it can't be replaced then.
fn replace_for_ever(path: &Path) {
    let folder = Folder::open(path).expect("the other's folder");
    let _reader = folder.file("file").expect("the other's file");
    for round in 0.. {
        folder
            .replace("file", &text(round))
            .expect("the other's folder");
        if round == 3 {
            again::say("there");
        }
    }
}

#[test]
fn a_writer_that_is_killed_leaves_a_whole_file() {
    if let Some(path) = again::role() {
        return replace_for_ever(path.as_ref());
    }
    let (path, folder) = folder();
    folder.replace("file", &text(0)).expect("our own folder");
    for round in 0..6 {
        let name = "folder::a_writer_that_is_killed_leaves_a_whole_file";
        let mut writer = Other::start(name, path.path().as_os_str());
        for _ in 0..round * 7 {
            assert!(is_whole(
                &folder.read("file", 1 << 20).expect("it is there")
            ));
        }
        writer.kill();
        assert!(
            is_whole(&folder.read("file", 1 << 20).expect("it is there")),
            "{round}"
        );
        folder
            .replace("file", &text(round))
            .expect("our own folder");
        assert_eq!(
            folder.read("file", 1 << 20).expect("our own file"),
            text(round)
        );
        assert_eq!(folder.names().expect("our own folder"), ["file"]);
    }
}

#[test]
fn what_a_writer_was_about_to_write_counts() {
    let (path, folder) = folder();
    fs::write(path.path().join("file"), "half").expect("our own folder");
    fs::write(path.path().join("file%now"), "whole").expect("our own folder");
    fs::write(path.path().join("file%new"), "ha").expect("our own folder");
    assert_eq!(folder.read("file", 100).expect("our own file"), b"whole");
    folder.replace("file", b"next").expect("our own folder");
    assert_eq!(folder.read("file", 100).expect("our own file"), b"next");
    assert_eq!(folder.names().expect("our own folder"), ["file"]);
}

#[test]
fn no_name_stands_for_a_file_beside_another() {
    let (path, folder) = folder();
    for ending in ["now", "new"] {
        let names =
            ["file", &format!("file.{ending}"), &format!("file%{ending}")].map(str::to_owned);
        for name in &names {
            folder
                .replace(name, name.as_bytes())
                .expect("our own folder");
        }
        for name in &names {
            let bytes = folder.read(name, 100).expect("our own file");
            assert_eq!(bytes, name.as_bytes());
            folder.remove(name).expect("our own folder");
        }
        let beside = path.path().join(format!("file%{ending}"));
        fs::write(&beside, "").expect("our own folder");
        assert!(folder.names().expect("our own folder").is_empty());
        fs::remove_file(beside).expect("our own folder");
    }
}

#[test]
fn who_lets_nobody_write_holds_up_no_writer() {
    const FILE_SHARE_READ: u32 = 1;
    let (path, folder) = folder();
    folder.replace("file", b"old").expect("our own folder");
    let mut options = File::options();
    let options = options.read(true).share_mode(FILE_SHARE_READ);
    let reader = options
        .open(path.path().join("file"))
        .expect("our own file");
    for bytes in [b"new", b"end"] {
        folder.replace("file", bytes).expect("it is kept beside");
        assert_eq!(folder.read("file", 100).expect("our own file"), bytes);
    }
    assert_eq!(folder.names().expect("our own folder"), ["file"]);
    drop(reader);
    folder.replace("file", b"last").expect("our own folder");
    assert_eq!(folder.read("file", 100).expect("our own file"), b"last");
    folder.remove("file").expect("our own folder");
    let left: Vec<_> = fs::read_dir(path.path()).expect("our own folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Somebody who does not know how we read: nothing can be done against them on systems that do not
/// replace a file that is open, but wait.
#[test]
fn a_reader_of_another_kind_holds_nobody_up() {
    let (path, folder) = folder();
    folder.replace("file", &text(1)).expect("our own folder");
    let mut reader = File::open(path.path().join("file")).expect("our own file");
    folder.replace("file", &text(2)).expect("our own folder");
    assert_eq!(folder.read("file", 1 << 20).expect("our own file"), text(2));
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("our own file");
    assert!(is_whole(&bytes));
}

#[test]
fn no_link_is_followed() {
    let (path, folder) = folder();
    let (elsewhere, other) = self::folder();
    let target = elsewhere.path().join("target");
    fs::write(&target, "precious").expect("our own folder");
    let made = symlink_file(&target, path.path().join("file"))
        .and_then(|()| symlink_dir(elsewhere.path(), path.path().join("sub")))
        // Wine 8 makes none, and says that it has.
        .and_then(|()| fs::symlink_metadata(path.path().join("file")));
    if let Err(error) = made {
        skipped(
            "links in the state folder",
            &format!("none can be made: {error}"),
        );
        return;
    }
    let dangling = elsewhere.path().join("missing");
    symlink_file(dangling, path.path().join("dangling")).expect("our own folder");
    let refused = |result: io::Result<()>| {
        assert_eq!(result.expect_err("it fails").to_string(), "it is a link");
    };
    refused(folder.file("file").map(drop));
    refused(folder.append("file").map(drop));
    refused(folder.edit("file").map(drop));
    refused(folder.read("file", 100).map(drop));
    refused(folder.create("file", b"x"));
    refused(folder.create("dangling", b"x"));
    refused(folder.append("dangling").map(drop));
    refused(folder.sub("sub").map(drop));
    refused(folder.remove_sub("sub"));
    assert_eq!(other.names().expect("our own folder"), ["target"]);
    // A link in the way of what is written first, and at the place of the file itself.
    symlink_file(&target, path.path().join("file%new")).expect("our own folder");
    refused(folder.replace("file", b"new"));
    fs::remove_file(path.path().join("file%new")).expect("our own folder");
    folder
        .replace("file", b"new")
        .expect("the link is replaced, not followed");
    assert_eq!(folder.read("file", 100).expect("our own file"), b"new");
    folder
        .remove("sub")
        .expect("the link is removed, not what it means");
    assert_eq!(
        fs::read_to_string(&target).expect("our own file"),
        "precious"
    );
}

#[test]
fn nobody_can_hold_up_a_reader() {
    let (path, folder) = folder();
    // Elsewhere these mean devices.
    for name in ["nul", "con", "COM1", "aux.txt"] {
        assert_eq!(kind(folder.read(name, 100)), ErrorKind::NotFound, "{name}");
        folder
            .create(name, name.as_bytes())
            .expect("our own folder");
        assert_eq!(
            folder.read(name, 100).expect("our own file"),
            name.as_bytes()
        );
        folder.remove(name).expect("our own folder");
    }
    assert!(folder.read(".", 100).is_err());
    assert!(folder.read("..", 100).is_err());
    fs::create_dir(path.path().join("sub")).expect("our own folder");
    assert_eq!(kind(folder.read("sub", 100)), ErrorKind::IsADirectory);
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    let (_path, folder) = folder();
    folder.create("file", &[b'x'; 100]).expect("our own folder");
    assert_eq!(
        folder.read("file", 100).expect("it is short enough").len(),
        100
    );
    assert_eq!(kind(folder.read("file", 99)), ErrorKind::InvalidData);
    assert_eq!(kind(folder.read("missing", 99)), ErrorKind::NotFound);
    folder.create("file", b"shorter").expect("our own folder");
    assert_eq!(
        folder.read("file", 100).expect("it is short enough"),
        b"shorter"
    );
}

#[test]
fn what_is_made_is_private() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let deep = path.path().join("a/b/c");
    Folder::make(&deep).expect("our own folder");
    Folder::make(&deep).expect("it is there already");
    let folder = Folder::open(&deep).expect("our own folder");
    assert!(folder.make_sub("sub").expect("our own folder"));
    assert!(!folder.make_sub("sub").expect("our own folder"));
    folder.create("created", b"").expect("our own folder");
    for above in [
        &*deep,
        &path.path().join("a/b"),
        &path.path().join("a"),
        &deep.join("sub"),
    ] {
        let folder = Folder::open(above).expect("our own folder");
        assert!(
            matches!(folder.check_private(), Ok(None)),
            "{}",
            above.display()
        );
        assert_eq!(
            lists::others(above),
            lists::Others::Nothing,
            "{}",
            above.display()
        );
    }
    assert_eq!(
        kind(Folder::make(&deep.join("created/x"))),
        ErrorKind::NotADirectory
    );
    assert_eq!(
        kind(Folder::open(&deep.join("created"))),
        ErrorKind::NotADirectory
    );
}

#[test]
fn a_folder_of_others_is_not_fit() {
    let (path, folder) = folder();
    lists::open_to_everyone(path.path(), false);
    assert_eq!(lists::others(path.path()), lists::Others::Read);
    // What others could only read is closed to them.
    assert!(matches!(folder.check_private(), Ok(None)));
    assert_eq!(lists::others(path.path()), lists::Others::Nothing);
    lists::open_to_everyone(path.path(), true);
    assert!(matches!(
        folder.check_private(),
        Ok(Some(Unfit::WritableByOthers))
    ));
    // But only what is a state folder, or nothing yet.
    fs::write(path.path().join("letter"), "").expect("our own folder");
    lists::open_to_everyone(path.path(), false);
    assert!(matches!(
        folder.check_private(),
        Ok(Some(Unfit::SharedWithOthers))
    ));
    assert_eq!(lists::others(path.path()), lists::Others::Read);
    fs::create_dir(path.path().join("jobs")).expect("our own folder");
    assert!(matches!(folder.check_private(), Ok(None)));
}

#[test]
fn a_name_in_use_stays_whose_it_is() {
    let (_path, folder) = folder();
    for (from, to) in [("new", "old"), ("new-folder", "old-folder")] {
        let make = |name: &str| match name.ends_with("folder") {
            true => folder.make_sub(name).map(drop),
            false => folder.create(name, name.as_bytes()),
        };
        make(from).and_then(|()| make(to)).expect("our own folder");
        assert_eq!(kind(folder.rename_new(from, to)), ErrorKind::AlreadyExists);
        folder.rename_new(from, "free").expect("nobody bears it");
        match to.ends_with("folder") {
            true => folder.remove_sub("free").expect("our own folder"),
            false => folder.remove("free").expect("our own folder"),
        }
    }
    let mut names = folder.names().expect("our own folder");
    names.sort();
    assert_eq!(names, ["old", "old-folder"]);
}

#[test]
fn a_hidden_folder_goes_by_its_hidden_name_alone() {
    let (_path, folder) = folder();
    let names = || folder.names().expect("our own folder");
    assert!(folder.make_sub(".new-x").expect("our own folder"));
    assert!(!folder.make_sub(".new-x").expect("it is there already"));
    assert_eq!(names(), [".new-x"]);
    let sub = folder.sub(".new-x").expect("it goes by that name");
    // Open all the time, as a keeper has its files.
    let mut output = sub.append("output").expect("our own folder");
    sub.create("record", b"1").expect("our own folder");
    assert_eq!(kind(folder.sub("x")), ErrorKind::NotFound);
    assert_eq!(kind(folder.read("x/record", 10)), ErrorKind::NotFound);
    assert_eq!(
        folder
            .read(".new-x/record", 10)
            .expect("it goes by that name"),
        b"1"
    );

    folder.rename_new(".new-x", "x").expect("nobody bears it");
    assert_eq!(names(), ["x"]);
    assert_eq!(
        folder.read("x/record", 10).expect("it goes by that name"),
        b"1"
    );
    assert_eq!(kind(folder.sub(".new-x")), ErrorKind::NotFound);
    sub.replace("record", b"2").expect("it is the same folder");
    assert_eq!(
        folder.read("x/record", 10).expect("it goes by that name"),
        b"2"
    );
    io::Write::write_all(&mut output, b"printed").expect("it is open");
    // Nobody else takes the name, nor hides it.
    assert!(!folder.make_sub(".new-x").expect("our own folder"));
    assert_eq!(names(), ["x"]);
    assert_eq!(
        kind(folder.rename_new(".new-x", "x")),
        ErrorKind::AlreadyExists
    );
    assert_eq!(kind(folder.rename_new(".new-y", "y")), ErrorKind::NotFound);

    folder.rename_new("x", ".new-x").expect("nobody bears it");
    assert_eq!(kind(folder.rename_new("x", ".new-x")), ErrorKind::NotFound);
    assert_eq!(names(), [".new-x"]);
    folder.remove_sub("x").expect("nothing goes by that name");
    assert_eq!(names(), [".new-x"]);
    drop(output);
    folder.remove_sub(".new-x").expect("our own folder");
    folder.remove_sub(".new-x").expect("it is gone already");
    assert!(names().is_empty());
    assert!(folder.make_sub(".new-x").expect("it is free again"));
}

/// One whose maker was killed between the two steps.
#[test]
fn the_mark_of_a_folder_that_was_never_made_can_be_removed() {
    let (path, folder) = folder();
    fs::write(path.path().join(".new-x"), "").expect("our own folder");
    assert_eq!(folder.names().expect("our own folder"), [".new-x"]);
    assert_eq!(kind(folder.sub(".new-x")), ErrorKind::NotFound);
    assert!(!folder.make_sub(".new-x").expect("our own folder"));
    folder.remove_sub(".new-x").expect("our own folder");
    assert!(folder.names().expect("our own folder").is_empty());
}

#[test]
fn any_name_is_the_name_of_a_file() {
    let (_path, folder) = folder();
    let names = [
        r#"a:b*c?"<>|\%"#,
        "%3a",
        "nightly-🌙",
        "dot.",
        "CON",
        "per%cent",
        "%",
    ];
    for name in names {
        folder
            .create(name, name.as_bytes())
            .expect("our own folder");
    }
    let mut found = folder.names().expect("our own folder");
    for name in names {
        assert_eq!(
            folder.read(name, 100).expect("our own file"),
            name.as_bytes(),
            "{name}"
        );
        found.retain(|it| it != name);
    }
    assert!(found.is_empty(), "{found:?}");
    names
        .iter()
        .for_each(|name| folder.remove(name).expect("our own folder"));
    assert!(folder.names().expect("our own folder").is_empty());
}

#[test]
fn a_path_may_be_longer_than_260_characters() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let deep = path
        .path()
        .join("x".repeat(120))
        .join("y".repeat(120))
        .join("z".repeat(120));
    Folder::make(&deep).expect("our own folder");
    let folder = Folder::open(&deep).expect("our own folder");
    assert!(folder.make_sub(".new-job").expect("our own folder"));
    let sub = folder.sub(".new-job").expect("our own folder");
    sub.replace("record", b"1")
        .and_then(|()| sub.replace("record", b"2"))
        .expect("our own folder");
    folder
        .rename_new(".new-job", "job")
        .expect("nobody bears it");
    assert_eq!(folder.read("job/record", 10).expect("our own file"), b"2");
    assert!(matches!(folder.check_private(), Ok(None)));
    folder.remove_sub("job").expect("our own folder");
}

#[test]
fn a_file_is_known_again() {
    let (path, folder) = folder();
    let file = folder.append("file").expect("our own folder");
    assert!(is_same(&folder, "file", &file).expect("it can be looked at"));
    assert!(!is_same(&folder, "missing", &file).expect("it can be looked at"));
    let other = folder.append("other").expect("our own folder");
    assert!(!is_same(&folder, "other", &file).expect("it can be looked at"));
    assert_ne!(
        identity(&other).expect("it is known"),
        identity(&file).expect("it is known")
    );
    fs::hard_link(path.path().join("file"), path.path().join("link")).expect("our own folder");
    assert!(is_same(&folder, "link", &file).expect("it can be looked at"));
}

#[test]
fn a_folder_is_removed_with_what_is_in_it() {
    let (path, folder) = folder();
    fs::create_dir_all(path.path().join("sub/deep/er")).expect("our own folder");
    fs::write(path.path().join("sub/deep/file"), "x").expect("our own folder");
    folder.remove_sub("sub").expect("our own folder");
    folder.remove_sub("sub").expect("it is gone already");
    folder.remove("missing").expect("it was never there");
    assert!(folder.names().expect("our own folder").is_empty());
}

#[test]
fn a_folder_is_removed_while_its_files_are_open() {
    let (path, folder) = folder();
    assert!(folder.make_sub("job").expect("our own folder"));
    let sub = folder.sub("job").expect("our own folder");
    let open = ["lock", "output"].map(|name| sub.append(name).expect("our own folder"));
    folder.remove_sub("job").expect("our own folder");
    assert!(folder.names().expect("our own folder").is_empty());
    assert!(folder.make_sub("job").expect("its name is free"));
    folder.remove_sub("job").expect("our own folder");
    drop(open);
    let left: Vec<_> = fs::read_dir(path.path()).expect("our own folder").collect();
    assert!(left.is_empty(), "{left:?}");
}
