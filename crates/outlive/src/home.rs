//! Where the state folder is.

use crate::error::{Error, Kind, Result};
use outlive_os::{KERNEL, Kernel};
use std::env;
use std::path::PathBuf;

/// The state folder of this user: `$OUTLIVE_HOME`, else `$XDG_STATE_HOME/outlive`, else
/// `$HOME/.local/state/outlive` (XDG Base Directory Specification 0.8, which has relative paths in
/// its variables ignored). On Windows `%OUTLIVE_HOME%`, else `%LOCALAPPDATA%\outlive`.
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
            (absolute("XDG_STATE_HOME").or_else(home), "HOME")
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
