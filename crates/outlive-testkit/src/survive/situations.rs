//! All situations. The names are those by which they are known since they were first measured:
//! K1 to K13, with a letter for each variant.

use super::situation::{Around, Check, Launch, Place, Runner, Situation, Strike};

const SESSION: Situation = Situation {
    id: "",
    what: "",
    hazards: &[],
    place: Place::Anywhere,
    around: Around::Session(&[]),
    strike: Strike::Session,
    launch: Launch::Stay,
    prelude: "",
    options: &[],
};

const LOGIN: Situation = Situation {
    around: Around::Login,
    ..SESSION
};

const JENKINS: &str = "export JENKINS_NODE_COOKIE=$ID JENKINS_SERVER_COOKIE=$ID HUDSON_COOKIE=$ID \
    HUDSON_SERVER_COOKIE=$ID BUILD_ID=$ID BUILD_NUMBER=7 BUILD_TAG=jenkins-$ID JOB_NAME=job \
    JOB_BASE_NAME=job";

pub(crate) const SITUATIONS: &[Situation] = &[
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
        around: Around::Session(&["survive", "hunter", "{F}", "subreaper"]),
        strike: Strike::Wrapper,
        ..SESSION
    },
    Situation {
        id: "K7N",
        what: "the same, and lingering is forbidden by `--no-linger`",
        hazards: &["subreaper"],
        around: Around::Session(&["survive", "hunter", "{F}", "subreaper"]),
        strike: Strike::Wrapper,
        options: &["--no-linger"],
        ..SESSION
    },
    Situation {
        id: "K7t",
        what: "a parent that is no subreaper kills every descendant that it finds",
        hazards: &["subreaper"],
        around: Around::Session(&["survive", "hunter", "{F}", "plain"]),
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
        around: Around::Session(&["survive", "parent", "{F}", "mortal"]),
        strike: Strike::WrapperKilled,
        ..SESSION
    },
    Situation {
        id: "K9x",
        what: "the same, and the launcher is that child",
        hazards: &["parent-death"],
        around: Around::Session(&["survive", "parent", "{F}", "mortal"]),
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
        id: "K11l",
        what: "a soft limit (descriptors), with `--reset limits`",
        hazards: &["limits"],
        strike: Strike::Check(Check::SoftLimits),
        prelude: "ulimit -S -n 64",
        options: &["--reset", "limits"],
        ..SESSION
    },
    Situation {
        id: "K11n",
        what: "niceness, with `--reset nice`",
        hazards: &["limits"],
        around: Around::Session(&["nice", "-n", "10"]),
        strike: Strike::Check(Check::Nice),
        options: &["--reset", "nice"],
        ..SESSION
    },
    Situation {
        id: "K11a",
        what: "processor affinity, with `--reset affinity`",
        hazards: &["limits"],
        around: Around::Session(&["taskset", "--cpu-list", "0"]),
        strike: Strike::Check(Check::Affinity),
        options: &["--reset", "affinity"],
        ..SESSION
    },
    Situation {
        id: "K11o",
        what: "a raised oom_score_adj, with `--reset oom`",
        hazards: &["limits"],
        around: Around::Session(&["choom", "--adjust", "500", "--"]),
        strike: Strike::Check(Check::OomScore),
        options: &["--reset", "oom"],
        ..SESSION
    },
    Situation {
        id: "K11s",
        what: "ignored and blocked signals",
        hazards: &["signals"],
        around: Around::Session(&["survive", "deaf"]),
        strike: Strike::Check(Check::Signals),
        ..SESSION
    },
    Situation {
        id: "K11m",
        what: "the cgroup's memory.max",
        hazards: &["cgroup", "limits"],
        around: Around::Limited("memory.max", "268435456"),
        strike: Strike::Check(Check::LimitedCgroup),
        ..SESSION
    },
    Situation {
        id: "K11p",
        what: "the cgroup's pids.max",
        hazards: &["cgroup", "limits"],
        around: Around::Limited("pids.max", "64"),
        strike: Strike::Check(Check::LimitedCgroup),
        ..SESSION
    },
    Situation {
        id: "K11c",
        what: "the cgroup's cpu.max",
        hazards: &["cgroup", "limits"],
        around: Around::Limited("cpu.max", "50000 100000"),
        strike: Strike::Check(Check::LimitedCgroup),
        ..SESSION
    },
    Situation {
        id: "K12d",
        what: "the parent of a bubblewrap that dies with it, in the same pid namespace",
        hazards: &["parent-death"],
        around: Around::Session(&[
            "survive",
            "parent",
            "{F}",
            "plain",
            "bwrap",
            "--dev-bind",
            "/",
            "/",
            "--die-with-parent",
        ]),
        strike: Strike::WrapperKilled,
        ..SESSION
    },
    Situation {
        id: "K12p",
        what: "the same, in a pid namespace of its own",
        hazards: &["pid-namespace"],
        around: Around::Session(PID_NAMESPACE),
        strike: Strike::WrapperKilled,
        ..SESSION
    },
    Situation {
        id: "K12pL",
        what: "the same, with `--leave-sandbox`",
        hazards: &["pid-namespace"],
        around: Around::Session(PID_NAMESPACE),
        strike: Strike::WrapperKilled,
        options: &["--leave-sandbox"],
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
    Situation {
        id: "NNP",
        what: "NO_NEW_PRIVS (which stays), and the session is killed",
        hazards: &["session", "sandbox"],
        around: Around::Session(&["setpriv", "--no-new-privs"]),
        ..SESSION
    },
    Situation {
        id: "umask",
        what: "a umask of 0777, and the session is killed",
        hazards: &["session"],
        prelude: "umask 0777",
        ..SESSION
    },
    Situation {
        id: "cwd",
        what: "a deleted working folder, and the session is killed",
        hazards: &["session", "working-directory"],
        prelude: "mkdir \"$F/gone\"; cd \"$F/gone\"; rmdir \"$F/gone\"",
        ..SESSION
    },
    Situation {
        id: "closed",
        what: "descriptors 0 to 2 closed and room for 16, and the session is killed",
        hazards: &["session"],
        launch: Launch::Closed,
        prelude: "ulimit -n 16",
        ..SESSION
    },
];

const PID_NAMESPACE: &[&str] = &[
    "survive",
    "parent",
    "{F}",
    "plain",
    "bwrap",
    "--dev-bind",
    "/",
    "/",
    "--unshare-pid",
    "--proc",
    "/proc",
    "--die-with-parent",
];
