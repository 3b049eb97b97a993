//! What a cgroup may use (kernel: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/).

use super::cgroup::Cgroup;
use outlive_record::Limit;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The period in which processor time is given out, in microseconds: the kernel's own.
const PERIOD: u32 = 100_000;
/// Memory is limited in pages, which have 64 KiB at most.
const LARGEST_PAGE: u64 = 64 << 10;

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
            write(there(memory), memory, bytes)?;
            // A kernel that does not account for swap has no such file.
            there(swap).map_or(Ok(()), |file| write(Some(file), swap, swapped))
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
    let kept = numbers.find_map(Result::ok);
    match kept.is_some_and(|kept| kept <= value && value - kept < LARGEST_PAGE) {
        true => Ok(()),
        false => Err(io::Error::other(format!(
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
