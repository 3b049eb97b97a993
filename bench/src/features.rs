//! What a keeper takes of memory that does all at once of what a job may ask of it, with those
//! connected who use it. Some of that is refused together, so there are two such jobs.

use std::env;
use std::io::{Write, stderr, stdout};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::home::{Builds, Home};
use crate::keeper::{anonymous, pid};
use crate::sample::Series;
use crate::table::Table;

/// The first argument that makes this program the job.
pub(crate) const ROLE: &str = "everything";

const JOBS: usize = 5;
/// In which a keeper notices that nothing is printed any more: it looks twice a second while it is.
const REST: Duration = Duration::from_secs(3);
/// How much is printed before that.
const PRINTED: usize = 16 << 20;

/// What any job may ask for; what the machine can't limit is left out.
const COMMON: &[&str] = &[
    "--memory=2G",
    "--cpus=1.5",
    "--tasks=200",
    "--nice=5",
    "--io-weight=50",
    "--limits=prefer",
    "--restart=on-failure:3",
    "--success-codes=0,3",
    "--ready=notify",
    "--watchdog=1h",
    "--timeout=1h",
    "--expire=1h",
    "--on-end=true",
    "--env=ONE=1",
];
const KINDS: [(&str, &[&str]); 2] = [
    (
        "the same, every feature on: pumped, -i",
        &["--timestamps", "--split", "--interactive"],
    ),
    (
        "the same, every feature on: --tty, attached",
        &["--tty", "--size=200x50"],
    ),
];

pub(crate) fn measure(builds: &Builds, folder: &Path, table: &mut Table) -> Result<()> {
    let own = env::current_exe()?;
    let own = own
        .to_str()
        .ok_or_else(|| Error::new("the path of this program is no UTF-8"))?;
    println!("\nkeeper, {JOBS} jobs with every feature on: anonymous memory (KiB)");
    for (name, kind) in KINDS {
        let home = Home::fresh(&folder.join("features"))?;
        let with = [COMMON, kind].concat();
        let start = |_| home.run(&builds.dist, &with, &[own, ROLE]);
        let jobs = (0..JOBS).map(start).collect::<Result<Vec<_>>>()?;
        let mut waiting = Vec::new();
        let mut attached = Vec::new();
        for job in &jobs {
            job.wait_ready(None)?;
            waiting.push(job.waiting()?);
            if kind.contains(&"--tty") {
                attached.push(job.attach(job.output()?)?);
            }
        }
        // This is the measurement: what is kept when what was printed has been passed on.
        thread::sleep(REST);
        let memory = jobs.iter().map(|job| anonymous(pid(job)?));
        let memory = Series::of(name, memory.collect::<Result<_>>()?);
        println!("  {:<46} {}", memory.name, memory.figures());

        table.limit(name, (memory.max(), "KiB"), "", 160.0);
    }
    Ok(())
}

/// The job's side: prints to both streams, says that it is ready, and stays.
pub(crate) fn main() -> Result<()> {
    let mut line = [b'x'; 100];
    line[99] = b'\n';
    for _ in 0..PRINTED / line.len() / 2 {
        stdout().write_all(&line)?;
        stderr().write_all(&line)?;
    }
    let address = env::var("NOTIFY_SOCKET").map_err(|_| Error::new("nobody wants to be told"))?;
    let address = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&address)?,
    };
    let ready = b"READY=1\nSTATUS=prints no more";
    UnixDatagram::unbound()?.send_to_addr(ready, &address)?;
    loop {
        thread::park();
    }
}
