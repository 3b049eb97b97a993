//! Times as people say them.

use jiff::Timestamp;
use std::time::Duration;

const UNITS: [(u64, char); 4] = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];

/// From `then` to `now`; nothing if the clock was set back in between.
pub(crate) fn between(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// A duration in its largest unit: `3m`.
pub(crate) fn short(duration: Duration) -> String {
    words(duration, 1)
}

/// A duration in its two largest units: `3m 12s`.
pub(crate) fn long(duration: Duration) -> String {
    words(duration, 2)
}

fn words(duration: Duration, most: usize) -> String {
    let mut rest = duration.as_secs();
    if rest == 0 {
        return if most > 1 && !duration.is_zero() {
            format!("{}ms", duration.as_millis())
        } else {
            "0s".to_owned()
        };
    }
    let first = UNITS
        .iter()
        .position(|&(unit, _)| rest >= unit)
        .unwrap_or(UNITS.len() - 1);
    let mut parts = Vec::with_capacity(most);
    for &(unit, letter) in UNITS[first..].iter().take(most) {
        if rest >= unit {
            parts.push(format!("{}{letter}", rest / unit));
            rest %= unit;
        }
    }
    parts.join(" ")
}

/// A moment as people read it: `2026-01-31 12:00:05 UTC`.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_few_units() {
        for (seconds, one, two) in [
            (0, "0s", "0s"),
            (59, "59s", "59s"),
            (60, "1m", "1m"),
            (192, "3m", "3m 12s"),
            (3_599, "59m", "59m 59s"),
            (3_605, "1h", "1h"),
            (90_000, "1d", "1d 1h"),
            (86_400 * 400, "400d", "400d"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(
                (short(duration).as_str(), long(duration).as_str()),
                (one, two)
            );
        }
        assert_eq!(long(Duration::from_millis(250)), "250ms");
    }

    #[test]
    fn a_clock_set_back_is_no_age() {
        let now = Timestamp::UNIX_EPOCH;
        let later = Timestamp::from_second(60).unwrap();
        assert_eq!(between(now, later), Duration::from_secs(60));
        assert_eq!(between(later, now), Duration::ZERO);
        assert_eq!(moment(now), "1970-01-01 00:00:00 UTC");
    }
}
