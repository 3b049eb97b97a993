//! Whose a job is: `run --user`.

use crate::report::{Failure, Result};
use outlive::JobOptions;

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// The user that it runs as, by name or number, with that one's groups (root only, Linux). It
    /// stays a job of yours
    #[arg(long, value_name = "USER[:GROUP]")]
    user: Option<String>,

    /// The group that it is in, instead of the user's own
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl Args {
    pub(crate) fn apply(&self, options: &mut JobOptions) -> Result<()> {
        let (user, after_colon) = match self.user.as_deref().map(|it| it.split_once(':')) {
            Some(Some((user, group))) => (Some(user), Some(group)),
            _ => (self.user.as_deref(), None),
        };
        // As for chown(1), a colon alone means the user's own.
        let after_colon = after_colon.filter(|group| !group.is_empty());
        let group = match (after_colon, self.group.as_deref()) {
            (Some(one), Some(other)) => {
                let what = format!("failed to tell which group is meant, `{one}` or `{other}`");
                return Err(
                    Failure::new(what).hint("leave --group away, or what follows the colon")
                );
            }
            (one, other) => one.or(other),
        };
        if let Some(user) = user {
            options.user(user);
        }
        if let Some(group) = group {
            options.group(group);
        }
        Ok(())
    }
}
