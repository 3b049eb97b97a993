//! `/proc/PID/status` (proc_pid_status(5)) and `/proc/PID/limits` (proc_pid_limits(5)).

use outlive_record::RESOURCES;

/// What is wanted of a process's status. A kernel that lacks a line leaves its field empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// `Umask` (Linux 4.7).
    pub umask: Option<u32>,
    /// `SigBlk`, a bit for each signal: 1 << (signal - 1).
    pub blocked_signals: u64,
    /// `SigIgn`, likewise.
    pub ignored_signals: u64,
    /// `CapEff`, a bit for each capability (capabilities(7)).
    pub capabilities: u64,
    /// `NoNewPrivs` (Linux 4.10).
    pub no_new_privs: bool,
    /// `Seccomp` is not 0 (Linux 3.8).
    pub seccomp: bool,
    /// `Seccomp_filters` (Linux 5.9).
    pub seccomp_filters: Option<u32>,
    /// `Cpus_allowed_list`, such as `0-3,7`.
    pub processors: Option<String>,
}

impl Status {
    /// The status that `text` tells of. The line `Name` is the first, and a newline in the name is
    /// escaped there (proc_pid_comm(5)), so that nobody can make up a line.
    pub fn parse(text: &[u8]) -> Status {
        let mut status = Status::default();
        for line in text.split(|&byte| byte == b'\n') {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let value = || std::str::from_utf8(&line[colon + 1..]).map_or("", str::trim);
            let mask = || u64::from_str_radix(value(), 16).unwrap_or(0);
            let is_set = || !matches!(value(), "0" | "");
            match &line[..colon] {
                b"Umask" => status.umask = u32::from_str_radix(value(), 8).ok(),
                b"SigBlk" => status.blocked_signals = mask(),
                b"SigIgn" => status.ignored_signals = mask(),
                b"CapEff" => status.capabilities = mask(),
                b"NoNewPrivs" => status.no_new_privs = is_set(),
                b"Seccomp" => status.seccomp = is_set(),
                b"Seccomp_filters" => status.seccomp_filters = value().parse().ok(),
                b"Cpus_allowed_list" => {
                    status.processors = Some(value().to_owned()).filter(|list| !list.is_empty());
                    // What follows is of no interest, and long on machines with much memory.
                    break;
                }
                _ => {}
            }
        }
        status
    }
}

/// What the kernel calls the resources, in the order of their numbers (fs/proc/base.c, `lnames`).
const WORDS: [&str; RESOURCES.len()] = [
    "Max cpu time",
    "Max file size",
    "Max data size",
    "Max stack size",
    "Max core file size",
    "Max resident set",
    "Max processes",
    "Max open files",
    "Max locked memory",
    "Max address space",
    "Max file locks",
    "Max pending signals",
    "Max msgqueue size",
    "Max nice priority",
    "Max realtime priority",
    "Max realtime timeout",
];

/// A limit's soft and hard value; none is unlimited.
pub type Bounds = (Option<u64>, Option<u64>);

/// The resource limits that `text` tells of, by name; what it does not tell of is left out.
pub fn limits(text: &[u8]) -> Vec<(&'static str, Bounds)> {
    let mut found = Vec::with_capacity(WORDS.len());
    for line in text.split(|&byte| byte == b'\n') {
        let line = std::str::from_utf8(line).unwrap_or("");
        // Behind the name there is a space, so that no name is the beginning of another.
        let named = RESOURCES.iter().zip(WORDS).find_map(|(name, words)| {
            let rest = line.strip_prefix(words)?;
            rest.starts_with(' ').then_some((*name, rest))
        });
        let Some((name, rest)) = named else { continue };
        let mut values = rest.split_ascii_whitespace().map(bound);
        if let (Some(Some(soft)), Some(Some(hard))) = (values.next(), values.next()) {
            found.push((name, (soft, hard)));
        }
    }
    found
}

/// A number or `unlimited`; none if it is neither.
fn bound(word: &str) -> Option<Option<u64>> {
    match word {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    }
}
