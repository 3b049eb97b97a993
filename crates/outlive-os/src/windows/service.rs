//! Having the service control manager start a program. What a service starts as is the system, which
//! no job is to run as: the service starts the program once more, by the token of whoever asked.
//!
//! ```text
//! launcher ── CreateService ──▶ SCM ──▶ service ── CreateProcessAsUser ──▶ program ──▶ launcher
//! ```

use super::process::Process;
use super::{call, environment, quote};
use crate::request::Strings;
use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsHandle, AsRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, NO_ERROR};
use windows_sys::Win32::Security::{
    DuplicateTokenEx, SecurityImpersonation, SetTokenInformation, TOKEN_ALL_ACCESS,
    TOKEN_DUPLICATE, TokenPrimary, TokenSessionId,
};
use windows_sys::Win32::Storage::FileSystem::DELETE;
use windows_sys::Win32::System::Services::{
    CloseServiceHandle, CreateServiceW, DeleteService, OpenSCManagerW, OpenServiceW,
    QueryServiceStatus, RegisterServiceCtrlHandlerW, SC_HANDLE, SC_MANAGER_CONNECT,
    SC_MANAGER_CREATE_SERVICE, SERVICE_DEMAND_START, SERVICE_ERROR_IGNORE, SERVICE_QUERY_STATUS,
    SERVICE_RUNNING, SERVICE_START, SERVICE_STATUS, SERVICE_STOPPED, SERVICE_TABLE_ENTRYW,
    SERVICE_WIN32_OWN_PROCESS, SetServiceStatus, StartServiceCtrlDispatcherW, StartServiceW,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_UNICODE_ENVIRONMENT, CreateProcessAsUserW,
    OpenProcessToken, PROCESS_INFORMATION, STARTUPINFOW,
};
use windows_sys::core::PWSTR;

/// What the argument begins with by which a program knows that it is the service: whose token it is
/// to take follows, `PID:START_TIME`.
const FOR: &str = "--service-for=";

/// A handle of the service control manager's.
struct Scm(SC_HANDLE);

impl Scm {
    fn open(rights: u32) -> io::Result<Scm> {
        // SAFETY: takes numbers; null means this machine and its services.
        Scm::new(unsafe { OpenSCManagerW(null(), null(), rights) })
    }

    fn new(handle: SC_HANDLE) -> io::Result<Scm> {
        match handle.is_null() {
            true => Err(io::Error::last_os_error()),
            false => Ok(Scm(handle)),
        }
    }
}

impl Drop for Scm {
    fn drop(&mut self) {
        // SAFETY: it is ours, and is used no more.
        unsafe { CloseServiceHandle(self.0) };
    }
}

/// Whether this process may make services.
pub(super) fn may_be_made() -> io::Result<()> {
    let opened = Scm::open(SC_MANAGER_CREATE_SERVICE);
    opened
        .map(drop)
        .map_err(|error| match call::is(&error, ERROR_ACCESS_DENIED) {
            true => io::Error::new(
                io::ErrorKind::PermissionDenied,
                "only an elevated process may make a service (error 5)",
            ),
            false => error,
        })
}

/// A service that was made to start one program.
pub(super) struct Service(Scm);

impl Service {
    /// Makes a service and has it started.
    pub(super) fn start(program: &Path, arguments: &[&str], pipe: &str) -> io::Result<Service> {
        let line = Process::open(std::process::id().cast_signed())?.line()?;
        let line = line.ok_or(io::ErrorKind::NotFound)?;
        let whose = format!("{FOR}{}:{}", line.pid, line.start_time);
        let own = super::bytes(program.as_os_str());
        let words = arguments.iter().copied().chain([&*whose, pipe]);
        let command = quote::of_program([own].into_iter().chain(words.map(str::as_bytes)), None)?;
        let name = call::wide(pipe.rsplit('\\').next().unwrap_or(pipe))?;
        let manager = Scm::open(SC_MANAGER_CREATE_SERVICE)?;
        // SAFETY: strings that end with a NUL; without an account it is the system's.
        let made = Scm::new(unsafe {
            CreateServiceW(
                manager.0,
                name.as_ptr(),
                name.as_ptr(),
                DELETE | SERVICE_START | SERVICE_QUERY_STATUS,
                SERVICE_WIN32_OWN_PROCESS,
                SERVICE_DEMAND_START,
                SERVICE_ERROR_IGNORE,
                command.as_ptr(),
                null(),
                null_mut(),
                null(),
                null(),
                null(),
            )
        })?;
        let service = Service(made);
        // SAFETY: a service that is open; it gets no arguments but those of its command line.
        call::check(unsafe { StartServiceW(service.0.0, 0, null()) })?;
        Ok(service)
    }

    /// With what error it has stopped, if it has.
    pub(super) fn failure(&self) -> Option<io::Error> {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: a service that is open, and a structure of ours.
        call::check(unsafe { QueryServiceStatus(self.0.0, &raw mut status) }).ok()?;
        let failed = status.dwCurrentState == SERVICE_STOPPED && status.dwWin32ExitCode != NO_ERROR;
        failed.then(|| call::error(status.dwWin32ExitCode))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have done so itself.
        // SAFETY: a service that is open; it goes once it has stopped.
        unsafe { DeleteService(self.0.0) };
    }
}

/// The argument by which this program knows that it is the service.
fn argument() -> Option<(i32, u64)> {
    let arguments = std::env::args_os().skip(1);
    let mut found = arguments.filter_map(|it| it.to_str()?.strip_prefix(FOR).map(str::to_owned));
    let (pid, start_time) = found.next()?.split_once(':').map(|(pid, time)| {
        let pid = pid.parse().ok()?;
        Some((pid, time.parse().ok()?))
    })??;
    Some((pid, start_time))
}

/// Whether this process is the service.
pub(super) fn is_one() -> bool {
    argument().is_some()
}

/// Is the service until it has stopped; the exit code.
pub(super) fn serve() -> i32 {
    let mut name = [0];
    let table = [
        SERVICE_TABLE_ENTRYW {
            // Of a service that has its process for itself it is not looked at.
            lpServiceName: name.as_mut_ptr(),
            lpServiceProc: Some(service_main),
        },
        SERVICE_TABLE_ENTRYW::default(),
    ];
    // SAFETY: a table that ends with an empty entry; the call returns when the service has stopped.
    match call::check(unsafe { StartServiceCtrlDispatcherW(table.as_ptr()) }) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Runs in a thread of its own (ServiceMain).
unsafe extern "system" fn service_main(_count: u32, arguments: *mut PWSTR) {
    unsafe extern "system" fn ignore(_control: u32) {}
    // SAFETY: its name is the first of them, and there for as long as this runs.
    let name = unsafe { *arguments };
    // SAFETY: as above; a function that touches nothing.
    let handle = unsafe { RegisterServiceCtrlHandlerW(name, Some(ignore)) };
    let say = |state, error| {
        let status = SERVICE_STATUS {
            dwServiceType: SERVICE_WIN32_OWN_PROCESS,
            dwCurrentState: state,
            dwWin32ExitCode: error,
            ..SERVICE_STATUS::default()
        };
        // SAFETY: the handle that was given to us, and a structure of ours.
        unsafe { SetServiceStatus(handle, &raw const status) };
    };
    say(SERVICE_RUNNING, NO_ERROR);
    // SAFETY: as above.
    unsafe { unmake(name) };
    let error = match start_for_launcher() {
        Ok(()) => NO_ERROR,
        // One without a number must not look like none.
        Err(error) => error.raw_os_error().unwrap_or(-1).cast_unsigned(),
    };
    say(SERVICE_STOPPED, error);
}

/// Has the service go once it has stopped, even if its launcher is gone.
///
/// # Safety
///
/// The name must end with a NUL.
unsafe fn unmake(name: PWSTR) {
    let Ok(manager) = Scm::open(SC_MANAGER_CONNECT) else {
        return;
    };
    // SAFETY: our caller's word for the name.
    if let Ok(service) = Scm::new(unsafe { OpenServiceW(manager.0, name, DELETE) }) {
        // SAFETY: a service that is open.
        unsafe { DeleteService(service.0) };
    }
}

/// Starts the program as its launcher would have, but in the services' session.
fn start_for_launcher() -> io::Result<()> {
    let (pid, start_time) = argument().ok_or(io::ErrorKind::NotFound)?;
    let launcher = Process::open_same(pid, start_time)?.ok_or(io::ErrorKind::NotFound)?;
    let token = services_token(&launcher)?;
    let program = std::env::current_exe()?;
    let is_ours = |it: &OsString| it.to_str().is_some_and(|it| it.starts_with(FOR));
    let arguments = std::env::args_os().skip(1).filter(|it| !is_ours(it));
    let arguments: Vec<OsString> = arguments.collect();
    // It is the program's name, too, as for any other keeper; the pipe stays the last.
    let name = arguments.first().cloned().unwrap_or_default();
    let words = [name].into_iter().chain(arguments);
    let words: Vec<Vec<u8>> = words.map(|it| super::bytes(&it).to_vec()).collect();
    let mut line = quote::of_program(words.iter().map(Vec::as_slice), None)?;
    let program: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();
    let block = environment::block(&Strings::default())?;
    let mut desktop = [0];
    let info = STARTUPINFOW {
        cb: size_of::<STARTUPINFOW>() as u32,
        // The user may not use that of the services: an empty name stands for one of its own.
        lpDesktop: desktop.as_mut_ptr(),
        ..STARTUPINFOW::default()
    };
    let mut made = PROCESS_INFORMATION::default();
    let flags = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP | CREATE_UNICODE_ENVIRONMENT;
    // SAFETY: strings that end with a NUL and a block that ends with two, a line that is ours to be
    // written to, and structures of ours.
    call::check(unsafe {
        CreateProcessAsUserW(
            token.as_raw_handle(),
            program.as_ptr(),
            line.as_mut_ptr(),
            null(),
            null(),
            0,
            flags,
            block.as_ptr().cast(),
            null(),
            &raw const info,
            &raw mut made,
        )
    })?;
    let _both = (call::owned(made.hProcess)?, call::owned(made.hThread)?);
    Ok(())
}

/// A process's token for a process in this session, which is the services'.
fn services_token(of: &Process) -> io::Result<OwnedHandle> {
    let (process, mut token) = (of.as_handle().as_raw_handle(), null_mut());
    // SAFETY: a handle that is open; the token is written if the call succeeds.
    call::check(unsafe { OpenProcessToken(process, TOKEN_DUPLICATE, &raw mut token) })?;
    let (token, mut copy) = (call::owned(token)?, null_mut());
    let (level, kind) = (SecurityImpersonation, TokenPrimary);
    // SAFETY: a token that is open; the copy is written if the call succeeds.
    call::check(unsafe {
        let (token, copy) = (token.as_raw_handle(), &raw mut copy);
        DuplicateTokenEx(token, TOKEN_ALL_ACCESS, null(), level, kind, copy)
    })?;
    let copy = call::owned(copy)?;
    let session = 0u32;
    let size = size_of_val(&session) as u32;
    // SAFETY: a token that is ours, and a number with its size.
    call::check(unsafe {
        let session = (&raw const session).cast();
        SetTokenInformation(copy.as_raw_handle(), TokenSessionId, session, size)
    })?;
    Ok(copy)
}
