//! Callers in a sandbox, and in a poor state.

use super::SESSION;
use crate::survive::situation::{Launch, Situation, Strike};

/// All of them.
pub(super) const CALLERS: &[Situation] = &[
    Situation {
        id: "K12d",
        what: "the parent of a bubblewrap that dies with it, in the same pid namespace",
        hazards: &["parent-death"],
        wrap: &[
            "survive",
            "parent",
            "{F}",
            "plain",
            "bwrap",
            "--dev-bind",
            "/",
            "/",
            "--die-with-parent",
        ],
        strike: Strike::WrapperKilled,
        ..SESSION
    },
    Situation {
        id: "K12p",
        what: "the same, in a pid namespace of its own",
        hazards: &["pid-namespace"],
        wrap: PID_NAMESPACE,
        strike: Strike::WrapperKilled,
        ..SESSION
    },
    Situation {
        id: "K12pL",
        what: "the same, with `--leave-sandbox`",
        hazards: &["pid-namespace"],
        wrap: PID_NAMESPACE,
        strike: Strike::WrapperKilled,
        options: &["--leave-sandbox"],
        ..SESSION
    },
    Situation {
        id: "NNP",
        what: "NO_NEW_PRIVS (which stays), and the session is killed",
        hazards: &["session", "sandbox"],
        wrap: &["setpriv", "--no-new-privs"],
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
