//! Becoming another user, for good (credentials(7), capabilities(7)).

#[path = "../unix/accounts.rs"]
mod accounts;
pub use crate::{Identity, User};
pub use accounts::{group, groups, owner, user};

use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid};
use std::io;

/// `struct __user_cap_header_struct`, capget(2); version 3 has two words of each set.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}
const VERSION_3: u32 = 0x2008_0522;

/// `struct __user_cap_data_struct`, capget(2).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Capabilities {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn checked(result: impl Into<i64>) -> io::Result<()> {
    match result.into() {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn capabilities() -> io::Result<[Capabilities; 2]> {
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let mut found = [Capabilities::default(); 2];
    // SAFETY: a header of version 3 and room for its two words.
    checked(unsafe { libc::syscall(libc::SYS_capget, &raw const header, found.as_mut_ptr()) })?;
    Ok(found)
}

fn drop_capabilities() -> io::Result<()> {
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let none = [Capabilities::default(); 2];
    // SAFETY: as above; they are only read.
    checked(unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) })
}

/// Who this process is now, as far as files are concerned (the effective ids).
pub fn own() -> io::Result<Identity> {
    let groups = rustix::process::getgroups()?;
    Ok(Identity {
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
        groups: groups.into_iter().map(|id| id.as_raw()).collect(),
    })
}

/// Becomes this user and group, in this order: the supplementary groups, the group, the user, since
/// each takes the rights that the last gives away (setgroups(2), setresgid(2), setresuid(2)). All
/// threads do, by way of the C library. No capability is left unless the user is root.
pub fn assume(identity: &Identity) -> io::Result<()> {
    let Identity {
        user,
        group,
        groups,
    } = identity;
    // SAFETY: an array and its length.
    checked(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })?;
    // SAFETY: takes numbers.
    checked(unsafe { libc::setresgid(*group, *group, *group) })?;
    // SAFETY: takes numbers.
    checked(unsafe { libc::setresuid(*user, *user, *user) })?;
    match user {
        0 => Ok(()),
        // The kernel clears all but the inheritable ones, unless it was told not to
        // (SECBIT_NO_SETUID_FIXUP, capabilities(7)).
        _ => drop_capabilities(),
    }
}

/// Who a child is to be that shares its parent's memory until its exec.
#[derive(Debug)]
pub(super) struct Alone {
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl Alone {
    pub(super) fn new(identity: &Identity) -> Alone {
        let groups = identity.groups.iter();
        Alone {
            user: Uid::from_raw(identity.user),
            group: Gid::from_raw(identity.group),
            groups: groups.map(|id| Gid::from_raw(*id)).collect(),
        }
    }

    /// Becomes it, for the calling thread alone (the C library's functions would have all threads of
    /// the parent do so), and looks whether it has: it could not go back. It allocates nothing.
    pub(super) fn assume(&self) -> io::Result<()> {
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(self.group, self.group, self.group)?;
        set_thread_res_uid(self.user, self.user, self.user)?;
        if self.user.is_root() {
            return Ok(());
        }
        drop_capabilities()?;
        // SAFETY: no room asks for the number alone.
        let groups = unsafe { libc::getgroups(0, std::ptr::null_mut()) };
        let is_it = getuid() == self.user
            && geteuid() == self.user
            && getgid() == self.group
            && getegid() == self.group
            && usize::try_from(groups) == Ok(self.groups.len())
            && capabilities()? == [Capabilities::default(); 2];
        let could_go_back = set_thread_uid(Uid::ROOT).is_ok();
        match is_it && !could_go_back {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::ENOTRECOVERABLE)),
        }
    }
}

/// In what this process differs from this identity, in words; nothing if it is that alone. Whether
/// it could go back is tried: setuid(0) has to fail.
pub fn difference(identity: &Identity) -> io::Result<Option<String>> {
    let (mut users, mut groups) = ([u32::MAX; 3], [u32::MAX; 3]);
    let [real, effective, saved] = &mut users;
    // SAFETY: three numbers of ours are written.
    checked(unsafe { libc::getresuid(real, effective, saved) })?;
    let [real, effective, saved] = &mut groups;
    // SAFETY: as above.
    checked(unsafe { libc::getresgid(real, effective, saved) })?;
    if users != [identity.user; 3] {
        return Ok(Some(format!("its user ids are {users:?}")));
    }
    if groups != [identity.group; 3] {
        return Ok(Some(format!("its group ids are {groups:?}")));
    }
    let sorted = |mut ids: Vec<u32>| {
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let found = sorted(own()?.groups);
    if found != sorted(identity.groups.clone()) {
        return Ok(Some(format!("it is in the groups {found:?}")));
    }
    if identity.user == 0 {
        return Ok(None);
    }
    if capabilities()? != [Capabilities::default(); 2] {
        return Ok(Some("it has capabilities".to_owned()));
    }
    // SAFETY: takes a number.
    let back = unsafe { libc::setuid(0) };
    Ok((back == 0).then(|| "it could become root again".to_owned()))
}
