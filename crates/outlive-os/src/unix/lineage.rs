//! What is told from lists of processes and from environments, wherever they come from.

use super::proc::environment;
use crate::Marks;
use outlive_record::ProcessLine;

/// The processes among `all` that descend from `root`, without it and without the trees of those
/// that `apart` picks out.
pub fn descendants(
    all: &[ProcessLine],
    root: i32,
    apart: impl Fn(&ProcessLine) -> bool,
) -> Vec<ProcessLine> {
    let mut found: Vec<ProcessLine> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for line in all
            .iter()
            .filter(|line| line.parent == parent && line.pid != root)
        {
            if !found.iter().any(|known| known.pid == line.pid) && !apart(line) {
                parents.push(line.pid);
                found.push(*line);
            }
        }
    }
    found
}

/// The value of a variable in such an environment.
pub fn variable<'a>(environment: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut values = environment
        .split(|&b| b == 0)
        .filter_map(|it| it.strip_prefix(key.as_bytes()));
    values.find_map(|it| it.strip_prefix(b"="))
}

/// Whether a process is of another job: one that was started from within this one and is meant to
/// outlive it, its keeper or, where that is gone, any process of it.
pub fn is_of_another_job(pid: i32, marks: &Marks) -> bool {
    let environment = environment(pid);
    variable(&environment, marks.keeper).is_some()
        || variable(&environment, marks.variable).is_some_and(|other| other != marks.id.as_bytes())
}
