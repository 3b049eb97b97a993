//! What a cgroup may use (kernel: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/).

use super::cgroup::Cgroup;
use outlive_record::Limit;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The period in which processor time is given out, in microseconds: the kernel's own.
const PERIOD: u32 = 100_000;

/// Sets a limit on all that is in a cgroup, and reads it back. In version 2 its controller is first
/// enabled in the cgroups above it, up to `top`: a cgroup has the files of a controller only where
/// the one above it passes that on (`cgroup.subtree_control`).
///
/// # Errors
///
/// `Unsupported` if the controller is not there, else what the kernel says, with the file.
pub fn set(cgroup: &Cgroup, top: &Path, limit: Limit) -> io::Result<()> {
    let unified = cgroup.folder().is_some();
    if let (true, Some(above)) = (unified, cgroup.path().parent()) {
        enable(limit.controllers().0, above, top)?;
    }
    let there = |name: &str| {
        let file = cgroup.path().join(name);
        file.exists().then_some(file)
    };
    match (limit, unified) {
        (Limit::Memory(bytes), _) => {
            let (memory, swap, swapped) = match unified {
                true => ("memory.max", "memory.swap.max", 0),
                // What is in memory and swapped out, together.
                false => (
                    "memory.limit_in_bytes",
                    "memory.memsw.limit_in_bytes",
                    bytes,
                ),
            };
            write(there(memory), memory, pages(bytes))?;
            // A kernel that does not account for swap has no such file.
            there(swap).map_or(Ok(()), |file| write(Some(file), swap, pages(swapped)))
        }
        (Limit::Cpus(thousandths), _) => {
            let quota = u64::from(thousandths) * u64::from(PERIOD / 1000);
            let (file, text) = match unified {
                true => ("cpu.max", format!("{quota} {PERIOD}")),
                false => ("cpu.cfs_quota_us", quota.to_string()),
            };
            if !unified {
                let period = "cpu.cfs_period_us";
                write(there(period), period, PERIOD.into())?;
            }
            write_text(there(file), file, &text, quota)
        }
        (Limit::Tasks(most), _) => write(there("pids.max"), "pids.max", most.into()),
        (Limit::IoWeight(weight), true) => match there("io.weight") {
            Some(file) => write_text(Some(file), "io.weight", &weight.to_string(), weight.into()),
            None => write(there("io.bfq.weight"), "io.bfq.weight", of_bfq(weight)),
        },
        (Limit::IoWeight(weight), false) => {
            let name = "blkio.bfq.weight";
            write(there(name), name, of_bfq(weight))
        }
    }
}

/// The kernel counts memory in whole pages.
fn pages(bytes: u64) -> u64 {
    let page = rustix::param::page_size() as u64;
    bytes / page * page
}

/// Gives a cgroup that has a processor time of its own the weight of this niceness among the others:
/// niceness itself counts within it alone (sched(7)). One that has none is left as it is.
pub fn set_nice(cgroup: &Cgroup, nice: i32) -> io::Result<()> {
    let file = |name: &str| Some(cgroup.path().join(name)).filter(|it| it.exists());
    if let Some(file) = file("cpu.weight.nice") {
        return fs::write(&file, nice.to_string()).map_err(|error| at(&file, &error));
    }
    match file("cpu.shares") {
        Some(file) => write(Some(file), "cpu.shares", shares(nice)),
        None => Ok(()),
    }
}

/// Each step of niceness is a quarter more or less (kernel: `sched_prio_to_weight`).
fn shares(nice: i32) -> u64 {
    (1024.0 / 1.25f64.powi(nice)).round() as u64
}

/// bfq has weights of its own, up to 1000 (kernel: Documentation/block/bfq-iosched.rst); 100 is what
/// everybody has in both.
fn of_bfq(weight: u16) -> u64 {
    match u64::from(weight) {
        weight @ 0..=100 => weight,
        weight => 100 + (weight - 100) / 11,
    }
}

/// Has the cgroups in `folder` be limited by a controller.
fn enable(controller: &str, folder: &Path, top: &Path) -> io::Result<()> {
    let has = |name: &str| {
        let file = folder.join(name);
        let text = fs::read_to_string(&file).map_err(|error| at(&file, &error))?;
        io::Result::Ok(text.split_whitespace().any(|it| it == controller))
    };
    if has("cgroup.subtree_control")? {
        return Ok(());
    }
    if !has("cgroup.controllers")? {
        match folder.parent() {
            Some(above) if folder != top => enable(controller, above, top)?,
            _ => {
                let why = format!(
                    "the controller `{controller}` is not delegated to `{}`",
                    folder.display()
                );
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
        }
    }
    let file = folder.join("cgroup.subtree_control");
    fs::write(&file, format!("+{controller}")).map_err(|error| match error.kind() {
        // "No internal processes", cgroups(7).
        io::ErrorKind::ResourceBusy => {
            let why = format!("processes are in `{}` itself", folder.display());
            io::Error::new(io::ErrorKind::ResourceBusy, why)
        }
        _ => at(&file, &error),
    })
}

fn write(file: Option<PathBuf>, name: &str, value: u64) -> io::Result<()> {
    write_text(file, name, &value.to_string(), value)
}

/// Writes a limit, and looks whether that is what the kernel has now.
fn write_text(file: Option<PathBuf>, name: &str, text: &str, value: u64) -> io::Result<()> {
    let Some(file) = file else {
        let why = format!("this kernel has no `{name}`");
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    };
    fs::write(&file, text).map_err(|error| at(&file, &error))?;
    let found = fs::read_to_string(&file).map_err(|error| at(&file, &error))?;
    // `default 100` (io.weight), `150000 100000` (cpu.max), `1073741824`.
    let mut numbers = found.split_whitespace().map(str::parse::<u64>);
    match numbers.find_map(Result::ok) {
        Some(kept) if kept == value => Ok(()),
        _ => Err(io::Error::other(format!(
            "`{}` is `{}` after {text} was written to it",
            file.display(),
            found.trim_end()
        ))),
    }
}

fn at(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_bfq_are_in_its_range() {
        for (weight, expected) in [(1, 1), (100, 100), (10_000, 1000)] {
            assert_eq!(of_bfq(weight), expected);
        }
    }

    #[test]
    fn shares_are_the_kernels_weights() {
        for (nice, expected) in [(-20, 88818), (0, 1024), (5, 336), (19, 15)] {
            assert_eq!(shares(nice), expected, "{nice}");
        }
    }

    /// A hierarchy of version 2 that has a controller; its root and that controller.
    fn hierarchy() -> Option<(PathBuf, String)> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
        let controller = |root: &PathBuf| {
            let text = fs::read_to_string(root.join("cgroup.controllers")).ok()?;
            text.split_whitespace().next().map(str::to_owned)
        };
        roots
            .into_iter()
            .find_map(|root| controller(&root).map(|it| (root, it)))
    }

    #[test]
    fn a_controller_is_enabled_from_above() {
        let Some((root, controller)) = hierarchy() else {
            println!("SKIPPED: controllers: no cgroup of version 2 has one here");
            return;
        };
        let top = root.join(format!("outlive-test-{}-limits", std::process::id()));
        let inner = top.join("inner");
        let made = fs::create_dir(&top).and_then(|()| fs::create_dir(&inner));
        if let Err(error) = made {
            println!("SKIPPED: controllers: no cgroup can be made here: {error}");
            return;
        }
        let enabled = |folder: &Path| {
            let text = fs::read_to_string(folder.join("cgroup.subtree_control"));
            let text = text.expect("every cgroup has it");
            text.split_whitespace().any(|it| it == controller)
        };
        let before = enabled(&root);
        let error = enable("no-such", &inner, &top).expect_err("nobody has it");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(
            error.to_string().contains(&*top.to_string_lossy()),
            "{error}"
        );

        let mut inside = std::process::Command::new("cat");
        let inside = inside.stdin(std::process::Stdio::piped()).spawn();
        let mut inside = inside.expect("there is cat");
        fs::write(inner.join("cgroup.procs"), inside.id().to_string()).expect("our own cgroup");
        let error = enable(&controller, &inner, &root).expect_err("somebody is in it");
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{error}");
        drop(inside.stdin.take());
        inside.wait().expect("our own child");

        enable(&controller, &inner, &root).expect("nobody is in it");
        assert!(enabled(&root) && enabled(&top) && enabled(&inner));
        fs::remove_dir(&inner).expect("nobody is in it");
        fs::remove_dir(&top).expect("nobody is in it");
        if !before {
            let file = root.join("cgroup.subtree_control");
            fs::write(file, format!("-{controller}")).expect("nobody else uses it");
        }
    }

    #[test]
    fn what_the_kernel_does_not_keep_is_an_error() {
        // A file of no cgroup keeps what is written to it; one that swallows it does not.
        let null = Some(PathBuf::from("/dev/null"));
        assert!(write(null, "pids.max", 7).is_err());
        let missing = write(None, "pids.max", 7);
        assert_eq!(
            missing.map_err(|it| it.kind()),
            Err(io::ErrorKind::Unsupported)
        );
    }
}
