//! The machine as a cell finds it: its users, its sshd, and a cgroup for cells.

use super::cgroups;
use super::fault::{Context, Fault, Result};
use super::lines::Lines;
use super::machine::{Init, PATH};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where cells have their folders.
const CELLS: &str = "/var/cells";
/// The key that may log in as anybody.
const KEY: &str = "/root/box.key";
const FIRST_UID: u32 = 3000;

/// Somebody who launches.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) home: PathBuf,
}

impl User {
    pub(crate) fn root() -> User {
        User {
            name: "root".to_owned(),
            uid: 0,
            home: PathBuf::from("/root"),
        }
    }

    /// The plain user of the cell with this number: each has its own, so that its manager, its
    /// sessions and whether it lingers are its own too.
    pub(crate) fn plain(number: usize) -> User {
        User {
            name: format!("c{number}"),
            uid: FIRST_UID + u32::try_from(number).unwrap_or(0),
            home: PathBuf::from(format!("/home/c{number}")),
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// A command for `words` as this user, in surroundings like the harness's own.
    pub(crate) fn command<W: AsRef<std::ffi::OsStr>>(&self, words: &[W]) -> Command {
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", &self.home)
            .env("USER", &self.name)
            .current_dir(&self.home)
            .stdin(Stdio::null());
        if !self.is_root() {
            command.uid(self.uid).gid(self.uid);
        }
        command
    }
}

/// What all cells of a machine share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) init: Init,
    /// A cgroup below which there can be others; none where cgroup2 can't be written to.
    pub(crate) cgroup: Option<PathBuf>,
    sshd: Option<Child>,
}

impl World {
    /// Prepares the machine: `plain` are the cells' plain users, `unlingering` the names of those
    /// that may not have processes linger.
    pub(crate) fn prepare(init: Init, plain: &[User], unlingering: &[String]) -> Result<World> {
        make_users(plain, unlingering)?;
        make_folder(Path::new(CELLS), 0)?;
        call(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY])?;
        let public = format!("{KEY}.pub");
        std::fs::copy(public, "/etc/ssh/box.pub").context(|| "failed to allow the key".into())?;
        let mut world = World {
            init,
            cgroup: own_subtree(),
            sshd: None,
        };
        if init == Init::Bare {
            world.sshd = Some(start_sshd()?);
        } else {
            refuse_lingering()?;
        }
        Ok(world)
    }

    pub(crate) fn has_systemd(&self) -> bool {
        self.init != Init::Bare
    }

    /// `ssh OPTIONS USER@loopback LINE`.
    pub(crate) fn ssh(&self, user: &User, options: &[&str], line: &str) -> Command {
        let mut ssh = User::root().command(&["ssh", "-F", "/dev/null", "-i", KEY]);
        for option in [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "LogLevel=ERROR",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
        ] {
            ssh.args(["-o", option]);
        }
        ssh.args(options)
            .arg(format!("{}@127.0.0.1", user.name))
            .arg(line);
        ssh
    }

    /// A new folder for the cell with this number.
    pub(crate) fn folder(&self, number: usize, user: &User) -> Result<PathBuf> {
        let folder = Path::new(CELLS).join(number.to_string());
        make_folder(&folder, user.uid)?;
        Ok(folder)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(sshd) = &mut self.sshd {
            let _ = sshd.kill();
            let _ = sshd.wait();
        }
    }
}

/// A delegated cgroup of our own, with this process moved out of the way into a leaf.
fn own_subtree() -> Option<PathBuf> {
    let own = cgroups::own()?;
    let leaf = own.join("harness");
    std::fs::create_dir(&leaf).ok()?;
    cgroups::write(&leaf, "cgroup.procs", "0").ok()?;
    for controller in ["+memory", "+pids", "+cpu"] {
        // Only those that there are; cells that want another one say that it is missing.
        let _ = cgroups::write(&own, "cgroup.subtree_control", controller);
    }
    Some(own)
}

/// Adds these users to the machine's.
pub(crate) fn make_users(plain: &[User], unlingering: &[String]) -> Result<()> {
    let (mut passwd, mut group, mut shadow) = (String::new(), String::new(), String::new());
    for User { name, uid, home } in plain {
        let home = home.display();
        passwd.push_str(&format!("{name}:x:{uid}:{uid}::{home}:/bin/bash\n"));
        group.push_str(&format!("{name}:x:{uid}:\n"));
        shadow.push_str(&format!("{name}:*:19000:0:99999:7:::\n"));
    }
    let members = unlingering.join(",");
    group.push_str(&format!("unlingering:x:{}:{members}\n", FIRST_UID - 1));
    for (path, text) in [
        ("/etc/passwd", passwd),
        ("/etc/group", group),
        ("/etc/shadow", shadow),
    ] {
        append(path, &text)?;
    }
    for user in plain.iter().chain([&User::root()]) {
        make_folder(&user.home, user.uid)?;
        // login(1) says nothing but the shell's prompt then.
        append(&user.home.join(".hushlogin").display().to_string(), "")?;
    }
    Ok(())
}

fn append(path: &str, text: &str) -> Result<()> {
    std::fs::File::options()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .context(|| format!("failed to write `{path}`"))
}

fn make_folder(path: &Path, uid: u32) -> Result<()> {
    let failed = || format!("failed to make `{}`", path.display());
    std::fs::create_dir_all(path).context(failed)?;
    chown(path, Some(uid), Some(uid)).context(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).context(failed)
}

/// polkit(8) reads its rules before its first answer.
fn refuse_lingering() -> Result<()> {
    let rule = "polkit.addRule(function(action, subject) {\n\
        if (action.id.indexOf('org.freedesktop.login1.set-') == 0\n\
        && action.id.indexOf('-linger') > 0 && subject.isInGroup('unlingering'))\n\
        return polkit.Result.NO;\n});\n";
    let path = "/etc/polkit-1/rules.d/10-box.rules";
    std::fs::write(path, rule).context(|| format!("failed to write `{path}`"))
}

fn start_sshd() -> Result<Child> {
    make_folder(Path::new("/run/sshd"), 0)?;
    let mut sshd = User::root().command(&["/usr/sbin/sshd", "-D", "-e"]);
    let mut sshd = sshd
        .stderr(Stdio::piped())
        .spawn()
        .context(|| "failed to start `sshd`".to_owned())?;
    let log = sshd.stderr.take().map(Lines::new);
    let mut log = log.ok_or_else(|| Fault::new("sshd has no log"))?;
    let limit = Duration::from_secs(20);
    while let Some(Some(line)) = log.next_within(limit) {
        if line.contains("Server listening on 0.0.0.0") || line.contains("Server listening on ::") {
            // It goes on saying things; nobody reads them, and a pipe has room for these few.
            std::mem::forget(log);
            return Ok(sshd);
        }
    }
    Err(Fault::new("sshd does not listen"))
}

/// Runs `words` as root to their end, which must be a success.
pub(crate) fn call(words: &[&str]) -> Result<()> {
    let said = User::root()
        .command(words)
        .output()
        .context(|| format!("failed to start `{}`", words[0]))?;
    if said.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&said.stderr);
    Err(Fault::new(format!(
        "`{}`: {}",
        words.join(" "),
        errors.trim()
    )))
}
