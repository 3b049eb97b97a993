//! Our own way to spawn, with the same streams as the others have: those of the parent.

use std::io;
use std::path::Path;

use outlive::{Command, Stdio};

pub(super) fn spawn_and_wait(path: &Path) -> io::Result<bool> {
    let mut command = Command::new(path);
    command
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    let end = command
        .spawn()
        .and_then(|mut child| child.wait())
        .map_err(io::Error::other)?;
    Ok(end.success())
}
