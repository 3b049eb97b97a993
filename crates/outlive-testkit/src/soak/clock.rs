//! A wall clock that can be set without setting anybody else's.

use crate::skipped;
use rustix::mount::MountFlags;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const SOURCE: &str = include_str!("clock.cpp");

/// Sets the clock of all programs that are started in these mounts from now on.
pub(super) struct Clock {
    file: PathBuf,
}

impl Clock {
    /// Makes one in `folder`, which must not be seen by anybody else: it lays a changed `/etc` over
    /// the real one (ld.so(8): `/etc/ld.so.preload`). `None`, loudly, where that can't be done.
    pub(super) fn make(folder: &Path) -> Option<Clock> {
        let what = "clocks that jump";
        let (library, file) = (folder.join("clock.so"), folder.join("clock"));
        std::fs::write(&file, "0").expect("our own folder");
        let source = folder.join("clock.cpp");
        std::fs::write(&source, SOURCE).expect("our own folder");
        let built = Command::new("c++")
            .args(["-shared", "-fPIC", "-O1", "-Wall"])
            .arg(format!("-DCLOCK_FILE=\"{}\"", file.display()))
            .arg("-o")
            .args([&library, &source])
            .status();
        if !built.is_ok_and(|status| status.success()) {
            skipped(what, "no C++ compiler to build what is preloaded");
            return None;
        }
        if let Err(error) = lay_over_etc(folder, &format!("{}\n", library.display())) {
            skipped(what, &format!("nothing can be laid over /etc: {error}"));
            return None;
        }
        let clock = Clock { file };
        clock.set(-86_400);
        let told = Command::new("date")
            .arg("+%s")
            .output()
            .expect("coreutils has it");
        let told = String::from_utf8_lossy(&told.stdout).trim().parse::<u64>();
        let real = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let real = real.expect("it is after 1970").as_secs();
        assert!(
            told.is_ok_and(|told| told + 80_000 < real),
            "the clock was not set"
        );
        clock.set(0);
        Some(clock)
    }

    /// Sets it so many seconds before or after the real one.
    pub(super) fn set(&self, seconds: i64) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, seconds.to_string()).expect("our own folder");
        std::fs::rename(&next, &self.file).expect("our own folder");
    }
}

fn lay_over_etc(folder: &Path, preload: &str) -> std::io::Result<()> {
    // An overlay's upper folder can't be in an overlay, as a container's folders may be.
    let over = folder.join("etc");
    std::fs::create_dir(&over)?;
    rustix::mount::mount("none", &over, "tmpfs", MountFlags::empty(), None)?;
    let [upper, work] = ["upper", "work"].map(|name| over.join(name));
    std::fs::create_dir(&upper)?;
    std::fs::create_dir(&work)?;
    let options = format!(
        "lowerdir=/etc,upperdir={},workdir={}",
        upper.display(),
        work.display()
    );
    let options = CString::new(options).map_err(std::io::Error::other)?;
    let flags = MountFlags::empty();
    rustix::mount::mount("none", "/etc", "overlay", flags, Some(options.as_c_str()))?;
    std::fs::write("/etc/ld.so.preload", preload)
}
