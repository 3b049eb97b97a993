//! The stopwatch of `cargo xtask bench`, in the machine: how long launches take there. It is told
//! on its standard input what to start, a word a line, and answers each with milliseconds.

use super::fault::{Context, Fault, Result};
use super::world::{User, call, make_users};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// `service`: from a service, as a plain user who lingers. `hunted`: as root, below a subreaper.
/// `timed`: as it is here. In all of them a manager has to start a job.
pub(crate) fn stopwatch(words: &[OsString]) -> Result<ExitCode> {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    match *words {
        ["service"] => in_service(),
        ["hunted"] => {
            let own = Some(rustix::process::getpid());
            rustix::process::set_child_subreaper(own)
                .context(|| "failed to become a subreaper".to_owned())?;
            serve()
        }
        ["timed"] => serve(),
        _ => Err(Fault::new("a stopwatch wants to know where it is")),
    }
}

fn in_service() -> Result<ExitCode> {
    let user = User::plain(0);
    make_users(std::slice::from_ref(&user), &[])?;
    call(&["loginctl", "enable-linger", &user.name])?;
    call(&["systemctl", "start", &format!("user@{}.service", user.uid)])?;
    let mut words = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe"]
        .map(str::to_owned)
        .to_vec();
    words.extend([
        format!("--uid={}", user.name),
        format!("--setenv=PATH={}", super::machine::PATH),
        format!("--setenv=HOME={}", user.home.display()),
        format!("--setenv=XDG_RUNTIME_DIR=/run/user/{}", user.uid),
        format!("--working-directory={}", user.home.display()),
    ]);
    words.extend(["--", "survive", "stopwatch", "timed"].map(str::to_owned));
    let error = User::root().command(&words).stdin(Stdio::inherit()).exec();
    Err(error).context(|| "failed to become `systemd-run`".to_owned())
}

fn serve() -> Result<ExitCode> {
    let mut checked = false;
    for line in std::io::stdin().lock().lines() {
        let line = line.context(|| "failed to be told what to start".to_owned())?;
        let took = match &*line {
            "true" => wall(&mut Command::new("true"))?,
            "outlive run" => {
                let (took, id) = ours(&[])?;
                if !checked {
                    must_be_delegated(&id)?;
                    checked = true;
                }
                took
            }
            "outlive run --breakaway off" => ours(&["--breakaway", "off"])?.0,
            "systemd-run" => wall(&mut systemd_run(&[]))?,
            "systemd-run -p Type=exec" => wall(&mut systemd_run(&["-p", "Type=exec"]))?,
            "Command::spawn" => spawn(outlive::Breakaway::Prefer)?,
            "Command::spawn, breakaway off" => spawn(outlive::Breakaway::Off)?,
            other => return Err(Fault::new(format!("nothing to time: `{other}`"))),
        };
        println!("{}", took.as_secs_f64() * 1000.0);
        reap();
    }
    Ok(ExitCode::SUCCESS)
}

fn wall(command: &mut Command) -> Result<Duration> {
    let began = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .status()
        .context(|| format!("failed to start {command:?}"))?;
    let took = began.elapsed();
    if status.success() {
        Ok(took)
    } else {
        Err(Fault::new(format!("{command:?}: {status}")))
    }
}

fn systemd_run(options: &[&str]) -> Command {
    let mut command = Command::new("systemd-run");
    if !rustix::process::geteuid().is_root() {
        command.arg("--user");
    }
    command.arg("--quiet").args(options).arg("true");
    command
}

/// The job is waited for, so that its end disturbs nothing that is timed.
fn ours(options: &[&str]) -> Result<(Duration, String)> {
    // A file costs its writer as little as what the others write to.
    let path = PathBuf::from("answer");
    let answer = File::create(&path).context(|| "failed to make a file".to_owned())?;
    let mut run = Command::new("outlive");
    run.arg("run").args(options).args(["--", "true"]);
    let took = wall(run.stdout(answer))?;
    let id = std::fs::read_to_string(&path).context(|| "failed to read the id".to_owned())?;
    let id = id.trim().to_owned();
    wall(Command::new("outlive").args(["wait", &id]))?;
    Ok((took, id))
}

/// What is timed must be what it is taken for.
fn must_be_delegated(id: &str) -> Result<()> {
    let shown = Command::new("outlive")
        .args(["show", id, "--json"])
        .output()
        .context(|| "failed to start `outlive show`".to_owned())?;
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
    if shown["way"] == "delegated" {
        return Ok(());
    }
    let found = &shown["way"];
    Err(Fault::new(format!(
        "a job was started {found}, not delegated"
    )))
}

fn spawn(breakaway: outlive::Breakaway) -> Result<Duration> {
    let failed = |error: outlive::Error| Fault::new(error.to_string());
    let mut command = outlive::Command::new("true");
    command.breakaway(breakaway);
    let began = Instant::now();
    let mut child = command.spawn().map_err(failed)?;
    let took = began.elapsed();
    child.wait().map_err(failed)?;
    Ok(took)
}

/// Below this process nothing else runs by now, but a subreaper inherits what has ended.
fn reap() {
    use rustix::process::{WaitOptions, wait};
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    let _ = std::io::stdout().flush();
}
