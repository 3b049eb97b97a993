//! Access control lists of the tests' own folders.

use std::os::windows::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;
use windows_sys::Win32::Foundation::{
    ERROR_SUCCESS, GENERIC_ALL, GENERIC_EXECUTE, GENERIC_READ, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    EXPLICIT_ACCESS_W, GetNamedSecurityInfoW, NO_MULTIPLE_TRUSTEE, SE_FILE_OBJECT, SET_ACCESS,
    SetEntriesInAclW, SetNamedSecurityInfoW, TRUSTEE_IS_SID, TRUSTEE_IS_WELL_KNOWN_GROUP,
    TRUSTEE_W,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACL, CreateWellKnownSid, DACL_SECURITY_INFORMATION, EqualSid, GetAce,
    NO_INHERITANCE, SECURITY_MAX_SID_SIZE, WinWorldSid,
};
use windows_sys::Win32::Storage::FileSystem::FILE_WRITE_DATA;

/// What everyone may do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Others {
    Nothing,
    Read,
    Write,
}

fn wide(path: &Path) -> Vec<u16> {
    path.as_os_str().encode_wide().chain([0]).collect()
}

fn everyone() -> Vec<u64> {
    let mut sid = vec![0u64; SECURITY_MAX_SID_SIZE.div_ceil(8) as usize];
    let mut size = SECURITY_MAX_SID_SIZE;
    // SAFETY: there is room for any identifier.
    let made =
        unsafe { CreateWellKnownSid(WinWorldSid, null_mut(), sid.as_mut_ptr().cast(), &mut size) };
    assert_ne!(made, 0);
    sid
}

/// What everyone may do with a file or folder.
pub(crate) fn others(path: &Path) -> Others {
    let (mut list, mut descriptor) = (null_mut::<ACL>(), null_mut());
    let mut everyone = everyone();
    // SAFETY: a path that ends with a NUL; the list is in the descriptor, which is ours to free when
    // it has been looked at.
    unsafe {
        let (name, what) = (wide(path), DACL_SECURITY_INFORMATION);
        let (none, list_at) = (null_mut(), &raw mut list);
        let error = GetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            what,
            none,
            null_mut(),
            list_at,
            null_mut(),
            &raw mut descriptor,
        );
        assert_eq!(error, ERROR_SUCCESS, "{}", path.display());
        let mut most = Others::Nothing;
        for at in 0..u32::from((*list).AceCount) {
            let mut entry = null_mut();
            assert_ne!(GetAce(list, at, &raw mut entry), 0);
            let entry: *mut ACCESS_ALLOWED_ACE = entry.cast();
            let sid = (&raw mut (*entry).SidStart).cast();
            if (*entry).Header.AceType == 0 && EqualSid(sid, everyone.as_mut_ptr().cast()) != 0 {
                let write = (*entry).Mask & (FILE_WRITE_DATA | GENERIC_ALL) != 0;
                most = if write { Others::Write } else { Others::Read };
            }
        }
        LocalFree(descriptor);
        most
    }
}

/// Lets everyone read a folder, or write to it, too.
pub(crate) fn open_to_everyone(path: &Path, for_writing: bool) {
    let (mut list, mut descriptor, mut new) = (null_mut::<ACL>(), null_mut(), null_mut::<ACL>());
    let mut everyone = everyone();
    let name = wide(path);
    let entry = EXPLICIT_ACCESS_W {
        grfAccessPermissions: if for_writing {
            GENERIC_ALL
        } else {
            GENERIC_READ | GENERIC_EXECUTE
        },
        grfAccessMode: SET_ACCESS,
        grfInheritance: NO_INHERITANCE,
        Trustee: TRUSTEE_W {
            pMultipleTrustee: null_mut(),
            MultipleTrusteeOperation: NO_MULTIPLE_TRUSTEE,
            TrusteeForm: TRUSTEE_IS_SID,
            TrusteeType: TRUSTEE_IS_WELL_KNOWN_GROUP,
            ptstrName: everyone.as_mut_ptr().cast(),
        },
    };
    // SAFETY: a path that ends with a NUL; the old list is in the descriptor, and both are ours to
    // free when the new one has been set.
    unsafe {
        let (what, kind) = (DACL_SECURITY_INFORMATION, SE_FILE_OBJECT);
        let (none, list_at) = (null_mut(), &raw mut list);
        let got = GetNamedSecurityInfoW(
            name.as_ptr(),
            kind,
            what,
            none,
            null_mut(),
            list_at,
            null_mut(),
            &raw mut descriptor,
        );
        assert_eq!(got, ERROR_SUCCESS);
        assert_eq!(
            SetEntriesInAclW(1, &raw const entry, list, &raw mut new),
            ERROR_SUCCESS
        );
        let set = SetNamedSecurityInfoW(
            name.as_ptr(),
            kind,
            what,
            null_mut(),
            null_mut(),
            new,
            std::ptr::null(),
        );
        assert_eq!(set, ERROR_SUCCESS);
        LocalFree(new.cast());
        LocalFree(descriptor);
    }
}
