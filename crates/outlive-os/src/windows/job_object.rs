//! Job objects: a process's container for what it may use, and what is ended as a whole.

use super::process::Process;
use super::security::Private;
use super::{call, signal};
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::Path;
use windows_sys::Win32::Foundation::{ERROR_ALREADY_EXISTS, ERROR_MORE_DATA, GetLastError, HANDLE};
use windows_sys::Win32::System::JobObjects::{
    CreateJobObjectW, IsProcessInJob, JOB_OBJECT_LIMIT_BREAKAWAY_OK,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_ASSOCIATE_COMPLETION_PORT,
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JOBOBJECTINFOCLASS, JobObjectAssociateCompletionPortInformation,
    JobObjectBasicAccountingInformation, JobObjectBasicProcessIdList,
    JobObjectExtendedLimitInformation, OpenJobObjectW, QueryInformationJobObject,
    SetInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::SystemServices::{JOB_OBJECT_QUERY, JOB_OBJECT_TERMINATE};

/// All rights (JOB_OBJECT_ALL_ACCESS, winnt.h).
const JOB_OBJECT_ALL_ACCESS: u32 = 0x1F_003F;

/// A job object that processes can be started in.
#[derive(Debug)]
pub struct Cgroup(OwnedHandle);

impl Cgroup {
    /// The job object of this name, such as `Local\name`. (Of the versions of cgroups there are none
    /// here.)
    pub fn open(path: &Path, _unified: bool) -> io::Result<Cgroup> {
        open(path, JOB_OBJECT_ALL_ACCESS).map(Cgroup)
    }

    /// The same, to be asked alone.
    pub(super) fn to_query(path: &Path) -> io::Result<Cgroup> {
        open(path, JOB_OBJECT_QUERY).map(Cgroup)
    }

    /// An error of kind `Unsupported`: only a new process is put into one.
    pub fn admit(&self, _process: &Process) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes the job object of this name, for this user alone; there must be none yet. It limits
    /// nothing and lets its processes' children leave it if they ask for that.
    pub fn make(path: &Path, _unified: bool) -> io::Result<Cgroup> {
        let name = call::wide(path)?;
        let private = Private::new()?;
        let attributes = private.attributes();
        // SAFETY: attributes that live past the call, and a string that ends with a NUL.
        let made = unsafe { CreateJobObjectW(&attributes, name.as_ptr()) };
        // SAFETY: asks for a number; nothing has been called since.
        let already = unsafe { GetLastError() } == ERROR_ALREADY_EXISTS;
        let job = Cgroup(call::owned(made)?);
        if already {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        job.let_go()?;
        Ok(job)
    }

    /// Makes one without a name.
    pub(super) fn unnamed() -> io::Result<Cgroup> {
        let none = std::ptr::null();
        // SAFETY: takes nothing.
        let job = Cgroup(call::owned(unsafe { CreateJobObjectW(none, none.cast()) })?);
        job.let_go()?;
        Ok(job)
    }

    /// Makes its processes end with the last handle to it.
    pub(super) fn hold(&self) -> io::Result<()> {
        self.limit(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)
    }

    /// Lets its processes live on without a handle to it.
    pub(super) fn let_go(&self) -> io::Result<()> {
        self.limit(0)
    }

    /// Whether it holds its processes; what else it limits stays as it is.
    fn limit(&self, holds: u32) -> io::Result<()> {
        let class = JobObjectExtendedLimitInformation;
        let mut limits: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = self.get(class)?;
        let flags = &mut limits.BasicLimitInformation.LimitFlags;
        *flags &= !JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        *flags |= holds | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
        self.set(class, &limits)
    }

    /// Has what happens to its processes told to a completion port, under a key, and to none that it
    /// was told to before.
    pub(super) fn tell(&self, port: HANDLE, key: usize) -> io::Result<()> {
        let class = JobObjectAssociateCompletionPortInformation;
        let nobody = JOBOBJECT_ASSOCIATE_COMPLETION_PORT::default();
        // A port is set once, and has to be given up before another one is set. Without one there is
        // nothing to be given up.
        let _ = self.set(class, &nobody);
        let information = JOBOBJECT_ASSOCIATE_COMPLETION_PORT {
            CompletionKey: key as *mut _,
            CompletionPort: port,
        };
        self.set(class, &information)
    }

    pub(super) fn set<T>(&self, class: JOBOBJECTINFOCLASS, information: &T) -> io::Result<()> {
        let at = std::ptr::from_ref(information).cast();
        let size = size_of::<T>() as u32;
        // SAFETY: a structure of ours and its size; each class is set by its own structure.
        call::check(unsafe { SetInformationJobObject(self.raw(), class, at, size) })
    }

    /// What it tells of a class, in the structure of that class.
    pub(super) fn get<T: Default>(&self, class: JOBOBJECTINFOCLASS) -> io::Result<T> {
        let mut information = T::default();
        let size = size_of::<T>() as u32;
        let (at, none) = ((&raw mut information).cast(), std::ptr::null_mut());
        // SAFETY: a structure of ours and its size; each class fills its own structure.
        call::check(unsafe { QueryInformationJobObject(self.raw(), class, at, size, none) })?;
        Ok(information)
    }

    /// How many of its processes have not ended.
    pub(super) fn active(&self) -> io::Result<u32> {
        let class = JobObjectBasicAccountingInformation;
        let counts: JOBOBJECT_BASIC_ACCOUNTING_INFORMATION = self.get(class)?;
        Ok(counts.ActiveProcesses)
    }

    /// The ids of its processes, of those in job objects within it too.
    pub(super) fn processes(&self) -> io::Result<Vec<i32>> {
        /// JOBOBJECT_BASIC_PROCESS_ID_LIST before its list: how many there are, and how many follow.
        const COUNTS: usize = 8 / size_of::<usize>();
        let mut list = vec![0usize; COUNTS + 64];
        loop {
            let size = size_of_val(list.as_slice()) as u32;
            let class = JobObjectBasicProcessIdList;
            let (at, none) = (list.as_mut_ptr().cast(), std::ptr::null_mut());
            // SAFETY: a buffer of ours and its size.
            let result = unsafe { QueryInformationJobObject(self.raw(), class, at, size, none) };
            match call::check(result) {
                Err(error) if call::is(&error, ERROR_MORE_DATA) => {}
                result => {
                    result?;
                    break;
                }
            }
            list.resize(list.len() * 2, 0);
        }
        // SAFETY: inside of the buffer, which begins with two such numbers.
        let count = unsafe { list.as_ptr().cast::<u32>().add(1).read() } as usize;
        let ids = list.iter().skip(COUNTS).take(count);
        Ok(ids.map(|id| (*id as u32).cast_signed()).collect())
    }

    /// Whether a process is in it or in a job object within it.
    pub(super) fn has(&self, process: &Process) -> io::Result<bool> {
        let mut is_in = 0;
        // SAFETY: handles that are open, and the answer is written.
        call::check(unsafe { IsProcessInJob(process.raw(), self.raw(), &mut is_in) })?;
        Ok(is_in != 0)
    }

    /// Ends all its processes, of those in job objects within it too.
    pub(super) fn terminate(&self) -> io::Result<()> {
        // SAFETY: a handle that is open.
        call::check(unsafe { TerminateJobObject(self.raw(), 1) })
    }

    pub(super) fn raw(&self) -> HANDLE {
        self.0.as_raw_handle()
    }

    pub(super) fn try_clone(&self) -> io::Result<Cgroup> {
        self.0.try_clone().map(Cgroup)
    }
}

fn open(path: &Path, rights: u32) -> io::Result<OwnedHandle> {
    let name = call::wide(path)?;
    // SAFETY: a string that ends with a NUL.
    call::owned(unsafe { OpenJobObjectW(rights, 0, name.as_ptr()) })
}

/// A job object that stays as long as this is there.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "it holds a handle")] Cgroup);

impl Hold {
    /// Holds the job object of this name.
    pub fn take(path: &Path) -> io::Result<Hold> {
        Cgroup::to_query(path).map(Hold)
    }
}

/// Removes a job object as [`remove`] does.
pub fn remove_abandoned(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes a job object: it goes by itself with its last process and handle.
pub fn remove(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Ends all processes in a job object and in those within it, at once, or, if some of them are
/// `spared`, each of the others.
pub fn kill(path: &Path, spared: impl Fn(i32) -> bool) -> io::Result<()> {
    let job = Cgroup(open(path, JOB_OBJECT_QUERY | JOB_OBJECT_TERMINATE)?);
    let (spared, others): (Vec<i32>, Vec<i32>) =
        job.processes()?.into_iter().partition(|pid| spared(*pid));
    if spared.is_empty() {
        return job.terminate();
    }
    for process in others.into_iter().flat_map(Process::open) {
        // Held: between the list and the opening another one may have come by the id.
        if job.has(&process)? {
            // One that has ended, or that is not ours to end, can't be helped.
            let _ = process.signal(signal::KILL);
        }
    }
    Ok(())
}

/// The processes in a job object and in those within it.
pub fn processes(path: &Path) -> io::Result<Vec<i32>> {
    Cgroup::to_query(path)?.processes()
}
