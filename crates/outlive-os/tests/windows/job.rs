//! Job objects: who leaves them, and who ends with them.

use crate::common::{Held, as_child, printed, puppet, started, strings};
use outlive_os::cgroup::{self, Cgroup};
use outlive_os::process::{Exit, Process};
use outlive_os::spawn::{Spawn, Step};
use outlive_os::{AsDescriptor, Descriptor, Leave, events, proc};
use std::io::ErrorKind;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::time::Duration;
use windows_sys::Win32::System::JobObjects::{
    JOB_OBJECT_LIMIT_BREAKAWAY_OK as BREAKAWAY, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE as KILL,
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK as SILENT, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, OpenJobObjectW, SetInformationJobObject,
};

/// A name that no other test has.
pub(crate) fn name() -> PathBuf {
    let random = || proc::random().expect("it can be had");
    format!(r"Local\outlive-test-{:08x}{:08x}", random(), random()).into()
}

/// A job object of somebody else's, with these limits.
struct Foreign {
    path: PathBuf,
    job: Cgroup,
    handle: OwnedHandle,
}

impl Foreign {
    fn new(flags: u32) -> Foreign {
        let path = name();
        let job = Cgroup::make(&path, true).expect("a job object can be made");
        let units: Vec<u16> = path
            .to_str()
            .expect("text")
            .encode_utf16()
            .chain([0])
            .collect();
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = flags;
        let (class, size) = (
            JobObjectExtendedLimitInformation,
            size_of_val(&limits) as u32,
        );
        // SAFETY: a string that ends with a NUL, and a structure with its size; the handle is ours.
        let handle = unsafe {
            let handle = OpenJobObjectW(0x1F_003F, 0, units.as_ptr());
            assert!(!handle.is_null());
            let at = (&raw const limits).cast();
            assert_ne!(SetInformationJobObject(handle, class, at, size), 0);
            OwnedHandle::from_raw_handle(handle)
        };
        assert!(!handle.as_raw_handle().is_null());
        Foreign { path, job, handle }
    }

    fn has(&self, pid: i32) -> bool {
        let inside = cgroup::processes(&self.path).expect("it can be looked at");
        inside.contains(&pid)
    }
}

/// A starter in job objects, and what it has started.
struct Family {
    starter: Held,
    /// What ends the child, if there is one.
    input: Descriptor,
}

impl Family {
    /// A child that was started from within these, which ends with code 77 when its input does.
    fn new(jobs: &[Cgroup], leave: &str) -> Family {
        let (read, input) = events::pipe().expect("a pipe can be made");
        let spawn = Spawn {
            cgroups: jobs,
            descriptors: vec![(read.as_fd(), 3)],
            ..puppet(&["start", leave, "held", "77"])
        };
        Family {
            starter: Held::start(spawn, as_child),
            input,
        }
    }

    fn child(&self) -> Process {
        let pid = self.starter.line.parse();
        Process::open(pid.unwrap_or_else(|_| panic!("{}", self.starter.line))).expect("it lives")
    }

    /// The starter has been ended by now; the child has not.
    fn only_the_child_lives(self) {
        let child = self.child();
        self.starter
            .process
            .wait_end(None)
            .expect("it can be waited for");
        let ended = child.wait_end(Some(Duration::ZERO));
        assert!(!ended.expect("it can be waited for"));
        drop(self.input);
        let exit = child.reap().expect("it can be waited for");
        assert_eq!(exit, Some(Exit::Code(77)));
    }

    /// Both have been ended.
    fn both_are_ended(self) {
        let child = self.child();
        self.starter
            .process
            .wait_end(None)
            .expect("it can be waited for");
        let exit = child.reap().expect("it can be waited for");
        assert_ne!(exit, Some(Exit::Code(77)));
        drop(self.input);
    }
}

#[test]
fn a_plain_child_ends_with_the_job_object() {
    let job = Foreign::new(KILL);
    let family = Family::new(std::slice::from_ref(&job.job), "inherit");
    assert!(job.has(family.child().pid()));
    // Its last handle.
    drop(job);
    family.both_are_ended();

    let job = Foreign::new(0);
    let family = Family::new(std::slice::from_ref(&job.job), "inherit");
    cgroup::kill(&job.path, |_| false).expect("it can be terminated");
    family.both_are_ended();
}

#[test]
fn a_child_that_leaves_lives_on_and_its_exit_code_is_read() {
    let job = Foreign::new(KILL | BREAKAWAY);
    let family = Family::new(std::slice::from_ref(&job.job), "breakaway");
    let child = family.child();
    assert!(!job.has(child.pid()));
    assert!(!proc::in_job(Some(&child)).expect("it can be asked"));
    drop(job);
    family.only_the_child_lives();

    let job = Foreign::new(BREAKAWAY);
    let family = Family::new(std::slice::from_ref(&job.job), "breakaway");
    cgroup::kill(&job.path, |_| false).expect("it can be terminated");
    family.only_the_child_lives();
}

#[test]
fn a_child_that_may_leave_and_does_not_stays() {
    let job = Foreign::new(KILL | BREAKAWAY);
    let family = Family::new(std::slice::from_ref(&job.job), "inherit");
    assert!(job.has(family.child().pid()));
    drop(job);
    family.both_are_ended();
}

#[test]
fn a_job_object_that_lets_nobody_go_is_told_from_a_file_that_may_not_be_run() {
    let job = Foreign::new(KILL);
    let jobs = std::slice::from_ref(&job.job);
    let refused = Family::new(jobs, "breakaway");
    assert_eq!(refused.starter.line, "Breakaway Some(5)");
    // Nothing more is in it than with a process that starts nothing.
    let count = |job: &Foreign| {
        cgroup::processes(&job.path)
            .expect("it can be looked at")
            .len()
    };
    let other = Foreign::new(KILL);
    let spawn = Spawn {
        cgroups: std::slice::from_ref(&other.job),
        ..puppet(&["held"])
    };
    let alone = Held::start(spawn, as_child);
    assert_eq!(count(&job), count(&other));
    alone.end();
    let spawn = Spawn {
        cgroups: jobs,
        ..puppet(&["start", "breakaway", "no such program"])
    };
    let missing = Held::start(spawn, as_child);
    assert_eq!(missing.line, "Exec Some(2)");
}

#[test]
fn a_child_of_another_parent_leaves() {
    let job = Foreign::new(KILL);
    let me = std::process::id();
    let family = Family::new(std::slice::from_ref(&job.job), &me.to_string());
    let child = family.child();
    assert!(!job.has(child.pid()));
    let line = child
        .line()
        .expect("it can be looked at")
        .expect("it lives");
    assert_eq!(line.parent, me.cast_signed());
    drop(job);
    family.only_the_child_lives();
}

#[test]
fn a_parent_that_takes_no_handles_is_told_from_a_program_that_can_not_be_run() {
    let ended = started(puppet(&["exit", "0"]), as_child);
    ended.wait_end(None).expect("it can be waited for");
    let spawn = Spawn {
        leave: Leave::Parent(&ended),
        ..puppet(&["exit", "0"])
    };
    assert_eq!(
        as_child(spawn).expect_err("it has ended").step,
        Step::Process
    );
}

/// One that has processes elsewhere can't become part of another one (nested jobs).
#[test]
fn job_objects_that_take_nobody_are_told_from_a_program_that_can_not_be_run() {
    let jobs = [(); 2].map(|()| Cgroup::make(&name(), true).expect("it can be made"));
    let within = |cgroups| Spawn {
        cgroups,
        ..puppet(&["held"])
    };
    let other = Held::start(within(&jobs[1..]), as_child);
    let error = as_child(within(&jobs)).expect_err("they are not nested");
    assert_eq!(
        (error.step, error.cause.raw_os_error()),
        (Step::Cgroup, Some(5))
    );
    let mut missing = within(&jobs);
    missing.programs = strings(["no such program"]);
    assert_eq!(
        as_child(missing).expect_err("there is none").step,
        Step::Exec
    );
    other.end();
}

/// What it does must not be undone by the end of whoever started it.
#[test]
fn an_announced_process_is_off_the_leash_from_its_first_step() {
    let job = [Cgroup::make(&name(), true).expect("it can be made")];
    let file = tempfile::tempfile().expect("a file can be made");
    let spawn = Spawn {
        cgroups: &job,
        announce: Some(file.as_fd()),
        ..puppet(&["job"])
    };
    let said = printed(spawn, as_child);
    assert!(said.contains("kill_on_close: false"), "{said}");
}

#[test]
fn nobody_stays_in_one_that_lets_go_silently() {
    let job = Foreign::new(KILL | SILENT);
    let family = Family::new(std::slice::from_ref(&job.job), "inherit");
    assert!(!job.has(family.child().pid()));
    drop(job);
    family.only_the_child_lives();
}

fn nested(outer: u32, inner: u32) -> ([PathBuf; 2], [Cgroup; 2], [OwnedHandle; 2]) {
    let [outer, inner] = [outer, inner].map(Foreign::new);
    (
        [outer.path, inner.path],
        [outer.job, inner.job],
        [outer.handle, inner.handle],
    )
}

fn has(path: &Path, pid: i32) -> bool {
    cgroup::processes(path)
        .expect("it can be looked at")
        .contains(&pid)
}

#[test]
fn of_nested_ones_all_must_let_it_go() {
    let ([outer, inner], jobs, _handles) = nested(BREAKAWAY, BREAKAWAY);
    let family = Family::new(&jobs, "breakaway");
    let pid = family.child().pid();
    assert!(!has(&outer, pid) && !has(&inner, pid));
    cgroup::kill(&outer, |_| false).expect("it can be terminated");
    family.only_the_child_lives();

    // The innermost is asked first.
    let (_, jobs, _handles) = nested(BREAKAWAY, 0);
    let refused = Family::new(&jobs, "breakaway");
    assert_eq!(refused.starter.line, "Breakaway Some(5)");

    // It goes as far as it is let.
    let ([outer, inner], jobs, _handles) = nested(0, BREAKAWAY);
    let family = Family::new(&jobs, "breakaway");
    let child = family.child();
    assert!(has(&outer, child.pid()) && !has(&inner, child.pid()));
    assert!(proc::in_job(Some(&child)).expect("it can be asked"));
    cgroup::kill(&outer, |_| false).expect("it can be terminated");
    family.both_are_ended();
}

#[test]
fn a_process_knows_of_the_job_object_that_it_is_in() {
    assert!(!proc::in_job(None).expect("it can be asked"));
    assert_eq!(printed(puppet(&["job"]), as_child).trim(), "None");
    let job = Foreign::new(KILL | BREAKAWAY);
    let spawn = Spawn {
        cgroups: std::slice::from_ref(&job.job),
        ..puppet(&["job"])
    };
    let said = printed(spawn, as_child);
    assert!(
        said.starts_with("Some(Job { breakaway_ok: true, "),
        "{said}"
    );
    println!("{said}");
}

#[test]
fn one_of_a_name_is_made_once() {
    let path = name();
    let job = Cgroup::make(&path, true).expect("it can be made");
    let again = Cgroup::make(&path, true).expect_err("it is there");
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    Cgroup::open(&path, true).expect("it is there");
    assert!(cgroup::processes(&path).expect("it is empty").is_empty());
    drop(job);
    assert!(Cgroup::open(&path, true).is_err());
    cgroup::remove(&path).expect("there is nothing to be done");
}

#[test]
fn all_of_many_processes_are_listed() {
    let path = name();
    let job = Cgroup::make(&path, true).expect("it can be made");
    let spawn = || Spawn {
        cgroups: std::slice::from_ref(&job),
        new_session: true,
        ..puppet(&["held"])
    };
    let many: Vec<Held> = (0..70).map(|_| Held::start(spawn(), as_child)).collect();
    let listed = cgroup::processes(&path).expect("it can be looked at");
    // Wine's consoles are kept by processes that are in it too.
    assert!(many.iter().all(|it| listed.contains(&it.process.pid())));
}

#[test]
fn an_announced_process_keeps_its_job_objects_name() {
    let path = name();
    let job = Cgroup::make(&path, true).expect("it can be made");
    let file = tempfile::tempfile().expect("a file can be made");
    let spawn = Spawn {
        cgroups: std::slice::from_ref(&job),
        announce: Some(file.as_fd()),
        leave: Leave::Inherit,
        ..puppet(&["held"])
    };
    let held = Held::start(spawn, as_child);
    drop(job);
    let inside = cgroup::processes(&path).expect("it has its name");
    assert!(inside.contains(&held.process.pid()));
    cgroup::kill(&path, |_| false).expect("it can be terminated");
    held.process.wait_end(None).expect("it can be waited for");
    drop(held);
}
