//! Files of the state folder.

use crate::common::alone;
use outlive_os::folder::{Folder, Unfit, identity, is_same};
use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
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

#[test]
fn a_replaced_file_is_always_whole() {
    let (_path, folder) = folder();
    // A text says its own length, which differs from one to the next.
    let text = |round: usize| {
        let length = 1 + round * 7919 % 20_000;
        format!("{length:>8}{}", "x".repeat(length)).into_bytes()
    };
    folder.replace("file", &text(0)).expect("our own folder");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut read = 0;
                    while !over.load(Relaxed) {
                        let bytes = folder.read("file", 1 << 20).expect("it is always there");
                        let length = std::str::from_utf8(&bytes[..8]).expect("text").trim();
                        assert_eq!(length.parse(), Ok(bytes.len() - 8));
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
}

/// A small file system of this process's own, over a folder.
fn mount_small(folder: &Path, options: &str) {
    let path = CString::new(folder.to_str().expect("text")).expect("no NUL in it");
    let options = CString::new(options).expect("no NUL in it");
    // SAFETY: strings that end with a NUL.
    let result = unsafe {
        libc::mount(
            c"none".as_ptr(),
            path.as_ptr(),
            c"tmpfs".as_ptr(),
            0,
            options.as_ptr().cast(),
        )
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

#[test]
fn on_a_full_disk_it_is_replaced_in_place() {
    alone!();
    if !outlive_testkit::own_mounts("replacing a file on a full disk") {
        return;
    }
    // Full of bytes, and full of files.
    for options in ["size=64k", "nr_inodes=4"] {
        let (path, _) = folder();
        mount_small(path.path(), options);
        let folder = Folder::open(path.path()).expect("our own folder");
        folder
            .replace("file", &[b'a'; 3000])
            .expect("there is room");
        let identity_before = identity(&folder.file("file").expect("our own file"));
        let mut filler = File::create(path.path().join("filler")).expect("there is room");
        if options.starts_with("size") {
            let full = loop {
                if let Err(error) = filler.write_all(&[b'x'; 4096]) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        } else {
            File::create(path.path().join("another")).expect("there is room");
        }
        assert_eq!(kind(folder.create("more", b"x")), ErrorKind::StorageFull);
        let _ = folder.remove("more");

        for length in [4000, 100, 1, 4096] {
            let bytes = vec![b'b'; length];
            folder
                .replace("file", &bytes)
                .expect("it fits into what is there");
            assert_eq!(
                folder.read("file", 1 << 20).expect("our own file"),
                bytes,
                "{options}"
            );
            let identity_now = identity(&folder.file("file").expect("our own file"));
            assert_eq!(identity_now.ok(), identity_before.as_ref().ok().copied());
            // What was tried first does not lie about.
            assert!(
                !folder
                    .names()
                    .expect("our own folder")
                    .contains(&"file.new".to_owned())
            );
        }
        if options.starts_with("size") {
            let (before, longer) = (folder.read("file", 1 << 20), [b'c'; 9000]);
            assert_eq!(
                kind(folder.replace("file", &longer)),
                ErrorKind::StorageFull
            );
            let after = folder.read("file", 1 << 20);
            assert_eq!(after.expect("our own file"), before.expect("our own file"));
        }
        drop(filler);
        fs::remove_file(path.path().join("filler")).expect("our own file");
        folder
            .replace("file", b"with room again")
            .expect("there is room");
        let identity_now = identity(&folder.file("file").expect("our own file"));
        assert_ne!(identity_now.ok(), identity_before.ok());
    }
}

#[test]
fn no_link_is_followed() {
    let (path, folder) = folder();
    let (elsewhere, other) = self::folder();
    let target = elsewhere.path().join("target");
    fs::write(&target, "precious").expect("our own folder");
    symlink(&target, path.path().join("file")).expect("our own folder");
    symlink(elsewhere.path(), path.path().join("sub")).expect("our own folder");
    symlink(
        elsewhere.path().join("missing"),
        path.path().join("dangling"),
    )
    .expect("our own folder");

    let looped = |result: io::Result<()>| {
        let errno = result.expect_err("it fails").raw_os_error();
        assert!(
            matches!(errno, Some(libc::ELOOP | libc::ENOTDIR)),
            "{errno:?}"
        );
    };
    looped(folder.file("file").map(drop));
    looped(folder.append("file").map(drop));
    looped(folder.read("file", 100).map(drop));
    looped(folder.create("file", b"x"));
    looped(folder.create("dangling", b"x"));
    looped(folder.append("dangling").map(drop));
    looped(folder.sub("sub").map(drop));
    looped(folder.remove_sub("sub"));
    assert_eq!(other.names().expect("our own folder"), ["target"]);

    // A link in the way of what is written first, and at the place of the file itself.
    symlink(&target, path.path().join("file.new")).expect("our own folder");
    looped(folder.replace("file", b"new"));
    folder.remove("file.new").expect("our own folder");
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
    let fifo = CString::new(path.path().join("fifo").to_str().expect("text")).expect("no NUL");
    // SAFETY: a string that ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    assert_eq!(
        folder
            .read("fifo", 100)
            .expect("a fifo without a writer is at its end"),
        b""
    );
    assert!(folder.read(".", 100).is_err());
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
}

#[test]
fn what_is_made_is_private() {
    alone!();
    // SAFETY: exchanges a number.
    unsafe { libc::umask(0) };
    let path = tempfile::tempdir().expect("a folder can be made");
    let deep = path.path().join("a/b/c");
    Folder::make(&deep).expect("our own folder");
    Folder::make(&deep).expect("it is there already");
    let folder = Folder::open(&deep).expect("our own folder");
    assert!(folder.make_sub("sub").expect("our own folder"));
    assert!(!folder.make_sub("sub").expect("our own folder"));
    folder.create("created", b"").expect("our own folder");
    folder.replace("replaced", b"").expect("our own folder");
    folder.append("appended").expect("our own folder");
    let mode = |path: &Path| fs::metadata(path).expect("our own file").mode() & 0o7777;
    for above in [
        &*deep,
        &path.path().join("a/b"),
        &path.path().join("a"),
        &deep.join("sub"),
    ] {
        assert_eq!(mode(above), 0o700, "{}", above.display());
    }
    for file in ["created", "replaced", "appended"] {
        assert_eq!(mode(&deep.join(file)), 0o600, "{file}");
    }
    assert_eq!(
        kind(Folder::make(&deep.join("created/x"))),
        ErrorKind::NotADirectory
    );
}

#[test]
fn a_folder_of_others_is_not_fit() {
    let (path, folder) = folder();
    let set = |mode| fs::set_permissions(path.path(), Permissions::from_mode(mode)).expect("ours");
    assert!(matches!(folder.check_private(), Ok(None)));
    // What others could only read is closed to them.
    set(0o755);
    assert!(matches!(folder.check_private(), Ok(None)));
    assert_eq!(
        fs::metadata(path.path()).expect("our own folder").mode() & 0o777,
        0o700
    );
    for mode in [0o770, 0o702, 0o1777] {
        set(mode);
        assert!(
            matches!(folder.check_private(), Ok(Some(Unfit::WritableByOthers))),
            "{mode:o}"
        );
    }
    // But only what is a state folder, or nothing yet.
    fs::write(path.path().join("letter"), "").expect("our own folder");
    set(0o755);
    assert!(matches!(
        folder.check_private(),
        Ok(Some(Unfit::SharedWithOthers))
    ));
    let mode = fs::metadata(path.path()).expect("our own folder").mode();
    assert_eq!(mode & 0o777, 0o755);
    fs::create_dir(path.path().join("jobs")).expect("our own folder");
    assert!(matches!(folder.check_private(), Ok(None)));
    set(0o700);
    if !outlive_testkit::is_root() {
        outlive_testkit::skipped("a folder of another user", "only root can give one away");
        return;
    }
    std::os::unix::fs::chown(path.path(), Some(65534), None).expect("root may");
    assert!(matches!(
        folder.check_private(),
        Ok(Some(Unfit::OwnedBy(65534)))
    ));
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
fn a_file_is_known_again() {
    let (path, folder) = folder();
    let file = folder.append("file").expect("our own folder");
    assert!(is_same(&folder, "file", &file).expect("it can be looked at"));
    assert!(!is_same(&folder, "missing", &file).expect("it can be looked at"));
    fs::hard_link(path.path().join("file"), path.path().join("link")).expect("our own folder");
    assert!(is_same(&folder, "link", &file).expect("it can be looked at"));
    folder.replace("file", b"").expect("our own folder");
    assert!(!is_same(&folder, "file", &file).expect("it can be looked at"));
}

#[test]
fn a_folder_is_removed_with_what_is_in_it() {
    let (path, folder) = folder();
    fs::create_dir_all(path.path().join("sub/deep/er")).expect("our own folder");
    fs::write(path.path().join("sub/deep/file"), "x").expect("our own folder");
    symlink("/", path.path().join("sub/link")).expect("our own folder");
    folder.remove_sub("sub").expect("our own folder");
    folder.remove_sub("sub").expect("it is gone already");
    folder.remove("missing").expect("it was never there");
    assert!(folder.names().expect("our own folder").is_empty());
}
