//! What running jobs use.

use crate::error::{During, Result};
use crate::job::Job;
use crate::jobs::Jobs;
use outlive_keeper::store::Seen;
use outlive_keeper::{JOB_VARIABLE, MARK, cgroup_paths};
use outlive_os::usage::{self, Usage as Used};
use outlive_os::{cgroup, proc};
use outlive_record::ProcessLine;
use std::collections::HashMap;
use std::time::Duration;

/// What a running job uses, all of its processes together, as far as it can be told.
///
/// The job's own cgroup or job object tells it, and misses nothing. What that does not account for is
/// summed over the processes that can be found: on Linux by `/proc`, on macOS by proc_pidinfo. Of
/// processes that have ended such a sum has only what their parents have waited for, and memory that
/// several share is counted for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, in user and in kernel mode.
    pub cpu_time: Option<Duration>,
    /// Memory now, in bytes; summed it is what is resident.
    pub memory: Option<u64>,
    /// The most memory that it ever was (Linux 5.19, or version 1 of cgroups; Windows).
    pub memory_peak: Option<u64>,
    /// Processes and threads now; on Windows processes.
    pub tasks: Option<u64>,
    /// Bytes read from disks; on Windows from anything.
    pub bytes_read: Option<u64>,
    /// Bytes written to disks; on Windows to anything.
    pub bytes_written: Option<u64>,
    /// Which of these were summed, by their names here.
    pub summed: Vec<&'static str>,
}

impl Usage {
    /// What its container tells, and where that tells nothing the sum.
    fn of(told: Used, sum: impl FnOnce() -> Used) -> Usage {
        let has = |it: &Used| {
            [
                ("cpu_time", it.cpu.is_some()),
                ("memory", it.memory.is_some()),
                ("tasks", it.tasks.is_some()),
                ("bytes_read", it.read.is_some()),
                ("bytes_written", it.written.is_some()),
            ]
        };
        let is_whole = has(&told).iter().all(|(_, told)| *told);
        let sum = if is_whole { Used::default() } else { sum() };
        let both = has(&told).into_iter().zip(has(&sum));
        let summed = both.filter(|((_, told), (_, summed))| !told && *summed);
        let summed = summed.map(|((name, _), _)| name).collect();
        let all = told.or(sum);
        Usage {
            cpu_time: all.cpu,
            memory: all.memory,
            memory_peak: all.memory_peak,
            tasks: all.tasks,
            bytes_read: all.read,
            bytes_written: all.written,
            summed,
        }
    }
}

/// All processes, and which job each is of: looked at once for any number of jobs.
struct Census {
    jobs: HashMap<i32, Vec<u8>>,
}

impl Census {
    /// A process is of the job whose variable it has, or else of its parent's; a keeper is of none.
    fn take() -> Census {
        let all = proc::all().unwrap_or_default();
        let mut own: HashMap<i32, Option<Vec<u8>>> = HashMap::new();
        for line in &all {
            let environment = proc::environment(line.pid);
            if proc::variable(&environment, MARK.0).is_some() {
                own.insert(line.pid, None);
            } else if let Some(id) = proc::variable(&environment, JOB_VARIABLE) {
                own.insert(line.pid, Some(id.to_vec()));
            }
        }
        let parents: HashMap<i32, i32> = all.iter().map(|it| (it.pid, it.parent)).collect();
        let job_of = |line: &ProcessLine| {
            let above = std::iter::successors(Some(line.pid), |pid| parents.get(pid).copied());
            // Parents that changed between two looks could make a ring.
            let mut known = above.take(all.len()).filter_map(|pid| own.get(&pid));
            known.next().cloned().flatten().map(|id| (line.pid, id))
        };
        Census {
            jobs: all.iter().filter_map(job_of).collect(),
        }
    }

    fn processes(&self, id: &str) -> Vec<i32> {
        let of_job = self.jobs.iter().filter(|(_, job)| *job == id.as_bytes());
        of_job.map(|(pid, _)| *pid).collect()
    }
}

/// What a job uses that was seen to run.
fn of(seen: &Seen, census: &mut Option<Census>) -> Usage {
    let folders = cgroup_paths(&seen.record.cgroups);
    let told = folders.iter().map(|path| usage::of_cgroup(path));
    let told = told.fold(Used::default(), Used::or);
    Usage::of(told, || {
        // The kernel's list of what is in a cgroup misses nobody.
        let inside = folders.iter().find_map(|path| cgroup::processes(path).ok());
        let processes = inside.unwrap_or_else(|| {
            let census = census.get_or_insert_with(Census::take);
            let mut found = census.processes(seen.record.spec.id.as_str());
            found.extend(seen.main.map(|main| main.pid));
            found.sort_unstable();
            found.dedup();
            found
        });
        let each = processes.into_iter().filter_map(usage::of_process);
        each.reduce(Used::plus).unwrap_or_default()
    })
}

fn is_running(jobs: &Jobs, seen: &Seen) -> Result<bool> {
    let looking = || format!("failed to look at `{}`", seen.record.spec.id);
    let ended = seen.record.newest().end.is_some() || jobs.is_elsewhere(seen);
    Ok(!ended && seen.running_main(jobs.here()).during(looking)?.is_some())
}

impl Job {
    /// What it uses now; none if it does not run.
    ///
    /// ```no_run
    /// let job = outlive::Jobs::open()?.get("web")?;
    /// if let Some(usage) = job.usage()? {
    ///     println!("{:?} bytes of memory, {:?} tasks", usage.memory, usage.tasks);
    /// }
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn usage(&self) -> Result<Option<Usage>> {
        let seen = self.look()?;
        match is_running(self.jobs(), &seen)? {
            true => Ok(Some(of(&seen, &mut None))),
            false => Ok(None),
        }
    }
}

impl Jobs {
    /// What all running jobs use now, by their ids: the machine's processes are looked at once for
    /// all of them, where that is needed.
    pub fn usage(&self) -> Result<HashMap<String, Usage>> {
        let mut census = None;
        let mut all = HashMap::new();
        for seen in self.all_seen()? {
            // One that can't be looked at is left out.
            if is_running(self, &seen).unwrap_or(false) {
                let id = seen.record.spec.id.to_string();
                all.insert(id, of(&seen, &mut census));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_summed_is_said() {
        let told = Used {
            cpu: Some(Duration::from_secs(1)),
            ..Used::default()
        };
        let sum = Used {
            cpu: Some(Duration::from_secs(9)),
            memory: Some(7),
            ..Used::default()
        };
        let usage = Usage::of(told, || sum);
        assert_eq!(usage.cpu_time, Some(Duration::from_secs(1)));
        assert_eq!((usage.memory, usage.summed), (Some(7), vec!["memory"]));
        let whole = Used {
            memory: Some(1),
            tasks: Some(1),
            read: Some(0),
            written: Some(0),
            ..told
        };
        let usage = Usage::of(whole, || unreachable!("nothing is missing"));
        assert_eq!(usage.summed, [""; 0]);
    }
}
