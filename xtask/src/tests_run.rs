//! `cargo nextest run`, and what its tests said.

use std::fs;
use std::io::{BufRead, BufReader, Write, stderr};
use std::process::{Command, Stdio};

use crate::error::{Context, Error, Result};
use crate::workspace::Workspace;

/// What a test prints when the machine lacks what it needs.
const SKIPPED: &str = "SKIPPED:";

pub(crate) fn run(workspace: &Workspace) -> Result<String> {
    counted(
        workspace,
        workspace.cargo(&["nextest", "run", "--workspace"]),
    )
}

/// Runs `nextest`, a `cargo nextest run`; a note of how many tests passed, failed and were skipped.
pub(crate) fn counted(workspace: &Workspace, mut nextest: Command) -> Result<String> {
    // Where nextest keeps it, wherever the target folder is.
    let junit = workspace.root.join("target/nextest/ci/junit.xml");
    if junit.exists() {
        fs::remove_file(&junit).context(|| format!("failed to remove `{}`", junit.display()))?;
    }
    let mut child = nextest
        .env("NEXTEST_PROFILE", "ci")
        .stderr(Stdio::piped())
        .spawn()
        .context(|| "failed to start `cargo nextest`".to_owned())?;
    let counts = child
        .stderr
        .take()
        .and_then(|pipe| summary(BufReader::new(pipe)));
    let status = child
        .wait()
        .context(|| "failed to wait for `cargo nextest`".to_owned())?;
    let counts = counts
        .ok_or_else(|| Error::new(format!("`cargo nextest run` printed no summary: {status}")))?;

    let said =
        fs::read_to_string(&junit).context(|| format!("failed to read `{}`", junit.display()))?;
    let skips = skips(&said);
    for skip in &skips {
        eprintln!("{SKIPPED} {skip}");
    }
    let note = format!(
        "{} passed, {} failed, {} skipped",
        counts.passed.saturating_sub(skips.len()),
        counts.failed,
        counts.skipped + skips.len()
    );
    if status.success() {
        Ok(note)
    } else {
        Err(Error::new(note))
    }
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Passes everything on and picks out the last line of counts.
fn summary(lines: impl BufRead) -> Option<Counts> {
    let mut found = None;
    for line in lines.split(b'\n').map_while(std::result::Result::ok) {
        let mut out = stderr().lock();
        // A reader of our stderr that is gone is no reason to lose the tests' result.
        let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
        found = counts(&String::from_utf8_lossy(&line)).or(found);
    }
    found
}

/// Reads `Summary [ 1.2s] 9 tests run: 7 passed (1 leaky), 1 failed, 1 timed out, 2 skipped`.
fn counts(line: &str) -> Option<Counts> {
    let (_, rest) = line
        .trim_start()
        .strip_prefix("Summary [")?
        .split_once("run: ")?;
    let mut counts = Counts::default();
    // What is in brackets counts some of them once more.
    let outside = |part| str::split_once(part, ')').map_or(part, |(_, after)| after);
    let rest: String = rest.split('(').map(outside).collect();
    for part in rest.split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number: usize = number.parse().ok()?;
        match what.split([' ', '\x1b']).next()? {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            _ => counts.failed += number,
        }
    }
    Some(counts)
}

/// `test: reason` for each test that printed a line with `SKIPPED:`.
fn skips(junit: &str) -> Vec<String> {
    junit
        .split("<testcase ")
        .skip(1)
        .filter_map(|case| {
            let (_, name) = case.split_once("name=\"")?;
            let (name, _) = name.split_once('"')?;
            // Not only at the start of a line: libtest may have written `test name ... ` before it.
            let (_, reason) = case
                .split(['<', '>', '\n'])
                .find_map(|text| text.split_once(SKIPPED))?;
            Some(format!("{name}: {}", unescape(reason.trim())))
        })
        .collect()
}

fn unescape(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_line_of_counts() {
        let line = "     Summary [   1.250s] 9/12 tests run: 6 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 3 skipped";
        let expected = Counts {
            passed: 6,
            failed: 3,
            skipped: 3,
        };
        assert_eq!(counts(line), Some(expected));
        assert_eq!(counts("        PASS [   0.010s] outlive Summary"), None);
    }

    #[test]
    fn finds_the_tests_that_skipped_themselves() {
        let junit = "<testsuite><testcase name=\"a\" time=\"1\"><system-out>\nrunning 1 test\ntest a ... SKIPPED: no sshd &amp; no root\n</system-out></testcase><testcase name=\"b\"><system-out>SKIPPED: no tmpfs</system-out></testcase><testcase name=\"c\"/></testsuite>";
        assert_eq!(skips(junit), ["a: no sshd & no root", "b: no tmpfs"]);
    }
}
