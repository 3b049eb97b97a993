//! Whose the job is, where that is not its keeper's user.

use outlive_os::spawn::Step;
use outlive_os::{Identity, os_string};
use outlive_record::{Answer, Credentials, Launch};
use std::io;

/// Who the job becomes just before its exec.
pub(crate) fn identity(credentials: &Credentials) -> Identity {
    Identity {
        user: credentials.user,
        group: credentials.group,
        groups: credentials.groups.clone(),
    }
}

/// Why it could not become that, or not be in its folder as that.
pub(crate) fn refusal(launch: &Launch, step: Step, cause: &io::Error) -> Answer {
    let account = &launch.spec.account;
    let who = match (&account.user, &account.group) {
        (Some(user), _) => format!("user `{user}`"),
        (None, Some(group)) => format!("group `{group}`"),
        (None, None) => "another user".to_owned(),
    };
    let folder = os_string(launch.spec.cwd.0.clone());
    let (what, hint) = match step {
        Step::Folder => (
            format!("failed to enter the folder `{}` as {who}", folder.display()),
            Some("choose one that is open to it: --cwd (Command::current_dir)".to_owned()),
        ),
        _ => (format!("failed to become {who}"), None),
    };
    Answer::Failed {
        what,
        cause: cause.to_string(),
        errno: cause.raw_os_error(),
        hint,
    }
}
