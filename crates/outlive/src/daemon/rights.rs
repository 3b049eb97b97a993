//! Who a daemon, or a job, is to be.

use crate::error::{During, Error, Kind, Result};
use outlive_os::identity::{self, Identity, User};
use outlive_os::role;
use std::io;

/// What was asked for, by name or number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) groups: Option<Vec<String>>,
}

impl Wanted {
    /// Who that is; nothing if nobody was asked for. An error if this process may not become that.
    pub(crate) fn identity(&self) -> Result<Option<Identity>> {
        if self.user.is_none() && self.group.is_none() && self.groups.is_none() {
            return Ok(None);
        }
        let user = self.user.as_deref().map(user).transpose()?;
        let group = self.group.as_deref().map(group).transpose()?;
        let groups = self.groups.as_ref();
        let groups = groups.map(|names| names.iter().map(|name| self::group(name)).collect());
        let groups = groups.transpose()?;
        let own = identity::own().during(|| "failed to ask who this process is".to_owned())?;
        let group = group.unwrap_or(user.as_ref().map_or(own.group, |user| user.group));
        let wanted = Identity {
            user: user.as_ref().map_or(own.user, |user| user.id),
            group,
            groups: match (groups, &user) {
                (Some(groups), _) => groups,
                (None, Some(user)) => identity::groups(user, group)
                    .during(|| format!("failed to ask for the groups of user {}", user.id))?,
                (None, None) => own.groups,
            },
        };
        if role::user() != 0 {
            let failed = || format!("failed to become {}", describe(&wanted));
            if identity::difference(&wanted).during(failed)?.is_some() {
                let cause = io::Error::from(io::ErrorKind::PermissionDenied);
                let hint = "only root may become another user or group: start it as root, or \
                            leave user, group and supplementary groups away";
                return Err(Error::io(failed(), cause).hint_at(hint));
            }
            return Ok(None);
        }
        Ok(Some(wanted))
    }
}

/// Becomes it, and makes sure of that.
pub(super) fn assume(wanted: &Identity) -> Result<()> {
    let failed = || format!("failed to become {}", describe(wanted));
    identity::assume(wanted).during(failed)?;
    match identity::difference(wanted).during(failed)? {
        None => Ok(()),
        Some(difference) => Err(Error::io(failed(), io::Error::other(difference))),
    }
}

fn describe(identity: &Identity) -> String {
    let Identity {
        user,
        group,
        groups,
    } = identity;
    format!("user {user}, group {group}, with the groups {groups:?}")
}

pub(crate) fn user(text: &str) -> Result<User> {
    let found = identity::user(text).during(|| format!("failed to look for the user `{text}`"))?;
    found.ok_or_else(|| Error::new(Kind::Invalid, format!("there is no user `{text}`")))
}

fn group(text: &str) -> Result<u32> {
    let found =
        identity::group(text).during(|| format!("failed to look for the group `{text}`"))?;
    found.ok_or_else(|| Error::new(Kind::Invalid, format!("there is no group `{text}`")))
}
