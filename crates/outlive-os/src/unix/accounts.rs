//! Users and groups by name, as the system's databases have them (getpwnam(3), nsswitch.conf(5)).

use crate::User;
use std::ffi::{CStr, CString, OsString, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The largest entry that is taken: a group with many members may be long.
const LARGEST: usize = 1 << 20;

/// What getpwnam_r(3) and its like have in common: an entry, room for its strings, and where the
/// entry is if there is one.
type Ask<'a, E> = dyn Fn(*mut E, *mut c_char, usize, *mut *mut E) -> i32 + 'a;

fn entry<E, T>(ask: &Ask<'_, E>, take: impl Fn(&E) -> T) -> io::Result<Option<T>> {
    let mut room = vec![0; 1 << 10];
    loop {
        let mut entry = MaybeUninit::<E>::uninit();
        let mut found = std::ptr::null_mut();
        match ask(
            entry.as_mut_ptr(),
            room.as_mut_ptr(),
            room.len(),
            &raw mut found,
        ) {
            libc::ERANGE if room.len() < LARGEST => room.resize(room.len() * 4, 0),
            // What getpwnam(3) lists for "not found", beside an answer of nothing.
            0 | libc::ENOENT | libc::ESRCH if found.is_null() => return Ok(None),
            // SAFETY: the call has succeeded and points to the entry that it filled, whose strings
            // are in `room`; both live here.
            0 => return Ok(Some(take(unsafe { &*found }))),
            libc::EINTR => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

fn user_of(entry: &libc::passwd) -> User {
    let string = |text: *const c_char| {
        // SAFETY: an entry's strings live as long as it does; what is not null is one.
        let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let path = |text: CString| PathBuf::from(OsString::from_vec(text.into_bytes()));
    User {
        id: entry.pw_uid,
        group: entry.pw_gid,
        name: string(entry.pw_name),
        home: string(entry.pw_dir).map(path),
        shell: string(entry.pw_shell).map(path),
    }
}

/// The user of this name or, if none has it, this number. A number that no user has is one, too: it
/// has itself as its group, and no others.
pub fn user(text: &str) -> io::Result<Option<User>> {
    let name = CString::new(text)?;
    let by_name = entry::<libc::passwd, _>(
        // SAFETY: a string, and what `entry` made room for.
        &|it, room, size, found| unsafe { libc::getpwnam_r(name.as_ptr(), it, room, size, found) },
        user_of,
    )?;
    let (None, Some(id)) = (&by_name, number(text)) else {
        return Ok(by_name);
    };
    let by_number = entry::<libc::passwd, _>(
        // SAFETY: a number, and what `entry` made room for.
        &|it, room, size, found| unsafe { libc::getpwuid_r(id, it, room, size, found) },
        user_of,
    )?;
    Ok(by_number.or(Some(User {
        id,
        group: id,
        name: None,
        home: None,
        shell: None,
    })))
}

/// Digits alone: `+0` is no way to write root's number. The number -1 means "as it is" to setresuid(2).
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let id = text.parse().ok().filter(|_| is_number);
    id.filter(|id| *id != u32::MAX)
}

/// The number of the group of this name or, if none has it, of this number.
pub fn group(text: &str) -> io::Result<Option<u32>> {
    let name = CString::new(text)?;
    let found = entry::<libc::group, _>(
        // SAFETY: a string, and what `entry` made room for.
        &|it, room, size, found| unsafe { libc::getgrnam_r(name.as_ptr(), it, room, size, found) },
        |entry| entry.gr_gid,
    )?;
    Ok(found.or_else(|| number(text)))
}

/// Whose a file or folder is.
pub fn owner(path: &Path) -> io::Result<u32> {
    Ok(rustix::fs::stat(path)?.st_uid)
}

/// The groups that a user is in, `group` among them (getgrouplist(3)).
pub fn groups(user: &User, group: u32) -> io::Result<Vec<u32>> {
    let Some(name) = &user.name else {
        return Ok(vec![group]);
    };
    let mut room = 64;
    loop {
        let mut found = vec![0; room];
        let mut count = room as i32;
        // SAFETY: a string, an array of ours and its length.
        let result = unsafe {
            libc::getgrouplist(
                name.as_ptr(),
                group as _,
                found.as_mut_ptr(),
                &raw mut count,
            )
        };
        if result >= 0 {
            found.truncate(count.unsigned_abs() as usize);
            return Ok(found.into_iter().map(|id| id as _).collect());
        }
        // macOS does not tell how many there are.
        room *= 2;
        if room > LARGEST {
            return Err(io::Error::other("it is in too many groups"));
        }
    }
}
