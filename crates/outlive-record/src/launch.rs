//! What a launcher hands to a new keeper: one line of JSON, then the job's environment, each
//! variable ended by a NUL. It travels over a socket between the two, or in memory, never over a disk.

use crate::{Credentials, Report, Spec, Text, Unlimited};
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// The longest launch, in bytes, that is handed over in one packet: most are shorter by far. A
/// longer one travels in memory, of which the packet brings the descriptor.
pub const LAUNCH_LIMIT: usize = 32 << 10;

/// What a new keeper is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To start a new job.
    Start,
    /// To start a job that has ended once more.
    Restart,
    /// To keep a job that runs, whose keeper is gone. Nothing is started: of the launch only the
    /// state folder, the job and what a keeper is told of itself count.
    Adopt,
}

/// A descriptor of the keeper, by its number.
pub type Slot = i32;

/// A launch that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    version: u32,
    /// The state folder.
    pub home: Text,
    /// What the keeper is for.
    pub purpose: Purpose,
    /// The job.
    pub spec: Spec,
    /// Paths to try as the program, in this order.
    pub programs: Vec<Text>,
    /// Standard input.
    pub stdin: InputPlan,
    /// Standard output.
    pub stdout: OutputPlan,
    /// Standard error.
    pub stderr: OutputPlan,
    /// How much of a file of the user's own was there before.
    pub output_start: u64,
    /// Descriptors that the job gets, and under which numbers.
    pub kept: Vec<(Slot, Slot)>,
    /// How it is limited and scheduled, where that is not as its keeper is.
    pub settings: Vec<Setting>,
    /// Folders in which it gets a cgroup of its own.
    pub cgroups: Vec<CgroupFolder>,
    /// Whether the job is ended if a hazard that could end it turns out to remain.
    pub require: bool,
    /// What it becomes just before its exec.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// Whether it is not started if one of its limits can't be set.
    #[serde(default)]
    pub require_limits: bool,
    /// What is to become of each hazard, to be compared with what does.
    pub report: Report,
    /// What was seen around the launcher, to compare with.
    pub caller: Caller,
    /// What a keeper that the launcher did not start itself must know.
    pub delegated: Option<Delegated>,
}

/// A folder of a cgroup hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupFolder {
    /// Where it is.
    pub path: Text,
    /// Whether the hierarchy is that of version 2.
    pub unified: bool,
}

/// What is true of the one who starts a job, and is not to be true of the job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Its session.
    pub session: i32,
    /// Its process group.
    pub group: i32,
    /// Its cgroups, as `/proc/PID/cgroup` has them.
    pub cgroups: Vec<String>,
    /// Whether it is in a job object (Windows).
    pub in_job: bool,
    /// Who inherits its orphans, if that would do harm.
    pub adopter: Option<i32>,
    /// Variables by which somebody would hunt the job.
    pub cookies: Vec<String>,
}

/// For a keeper that was started by a manager, and has none of the launcher's surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegated {
    /// How many descriptors follow, one in each packet: the folder first.
    pub descriptors: usize,
    /// The launcher's file mode creation mask.
    pub umask: u32,
    /// What the launcher is confined to: with more than that the job would have left a sandbox.
    /// None if it may.
    pub bounds: Option<Bounds>,
}

/// What a process is confined to, and what it could not give itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Namespaces (`mnt`, `net`, …) by inode (namespaces(7)), as far as they can be told.
    pub namespaces: Vec<(String, u64)>,
    /// Its root folder, by device and inode (chroot(2)), if that can be told.
    pub root: Option<(u64, u64)>,
    /// The capabilities that it could ever have (the bounding set, capabilities(7)), a bit for each.
    pub capabilities: u64,
    /// Its groups.
    pub groups: Vec<u32>,
    /// Its label of a security module (`/proc/PID/attr/current`), empty if there is none.
    pub label: String,
}

impl Bounds {
    /// What a process with these bounds has that one with those does not, in words.
    #[must_use]
    pub fn beyond(&self, those: &Bounds) -> Vec<String> {
        let differs = |(name, inode): &&(String, u64)| {
            let mut theirs = those.namespaces.iter();
            theirs.any(|(other, theirs)| other == name && theirs != inode)
        };
        let mut found: Vec<String> = self
            .namespaces
            .iter()
            .filter(differs)
            .map(|(name, _)| format!("{name} namespace"))
            .collect();
        let mut say = |is_beyond: bool, what: &str| {
            if is_beyond {
                found.push(what.to_owned());
            }
        };
        let roots = self.root.zip(those.root);
        say(
            roots.is_some_and(|(root, theirs)| root != theirs),
            "root folder",
        );
        say(self.capabilities & !those.capabilities != 0, "capabilities");
        let is_new = |group| !those.groups.contains(group);
        say(self.groups.iter().any(is_new), "groups");
        // What is not confined is called so by AppArmor, and by SELinux's usual policies.
        let confined = !those.label.is_empty() && !those.label.contains("unconfined");
        say(confined && self.label != those.label, "security label");
        found
    }
}

/// The resources that can be limited, by the kernel's numbers (RLIMIT_…, getrlimit(2); the same on
/// x86-64 and aarch64) and as `ulimit`'s manual calls them.
pub const RESOURCES: [&str; 16] = [
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "memlock",
    "as",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "rttime",
];

/// One thing about how a process is limited or scheduled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// A resource limit (setrlimit(2)), by the kernel's number.
    Limit {
        /// `RLIMIT_…`.
        resource: u32,
        /// The soft limit; the greatest number is unlimited.
        soft: u64,
        /// The hard limit.
        hard: u64,
    },
    /// Niceness (setpriority(2)).
    Nice(i32),
    /// Processors, a bit for each (sched_setaffinity(2)).
    Affinity(Vec<u64>),
    /// The scheduling policy (sched_setscheduler(2)).
    Scheduler {
        /// `SCHED_…`.
        policy: i32,
        /// Its priority, for the policies that have one.
        priority: i32,
    },
    /// The priority of input and output (ioprio_set(2)).
    IoPriority(i32),
    /// Timer slack in nanoseconds (prctl(2)).
    TimerSlack(u64),
    /// The adjustment of the out-of-memory score (proc_pid_oom_score_adj(5)).
    OomScore(i32),
    /// No privileges can be gained any more (prctl(2)).
    NoNewPrivs,
}

/// Where the job's standard input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputPlan {
    /// `/dev/null`.
    Null,
    /// A pipe whose other end the keeper holds.
    Kept,
    /// This descriptor.
    Slot(Slot),
}

/// Where one of the job's outputs goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputPlan {
    /// The job's output.
    Job,
    /// `/dev/null`.
    Null,
    /// This descriptor.
    Slot(Slot),
}

/// What a new keeper tells its launcher, in one packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The program has been exec'ed, in a session of its own; or it was before, and has this keeper
    /// now.
    Started {
        /// Its process id.
        pid: i32,
        /// Limits that could not be set, and were not required.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unlimited: Vec<Unlimited>,
    },
    /// Another job has this id: to be tried again with another one.
    IdTaken,
    /// A running job has this name.
    NameTaken {
        /// Its id, if it could be told.
        by: Option<String>,
    },
    /// The job runs already, and, if it was to be adopted, has a keeper.
    Running,
    /// The job that was to be adopted runs no more.
    Ended,
    /// The program could not be exec'ed.
    NotExecuted {
        /// The error number of execve(2).
        errno: i32,
    },
    /// The job would not have been confined as its launcher is.
    OutsideSandbox {
        /// What it would have had beyond that.
        beyond: Vec<String>,
    },
    /// It runs no more: something would have remained that was required to be left, and was seen
    /// only when it ran.
    Remained {
        /// What remained, and why.
        what: String,
    },
    /// It was not started: these of its limits could not be set.
    NotLimited(Vec<Unlimited>),
    /// Something else failed; nothing is left of it.
    Failed {
        /// The operation and its object.
        what: String,
        /// The cause.
        cause: String,
        /// The error number, if the system gave one.
        errno: Option<i32>,
        /// What can be done about it, if that is known.
        hint: Option<String>,
    },
}

impl Answer {
    /// The answer in a packet, or what is wrong with it.
    pub fn parse(packet: &[u8]) -> Result<Answer, String> {
        serde_json::from_slice(packet).map_err(|error| error.to_string())
    }

    /// The answer as a packet.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an answer has no value that JSON lacks")
    }
}

impl Launch {
    /// The launch of a job whose program is one of `programs`, with everything else by default.
    pub fn new(home: Text, purpose: Purpose, spec: Spec, programs: Vec<Text>) -> Launch {
        Launch {
            version: VERSION,
            home,
            purpose,
            spec,
            programs,
            stdin: InputPlan::Null,
            stdout: OutputPlan::Job,
            stderr: OutputPlan::Job,
            output_start: 0,
            kept: Vec::new(),
            settings: Vec::new(),
            cgroups: Vec::new(),
            require: false,
            credentials: None,
            require_limits: false,
            report: Report::default(),
            caller: Caller::default(),
            delegated: None,
        }
    }

    /// The launch and the environment (whole variables only) in `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<(Launch, &[u8]), String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let end = bytes
            .iter()
            .position(|&b| b == b'\n')
            .ok_or("it has no end of line")?;
        let (line, environment) = (&bytes[..end], &bytes[end + 1..]);
        let Version { version } =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if version != VERSION {
            return Err(format!(
                "its version is {version}, this keeper's is {VERSION}"
            ));
        }
        let launch: Launch = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if launch.spec.command.is_empty() || launch.programs.is_empty() {
            return Err("it names no program".to_owned());
        }
        if !environment.is_empty() && environment.last() != Some(&0) {
            return Err("its environment is cut short".to_owned());
        }
        Ok((launch, environment))
    }

    /// The launch and its environment as bytes.
    pub fn to_bytes<'a>(
        &self,
        environment: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8192);
        serde_json::to_writer(&mut bytes, self).expect("a launch has no value that JSON lacks");
        bytes.push(b'\n');
        for (key, value) in environment {
            bytes.extend_from_slice(key);
            bytes.push(b'=');
            bytes.extend_from_slice(value);
            bytes.push(0);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Form, Input, JobId, Leftover, Output, OutputMode, Until};
    use proptest::prelude::*;

    fn launch() -> Launch {
        let spec = Spec {
            id: JobId::new(b"sh", 7),
            name: None,
            command: vec!["sh".into()],
            cwd: "/".into(),
            clean_env: false,
            env: vec![],
            env_removed: vec![],
            secret_env: vec![],
            umask: None,
            input: Input::Null,
            output: Output {
                path: None,
                mode: OutputMode::File,
                form: Form::default(),
                limit: 0,
            },
            terminal: None,
            until: Until::Tree,
            leftover: Leftover::Leave,
            leave: crate::Leave::default(),
            account: crate::Account::default(),
            limits: crate::Limits::default(),
            life: crate::Life::default(),
            ready: crate::ReadyWish::default(),
        };
        Launch::new("/home".into(), Purpose::Start, spec, vec!["/bin/sh".into()])
    }

    #[test]
    fn what_is_handed_over_arrives() {
        let bytes = launch().to_bytes([(&b"A"[..], &b"1\n2"[..]), (b"B", b"\xff")]);
        assert_eq!(
            Launch::parse(&bytes),
            Ok((launch(), &b"A=1\n2\0B=\xff\0"[..]))
        );
        assert!(Launch::parse(&bytes[..bytes.len() - 1]).is_err());
        assert!(Launch::parse(b"{}\n").is_err());
    }

    #[test]
    fn what_is_answered_is_understood() {
        for answer in [
            Answer::Started {
                pid: 7,
                unlimited: vec![],
            },
            Answer::IdTaken,
            Answer::NameTaken { by: None },
            Answer::Failed {
                what: "a".to_owned(),
                cause: "b".to_owned(),
                errno: Some(28),
                hint: None,
            },
        ] {
            assert_eq!(Answer::parse(&answer.to_bytes()), Ok(answer));
        }
    }

    #[test]
    fn only_what_is_more_is_beyond() {
        let launcher = Bounds {
            namespaces: vec![("mnt".to_owned(), 1), ("net".to_owned(), 2)],
            root: Some((1, 2)),
            capabilities: 0b11,
            groups: vec![7, 8],
            label: "confined".to_owned(),
        };
        assert_eq!(launcher.beyond(&launcher), [""; 0]);
        let less = Bounds {
            root: None,
            capabilities: 1,
            groups: vec![8],
            ..launcher.clone()
        };
        assert_eq!(less.beyond(&launcher), [""; 0]);
        let other = Bounds {
            namespaces: vec![("mnt".to_owned(), 3)],
            root: Some((1, 3)),
            capabilities: 0b100,
            groups: vec![9],
            label: "unconfined".to_owned(),
        };
        let all = [
            "mnt namespace",
            "root folder",
            "capabilities",
            "groups",
            "security label",
        ];
        assert_eq!(other.beyond(&launcher), all);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_panic(bytes: Vec<u8>) {
            let _ = Answer::parse(&bytes);
            let _ = Launch::parse(&bytes);
        }
    }
}
