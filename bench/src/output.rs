//! A job that writes 1 GiB to its output, capped as it is by default, and the same into a file by
//! the shell; and then what passes through the keeper. All are removed and flushed before the next,
//! so that none pays for another's pages.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Options;
use crate::error::{Error, Result};
use crate::home::{Builds, Home};
use crate::sample::{Series, interleave};
use crate::table::Table;

/// The first argument that makes this program the writer.
pub(crate) const ROLE: &str = "writer";

const MIB: usize = 1 << 20;
const OURS: &str = "outlive run";
const SHELL: &str = "cmd > file";
/// What the keeper passes on, and how that is asked for.
const PUMPED: [(&str, &[&str]); 3] = [
    ("  --output-mode pipe", &["--output-mode", "pipe"]),
    ("  --timestamps", &["--timestamps"]),
    ("  --timestamps --split", &["--timestamps", "--split"]),
];

struct Load {
    what: &'static str,
    /// Bytes in one write.
    write: usize,
    mebibytes: usize,
    promised: bool,
}

const LOADS: [Load; 3] = [
    Load {
        what: "a job writing 1 GiB, 64 KiB at a time",
        write: 64 << 10,
        mebibytes: 1024,
        promised: true,
    },
    // What leaves a part of most of a pipe's pages empty.
    Load {
        what: "a job writing 512 MiB, 3000 bytes at a time",
        write: 3000,
        mebibytes: 512,
        promised: false,
    },
    // What a program does whose output is line-buffered.
    Load {
        what: "a job writing 128 MiB, 64 bytes at a time",
        write: 64,
        mebibytes: 128,
        promised: false,
    },
];

pub(crate) fn measure(
    options: &Options,
    builds: &Builds,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    let home = Home::fresh(&folder.join("output"))?;
    let file = folder.join("output-of-the-shell");
    let writer = env::current_exe()?;
    let writer = writer
        .to_str()
        .ok_or_else(|| Error::new("the path of this program is no UTF-8"))?;
    for load in &LOADS {
        let (write, mebibytes) = (load.write.to_string(), load.mebibytes.to_string());
        let job = [writer, ROLE, &write, &mebibytes];
        let rounds = if options.quick { 3 } else { 9 };
        let names = PUMPED.map(|(name, _)| name);
        let names = [&[OURS, SHELL], &names[..]].concat();
        let series = interleave(rounds, &names, |name| {
            home.clear()?;
            if file.exists() {
                fs::remove_file(&file)?;
            }
            flush(folder)?;
            let begun = Instant::now();
            let options = PUMPED.iter().find(|(pumped, _)| *pumped == name);
            if name != SHELL {
                let options = options.map_or(&[][..], |(_, options)| *options);
                home.run(&builds.dist, options, &job)?.wait(None)?;
            } else {
                let script = format!("exec \"$@\" >'{}'", file.display());
                let status = Command::new("sh")
                    .args(["-c", &script, "sh"])
                    .args(job)
                    .status()?;
                if !status.success() {
                    return Err(Error::new(format!("the writer ended with {status}")));
                }
            }
            Ok(load.mebibytes as f64 / begun.elapsed().as_secs_f64())
        })?;
        println!(
            "\n{} (MiB/s; median of {rounds} rounds, spread of the middle half)",
            load.what
        );
        for one in &series {
            println!("  {:<32} {}", one.name, one.figures());
        }
        let [ours, shell] = [OURS, SHELL].map(|name| Series::named(&series, name));
        if load.promised {
            table.at_least(load.what, (ours, "MiB/s"), shell, 0.95);
        } else {
            table.note(load.what, (ours, "MiB/s"), shell);
        }
        for (name, _) in PUMPED {
            let pumped = Series::named(&series, name);
            table.at_least(name, (pumped, "MiB/s"), ours, 0.5);
        }
    }
    if file.exists() {
        fs::remove_file(&file)?;
    }
    Ok(())
}

/// The writer's side: bytes in a write, mebibytes in all.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let number = |index: usize| {
        let text = arguments.get(index);
        text.and_then(|text| text.parse::<usize>().ok())
            .ok_or_else(|| Error::new("usage: writer BYTES MEBIBYTES"))
    };
    let (size, total) = (number(0)?, number(1)? * MIB);
    let mut line = vec![b'x'; size];
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
    // Past std's own buffer, which would look for line ends: one write each is what is meant.
    let mut out = fs::File::from(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?);
    for _ in 0..total / size {
        out.write_all(&line)?;
    }
    Ok(())
}

fn flush(folder: &Path) -> Result<()> {
    let status = Command::new("sync")
        .arg("--file-system")
        .arg(folder)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(format!("`sync` ended with {status}")))
    }
}
