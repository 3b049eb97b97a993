//! `cargo xtask soak`: everything at once, at random, for minutes.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Context, Error, Result};
use crate::value;
use crate::workspace::{Workspace, run};

/// How long it takes as one of the tests, in minutes.
pub(crate) const DEFAULT_MINUTES: f64 = 2.0;

pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut minutes = DEFAULT_MINUTES;
    let mut seed = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--minutes" => minutes = parse_minutes(value(argument, &mut rest)?)?,
            "--seed" => {
                let text = value(argument, &mut rest)?;
                seed = Some(
                    text.parse()
                        .context(|| format!("failed to read `{text}` as a seed"))?,
                );
            }
            other => return Err(Error::new(format!("unknown option `{other}` of `soak`"))),
        }
    }
    soak(workspace, minutes, seed)
}

pub(crate) fn test(workspace: &Workspace) -> Result<String> {
    soak(workspace, DEFAULT_MINUTES, None).map(|()| format!("{DEFAULT_MINUTES} minutes"))
}

fn soak(workspace: &Workspace, minutes: f64, seed: Option<u64>) -> Result<()> {
    // Of a part of the workspace the dependencies would have other features, and be built once more.
    run(&mut workspace.cargo(&["build", "--workspace", "--bins"]))?;
    // Any number will do that is another one the next time; the soak prints it.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = seed.unwrap_or(now.map_or(1, |now| now.as_secs()));
    let seconds = (minutes * 60.0).ceil() as u64;
    let program = workspace.target.join("debug").join("soak");
    run(Command::new(program).args(["run".to_owned(), seconds.to_string(), seed.to_string()]))
}

fn parse_minutes(text: &str) -> Result<f64> {
    let minutes: f64 = text
        .parse()
        .context(|| format!("failed to read `{text}` as minutes"))?;
    match minutes > 0.0 && minutes < 1e6 {
        true => Ok(minutes),
        false => Err(Error::new(format!("`{text}` minutes are no time to soak"))),
    }
}
