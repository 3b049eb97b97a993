//! How long a job lives: its time, how it is asked to end, and whether it is started again.

use crate::{End, Text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a job has to end politely, unless told otherwise.
const GRACE: Duration = Duration::from_secs(10);
/// The longest pause before the first restart; each failure in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a run must have lasted for the next pause to be a first one again.
const GOOD_RUN: Duration = Duration::from_secs(10);
/// How long what is run after a job's end may take.
const ON_END: Duration = Duration::from_secs(60);

/// How long a job lives, as it was asked for. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Life {
    /// How long after its start it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How long after its end it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_ms: Option<u64>,
    /// The signal by which it is asked to end, by number; SIGTERM if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<i32>,
    /// How long it may take to end after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    /// Whether it is started again when it has ended.
    #[serde(skip_serializing_if = "is_default")]
    pub restart: RestartPolicy,
    /// The ends that count as success; exit code 0 alone if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub success: Vec<Success>,
    /// What its keeper runs once it has ended for good: a line for the shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_end: Option<Text>,
}

/// Whether a job is started again by its keeper when it has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Whenever a run has failed.
    OnFailure {
        /// How many times at most; always if none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u32>,
    },
    /// Whenever a run has ended.
    Always {
        /// How many times at most; always if none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u32>,
    },
}

/// An end that counts as success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Success {
    /// This exit code.
    Code(u32),
    /// This signal, by number.
    Signal(i32),
}

/// How far a job has come since somebody started it: of no more than one keeper's time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Course {
    /// When it is stopped, in milliseconds of the clock that counts while the machine runs
    /// (CLOCK_MONOTONIC, clock_gettime(2)), of the newest run's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_over_ms: Option<u64>,
    /// How many times its keeper has started it again.
    #[serde(skip_serializing_if = "is_default")]
    pub restarts: u32,
    /// How many runs in a row were over too soon.
    #[serde(skip_serializing_if = "is_default")]
    pub short_runs: u32,
    /// When it is started again; none unless it waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Timestamp>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Life {
    /// How long it may take to end when it is asked to.
    pub fn grace(&self) -> Duration {
        self.grace_ms.map_or(GRACE, Duration::from_millis)
    }

    /// How long its keeper may take once the job has ended: for what is run then, if anything is.
    pub fn after_end(&self) -> Duration {
        self.on_end.as_ref().map_or(Duration::ZERO, |_| ON_END)
    }

    /// Whether it is started again after a run, if nobody stops it; `restarts` times it was.
    pub fn goes_on(&self, has_succeeded: bool, restarts: u32) -> bool {
        let max = match self.restart {
            RestartPolicy::No => return false,
            RestartPolicy::OnFailure { .. } if has_succeeded => return false,
            RestartPolicy::OnFailure { max } | RestartPolicy::Always { max } => max,
        };
        max.is_none_or(|max| restarts < max)
    }

    /// Whether an end is one of success.
    pub fn is_success(&self, end: &End) -> bool {
        let end = match *end {
            End::Exited(code) => Success::Code(code),
            End::Signaled(signal) => Success::Signal(signal),
            End::Failed(_) | End::Unknown => return false,
        };
        match self.success.is_empty() {
            true => end == Success::Code(0),
            false => self.success.contains(&end),
        }
    }
}

impl Course {
    /// How long to wait before another run after one that lasted `lasted`: 100 ms, and twice as long
    /// after each run in a row that lasted less than ten seconds, up to a minute; and of that, by
    /// `random`, between the half and the whole, so that jobs that failed together don't come back
    /// together.
    pub fn pause_after(&mut self, lasted: Duration, random: u32) -> Duration {
        if lasted >= GOOD_RUN {
            self.short_runs = 0;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1u32 << self.short_runs.min(16));
        self.short_runs = self.short_runs.saturating_add(1);
        let half = doubled.min(LONGEST_PAUSE) / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_failures_are_tried_again_on_failure() {
        let restart = RestartPolicy::OnFailure { max: Some(2) };
        let plain = Life {
            restart,
            ..Life::default()
        };
        let chosen = Life {
            success: vec![Success::Code(3), Success::Signal(15)],
            ..plain.clone()
        };
        let failed = || End::Failed("it is gone".to_owned());
        let ends = [0, 3].map(End::Exited).into_iter();
        let ends = ends.chain([End::Signaled(15), End::Signaled(9), failed(), End::Unknown]);
        for (end, after, after_chosen) in ends
            .zip([false, true, true, true, true, true])
            .zip([true, false, false, true, true, true])
            .map(|((end, after), chosen)| (end, after, chosen))
        {
            let goes_on = |life: &Life, restarts| life.goes_on(life.is_success(&end), restarts);
            assert_eq!(goes_on(&plain, 1), after, "{end:?}");
            assert_eq!(goes_on(&chosen, 1), after_chosen, "{end:?}");
            assert!(!goes_on(&plain, 2), "{end:?}");
            assert!(!goes_on(&Life::default(), 0));
        }
    }

    #[test]
    fn always_is_always_until_it_was_often_enough() {
        let life = |max| Life {
            restart: RestartPolicy::Always { max },
            ..Life::default()
        };
        assert!(life(None).goes_on(true, u32::MAX));
        assert!(life(Some(1)).goes_on(true, 0));
        assert!(!life(Some(1)).goes_on(false, 1));
        assert!(!life(Some(0)).goes_on(false, 0));
    }

    #[test]
    fn pauses_double_up_to_a_minute_until_a_run_was_good() {
        let mut course = Course::default();
        let mut pause = |seconds, random| {
            let pause = course.pause_after(Duration::from_secs(seconds), random);
            pause.as_millis()
        };
        let longest = [
            100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200,
        ];
        for expected in longest.into_iter().chain([60_000; 30]) {
            assert_eq!(pause(9, u32::MAX), expected);
        }
        assert_eq!(pause(10, u32::MAX), 100);
        assert_eq!(pause(0, 0), 100, "half of the second pause");
        assert_eq!(pause(0, u32::MAX), 400);
    }

    proptest! {
        #[test]
        fn no_pause_is_shorter_than_half_or_longer_than_a_minute(short_runs: u32, random: u32) {
            let mut course = Course { short_runs, ..Course::default() };
            let pause = course.pause_after(Duration::ZERO, random);
            prop_assert!(pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE);
        }

        #[test]
        fn what_was_asked_for_is_read_as_it_was_written(timeout_ms: Option<u64>,
            max: Option<u32>, codes: Vec<u32>) {
            let life = Life {
                timeout_ms,
                restart: RestartPolicy::OnFailure { max },
                success: codes.into_iter().map(Success::Code).collect(),
                ..Life::default()
            };
            let written = serde_json::to_vec(&life).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Life>(&written).unwrap(), life);
        }
    }

    #[test]
    fn what_nobody_asked_for_takes_no_room() {
        assert_eq!(serde_json::to_string(&Life::default()).unwrap(), "{}");
        assert_eq!(serde_json::to_string(&Course::default()).unwrap(), "{}");
    }
}
