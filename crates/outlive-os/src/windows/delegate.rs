//! Having somebody else start a program, who hands it a command line and nothing more: it then
//! connects to a pipe whose name is its last argument.

use super::call::{self, wide};
use super::events::{self, random_name};
use super::listener::start_to_listen;
use super::overlapped::{Until, event};
use super::service::{self, Service};
use super::socket::{Connection, Trust, make_pipe, open_pipe};
use super::task::{self, Task};
use super::{foster, role};
use outlive_record::Via;
use std::ffi::OsString;
use std::io;
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::path::Path;
use std::time::Duration;
use windows_sys::Win32::Foundation::ERROR_PIPE_CONNECTED;
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_FIRST_PIPE_INSTANCE;

/// How long what is started may take to connect, which takes it well under a second.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the name of such a pipe begins with.
const PIPE: &str = r"\\.\pipe\outlive-";

/// Whether a program can be started by somebody else, as far as that is known without trying.
pub fn may_start_by(via: Via) -> io::Result<()> {
    match via {
        Via::Parent => foster::foster_parent().map(drop),
        Via::Service => service::may_be_made(),
        Via::Task => task::may_be_made(),
    }
}

/// Has a service or a task start a program for this user, in no job object of ours; what connects
/// this process with it. The program finds its end by `role::take_standard_input_socket`.
pub fn start_by(via: Via, program: &Path, arguments: &[&str]) -> io::Result<Connection> {
    let name = random_name()?;
    let pipe = make_pipe(&wide(&name)?, FILE_FLAG_FIRST_PIPE_INSTANCE, 1)?;
    let mut connecting = start_to_listen(pipe, &event(Until::Reset)?);
    // Dropping either takes back what that took, and leaves the program running.
    let (mut service, mut _task) = (None, None);
    match via {
        Via::Parent => return Err(io::ErrorKind::Unsupported.into()),
        Via::Service => service = Some(Service::start(program, arguments, &name)?),
        Via::Task => _task = Some(Task::start(program, arguments, &name)?),
    }
    events::wait(&[connecting.as_handle()], Some(PATIENCE))?;
    match connecting.outcome(false) {
        Some(Ok(_) | Err(ERROR_PIPE_CONNECTED)) => {}
        Some(Err(error)) => return Err(call::error(error)),
        None => {
            // Of a program that could not be started only the Task Scheduler's history tells.
            let told = service.as_ref().and_then(Service::failure);
            return Err(told.unwrap_or_else(nobody_came));
        }
    }
    let pipe = connecting.handle().clone();
    drop(connecting);
    let connection = Connection::new(pipe, event(Until::Reset)?, Trust::Full);
    match connection.peer_user()? == role::user() {
        true => Ok(connection),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "another user has connected in its place",
        )),
    }
}

fn nobody_came() -> io::Error {
    let what = "what it was to start has not come within 10 s";
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// The name by which this program knows what it is to be: what it was started under, or, if somebody
/// else has started it, who can't give it another name than its own, its first argument.
pub(super) fn name() -> Option<OsString> {
    let mut all = std::env::args_os();
    let own = all.next();
    if pipe_name().is_some() {
        return all.next();
    }
    own
}

/// The pipe that this program was told to connect to.
fn pipe_name() -> Option<OsString> {
    let last = std::env::args_os().skip(2).last()?;
    last.to_str()?.starts_with(PIPE).then_some(last)
}

/// This program's end of the pipe, if it was started for that. Does not return from a service, which
/// has another process started for that.
pub(super) fn connection() -> Option<OwnedHandle> {
    let pipe = pipe_name()?;
    if service::is_one() {
        std::process::exit(service::serve());
    }
    open_pipe(&wide(pipe).ok()?).ok()
}
