//! Many at once.

use crate::common::{Held, Start, as_child, as_orphan, never_began, puppet};
use outlive_os::process::{Exit, Process};
use outlive_os::spawn::Spawn;
use std::sync::atomic::{AtomicU32, Ordering};
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
    let not_begun = AtomicU32::new(0);
    let one = |code: u32, thread: u32| -> Option<Process> {
        let start: Start = match code.is_multiple_of(2) {
            true => as_child,
            false => as_orphan,
        };
        match start(puppet(&["exit", &(1000 * thread + code).to_string()])) {
            Err(error) if never_began(&error) => {
                not_begun.fetch_add(1, Ordering::Relaxed);
                None
            }
            started => Some(started.unwrap_or_else(|error| panic!("{error}: {}", error.cause))),
        }
    };
    let one = &one;
    thread::scope(|scope| {
        let threads = (0..8).map(|thread| {
            scope.spawn(move || {
                for code in 0..8 {
                    let Some(child) = one(code, thread) else {
                        continue;
                    };
                    let exit = child.reap().expect("it can be waited for");
                    assert_eq!(exit, Some(Exit::Code(1000 * thread + code)));
                }
            })
        });
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .for_each(|it| it.join().expect("no panic"));
    });
    let not_begun = not_begun.into_inner();
    println!("{not_begun} of 64 were not let begin by Wine");
    assert!(not_begun < 5, "{not_begun} of 64 did not begin");
}
