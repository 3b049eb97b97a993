//! News of a folder's entries: the same on every kernel.

use outlive_os::changes::Changes;
use outlive_os::{AsDescriptor, events};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn entry(folder: &Path, name: &str) {
    fs::create_dir(folder.join(name)).expect("our own folder");
    for file in ["record", "output"] {
        fs::write(folder.join(name).join(file), "at first").expect("our own folder");
    }
}

/// Waits until this entry is told of; the others that were told of by then.
#[track_caller]
fn told(changes: &mut Changes, name: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    loop {
        let ready = events::wait(&[changes.as_fd()], None).expect("it can be waited for");
        assert_eq!(ready, [0]);
        let changed = changes.take().expect("it can be taken");
        assert!(!changed.all, "so few have room");
        let names = changed.names.iter();
        all.extend(names.map(|name| name.to_str().expect("our own names").to_owned()));
        if all.remove(name) {
            return all;
        }
    }
}

/// Forgets what has been told so far: of `last`, which is touched to mark the end of it.
fn forget(changes: &mut Changes, folder: &Path, last: &str) {
    fs::write(folder.join(last), "").expect("our own folder");
    told(changes, last);
}

#[test]
fn an_entry_that_comes_or_goes_is_told_of() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let folder = folder.path();
    entry(folder, "there");
    let mut changes = Changes::new(folder, "record").expect("it can be watched");
    let now = events::wait(&[changes.as_fd()], Some(Duration::ZERO)).expect("it can be asked");
    assert_eq!(now, [0_usize; 0], "what was there is no news");

    fs::create_dir(folder.join(".new-a")).expect("our own folder");
    told(&mut changes, ".new-a");
    fs::rename(folder.join(".new-a"), folder.join("a")).expect("our own folder");
    told(&mut changes, "a");
    forget(&mut changes, folder, "first");
    fs::remove_dir(folder.join("a")).expect("our own folder");
    assert_eq!(told(&mut changes, "a"), BTreeSet::new());
}

#[test]
fn of_an_entry_only_the_file_named_is_told_of() {
    if crate::common::is_wine() {
        println!(
            "SKIPPED: news of files in folders below: Wine tells none of folders that were there"
        );
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let folder = folder.path();
    for name in ["a", "b", "c"] {
        entry(folder, name);
    }
    let mut changes = Changes::new(folder, "record").expect("it can be watched");
    for name in ["a", "b", "c", "not there"] {
        changes.watch(name).expect("it can be watched");
    }
    for round in ["once", "again"] {
        fs::write(folder.join("a/output"), round).expect("our own folder");
        fs::write(folder.join("b/record"), round).expect("our own folder");
        assert_eq!(told(&mut changes, "b"), BTreeSet::new());
        fs::write(folder.join("c/new"), round).expect("our own folder");
        fs::rename(folder.join("c/new"), folder.join("c/record")).expect("our own folder");
        let others = told(&mut changes, "c");
        assert!(!others.contains("a"), "{others:?}");
        // A file that was replaced is watched anew.
        changes.watch("c").expect("it can be watched");
        forget(&mut changes, folder, round);
    }
}
