//! A job's processes, as their keeper holds them: those in the job object that its main process was
//! started in. What becomes of them is told by a completion port (JOBOBJECT_ASSOCIATE_COMPLETION_PORT).

use super::cgroup::Cgroup;
use super::ctrl_handler::Signals;
use super::overlapped::{Until, event};
use super::process::Process;
use super::{call, proc, signal};
use crate::{Found, Marks, News, Reaped};
use outlive_record::ProcessLine;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::IO::{
    CreateIoCompletionPort, GetQueuedCompletionStatus, PostQueuedCompletionStatus,
};
use windows_sys::Win32::System::SystemServices::{
    JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS, JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO,
    JOB_OBJECT_MSG_EXIT_PROCESS,
};
use windows_sys::Win32::System::Threading::{
    INFINITE, ResetEvent, SetEvent, WaitForMultipleObjects,
};

/// The completion port's keys: what the job object tells, and that nobody listens any more.
const JOB: usize = 1;
const OVER: usize = 2;
/// What a thread needs that only waits.
const STACK: usize = 64 << 10;
/// How long killed processes are waited for: as a rule they are gone in a millisecond.
const DYING: Duration = Duration::from_millis(100);

/// A keeper's view of its job's processes.
#[derive(Debug)]
pub struct Tree {
    job: Option<Cgroup>,
    /// Told to end when this is dropped.
    port: Option<Arc<OwnedHandle>>,
    /// Signalled when this is dropped.
    over: Arc<OwnedHandle>,
    told: Arc<Told>,
    signals: Option<Signals>,
    main: Option<Main>,
    /// Those that were asked to end, by id and start time.
    asked: Vec<(i32, u64)>,
}

#[derive(Debug)]
struct Main {
    process: Process,
    /// Whether its end has been told.
    reaped: bool,
}

/// What the threads that wait have to say.
#[derive(Debug)]
struct Told {
    /// Something has ended.
    ended: AtomicBool,
    /// Signalled when there is something new.
    news: Arc<OwnedHandle>,
}

impl Told {
    fn tell(&self) {
        self.ended.store(true, Ordering::SeqCst);
        // SAFETY: an event of ours.
        unsafe { SetEvent(self.news.as_raw_handle()) };
    }
}

/// Whether a process is of another job: one that was started from within this one and is meant to
/// outlive it, its keeper or, where that is gone, any process of it.
pub fn is_of_another_job(pid: i32, marks: &Marks) -> bool {
    let environment = proc::environment(pid);
    proc::variable(&environment, marks.keeper).is_some()
        || proc::variable(&environment, marks.variable)
            .is_some_and(|other| other != marks.id.as_bytes())
}

impl Tree {
    /// The processes of a job that is going to be started in the first of these job objects. Without
    /// one it is the main process alone, and what descends from it. If `heed_stop`, this process is
    /// told by events, too, that somebody asks for its end.
    pub fn new(_marks: Marks, cgroups: &[Cgroup], heed_stop: bool) -> io::Result<Tree> {
        let signals = heed_stop
            .then(|| Signals::take(&[signal::TERM]))
            .transpose()?;
        let news = match &signals {
            Some(signals) => Arc::new(signals.as_handle().try_clone_to_owned()?),
            None => event(Until::Reset)?,
        };
        let told = Arc::new(Told {
            ended: AtomicBool::new(false),
            news,
        });
        let job = cgroups.first().map(Cgroup::try_clone).transpose()?;
        let port = job.as_ref().map(|job| listen(job, &told)).transpose()?;
        Ok(Tree {
            job,
            port,
            over: event(Until::Reset)?,
            told,
            signals,
            main: None,
            asked: Vec::new(),
        })
    }

    /// The tree of a job that runs, and has lost its keeper. Its job object must be there, and give up
    /// the completion port of the keeper that is gone (Windows 8).
    pub fn adopt(found: Found, main: &Process, heed_stop: bool) -> io::Result<Tree> {
        let jobs = found.cgroups().iter();
        let jobs = jobs.map(|path| Cgroup::open(path, false));
        let jobs: Vec<Cgroup> = jobs.collect::<io::Result<_>>()?;
        if jobs.is_empty() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut tree = Tree::new(found.marks().clone(), &jobs, heed_stop)?;
        tree.begin(main);
        Ok(tree)
    }

    /// Its main process has been started, for the first time or once more.
    pub fn begin(&mut self, main: &Process) {
        let Ok(process) = main.try_clone() else {
            return;
        };
        // The job object's messages are not sure to arrive; that the main process has ended is told
        // by itself.
        if self.wait_for(&process).is_err() {
            self.told.tell();
        }
        self.main = Some(Main {
            process,
            reaped: false,
        });
    }

    fn wait_for(&self, main: &Process) -> io::Result<()> {
        let main = main.as_handle().try_clone_to_owned()?;
        let over = Arc::clone(&self.over);
        let told = Arc::clone(&self.told);
        let wait = move || {
            let both = [main.as_raw_handle(), over.as_raw_handle()];
            // SAFETY: two handles that are open.
            unsafe { WaitForMultipleObjects(2, both.as_ptr(), 0, INFINITE) };
            told.tell();
        };
        thread::Builder::new().stack_size(STACK).spawn(wait)?;
        Ok(())
    }

    /// What has happened, if anything.
    pub fn news(&self) -> io::Result<Option<News>> {
        match &self.signals {
            // Resets the event, which is both's, once it has nothing.
            Some(signals) => {
                if signals.next()?.is_some() {
                    return Ok(Some(News::StopAsked));
                }
            }
            // SAFETY: an event of ours.
            None => call::check(unsafe { ResetEvent(self.told.news.as_raw_handle()) })?,
        }
        // After the event was reset: whoever sets it does so after this.
        Ok(self
            .told
            .ended
            .swap(false, Ordering::SeqCst)
            .then_some(News::Ended))
    }

    /// Tells of one process that has ended: only the main one, since nobody need reap others.
    pub fn reap(&mut self) -> io::Result<Reaped> {
        if let Some(main) = &mut self.main
            && !main.reaped
        {
            if !main.process.wait_end(Some(Duration::ZERO))? {
                return Ok(Reaped::NoneEnded);
            }
            main.reaped = true;
            return Ok(Reaped::Main(main.process.reap()?));
        }
        Ok(match self.is_empty()? {
            true => Reaped::NoneLeft,
            false => Reaped::NoneEnded,
        })
    }

    /// Whether no process of the job is left.
    pub fn is_empty(&mut self) -> io::Result<bool> {
        match (&self.job, &self.main) {
            (Some(job), _) => Ok(job.active()? == 0),
            (None, Some(main)) => main.process.wait_end(Some(Duration::ZERO)),
            (None, None) => Ok(true),
        }
    }

    fn members(&self) -> io::Result<Vec<ProcessLine>> {
        if let Some(job) = &self.job {
            let lines = job.processes()?.into_iter();
            // One that has ended meanwhile is left out.
            return Ok(lines.filter_map(|pid| proc::line(pid).ok()?).collect());
        }
        let Some(main) = &self.main else {
            return Ok(Vec::new());
        };
        let mut found: Vec<_> = main.process.line()?.into_iter().collect();
        found.extend(proc::descendants(&proc::all()?, main.process.pid(), |_| {
            false
        }));
        Ok(found)
    }

    /// Opens a process of the job; none if it is gone or not ours to open.
    fn open(&self, line: &ProcessLine) -> Option<Process> {
        let process = Process::open_same(line.pid, line.start_time).ok()??;
        // Between the list of ids and the look at it another one may have come by its id.
        let is_ours = |job: &Cgroup| job.has(&process).unwrap_or(false);
        self.job.as_ref().is_none_or(is_ours).then_some(process)
    }

    /// Only the main process is known to lead a process group. Ctrl-Break reaches with it those of its
    /// children that share its group; to anybody else it can't be sent alone.
    fn send(&self, line: &ProcessLine, signal: i32) {
        // Gone, or not ours to signal: neither can be helped here.
        let _ = match &self.main {
            // As long as its handle is open its id is its own.
            Some(main) if main.process.pid() == line.pid => main.process.signal(signal),
            _ => match self.open(line) {
                Some(process) => process.signal(signal),
                None => Ok(()),
            },
        };
    }

    /// Whether the process that bears this id now is of the tree.
    pub fn has(&mut self, pid: i32) -> io::Result<bool> {
        Ok(self.members()?.iter().any(|line| line.pid == pid))
    }

    /// Sends a signal to every process of the job, once. One that may not be signalled is passed over
    /// here and seen by [`is_empty`](Tree::is_empty).
    pub fn signal_all(&mut self, signal: i32) -> io::Result<()> {
        if signal == signal::KILL {
            return self.kill();
        }
        let members = self.members()?;
        members.iter().for_each(|line| self.send(line, signal));
        Ok(())
    }

    /// Asks every process of the job to end that was not asked before, by what comes nearest to this
    /// signal.
    pub fn ask(&mut self, signal: i32) -> io::Result<()> {
        let mut members = self.members()?;
        members.retain(|line| !self.asked.contains(&(line.pid, line.start_time)));
        members.iter().for_each(|line| self.send(line, signal));
        let asked = members.iter().map(|line| (line.pid, line.start_time));
        self.asked.extend(asked);
        Ok(())
    }

    /// Ends every process of the job, all at once if it has a job object.
    ///
    /// To be repeated, with a reaping in between, until nothing is left.
    pub fn kill(&mut self) -> io::Result<()> {
        let members = self.members()?;
        let open = members.iter().filter_map(|line| self.open(line));
        let dying: Vec<Process> = open.collect();
        match &self.job {
            Some(job) => job.terminate()?,
            // Those that are not ours to end can't be helped.
            None => dying.iter().for_each(|it| drop(it.signal(signal::KILL))),
        }
        for process in dying {
            process.wait_end(Some(DYING))?;
        }
        Ok(())
    }
}

/// Has a thread pass on what a job object tells.
fn listen(job: &Cgroup, told: &Arc<Told>) -> io::Result<Arc<OwnedHandle>> {
    let none = std::ptr::null_mut();
    // SAFETY: makes a port for no file in particular.
    let port = call::owned(unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, none, 0, 1) })?;
    job.tell(port.as_raw_handle(), JOB)?;
    let port = Arc::new(port);
    let (heard, told) = (Arc::clone(&port), Arc::clone(told));
    let hear = move || {
        while let Some(message) = next_message(&heard) {
            match message {
                JOB_OBJECT_MSG_EXIT_PROCESS
                | JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS
                | JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO => told.tell(),
                _ => {}
            }
        }
    };
    thread::Builder::new().stack_size(STACK).spawn(hear)?;
    Ok(port)
}

/// The next message of the job object; none once nobody listens any more.
fn next_message(port: &OwnedHandle) -> Option<u32> {
    let (mut message, mut key, mut pid) = (0, 0, std::ptr::null_mut());
    let (port, pid) = (port.as_raw_handle(), &mut pid);
    // SAFETY: a port of ours; three places that are written. In place of an OVERLAPPED there is a
    // process id, which is not followed.
    let result = unsafe { GetQueuedCompletionStatus(port, &mut message, &mut key, pid, INFINITE) };
    (result != 0 && key == JOB).then_some(message)
}

impl Drop for Tree {
    fn drop(&mut self) {
        // SAFETY: an event of ours.
        unsafe { SetEvent(self.over.as_raw_handle()) };
        if let Some(port) = &self.port {
            // SAFETY: a port of ours; nothing is passed but the key.
            unsafe { PostQueuedCompletionStatus(port.as_raw_handle(), 0, OVER, std::ptr::null()) };
        }
    }
}

impl AsHandle for Tree {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.told.news.as_handle()
    }
}
