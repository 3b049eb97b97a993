//! To what a job's program has switched its terminal, where what it printed is not all there any more.

use crate::report::{self, Result};
use outlive::{Job, Modes, Output};
use std::io::Read;

/// How much of the output is looked at for them at most, from its end: what is kept of it by default,
/// and is read in a few hundredths of a second.
const LOOKED_AT: u64 = 64 << 20;

/// Goes to where an output is to be followed from; the modes that are set there, and how many bytes
/// were passed over. Of what is gone the keeper tells the modes that are set now, the likeliest ones.
pub(crate) fn start(job: &Job, output: &mut Output) -> Result<(Modes, u64)> {
    let passed_over = output.skip_to_last(LOOKED_AT)?;
    let modes = match output.skipped() + passed_over {
        0 => Modes::default(),
        _ => told(job)?.unwrap_or_default(),
    };
    Ok((modes, passed_over))
}

/// What the keeper tells, if there is one: that there is none is for whoever comes next to say or to mend.
fn told(job: &Job) -> Result<Option<Modes>> {
    match job.modes() {
        Err(error) if error.is_not_running() => Ok(None),
        modes => Ok(modes?),
    }
}

/// Those that are set now: as the keeper tells them, or else as a job's output leaves them.
pub(crate) fn of(job: &Job) -> Result<Modes> {
    if let Some(modes) = told(job)? {
        return Ok(modes);
    }
    let mut output = job.latest_output()?;
    let (mut modes, _) = start(job, &mut output)?;
    let mut buffer = vec![0; 64 << 10];
    let failure = |error| report::io_failure("failed to read the output", &error);
    let mut left = output.left().map_err(failure)?;
    while left > 0 {
        let length = output.read(&mut buffer).map_err(failure)?;
        if length == 0 {
            // A part was given back meanwhile.
            break;
        }
        modes.follow(&buffer[..length]);
        left = left.saturating_sub(length as u64);
    }
    Ok(modes)
}
