//! Whose things are, and who may touch them: security identifiers and access control lists.

use super::call::{check, owned};
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use std::ptr::null_mut;
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, GetLastError, LocalFree};
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACL, ACL_REVISION, AddAccessAllowedAceEx, CONTAINER_INHERIT_ACE,
    CheckTokenMembership, CreateWellKnownSid, DACL_SECURITY_INFORMATION, EqualSid, GetAce,
    GetKernelObjectSecurity, GetLengthSid, GetSecurityDescriptorDacl, GetSecurityDescriptorOwner,
    GetTokenInformation, InitializeAcl, InitializeSecurityDescriptor, OBJECT_INHERIT_ACE,
    OWNER_SECURITY_INFORMATION, PSID, SE_DACL_PROTECTED, SECURITY_ATTRIBUTES, SECURITY_DESCRIPTOR,
    SECURITY_MAX_SID_SIZE, SID_AND_ATTRIBUTES, SetSecurityDescriptorControl,
    SetSecurityDescriptorDacl, SetSecurityDescriptorOwner, TOKEN_INFORMATION_CLASS, TOKEN_QUERY,
    TokenIntegrityLevel, TokenUser, WELL_KNOWN_SID_TYPE, WinBuiltinAdministratorsSid,
    WinCreatorOwnerRightsSid, WinCreatorOwnerSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::FILE_ALL_ACCESS;
use windows_sys::Win32::System::SystemServices::{
    ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE, SECURITY_DESCRIPTOR_REVISION,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// What is filled by a call that says how much room it needs; aligned as all that it is filled with.
type Room = Box<[u64]>;

fn room(bytes: usize) -> Room {
    vec![0; bytes.div_ceil(size_of::<u64>())].into()
}

fn length(room: &Room) -> u32 {
    u32::try_from(size_of_val(&**room)).unwrap_or(u32::MAX)
}

/// Calls `fill` with room enough.
fn filled(mut fill: impl FnMut(&mut Room, &mut u32) -> i32) -> io::Result<Room> {
    let mut found = room(256);
    let mut needed = 0;
    while let Err(error) = check(fill(&mut found, &mut needed)) {
        // SAFETY: asks this thread's last error.
        let short = unsafe { GetLastError() } == ERROR_INSUFFICIENT_BUFFER;
        if !short || needed <= length(&found) {
            return Err(error);
        }
        found = room(needed as usize);
    }
    Ok(found)
}

/// A security identifier: a user, or a group of them.
pub(super) struct Sid(Room);

impl Sid {
    /// The user that this process runs as.
    pub(super) fn own() -> io::Result<Sid> {
        // SAFETY: the handle that means this process is always open.
        Sid::of_process(unsafe { BorrowedHandle::borrow_raw(GetCurrentProcess()) })
    }

    /// The user that a process runs as.
    pub(super) fn of_process(process: BorrowedHandle<'_>) -> io::Result<Sid> {
        Sid::in_token(process, TokenUser)
    }

    /// How far a process is trusted: an identifier, too (mandatory integrity control).
    fn integrity(process: BorrowedHandle<'_>) -> io::Result<Sid> {
        Sid::in_token(process, TokenIntegrityLevel)
    }

    /// What begins with an identifier in a process's token: TOKEN_USER, TOKEN_MANDATORY_LABEL.
    fn in_token(process: BorrowedHandle<'_>, which: TOKEN_INFORMATION_CLASS) -> io::Result<Sid> {
        let mut token = null_mut();
        // SAFETY: a handle that is open; the token is written if the call succeeds.
        check(unsafe { OpenProcessToken(process.as_raw_handle(), TOKEN_QUERY, &raw mut token) })?;
        let token = owned(token)?;
        let about = filled(|room, needed| {
            let (into, length) = (room.as_mut_ptr().cast(), length(room));
            // SAFETY: the room is as long as it is said to be.
            unsafe { GetTokenInformation(token.as_raw_handle(), which, into, length, needed) }
        })?;
        // SAFETY: the room holds this structure, and in it the identifier that it points to.
        unsafe {
            Ok(Sid::copy(
                (*about.as_ptr().cast::<SID_AND_ATTRIBUTES>()).Sid,
            ))
        }
    }

    fn well_known(which: WELL_KNOWN_SID_TYPE) -> io::Result<Sid> {
        let mut found = room(SECURITY_MAX_SID_SIZE as usize);
        let mut size = length(&found);
        // SAFETY: the room is as long as it is said to be.
        check(unsafe {
            CreateWellKnownSid(which, null_mut(), found.as_mut_ptr().cast(), &raw mut size)
        })?;
        Ok(Sid(found))
    }

    /// # Safety
    ///
    /// It must point to an identifier.
    unsafe fn copy(sid: PSID) -> Sid {
        // SAFETY: an identifier says how long it is.
        unsafe {
            let size = GetLengthSid(sid) as usize;
            let mut copy = room(size);
            copy.as_mut_ptr()
                .cast::<u8>()
                .copy_from_nonoverlapping(sid.cast(), size);
            Sid(copy)
        }
    }

    fn pointer(&self) -> PSID {
        self.0.as_ptr().cast_mut().cast()
    }

    /// As people write it: S-1-5-…
    pub(super) fn text(&self) -> io::Result<String> {
        let mut text = null_mut();
        // SAFETY: an identifier; the text is written if the call succeeds, and ours to be freed.
        unsafe {
            check(ConvertSidToStringSidW(self.pointer(), &raw mut text))?;
            let length = (0..).take_while(|at| *text.add(*at) != 0).count();
            let copy = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
            LocalFree(text.cast());
            Ok(copy)
        }
    }

    /// Whether this process has the rights of a group.
    fn is_ours(&self) -> bool {
        let mut is_member = 0;
        // SAFETY: an identifier that the call only reads; null means this thread's own token.
        let told = unsafe { CheckTokenMembership(null_mut(), self.pointer(), &raw mut is_member) };
        told != 0 && is_member != 0
    }
}

impl PartialEq for Sid {
    fn eq(&self, other: &Sid) -> bool {
        // SAFETY: two identifiers that the call only reads.
        unsafe { EqualSid(self.pointer(), other.pointer()) != 0 }
    }
}

/// Whether a process is this user's, or the system's own.
pub(super) fn is_this_users(process: BorrowedHandle<'_>) -> io::Result<bool> {
    let user = Sid::of_process(process)?;
    Ok(user == Sid::own()? || user == Sid::well_known(WinLocalSystemSid)?)
}

/// Whether a process has this one's user, and is trusted as far.
pub(super) fn has_our_standing(process: BorrowedHandle<'_>) -> io::Result<bool> {
    // SAFETY: the handle that means this process is always open.
    let own = unsafe { BorrowedHandle::borrow_raw(GetCurrentProcess()) };
    let is_ours = Sid::of_process(process)? == Sid::of_process(own)?;
    Ok(is_ours && Sid::integrity(process)? == Sid::integrity(own)?)
}

/// For what is to be made for this user and the system alone.
pub(super) struct Private {
    list: Room,
    _owner: Sid,
    descriptor: Box<SECURITY_DESCRIPTOR>,
}

impl Private {
    /// Folders pass it on to what is in them, and take nothing from those above.
    pub(super) fn new() -> io::Result<Private> {
        let owner = Sid::own()?;
        let system = Sid::well_known(WinLocalSystemSid)?;
        // An entry holds an identifier instead of its own last field.
        let mut list = room(
            size_of::<ACL>()
                + 2 * size_of::<ACCESS_ALLOWED_ACE>()
                + 2 * SECURITY_MAX_SID_SIZE as usize,
        );
        let (at, length) = (list.as_mut_ptr().cast::<ACL>(), length(&list));
        // SAFETY: the list is as long as it is said to be.
        check(unsafe { InitializeAcl(at, length, ACL_REVISION) })?;
        for sid in [&owner, &system] {
            let inherit = CONTAINER_INHERIT_ACE | OBJECT_INHERIT_ACE;
            // SAFETY: a list, and an identifier that is copied into it.
            check(unsafe {
                AddAccessAllowedAceEx(at, ACL_REVISION, inherit, FILE_ALL_ACCESS, sid.pointer())
            })?;
        }
        let mut descriptor = Box::<SECURITY_DESCRIPTOR>::default();
        let it = (&raw mut *descriptor).cast();
        // SAFETY: the structure has its size; what it points to is kept beside it.
        unsafe {
            check(InitializeSecurityDescriptor(
                it,
                SECURITY_DESCRIPTOR_REVISION,
            ))?;
            check(SetSecurityDescriptorOwner(it, owner.pointer(), 0))?;
            check(SetSecurityDescriptorDacl(it, 1, at, 0))?;
            check(SetSecurityDescriptorControl(
                it,
                SE_DACL_PROTECTED,
                SE_DACL_PROTECTED,
            ))?;
        }
        Ok(Private {
            list,
            _owner: owner,
            descriptor,
        })
    }

    /// The list alone.
    pub(super) fn list(&self) -> *const ACL {
        self.list.as_ptr().cast()
    }

    /// For a call that makes something, which must not outlive this.
    pub(super) fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: (&raw const *self.descriptor).cast_mut().cast(),
            bInheritHandle: 0,
        }
    }
}

/// What others may do with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Others {
    /// Nothing.
    Nothing,
    /// Look at it.
    Read,
    /// Change it, or who may do what.
    Write,
}

/// Whose something is, and what others may do with it.
pub(super) struct Access {
    /// Whether it is this user's, or of a group whose rights this process has: what an administrator
    /// makes is the administrators'.
    pub(super) ours: bool,
    /// The most that anybody else may do, but for the system and the administrators, whom nothing
    /// keeps out.
    pub(super) others: Others,
}

/// Reads it of a file, folder or pipe whose handle has READ_CONTROL.
pub(super) fn access(object: impl AsHandle) -> io::Result<Access> {
    let handle = object.as_handle().as_raw_handle();
    let what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let found = filled(|room, needed| {
        let (into, length) = (room.as_mut_ptr().cast(), length(room));
        // SAFETY: the room is as long as it is said to be.
        unsafe { GetKernelObjectSecurity(handle, what, into, length, needed) }
    })?;
    let descriptor = found.as_ptr().cast_mut().cast();
    let (mut owner, mut list) = (null_mut(), null_mut());
    let (mut defaulted, mut has_list) = (0, 0);
    // SAFETY: the room holds a descriptor; what is pointed to is in it.
    let owner = unsafe {
        check(GetSecurityDescriptorOwner(
            descriptor,
            &raw mut owner,
            &raw mut defaulted,
        ))?;
        let (has, defaulted) = (&raw mut has_list, &raw mut defaulted);
        check(GetSecurityDescriptorDacl(
            descriptor,
            has,
            &raw mut list,
            defaulted,
        ))?;
        if owner.is_null() {
            return Err(io::Error::other("it has no owner"));
        }
        Sid::copy(owner)
    };
    let own = Sid::own()?;
    let above = [WinLocalSystemSid, WinBuiltinAdministratorsSid].map(Sid::well_known);
    let [system, administrators] = above;
    let mut trusted = vec![own, system?, administrators?];
    let ours = trusted[0] == owner || (trusted[1..].contains(&owner) && owner.is_ours());
    // Whoever the owner is.
    for which in [WinCreatorOwnerSid, WinCreatorOwnerRightsSid] {
        trusted.extend(Sid::well_known(which));
    }
    if has_list == 0 || list.is_null() {
        return Ok(Access {
            ours,
            others: Others::Write,
        });
    }
    // SAFETY: the list is in the room.
    let others = unsafe { of_others(list, &trusted) };
    Ok(Access { ours, others })
}

/// # Safety
///
/// The list must be one.
unsafe fn of_others(list: *const ACL, trusted: &[Sid]) -> Others {
    use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_WRITE};
    use windows_sys::Win32::Storage::FileSystem::{
        DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA,
        FILE_WRITE_EA, WRITE_DAC, WRITE_OWNER,
    };
    const WRITE: u32 = GENERIC_ALL
        | GENERIC_WRITE
        | DELETE
        | WRITE_DAC
        | WRITE_OWNER
        | FILE_WRITE_DATA
        | FILE_APPEND_DATA
        | FILE_WRITE_EA
        | FILE_WRITE_ATTRIBUTES
        | FILE_DELETE_CHILD;
    // SAFETY: the list says how many entries it has.
    let count = u32::from(unsafe { (*list).AceCount });
    let each = (0..count).map(|at| {
        let mut entry = null_mut();
        // SAFETY: a list, and a place in it.
        if unsafe { GetAce(list, at, &raw mut entry) } == 0 {
            return Others::Write;
        }
        let entry: *const ACCESS_ALLOWED_ACE = entry.cast();
        // SAFETY: all entries begin as this one does, and these two go on with an identifier.
        unsafe {
            let kind = u32::from((*entry).Header.AceType);
            if !matches!(
                kind,
                ACCESS_ALLOWED_ACE_TYPE | ACCESS_ALLOWED_CALLBACK_ACE_TYPE
            ) {
                // What is denied or written down allows nothing.
                return Others::Nothing;
            }
            let sid = Sid::copy((&raw const (*entry).SidStart).cast_mut().cast());
            match (*entry).Mask {
                0 => Others::Nothing,
                _ if trusted.contains(&sid) => Others::Nothing,
                mask if mask & WRITE != 0 => Others::Write,
                _ => Others::Read,
            }
        }
    });
    each.max().unwrap_or(Others::Nothing)
}
