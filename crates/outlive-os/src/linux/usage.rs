//! What processes have used: by cgroup (kernel: Documentation/admin-guide/cgroup-v2.rst and
//! cgroup-v1/), by process (proc_pid_stat(5), proc_pid_io(5)).

use super::surroundings::{record, whole};
pub use crate::Usage;
use std::path::Path;
use std::time::Duration;

/// What all that is or was in a cgroup has used, as far as its hierarchy accounts for that.
pub fn of_cgroup(path: &Path) -> Usage {
    let number = |file: &str| text(&path.join(file))?.trim().parse::<u64>().ok();
    let cpu = || {
        Some(Duration::from_micros(field(
            path,
            "cpu.stat",
            "usage_usec",
        )?))
    };
    let cpuacct = || number("cpuacct.usage").map(Duration::from_nanos);
    let (read, written) = match text(&path.join("io.stat")) {
        Some(stat) => (sum_of(&stat, "rbytes="), sum_of(&stat, "wbytes=")),
        None => blkio(path),
    };
    Usage {
        cpu: cpu().or_else(cpuacct),
        memory: number("memory.current").or_else(|| number("memory.usage_in_bytes")),
        memory_peak: number("memory.peak").or_else(|| number("memory.max_usage_in_bytes")),
        tasks: number("pids.current"),
        read,
        written,
    }
}

/// How many processes of a cgroup the kernel has ended for lack of memory (`oom_kill`, Linux 4.13);
/// none if it does not account for memory.
pub fn oom_kills(path: &Path) -> Option<u64> {
    let kills = |file| field(path, file, "oom_kill");
    kills("memory.events").or_else(|| kills("memory.oom_control"))
}

/// What a process has used, and those of its children that it has waited for; none if it is gone.
pub fn of_process(pid: i32) -> Option<Usage> {
    let stat = record(format!("/proc/{pid}/stat")).ok()?;
    let usage = of_line(&String::from_utf8_lossy(&stat))?;
    // Another user's can't be read.
    let io = text(Path::new(&format!("/proc/{pid}/io")));
    let bytes = |name: &str| io.as_deref().and_then(|io| line_of(io, name));
    Some(Usage {
        read: bytes("read_bytes:"),
        written: bytes("write_bytes:"),
        ..usage
    })
}

/// What the kernel's line about a process tells. The name may contain anything but ends with the
/// last parenthesis.
fn of_line(line: &str) -> Option<Usage> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first of them is field 3.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    // User and kernel mode, and the same of children that were waited for.
    let ticks: u64 = (14..=17).filter_map(number).sum();
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Usage {
        cpu: Some(Duration::from_millis(ticks.checked_mul(1000)? / per_second)),
        memory: Some(number(24)?.saturating_mul(rustix::param::page_size() as u64)),
        tasks: number(20),
        ..Usage::default()
    })
}

/// Of a whole device `8:0 Read 4096`, and so on; partitions are part of it.
fn blkio(path: &Path) -> (Option<u64>, Option<u64>) {
    let Some(text) = text(&path.join("blkio.throttle.io_service_bytes_recursive")) else {
        return (None, None);
    };
    let sum = |what: &str| {
        let words = text.lines().map(|it| it.split_ascii_whitespace());
        let of_kind = words.filter_map(|mut it| match (it.next()?, it.next()?, it.next()?) {
            (_, kind, bytes) if kind == what => bytes.parse::<u64>().ok(),
            _ => None,
        });
        of_kind.fold(0, u64::saturating_add)
    };
    (Some(sum("Read")), Some(sum("Write")))
}

fn text(path: &Path) -> Option<String> {
    String::from_utf8(whole(path).ok()?).ok()
}

/// The number after a name at the beginning of a line.
fn line_of(text: &str, name: &str) -> Option<u64> {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
    values.find_map(|value| value.trim().parse().ok())
}

fn field(path: &Path, file: &str, name: &str) -> Option<u64> {
    // With the space, since `oom_kill` is how another name begins, too.
    line_of(&text(&path.join(file))?, &format!("{name} "))
}

/// The sum of the numbers after a name, wherever it stands.
fn sum_of(text: &str, name: &str) -> Option<u64> {
    let words = text.split_ascii_whitespace();
    let numbers = words.filter_map(|word| word.strip_prefix(name)?.parse::<u64>().ok());
    Some(numbers.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let line = "7 (a) S 1 9) S 1 7 7 0 -1 0 0 0 0 0 100 50 30 20 20 0 3 0 99 4096 2 0 0";
        let usage = of_line(line).expect("it is a line");
        assert_eq!(
            (usage.cpu, usage.tasks),
            (Some(Duration::from_secs(2)), Some(3))
        );
        assert_eq!(usage.memory, Some(2 * rustix::param::page_size() as u64));
        assert_eq!(of_line("7 (a) S 1"), None);
        assert_eq!(of_line(""), None);
    }

    #[test]
    fn devices_are_summed() {
        let stat = "8:0 rbytes=10 wbytes=3 rios=1\n8:16 rbytes=5 wbytes=4 rios=1\n";
        assert_eq!(
            (sum_of(stat, "rbytes="), sum_of(stat, "wbytes=")),
            (Some(15), Some(7))
        );
        assert_eq!(sum_of("", "rbytes="), Some(0));
        assert_eq!(
            line_of("oom_kill_disable 0\noom_kill 2\n", "oom_kill "),
            Some(2)
        );
    }

    #[test]
    fn this_process_uses_something() {
        let usage = of_process(std::process::id().cast_signed()).expect("it lives");
        assert!(usage.memory > Some(0) && usage.tasks > Some(0), "{usage:?}");
        assert_eq!(of_process(0), None);
    }
}
