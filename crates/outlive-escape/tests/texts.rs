//! The kernel's texts as they are on real systems, and as nobody should have to see them.
//!
//! A file of the corpus has three parts: `/proc/self/cgroup`, `/proc/self/mountinfo`, and what is to
//! be read out of them, a line for each hierarchy: kind, path, owner, folder.
//!
//! Paths are put together as the system that this runs on does it, and so compared only on Unix.

use outlive_escape::kernel::cgroup::{Kind, Owner, folders, owner, parse, user_manager};
use outlive_escape::kernel::mounts::{self, Mount};
use outlive_escape::kernel::status::{Status, limits};
use outlive_os::{KERNEL, Kernel};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

macro_rules! corpus {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("corpus/", $name)))),*]
    };
}

const CORPUS: [(&str, &str); 16] = corpus![
    "systemd-service",
    "systemd-session",
    "systemd-desktop",
    "version-1",
    "hybrid",
    "docker-private",
    "docker-host-namespace",
    "docker-version-1",
    "podman-rootless",
    "kubernetes",
    "lxc",
    "wsl2",
    "github-runner",
    "snap",
    "flatpak",
    "nspawn",
];

fn of_cgroups(text: impl AsRef<[u8]>) -> Vec<Mount> {
    mounts::of_cgroups(text.as_ref()).collect()
}

fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Unified => "unified".to_owned(),
        Kind::Systemd => "systemd".to_owned(),
        Kind::Controllers(list) => list.clone(),
    }
}

fn owner_name(owner: &Owner) -> String {
    match owner {
        Owner::Root => "root".to_owned(),
        Owner::SystemUnit(unit) => format!("system:{unit}"),
        Owner::Session(unit) => format!("session:{unit}"),
        Owner::UserUnit(unit) => format!("user:{unit}"),
        Owner::Ours => "ours".to_owned(),
        Owner::Plain => "plain".to_owned(),
    }
}

#[test]
fn real_systems_are_read() {
    if KERNEL == Kernel::Windows {
        return;
    }
    for (name, text) in CORPUS {
        let mut parts = text.split("---\n");
        let mut part = || parts.next().expect("it has three parts");
        let (cgroup, mountinfo, expected) = (part(), part(), part());
        let mounts = of_cgroups(mountinfo);
        let found: Vec<String> = parse(cgroup.as_bytes())
            .map(|(kind, path)| {
                let place = folders(&kind, &path, &mounts).next();
                let place = place.map_or("-".into(), |(folder, _)| folder);
                let owner = owner_name(&owner(&path));
                format!("{} {path} {owner} {}", kind_name(&kind), place.display())
            })
            .collect();
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn odd_names_and_mounts_are_read() {
    let cgroup = "0::/a b:c/tab\té/ d (deleted)\n";
    let mountinfo = b"\
        40 30 0:27 /a\\040b:c /my\\040\\134mount\\012here rw,relatime - cgroup2 cgroup2 rw\n\
        41 30 0:27 /a\\040b /not/a/component rw,relatime - cgroup2 cgroup2 rw\n\
        42 30 0:27 / /all rw shared:1 master:2 propagate_from:3 unbindable - cgroup2 x rw\n\
        43 30 0:28 / /old rw - cgroup cgroup rw,name=systemd\n\
        44 30 0:29 / /a\\040-\\040cgroup2 rw - tmpfs a\\040-\\040cgroup2 rw\n";
    let (kind, path) = parse(cgroup.as_bytes()).next().expect("a line");
    assert_eq!(
        (&kind, path.as_str()),
        (&Kind::Unified, "/a b:c/tab\té/ d (deleted)")
    );
    let mounts = of_cgroups(mountinfo);
    let found: Vec<PathBuf> = folders(&kind, &path, &mounts).map(|it| it.0).collect();
    let expected = [
        "/my \\mount\nhere/tab\té/ d (deleted)",
        "/all/a b:c/tab\té/ d (deleted)",
    ];
    assert_eq!(found, expected.map(PathBuf::from));
    assert_eq!(owner(&path), Owner::Plain);
    let ids: Vec<u64> = mounts::all(mountinfo).map(|mount| mount.id).collect();
    assert_eq!(ids, [40, 41, 42, 43, 44]);
}

#[test]
fn what_is_outside_of_the_namespace_has_no_folder() {
    if KERNEL == Kernel::Windows {
        return;
    }
    let mounts = b"40 30 0:27 / /cg rw - cgroup2 cgroup2 rw\n\
        41 30 0:27 /.. /up rw - cgroup2 cgroup2 rw\n";
    let mounts = of_cgroups(mounts);
    let folder = |path: &str| {
        let found = folders(&Kind::Unified, path, &mounts).map(|it| it.0);
        found.map(|it| it.display().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(folder("/"), ["/cg"]);
    assert_eq!(folder("/../x"), ["/up/x"]);
    assert_eq!(folder("/../.."), [""; 0]);
    assert_eq!(folder("/../../y"), [""; 0]);
    assert_eq!(folder("/..x"), ["/cg/..x"]);
}

#[test]
fn whose_a_cgroup_is() {
    let system = |unit: &str| Owner::SystemUnit(unit.to_owned());
    let user = |unit: &str| Owner::UserUnit(unit.to_owned());
    let mine = "/user.slice/user-1000.slice/user@1000.service";
    for (path, expected) in [
        ("/", Owner::Root),
        ("", Owner::Root),
        ("/init.scope", system("init.scope")),
        ("/system.slice", Owner::Plain),
        ("/system.slice/cron.service", system("cron.service")),
        (
            "/system.slice/cron.service (deleted)",
            system("cron.service"),
        ),
        ("/system.slice/a.service/sub/b.service", system("a.service")),
        ("/system.slice/a.service/docker/0123", system("a.service")),
        (
            "/system.slice/system-getty.slice/getty@tty1.service",
            system("getty@tty1.service"),
        ),
        ("/system.slice/run-r1f.scope", system("run-r1f.scope")),
        (
            "/system.slice/dev-hugepages.mount",
            system("dev-hugepages.mount"),
        ),
        ("/system.slice/a\\x2db.service", system("a\\x2db.service")),
        ("/my.slice/my-own.slice/x.service", system("x.service")),
        ("/top.service", system("top.service")),
        ("/user.slice", Owner::Plain),
        (
            "/user.slice/user-0.slice/session-c2.scope",
            Owner::Session("session-c2.scope".to_owned()),
        ),
        ("/system.slice/session-1.scope", system("session-1.scope")),
        ("/system.slice/user@x.service", system("user@x.service")),
        ("/system.slice/.service", Owner::Plain),
        ("/machine.slice/machine-web.scope", Owner::Plain),
        ("/machine.slice/libpod-00ff.scope/container", Owner::Plain),
        (
            "/machine.slice/systemd-nspawn@box.service",
            system("systemd-nspawn@box.service"),
        ),
        (
            "/machine.slice/systemd-nspawn@box.service/payload",
            Owner::Plain,
        ),
        (
            "/machine.slice/systemd-nspawn@box.service/payload/init.scope",
            system("init.scope"),
        ),
        (
            "/machine.slice/machine-v.scope/system.slice/a.service",
            system("a.service"),
        ),
        ("/docker/0123abcd", Owner::Plain),
        (
            "/docker/0123abcd/system.slice/a.service",
            system("a.service"),
        ),
        ("/kubepods/besteffort/pod1/2", Owner::Plain),
        (
            "/kubepods.slice/kubepods-pod1.slice/crio-2.scope",
            Owner::Plain,
        ),
        ("/lxc/web", Owner::Plain),
        ("/lxc.payload.web/init.scope", system("init.scope")),
        ("/libpod_parent/libpod-00ff", Owner::Plain),
        ("/by/hand", Owner::Plain),
        ("/outlive/job-3f9k", Owner::Ours),
        ("/outlive/job-3f9k/system.slice/a.service", Owner::Ours),
        ("/process_api/a6551f3a", Owner::Plain),
    ] {
        assert_eq!(owner(path), expected, "{path}");
    }
    for (path, expected) in [
        ("", user("user@1000.service")),
        ("/init.scope", user("init.scope")),
        ("/app.slice", user("user@1000.service")),
        ("/app.slice/x.service", user("x.service")),
        (
            "/app.slice/app-a.slice/x@1.service/sub",
            user("x@1.service"),
        ),
        (
            "/session.slice/org.gnome.Shell@wayland.service",
            user("org.gnome.Shell@wayland.service"),
        ),
        (
            "/gnome-terminal-server.service",
            user("gnome-terminal-server.service"),
        ),
        ("/user.slice/libpod-00ff.scope/container", Owner::Plain),
        ("/by-hand", user("user@1000.service")),
        ("/outlive/job-3f9k", Owner::Ours),
        ("/app.slice/x.service/outlive/job", user("x.service")),
    ] {
        assert_eq!(owner(&format!("{mine}{path}")), expected, "{path}");
        assert_eq!(user_manager(&format!("{mine}{path}")), Some(1000), "{path}");
    }
    assert_eq!(
        user_manager("/user.slice/user-1000.slice/session-1.scope"),
        None
    );
    assert_eq!(user_manager("/system.slice/user@-1.service"), None);
}

#[test]
fn a_status_is_read() {
    let text = b"Name:\tSigIgn:\\nSigBlk:\nUmask:\t0027\nState:\tR (running)\nPid:\t7\n\
        SigBlk:\t0000000000010000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000180000000\n\
        CapEff:\t000001fffeffffff\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n\
        Cpus_allowed:\t3\nCpus_allowed_list:\t0-1,4\nMems_allowed_list:\t0\n";
    let status = Status::parse(text);
    let expected = Status {
        umask: Some(0o027),
        blocked_signals: 1 << 16,
        ignored_signals: 1 << 12 | 1,
        capabilities: 0x1ff_feff_ffff,
        no_new_privs: true,
        seccomp: true,
        seccomp_filters: Some(1),
        processors: Some("0-1,4".to_owned()),
    };
    assert_eq!(status, expected);
    assert_eq!(Status::parse(b""), Status::default());
    assert_eq!(
        Status::parse(b"Seccomp:\t0\nNoNewPrivs:\t0\n"),
        Status::default()
    );
}

#[test]
fn limits_are_read() {
    let text = b"Limit                     Soft Limit           Hard Limit           Units     \n\
        Max cpu time              unlimited            unlimited            seconds   \n\
        Max open files            1024                 524288               files     \n\
        Max open filesystems      1                    2                    x\n\
        Max nice priority         0                    0                    \n\
        Max processes             many                 7                    processes \n";
    let expected = [
        ("cpu", (None, None)),
        ("nofile", (Some(1024), Some(524_288))),
        ("nice", (Some(0), Some(0))),
    ];
    assert_eq!(limits(text), expected);
    assert_eq!(limits(b""), []);
}

/// Names as anybody may choose them, and pieces of the texts' own form among them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,4}",
        Just("/".to_owned()),
        Just("..".to_owned()),
        Just(":".to_owned()),
        Just(" - cgroup2 ".to_owned()),
        Just("\\040".to_owned()),
        Just("\n".to_owned()),
        Just("outlive".to_owned()),
        Just("payload".to_owned()),
        Just("user@7.service".to_owned()),
        Just("a.scope".to_owned()),
        Just("b.slice".to_owned()),
        Just("0::/".to_owned()),
        Just("40 30 0:27 / /cg rw - cgroup2 x rw".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn anything_is_read_without_panic(bytes: Vec<u8>, path: String) {
        for (kind, path) in parse(&bytes) {
            let _ = (owner(&path), folders(&kind, &path, &of_cgroups(&bytes)).count());
        }
        let _ = (owner(&path), user_manager(&path), mounts::all(&bytes).count());
        let _ = (Status::parse(&bytes), limits(&bytes));
    }

    #[test]
    fn no_path_leads_out_of_its_mount(cgroup in pieces(), mountinfo in pieces()) {
        for (kind, path) in parse(cgroup.as_bytes()) {
            prop_assert!(path.starts_with('/') && !path.contains('\n'));
            let _ = owner(&path);
            for (folder, root) in folders(&kind, &path, &of_cgroups(&mountinfo)) {
                prop_assert!(folder.starts_with(&root), "{folder:?} {root:?}");
                let below = folder.strip_prefix(&root).expect("it starts so");
                prop_assert!(!below.components().any(|it| it.as_os_str() == ".."));
            }
        }
    }

    /// What the kernel would write of a path is read back as it was.
    #[test]
    fn names_survive_the_kernels_escapes(name in "[^/\0]{1,12}", root in "[^/\0\n]{1,8}") {
        let escape = |text: &str| {
            let escaped = text.chars().map(|c| match c {
                ' ' | '\t' | '\n' | '\\' | '#' => format!("\\{:03o}", u32::from(c)),
                c => c.to_string(),
            });
            escaped.collect::<String>()
        };
        let line = format!("7 6 0:1 /{} /m/{} rw - cgroup2 x rw", escape(&root), escape(&name));
        let mount = mounts::Mount::parse(line.as_bytes()).expect("a whole line");
        prop_assert_eq!(mount.root, format!("/{root}").into_bytes());
        prop_assert_eq!(mount.point, format!("/m/{name}").into_bytes());
        if root != ".." && root != "." && KERNEL != Kernel::Windows {
            let text = format!("0::/{root}/x\n");
            let (kind, path) = parse(text.as_bytes()).next().expect("a line");
            let found = folders(&kind, &path, &of_cgroups(&line)).next().map(|it| it.0);
            prop_assert_eq!(found, Some(Path::new("/m").join(&name).join("x")));
        }
    }

    /// A unit's own cgroups belong to it, whatever they are called.
    #[test]
    fn what_is_below_a_unit_is_the_units(below in "(/[a-z.@]{1,12}){0,4}") {
        prop_assume!(!below.split('/').any(|name| name == "payload"));
        let path = format!("/system.slice/a.service{below}");
        prop_assert_eq!(owner(&path), Owner::SystemUnit("a.service".to_owned()));
    }
}
