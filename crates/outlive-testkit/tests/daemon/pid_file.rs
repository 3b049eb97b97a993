//! Pid files: one daemon at a time, and nobody who is only remembered.

use crate::{option, path, run, start, words};
use outlive_testkit::{Home, Pidfd, Puppet, Running};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

#[test]
fn a_second_one_fails_and_names_the_first() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let mut first = start(&home, &[&pid_file]);
    let second = run(&home, &Puppet::new(&home), &[&pid_file]);
    assert_eq!(second.code, 1, "{second}");
    let errors = second.errors();
    assert!(
        errors.contains(&format!("process {} is", first.pid())),
        "{second}"
    );
    assert!(errors.contains(&path(&home, "pid")), "{second}");
    // It has harmed nothing.
    let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
    assert_eq!(text.trim(), first.pid().to_string());
    first.does("say hello");
    // Once the first has gone there may be another one.
    crate::ends(first);
    start(&home, &[&pid_file]);
}

#[test]
fn of_many_at_once_one_is_ready() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let puppets: Vec<Puppet> = (0..8).map(|_| Puppet::new(&home)).collect();
    let start = |puppet| Running::start(&mut home.command(words(puppet, &[&pid_file])));
    let starters: Vec<Running> = puppets.iter().map(start).collect();
    let said: Vec<_> = starters.into_iter().map(Running::finish).collect();
    let ready: Vec<_> = said
        .iter()
        .zip(puppets)
        .filter(|(it, _)| it.code == 0)
        .collect();
    assert_eq!(ready.len(), 1, "{} are ready", ready.len());
    for other in said.iter().filter(|it| it.code != 0) {
        assert_eq!(other.code, 1, "{other}");
        assert!(
            other.errors().contains("the daemon of the pid file"),
            "{other}"
        );
    }
    let (_, mut puppet) = ready.into_iter().next().expect("one");
    let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
    assert_eq!(text, format!("{}\n", puppet.ready()));
}

#[test]
fn what_a_killed_one_left_is_known_by_its_free_lock() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let first = start(&home, &[&pid_file]);
    Pidfd::of(first.pid()).expect("it lives").kill();
    let text = fs::read_to_string(path(&home, "pid")).expect("it is left");
    assert_eq!(text.trim(), first.pid().to_string());
    let second = start(&home, &[&pid_file]);
    let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
    assert_eq!(text.trim(), second.pid().to_string());
}

#[test]
fn a_number_of_somebody_who_lives_is_no_obstacle() {
    let home = Home::new();
    fs::write(path(&home, "pid"), format!("{}\n", std::process::id())).expect("our own folder");
    let puppet = start(&home, &[&option("pid-file", &home, "pid")]);
    let text = fs::read_to_string(path(&home, "pid")).expect("it is there");
    assert_eq!(text.trim(), puppet.pid().to_string());
}

#[test]
fn readers_find_a_file_that_others_may_read_and_not_write() {
    let home = Home::new();
    let _puppet = start(&home, &[&option("pid-file", &home, "pid")]);
    let found = fs::metadata(path(&home, "pid")).expect("it is there");
    assert_eq!(found.mode() & 0o777, 0o644);
    let left = fs::read_dir(home.folder()).expect("our own folder");
    let names = left.map(|entry| entry.expect("an entry").file_name());
    assert!(
        !names
            .into_iter()
            .any(|name| name.to_string_lossy().ends_with(".new"))
    );
}

#[test]
fn the_programs_that_it_starts_hold_no_lock() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let mut first = start(&home, &[&pid_file]);
    let file = path(&home, "child");
    let ended = first.ask(&format!("shell sleep 86399 >/dev/null & echo $! >{file}"));
    assert_eq!(ended, "ended with Some(0)");
    let text = fs::read_to_string(&file).expect("it was written");
    let child = Pidfd::of(text.trim().parse().expect("a pid")).expect("it lives");
    Pidfd::of(first.pid()).expect("it lives").kill();
    assert!(child.lives());
    start(&home, &[&pid_file]);
    child.kill();
}

#[test]
fn a_link_and_a_folder_are_refused() {
    let home = Home::new();
    fs::write(path(&home, "precious"), b"data").expect("our own folder");
    symlink("precious", home.folder().join("link")).expect("our own folder");
    fs::create_dir(path(&home, "folder")).expect("our own folder");
    for name in ["link", "folder", "no-such-folder/pid"] {
        let said = run(
            &home,
            &Puppet::new(&home),
            &[&option("pid-file", &home, name)],
        );
        assert_eq!(said.code, 1, "{said}");
        assert!(
            said.errors().contains("failed to take the pid file"),
            "{said}"
        );
    }
    let kept = fs::read(path(&home, "precious")).expect("it is there");
    assert_eq!(kept, b"data");
}

#[test]
fn one_that_could_not_start_leaves_none() {
    let home = Home::new();
    let pid_file = option("pid-file", &home, "pid");
    let said = run(&home, &Puppet::new(&home), &[&pid_file, "then=exit:3"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(!fs::exists(path(&home, "pid")).expect("our own folder"));
}
