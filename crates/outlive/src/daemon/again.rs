//! Where a process can't be forked (Windows): the program starts itself again, and that is the
//! daemon.

use super::daemonized::Waiting;
use super::settle::Settled;
use super::starter::Starter;
use super::word::{FromDaemon, ToStarter};
use super::{Daemon, Daemonized};
use crate::command::Command;
use crate::error::{During, Error, Kind, Result};
use crate::launch::root_folder;
use crate::stdio::{self, Stdio};
use outlive_os::socket::{self, Connection};
use outlive_os::{daemon, proc, role};
use std::ffi::OsStr;
use std::path::Path;

/// The variable by which the program knows that it is the daemon, and what it was started with first
/// is the connection to its starter.
const MARK: &str = "OUTLIVE_DAEMON";

/// Comes back in the daemon, or in its starter if there is none.
pub(super) fn start(asked: &mut Daemon) -> Result<Daemonized> {
    check(asked)?;
    match std::env::var_os(MARK) {
        Some(_) => become_it(),
        None => Err(start_again(asked)?),
    }
}

fn check(asked: &Daemon) -> Result<()> {
    let refused = [
        ("pid_file", asked.pid_file.is_some()),
        ("user", asked.wanted.user.is_some()),
        ("group", asked.wanted.group.is_some()),
        ("supplementary_groups", asked.wanted.groups.is_some()),
        ("chroot", asked.root.is_some()),
        ("keep_descriptor", !asked.kept.is_empty()),
        ("detach(false)", !asked.detaches),
    ];
    match refused.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((what, _)) => {
            let what = format!("failed to become a daemon: `{what}` is not supported on Windows");
            Err(Error::new(Kind::Unsupported, what).hint_at("leave it away there"))
        }
    }
}

fn become_it() -> Result<Daemonized> {
    let failed = || "failed to find the daemon's starter".to_owned();
    daemon::remove_variables(|name| name == OsStr::new(MARK)).during(failed)?;
    let starter = role::inherited().during(failed)?.into_iter().next();
    let starter = starter.ok_or_else(|| {
        let hint = format!("{MARK} is set, but not by the program itself: unset it");
        Error::new(Kind::Invalid, failed()).hint_at(hint)
    })?;
    let to = ToStarter::new(Connection::from_descriptor(starter));
    if !to.wait_to_go().unwrap_or(false) {
        daemon::end(1);
    }
    Ok(Daemonized::new(Waiting::Starter(to), Settled::default()))
}

fn start_again(asked: &mut Daemon) -> Result<Error> {
    let (ours, theirs) = socket::pair().during(|| "failed to make a socket".to_owned())?;
    let mut command = Command::new(proc::own_program());
    command.args(std::env::args_os().skip(1));
    command.env(MARK, "1").keep_descriptor(theirs, 3);
    command.breakaway(asked.breakaway);
    match asked.folder == Path::new("/") {
        true => command.current_dir(root_folder()),
        false => command.current_dir(&asked.folder),
    };
    let [stdin, stdout, stderr] = &mut asked.streams;
    let take = |stream: &mut Option<Stdio>| {
        let stream = stream.take().unwrap_or_else(Stdio::null);
        match stream.0 {
            stdio::Kind::Piped => Err(super::start::no_pipe()),
            _ => Ok(stream),
        }
    };
    command.stdin(take(stdin)?).stdout(take(stdout)?);
    command.stderr(take(stderr)?);
    let child = command.spawn()?;
    // The only copy of the other end is the daemon's.
    drop(command);
    let process = child.into_process();
    ours.set_peer(&process);
    let starter = Starter::new(FromDaemon::new(ours), asked.patience).holding(process);
    Ok(starter.attend())
}
