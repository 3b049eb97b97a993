//! What a process in a cell is, as the kernel tells it.

use serde_json::{Value, json};
use std::process::ExitCode;

/// Prints it.
pub(crate) fn print() -> ExitCode {
    println!("{}", own());
    ExitCode::SUCCESS
}

/// This process, as JSON.
pub(crate) fn own() -> Value {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    };
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        text.trim().to_owned()
    };
    let pid = super::parts::pid();
    let nice = crate::process::stat(pid).and_then(|stat| stat.get(16)?.parse::<i32>().ok());
    // SAFETY: takes a number.
    let policy = unsafe { libc::sched_getscheduler(0) };
    // SAFETY: takes numbers: this process (IOPRIO_WHO_PROCESS is 1).
    let io_priority = unsafe { libc::syscall(libc::SYS_ioprio_get, 1, 0) };
    let environment = std::env::vars_os().map(|(name, value)| {
        let variable = [name.to_string_lossy(), value.to_string_lossy()];
        variable.join("=")
    });
    json!({
        "pid": pid,
        "ignored": field("SigIgn"),
        "blocked": field("SigBlk"),
        "no_new_privs": field("NoNewPrivs"),
        "umask": field("Umask"),
        "affinity": field("Cpus_allowed_list"),
        "nice": nice,
        "policy": policy,
        "io_priority": io_priority,
        "timer_slack": read("timerslack_ns"),
        "oom_score_adj": read("oom_score_adj"),
        "limits": read("limits"),
        "cgroup": read("cgroup"),
        "cwd": std::env::current_dir().ok(),
        "environment": environment.collect::<Vec<String>>(),
        "files": files(),
        "pid_namespace": std::fs::read_link("/proc/self/ns/pid").ok(),
    })
}

/// The open descriptors: the number, and the file's name.
fn files() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd");
    let entries = entries.into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let file = std::fs::read_link(entry.path()).ok()?;
            let number = entry.file_name();
            let name = file.file_name()?;
            Some(format!("{} /{}", number.display(), name.display()))
        })
        .collect()
}
