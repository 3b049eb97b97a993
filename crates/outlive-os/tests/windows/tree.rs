//! A job's processes, as their keeper holds them.

use crate::common::{Held, as_child, puppet};
use outlive_os::cgroup::Cgroup;
use outlive_os::process::{Exit, Process};
use outlive_os::spawn::Spawn;
use outlive_os::tree::Tree;
use outlive_os::{AsDescriptor, Marks, News, Reaped, events, signal};

fn marks() -> Marks {
    Marks {
        variable: "OUTLIVE_JOB",
        id: "test".to_owned(),
        keeper: "OUTLIVE_KEEPER",
    }
}

fn job() -> [Cgroup; 1] {
    [Cgroup::make(&crate::job::name(), true).expect("it can be made")]
}

/// Waits until something has ended, and reaps until there is nothing more to be reaped.
fn told(tree: &mut Tree) -> Vec<Reaped> {
    loop {
        events::wait(&[tree.as_fd()], None).expect("it can be waited for");
        if tree.news().expect("it can be asked") == Some(News::Ended) {
            break;
        }
    }
    let mut all = Vec::new();
    loop {
        all.push(tree.reap().expect("it can be asked"));
        if matches!(all.last(), Some(Reaped::NoneEnded | Reaped::NoneLeft)) {
            return all;
        }
    }
}

/// Waits until nothing is left.
fn empty(tree: &mut Tree) {
    while !tree.is_empty().expect("it can be asked") {
        told(tree);
    }
}

#[test]
fn the_main_processes_end_is_told_and_then_that_nothing_is_left() {
    for job in [&job()[..], &[]] {
        let mut tree = Tree::new(marks(), job, false).expect("it can be made");
        let spawn = Spawn {
            cgroups: job,
            ..puppet(&["held", "7"])
        };
        let held = Held::start(spawn, as_child);
        tree.begin(&held.process);
        assert!(!tree.is_empty().expect("it can be asked"));
        assert_eq!(tree.reap().expect("it can be asked"), Reaped::NoneEnded);
        held.end();
        let mut main = None;
        while main.is_none() {
            main = told(&mut tree)
                .into_iter()
                .find(|it| matches!(it, Reaped::Main(_)));
        }
        assert_eq!(main, Some(Reaped::Main(Some(Exit::Code(7)))));
        empty(&mut tree);
        assert_eq!(tree.reap().expect("it can be asked"), Reaped::NoneLeft);
    }
}

#[test]
fn what_the_main_process_leaves_behind_is_of_the_tree() {
    let job = job();
    let mut tree = Tree::new(marks(), &job, false).expect("it can be made");
    let (read, input) = events::pipe().expect("a pipe can be made");
    let spawn = Spawn {
        cgroups: &job,
        descriptors: vec![(read.as_fd(), 3)],
        ..puppet(&["start", "inherit", "held", "5"])
    };
    let held = Held::start(spawn, as_child);
    drop(read);
    let child: i32 = held.line.parse().expect("it says its child's id");
    let child = Process::open(child).expect("it lives");
    tree.begin(&held.process);
    held.end();
    while !told(&mut tree).contains(&Reaped::Main(Some(Exit::Code(0)))) {}
    assert!(!tree.is_empty().expect("it can be asked"));
    assert_eq!(tree.reap().expect("it can be asked"), Reaped::NoneEnded);
    drop(input);
    empty(&mut tree);
    assert_eq!(
        child.reap().expect("it can be waited for"),
        Some(Exit::Code(5))
    );
}

#[test]
fn all_of_it_is_killed_at_once() {
    for signal in [None, Some(signal::KILL)] {
        let job = job();
        let mut tree = Tree::new(marks(), &job, false).expect("it can be made");
        let spawn = Spawn {
            cgroups: &job,
            ..puppet(&["start", "inherit", "start", "inherit", "held"])
        };
        let held = Held::start(spawn, as_child);
        tree.begin(&held.process);
        match signal {
            None => tree.kill().expect("it can be killed"),
            Some(signal) => tree.signal_all(signal).expect("it can be killed"),
        }
        empty(&mut tree);
        assert_eq!(held.end(), Some(Exit::Code(1)));
    }
}

#[test]
fn without_a_job_object_its_descendants_are_killed() {
    let mut tree = Tree::new(marks(), &[], false).expect("it can be made");
    let (read, _input) = events::pipe().expect("a pipe can be made");
    let spawn = Spawn {
        descriptors: vec![(read.as_fd(), 3)],
        ..puppet(&["start", "inherit", "held"])
    };
    let held = Held::start(spawn, as_child);
    let child = Process::open(held.line.parse().expect("its child's id")).expect("it lives");
    tree.begin(&held.process);
    tree.kill().expect("it can be killed");
    assert_eq!(
        child.reap().expect("it can be waited for"),
        Some(Exit::Code(1))
    );
    empty(&mut tree);
}

#[test]
fn asking_harms_nobody_who_can_not_be_asked() {
    let job = job();
    let mut tree = Tree::new(marks(), &job, false).expect("it can be made");
    let spawn = Spawn {
        cgroups: &job,
        new_session: true,
        ..puppet(&["held"])
    };
    let held = Held::start(spawn, as_child);
    tree.begin(&held.process);
    for _ in 0..2 {
        tree.ask(signal::TERM).expect("it can be tried");
    }
    held.end();
    empty(&mut tree);
}
