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
    /// Its time is over.
    Killing,
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
    /// Somebody asks for the job to stop.
    StopAsked,
    /// The time to end politely is over.
    GraceOver,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write down how it ended, and tell those who wait.
    RecordEnd,
    /// Ask every process of the tree to end, and give them time.
    Ask,
    /// Ask those that were not there when all were asked.
    AskNew,
    /// Let the time to end politely be the one that was asked for now.
    NewGrace,
    /// End every process of the tree.
    Kill,
}

/// What the job's owner chose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) until: Until,
    pub(crate) leftover: Leftover,
}

/// The next phase and what is to be done on the way there.
pub(crate) fn next(phase: Phase, event: Event, choice: Choice) -> (Phase, &'static [Action]) {
    use Action::{Ask, AskNew, Kill, NewGrace, RecordEnd};
    use Event::{GraceOver, MainEnded, OtherEnded, StopAsked, TreeEmpty};
    use Phase::{Done, Killing, Running, Stopping, Trailing};
    let until_main = choice.until == Until::Main;
    match (phase, event) {
        // A tree is found empty only after its main process has ended.
        (Running, MainEnded) if !until_main => (Trailing, &[]),
        (Running, MainEnded) if choice.leftover == Leftover::Leave => (Done, &[RecordEnd]),
        (Running, MainEnded) => (Stopping, &[RecordEnd, Ask]),
        (Running | Trailing, StopAsked) => (Stopping, &[Ask]),

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

        _ => (phase, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{Ask, AskNew, Kill, NewGrace, RecordEnd};
    use Event::{GraceOver, MainEnded, OtherEnded, StopAsked, TreeEmpty};

    const DEFAULT: Choice = Choice {
        until: Until::Main,
        leftover: Leftover::Stop,
    };

    fn play(choice: Choice, events: &[Event]) -> (Phase, Vec<Action>) {
        events
            .iter()
            .fold((Phase::Running, Vec::new()), |(phase, mut done), event| {
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
    fn the_end_is_recorded_exactly_once_on_every_way() {
        // Every way of up to six events that can happen: main ends once, empty comes after it.
        let all = [MainEnded, OtherEnded, TreeEmpty, StopAsked, GraceOver];
        for until in [Until::Main, Until::Tree] {
            for leftover in [Leftover::Stop, Leftover::Leave] {
                for way in 0..5usize.pow(6) {
                    let events: Vec<_> = (0..6).map(|i| all[way / 5usize.pow(i) % 5]).collect();
                    let main = events.iter().position(|it| *it == MainEnded);
                    let empty = events.iter().position(|it| *it == TreeEmpty);
                    let once = events.iter().filter(|it| **it == MainEnded).count() == 1;
                    if !once || empty.is_some_and(|empty| main.is_none_or(|main| empty < main)) {
                        continue;
                    }
                    let (phase, done) = play(Choice { until, leftover }, &events);
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
