//! What is asked for to tell that a job is ready, as far as it makes sense here.

use super::path_text;
use crate::error::{Error, Kind, Result};
use outlive_os::{KERNEL, Kernel, os_string};
use outlive_record::{Ready, ReadyWish, Text};
use std::path::Path;

/// What was asked for, with whole paths: relative ones are taken from the job's folder.
pub(super) fn asked(wish: &ReadyWish, folder: &Path) -> Result<ReadyWish> {
    let mut wish = wish.clone();
    check(&wish)?;
    if let Some(Ready::File(path) | Ready::Unix(path)) = &mut wish.when
        && !path.0.starts_with(b"@")
    {
        *path = path_text(&folder.join(os_string(path.0.clone())));
    }
    Ok(wish)
}

fn check(wish: &ReadyWish) -> Result<()> {
    let unsupported = |what: String, hint: &str| {
        Err(Error::new(Kind::Unsupported, what).hint_at(hint.to_owned()))
    };
    if wish.timeout_ms.is_some() && wish.when.is_none() {
        let what = "failed to limit the time to become ready";
        let hint = "say by what it is seen to be ready: port:8080, say";
        return Err(Error::new(Kind::Invalid, what).hint_at(hint));
    }
    if wish.watchdog_ms == Some(0) {
        let what = "failed to watch that it lives: it would have to say so every 0 s";
        let hint = "give it more time: --watchdog 30s (JobOptions::watchdog)";
        return Err(Error::new(Kind::Invalid, what).hint_at(hint));
    }
    if wish.listens() && KERNEL != Kernel::Linux {
        let what = "failed to hear what it says of itself (notify, watchdog): only Linux tells \
                    who has sent a datagram";
        return unsupported(
            what.to_owned(),
            "wait for a port, a file or a line of output",
        );
    }
    match &wish.when {
        Some(Ready::Unix(_)) if KERNEL == Kernel::Windows => {
            let what = "failed to wait for a Unix socket: there are none on Windows";
            unsupported(
                what.to_owned(),
                "wait for a port, a file or a line of output",
            )
        }
        Some(Ready::Unix(Text(name))) if name.starts_with(b"@") && KERNEL != Kernel::Linux => {
            let what = "failed to wait for an abstract socket: only Linux has them";
            unsupported(what.to_owned(), "write a relative path as ./@name")
        }
        _ => Ok(()),
    }
}
