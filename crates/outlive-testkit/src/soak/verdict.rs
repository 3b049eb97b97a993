//! What must hold of all jobs, whatever was done to them.

use super::job::line;
use super::ledger::{ALL, Deed, Entry};
use crate::home::Home;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A job's own account of itself, and what others were about to do to it.
#[derive(Debug, Default)]
struct Account {
    began: u64,
    twice: bool,
    restarts: u64,
    /// How many times its keeper may start it again after each of these, and after its start.
    again: u64,
    /// Of the run that began last: the code that it was about to exit with.
    ends: Option<i32>,
    /// Of any run.
    ended_with: Option<i32>,
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

/// What the jobs of a home should be, and what outlive says they are.
pub(super) struct Verdict<'a> {
    home: &'a Home,
    accounts: BTreeMap<String, Account>,
    complaints: BTreeSet<String>,
}

impl<'a> Verdict<'a> {
    /// Reads what all have written down.
    pub(super) fn new(home: &'a Home, entries: &[(String, Entry)]) -> Verdict<'a> {
        let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
        for (job, entry) in entries {
            if job == ALL {
                for account in accounts.values_mut() {
                    account.remove = true;
                }
                continue;
            }
            let account = accounts.entry(job.clone()).or_default();
            match entry {
                Entry::Again(times) => account.again = *times,
                Entry::Began => {
                    // The id of a job that was removed may come again.
                    let once = account.restarts == 0 && account.again == 0;
                    if account.began > 0 && account.remove && once {
                        *account = Account::default();
                    }
                    account.began += 1;
                    account.ends = None;
                    account.printed = None;
                }
                Entry::Twice => account.twice = true,
                Entry::Printed(lines) => account.printed = Some(*lines),
                Entry::Ends(code) => {
                    account.ends = Some(*code);
                    account.ended_with = Some(*code);
                }
                Entry::Said(code) => drop(account.said.insert(*code)),
                Entry::About(Deed::End) => account.ended = true,
                Entry::About(Deed::Restart) => {
                    account.restarts += 1;
                    account.ended = true;
                }
                Entry::About(Deed::Remove) => account.remove = true,
                Entry::About(Deed::Bereave) => account.bereaved = true,
                Entry::Removed => account.removed = true,
            }
        }
        Verdict {
            home,
            accounts,
            complaints: BTreeSet::new(),
        }
    }

    /// Compares the jobs as they are listed, once nothing of them runs any more.
    pub(super) fn compare(mut self, listed: &[Value]) -> Result<String, String> {
        let ids: BTreeSet<&str> = listed.iter().filter_map(|job| job["id"].as_str()).collect();
        let accounts = std::mem::take(&mut self.accounts);
        for (job, account) in &accounts {
            if account.twice {
                self.complain(job, "ran twice at a time");
            }
            if account.began > (1 + account.restarts) * (1 + account.again) {
                self.complain(job, &format!("was started too often: {account:?}"));
            }
            // Its code is the same in each run.
            if account
                .said
                .iter()
                .any(|code| Some(*code) != account.ended_with)
            {
                self.complain(
                    job,
                    &format!("has other exit codes than its own: {account:?}"),
                );
            }
            if account.began > 0 && !ids.contains(job.as_str()) && !account.remove {
                self.complain(job, "ran, and is not listed");
            }
            if account.removed && ids.contains(job.as_str()) {
                self.complain(job, "was removed, and is listed");
            }
        }
        let none = Account::default();
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        for job in listed {
            let id = job["id"].as_str().unwrap_or_default();
            let state = job["state"].as_str().unwrap_or_default();
            *states.entry(state).or_default() += 1;
            let account = accounts.get(id).unwrap_or(&none);
            if let Err(complaint) = right_end(job, account) {
                self.complain(id, &format!("{complaint}: {account:?}"));
            }
            if state == "exited" && job["runs"].as_array().map(Vec::len) == Some(1) {
                self.compare_output(id, account);
            }
        }
        if self.complaints.is_empty() {
            return Ok(format!(
                "{} jobs ran, {} listed at the end: {states:?}",
                accounts.len(),
                listed.len()
            ));
        }
        let mut all = String::new();
        for complaint in self.complaints {
            let _ = writeln!(all, "{complaint}");
        }
        Err(all)
    }

    fn complain(&mut self, job: &str, what: &str) {
        self.complaints.insert(format!("{job} {what}"));
    }

    /// What a job printed is there, all of it and in order.
    fn compare_output(&mut self, id: &str, account: &Account) {
        let output = std::fs::read(self.home.job(id).join("output")).unwrap_or_default();
        let printed: String = (0..account.printed.unwrap_or(0))
            .map(|place| line(id, place))
            .collect();
        if !output.starts_with(printed.as_bytes()) {
            let there = output.len();
            self.complain(
                id,
                &format!(
                    "printed {} bytes, of which {there} are there, or others",
                    printed.len()
                ),
            );
        }
    }
}

/// Whether a job ended as outlive says.
fn right_end(job: &Value, account: &Account) -> Result<(), String> {
    let code = job["exit_code"]
        .as_i64()
        .and_then(|code| i32::try_from(code).ok());
    let state = job["state"].as_str().unwrap_or_default();
    match state {
        "exited" if code == account.ends && code.is_some() => Ok(()),
        "exited" => Err(format!("exited with {code:?} as outlive says")),
        "signaled" | "timed-out" if account.ended => Ok(()),
        // It was ended before it could say what its options may do to it.
        "timed-out" if account.began == 0 => Ok(()),
        "signaled" if account.began == 0 && account.bereaved => Ok(()),
        // The disk was full when its keeper started it again.
        "failed" if account.again > 0 => Ok(()),
        "lost" if account.bereaved => Ok(()),
        _ => Err(format!("should not be {state}")),
    }
}
