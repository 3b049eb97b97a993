//! The variables by which CI runners and batch systems hunt what their jobs have left behind: they
//! look through the environment of every process (`/proc/PID/environ`) and kill those that carry
//! one. A process that was exec'ed without it is not found.
//!
//! | runner | how it hunts | source |
//! |---|---|---|
//! | Jenkins | a process is killed if *all* variables of a set have the build's values. Of a freestyle build: `JENKINS_SERVER_COOKIE`, `HUDSON_SERVER_COOKIE`, `JOB_NAME`, `JOB_BASE_NAME`, `BUILD_NUMBER`, `BUILD_ID`, `BUILD_TAG`. Of a `node` block of a pipeline: `JENKINS_NODE_COOKIE` alone. Of an aborted step: `JENKINS_SERVER_COOKIE` alone. Of a remote launch by Maven and the like: `HUDSON_COOKIE` alone | jenkinsci/jenkins `hudson/util/ProcessTree.java` (`hasMatchingEnvVars`), `hudson/model/Job.java` and `Run.java` (`getCharacteristicEnvVars`), `hudson/EnvVars.java` (`createCookie`); jenkinsci/workflow-durable-task-step-plugin `ExecutorStepExecution.java` (`COOKIE_VAR`); jenkinsci/durable-task-plugin `FileMonitoringTask.java` (`COOKIE`) |
//! | Hudson before 1.5 | the same, of `HUDSON_SERVER_COOKIE`, `BUILD_NUMBER`, `BUILD_ID`, `BUILD_TAG`, `JOB_NAME` | hudson/hudson-2.x `hudson/model/Run.java` |
//! | GitHub Actions | at the end of a job, every process that was not there at its start and whose `RUNNER_TRACKING_ID` is the job's, in any case | actions/runner `src/Runner.Worker/JobExtension.cs`, issue 598 |
//! | Azure Pipelines | the same by `VSTS_PROCESS_LOOKUP_ID`, unless `process.clean` is false | microsoft/azure-pipelines-agent `src/Agent.Worker/JobExtension.cs` |
//! | Evergreen | any process with a variable that *begins* with `EVR_TASK_ID`, `EVR_AGENT_PID` or `IN_EVERGREEN` | evergreen-ci/evergreen `util/subtree.go` and its like (`envHasMarkers`), pull request 3986 |
//! | BlueKing CI | a process with the job's `PROJECT_ID`, `BUILD_ID` and `VM_SEQ_ID`, all of them, unless `DEVOPS_DONT_KILL_PROCESS_TREE` is `true` | TencentBlueKing/bk-ci `KillBuildProcessTree.kt`, issue 4224 |
//! | ProActive | a process with the task's `PROCESS_KILLER_COOKIE` (or one that begins so) | ow2-proactive/scheduling `CookieBasedProcessTreeKiller.java`, ow2-proactive/process-tree-killer |
//! | HTCondor | a process whose `_CONDOR_ANCESTOR_PID` variables show it to descend from a job's | htcondor/htcondor `pidenvid.h` |
//!
//! `BUILD_ID`, `JOB_NAME` and the like, which jobs want to read, are left alone: where they are
//! hunted by, so is something that is removed here, and all of a set must match. (To set `BUILD_ID`
//! to `dontKillMe` is the old advice for freestyle builds, and works for the same reason.)
//!
//! These do not hunt by environment, as far as their sources and documentation tell: Gitea's and
//! Forgejo's act_runner (go-gitea/gitea issue 30287: it has no such clean-up), GitLab's runner (it
//! kills the process group: gitlab-org/gitlab-runner `helpers/process_group_unix.go`, merge request
//! 1743), Buildkite (the process group: buildkite/agent `process/`), Bamboo (descendants by parent:
//! BAM-26106). TeamCity ends the tree of processes that the build has started. Hosted services
//! (CircleCI, Travis CI, Bitbucket, Drone, Woodpecker and Tekton with containers) end the machine or
//! the container, which nothing in it survives.

use std::ffi::OsStr;

/// A variable in the environment by which somebody would hunt the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub variable: String,
    /// Who hunts by it.
    pub runner: &'static str,
}

/// An entry of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The variable's name, in upper case.
    pub variable: &'static str,
    /// Whether names that only begin so count, too.
    pub prefix: bool,
    /// Who hunts by it.
    pub runner: &'static str,
}

/// GitHub's runner. It gives its jobs an out-of-memory score of 500, too.
pub const GITHUB: &str = "GitHub Actions";
/// Jenkins and its forerunner.
pub const JENKINS: &str = "Jenkins";
const EVERGREEN: &str = "Evergreen";

const fn exactly(variable: &'static str, runner: &'static str) -> Entry {
    Entry {
        variable,
        prefix: false,
        runner,
    }
}

const fn beginning(variable: &'static str, runner: &'static str) -> Entry {
    Entry {
        variable,
        prefix: true,
        runner,
    }
}

/// All of them.
pub static TABLE: [Entry; 12] = [
    exactly("JENKINS_NODE_COOKIE", JENKINS),
    exactly("JENKINS_SERVER_COOKIE", JENKINS),
    exactly("HUDSON_COOKIE", JENKINS),
    exactly("HUDSON_SERVER_COOKIE", JENKINS),
    exactly("RUNNER_TRACKING_ID", GITHUB),
    exactly("VSTS_PROCESS_LOOKUP_ID", "Azure Pipelines"),
    beginning("EVR_TASK_ID", EVERGREEN),
    beginning("EVR_AGENT_PID", EVERGREEN),
    beginning("IN_EVERGREEN", EVERGREEN),
    exactly("VM_SEQ_ID", "BlueKing CI"),
    beginning("PROCESS_KILLER_COOKIE", "ProActive"),
    beginning("_CONDOR_ANCESTOR_", "HTCondor"),
];

/// The entry for a variable of the environment, if it is one to be hunted by. Names are compared in
/// any case: who compares exactly is not deceived by one that differs, and nobody else uses them.
///
/// The first letter rules out nearly all of an environment.
pub fn is_cookie(variable: &OsStr) -> Option<&'static Entry> {
    let name = variable.as_encoded_bytes();
    let first = name.first()?.to_ascii_uppercase();
    if !matches!(first, b'J' | b'H' | b'R' | b'V' | b'E' | b'I' | b'P' | b'_') {
        return None;
    }
    TABLE.iter().find(|entry| {
        let wanted = entry.variable.as_bytes();
        let beginning = name.get(..wanted.len());
        beginning.is_some_and(|it| it.eq_ignore_ascii_case(wanted))
            && (entry.prefix || name.len() == wanted.len())
    })
}
