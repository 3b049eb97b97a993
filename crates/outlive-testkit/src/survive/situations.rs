//! All situations. The names are those by which they are known since they were first measured:
//! K1 to K13, with a letter for each variant.

mod callers;
mod limits;
mod managers;

use super::situation::{Around, Launch, Place, Runner, Situation, Strike};

const SESSION: Situation = Situation {
    id: "",
    what: "",
    hazards: &[],
    place: Place::Anywhere,
    around: Around::Session,
    wrap: &[],
    properties: &[],
    before: None,
    strike: Strike::Session,
    check: None,
    launch: Launch::Stay,
    prelude: "",
    options: &[],
    said: &[],
    only_tried: false,
    rows: &[],
};

const LOGIN: Situation = Situation {
    around: Around::Login,
    ..SESSION
};

/// A parent that inherits orphans, and kills when it is told.
const SUBREAPER: &[&str] = &["survive", "hunter", "{F}", "subreaper"];

const JENKINS: &str = "export JENKINS_NODE_COOKIE=$ID JENKINS_SERVER_COOKIE=$ID HUDSON_COOKIE=$ID \
    HUDSON_SERVER_COOKIE=$ID BUILD_ID=$ID BUILD_NUMBER=7 BUILD_TAG=jenkins-$ID JOB_NAME=job \
    JOB_BASE_NAME=job";

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Situation> {
    let ends = ENDS.iter().chain(managers::MANAGERS);
    ends.chain(callers::CALLERS).chain(limits::LIMITS)
}

/// What ends jobs.
const ENDS: &[Situation] = &[
    Situation {
        id: "K1",
        what: "the terminal hangs up",
        hazards: &["terminal"],
        strike: Strike::HangUp,
        ..LOGIN
    },
    Situation {
        id: "K1x",
        what: "the person types `exit`, then the terminal closes",
        hazards: &["terminal"],
        strike: Strike::Exit,
        ..LOGIN
    },
    Situation {
        id: "K2",
        what: "the caller's process group is killed",
        hazards: &["process-group"],
        around: Around::LoginProgram,
        strike: Strike::Group,
        ..SESSION
    },
    Situation {
        id: "K3",
        what: "every process of the caller's session is killed",
        hazards: &["session"],
        around: Around::LoginProgram,
        ..SESSION
    },
    Situation {
        id: "K4",
        what: "`ssh host launch` returns at once",
        hazards: &["pipes"],
        around: Around::Ssh(false),
        strike: Strike::Returns,
        launch: Launch::Leave,
        ..SESSION
    },
    Situation {
        id: "K4t",
        what: "`ssh -tt host launch` returns at once, and its terminal goes",
        hazards: &["terminal", "session"],
        around: Around::Ssh(true),
        strike: Strike::Returns,
        launch: Launch::Leave,
        ..SESSION
    },
    Situation {
        id: "K5",
        around: Around::Service,
        what: "`systemctl stop` of the service that the caller runs in",
        hazards: &["cgroup"],
        place: Place::Systemd,
        strike: Strike::Stop,
        ..SESSION
    },
    Situation {
        id: "K5N",
        around: Around::Service,
        what: "the same, and lingering is forbidden by `--no-linger`",
        hazards: &["cgroup"],
        place: Place::Systemd,
        strike: Strike::Stop,
        options: &["--no-linger"],
        ..SESSION
    },
    Situation {
        id: "K5m",
        around: Around::Service,
        what: "the main process of the caller's service ends",
        hazards: &["cgroup"],
        place: Place::Systemd,
        strike: Strike::Ends,
        ..SESSION
    },
    Situation {
        id: "K5u",
        what: "`systemctl --user stop` of the service that the caller runs in",
        hazards: &["cgroup"],
        place: Place::Systemd,
        around: Around::UserService,
        strike: Strike::Stop,
        ..SESSION
    },
    Situation {
        id: "K5b",
        what: "`cgroup.kill` of the caller's cgroup, in a subtree that its user owns",
        hazards: &["cgroup"],
        around: Around::Cgroup(true),
        strike: Strike::CgroupKill,
        ..SESSION
    },
    Situation {
        id: "K5n",
        what: "`cgroup.kill` of the caller's cgroup, which is root's",
        hazards: &["cgroup"],
        around: Around::Cgroup(false),
        strike: Strike::CgroupKill,
        ..SESSION
    },
    Situation {
        id: "K6",
        what: "an ssh login ends, log-outs kill, no lingering",
        hazards: &["log-out"],
        place: Place::SystemdKills,
        around: Around::Ssh(false),
        strike: Strike::Ends,
        ..SESSION
    },
    Situation {
        id: "K6r",
        what: "the same, and lingering is refused",
        hazards: &["log-out"],
        place: Place::SystemdKills,
        around: Around::Ssh(false),
        strike: Strike::Ends,
        ..SESSION
    },
    Situation {
        id: "K6L",
        what: "an ssh login ends, log-outs kill, lingering",
        hazards: &["log-out"],
        place: Place::SystemdKills,
        around: Around::Ssh(false),
        strike: Strike::Ends,
        ..SESSION
    },
    Situation {
        id: "K6n",
        what: "an ssh login ends, log-outs kill nothing, no lingering",
        hazards: &["log-out"],
        place: Place::Systemd,
        around: Around::Ssh(false),
        strike: Strike::Ends,
        ..SESSION
    },
    Situation {
        id: "K7",
        what: "a subreaper kills every descendant that it finds",
        hazards: &["subreaper"],
        wrap: SUBREAPER,
        strike: Strike::Wrapper,
        ..SESSION
    },
    Situation {
        id: "K7N",
        what: "the same, and lingering is forbidden by `--no-linger`",
        hazards: &["subreaper"],
        wrap: SUBREAPER,
        strike: Strike::Wrapper,
        options: &["--no-linger"],
        ..SESSION
    },
    Situation {
        id: "K7t",
        what: "a parent that is no subreaper kills every descendant that it finds",
        hazards: &["subreaper"],
        wrap: &["survive", "hunter", "{F}", "plain"],
        strike: Strike::Wrapper,
        ..SESSION
    },
    Situation {
        id: "K8j",
        what: "Jenkins kills by the variables of its build",
        hazards: &["cookies"],
        strike: Strike::Cookies(Runner::Jenkins),
        prelude: JENKINS,
        ..SESSION
    },
    Situation {
        id: "K8g",
        what: "GitHub's runner kills by its tracking id",
        hazards: &["cookies"],
        strike: Strike::Cookies(Runner::GitHub),
        prelude: "export GITHUB_ACTIONS=true RUNNER_TRACKING_ID=github_$ID",
        ..SESSION
    },
    Situation {
        id: "K9",
        what: "the caller dies, and its child asked to die with it",
        hazards: &["parent-death"],
        wrap: &["survive", "parent", "{F}", "mortal"],
        strike: Strike::WrapperKilled,
        ..SESSION
    },
    Situation {
        id: "K9x",
        what: "the same, and the launcher is that child",
        hazards: &["parent-death"],
        wrap: &["survive", "parent", "{F}", "mortal"],
        strike: Strike::WrapperKilled,
        launch: Launch::Exec,
        ..SESSION
    },
    Situation {
        id: "K10",
        what: "`$(launch)` gets its end of file at once",
        hazards: &["pipes"],
        strike: Strike::Returns,
        launch: Launch::Leave,
        ..SESSION
    },
    Situation {
        id: "K13",
        what: "the job reads from and writes to the terminal",
        hazards: &["terminal"],
        strike: Strike::Terminal,
        prelude: "stty tostop",
        ..LOGIN
    },
];
