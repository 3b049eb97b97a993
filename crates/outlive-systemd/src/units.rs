//! Transient units: org.freedesktop.systemd1(5), `StartTransientUnit`.

use crate::connection::{Deadline, Result};
use crate::failure::{Cause, Failure};
use crate::manager::{self, Asked, MANAGER, Manager, PATH, call};
use crate::wire::{Message, Value, Writer};
use outlive_os::Borrowed;
use std::path::Path;
use std::time::Duration;

/// Where a manager finds a program.
#[derive(Debug, Clone, Copy)]
pub enum Program<'a> {
    /// At an absolute path, as the manager sees it: its root folder and mounts may differ from here.
    Path(&'a Path),
    /// Behind a descriptor of this process: it is this file, wherever the manager looks.
    Open(Borrowed<'a>),
}

/// A program that a manager starts.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// `NAME.service`. It must not be in use.
    pub name: &'a str,
    /// For people: `systemctl status` shows it.
    pub description: &'a str,
    /// What is executed.
    pub program: Program<'a>,
    /// Passed on as they are (systemd would replace `$NAME`). The first is the program's own name.
    pub arguments: &'a [&'a str],
    /// On top of the manager's own environment. Anyone may read it, by `systemctl show`.
    pub environment: &'a [(&'a str, &'a str)],
    /// Its descriptor 0; both of 1 and 2 are /dev/null.
    pub standard_input: Borrowed<'a>,
}

/// Starts a program as a transient service: it is nobody's descendant but the manager's, and has a
/// cgroup of its own, delegated to it. Returns once the program was executed (`Type=exec`, systemd
/// 240), or could not be.
///
/// Nothing is left of a service that has ended, nor of one that did not start. If the time runs out
/// once the manager has accepted the start, it is told to stop the service again. If it runs out
/// before, the manager may still start the program later; by then the other end of
/// [`standard_input`](Service::standard_input) should be closed, at which the program should end.
/// (A stop would be wrong there: the name may be another service's.)
///
/// Needs systemd 243 (`OOMPolicy`, `ExecStartEx`).
pub fn start_service(
    manager: Manager,
    user: u32,
    service: &Service<'_>,
    within: Duration,
) -> std::result::Result<(), Failure> {
    let begin = || -> Result<()> {
        let deadline = Deadline::after(within);
        let mut asked = Asked::open(manager, user, deadline)?;
        let path = match service.program {
            Program::Path(path) => path.to_owned(),
            Program::Open(program) => {
                let pid = manager::own_pid(&mut asked, manager, user, deadline)?;
                outlive_os::proc::descriptor_path(pid, program)
            }
        };
        start(&mut asked, service, &path)
    };
    begin().map_err(|cause| {
        let (name, whom) = (service.name, manager.words());
        cause.because(format!("failed to start `{name}` by {whom}"))
    })
}

fn start(asked: &mut Asked, service: &Service<'_>, path: &Path) -> Result<()> {
    let program = path.to_str().filter(|path| is_passed(path));
    let program = program.ok_or_else(|| {
        let path = path.display();
        Cause::Failed(format!("`{path}` can't be passed over D-Bus"))
    })?;
    let environment: Vec<_> = service
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let environment: Vec<_> = environment.iter().map(|variable| &**variable).collect();
    let mut properties = vec![
        ("Description", Value::Text(service.description)),
        ("Type", Value::Text("exec")),
        (
            "ExecStartEx",
            Value::Command(program, service.arguments, &["no-env-expand"]),
        ),
        ("Environment", Value::Texts(&environment)),
        ("StandardInputFileDescriptor", Value::Descriptor(0)),
        ("StandardOutput", Value::Text("null")),
        ("StandardError", Value::Text("null")),
        ("WorkingDirectory", Value::Text("/")),
        ("UMask", Value::Number(0o077)),
        // The keeper alone gets the SIGTERM, and ends its job in order, for which it takes ten
        // seconds at most. Where it is gone nobody does, and the machine need not wait for longer.
        ("KillMode", Value::Text("mixed")),
        ("TimeoutStopUSec", Value::Large(15_000_000)),
        ("SendSIGHUP", Value::Flag(false)),
        // One process that is killed for its memory is not the whole job's end.
        ("OOMPolicy", Value::Text("continue")),
        ("IgnoreSIGPIPE", Value::Flag(false)),
        ("Delegate", Value::Flag(true)),
        ("TasksMax", Value::Large(u64::MAX)),
        ("CollectMode", Value::Text("inactive-or-failed")),
        // It goes on as long as any process of it: what a keeper leaves behind is its user's choice,
        // and one that is killed costs its job nothing.
        ("ExitType", Value::Text("cgroup")),
    ];
    let input = Some(service.standard_input);
    let queued = match queue(asked, service.name, &properties, input) {
        // There is an ExitType since systemd 250.
        Err(cause) if cause.is("org.freedesktop.DBus.Error.PropertyReadOnly") => {
            properties.pop();
            queue(asked, service.name, &properties, input)?
        }
        other => other?,
    };
    finish_or_stop(asked, service.name, &queued)
}

/// Moves a process of this user into a new transient scope and returns once it is there. It stays
/// whose child it is.
///
/// `pid` must be what the manager knows the process by. In a pid namespace that the manager is
/// outside of it would mean another process, so that there this fails without asking.
///
/// On a stop all processes of the scope get a SIGTERM: `KillMode=mixed` would send none, since a
/// scope has no main process (systemd.kill(5)), and wait for the time-out first.
pub fn move_into_scope(
    manager: Manager,
    user: u32,
    name: &str,
    description: &str,
    pid: i32,
    within: Duration,
) -> std::result::Result<(), Failure> {
    let move_it = || -> Result<()> {
        let number = u32::try_from(pid).ok().filter(|pid| *pid > 0);
        let pids = [number.ok_or_else(|| Cause::Failed("that is not a process".to_owned()))?];
        let mut properties = vec![
            ("Description", Value::Text(description)),
            ("PIDs", Value::Numbers(&pids)),
            ("SendSIGHUP", Value::Flag(false)),
            ("Delegate", Value::Flag(true)),
            ("TasksMax", Value::Large(u64::MAX)),
            ("CollectMode", Value::Text("inactive-or-failed")),
            ("OOMPolicy", Value::Text("continue")),
        ];
        let mut asked = Asked::open(manager, user, Deadline::after(within))?;
        if !asked.connection.peer_is_in_sight()? {
            return Err(Cause::Failed(
                "its pid means another process there: this is a pid namespace of its own"
                    .to_owned(),
            ));
        }
        let queued = match queue(&mut asked, name, &properties, None) {
            // Scopes have an OOMPolicy since systemd 253.
            Err(cause) if cause.is("org.freedesktop.DBus.Error.PropertyReadOnly") => {
                properties.pop();
                queue(&mut asked, name, &properties, None)?
            }
            other => other?,
        };
        finish(&mut asked, name, &queued)
    };
    move_it().map_err(|cause| {
        let whom = manager.words();
        cause.because(format!(
            "failed to move process {pid} into `{name}` by {whom}"
        ))
    })
}

fn is_passed(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0')
}

/// A start that a manager has accepted: the unit is ours.
#[derive(Debug)]
struct Queued {
    job: String,
    /// Who has accepted it, on a bus.
    sender: Option<String>,
}

/// Has a unit started.
fn queue(
    asked: &mut Asked,
    name: &str,
    properties: &[(&str, Value<'_>)],
    input: Option<Borrowed<'_>>,
) -> Result<Queued> {
    asked.listen(MANAGER, "JobRemoved", PATH)?;
    let mut body = Writer::default();
    // `fail`: a job of that unit that is already queued is not replaced. No other units go along.
    body.text(name).text("fail").properties(properties);
    body.array(8, |_| {});
    let mut request = call("StartTransientUnit", "ssa(sv)a(sa(sv))", body);
    request.descriptors = input.is_some().into();
    let answer = asked.connection.call(request, input)?;
    Ok(Queued {
        job: answer.body("o")?.text()?.to_owned(),
        sender: answer.sender,
    })
}

/// Waits for how the start went.
fn finish(asked: &mut Asked, name: &str, queued: &Queued) -> Result<()> {
    let object = object_of(name);
    let mut status = None;
    loop {
        let signal = asked.connection.signal()?;
        if asked.by_bus.is_some() && signal.sender != queued.sender {
            continue;
        }
        match result_of(&queued.job, &signal)?.as_deref() {
            Some("done") => return Ok(()),
            Some(result) => return Err(Cause::Failed(explain(result, status))),
            None => status = exit_status(&object, &signal).or(status),
        }
    }
}

/// Waits for how the start went, and has the unit stopped if that takes too long.
fn finish_or_stop(asked: &mut Asked, name: &str, queued: &Queued) -> Result<()> {
    let started = finish(asked, name, queued);
    if matches!(started, Err(Cause::TimedOut(_))) {
        let mut body = Writer::default();
        body.text(name).text("replace");
        drop(asked.connection.tell(call("StopUnit", "ss", body)));
    }
    started
}

/// How a job went, if this signal says so: `JobRemoved(u id, o job, s unit, s result)`.
fn result_of(job: &str, signal: &Message) -> Result<Option<String>> {
    if !signal.is_signal(MANAGER, "JobRemoved") {
        return Ok(None);
    }
    let mut body = signal.body("uoss")?;
    body.number()?;
    if body.text()? != job {
        return Ok(None);
    }
    body.text()?;
    Ok(Some(body.text()?.to_owned()))
}

/// The `ExecMainStatus` of a service that did not start, if this signal tells it. It comes before
/// the end of the job; only a manager's own socket sends it unasked.
fn exit_status(path: &str, signal: &Message) -> Option<u32> {
    let interface = "org.freedesktop.DBus.Properties";
    if !signal.is_signal(interface, "PropertiesChanged") || signal.path.as_deref() != Some(path) {
        return None;
    }
    let mut body = signal.body("sa{sv}").ok()?;
    body.text().ok()?;
    let status = body.find_number("ExecMainStatus").ok()?;
    status.filter(|status| *status > 0)
}

/// The object of a unit: letters and digits are kept, but for a digit in front.
pub(crate) fn object_of(unit: &str) -> String {
    let mut path = format!("{PATH}/unit/");
    for (place, byte) in unit.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (place > 0 && byte.is_ascii_digit()) {
            path.push(byte.into());
        } else {
            path.push_str(&format!("_{byte:02x}"));
        }
    }
    path
}

fn explain(result: &str, status: Option<u32>) -> String {
    match status {
        Some(203) => "it can't execute the program (203/EXEC)".to_owned(),
        Some(status) => format!("the program was not started (status {status}, systemd.exec(5))"),
        None => format!("it was not started (its job: {result})"),
    }
}

#[cfg(test)]
mod tests;
