//! Surroundings that only this thread, and what it starts, can see.

use crate::home::Home;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use std::path::{Path, PathBuf};

/// Gives this thread, and what it starts from now on, mounts of their own. They go with the last
/// process that sees them, so that a test that dies leaves none behind. `false`, loudly, if this
/// test may not.
pub fn own_mounts(what: &str) -> bool {
    if !crate::is_root() {
        crate::skipped(what, "only root can mount");
        return false;
    }
    // SAFETY: this moves the calling thread alone, and only into a new mount namespace, which no
    // code of the test relies on sharing with other threads.
    let moved = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) };
    let moved = moved.and_then(|()| {
        let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        rustix::mount::mount_change("/", flags)
    });
    if let Err(error) = moved {
        crate::skipped(what, &format!("no mounts of our own: {error}"));
    }
    moved.is_ok()
}

/// A small file system in memory; it is unmounted when this goes.
#[derive(Debug)]
pub struct Mount {
    path: PathBuf,
}

impl Mount {
    /// Mounts one of `size` (as tmpfs(5) has it) over a home's folder. [`own_mounts`] comes first.
    pub fn over(home: &Home, size: &str) -> Mount {
        let path = home.path().to_owned();
        std::fs::create_dir_all(&path).expect("a folder can be made");
        let options =
            std::ffi::CString::new(format!("size={size},mode=0700")).expect("no NUL in it");
        rustix::mount::mount(
            "none",
            &path,
            "tmpfs",
            MountFlags::empty(),
            Some(options.as_c_str()),
        )
        .expect("root can mount a tmpfs");
        Mount { path }
    }

    /// Makes it read-only.
    pub fn read_only(&self) {
        rustix::mount::mount_remount(&self.path, MountFlags::RDONLY | MountFlags::BIND, "")
            .expect("root can change a mount");
    }

    /// Makes it writable again.
    pub fn writable(&self) {
        rustix::mount::mount_remount(&self.path, MountFlags::BIND, "")
            .expect("root can change a mount");
    }

    /// Fills it to the last byte; the file to remove for room.
    pub fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        let mut file = std::fs::File::create(&path).expect("an empty file needs no room");
        for size in [4096, 1] {
            let block = vec![b'x'; size];
            let full = loop {
                match std::io::Write::write(&mut file, &block) {
                    Ok(0) => panic!("a write without effect"),
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
        }
        path
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A job's folder may still be held by what the test failed over.
        let _ = rustix::mount::unmount(&self.path, UnmountFlags::DETACH);
    }
}
