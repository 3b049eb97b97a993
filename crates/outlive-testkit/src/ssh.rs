//! A real sshd on loopback, for one test.

use crate::events;
use crate::home::Home;
use crate::process::{Pidfd, Running};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

const SSHD: &str = "/usr/sbin/sshd";

/// A listener that has sshd serve each connection, as inetd did: so there is no port to guess and
/// nothing to wait for until it listens.
#[derive(Debug)]
pub struct Sshd {
    folder: PathBuf,
    port: u16,
    user: String,
    closing: Option<OwnedFd>,
    accepting: Option<JoinHandle<Vec<Running>>>,
}

impl Sshd {
    /// Starts it with keys of its own; `None`, loudly, if there is no sshd.
    pub fn start(home: &Home, what: &str) -> Option<Sshd> {
        if !Path::new(SSHD).exists() {
            crate::skipped(what, "no /usr/sbin/sshd (package openssh-server)");
            return None;
        }
        // Its own start-up script makes this folder, and without it sshd refuses to run as root.
        if crate::is_root() && std::fs::create_dir_all("/run/sshd").is_err() {
            crate::skipped(what, "no /run/sshd, and it can't be made");
            return None;
        }
        let folder = home.folder().join("ssh");
        std::fs::create_dir(&folder).expect("a folder can be made");
        for key in ["host", "user"] {
            succeed(
                Command::new("ssh-keygen")
                    .args(["-q", "-t", "ed25519", "-N", ""])
                    .arg("-f")
                    .arg(folder.join(key)),
            );
        }
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let public = std::fs::read_to_string(folder.join("host.pub")).expect("ssh-keygen made it");
        let known = format!("[127.0.0.1]:{port} {public}");
        std::fs::write(folder.join("known"), known).expect("our own folder");
        let at = folder.display();
        let config = format!(
            "HostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nPidFile none\nLogLevel VERBOSE\n\
             UseDNS no\nPrintMotd no\nPrintLastLog no\nMaxStartups 100\n"
        );
        std::fs::write(folder.join("config"), config).expect("our own folder");
        let (closed, closing) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
        let server = folder.clone();
        let accepting = std::thread::spawn(move || accept(&listener, &closed, &server));
        let user = succeed(Command::new("id").arg("-un"));
        Some(Sshd {
            folder,
            port,
            user,
            closing: Some(closing),
            accepting: Some(accepting),
        })
    }

    /// `ssh OPTIONS 127.0.0.1 LINE`.
    pub fn command(&self, options: &[&str], line: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ]);
        ssh.args([
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "LogLevel=ERROR",
            "-o",
        ]);
        ssh.arg(format!(
            "UserKnownHostsFile={}",
            self.folder.join("known").display()
        ));
        ssh.arg("-i")
            .arg(self.folder.join("user"))
            .args(["-p", &self.port.to_string()]);
        ssh.args(options)
            .arg(format!("{}@127.0.0.1", self.user))
            .arg(line);
        ssh.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        ssh
    }

    /// Runs `line` over ssh and waits until ssh has ended.
    #[track_caller]
    pub fn call(&self, options: &[&str], line: &str) -> crate::Said {
        let said = Running::start(&mut self.command(options, line)).finish();
        if said.code == 255 {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            panic!("{said}\nsshd says:\n{log}");
        }
        said
    }
}

/// Serves connections until the other side of `closed` goes; those still served then.
fn accept(listener: &TcpListener, closed: &OwnedFd, folder: &Path) -> Vec<Running> {
    let mut serving: Vec<Running> = Vec::new();
    let hour = std::time::Duration::from_secs(3600);
    loop {
        let ready = events::any_readable(&[closed.as_fd(), listener.as_fd()], hour);
        if ready.is_none_or(|ready| ready[0]) {
            return serving;
        }
        let (connection, _) = listener.accept().expect("a connection is waiting");
        serving.retain(|sshd| sshd.handle().lives());
        serving.push(serve(connection, folder));
    }
}

fn serve(connection: TcpStream, folder: &Path) -> Running {
    let output = OwnedFd::from(connection.try_clone().expect("a descriptor can be copied"));
    let log = File::options()
        .append(true)
        .create(true)
        .open(folder.join("log"))
        .expect("our own folder");
    let mut sshd = Command::new(SSHD);
    sshd.args(["-i", "-e", "-f"]).arg(folder.join("config"));
    sshd.stdin(OwnedFd::from(connection))
        .stdout(output)
        .stderr(log);
    Running::start_as_is(&mut sshd)
}

fn succeed(command: &mut Command) -> String {
    let said = Running::start(command.stdin(Stdio::null())).finish();
    assert_eq!(said.code, 0, "{said}");
    said.text()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.closing.take());
        let serving = self
            .accepting
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default();
        if !std::thread::panicking() {
            // Every client has ended, so each server ends by itself.
            serving.iter().map(Running::handle).for_each(Pidfd::ended);
        }
    }
}
