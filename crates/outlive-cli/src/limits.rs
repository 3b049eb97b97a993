//! What a job may use: `run --memory 2G --cpus 1.5`, and what is said of it.

use crate::age;
use crate::parse;
use clap::ValueEnum;
use outlive::{Limits, Usage};
use std::time::Duration;

/// Under which these options are listed.
const HEADING: &str = "What it may use";

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// How much memory it may take, swap included: 500M, 2G (K, M, G and T are powers of 1024). What
    /// needs more is ended by the kernel, which `show` and `wait` then say
    #[arg(long, help_heading = HEADING, value_name = "SIZE",
        value_parser = parse::memory, allow_hyphen_values = true)]
    memory: Option<u64>,

    /// How much processor time it may take, in processors: 0.5, 2
    #[arg(long, help_heading = HEADING, value_name = "N",
        value_parser = parse::thousandths, allow_hyphen_values = true)]
    cpus: Option<u32>,

    /// How many processes and threads it may have
    #[arg(long, help_heading = HEADING, value_name = "N",
        value_parser = parse::whole::<u32>("from 1 on"), allow_hyphen_values = true)]
    tasks: Option<u32>,

    /// Its share of input and output where others want some, too: 1 to 10000, others have 100
    #[arg(long, help_heading = HEADING, value_name = "N",
        value_parser = parse::whole::<u16>("from 1 to 10000"), allow_hyphen_values = true)]
    io_weight: Option<u16>,

    /// Its niceness: -20 to 19
    #[arg(long, help_heading = HEADING, value_name = "N",
        value_parser = parse::whole::<i32>("from -20 to 19"), allow_hyphen_values = true)]
    nice: Option<i32>,

    /// Whether it is started at all where not all of that can be had
    #[arg(long, help_heading = HEADING, value_name = "HOW", value_enum, default_value_t)]
    limits: Strictness,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Strictness {
    /// It is not, and the reason is said
    #[default]
    Require,
    /// It is, and what is not limited is said
    Prefer,
}

impl Args {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            memory: self.memory,
            millicpus: self.cpus,
            tasks: self.tasks,
            io_weight: self.io_weight,
            nice: self.nice,
            prefer: self.limits == Strictness::Prefer,
        }
    }
}

/// Limits in one line: `2GiB of memory, 1.5 processors, 200 tasks`.
pub(crate) fn words(limits: &Limits) -> String {
    let parts = [
        limits.memory.map(|it| format!("{} of memory", bytes(it))),
        limits
            .millicpus
            .map(|it| format!("{} processors", f64::from(it) / 1000.0)),
        limits.tasks.map(|it| format!("{it} tasks")),
        limits
            .io_weight
            .map(|it| format!("input and output weight {it}")),
        limits.nice.map(|it| format!("niceness {it}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// What a job uses, in one line.
pub(crate) fn used(usage: &Usage) -> String {
    let peak = usage
        .memory_peak
        .map_or(String::new(), |it| format!(" (at most {})", bytes(it)));
    let parts = [
        usage
            .cpu_time
            .map(|it| format!("{} of processor time", time(it))),
        usage
            .memory
            .map(|it| format!("{} of memory{peak}", bytes(it))),
        usage.tasks.map(|it| format!("{it} tasks")),
        usage.bytes_read.map(|it| format!("{} read", bytes(it))),
        usage
            .bytes_written
            .map(|it| format!("{} written", bytes(it))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let summed: Vec<String> = usage.summed.iter().map(|it| it.replace('_', " ")).collect();
    match summed.is_empty() {
        true => parts.join(", "),
        false => format!(
            "{} [summed over its processes: {}]",
            parts.join(", "),
            summed.join(", ")
        ),
    }
}

/// Processor time, in which tenths of a second count for long.
pub(crate) fn time(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.2}s", time.as_secs_f64()),
        _ => age::long(time),
    }
}

/// A number of bytes in the largest unit that does not lose more than a tenth: `2GiB`, `1.5MiB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut rest, mut unit) = (number as f64, 0);
    while rest >= 1024.0 && unit + 1 < UNITS.len() {
        rest /= 1024.0;
        unit += 1;
    }
    let tenths = (rest * 10.0).round() / 10.0;
    format!("{tenths}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0B"),
            (1023, "1023B"),
            (2 << 30, "2GiB"),
            (1_500_000, "1.4MiB"),
            (u64::MAX, "16EiB"),
        ];
        for (number, expected) in cases {
            assert_eq!(bytes(number), expected);
        }
    }

    #[test]
    fn limits_are_said_in_one_line() {
        let limits = Limits {
            memory: Some(2 << 30),
            millicpus: Some(1500),
            tasks: Some(200),
            ..Limits::default()
        };
        let expected = "2GiB of memory, 1.5 processors, 200 tasks";
        assert_eq!(words(&limits), expected);
        assert_eq!(words(&Limits::default()), "");
    }
}
