//! Measures outlive and its peers in one run: the ratios are what counts, the machine decides the
//! rest. Started by `cargo xtask bench`.

mod delegated;
mod ending;
mod error;
mod features;
mod home;
mod keeper;
mod launch;
mod many;
mod output;
mod peers;
mod sample;
mod spawn;
mod supervisors;
mod table;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, thread};

use error::{Error, Result};
use home::Builds;
use table::Table;

struct Options {
    quick: bool,
    only: Vec<String>,
}

const PARTS: &[&str] = &[
    "spawn",
    "launch",
    "delegated",
    "keeper",
    "output",
    "terminal",
    "many",
    "ending",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some(spawn::ROLE) => spawn::helper(&arguments[1..]),
        Some(output::ROLE) => output::main(&arguments[1..]),
        Some(features::ROLE) => features::main(),
        _ => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outlive-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let builds = Builds::find()?;
    let folder = env::var_os("OUTLIVE_BENCH_FOLDER").map(PathBuf::from);
    let folder = folder.ok_or_else(|| {
        Error::new("no `OUTLIVE_BENCH_FOLDER`: start this by `cargo xtask bench`")
    })?;
    fs::create_dir_all(&folder)?;

    println!("{}", surroundings(&folder)?);
    let mut table = Table::default();
    if options.wants("spawn") {
        spawn::measure(&options, &mut table)?;
    }
    if options.wants("launch") {
        launch::measure(&options, &builds, &folder, &mut table)?;
    }
    if options.wants("delegated") {
        delegated::measure(&options, &mut table)?;
    }
    if options.wants("keeper") {
        keeper::measure(&options, &builds, &folder, &mut table)?;
        features::measure(&builds, &folder, &mut table)?;
    }
    if options.wants("output") {
        output::measure(&options, &builds, &folder, &mut table)?;
    }
    if options.wants("terminal") {
        terminal::measure(&options, &builds, &folder, &mut table)?;
    }
    if options.wants("many") {
        many::measure(&options, &builds, &folder, &mut table)?;
    }
    if options.wants("ending") {
        ending::measure(&options, &builds, &folder, &mut table)?;
    }
    fs::remove_dir_all(&folder)?;
    table.print();
    if table.missed > 0 {
        println!("\n{} not met", table.missed);
    }
    Ok(())
}

/// What the figures depend on, beside the programs.
fn surroundings(folder: &Path) -> Result<String> {
    let read = |path| fs::read_to_string(path).map(|text| text.trim().to_owned());
    let load = read("/proc/loadavg")?;
    let file_system = Command::new("findmnt")
        .args(["--noheadings", "--output", "FSTYPE", "--target"])
        .arg(folder)
        .output()?;
    Ok(format!(
        "Linux {}, {} processors, load {}, home on {}",
        read("/proc/sys/kernel/osrelease")?,
        thread::available_parallelism()?,
        load.split(' ').next().unwrap_or("?"),
        String::from_utf8_lossy(&file_system.stdout).trim(),
    ))
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            quick: false,
            only: Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--only" => {
                    let list = rest
                        .next()
                        .ok_or_else(|| Error::new("`--only` wants a list"))?;
                    options.only = list.split(',').map(str::to_owned).collect();
                }
                other => return Err(Error::new(format!("unknown option `{other}`"))),
            }
        }
        match options
            .only
            .iter()
            .find(|part| !PARTS.contains(&part.as_str()))
        {
            Some(part) => Err(Error::new(format!(
                "no part `{part}`; there are {}",
                PARTS.join(", ")
            ))),
            None => Ok(options),
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == part)
    }
}
