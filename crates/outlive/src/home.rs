//! Where the state folder is.

use crate::error::{Error, Kind, Result};
use outlive_os::{KERNEL, Kernel, identity, role};
use std::env;
use std::path::PathBuf;

/// Root keeps its jobs apart from those of whose home it is in: sudo(8) may leave `HOME` as it was
/// (`-E`, `env_keep`), and root's files in a user's folder would be in that user's hands and way.
fn own_state(state: PathBuf) -> Option<PathBuf> {
    if role::user() != 0 {
        return Some(state);
    }
    let owner = state.ancestors().find_map(|it| identity::owner(it).ok());
    match owner {
        Some(0) | None => Some(state),
        Some(_) => {
            let root = identity::user("0").ok().flatten()?;
            Some(root.home?.join(".local/state"))
        }
    }
}

/// The state folder of this user: `$OUTLIVE_HOME`, else `$XDG_STATE_HOME/outlive`, else
/// `$HOME/.local/state/outlive` (XDG Base Directory Specification 0.8, which has relative paths in
/// its variables ignored). For root, where one of the last two leads into another user's home, it is
/// the one in root's own. On Windows `%OUTLIVE_HOME%`, else `%LOCALAPPDATA%\outlive`.
pub fn default_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("OUTLIVE_HOME").filter(|home| !home.is_empty()) {
        return std::path::absolute(&home)
            .map_err(|cause| Error::io("failed to find the folder of `OUTLIVE_HOME`", cause));
    }
    let absolute = |variable| {
        env::var_os(variable)
            .map(PathBuf::from)
            .filter(|it| it.is_absolute())
    };
    let (state, variable) = match KERNEL {
        Kernel::Windows => (absolute("LOCALAPPDATA"), "LOCALAPPDATA"),
        Kernel::Linux | Kernel::Darwin => {
            let home = || absolute("HOME").map(|home| home.join(".local/state"));
            let state = absolute("XDG_STATE_HOME").or_else(home);
            (state.and_then(own_state), "HOME")
        }
    };
    match state {
        Some(state) => Ok(state.join("outlive")),
        None => {
            let what = format!("failed to find the state folder: {variable} is not set");
            let hint = "set OUTLIVE_HOME to a folder of yours";
            Err(Error::new(Kind::Invalid, what).hint_at(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_keeps_nothing_in_the_homes_of_others() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let state = folder.path().join("not/there/yet");
        assert_eq!(own_state(state.clone()), Some(state.clone()));
        let given = std::process::Command::new("chown")
            .arg("65534")
            .arg(folder.path())
            .status();
        if role::user() != 0 || !given.is_ok_and(|it| it.success()) {
            println!("SKIPPED: root's state folder: only root may give folders away");
            return;
        }
        let own = own_state(state).expect("root has a home");
        assert!(!own.starts_with(folder.path()), "{own:?}");
        assert!(own.ends_with(".local/state"), "{own:?}");
    }
}
