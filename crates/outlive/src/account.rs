//! Whose a job is: `JobOptions::user` and `JobOptions::group`.

use crate::daemon::rights::{self, Wanted};
use crate::environment::Environment;
use crate::error::{Error, Kind, Result};
use outlive_os::{KERNEL, Kernel, os_string};
use outlive_record::{Account, Credentials};
use std::ffi::{OsStr, OsString};

/// Variables that lead to the starter's own session: to be left with its user.
const OF_SESSION: [&str; 2] = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// What the job becomes; nothing if that is what this process is. An error if it may not.
pub(crate) fn credentials(account: &Account) -> Result<Option<Credentials>> {
    if account.is_none() {
        return Ok(None);
    }
    if KERNEL != Kernel::Linux {
        let what = "failed to start a job as another user: this system's jobs are their starter's";
        let hint = "become that user first, and start it then";
        return Err(Error::new(Kind::Unsupported, what).hint_at(hint));
    }
    let wanted = Wanted {
        user: account.user.clone(),
        group: account.group.clone(),
        groups: None,
    };
    Ok(wanted.identity()?.map(|identity| Credentials {
        user: identity.user,
        group: identity.group,
        groups: identity.groups,
    }))
}

/// Sets what tells a program whose it is (environ(7)), but for variables that somebody has `set`.
pub(crate) fn move_in(
    account: &Account,
    environment: &mut Environment,
    is_set: impl Fn(&OsStr) -> bool,
) -> Result<()> {
    let Some(user) = &account.user else {
        return Ok(());
    };
    let user = rights::user(user)?;
    let name = user.name.map(|name| os_string(name.into_bytes()));
    let variables: [(&str, Option<OsString>); 4] = [
        ("USER", name.clone()),
        ("LOGNAME", name),
        ("HOME", user.home.map(OsString::from)),
        ("SHELL", user.shell.map(OsString::from)),
    ];
    let gone = OF_SESSION.map(|variable| (variable, None));
    for (variable, value) in variables.into_iter().chain(gone) {
        match value {
            _ if is_set(variable.as_ref()) => {}
            Some(value) => environment.set(variable.into(), value),
            None => environment.remove(variable.as_ref()),
        }
    }
    Ok(())
}
