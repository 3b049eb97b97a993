//! What the harness does in a cell itself: before the script starts, and to a job that runs.

use super::cell::{Cell, PATIENCE};
use super::fault::{Context, Fault, Result};
use super::lines::Lines;
use super::situation::{Before, Check};
use super::world::call;
use serde_json::Value;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// How long the end of a job that ends when it is asked to may take: half of what a manager of
/// the machine waits before it kills.
const POLITE: Duration = Duration::from_secs(1);
/// The exit code of a job that was asked to end.
pub(crate) const ASKED: u8 = 36;

/// What is done first.
pub(crate) fn before(cell: &Cell<'_>) -> Result<()> {
    match cell.situation.before {
        None => Ok(()),
        Some(Before::Mount) => {
            let folder = cell.folder.join("mount");
            std::fs::create_dir(&folder).context(|| "failed to make a folder".to_owned())?;
            let folder = folder.display().to_string();
            call(&["mount", "-t", "tmpfs", "-o", "mode=0777", "box", &folder])
        }
        Some(Before::Manager) => call(&["systemctl", "start", &manager(cell)]),
        Some(Before::HaltedManager) => {
            let unit = manager(cell);
            call(&["systemctl", "start", &unit])?;
            signal(&unit, "STOP")
        }
    }
}

/// Takes that back.
pub(crate) fn after(cell: &Cell<'_>) -> Result<()> {
    match cell.situation.before {
        None | Some(Before::Manager) => Ok(()),
        // It may be gone, as it is to be.
        Some(Before::Mount) => {
            let folder = cell.folder.join("mount").display().to_string();
            call(&[
                "sh",
                "-c",
                "! mountpoint -q \"$0\" || umount --lazy \"$0\"",
                &folder,
            ])
        }
        Some(Before::HaltedManager) => signal(&manager(cell), "CONT"),
    }
}

fn manager(cell: &Cell<'_>) -> String {
    format!("user@{}.service", cell.user.uid)
}

fn signal(unit: &str, signal: &str) -> Result<()> {
    let signal = format!("--signal={signal}");
    call(&["systemctl", "kill", "--kill-who=main", &signal, unit])
}

/// What is wrong with a job that runs and says this of itself.
pub(crate) fn to_job(cell: &Cell<'_>, status: &Value) -> Result<Option<String>> {
    match cell.situation.check {
        Some(Check::Unmounts) => {
            let folder = cell.folder.join("mount").display().to_string();
            Ok(call(&["umount", &folder])
                .err()
                .map(|fault| fault.to_string()))
        }
        Some(Check::Secret) => secret(cell, status),
        Some(Check::FellBack) => Ok(unit(status).map(|unit| format!("it is in {unit}"))),
        Some(Check::OwnScope) => Ok(own_scope(cell, status)),
        _ => Ok(None),
    }
}

/// The unit that a manager has made for a job.
fn unit(status: &Value) -> Option<&str> {
    let cgroup = status["cgroup"].as_str().unwrap_or_default();
    cgroup.split('/').find(|part| {
        part.starts_with("outlive-") && (part.ends_with(".service") || part.ends_with(".scope"))
    })
}

fn no_unit(status: &Value) -> String {
    format!("in no unit of outlive's: {}", status["cgroup"])
}

/// Everybody may read all properties of a unit, and of the manager itself.
fn secret(cell: &Cell<'_>, status: &Value) -> Result<Option<String>> {
    let Some(unit) = unit(status) else {
        return Ok(Some(no_unit(status)));
    };
    let hidden = format!("hidden-{}", cell.id());
    let has = status["environment"].as_array().is_some_and(|all| {
        let wanted = format!("HIDDEN={hidden}");
        all.iter().any(|it| it.as_str() == Some(&wanted))
    });
    if !has {
        return Ok(Some("a variable of its caller's is missing".to_owned()));
    }
    let of_unit = output(&mut systemctl(cell, &["show", "--all", unit]))?;
    let shown = String::from_utf8_lossy(&of_unit.stdout).into_owned();
    if !shown.contains("ExecStart=") {
        return Err(Fault::new(format!("`systemctl show {unit}`: {shown}")));
    }
    let of_manager = output(&mut systemctl(cell, &["show"]))?;
    let told = String::from_utf8_lossy(&of_manager.stdout).contains(&hidden);
    Ok((told || shown.contains(&hidden)).then(|| format!("`systemctl show {unit}` tells it")))
}

fn own_scope(cell: &Cell<'_>, status: &Value) -> Option<String> {
    let cgroup = status["cgroup"].as_str().unwrap_or_default();
    if unit(status).is_none_or(|unit| !unit.ends_with(".scope")) {
        return Some(no_unit(status));
    }
    let early = cell.read("early");
    (early.trim() != cgroup).then(|| format!("what it forked at once was in {}", early.trim()))
}

/// Has the manager stop the job's unit: the job is to be asked to end, and its keeper to know how
/// it did.
pub(crate) fn stop_politely(
    cell: &Cell<'_>,
    status: &Value,
    beats: &mut Lines,
) -> Result<Option<String>> {
    let Some(unit) = unit(status) else {
        return Ok(Some(no_unit(status)));
    };
    cell.order("polite")?;
    while let Some(Some(line)) = beats.next_within(PATIENCE) {
        if line == "polite" {
            break;
        }
    }
    let began = Instant::now();
    let stopped = output(&mut systemctl(cell, &["stop", unit]))?;
    let took = began.elapsed();
    if !stopped.status.success() {
        let errors = String::from_utf8_lossy(&stopped.stderr).into_owned();
        return Ok(Some(format!("`systemctl stop {unit}`: {errors}")));
    }
    let mut asked = false;
    while let Some(Some(line)) = beats.next_within(PATIENCE) {
        asked |= line == "asked";
    }
    Ok(match asked {
        false => Some("it was not asked to end".to_owned()),
        true => (took > POLITE).then(|| format!("the stop took {took:.1?}")),
    })
}

/// The manager that serves the cell's user.
fn systemctl(cell: &Cell<'_>, words: &[&str]) -> Command {
    let user: &[&str] = if cell.user.is_root() {
        &[]
    } else {
        &["--user"]
    };
    let all: Vec<&str> = ["systemctl"]
        .iter()
        .chain(user)
        .chain(words)
        .copied()
        .collect();
    let mut command = cell.user.command(&all);
    command.env("XDG_RUNTIME_DIR", format!("/run/user/{}", cell.user.uid));
    command
}

fn output(command: &mut Command) -> Result<Output> {
    command
        .output()
        .context(|| "failed to start `systemctl`".to_owned())
}
