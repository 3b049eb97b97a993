//! The kernel's own texts, read. Everything here is pure and bears hostile input: the names of
//! cgroups and mount points are chosen by anybody.

pub mod cgroup;
pub mod mounts;
pub mod status;
