//! Other people's launchers and supervisors, as far as they are installed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use crate::error::{Error, Result};

/// Starts `true` in the background and returns.
pub(crate) struct Launcher {
    pub(crate) name: &'static str,
    command: Box<dyn FnMut() -> Command>,
    server: Option<Server>,
}

/// What a launcher needs running, and how it is told to end.
struct Server {
    process: Option<Child>,
    end: Command,
}

impl Launcher {
    pub(crate) fn command(&mut self) -> Command {
        (self.command)()
    }

    fn new(name: &'static str, command: impl FnMut() -> Command + 'static) -> Self {
        Self {
            name,
            command: Box::new(command),
            server: None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = quiet(&mut self.end).status();
        if let Some(process) = &mut self.process {
            if !ended.is_ok_and(|status| status.success()) {
                // It did not listen; there is nobody to tell if this fails too.
                let _ = process.kill();
            }
            let _ = process.wait();
        }
    }
}

type Make = fn(PathBuf, &Path) -> Result<Launcher>;

const LAUNCHERS: &[(&str, Make)] = &[
    ("setsid", |program, _| {
        Ok(Launcher::new("setsid -f", move || {
            command(&program, &["-f", "true"])
        }))
    }),
    ("daemonize", |program, _| {
        let full = full_path_of_true()?;
        Ok(Launcher::new("daemonize", move || {
            command(&program, &[&full])
        }))
    }),
    ("tsp", task_spooler),
    ("dtach", dtach),
    ("pueue", pueue),
    ("systemd-run", systemd_run),
    ("pm2", pm2),
];

/// Those that are installed, and the names of those that are not.
pub(crate) fn launchers(folder: &Path) -> (Vec<Launcher>, Vec<&'static str>) {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (name, make) in LAUNCHERS {
        match find(name).map(|program| make(program, folder)) {
            Some(Ok(launcher)) => found.push(launcher),
            Some(Err(error)) => {
                eprintln!("{name} takes no part: {error}");
                missing.push(*name);
            }
            None => missing.push(*name),
        }
    }
    (found, missing)
}

fn dtach(program: PathBuf, folder: &Path) -> Result<Launcher> {
    let sockets = folder.join("dtach");
    fs::create_dir_all(&sockets)?;
    let mut count = 0;
    Ok(Launcher::new("dtach -n", move || {
        count += 1;
        let mut dtach = command(&program, &["-n"]);
        dtach.arg(sockets.join(count.to_string())).arg("true");
        dtach
    }))
}

fn systemd_run(program: PathBuf, _: &Path) -> Result<Launcher> {
    if !Path::new("/run/systemd/system").exists() {
        return Err(Error::new("no systemd runs here"));
    }
    let user = env::var_os("USER").is_none_or(|user| user != "root");
    Ok(Launcher::new("systemd-run", move || {
        let mut run = command(&program, &["--quiet", "--collect"]);
        run.args(user.then_some("--user")).args(["--", "true"]);
        run
    }))
}

fn pm2(program: PathBuf, folder: &Path) -> Result<Launcher> {
    let home = folder.join("pm2");
    let with_home = move |arguments: &[&str]| {
        let mut pm2 = command(&program, arguments);
        pm2.env("PM2_HOME", &home);
        pm2
    };
    let end = with_home(&["kill"]);
    let full = full_path_of_true()?;
    let mut launcher = Launcher::new("pm2 start", move || {
        with_home(&["start", "--no-autorestart", "--force", &full])
    });
    launcher.server = Some(Server { process: None, end });
    Ok(launcher)
}

/// For those that take nothing less.
fn full_path_of_true() -> Result<String> {
    let path = find("true").ok_or_else(|| Error::new("no `true` in PATH"))?;
    Ok(path.to_string_lossy().into_owned())
}

fn task_spooler(program: PathBuf, folder: &Path) -> Result<Launcher> {
    let (socket, output) = (folder.join("tsp.socket"), folder.join("tsp"));
    fs::create_dir_all(&output)?;
    let with_socket = move |arguments: &[&str]| {
        let mut tsp = command(&program, arguments);
        tsp.env("TS_SOCKET", &socket).env("TMPDIR", &output);
        tsp
    };
    let end = with_socket(&["-K"]);
    let mut launcher = Launcher::new("tsp", move || with_socket(&["true"]));
    launcher.server = Some(Server { process: None, end });
    Ok(launcher)
}

fn pueue(program: PathBuf, folder: &Path) -> Result<Launcher> {
    let daemon = find("pueued").ok_or_else(|| Error::new("`pueued` is not installed"))?;
    let config = pueue_config(folder)?;
    let process = quiet(Command::new(daemon).arg("--config").arg(&config)).spawn()?;
    let with_config = move |arguments: &[&str]| {
        let mut pueue = command(&program, &[]);
        pueue.arg("--config").arg(&config).args(arguments);
        pueue
    };
    let server = Server {
        process: Some(process),
        end: with_config(&["shutdown"]),
    };
    wait_for_pueued(|| with_config(&["status"]))?;
    let mut launcher = Launcher::new("pueue add", move || with_config(&["add", "--", "true"]));
    launcher.server = Some(server);
    Ok(launcher)
}

/// It has no way to say that it is ready: asked until it answers.
pub(crate) fn wait_for_pueued(status: impl Fn() -> Command) -> Result<()> {
    let begun = Instant::now();
    while !quiet(&mut status()).status()?.success() {
        if begun.elapsed() > Duration::from_secs(5) {
            return Err(Error::new("`pueued` does not answer"));
        }
    }
    Ok(())
}

/// A configuration that keeps everything of pueue's in `folder`.
pub(crate) fn pueue_config(folder: &Path) -> Result<PathBuf> {
    let data = folder.join("pueue");
    fs::create_dir_all(&data)?;
    let config = data.join("pueue.yml");
    let text = format!(
        "shared:\n  pueue_directory: {0}\n  runtime_directory: {0}\n  use_unix_socket: true\n  \
         unix_socket_path: {0}/socket\nclient: {{}}\ndaemon: {{}}\n",
        data.display()
    );
    fs::write(&config, text)?;
    Ok(config)
}

pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

pub(crate) fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    quiet(&mut command);
    command
}
