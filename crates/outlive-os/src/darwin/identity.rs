//! Becoming another user, for good (setuid(2)).

#[path = "../unix/accounts.rs"]
mod accounts;
pub use crate::{Identity, User};
pub use accounts::{group, groups, owner, user};

use super::checked;
use std::io;

/// Who this process is now, as far as files are concerned (the effective ids).
pub fn own() -> io::Result<Identity> {
    // SAFETY: no room asks for the number alone.
    let count = checked(unsafe { libc::getgroups(0, std::ptr::null_mut()) })?;
    let mut groups = vec![0; count.unsigned_abs() as usize];
    // SAFETY: an array of ours and its length.
    let count = checked(unsafe { libc::getgroups(count, groups.as_mut_ptr()) })?;
    groups.truncate(count.unsigned_abs() as usize);
    Ok(Identity {
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
        groups,
    })
}

/// Becomes this user and group, in this order: the supplementary groups, the group, the user, since
/// each takes the rights that the last gives away. For root setgid(2) and setuid(2) set the real, the
/// effective and the saved id.
pub fn assume(identity: &Identity) -> io::Result<()> {
    let groups = &identity.groups;
    let count = i32::try_from(groups.len()).map_err(io::Error::other)?;
    // SAFETY: an array and its length.
    checked(unsafe { libc::setgroups(count, groups.as_ptr()) })?;
    // SAFETY: takes a number.
    checked(unsafe { libc::setgid(identity.group) })?;
    // SAFETY: takes a number.
    checked(unsafe { libc::setuid(identity.user) })?;
    Ok(())
}

/// In what this process differs from this identity, in words; nothing if it is that alone. The saved
/// id can't be asked for: that it could go back is tried, setuid(0) has to fail.
pub fn difference(identity: &Identity) -> io::Result<Option<String>> {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    let users = [getuid().as_raw(), geteuid().as_raw()];
    if users != [identity.user; 2] {
        return Ok(Some(format!("its user ids are {users:?}")));
    }
    let groups = [getgid().as_raw(), getegid().as_raw()];
    if groups != [identity.group; 2] {
        return Ok(Some(format!("its group ids are {groups:?}")));
    }
    // The first of the list is the effective group (getgroups(2)).
    let sorted = |ids: &[u32]| {
        let mut ids = [ids, &[identity.group]].concat();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let found = own()?.groups;
    if sorted(&found) != sorted(&identity.groups) {
        return Ok(Some(format!("it is in the groups {found:?}")));
    }
    if identity.user == 0 {
        return Ok(None);
    }
    // SAFETY: takes a number.
    let back = unsafe { libc::setuid(0) };
    Ok((back == 0).then(|| "it could become root again".to_owned()))
}
