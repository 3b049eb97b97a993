//! What must hold of all jobs, whatever was done to them.

use super::job::line;
use super::ledger::{ALL, Deed, Entry, Line, job_of};
use crate::home::Home;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A job's own account of itself, and what others were about to do to it.
#[derive(Debug, Default)]
struct Account {
    /// The exit code of each run.
    code: i32,
    /// How many times its keeper may start it again after each of its starts.
    again: u64,
    started: bool,
    began: u64,
    twice: bool,
    restarts: u64,
    /// Whether the run that began last was about to exit.
    ends: bool,
    /// What outlive has said of its exit code.
    said: BTreeSet<i32>,
    /// Of the run that began last: how many lines it printed, once it had.
    printed: Option<u64>,
    /// Somebody was about to end it, to remove it, to kill its keeper.
    ended: bool,
    remove: bool,
    bereaved: bool,
    removed: bool,
}

impl Account {
    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Planned { code, again } => (self.code, self.again) = (*code, *again),
            Entry::Started => self.started = true,
            Entry::Began => {
                self.began += 1;
                (self.ends, self.printed) = (false, None);
            }
            Entry::Twice => self.twice = true,
            Entry::Printed(lines) => self.printed = Some(*lines),
            Entry::Ends => self.ends = true,
            Entry::Said(code) => drop(self.said.insert(*code)),
            Entry::About(Deed::End) => self.ended = true,
            Entry::About(Deed::Restart) => {
                self.restarts += 1;
                self.ended = true;
            }
            Entry::About(Deed::Remove) => self.remove = true,
            Entry::About(Deed::Bereave) => self.bereaved = true,
            Entry::Removed => self.removed = true,
            Entry::Note(_) => {}
        }
    }
}

/// What does not hold of jobs, by the names of their programs.
pub(super) type Complaints = BTreeMap<String, Vec<String>>;

/// Compares the jobs as they are listed with what all have written down, once nothing of them runs any
/// more.
pub(super) fn complaints(home: &Home, lines: &[Line], listed: &[Value]) -> Complaints {
    let mut accounts: BTreeMap<&str, Account> = BTreeMap::new();
    for line in lines {
        if line.job == ALL {
            // It counts for those that were there by then.
            accounts.values_mut().for_each(|it| it.take(&line.entry));
        } else {
            accounts.entry(&line.job).or_default().take(&line.entry);
        }
    }
    let mut complaints = Complaints::new();
    let mut complain = |job: &str, what: String| {
        complaints.entry(job.to_owned()).or_default().push(what);
    };
    let id = |job: &Value| job["id"].as_str().unwrap_or_default().to_owned();
    let ids: BTreeSet<String> = listed.iter().map(id).collect();
    let there: BTreeSet<&str> = ids.iter().map(|id| job_of(id)).collect();
    for (&job, account) in &accounts {
        for what in wrong(account, there.contains(job)) {
            complain(job, format!("{what}: {account:?}"));
        }
    }
    for shown in listed {
        let id = id(shown);
        let job = job_of(&id);
        let Some(account) = accounts.get(job) else {
            complain(job, "is listed, and nobody has started it".to_owned());
            continue;
        };
        if let Err(what) = right_end(shown, account) {
            complain(job, format!("{what}: {account:?}"));
        }
        if shown["state"] == "exited" && runs(shown).len() == 1 {
            let printed = account.printed.unwrap_or(0);
            let printed: String = (0..printed).map(|place| line(&id, place)).collect();
            let output = std::fs::read(home.job(&id).join("output")).unwrap_or_default();
            if !output.starts_with(printed.as_bytes()) {
                let (printed, there) = (printed.len(), output.len());
                let what =
                    format!("printed {printed} bytes, of which {there} are there, or others");
                complain(job, what);
            }
        }
    }
    complaints
}

/// What does not hold of a job, whatever is written of it.
fn wrong(account: &Account, is_there: bool) -> impl Iterator<Item = &'static str> {
    let runs = (1 + account.restarts) * (1 + account.again);
    let known = account.started || account.began > 0;
    let wrong = [
        (account.twice, "ran twice at a time"),
        (account.began > runs, "was started too often"),
        (
            account.said.iter().any(|code| *code != account.code),
            "was said to have other exit codes than its own",
        ),
        (
            known && !is_there && !account.remove && !account.removed,
            "was started, and is not listed",
        ),
        (account.removed && is_there, "was removed, and is listed"),
    ];
    wrong
        .into_iter()
        .filter_map(|(is, what)| is.then_some(what))
}

fn runs(shown: &Value) -> &[Value] {
    shown["runs"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether a job ended as outlive says.
fn right_end(shown: &Value, account: &Account) -> Result<(), String> {
    let own = Value::from(account.code);
    let mut codes = runs(shown).iter().map(|run| &run["exit_code"]);
    if let Some(other) = codes.find(|code| !code.is_null() && **code != own) {
        return Err(format!(
            "has a run with the exit code {other} as outlive says"
        ));
    }
    let state = shown["state"].as_str().unwrap_or_default();
    match state {
        "exited" if account.ends && shown["exit_code"] == own => Ok(()),
        "signaled" | "timed-out" if account.ended => Ok(()),
        // The disk was full when its keeper started it again.
        "failed" if account.again > 0 => Ok(()),
        "lost" if account.bereaved => Ok(()),
        _ => Err(format!("should not be {state} with {}", shown["exit_code"])),
    }
}
