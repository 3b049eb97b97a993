//! What is done on each event in each phase: a table, so that it can be read and tested whole.

use outlive_record::{Leftover, Until};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its main process runs.
    Running,
    /// Its main process has ended, but its end is that of its tree.
    Trailing,
    /// It was asked to end and has time to.
    Stopping,
    /// Its time to end politely is over.
    Killing,
    /// Its run does not do what it has to, and was asked to end: another one may follow.
    Aborting,
    /// The same, and the time for that is over.
    Felling,
    /// It is to be started again, and what its last run has left was asked to end.
    Clearing,
    /// The same, and the time for that is over.
    Sweeping,
    /// Nothing of its last run is left, and the time for the next one has not come.
    Pausing,
    /// It has ended, and what is to be run after that runs.
    Concluding,
    /// Nothing is left to be done.
    Done,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The main process has ended.
    MainEnded,
    /// Some other process of the tree has ended, and others are left.
    OtherEnded,
    /// No process of the tree is left.
    TreeEmpty,
    /// Somebody asks for the job to stop, or the time that it may run is over.
    StopAsked,
    /// It is not ready in time, or does not tell that it lives.
    GivenUp,
    /// The time to end politely is over, or that of what is run after its end.
    GraceOver,
    /// The time for the next run has come.
    PauseOver,
    /// The next run could not be started.
    NotStarted,
    /// What is run after its end has ended.
    Concluded,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write down how it ended, and tell those who wait.
    RecordEnd,
    /// Write down how a run of it ended, and when the next one is.
    RecordRun,
    /// Start it again.
    Start,
    /// Ask every process of the tree to end, and give them time.
    Ask,
    /// Ask those that were not there when all were asked.
    AskNew,
    /// Let the time to end politely be the one that was asked for now.
    NewGrace,
    /// End every process of the tree.
    Kill,
    /// End what is run after its end.
    CutShort,
}

/// What the job's owner chose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) until: Until,
    pub(crate) leftover: Leftover,
    /// Whether it would be started again after the run that has just ended. What is left of a run
    /// is stopped then, whatever was chosen.
    pub(crate) again: bool,
}

/// The next phase and what is to be done on the way there.
pub(crate) fn next(phase: Phase, event: Event, choice: Choice) -> (Phase, &'static [Action]) {
    use Action::{Ask, AskNew, CutShort, Kill, NewGrace, RecordEnd, RecordRun, Start};
    use Event::{Concluded, GivenUp, GraceOver, MainEnded, NotStarted, OtherEnded, PauseOver};
    use Event::{StopAsked, TreeEmpty};
    use Phase::{Aborting, Clearing, Concluding, Done, Felling, Killing, Pausing, Running};
    use Phase::{Stopping, Sweeping, Trailing};
    let until_main = choice.until == Until::Main;
    match (phase, event) {
        // A tree is found empty only after its main process has ended.
        (Running, MainEnded) if !until_main => (Trailing, &[]),
        (Running, MainEnded) if choice.again => (Clearing, &[RecordRun, Ask]),
        (Running, MainEnded) if choice.leftover == Leftover::Leave => (Done, &[RecordEnd]),
        (Running, MainEnded) => (Stopping, &[RecordEnd, Ask]),
        (Running | Trailing, StopAsked) => (Stopping, &[Ask]),

        (Running | Trailing, GivenUp) => (Aborting, &[Ask]),
        (Aborting, MainEnded) if until_main && choice.again => (Clearing, &[RecordRun, AskNew]),
        (Aborting, MainEnded) if until_main => (Stopping, &[RecordEnd, AskNew]),
        (Aborting, MainEnded | OtherEnded) => (Aborting, &[AskNew]),
        (Aborting, GraceOver) => (Felling, &[Kill]),
        (Aborting, StopAsked) => (Stopping, &[NewGrace]),
        (Felling, MainEnded) if until_main && choice.again => (Sweeping, &[RecordRun]),
        (Felling, MainEnded) if until_main => (Killing, &[RecordEnd]),
        (Felling, OtherEnded) => (Felling, &[Kill]),
        (Felling, StopAsked) => (Killing, &[]),
        (Aborting | Felling, TreeEmpty) if choice.again => (Pausing, &[RecordRun]),
        (Aborting | Felling, TreeEmpty) => (Done, &[RecordEnd]),

        (Running, NotStarted) if choice.again => (Pausing, &[RecordRun]),
        (Running, NotStarted) => (Done, &[RecordEnd]),

        (Trailing, TreeEmpty) if choice.again => (Pausing, &[RecordRun]),
        (Trailing, TreeEmpty) => (Done, &[RecordEnd]),

        // What was forked while the others were asked may be left alone by them.
        (Stopping, MainEnded) if until_main => (Stopping, &[RecordEnd, AskNew]),
        (Stopping, MainEnded | OtherEnded) => (Stopping, &[AskNew]),
        (Killing, MainEnded) if until_main => (Killing, &[RecordEnd]),
        (Stopping | Killing, TreeEmpty) if until_main => (Done, &[]),
        (Stopping | Killing, TreeEmpty) => (Done, &[RecordEnd]),
        (Stopping, StopAsked) => (Stopping, &[NewGrace]),
        (Stopping, GraceOver) => (Killing, &[Kill]),

        // What was forked while we killed becomes our child when its parent ends.
        (Killing, OtherEnded) => (Killing, &[Kill]),

        (Clearing, OtherEnded) => (Clearing, &[AskNew]),
        (Clearing, GraceOver) => (Sweeping, &[Kill]),
        (Sweeping, OtherEnded) => (Sweeping, &[Kill]),
        (Clearing | Sweeping, TreeEmpty) => (Pausing, &[]),
        (Pausing, PauseOver) => (Running, &[Start]),
        // Nobody has been told of an end yet, and now there is one.
        (Clearing, StopAsked) => (Stopping, &[RecordEnd, NewGrace]),
        (Sweeping, StopAsked) => (Killing, &[RecordEnd]),
        (Pausing, StopAsked) => (Done, &[RecordEnd]),

        // The keeper begins to conclude where it would be done and something is to be run.
        (Concluding, Concluded) => (Done, &[]),
        (Concluding, StopAsked | GraceOver) => (Done, &[CutShort]),

        _ => (phase, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{Ask, AskNew, CutShort, Kill, NewGrace, RecordEnd, RecordRun, Start};
    use Event::{Concluded, GivenUp, GraceOver, MainEnded, NotStarted, OtherEnded, PauseOver};
    use Event::{StopAsked, TreeEmpty};

    const DEFAULT: Choice = Choice {
        until: Until::Main,
        leftover: Leftover::Stop,
        again: false,
    };
    const AGAIN: Choice = Choice {
        again: true,
        ..DEFAULT
    };

    fn play(choice: Choice, events: &[Event]) -> (Phase, Vec<Action>) {
        play_from(Phase::Running, choice, events)
    }

    fn play_from(phase: Phase, choice: Choice, events: &[Event]) -> (Phase, Vec<Action>) {
        let start = (phase, Vec::new());
        events.iter().fold(start, |(phase, mut done), event| {
            let (phase, actions) = next(phase, *event, choice);
            done.extend_from_slice(actions);
            (phase, done)
        })
    }

    #[test]
    fn a_job_that_ends_alone_is_recorded_at_once() {
        assert_eq!(
            play(DEFAULT, &[MainEnded]),
            (Phase::Stopping, vec![RecordEnd, Ask])
        );
        assert_eq!(
            play(DEFAULT, &[MainEnded, TreeEmpty]),
            (Phase::Done, vec![RecordEnd, Ask])
        );
    }

    #[test]
    fn what_main_leaves_is_stopped_by_force_if_need_be() {
        let (phase, done) = play(
            DEFAULT,
            &[MainEnded, OtherEnded, GraceOver, OtherEnded, TreeEmpty],
        );
        assert_eq!(
            (phase, done),
            (Phase::Done, vec![RecordEnd, Ask, AskNew, Kill, Kill])
        );
    }

    #[test]
    fn what_main_leaves_can_be_left() {
        let choice = Choice {
            leftover: Leftover::Leave,
            ..DEFAULT
        };
        assert_eq!(play(choice, &[MainEnded]), (Phase::Done, vec![RecordEnd]));
        // Asked to stop, it is stopped whole all the same.
        let (phase, done) = play(choice, &[StopAsked, MainEnded, GraceOver, TreeEmpty]);
        assert_eq!(
            (phase, done),
            (Phase::Done, vec![Ask, RecordEnd, AskNew, Kill])
        );
    }

    #[test]
    fn a_tree_can_be_waited_for() {
        let choice = Choice {
            until: Until::Tree,
            ..DEFAULT
        };
        assert_eq!(
            play(choice, &[MainEnded, OtherEnded]),
            (Phase::Trailing, vec![])
        );
        assert_eq!(
            play(choice, &[MainEnded, TreeEmpty]),
            (Phase::Done, vec![RecordEnd])
        );
        let (phase, done) = play(choice, &[MainEnded, StopAsked, GraceOver, TreeEmpty]);
        assert_eq!((phase, done), (Phase::Done, vec![Ask, Kill, RecordEnd]));
    }

    #[test]
    fn a_second_stop_changes_the_time_alone() {
        let (phase, done) = play(DEFAULT, &[StopAsked, StopAsked]);
        assert_eq!((phase, done), (Phase::Stopping, vec![Ask, NewGrace]));
        assert_eq!(
            play(DEFAULT, &[StopAsked, GraceOver, StopAsked]).1,
            vec![Ask, Kill]
        );
    }

    #[test]
    fn another_run_follows_when_nothing_of_the_last_is_left() {
        assert_eq!(
            play(AGAIN, &[MainEnded, TreeEmpty, PauseOver]),
            (Phase::Running, vec![RecordRun, Ask, Start])
        );
        let (phase, done) = play(
            AGAIN,
            &[MainEnded, OtherEnded, GraceOver, PauseOver, OtherEnded],
        );
        let cleared = vec![RecordRun, Ask, AskNew, Kill, Kill];
        assert_eq!((phase, done), (Phase::Sweeping, cleared));
        let choice = Choice {
            until: Until::Tree,
            ..AGAIN
        };
        assert_eq!(
            play(choice, &[MainEnded, TreeEmpty, PauseOver]),
            (Phase::Running, vec![RecordRun, Start])
        );
    }

    #[test]
    fn a_run_that_is_given_up_is_followed_by_another_one() {
        let tree = Choice {
            until: Until::Tree,
            ..AGAIN
        };
        for choice in [AGAIN, tree] {
            let (phase, done) = play(choice, &[GivenUp, MainEnded, TreeEmpty, PauseOver]);
            let starts = done.ends_with(&[Start]) && done.contains(&RecordRun);
            assert!(phase == Phase::Running && starts, "{done:?}");
            let (phase, done) = play(choice, &[GivenUp, GraceOver, MainEnded, TreeEmpty]);
            assert_eq!((phase, done), (Phase::Pausing, vec![Ask, Kill, RecordRun]));
            let (phase, _) = play(choice, &[GivenUp, StopAsked, MainEnded, TreeEmpty]);
            assert_eq!(phase, Phase::Done);
        }
        let (phase, done) = play(DEFAULT, &[GivenUp, MainEnded, GraceOver, TreeEmpty]);
        let ended = vec![Ask, RecordEnd, AskNew, Kill];
        assert_eq!((phase, done), (Phase::Done, ended));
    }

    #[test]
    fn what_runs_after_the_end_ends_or_is_ended() {
        let concluding = |event| play_from(Phase::Concluding, DEFAULT, &[event]);
        assert_eq!(concluding(Concluded), (Phase::Done, vec![]));
        for event in [StopAsked, GraceOver] {
            assert_eq!(concluding(event), (Phase::Done, vec![CutShort]));
        }
    }

    #[test]
    fn a_run_that_can_not_be_started_is_one() {
        assert_eq!(
            play(AGAIN, &[NotStarted, PauseOver]),
            (Phase::Running, vec![RecordRun, Start])
        );
        assert_eq!(play(DEFAULT, &[NotStarted]), (Phase::Done, vec![RecordEnd]));
    }

    #[test]
    fn a_stop_between_two_runs_is_the_end() {
        for (before, then, done) in [
            (&[MainEnded][..], Phase::Stopping, vec![RecordEnd, NewGrace]),
            (&[MainEnded, GraceOver], Phase::Killing, vec![RecordEnd]),
            (&[MainEnded, TreeEmpty], Phase::Done, vec![RecordEnd]),
        ] {
            let (phase, _) = play(AGAIN, before);
            assert_eq!(play_from(phase, AGAIN, &[StopAsked]), (then, done));
        }
    }

    /// Every way of six events that can happen: main ends once in each run and empty comes after it,
    /// a pause is over while there is one, and a start fails at once or not at all.
    fn each_way(until: Until, mut see: impl FnMut(&[Event], Phase, &[Action])) {
        let choice = Choice { until, ..AGAIN };
        let all = [
            MainEnded, OtherEnded, TreeEmpty, StopAsked, GivenUp, GraceOver, PauseOver, NotStarted,
        ];
        for way in 0..all.len().pow(6) {
            let event = |i| all[way / all.len().pow(i) % all.len()];
            let events: Vec<_> = (0..6).map(event).collect();
            let (mut phase, mut done) = (Phase::Running, Vec::new());
            let (mut main_runs, mut just_started) = (true, false);
            let can_happen = events.iter().all(|event| {
                let can = match event {
                    MainEnded => main_runs,
                    TreeEmpty => !main_runs,
                    PauseOver => phase == Phase::Pausing,
                    NotStarted => just_started,
                    _ => true,
                };
                let (next, actions) = next(phase, *event, choice);
                phase = next;
                done.extend_from_slice(actions);
                just_started = actions.contains(&Start);
                main_runs = just_started || (main_runs && !matches!(event, MainEnded | NotStarted));
                can
            });
            if can_happen {
                see(&events, phase, &done);
            }
        }
    }

    #[test]
    fn no_way_leads_from_a_stop_to_another_run() {
        for until in [Until::Main, Until::Tree] {
            each_way(until, |events, _, done| {
                let stop = events.iter().position(|it| *it == StopAsked);
                let later = stop.map_or(&[][..], |stop| &events[stop..]);
                let starts = later.iter().filter(|it| **it == PauseOver).count();
                assert_eq!(starts, 0, "{events:?}: {done:?}");
            });
        }
    }

    #[test]
    fn every_run_is_recorded_once_and_so_is_the_end() {
        for until in [Until::Main, Until::Tree] {
            each_way(until, |events, phase, done| {
                let count = |one| done.iter().filter(|it| **it == one).count();
                let (starts, runs, ends) = (count(Start), count(RecordRun), count(RecordEnd));
                // What was recorded as a run and then stopped is recorded as the end, too.
                assert!(runs == starts || runs == starts + 1, "{events:?}: {done:?}");
                assert!(ends <= 1, "{events:?}: {done:?}");
                assert!(phase != Phase::Done || ends == 1, "{events:?}: {done:?}");
                if phase == Phase::Pausing {
                    assert_eq!((runs, ends), (starts + 1, 0), "{events:?}: {done:?}");
                }
            });
        }
    }

    #[test]
    fn the_end_is_recorded_exactly_once_on_every_way() {
        // Every way of up to six events that can happen: main ends once, empty comes after it.
        let all = [
            MainEnded, OtherEnded, TreeEmpty, StopAsked, GivenUp, GraceOver,
        ];
        for until in [Until::Main, Until::Tree] {
            for leftover in [Leftover::Stop, Leftover::Leave] {
                for way in 0..all.len().pow(6) {
                    let events: Vec<_> = (0..6)
                        .map(|i| all[way / all.len().pow(i) % all.len()])
                        .collect();
                    let main = events.iter().position(|it| *it == MainEnded);
                    let empty = events.iter().position(|it| *it == TreeEmpty);
                    let once = events.iter().filter(|it| **it == MainEnded).count() == 1;
                    if !once || empty.is_some_and(|empty| main.is_none_or(|main| empty < main)) {
                        continue;
                    }
                    let choice = Choice {
                        until,
                        leftover,
                        again: false,
                    };
                    let (phase, done) = play(choice, &events);
                    let records = done.iter().filter(|it| **it == RecordEnd).count();
                    let ended = until == Until::Main || phase == Phase::Done;
                    assert_eq!(records, usize::from(ended), "{events:?}");
                    if empty.is_some() {
                        assert_eq!(phase, Phase::Done, "{events:?}");
                    }
                }
            }
        }
    }
}
