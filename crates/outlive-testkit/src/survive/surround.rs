//! Putting the script of a cell into its surroundings.

use super::cell::Cell;
use super::cgroups::{self, Entrance};
use super::fault::{Context, Fault, Result};
use super::lines::Lines;
use super::situation::Around;
use super::world::{User, call};
use crate::process::Pidfd;
use rustix::process::Signal;
use rustix::pty::OpenptFlags;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The caller, in its surroundings.
#[derive(Debug)]
pub(crate) struct Scene {
    child: Child,
    pub(crate) handle: Pidfd,
    /// What the caller's output goes to.
    pub(crate) output: Option<Lines>,
    /// The terminal's other side.
    pub(crate) terminal: Option<OwnedFd>,
    /// The cgroup that was made for it.
    pub(crate) cgroup: Option<PathBuf>,
}

impl Scene {
    /// Starts the cell's script.
    pub(crate) fn set(cell: &Cell<'_>) -> Result<Scene> {
        match cell.situation.around {
            Around::Login | Around::LoginProgram => login(cell),
            Around::Session => Scene::of(&mut service(cell, &cell.wrapped(), true), None),
            Around::Service => Scene::of(&mut service(cell, &cell.wrapped(), false), None),
            Around::UserService => Scene::of(&mut user_service(cell)?, None),
            Around::Ssh(terminal) => {
                let options: &[&str] = if terminal { &["-tt"] } else { &[] };
                let line = cell.wrapped().join(" ");
                Scene::of(&mut cell.world.ssh(cell.user, options, &line), None)
            }
            Around::Cgroup(delegated) => in_cgroup(cell, delegated, None),
            Around::Limited(file, limit) => in_cgroup(cell, false, Some((file, limit))),
        }
    }

    fn of(command: &mut Command, cgroup: Option<PathBuf>) -> Result<Scene> {
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut scene = Scene::bare(command)?;
        scene.output = scene.child.stdout.take().map(Lines::new);
        scene.cgroup = cgroup;
        Ok(scene)
    }

    fn bare(command: &mut Command) -> Result<Scene> {
        let child = command
            .spawn()
            .context(|| format!("failed to start {command:?}"))?;
        let handle = i32::try_from(child.id()).ok().and_then(Pidfd::of);
        Ok(Scene {
            child,
            handle: handle.ok_or_else(|| Fault::new("failed to get hold of a child"))?,
            output: None,
            terminal: None,
            cgroup: None,
        })
    }

    /// Types a line at the terminal.
    pub(crate) fn types(&self, line: &str) -> Result<()> {
        let terminal = self
            .terminal
            .as_ref()
            .ok_or_else(|| Fault::new("no terminal"))?;
        rustix::io::write(terminal, format!("{line}\r").as_bytes())
            .context(|| "failed to type".to_owned())
            .map(|_| ())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.handle.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// An interactive shell that leads the session of a terminal. With systemd it has gone through
/// PAM, so that it is a login of logind's (`PAMName=` in systemd.exec(5)), as display managers do.
fn login(cell: &Cell<'_>) -> Result<Scene> {
    let failed = || "failed to open a terminal".to_owned();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).context(failed)?;
    rustix::pty::grantpt(&master).context(failed)?;
    rustix::pty::unlockpt(&master).context(failed)?;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).context(failed)?;
    let shell = ["bash", "--login", "-i"];
    let mut command;
    if cell.world.has_systemd() {
        let path = rustix::termios::ttyname(&slave, Vec::new()).context(failed)?;
        let mut words: Vec<String> = ["systemd-run", "--quiet", "--wait", "--collect"]
            .map(str::to_owned)
            .to_vec();
        words.push(format!("--unit={}", cell.unit()));
        words.push(format!("--uid={}", cell.user.name));
        for property in [
            "PAMName=login",
            "StandardInput=tty",
            "StandardOutput=tty",
            "StandardError=tty",
            &format!("TTYPath={}", path.to_string_lossy()),
        ] {
            words.push(format!("--property={property}"));
        }
        words.extend(["--setenv=TERM=dumb", "--"].map(str::to_owned));
        words.extend(shell.map(str::to_owned));
        command = User::root().command(&words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
    } else {
        let copy = || slave.try_clone().context(failed);
        command = cell.user.command(&shell);
        command.env("TERM", "dumb");
        command.stdin(copy()?).stdout(copy()?).stderr(copy()?);
        let lead = || {
            rustix::process::setsid()?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        };
        // SAFETY: both are allowed after a fork.
        unsafe { command.pre_exec(lead) };
    }
    let mut scene = Scene::bare(&mut command)?;
    let mut screen = Lines::new(master.as_fd().try_clone_to_owned().context(failed)?);
    scene.terminal = Some(master);
    let prompted = |text: &str| text.ends_with("$ ") || text.ends_with("# ");
    if !screen.until(Duration::from_secs(20), prompted) {
        return Err(Fault::new(format!("no prompt: {:?}", screen.unread())));
    }
    // Copies of the terminal would keep it from hanging up.
    drop((command, slave));
    let line = if cell.situation.around == Around::Login {
        format!(". {}", cell.script().display())
    } else {
        cell.wrapped().join(" ")
    };
    scene.types(&line)?;
    Ok(scene)
}

/// A transient service of the system's manager; without systemd a new session. One that has gone
/// through PAM is a login of logind's: its processes are moved out of the service's cgroup.
fn service(cell: &Cell<'_>, words: &[String], login: bool) -> Command {
    if cell.world.has_systemd() {
        let mut all: Vec<String> = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe"]
            .map(str::to_owned)
            .to_vec();
        all.push(format!("--unit={}", cell.unit()));
        if login {
            all.push("--property=PAMName=login".to_owned());
        }
        if login || !cell.user.is_root() {
            all.push(format!("--uid={}", cell.user.name));
        }
        let properties = cell.situation.properties.iter();
        all.extend(properties.map(|property| format!("--property={property}")));
        all.push(format!("--setenv=PATH={}", super::machine::PATH));
        all.push("--".to_owned());
        all.extend_from_slice(words);
        return User::root().command(&all);
    }
    let mut command = cell.user.command(words);
    // SAFETY: setsid is allowed after a fork.
    unsafe { command.pre_exec(|| Ok(rustix::process::setsid().map(|_| ())?)) };
    command
}

fn user_service(cell: &Cell<'_>) -> Result<Command> {
    // Returns once the manager is up.
    call(&[
        "systemctl",
        "start",
        &format!("user@{}.service", cell.user.uid),
    ])?;
    let unit = format!("--unit={}", cell.unit());
    let path = format!("--setenv=PATH={}", super::machine::PATH);
    let mut words = [
        "systemd-run",
        "--user",
        "--quiet",
        "--wait",
        "--collect",
        "--pipe",
    ]
    .map(str::to_owned)
    .to_vec();
    words.extend([unit, path, "--".to_owned()]);
    words.extend(cell.wrapped());
    let mut command = cell.user.command(&words);
    command.env("XDG_RUNTIME_DIR", format!("/run/user/{}", cell.user.uid));
    Ok(command)
}

/// `base/cell/caller`, the outer one of which may be the user's.
fn in_cgroup(cell: &Cell<'_>, delegated: bool, limit: Option<(&str, &str)>) -> Result<Scene> {
    let base = cell.world.cgroup.as_ref();
    let base = base.ok_or_else(|| Fault::new("SKIP: no cgroup2 that can be written to"))?;
    let outer = base.join(cell.unit());
    let inner = outer.join("caller");
    std::fs::create_dir_all(&inner)
        .context(|| format!("failed to make the cgroup `{}`", inner.display()))?;
    if let Some((file, limit)) = limit {
        if !outer.join(file).exists() {
            let why = format!("SKIP: the machine's cgroup2 has no {file}");
            return Err(Fault::new(why));
        }
        cgroups::write(&outer, file, limit)?;
    }
    if delegated {
        let files = [
            "",
            "cgroup.procs",
            "cgroup.threads",
            "cgroup.subtree_control",
        ];
        for path in [&outer, &inner]
            .iter()
            .flat_map(|at| files.map(|file| at.join(file)))
        {
            chown(&path, Some(cell.user.uid), Some(cell.user.uid))
                .context(|| format!("failed to delegate `{}`", path.display()))?;
        }
    }
    let mut entering = Entrance::to(&inner)?;
    let mut command = cell.user.command(&cell.wrapped());
    let enter = move || {
        rustix::process::setsid()?;
        entering.enter()
    };
    // SAFETY: setsid and writing to an open descriptor are allowed after a fork.
    unsafe { command.pre_exec(enter) };
    Scene::of(&mut command, Some(inner))
}
