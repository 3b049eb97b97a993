//! The cgroups that a machine is kept in. systemd-nspawn makes `payload` and `supervisor` beside
//! its own processes, so that each machine wants a parent of its own.

use super::fault::{Context, Result};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where hierarchies are that systemd-nspawn uses: cgroup2 alone, or beside the older ones.
const HIERARCHIES: [&str; 3] = [
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/systemd",
    "/sys/fs/cgroup",
];

/// A cgroup of the same name in each hierarchy.
#[derive(Debug)]
pub(crate) struct Cgroups {
    folders: Vec<PathBuf>,
}

/// The way in, for a process that has just been forked.
#[derive(Debug)]
pub(crate) struct Entrance(Vec<File>);

/// What statfs(2) says of both versions of cgroup.
const MAGIC: [u64; 2] = [0x6367_7270, 0x0027_e0eb];

impl Cgroups {
    pub(crate) fn make(name: &str) -> Result<Cgroups> {
        let mut made = Cgroups {
            folders: Vec::new(),
        };
        for hierarchy in HIERARCHIES.map(Path::new) {
            if !rustix::fs::statfs(hierarchy).is_ok_and(|it| MAGIC.contains(&(it.f_type as u64))) {
                continue;
            }
            let folder = hierarchy.join(name);
            std::fs::create_dir(&folder)
                .context(|| format!("failed to make the cgroup `{}`", folder.display()))?;
            made.folders.push(folder);
        }
        Ok(made)
    }

    pub(crate) fn entrance(&self) -> Result<Entrance> {
        let ways = self.folders.iter().map(|folder| procs(folder));
        ways.collect::<Result<_>>().map(Entrance)
    }
}

impl Drop for Cgroups {
    /// Removes them, and what is in them; all their processes have ended.
    fn drop(&mut self) {
        for folder in &self.folders {
            if let Err(error) = remove(folder) {
                eprintln!(
                    "failed to remove the cgroup `{}`: {error}",
                    folder.display()
                );
            }
        }
    }
}

fn procs(folder: &Path) -> Result<File> {
    let path = folder.join("cgroup.procs");
    File::options()
        .write(true)
        .open(&path)
        .context(|| format!("failed to open `{}`", path.display()))
}

impl Entrance {
    /// Moves the calling process. Only system calls: it may come after a fork.
    pub(crate) fn enter(&mut self) -> io::Result<()> {
        // "0" is the process that writes (cgroups(7)).
        self.0.iter_mut().try_for_each(|file| file.write_all(b"0"))
    }
}

/// Removes a cgroup from the leaves up: its files go with it.
fn remove(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    std::fs::remove_dir(folder)
}

/// The calling process's own cgroup in cgroup2, as a folder.
pub(crate) fn own() -> Option<PathBuf> {
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = Path::new("/sys/fs/cgroup").join(path);
    folder.join("cgroup.procs").exists().then_some(folder)
}

/// Writes one of a cgroup's files.
pub(crate) fn write(folder: &Path, file: &str, text: &str) -> Result<()> {
    let path = folder.join(file);
    // Opened without O_CREAT, which cgroup2 refuses for files that it does not have.
    File::options()
        .write(true)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .context(|| format!("failed to write `{text}` to `{}`", path.display()))
}

impl Entrance {
    /// The way into the cgroups of a process.
    pub(crate) fn beside(pid: i32) -> Result<Entrance> {
        let path = format!("/proc/{pid}/cgroup");
        let text = std::fs::read_to_string(&path).context(|| format!("failed to read `{path}`"))?;
        let of = |start: &str| text.lines().find_map(|line| line.split_once(start));
        let found = [
            (of("0::/"), HIERARCHIES[0]),
            (of("0::/"), HIERARCHIES[2]),
            (of(":name=systemd:/"), HIERARCHIES[1]),
        ];
        let folders = found
            .iter()
            .filter_map(|(line, hierarchy)| Some(Path::new(hierarchy).join(line.as_ref()?.1)))
            .filter(|folder| folder.join("cgroup.procs").exists());
        let ways: Result<_> = folders.map(|folder| procs(&folder)).collect();
        ways.map(Entrance)
    }

    /// The way into one cgroup.
    pub(crate) fn to(folder: &Path) -> Result<Entrance> {
        procs(folder).map(|way| Entrance(vec![way]))
    }
}
