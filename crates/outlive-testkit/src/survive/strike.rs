//! The strikes.

use super::cell::{Cell, PATIENCE};
use super::cgroups;
use super::fault::{Context, Fault, Result};
use super::situation::{Around, Runner, Strike};
use super::surround::Scene;
use super::world::{User, call};
use crate::events;
use crate::process::{self, Pidfd};
use rustix::fs::inotify;
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a caller may hold on after its launcher returned before it counts as hanging.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Strikes; says whether the caller hung.
pub(crate) fn strike(cell: &Cell<'_>, scene: &mut Scene) -> Result<bool> {
    match cell.situation.strike {
        Strike::HangUp => hang_up(scene).map(|()| false),
        Strike::Exit => {
            cell.go()?;
            scene.types("exit")?;
            // bash refuses once where there are stopped jobs.
            let _ = events::readable_within(&scene.handle, Duration::from_secs(2));
            hang_up(scene).map(|()| false)
        }
        Strike::Group => {
            let group = process::group(cell.caller()?).ok_or_else(gone)?;
            let victims = members(|pid| process::group(pid) == Some(group));
            kill_all(&victims, Signal::KILL).map(|()| false)
        }
        Strike::Session => {
            let session = process::session(cell.caller()?).ok_or_else(gone)?;
            let victims = members(|pid| process::session(pid) == Some(session));
            kill_all(&victims, Signal::KILL).map(|()| false)
        }
        Strike::Stop => stop(cell).map(|()| false),
        Strike::Ends | Strike::Returns => ends(cell, scene),
        Strike::CgroupKill => {
            let folder = scene
                .cgroup
                .as_ref()
                .ok_or_else(|| Fault::new("no cgroup"))?;
            cgroups::write(folder, "cgroup.kill", "1")?;
            ended(&scene.handle).map(|()| false)
        }
        Strike::Wrapper => {
            cell.tell_wrapper()?;
            cell.heard("struck").map(|_| false)
        }
        Strike::WrapperKilled => {
            let wrapper = Pidfd::of(cell.wrapper()?).ok_or_else(gone)?;
            kill_all(&[wrapper], Signal::KILL).map(|()| false)
        }
        Strike::Cookies(runner) => cookies(cell, runner).map(|()| false),
        Strike::Terminal => cell.order("terminal").map(|()| false),
        Strike::Nothing => Ok(false),
    }
}

fn gone() -> Fault {
    Fault::new("the caller has gone before it was struck")
}

fn ended(process: &Pidfd) -> Result<()> {
    if events::readable_within(process, PATIENCE) {
        Ok(())
    } else {
        let process = process::describe(process.pid());
        Err(Fault::new(format!("struck, and it did not end: {process}")))
    }
}

fn hang_up(scene: &mut Scene) -> Result<()> {
    drop(scene.output.take());
    drop(scene.terminal.take());
    ended(&scene.handle)
}

fn members(mut belongs: impl FnMut(i32) -> bool) -> Vec<Pidfd> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let found = process::pids().into_iter().filter(|&pid| pid != own);
    found
        .filter(|&pid| belongs(pid))
        .filter_map(Pidfd::of)
        .collect()
}

fn kill_all(victims: &[Pidfd], signal: Signal) -> Result<()> {
    for victim in victims {
        victim.signal(signal);
    }
    victims.iter().try_for_each(ended)
}

fn stop(cell: &Cell<'_>) -> Result<()> {
    let unit = format!("{}.service", cell.unit());
    if cell.situation.around != Around::UserService {
        return call(&["systemctl", "stop", &unit]);
    }
    let runtime = format!("/run/user/{}", cell.user.uid);
    let status = cell
        .user
        .command(&["systemctl", "--user", "stop", &unit])
        .env("XDG_RUNTIME_DIR", runtime)
        .status()
        .context(|| "failed to start `systemctl`".to_owned())?;
    if status.success() {
        Ok(())
    } else {
        Err(Fault::new(format!("`systemctl --user stop`: {status}")))
    }
}

/// The caller ends by itself; whoever started it gets its end of file, at once or not.
fn ends(cell: &Cell<'_>, scene: &mut Scene) -> Result<bool> {
    let session = match cell.situation.around {
        Around::Ssh(_) if cell.world.has_systemd() => cell.login_session(),
        _ => None,
    };
    let folders = ["/run/systemd/sessions", "/run/systemd/users"];
    let watch = session.is_some().then(|| watch(&folders)).transpose()?;
    cell.go()?;
    let mut output = scene.output.take();
    let limit = Instant::now() + AT_ONCE;
    let read = output
        .as_mut()
        .is_none_or(|output| output.rest_within(AT_ONCE).is_some());
    let left = limit.saturating_duration_since(Instant::now());
    // Without systemd the unit's client is the caller itself.
    let hung = !(read && events::readable_within(&scene.handle, left.max(Duration::from_secs(1))));
    if hung {
        scene.handle.signal(Signal::KILL);
        ended(&scene.handle)?;
    }
    if let (Some(watch), Some(session)) = (watch, session) {
        logged_out(&watch, &session, cell.user)?;
    }
    Ok(hung)
}

fn watch(folders: &[&str]) -> Result<std::os::fd::OwnedFd> {
    let failed = || "failed to watch logind".to_owned();
    let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
    let watch = inotify::init(flags).context(failed)?;
    let events = inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::DELETE;
    for folder in folders {
        inotify::add_watch(&watch, *folder, events).context(failed)?;
    }
    Ok(watch)
}

/// Waits until logind has done with a session what it does with it: it is gone, or it stays
/// because processes of it do; and its user's manager is gone, or stays for one of both reasons.
fn logged_out(watch: &std::os::fd::OwnedFd, session: &str, user: &User) -> Result<()> {
    let lingers = Path::new("/var/lib/systemd/linger").join(&user.name);
    let state = |kind: &str, name: &str| {
        let path = Path::new("/run/systemd").join(kind).join(name);
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("STATE="))?;
        Some(line.to_owned())
    };
    let until = Instant::now() + PATIENCE;
    loop {
        let of_session = state("sessions", session);
        let of_user = state("users", &user.uid.to_string());
        let lingers = lingers.exists();
        let done = match (of_session.as_deref(), of_user.as_deref()) {
            (None, None) | (_, Some("lingering")) => true,
            (Some("closing"), Some("closing")) => true,
            // logind does not write it down when a lingering user's manager has come up late.
            (None, Some("closing")) => lingers,
            // Root has other sessions at the same time.
            (None | Some("closing"), Some("active" | "online")) => user.is_root(),
            _ => false,
        };
        if done {
            return Ok(());
        }
        let left = until.saturating_duration_since(Instant::now());
        if !events::readable_within(watch, left) {
            return Err(Fault::new(format!(
                "the log-out has no end: session {of_session:?}, user {of_user:?}"
            )));
        }
        let mut buffer = [0; 4096];
        let _ = rustix::io::read(watch, &mut buffer);
    }
}

/// Jenkins: SIGTERM to whoever has one of its cookies, or all that characterizes a freestyle build
/// (`getCharacteristicEnvVars` of its jobs and runs). GitHub: SIGKILL to whoever has its tracking
/// id, in letters of any case.
fn cookies(cell: &Cell<'_>, runner: Runner) -> Result<()> {
    let id = cell.id();
    let is = |variable: &[u8], text: &str| variable.eq_ignore_ascii_case(text.as_bytes());
    let (signal, signs) = match runner {
        Runner::Jenkins => (
            Signal::TERM,
            vec![
                vec![format!("JENKINS_NODE_COOKIE={id}")],
                vec![format!("JENKINS_SERVER_COOKIE={id}")],
                vec![format!("HUDSON_COOKIE={id}")],
                vec![
                    format!("JENKINS_SERVER_COOKIE={id}"),
                    format!("HUDSON_SERVER_COOKIE={id}"),
                    format!("BUILD_ID={id}"),
                    format!("BUILD_TAG=jenkins-{id}"),
                    "BUILD_NUMBER=7".to_owned(),
                    "JOB_NAME=job".to_owned(),
                    "JOB_BASE_NAME=job".to_owned(),
                ],
            ],
        ),
        Runner::GitHub => {
            let id = format!("RUNNER_TRACKING_ID=github_{id}");
            (Signal::KILL, vec![vec![id]])
        }
    };
    let victims = members(|pid| {
        let environment = process::environment(pid);
        let has = |sign: &String| environment.iter().any(|variable| is(variable, sign));
        signs.iter().any(|all| all.iter().all(has))
    });
    kill_all(&victims, signal)
}
