//! Paths as the system takes them without a second thought.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf, Prefix};

/// The same path from its root on, and such that the system takes what follows as it stands: it may
/// be longer than 260 characters, and a file in it may be called `nul` (Naming Files, Paths, and
/// Namespaces).
pub(super) fn verbatim(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut parts = path.components();
    let Some(Component::Prefix(prefix)) = parts.next() else {
        return Ok(path);
    };
    let mut whole = OsString::from(r"\\?\");
    match prefix.kind() {
        Prefix::Disk(_) => whole.push(prefix.as_os_str()),
        Prefix::UNC(server, share) => {
            whole.push("UNC");
            for name in [server, share] {
                whole.push(r"\");
                whole.push(name);
            }
        }
        _ => return Ok(path),
    }
    whole.push(parts.as_path());
    Ok(whole.into())
}

/// A path as people write it, of one that the system gives back: many programs can't have the other
/// form as their folder.
pub(super) fn plain(path: OsString) -> PathBuf {
    let bytes = super::bytes(&path);
    let Some(rest) = bytes.strip_prefix(br"\\?\") else {
        return path.into();
    };
    let plain = match rest.strip_prefix(br"UNC\") {
        Some(rest) => [br"\\", rest].concat(),
        None => rest.to_vec(),
    };
    super::os_string(plain).into()
}
