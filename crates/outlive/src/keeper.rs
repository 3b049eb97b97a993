//! Which executable is a job's keeper.

use crate::error::{Error, Kind, Result};
use outlive_os::{proc, role};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

static INITIALISED: AtomicBool = AtomicBool::new(false);

/// Lets this very program be the keeper of the jobs that it starts. Call it first in `main`: in a
/// process that was started to be a keeper it does not return.
///
/// Programs that don't call it have the `outlive` executable found, see [`Jobs::start`].
///
/// [`Jobs::start`]: crate::Jobs::start
pub fn init() {
    if role::name().is_some_and(|name| name == outlive_keeper::ROLE) {
        std::process::exit(outlive_keeper::main());
    }
    INITIALISED.store(true, Ordering::Relaxed);
}

/// The first of: `explicit`, `$OUTLIVE_BIN`, this program if it called [`init`], `outlive` in
/// `PATH`.
pub(crate) fn find(explicit: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = explicit {
        return Ok(path.to_owned());
    }
    if let Some(path) = env::var_os("OUTLIVE_BIN").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    if INITIALISED.load(Ordering::Relaxed) {
        return Ok(proc::own_program().to_owned());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| {
            folder
                .join("outlive")
                .with_extension(env::consts::EXE_EXTENSION)
        })
        .find(|it| it.is_file());
    found.ok_or_else(|| {
        Error::new(
            Kind::Unsupported,
            "failed to find the `outlive` executable, which keeps jobs",
        )
        .hint_at(
            "install it in PATH, name it in OUTLIVE_BIN, or call outlive::init() first in main",
        )
    })
}
