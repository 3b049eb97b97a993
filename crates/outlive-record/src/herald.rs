//! What comes before a launch: what a keeper can prepare while its launcher is still looking around.

use crate::{CgroupFolder, JobId, Text};
use serde::{Deserialize, Serialize};

/// The first packet to a keeper that its launcher has started itself; the launch follows, or nothing
/// if the job is started in another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Herald {
    /// A new job is to be started: its folder and its cgroups can be made.
    New {
        /// The state folder.
        home: Text,
        /// The job.
        id: JobId,
        /// Whether it prints to a file of its own, which is in that folder.
        own_output: bool,
        /// Folders in which it gets a cgroup of its own; none if that is said with the launch.
        #[serde(default)]
        cgroups: Option<Vec<CgroupFolder>>,
    },
    /// The job has its folder.
    Known,
}

impl Herald {
    /// The herald in a packet, or what is wrong with it.
    pub fn parse(packet: &[u8]) -> Result<Herald, String> {
        serde_json::from_slice(packet).map_err(|error| error.to_string())
    }

    /// The herald as a packet.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a herald has no value that JSON lacks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_arrives() {
        let new = Herald::New {
            home: "/home".into(),
            id: JobId::new(b"sh", 7),
            own_output: true,
            cgroups: Some(vec![CgroupFolder {
                path: "/sys/fs/cgroup".into(),
                unified: true,
            }]),
        };
        for herald in [new, Herald::Known] {
            assert_eq!(Herald::parse(&herald.to_bytes()), Ok(herald));
        }
        assert!(Herald::parse(b"{\"version\":1}").is_err());
    }
}
