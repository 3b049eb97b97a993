//! Many at once.

use crate::common::{Held, as_child, as_orphan, puppet, started};
use outlive_os::process::{Exit, Process};
use outlive_os::spawn::Spawn;
use std::thread;

/// All are there at the same time.
#[test]
fn a_hundred_at_once() {
    let codes = 0..100u32;
    let spawn = |code: u32| Spawn {
        new_session: true,
        ..puppet(&["held", &code.to_string()])
    };
    let held: Vec<Held> = codes
        .clone()
        .map(|code| Held::start(spawn(code), as_child))
        .collect();
    for (code, held) in codes.zip(held) {
        assert_eq!(held.end(), Some(Exit::Code(code)));
    }
}

#[test]
fn children_of_8_threads() {
    let one = |code: u32, thread: u32| -> Process {
        let start = if code.is_multiple_of(2) {
            as_child
        } else {
            as_orphan
        };
        started(
            puppet(&["exit", &(1000 * thread + code).to_string()]),
            start,
        )
    };
    thread::scope(|scope| {
        let threads = (0..8).map(|thread| {
            scope.spawn(move || {
                for code in 0..8 {
                    let exit = one(code, thread).reap().expect("it can be waited for");
                    assert_eq!(exit, Some(Exit::Code(1000 * thread + code)));
                }
            })
        });
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .for_each(|it| it.join().expect("no panic"));
    });
}
