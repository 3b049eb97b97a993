//! Jobs and children that a systemd manager starts or moves, and those that it can't.

use super::limits::{ALL_PRELUDE, ALL_SAID, all_wrap};
use super::{SESSION, SUBREAPER};
use crate::survive::situation::{Around, Before, Check, Place, Situation, Strike};

const SERVICE: Situation = Situation {
    hazards: &["cgroup"],
    place: Place::Systemd,
    around: Around::Service,
    strike: Strike::Stop,
    ..SESSION
};

/// A parent that finds its descendants: only a manager can start a job outside of them.
const HUNTED: Situation = Situation {
    hazards: &["subreaper"],
    place: Place::Systemd,
    wrap: SUBREAPER,
    strike: Strike::Wrapper,
    rows: &["outlive"],
    ..SESSION
};

const HUNTED_AND_LIMITED: &[&str] = all_wrap!("survive", "hunter", "{F}", "subreaper");

/// All of them.
pub(super) const MANAGERS: &[Situation] = &[
    Situation {
        id: "K5p",
        what: "`systemctl stop` of the caller's service, which has KillMode=process",
        properties: &["KillMode=process"],
        ..SERVICE
    },
    Situation {
        id: "K5t",
        what: "`systemctl stop` of the caller's service, which has PrivateTmp=yes",
        properties: &["PrivateTmp=yes"],
        before: Some(Before::Manager),
        ..SERVICE
    },
    Situation {
        id: "K5w",
        what: "`systemctl stop` of the caller's service, which has PrivateNetwork=yes",
        properties: &["PrivateNetwork=yes"],
        before: Some(Before::Manager),
        ..SERVICE
    },
    Situation {
        id: "K5wr",
        what: "the same, and nobody can see yet where the user's manager would be",
        properties: &["PrivateNetwork=yes"],
        only_tried: true,
        ..SERVICE
    },
    Situation {
        id: "K5v",
        what: "`systemctl stop` of the caller's service, with NO_NEW_PRIVS (which stays)",
        hazards: &["cgroup", "sandbox"],
        wrap: &["setpriv", "--no-new-privs"],
        ..SERVICE
    },
    Situation {
        id: "K5F",
        what: "the user's manager is there and answers nobody",
        before: Some(Before::HaltedManager),
        strike: Strike::Nothing,
        check: Some(Check::FellBack),
        only_tried: true,
        rows: &["outlive"],
        ..SERVICE
    },
    Situation {
        id: "K5s",
        what: "a child leaves the service alone, and its parent there waits for it",
        strike: Strike::Nothing,
        check: Some(Check::OwnScope),
        rows: &["child", "python"],
        ..SERVICE
    },
    Situation {
        id: "K7v",
        what: "a subreaper hunts, with NO_NEW_PRIVS (which stays)",
        hazards: &["subreaper", "sandbox"],
        wrap: &[
            "survive",
            "hunter",
            "{F}",
            "subreaper",
            "setpriv",
            "--no-new-privs",
        ],
        ..HUNTED
    },
    Situation {
        id: "K7k",
        what: "a subreaper hunts, and all that the caller has set is kept",
        hazards: &["subreaper", "limits"],
        wrap: HUNTED_AND_LIMITED,
        prelude: ALL_PRELUDE,
        check: Some(Check::Kept),
        said: ALL_SAID,
        ..HUNTED
    },
    Situation {
        id: "K7f",
        what: "a subreaper hunts, and descriptors and files are handed over",
        prelude: "cd \"$F\"; echo input >input; echo kept >kept",
        check: Some(Check::Streams),
        options: &["--stdin", "input", "--output", "result"],
        rows: &["outlive", "job"],
        ..HUNTED
    },
    Situation {
        id: "K7s",
        what: "a subreaper hunts, and what is secret in the environment stays so",
        prelude: "export HIDDEN=hidden-$ID",
        check: Some(Check::Secret),
        ..HUNTED
    },
    Situation {
        id: "K7q",
        what: "a subreaper hunts; `systemctl stop` of the job's own unit asks it to end",
        check: Some(Check::Polite),
        ..HUNTED
    },
];
