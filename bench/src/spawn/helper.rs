//! A process of its own for the spawn measurements, as small or as big as asked for: it is told
//! over its input what to spawn how often, and answers with the time that took.

use std::env;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use super::{KINDS, Spawn, rivals};
use crate::error::{Error, Result};
use crate::sample::Series;

/// The first argument that makes this program the helper.
pub(crate) const ROLE: &str = "spawn-helper";

const PAGE: usize = 4096;

pub(super) struct Helper {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    pub(super) fn start(mebibytes: usize) -> Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args([ROLE, &mebibytes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (orders, answers) = (process.stdin.take(), process.stdout.take());
        let (Some(orders), Some(answers)) = (orders, answers) else {
            return Err(Error::new("the helper has no pipes"));
        };
        Ok(Self {
            process,
            orders,
            answers: BufReader::new(answers),
        })
    }

    /// Microseconds for one spawn and wait, the median of `count`.
    pub(super) fn measure(&mut self, kind: &str, count: u32) -> Result<f64> {
        writeln!(self.orders, "{kind} {count}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let answer = answer.trim();
        answer
            .parse()
            .map_err(|_| Error::new(format!("failed to measure `{kind}`: `{answer}`")))
    }

    pub(super) fn end(mut self) -> Result<()> {
        drop(self.orders);
        self.process.wait()?;
        Ok(())
    }
}

/// The helper's side: `arguments` holds the number of mebibytes to touch.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let mebibytes: usize = arguments
        .first()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    rivals::without_huge_pages()?;
    let mut ballast = vec![0u8; mebibytes << 20];
    for page in ballast.chunks_mut(PAGE) {
        page[0] = 1;
    }
    let tiny = Path::new(env!("TINY"));
    for line in io::stdin().lines() {
        let line = line?;
        let (kind, count) = line.rsplit_once(' ').unwrap_or((&line, "1"));
        let spawn = KINDS
            .iter()
            .find(|(name, _)| *name == kind)
            .map(|(_, spawn)| spawn)
            .ok_or_else(|| Error::new(format!("no way to spawn named `{kind}`")))?;
        let count: u32 = count.parse().unwrap_or(1);
        // What another process left in the caches is not this spawn's affair. Where one costs so
        // much that it is measured alone, that does not count.
        repeat(count / 4, spawn, tiny, kind)?;
        println!("{}", repeat(count, spawn, tiny, kind)?);
    }
    black_box(ballast);
    Ok(())
}

/// Microseconds, the median: one in which another process got the processor moves nothing.
fn repeat(count: u32, spawn: &Spawn, program: &Path, kind: &str) -> Result<f64> {
    let mut samples = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        if !spawn(program)? {
            return Err(Error::new(format!("`{kind}` did not run the tiny program")));
        }
        samples.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Series::of(kind, samples).median())
}
