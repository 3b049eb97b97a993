//! Job objects of somebody else's.

use crate::home::{self, Said};
use crate::{Home, Puppet, Stage};
use outlive_os::cgroup::{self, Cgroup};
use outlive_os::process::{Exit, Process};
use outlive_os::spawn::{Spawn, Strings};
use outlive_os::{AsDescriptor, bytes, events, proc};
use std::ffi::OsStr;
use std::fs::File;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::path::PathBuf;
use windows_sys::Win32::System::JobObjects::{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, OpenJobObjectW,
    SetInformationJobObject,
};

/// JOB_OBJECT_ALL_ACCESS (winnt.h).
const ALL: u32 = 0x1F_003F;

/// A job object with limits, by itself or within others. What is in it and may be ended with it is
/// when this goes.
#[derive(Debug)]
pub struct Foreign {
    path: PathBuf,
    /// It and those around it, the outermost first.
    jobs: Vec<Cgroup>,
    _handle: OwnedHandle,
}

impl Foreign {
    /// One with these limits, such as [`crate::KILL`].
    pub fn new(flags: u32) -> Foreign {
        Foreign::within(&[], flags)
    }

    /// The same, nested: what is started in it is in all of `around` too, the outermost first.
    pub fn within(around: &[&Foreign], flags: u32) -> Foreign {
        let random = || proc::random().expect("it can be had");
        let name = format!(r"Local\outlive-test-{:08x}{:08x}", random(), random());
        let units: Vec<u16> = name.encode_utf16().chain([0]).collect();
        let path = PathBuf::from(name);
        let own = Cgroup::make(&path, true).expect("a job object can be made");
        let around = around.iter().map(|it| Cgroup::open(&it.path, true));
        let mut jobs: Vec<_> = around.map(|it| it.expect("it is there")).collect();
        jobs.push(own);
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = flags;
        let (class, size) = (
            JobObjectExtendedLimitInformation,
            size_of_val(&limits) as u32,
        );
        // SAFETY: a string that ends with a NUL, and a structure with its size; the handle is ours.
        let handle = unsafe {
            let handle = OpenJobObjectW(ALL, 0, units.as_ptr());
            assert!(!handle.is_null());
            let at = (&raw const limits).cast();
            assert_ne!(SetInformationJobObject(handle, class, at, size), 0);
            OwnedHandle::from_raw_handle(handle)
        };
        Foreign {
            path,
            jobs,
            _handle: handle,
        }
    }

    /// Ends all that is in it.
    pub fn terminate(&self) {
        cgroup::kill(&self.path, |_| false).expect("it can be terminated");
    }

    /// Whether this process is in it.
    pub fn has(&self, pid: i32) -> bool {
        let inside = cgroup::processes(&self.path).expect("it can be looked at");
        inside.contains(&pid)
    }

    /// A puppet in it.
    pub fn puppet(&self, home: &Home, stage: &Stage, name: &str) -> Puppet {
        let null = events::null().expect("there is one");
        let spawn = Spawn {
            descriptors: (0..3).map(|number| (null.as_fd(), number)).collect(),
            ..self.spawn(home, &stage.words(name))
        };
        let process = started(spawn);
        let puppet = stage.enter();
        assert_eq!(puppet.pid, process.pid());
        assert!(self.has(puppet.pid));
        puppet
    }

    /// Runs `outlive` with `arguments` within it to its end.
    #[track_caller]
    pub fn outlive<W: AsRef<OsStr>>(&self, home: &Home, arguments: &[W]) -> Said {
        let outlive = home::beside_tests("outlive.exe");
        let arguments = arguments.iter().map(|word| word.as_ref().to_owned());
        let words: Vec<_> = [outlive.into_os_string()]
            .into_iter()
            .chain(arguments)
            .collect();
        let null = events::null().expect("there is one");
        let pipe = || events::pipe().expect("a pipe can be made");
        let (out, err) = (pipe(), pipe());
        let spawn = Spawn {
            descriptors: vec![(null.as_fd(), 0), (out.1.as_fd(), 1), (err.1.as_fd(), 2)],
            ..self.spawn(home, &words)
        };
        let process = started(spawn);
        drop((out.1, err.1));
        let read = [out.0, err.0].map(|pipe| Some(File::from(pipe)));
        let [out, err] = events::read_both(read).expect("it can be read");
        let exit = process.reap().expect("it can be waited for");
        let Some(Exit::Code(code)) = exit else {
            panic!("{exit:?}");
        };
        Said { code, out, err }
    }

    fn spawn<W: AsRef<OsStr>>(&self, home: &Home, words: &[W]) -> Spawn<'_> {
        let own = home.variables();
        let key = |name: &OsStr| own.iter().any(|(own, _)| name.eq_ignore_ascii_case(own));
        let mut environment = Strings::default();
        let variables = std::env::vars_os().filter(|(name, _)| !key(name));
        let own = own.iter().map(|(name, value)| (name.into(), value.into()));
        for (name, value) in variables.chain(own) {
            let parts = [bytes(&name), b"=", bytes(&value)];
            environment.push(&parts).expect("no NUL in it");
        }
        Spawn {
            programs: strings(&words[..1]),
            arguments: strings(words),
            environment: Some(environment),
            cgroups: &self.jobs,
            ..Spawn::default()
        }
    }
}

fn started(spawn: Spawn<'_>) -> Process {
    let started = spawn.spawn();
    started.unwrap_or_else(|error| panic!("{error}: {}", error.cause))
}

fn strings<W: AsRef<OsStr>>(words: &[W]) -> Strings {
    let mut strings = Strings::default();
    for word in words {
        strings.push(&[bytes(word.as_ref())]).expect("no NUL in it");
    }
    strings
}
