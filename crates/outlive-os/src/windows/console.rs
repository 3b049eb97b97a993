//! Asking a process to end: Ctrl-Break on its console, WM_CLOSE to its windows.

use super::process::Reach;
use super::surroundings::{is_console, standard};
use super::{call, ctrl_handler};
use std::io;
use std::mem::transmute;
use std::os::windows::io::IntoRawHandle;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use windows_sys::Win32::Foundation::{FreeLibrary, HANDLE, HMODULE};
use windows_sys::Win32::System::Console::{
    ATTACH_PARENT_PROCESS, AttachConsole, CTRL_BREAK_EVENT, CTRL_C_EVENT, FreeConsole,
    GenerateConsoleCtrlEvent, GetConsoleProcessList, STD_ERROR_HANDLE, STD_INPUT_HANDLE,
    STD_OUTPUT_HANDLE, SetConsoleCtrlHandler, SetStdHandle,
};
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};
use windows_sys::Win32::System::Threading::{INFINITE, Sleep};
use windows_sys::core::{BOOL, s, w};

/// Whether this process's console is ours to leave for a moment, and with it its standard handles: it
/// is a program of outlive's own and not one that uses the library.
static MAY_LEAVE: AtomicBool = AtomicBool::new(false);
/// Whether this process bears what a console has for it.
static BEARS: AtomicBool = AtomicBool::new(false);
/// One at a time: a process has one console.
static ONE: Mutex<()> = Mutex::new(());
/// Whether Ctrl-Break has come to this process since it was last sent to a console that this is on.
static CAME: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
/// How long that is waited for: the system starts a thread for it, at once where it has one to spare.
const COMES: Duration = Duration::from_secs(1);

/// This process is a program of outlive's own.
pub(super) fn is_own() {
    MAY_LEAVE.store(true, Ordering::Relaxed);
}

/// Makes this process bear what a console has for it, as long as it can be borne.
pub(super) fn bear() -> io::Result<()> {
    BEARS.store(true, Ordering::Relaxed);
    ignore()
}

fn ignore() -> io::Result<()> {
    // SAFETY: a function that touches what is static only.
    call::check(unsafe { SetConsoleCtrlHandler(Some(do_nothing), 1) })
}

/// Sets this process's handlers as they were before it went to another console: with each change of
/// console the list of them is a new one (SetConsoleCtrlHandler), but Wine keeps it.
fn set_handlers_again() {
    // SAFETY: names a function.
    unsafe { SetConsoleCtrlHandler(Some(do_nothing), 0) };
    if BEARS.load(Ordering::Relaxed) {
        // Nothing can be done without; it was allowed before.
        let _ = ignore();
    }
    // The last one set is the first one asked.
    let _ = ctrl_handler::set_again();
}

/// Runs in a thread of its own that the system starts (HandlerRoutine callback function).
unsafe extern "system" fn do_nothing(event: u32) -> BOOL {
    if event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT {
        // The console, the session or the system goes: with this function's return the process would
        // be ended, and so it has some seconds to write down how its job did.
        // SAFETY: takes a number.
        unsafe { Sleep(INFINITE) };
    }
    if event == CTRL_BREAK_EVENT {
        *CAME.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        CAME.1.notify_all();
    }
    1
}

/// Sends Ctrl-Break to all at the console that this process is on, and waits until it has come here, too:
/// whoever leaves a console has its default handler back (FreeConsole, "Console Control Handlers"), which
/// would end this process if the thread that is started for the event came only then.
fn break_console() -> bool {
    let mut came = CAME.0.lock().unwrap_or_else(PoisonError::into_inner);
    *came = false;
    // SAFETY: takes numbers.
    if unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0) } == 0 {
        return false;
    }
    let _came = CAME.1.wait_timeout_while(came, COMES, |came| !*came);
    true
}

/// Has what this process starts from now on heed Ctrl-C, and itself: whoever was started in a process
/// group of its own ignores it, and so do its children (SetConsoleCtrlHandler).
pub(super) fn heed_ctrl_c() -> io::Result<()> {
    // SAFETY: without a function it sets a flag of this process's.
    call::check(unsafe { SetConsoleCtrlHandler(None, 0) })
}

/// Sends Ctrl-Break to whom a process stands for; whether there was a way to. If that is the group
/// which it leads it must be sure to lead one: for any other process everybody on its console would
/// get it (GenerateConsoleCtrlEvent takes such an id for 0). If it is its console, this process is on
/// that for the moment, and bears it.
pub(super) fn interrupt(pid: i32, reach: Reach) -> bool {
    let pid = pid.cast_unsigned();
    let _one = ONE.lock();
    let attached = attached();
    let send = || match reach {
        Reach::Console => break_console(),
        // SAFETY: takes numbers.
        _ => unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid) != 0 },
    };
    if attached.contains(&pid) && reach == Reach::Group {
        return send();
    }
    if !MAY_LEAVE.load(Ordering::Relaxed) {
        return false;
    }
    let standard = Standard::set_aside();
    // Only once it is there, which sets the list of handlers back.
    // SAFETY: takes a number.
    let sent = unsafe { AttachConsole(pid) } != 0 && ignore().is_ok() && send();
    // SAFETY: takes nothing.
    unsafe { FreeConsole() };
    standard.put_back(attached.len() > 1);
    set_handlers_again();
    sent
}

/// The processes that share this process's console, itself among them; none if it has none.
fn attached() -> Vec<u32> {
    let mut list = vec![0; 16];
    loop {
        // SAFETY: an array of ours and its length.
        let count = unsafe { GetConsoleProcessList(list.as_mut_ptr(), list.len() as u32) } as usize;
        if count <= list.len() {
            list.truncate(count);
            return list;
        }
        list.resize(count * 2, 0);
    }
}

/// This process's standard handles: those of a console go with it, and others are replaced when the
/// process is attached to one.
struct Standard([Option<(HANDLE, bool)>; 3]);

impl Standard {
    /// Leaves the console.
    fn set_aside() -> Standard {
        let look = |handle| (handle, is_console(handle));
        let standard = Standard([0, 1, 2].map(|number| standard(number).map(look)));
        // SAFETY: takes nothing.
        unsafe { FreeConsole() };
        standard
    }

    /// Goes back to the console, if anybody else has kept it: whoever started this process.
    fn put_back(self, shared: bool) {
        // SAFETY: takes a number.
        let back = shared && unsafe { AttachConsole(ATTACH_PARENT_PROCESS) } != 0;
        let which = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE];
        let paths = ["CONIN$", "CONOUT$", "CONOUT$"];
        for ((which, path), kept) in which.into_iter().zip(paths).zip(self.0) {
            let handle = match kept {
                Some((handle, false)) => handle,
                Some((_, true)) if back => {
                    let both = std::fs::File::options().read(true).write(true).open(path);
                    both.map_or(std::ptr::null_mut(), IntoRawHandle::into_raw_handle)
                }
                _ => std::ptr::null_mut(),
            };
            // SAFETY: a handle that is open and stays so, or none.
            unsafe { SetStdHandle(which, handle) };
        }
    }
}

/// WM_CLOSE (winuser.h).
const WM_CLOSE: u32 = 0x10;

/// What GetProcAddress gives.
type Function = unsafe extern "system" fn() -> isize;
type EnumWindows = unsafe extern "system" fn(OnWindow, *mut Search) -> BOOL;
type OnWindow = unsafe extern "system" fn(HANDLE, *mut Search) -> BOOL;
type GetWindowThreadProcessId = unsafe extern "system" fn(HANDLE, *mut u32) -> u32;
type GetClassName = unsafe extern "system" fn(HANDLE, *mut u16, i32) -> i32;
type PostMessage = unsafe extern "system" fn(HANDLE, u32, usize, isize) -> BOOL;

/// A search for a process's windows.
struct Search {
    pid: u32,
    owner: GetWindowThreadProcessId,
    class: GetClassName,
    post: PostMessage,
    found: bool,
}

/// Sends WM_CLOSE to the windows of a process; whether it has any. Those functions are loaded only
/// now: a program with windows is started more slowly, and the system treats it as one at a log-off.
pub(super) fn close_windows(pid: i32) -> bool {
    let none = std::ptr::null_mut();
    // SAFETY: a constant name; of the system's own folder only.
    let library = unsafe { LoadLibraryExW(w!("user32.dll"), none, LOAD_LIBRARY_SEARCH_SYSTEM32) };
    if library.is_null() {
        return false;
    }
    // SAFETY: it is loaded until below.
    let found = unsafe { close_windows_by(library, pid.cast_unsigned()) };
    // SAFETY: loaded above.
    unsafe { FreeLibrary(library) };
    found.unwrap_or(false)
}

/// # Safety
///
/// The library must be user32.
unsafe fn close_windows_by(library: HMODULE, pid: u32) -> Option<bool> {
    // SAFETY: constant names; a library of that name has them, in these forms (winuser.h).
    let (each, mut search) = unsafe {
        let function = |name| GetProcAddress(library, name);
        let each = transmute::<Function, EnumWindows>(function(s!("EnumWindows"))?);
        let owner = function(s!("GetWindowThreadProcessId"))?;
        let class = function(s!("GetClassNameW"))?;
        let post = function(s!("PostMessageW"))?;
        let search = Search {
            pid,
            owner: transmute::<Function, GetWindowThreadProcessId>(owner),
            class: transmute::<Function, GetClassName>(class),
            post: transmute::<Function, PostMessage>(post),
            found: false,
        };
        (each, search)
    };
    // SAFETY: the function gets the search back while this waits.
    unsafe { each(close_window, &raw mut search) };
    Some(search.found)
}

unsafe extern "system" fn close_window(window: HANDLE, search: *mut Search) -> BOOL {
    // SAFETY: what `close_windows_by` has passed, which waits.
    let search = unsafe { &mut *search };
    let mut owner = 0;
    // SAFETY: a window's handle, which may be stale, and a number that is written.
    unsafe { (search.owner)(window, &mut owner) };
    if owner == search.pid {
        let mut class = [0u16; 64];
        // SAFETY: a buffer of ours and its length.
        let length = unsafe { (search.class)(window, class.as_mut_ptr(), 64) };
        let class = String::from_utf16_lossy(&class[..usize::try_from(length).unwrap_or(0)]);
        // A console's window counts as that of whoever was its first: others may be using it.
        if class != "ConsoleWindowClass" && class != "PseudoConsoleWindow" {
            // SAFETY: takes numbers and a handle that may be stale.
            search.found |= unsafe { (search.post)(window, WM_CLOSE, 0, 0) } != 0;
        }
    }
    1
}
