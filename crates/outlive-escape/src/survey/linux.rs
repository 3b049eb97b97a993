//! Linux: what proc(5) and small system calls tell.

use super::place::Mounts;
use super::read::Glance;
use super::{Folder, Limits, Namespace, Resource, Sandbox, Survey};
use crate::kernel::cgroup::{self, Hierarchy};
use crate::kernel::status::{self, Bounds, Status};
use outlive_os::bytes;
use outlive_os::surroundings::{self as os, First, Mount};
use outlive_record::ProcessLine;
use std::ffi::OsStr;
use std::io;

/// Looks at the cgroups.
pub(super) fn glance() -> Glance {
    let mounts = Mounts::default();
    let whole_paths = os::is_first_cgroup_namespace();
    Glance {
        cgroups: super::place::read(whole_paths, &mounts),
        whole_paths,
        mounts,
    }
}

/// Looks at the rest. `container` is the variable of that name.
pub(super) fn read(
    glance: Glance,
    container: Option<&OsStr>,
    orphans_parent: Option<i32>,
) -> io::Result<Survey> {
    let Glance {
        cgroups,
        whole_paths,
        mounts,
    } = glance;
    let first = os::first_namespaces();
    let stat = os::record("/proc/self/stat")?;
    let process = ProcessLine::parse(&stat).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "unexpected form of /proc/PID/stat",
        )
    })?;
    let status = os::record("/proc/thread-self/status");
    let status = Status::parse(&status.unwrap_or_default());
    let systemd = os::is_there("/run/systemd/system");
    let schedule = os::schedule();
    let found = os::folder();
    let namespace = (!first.pid).then(|| namespace(&process, systemd, container));
    Ok(Survey {
        // The kernel asks for it in the first user namespace (setrlimit(2)).
        may_raise_limits: first.user && status.capabilities >> SYS_RESOURCE & 1 == 1,
        terminal: terminal(process.terminal),
        parent_death: Some(schedule.parent_death).filter(|signal| *signal != 0),
        adoption: super::adopter::find(&process, first, orphans_parent),
        containers_cgroups: namespace.as_ref().is_some_and(Namespace::is_container)
            && are_of_first(&cgroups),
        cgroup_namespace: !whole_paths,
        cgroups,
        systemd,
        limits: limits(&schedule, &status),
        ignored_signals: status.ignored_signals,
        blocked_signals: status.blocked_signals,
        folder: found.map_or_else(|_| Folder::unknown(), |it| folder(it, &mounts)),
        namespace,
        sandbox: sandbox(&status, first),
        umask: status.umask.unwrap_or(0o022),
        ..Survey::bare(process)
    })
}

/// CAP_SYS_RESOURCE (capabilities(7)).
const SYS_RESOURCE: u32 = 24;

/// The terminal's name, as tty(4), pts(4) and ttyS(4) have it, if it bears that here.
fn terminal(number: i32) -> Option<String> {
    if number == 0 {
        return None;
    }
    let (major, minor) = os::device(number);
    let name = match (major, minor) {
        (136..=143, _) => format!("/dev/pts/{}", (major - 136) * 256 + minor),
        (4, 0..=63) => format!("/dev/tty{minor}"),
        (4, _) => format!("/dev/ttyS{}", minor - 64),
        (5, 1) => "/dev/console".to_owned(),
        (229, _) => format!("/dev/hvc{minor}"),
        (188, _) => format!("/dev/ttyUSB{minor}"),
        _ => String::new(),
    };
    let is_it = !name.is_empty() && os::is_device(&name, major, minor);
    Some(if is_it {
        name
    } else {
        format!("{major}:{minor}")
    })
}

/// Whether process 1 is in these cgroups, too.
fn are_of_first(cgroups: &[Hierarchy]) -> bool {
    let text = os::record("/proc/1/cgroup").unwrap_or_default();
    let of_first: Vec<_> = cgroup::parse(&text).collect();
    let same = |it: &Hierarchy| {
        let mut found = of_first.iter();
        found.any(|(kind, path)| *kind == it.kind && *path == it.path)
    };
    cgroups.iter().all(same)
}

/// What process 1 has too is the whole machine's or container's: it is there for whoever else would
/// start the process, and none of it is left by that.
fn sandbox(status: &Status, first: First) -> Sandbox {
    let sandboxed = status.no_new_privs || status.seccomp || !first.user;
    if !sandboxed {
        return Sandbox::default();
    }
    let of_first = os::record("/proc/1/status").map(|text| Status::parse(&text));
    let of_first = of_first.unwrap_or_default();
    let filters = status.seccomp_filters.zip(of_first.seccomp_filters);
    let same_filters = filters.is_some_and(|(own, first)| own <= first);
    let map = |process: &str| os::record(format!("/proc/{process}/uid_map")).ok();
    let same_users = || map("self").is_some_and(|own| map("1") == Some(own));
    Sandbox {
        no_new_privs: status.no_new_privs && !of_first.no_new_privs,
        seccomp: status.seccomp && !same_filters,
        user_namespace: !first.user && !same_users(),
    }
}

fn limits(schedule: &os::Schedule, status: &Status) -> Limits {
    /// What a process has that nobody has given another (PR_SET_TIMERSLACK, prctl(2)).
    const TIMER_SLACK: u64 = 50_000;
    let usual = os::record("/proc/1/limits").unwrap_or_default();
    let online = os::record("/sys/devices/system/cpu/online").ok();
    let online = online.and_then(|it| String::from_utf8(it).ok());
    let adjustment = os::record("/proc/self/oom_score_adj").unwrap_or_default();
    let adjustment = std::str::from_utf8(&adjustment).map_or("", str::trim);
    let scheduler = match schedule.policy {
        1 => Some("fifo"),
        2 => Some("rr"),
        3 => Some("batch"),
        5 => Some("idle"),
        6 => Some("deadline"),
        7 => Some("ext"),
        _ => None,
    };
    // Threads of the real-time policies have no slack at all (PR_SET_TIMERSLACK, prctl(2)).
    let usual_slack = [0, TIMER_SLACK].contains(&schedule.timer_slack);
    Limits {
        resources: lower(os::limits(), &status::limits(&usual)),
        nice: schedule.nice,
        affinity: status
            .processors
            .clone()
            .filter(|mine| online.as_deref().is_some_and(|all| all.trim() != mine)),
        scheduler: scheduler.map(str::to_owned),
        io_priority: match schedule.io {
            (1, level) => Some(format!("realtime {level}")),
            (2, level) => Some(format!("best-effort {level}")),
            (3, _) => Some("idle".to_owned()),
            _ => None,
        },
        timer_slack: (!usual_slack).then_some(schedule.timer_slack),
        oom_score_adj: adjustment.parse().unwrap_or(0),
    }
}

/// Those limits that are lower than process 1's, and lower than what everybody has.
fn lower(own: impl Iterator<Item = os::Limit>, usual: &[(&'static str, Bounds)]) -> Vec<Resource> {
    let below = |own: Option<u64>, usual: Option<u64>| match (own, usual) {
        (Some(own), Some(usual)) => own < usual,
        (own, usual) => own.is_some() && usual.is_none(),
    };
    let differing = own.filter_map(|(name, soft, hard)| {
        // Where process 1's can't be read what everybody has is all that there is to go by.
        let found = usual.iter().find(|(other, _)| *other == name);
        let usual = found.map_or((None, None), |(_, usual)| *usual);
        let everybodys = everybodys(name);
        let least = (everybodys.0.min_of(usual.0), everybodys.1.min_of(usual.1));
        let lower = below(soft, least.0) || below(hard, least.1);
        lower.then_some(Resource {
            name,
            soft,
            hard,
            usual: least,
        })
    });
    differing.collect()
}

/// A bound on what process 1's limit means for others.
enum Most {
    /// None.
    AsOnes,
    /// Nobody counts on more.
    Of(u64),
}

impl Most {
    fn min_of(&self, ones: Option<u64>) -> Option<u64> {
        match (self, ones) {
            (Most::AsOnes, ones) => ones,
            (Most::Of(most), ones) => Some(ones.map_or(*most, |ones| ones.min(*most))),
        }
    }
}

/// What everybody has: systemd raises some limits for itself as process 1 (systemd 240: the number
/// of open files, locked memory, core files), which are no measure for others.
fn everybodys(name: &str) -> (Most, Most) {
    match name {
        // DefaultLimitNOFILE=1024:524288 (systemd-system.conf(5)); the kernel's soft one is the same.
        "nofile" => (Most::Of(1024), Most::Of(524_288)),
        // 64 KiB before Linux 5.16, 8 MiB since.
        "memlock" => (Most::Of(64 << 10), Most::Of(64 << 10)),
        // The kernel's own soft limit (core(5)).
        "core" => (Most::Of(0), Most::AsOnes),
        _ => (Most::AsOnes, Most::AsOnes),
    }
}

fn folder(found: os::Folder, mounts: &super::place::Mounts) -> Folder {
    Folder {
        mount: found.mount.and_then(|mount| match mount {
            Mount::At(point) => Some(point),
            Mount::Id(id) => mounts.point(id),
        }),
        path: found.path,
        deleted: found.deleted,
    }
}

/// What the pid namespace is: a container, by the marks that those leave in their files, unless it is
/// seen to be a box around a few programs. Such a box may have been made within a container, or on a
/// machine made from a container's image, whose marks can be seen from inside it, too: its process 1
/// is this very process or a tool that makes boxes, and it need not have a host name of its own. (A
/// box made in a container by something else is taken for the container.)
fn namespace(process: &ProcessLine, systemd: bool, variable: Option<&OsStr>) -> Namespace {
    const BOXES: [&str; 6] = [
        "bwrap",
        "pv-bwrap",
        "unshare",
        "firejail",
        "nsjail",
        "minijail0",
    ];
    let name = os::record("/proc/1/comm").unwrap_or_default();
    let name = std::str::from_utf8(&name).map_or("", str::trim_end);
    if process.pid == 1 || BOXES.contains(&name) || os::has_machines_name() {
        return Namespace { container: None };
    }
    let text = |path: &str| {
        let text = String::from_utf8(os::record(path).ok()?).ok()?;
        let text = text.trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let given = variable.map(|value| String::from_utf8_lossy(bytes(value)).into_owned());
    let mark = |path: &str, kind: &str| os::is_there(path).then(|| kind.to_owned());
    // https://systemd.io/CONTAINER_INTERFACE: systemd writes down what it was told by who made it.
    let container = text("/run/systemd/container")
        .or_else(|| given.filter(|kind| !kind.is_empty()))
        .or_else(|| mark("/.dockerenv", "docker"))
        .or_else(|| mark("/run/.containerenv", "podman"))
        .or_else(|| mark("/var/run/secrets/kubernetes.io", "kubernetes"))
        .or_else(|| mark("/run/WSL", "wsl"))
        .or_else(|| (systemd && name == "systemd").then(|| "systemd".to_owned()));
    Namespace { container }
}
