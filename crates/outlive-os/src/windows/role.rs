//! What a keeper makes of its own process, and what it was given at its start.

pub use super::delegate::start_by;
use super::folder::Folder;
use super::surroundings::standard;
use super::{Borrowed, Descriptor, call, console, delegate, events, inheritance, path};
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead};
use std::os::windows::ffi::OsStringExt;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::os::windows::io::{AsRawHandle, BorrowedHandle, IntoRawHandle};
use std::path::{Component, Path, PathBuf};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use windows_sys::Win32::Security::{
    GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_NAME_NORMALIZED, GetFinalPathNameByHandleW,
};
use windows_sys::Win32::System::Console::{
    STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetStdHandle,
};
use windows_sys::Win32::System::Memory::{GetProcessHeap, HeapCompact};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcessToken, SetProcessShutdownParameters, SetProcessWorkingSetSize,
};

/// A keeper's turn at a log-off or shut-down: what has a higher number comes first, and jobs have
/// 0x280 as a rule (SetProcessShutdownParameters).
const SHUTDOWN_LEVEL: u32 = 0x200;

/// Is no longer ended by what its console has for it, and ends with its session only after its job:
/// the keeper goes when its job has gone. (A process has no name here but its program's.)
pub fn become_keeper(_name: &str) -> io::Result<()> {
    console::is_own();
    // SAFETY: takes numbers.
    call::check(unsafe { SetProcessShutdownParameters(SHUTDOWN_LEVEL, 0) })?;
    console::bear()
}

/// Whether orphans among this process's descendants become its children: nobody's do.
pub fn inherits_orphans() -> bool {
    false
}

/// Inherits the orphans among this process's descendants: there are none here.
pub fn inherit_orphans() {}

/// Leaves orphans to whoever is above: there is nothing to leave.
pub fn inherit_no_orphans() {}

/// Makes files for this user alone: who may do what is said by the folder that they are in.
pub fn private_umask() -> u32 {
    0
}

/// Lets this process have `count` descriptors: it may have 16 million handles.
pub fn allow_descriptors(_count: u64) -> Option<u64> {
    None
}

/// The socket to whoever had somebody else start this process: it is told its name.
pub fn take_standard_input_socket() -> Option<Descriptor> {
    delegate::connection()
}

/// The name by which this program knows what it is to be.
pub fn name() -> Option<OsString> {
    delegate::name()
}

/// Opens a folder so that another process can make it its own.
pub fn open_folder(path: &Path) -> io::Result<Descriptor> {
    let mut options = fs::File::options();
    // Without that flag only files can be opened (CreateFileW).
    options.read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    options.open(path).map(Into::into)
}

/// Makes the folder behind a descriptor this process's own. That goes by paths alone.
pub fn enter_folder(folder: Borrowed<'_>) -> io::Result<()> {
    let mut path = vec![0; 260];
    loop {
        let (handle, into, room) = (folder.as_raw_handle(), path.as_mut_ptr(), path.len() as u32);
        // SAFETY: a handle that is open, and a buffer of ours and its length.
        let length = unsafe { GetFinalPathNameByHandleW(handle, into, room, FILE_NAME_NORMALIZED) };
        match length as usize {
            0 => return Err(io::Error::last_os_error()),
            length if length < path.len() => {
                path.truncate(length);
                return std::env::set_current_dir(path::plain(OsString::from_wide(&path)));
            }
            // As long as that, with its NUL.
            length => path.resize(length, 0),
        }
    }
}

/// Gives back to the system what is no longer used: freed memory, and pages that were needed for the
/// start only, which come back by themselves if they are needed after all (SetProcessWorkingSetSize).
pub fn give_memory_back() {
    // SAFETY: this process's own heap, and nothing but what is free in it is touched; of the working
    // set it is only said what may leave it.
    unsafe {
        HeapCompact(GetProcessHeap(), 0);
        SetProcessWorkingSetSize(GetCurrentProcess(), usize::MAX, usize::MAX);
    }
}

/// Keeps no folder busy but the root of the system's drive, which nobody could remove.
pub fn leave_folder() -> io::Result<()> {
    let system = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
    let system = PathBuf::from(system);
    let root = system
        .components()
        .take_while(|part| !matches!(part, Component::Normal(_)));
    std::env::set_current_dir(root.collect::<PathBuf>())
}

/// The descriptors that this process was started with, from 3 on without a gap. They can be taken
/// once.
pub fn inherited() -> io::Result<Vec<Descriptor>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::other(
            "the inherited descriptors were taken before",
        ));
    }
    // SAFETY: they are taken once, by the flag; the C runtime, which has them under their numbers, is
    // not used for descriptors.
    Ok(unsafe { inheritance::inherited() })
}

/// Makes `$main`, a `fn() -> i32`, what this program begins with, in place of a `main` that Rust's
/// runtime calls: as on other systems, where that saves time.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        /// What the C library calls.
        #[unsafe(no_mangle)]
        pub extern "C" fn main(_: i32, _: *const *const std::ffi::c_char) -> i32 {
            $crate::role::begin($main)
        }
    };
}

/// What Rust's runtime does before `main`, as far as it is needed: standard handles that are not there
/// become the null device. Does not return.
pub fn begin(main: fn() -> i32) -> ! {
    console::is_own();
    let which = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE];
    for (which, number) in which.into_iter().zip(0..) {
        if standard(number).is_none()
            && let Ok(null) = events::null()
        {
            // SAFETY: a handle that nobody else owns, and that stays open.
            unsafe { SetStdHandle(which, null.into_raw_handle()) };
        }
    }
    // Not a plain return: this also writes out what standard output holds back.
    std::process::exit(main())
}

/// This process's standard input.
pub fn standard_input() -> Borrowed<'static> {
    let handle = standard(0).unwrap_or(std::ptr::null_mut());
    // SAFETY: nothing closes it; without one it is null, which every call refuses.
    unsafe { BorrowedHandle::borrow_raw(handle) }
}

/// This process's user: 0 always, since a user has a security identifier here and no number; of
/// others [`peer_user`](super::socket::Connection::peer_user) tells only that they are others.
pub fn user() -> u32 {
    0
}

/// The program by which a keeper is started that may run for as long as `program` is installed. A
/// program that is running can't be replaced, so that keepers run from a copy of their own, which is
/// made in the state folder `home` when there is none of this version of it.
///
/// An elevated process uses the program itself: this user's other processes may write to the state
/// folder, and what they put there would run with rights that they don't have.
pub fn steady_program(program: &Path, home: &Path) -> io::Result<PathBuf> {
    match is_elevated()? {
        true => Ok(program.to_owned()),
        false => copy_of(program, home),
    }
}

fn copy_of(program: &Path, home: &Path) -> io::Result<PathBuf> {
    let folder = home.join("keepers");
    if program.parent() == Some(&*folder) {
        return Ok(program.to_owned());
    }
    let found = fs::metadata(program)?;
    let (size, time) = (found.file_size(), found.last_write_time());
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    let copy = folder.join(format!("outlive-{size}-{time:x}-{name}.exe"));
    Folder::make(home)?;
    let private = Folder::open(home)?;
    // What others could put there would be run.
    if private.check_private()?.is_some() {
        let why = "others have access to the state folder";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if has_same_bytes(program, &copy) {
        return Ok(copy);
    }
    private.make_sub("keepers")?;
    let new = folder.join(format!(".new-{:08x}", super::proc::random()?));
    let made = fs::copy(program, &new).and_then(|_| fs::rename(&new, &copy));
    if made.is_err() {
        // Perhaps it was not even made.
        let _ = fs::remove_file(&new);
    }
    match made {
        // Somebody else has made it meanwhile, and it is running.
        Err(_) if has_same_bytes(program, &copy) => Ok(copy),
        made => made.map(|()| copy),
    }
}

/// Whether this process has more rights than this user's others (User Account Control).
fn is_elevated() -> io::Result<bool> {
    let mut token = null_mut();
    // SAFETY: the handle that means this process is always open; the token is written if the call
    // succeeds.
    call::check(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) })?;
    let token = call::owned(token)?;
    let mut elevation = TOKEN_ELEVATION::default();
    let (size, mut written) = (size_of::<TOKEN_ELEVATION>() as u32, 0);
    // SAFETY: the structure is the one that is asked for, and as long as it is said to be.
    call::check(unsafe {
        let (token, into) = (token.as_raw_handle(), (&raw mut elevation).cast());
        GetTokenInformation(token, TokenElevation, into, size, &raw mut written)
    })?;
    Ok(elevation.TokenIsElevated != 0)
}

/// Whether two files can be read and hold the same.
fn has_same_bytes(one: &Path, other: &Path) -> bool {
    let open = |path| fs::File::open(path).map(|file| io::BufReader::with_capacity(64 << 10, file));
    let compare = || {
        let (mut one, mut other) = (open(one)?, open(other)?);
        loop {
            let (ours, theirs) = (one.fill_buf()?, other.fill_buf()?);
            let length = ours.len().min(theirs.len());
            if length == 0 || ours[..length] != theirs[..length] {
                return io::Result::Ok(ours.is_empty() && theirs.is_empty());
            }
            one.consume(length);
            other.consume(length);
        }
    };
    compare().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_not_the_program_is_made_again() {
        let path = tempfile::tempdir().expect("a folder can be made");
        let (program, home) = (path.path().join("program.exe"), path.path().join("home"));
        let content = b"what is installed".repeat(10_000);
        fs::write(&program, &content).expect("our own folder");
        let copied = || copy_of(&program, &home).expect("it can be copied");
        let copy = copied();
        assert!(copy.starts_with(&home));
        assert_eq!(fs::read(&copy).expect("our own file"), content);
        // Of the same length, and shorter.
        for length in [content.len(), 1] {
            let mut other = content[..length].to_vec();
            other[length - 1] = b'x';
            fs::write(&copy, other).expect("our own file");
            assert_eq!(copied(), copy);
            assert_eq!(fs::read(&copy).expect("our own file"), content);
        }
        // A keeper that is started again starts from where it is.
        assert_eq!(copy_of(&copy, &home).expect("it is there"), copy);
        let kept = home.join("keepers");
        assert_eq!(fs::read_dir(kept).expect("our own folder").count(), 1);
    }

    #[test]
    fn a_program_is_replaced_while_its_copy_runs() {
        let path = tempfile::tempdir().expect("a folder can be made");
        let (program, home) = (path.path().join("installed.exe"), path.path().join("home"));
        let shell = std::env::var_os("COMSPEC").expect("there is one");
        fs::copy(shell, &program).expect("our own folder");
        let copy = copy_of(&program, &home).expect("it can be copied");
        // It reads until its input ends.
        let mut running = std::process::Command::new(&copy)
            .arg("/q")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("it is a program");
        let refused = fs::write(&copy, "no program").is_err();
        fs::write(&program, "a later version").expect("nobody runs it");
        assert_ne!(copy_of(&program, &home).expect("it can be copied"), copy);
        assert!(running.try_wait().expect("it is ours").is_none());
        drop(running.stdin.take());
        running.wait().expect("it is ours");
        assert!(refused, "what runs could be written to");
    }
}
