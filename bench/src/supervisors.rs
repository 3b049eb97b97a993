//! Other supervisors of one idle job each, as far as they are installed: what the process that
//! stays takes. For those that serve all jobs with one process it is that one.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::keeper::anonymous;
use crate::peers::{find, pueue_config, quiet};
use crate::sample::rounded;

/// One supervisor that supervises; dropped, it is told to end.
struct Supervisor {
    /// What was started here, and may have gone on by itself to the background.
    started: Child,
    stays: Stays,
    /// What tells it to end; SIGTERM if none.
    end: Option<Command>,
}

/// Which process stays.
enum Stays {
    Itself,
    /// The one whose pid that file holds.
    Noted(PathBuf),
    /// The one with that argument.
    With(PathBuf),
}

type Start = fn(&Path, &Path) -> Result<Supervisor>;

const KNOWN: &[(&str, Start)] = &[
    ("runsv", |folder, job| service("runsv", folder, job)),
    ("s6-supervise", |folder, job| {
        service("s6-supervise", folder, job)
    }),
    ("dtach", dtach),
    ("pueued", pueued),
    ("supervisord", supervisord),
    ("pm2", pm2),
];

/// KiB, of each that is installed.
pub(crate) fn anonymous_memory(folder: &Path) -> Result<Vec<(&'static str, f64)>> {
    let mut measured = Vec::new();
    let mut missing = Vec::new();
    for (name, start) in KNOWN {
        if find(name).is_none() {
            missing.push(*name);
            continue;
        }
        match one(&folder.join(name), *start) {
            Ok(memory) => {
                println!("  {name:<32} {:>10}", rounded(memory));
                measured.push((*name, memory));
            }
            Err(error) => println!("  {name:<32} takes no part: {error}"),
        }
    }
    if !missing.is_empty() {
        println!("  not installed: {}", missing.join(", "));
    }
    Ok(measured)
}

fn one(folder: &Path, start: Start) -> Result<f64> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let up = folder.join("up");
    run(Command::new("mkfifo").arg(&up))?;
    let job = folder.join("run");
    fs::write(
        &job,
        format!(
            "#!/bin/sh\necho up >'{}'\nexec sleep infinity\n",
            up.display()
        ),
    )?;
    fs::set_permissions(&job, Permissions::from_mode(0o755))?;

    let supervisor = start(folder, &job)?;
    wait_until_up(&up)?;
    anonymous(supervisor.pid()?)
}

/// Returns when the job has written to the pipe.
fn wait_until_up(pipe: &Path) -> Result<()> {
    // Opened for writing too, so that this does not block where nothing ever opens the other end.
    let pipe = OpenOptions::new().read(true).write(true).open(pipe)?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(pipe).read_line(&mut line);
        // Nobody listens any more if it took too long.
        let _ = sender.send(read.is_ok());
    });
    match receiver.recv_timeout(Duration::from_secs(10)) {
        Ok(true) => Ok(()),
        _ => Err(Error::new("its job did not start")),
    }
}

fn service(program: &str, folder: &Path, _: &Path) -> Result<Supervisor> {
    let started = quiet(Command::new(program).arg(folder)).spawn()?;
    Ok(Supervisor::itself(started))
}

fn dtach(folder: &Path, job: &Path) -> Result<Supervisor> {
    let socket = folder.join("socket");
    let mut started = quiet(Command::new("dtach").arg("-n").arg(&socket).arg(job)).spawn()?;
    // It returns when the process that stays has been started.
    started.wait()?;
    Ok(Supervisor {
        started,
        stays: Stays::With(socket),
        end: None,
    })
}

fn pueued(folder: &Path, job: &Path) -> Result<Supervisor> {
    let config = pueue_config(folder)?;
    let with_config = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.arg("--config").arg(&config).args(arguments);
        command
    };
    let started = quiet(&mut with_config("pueued", &[])).spawn()?;
    let supervisor = Supervisor {
        started,
        stays: Stays::Itself,
        end: Some(with_config("pueue", &["shutdown"])),
    };
    crate::peers::wait_for_pueued(|| with_config("pueue", &["status"]))?;
    run(with_config("pueue", &["add", "--"]).arg(job))?;
    Ok(supervisor)
}

fn supervisord(folder: &Path, job: &Path) -> Result<Supervisor> {
    let config = folder.join("supervisord.conf");
    let text = format!(
        "[supervisord]\nnodaemon=true\nuser=root\ndirectory={0}\nlogfile={0}/log\npidfile={0}/pid\n\
         [program:job]\ncommand={1}\n",
        folder.display(),
        job.display()
    );
    fs::write(&config, text)?;
    let started = quiet(Command::new("supervisord").arg("-c").arg(&config)).spawn()?;
    Ok(Supervisor::itself(started))
}

fn pm2(folder: &Path, job: &Path) -> Result<Supervisor> {
    let pm2 = || {
        let mut command = Command::new("pm2");
        command.env("PM2_HOME", folder);
        command
    };
    let mut end = pm2();
    end.arg("kill");
    let started = quiet(pm2().args(["start", "--interpreter", "none"]).arg(job)).spawn()?;
    Ok(Supervisor {
        started,
        stays: Stays::Noted(folder.join("pm2.pid")),
        end: Some(end),
    })
}

impl Supervisor {
    fn itself(started: Child) -> Self {
        Self {
            started,
            stays: Stays::Itself,
            end: None,
        }
    }

    fn pid(&self) -> Result<u32> {
        match &self.stays {
            Stays::Itself => Ok(self.started.id()),
            Stays::Noted(file) => Ok(fs::read_to_string(file)?.trim().parse()?),
            Stays::With(argument) => with_argument(argument),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let ended = match &mut self.end {
            Some(end) => run(end),
            None => self
                .pid()
                .and_then(|pid| run(Command::new("kill").arg(pid.to_string()))),
        };
        if let Err(error) = ended {
            eprintln!("a supervisor may be left over: {error}");
        }
        // Reaps it; there is nothing to do about a failure.
        let _ = self.started.wait();
    }
}

/// The process that has `argument` among its own.
fn with_argument(argument: &Path) -> Result<u32> {
    let argument = argument.as_os_str().as_encoded_bytes();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let pid = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        // A process may have ended since its folder was listed.
        let (Some(pid), Ok(line)) = (pid, fs::read(path.join("cmdline"))) else {
            continue;
        };
        if line.split(|byte| *byte == 0).any(|word| word == argument) {
            return Ok(pid);
        }
    }
    Err(Error::new("its process is not to be found"))
}

fn run(command: &mut Command) -> Result<()> {
    let status = quiet(command).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(format!(
            "{:?} ended with {status}",
            command.get_program()
        )))
    }
}
