//! Whose a job is.

use serde::{Deserialize, Serialize};

/// Whose a job is, if not its starter's: by name or number, as it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group, if not the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Account {
    /// Whether it is its starter's.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.user.is_none() && self.group.is_none()
    }
}

/// What a process is by numbers (credentials(7)): its real, effective and saved ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user.
    pub user: u32,
    /// The group.
    pub group: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
}
