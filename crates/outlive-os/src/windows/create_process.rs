//! Starting a program (CreateProcessW): it inherits what is listed and nothing else, is in its job
//! objects from its first moment on, and never opens a window of its own.

pub use crate::request::{ANNOUNCED, GO, Gate, Spawn, SpawnError, Step, Strings};

use super::attributes::Attributes;
use super::cgroup::Cgroup;
use super::inheritance::Inheritance;
use super::process::{Process, Reach, open};
use super::program_file::{ProgramFile, command_interpreter, not_found};
use super::pty::Pty;
use super::{call, console, environment, os_string, proc, quote, settings, surroundings};
use crate::Leave;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_ACCESS_DENIED, ERROR_BAD_EXE_FORMAT,
    ERROR_BAD_NETPATH, ERROR_BAD_PATHNAME, ERROR_COMMITMENT_LIMIT, ERROR_DIRECTORY,
    ERROR_FILE_NOT_FOUND, ERROR_INVALID_NAME, ERROR_INVALID_PARAMETER, ERROR_NO_SYSTEM_RESOURCES,
    ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_ENOUGH_QUOTA, ERROR_NOT_SUPPORTED, ERROR_PATH_NOT_FOUND,
    HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::WriteFile;
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};
use windows_sys::Win32::System::Threading::{
    CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_SUSPENDED,
    CREATE_UNICODE_ENVIRONMENT, CreateProcessW, EXTENDED_STARTUPINFO_PRESENT, GetCurrentProcess,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROC_THREAD_ATTRIBUTE_JOB_LIST,
    PROC_THREAD_ATTRIBUTE_PARENT_PROCESS, PROCESS_CREATE_PROCESS, PROCESS_DUP_HANDLE,
    PROCESS_INFORMATION, PROCESS_QUERY_LIMITED_INFORMATION, ResumeThread, STARTF_USESTDHANDLES,
    STARTUPINFOEXW,
};

/// There is nothing there.
const MISSING: [u32; 6] = [
    ERROR_FILE_NOT_FOUND,
    ERROR_PATH_NOT_FOUND,
    ERROR_INVALID_NAME,
    ERROR_BAD_PATHNAME,
    ERROR_BAD_NETPATH,
    ERROR_DIRECTORY,
];
/// There is something, but it can't be run.
const UNFIT: [u32; 2] = [ERROR_ACCESS_DENIED, ERROR_BAD_EXE_FORMAT];
/// No process can be made.
const NO_ROOM: [u32; 4] = [
    ERROR_NOT_ENOUGH_MEMORY,
    ERROR_NOT_ENOUGH_QUOTA,
    ERROR_COMMITMENT_LIMIT,
    ERROR_NO_SYSTEM_RESOURCES,
];

impl Spawn<'_> {
    /// Starts it as a child of this process, or of the one that is named.
    pub fn spawn(&self) -> Result<Process, SpawnError> {
        let fail = |step| move |cause| SpawnError { step, cause };
        if self.gate.is_some() {
            return Err(fail(Step::Gate)(io::ErrorKind::Unsupported.into()));
        }
        if self.identity.is_some() {
            return Err(fail(Step::Identity)(io::ErrorKind::Unsupported.into()));
        }
        let folder = self.start_folder().map_err(fail(Step::Folder))?;
        let holder = self.parent().map_err(fail(Step::Process))?;
        // Without a console to share it would be given a window.
        let hidden = self.new_session || holder.is_some() || !surroundings::console();
        let hidden = hidden && self.terminal.is_none();
        let through_parent = holder.is_some();
        let inheritance = Inheritance::new(self, holder, hidden);
        let mut inheritance = inheritance.map_err(|cause| {
            // That it lets nobody put handles into it speaks against that parent.
            let is_barred = through_parent && call::is(&cause, ERROR_ACCESS_DENIED);
            let step = if is_barred {
                Step::Process
            } else {
                Step::Descriptors
            };
            SpawnError { step, cause }
        })?;
        // What is announced is not to be left suspended, in whatever moment this process ends.
        let own_job = match self.cgroups {
            [] if self.announce.is_some() => Some(Cgroup::unnamed().map_err(fail(Step::Cgroup))?),
            _ => None,
        };
        let jobs: Vec<&Cgroup> = self.cgroups.iter().chain(&own_job).collect();
        let leash = match (self.announce, jobs.first()) {
            (Some(_), Some(job)) => Some(Leash::new(job).map_err(fail(Step::Cgroup))?),
            _ => None,
        };
        let environment = self.environment.as_ref().map(environment::block);
        let made = Request {
            spawn: self,
            folder,
            environment: environment.transpose().map_err(fail(Step::Exec))?,
            flags: self.flags(hidden),
            jobs: jobs.iter().map(|job| job.raw()).collect(),
        };
        let made = made.first_that_runs(&mut inheritance)?;
        drop(inheritance);
        if let Some(file) = self.announce {
            made.announce(file, jobs[0], leash)?;
        }
        Ok(made.process)
    }

    /// The same: whoever started a process here has nothing to do once it has ended.
    pub fn spawn_orphan(self) -> Result<Process, SpawnError> {
        self.spawn()
    }

    fn start_folder(&self) -> io::Result<Option<PathBuf>> {
        let folder = self.folder.as_ref().and_then(|folder| folder.iter().next());
        let Some(folder) = folder else {
            return Ok(None);
        };
        let folder = PathBuf::from(os_string(folder.to_vec()));
        match std::fs::metadata(&folder)?.is_dir() {
            true => Ok(Some(folder)),
            false => Err(call::error(ERROR_DIRECTORY)),
        }
    }

    /// The process that is to be its parent, so that handles can be put into it. As long as we hold
    /// the one its id means it.
    fn parent(&self) -> io::Result<Option<OwnedHandle>> {
        let rights =
            PROCESS_CREATE_PROCESS | PROCESS_DUP_HANDLE | PROCESS_QUERY_LIMITED_INFORMATION;
        match self.leave {
            Leave::Parent(process) => open(process.pid(), rights).map(Some),
            Leave::Inherit | Leave::Breakaway => Ok(None),
        }
    }

    fn flags(&self, hidden: bool) -> u32 {
        let mut flags = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
        if hidden {
            flags |= CREATE_NO_WINDOW;
        }
        // Such a group ignores Ctrl-C, which is to be typed at a terminal.
        if (self.new_session || self.new_group) && self.terminal.is_none() {
            flags |= CREATE_NEW_PROCESS_GROUP;
        }
        if matches!(self.leave, Leave::Breakaway) {
            flags |= CREATE_BREAKAWAY_FROM_JOB;
        }
        if self.announce.is_some() {
            flags |= CREATE_SUSPENDED;
        }
        flags | self.nice.map_or(0, settings::priority_class)
    }
}

/// Keeps a job object's processes from outliving this process, until it is dropped.
struct Leash<'a>(&'a Cgroup);

impl Leash<'_> {
    fn new(job: &Cgroup) -> io::Result<Leash<'_>> {
        job.hold()?;
        Ok(Leash(job))
    }
}

impl Drop for Leash<'_> {
    fn drop(&mut self) {
        // It was allowed before, on the same handle.
        let _ = self.0.let_go();
    }
}

/// All that is known before it is known which file is run.
struct Request<'a> {
    spawn: &'a Spawn<'a>,
    folder: Option<PathBuf>,
    environment: Option<Vec<u16>>,
    flags: u32,
    jobs: Vec<HANDLE>,
}

/// A process that has been created, and may be suspended.
struct Made {
    process: Process,
    thread: OwnedHandle,
    program: OsString,
}

impl Request<'_> {
    /// Creates the process from the first file that can be run. One that is there and can't be is the
    /// reason if there is no other, wherever it stands.
    fn first_that_runs(&self, inheritance: &mut Inheritance) -> Result<Made, SpawnError> {
        let fail = |step, cause| Err(SpawnError { step, cause });
        let mut reason = not_found();
        for candidate in self.spawn.programs.iter() {
            let files = match ProgramFile::of(candidate, self.folder.as_deref()) {
                Ok(files) => files,
                Err(cause) => return fail(Step::Exec, cause),
            };
            for file in files {
                let error = match self.run(&file, inheritance) {
                    Ok(mut made) => {
                        made.program = os_string(candidate.to_vec());
                        return Ok(made);
                    }
                    Err(error) => error,
                };
                if let Some(step) = self.refused(&error, &file) {
                    return fail(step, error);
                }
                let one_of = |codes: &[u32]| codes.iter().any(|code| call::is(&error, *code));
                match () {
                    () if file.is_folder() => reason = call::error(ERROR_ACCESS_DENIED),
                    () if one_of(&MISSING) => {}
                    () if one_of(&UNFIT) => reason = error,
                    () if one_of(&NO_ROOM) => return fail(Step::Process, error),
                    () => return fail(Step::Exec, error),
                }
            }
        }
        fail(Step::Exec, reason)
    }

    /// What is refused by this error, if it is not the file: to leave the job object, that parent, or
    /// those job objects to be in. Each is told by the error of a file that may not be run, or is not
    /// known to an old system.
    fn refused(&self, error: &io::Error, file: &ProgramFile) -> Option<Step> {
        let is = |code| call::is(error, code);
        let denied = is(ERROR_ACCESS_DENIED);
        let joins = !self.spawn.cgroups.is_empty();
        let step = match self.spawn.leave {
            Leave::Breakaway if denied && proc::in_job(None).unwrap_or(false) => Step::Breakaway,
            Leave::Parent(_) if denied => Step::Process,
            _ if joins && (denied || is(ERROR_NOT_SUPPORTED) || is(ERROR_INVALID_PARAMETER)) => {
                Step::Cgroup
            }
            _ => return None,
        };
        // A folder is not opened for that.
        file.may_be_run().then_some(step)
    }

    fn run(&self, file: &ProgramFile, inheritance: &mut Inheritance) -> io::Result<Made> {
        let arguments = self.spawn.arguments.iter();
        let (application, line) = if file.is_batch() {
            // cmd.exe would say so only to its standard output.
            file.is_there()?;
            let line = quote::of_batch_file(file.for_cmd()?, arguments.skip(1))?;
            (command_interpreter()?, line)
        } else {
            let raw = self.spawn.raw_argument.as_deref();
            (file.application(), quote::of_program(arguments, raw)?)
        };
        self.create(&application, line, inheritance)
    }

    fn create(
        &self,
        application: &[u16],
        mut line: Vec<u16>,
        inheritance: &mut Inheritance,
    ) -> io::Result<Made> {
        let mut info = STARTUPINFOEXW::default();
        info.StartupInfo.cb = size_of::<STARTUPINFOEXW>() as u32;
        info.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        inheritance.tell(&mut info.StartupInfo);
        let parent = inheritance.holder();
        let parent = parent.as_slice();
        let console = self.spawn.terminal.map(Pty::console).transpose()?;
        let mut attributes = Attributes::new(4)?;
        let inherits = !inheritance.list().is_empty();
        if inherits {
            attributes.set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inheritance.list())?;
        }
        if let Some(console) = &console {
            attributes.set_console(console)?;
            console::heed_ctrl_c()?;
        }
        if !parent.is_empty() {
            attributes.set(PROC_THREAD_ATTRIBUTE_PARENT_PROCESS, parent)?;
        }
        if !self.jobs.is_empty() {
            attributes.set(PROC_THREAD_ATTRIBUTE_JOB_LIST, &self.jobs)?;
        }
        info.lpAttributeList = attributes.raw();
        let folder = self.folder.as_deref().map(call::wide).transpose()?;
        let folder = folder
            .as_ref()
            .map_or(std::ptr::null(), |folder| folder.as_ptr());
        let environment = self.environment.as_ref();
        let environment = environment.map_or(std::ptr::null(), |block| block.as_ptr());
        let mut made = PROCESS_INFORMATION::default();
        // SAFETY: strings that end with a NUL and a block that ends with two, a line that is ours to
        // be written to, a structure with its size, and attributes whose values are still there.
        call::check(unsafe {
            CreateProcessW(
                application.as_ptr(),
                line.as_mut_ptr(),
                std::ptr::null(),
                std::ptr::null(),
                inherits.into(),
                self.flags,
                environment.cast(),
                folder,
                &info.StartupInfo,
                &mut made,
            )
        })?;
        let process = call::owned(made.hProcess)?;
        let reach = match console {
            Some(_) => Reach::Console,
            None if self.flags & CREATE_NEW_PROCESS_GROUP != 0 => Reach::Group,
            None => Reach::Nobody,
        };
        Ok(Made {
            process: Process::started(made.dwProcessId.cast_signed(), process, reach),
            thread: call::owned(made.hThread)?,
            program: OsString::new(),
        })
    }
}

impl Made {
    /// Writes its line behind what is in the file, takes it off the leash and lets it go on. If that
    /// fails nothing of it is left.
    fn announce(
        &self,
        file: super::Borrowed<'_>,
        job: &Cgroup,
        leash: Option<Leash<'_>>,
    ) -> Result<(), SpawnError> {
        let written = proc::of_handle(self.process.raw())
            .and_then(|line| append(file.as_raw_handle(), &proc::text(&line, &self.program)));
        // SAFETY: a thread that we own.
        let resume = || match unsafe { ResumeThread(self.thread.as_raw_handle()) } {
            u32::MAX => Err(io::Error::last_os_error()),
            _ => Ok(()),
        };
        let started = match written {
            Ok(()) => {
                self.give(job);
                // From its first step on it lives without us.
                drop(leash);
                resume().map_err(|cause| (Step::Process, cause))
            }
            Err(cause) => Err((Step::Announce, cause)),
        };
        if let Err((step, cause)) = started {
            // It has done nothing yet, and can't have ended.
            let _ = self.process.signal(super::signal::KILL);
            let _ = self.process.wait_end(None);
            return Err(SpawnError { step, cause });
        }
        Ok(())
    }

    /// Gives it a handle to its own job object, so that this has its name for as long as the process
    /// lives, whoever else has ended.
    fn give(&self, job: &Cgroup) {
        let (from, to) = (job.raw(), self.process.raw());
        let mut copy = std::ptr::null_mut();
        // Somebody may have ended it already, and then it needs none.
        // SAFETY: handles that are open; the copy is that process's, and goes with it.
        unsafe {
            let here = GetCurrentProcess();
            DuplicateHandle(here, from, to, &mut copy, 0, 0, DUPLICATE_SAME_ACCESS)
        };
    }
}

/// Writes behind a file's end, wherever this handle stands in it.
fn append(file: HANDLE, text: &[u8]) -> io::Result<()> {
    // WriteFile's own way to say so.
    let end = OVERLAPPED_0_0 {
        Offset: u32::MAX,
        OffsetHigh: u32::MAX,
    };
    let mut place = OVERLAPPED {
        Anonymous: OVERLAPPED_0 { Anonymous: end },
        ..OVERLAPPED::default()
    };
    let mut written = 0;
    let (at, length) = (text.as_ptr(), text.len() as u32);
    // SAFETY: a handle that is open, a buffer of ours and its length; the call waits for its end, as
    // the file was not opened for anything else.
    call::check(unsafe { WriteFile(file, at, length, &mut written, &mut place) })?;
    match written == length {
        true => Ok(()),
        false => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Where a program may be, in the order in which to look: itself if it is a path, else in each
/// folder of `PATH`, under its name and as a batch file of that name. The folder that this process is
/// in is not looked in.
pub fn candidates(program: &OsStr, path: Option<&OsStr>) -> Vec<Vec<u8>> {
    let bytes = |path: PathBuf| super::bytes(path.as_os_str()).to_vec();
    let separates = |byte: &u8| matches!(byte, b'\\' | b'/' | b':');
    if super::bytes(program).iter().any(separates) {
        return vec![super::bytes(program).to_vec()];
    }
    let name = Path::new(program);
    let mut names = vec![program.to_owned()];
    if name.extension().is_none() {
        let batch = ["bat", "cmd"].map(|end| name.with_extension(end).into_os_string());
        names.extend(batch);
    }
    let folders = std::env::split_paths(path.unwrap_or_default());
    let folders = folders.filter(|folder| !folder.as_os_str().is_empty());
    let each = folders.flat_map(|folder| {
        names
            .iter()
            .map(move |name| folder.join(name))
            .collect::<Vec<_>>()
    });
    each.map(bytes).collect()
}
