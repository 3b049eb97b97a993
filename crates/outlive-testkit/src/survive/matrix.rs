//! The matrix from outside: boots the machines, has the cells played, and compares.

use super::beside::{self, TESTS};
use super::expect::{applies, expected};
use super::fault::{Context, Fault, Result};
use super::library::PACKAGE;
use super::lines::Lines;
use super::machine::{Init, Machine, Parts};
use super::options::{Form, Options};
use super::rows::Row;
use super::situation::Situation;
use super::table;
use super::verdict::Verdict;
use serde_json::Value;
use std::ffi::OsString;
use std::io::Write;
use std::process::{ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How many cells are played at a time in each machine: most of the time they wait for beats.
const LANES: usize = 12;
/// Longer than all cells of a machine take.
const PATIENCE: Duration = Duration::from_secs(1200);

/// A cell, and what became of it.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) situation: &'static Situation,
    pub(crate) root: bool,
    pub(crate) row: &'static Row,
    pub(crate) init: Init,
    pub(crate) verdict: Verdict,
    pub(crate) note: String,
    pub(crate) all: Value,
}

impl Played {
    /// What should have become of it, where that is known.
    pub(crate) fn expected(&self) -> Option<Verdict> {
        if self.verdict == Verdict::Skipped {
            return None;
        }
        if self.row.ours {
            return Some(expected(self.situation, self.init, self.root, self.row));
        }
        None
    }

    /// What is wrong with it.
    pub(crate) fn wrong(&self) -> Option<String> {
        if let Some(expected) = self.expected()
            && expected != self.verdict
        {
            return Some(format!("expected: {}", expected.word()));
        }
        let lives = self.verdict == Verdict::Lives;
        let must = self.row.name == "plain" && !self.situation.spares_plain(self.init, self.root);
        (must && lives).then(|| "the strike does not strike".to_owned())
    }
}

/// `ROOT SCRATCH OUTLIVE OPTIONS`.
pub(crate) fn matrix(words: &[OsString]) -> Result<ExitCode> {
    let (mut parts, words) = Parts::taken(words)?;
    let options = Options::read(words.iter().filter_map(|word| word.to_str()))?;
    let began = Instant::now();
    let played = Mutex::new(Vec::new());
    let mut beside = Vec::new();
    for (from, to) in [(&options.tests, TESTS), (&options.python, PACKAGE)] {
        parts.extra.extend(from.clone().map(|from| (from, to)));
    }
    // One machine after the other: each fills the processors.
    for &init in &options.inits {
        let cells = cells(&options, init);
        if !cells.is_empty() {
            let machine = Machine::boot(&parts, init)?;
            play(&machine, init, &cells, &played)?;
            if options.tests.is_some() && init == Init::Systemd {
                beside.extend(beside::tests(&machine)?);
            }
        }
    }
    if options.tests.is_some() {
        beside.push(beside::power_off(&parts)?);
    }
    let played = played.into_inner().unwrap_or_else(|held| held.into_inner());
    let text = match options.form {
        Form::Table => table::plain(&played, &options),
        Form::Markdown => table::markdown(&played, &options),
        Form::Json => table::json(&played),
    };
    print!("{text}");
    let wrong: Vec<&Played> = played
        .iter()
        .filter(|cell| cell.wrong().is_some())
        .collect();
    for cell in &wrong {
        let why = cell.wrong().unwrap_or_default();
        eprintln!("WRONG: {why}: {}", described(cell));
    }
    let mut skipped: Vec<String> = played
        .iter()
        .filter(|cell| cell.verdict == Verdict::Skipped)
        .map(|cell| format!("SKIPPED: {}: {}", cell.situation.id, cell.note))
        .collect();
    skipped.sort();
    skipped.dedup();
    for line in &skipped {
        eprintln!("{line}");
    }
    let mut summary = format!("{} cells, {} wrong", played.len(), wrong.len());
    for it in &beside {
        let mark = if it.wrong { "WRONG: " } else { "" };
        summary.push_str(&format!("; {mark}{}", it.words));
    }
    summary.push_str(&format!("; {} s", began.elapsed().as_secs()));
    match options.form {
        Form::Table => println!("{summary}"),
        Form::Json | Form::Markdown => eprintln!("{summary}"),
    }
    Ok(if wrong.is_empty() && !beside.iter().any(|it| it.wrong) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The names of the cells to be played in a kind of machine.
fn cells(options: &Options, init: Init) -> Vec<String> {
    let mut all = Vec::new();
    for row in &options.rows {
        for situation in &options.situations {
            for &root in &options.roots {
                let there = init != Init::Bare || row.name != "systemd-run";
                if there && row.takes(situation) && applies(situation, init, root) {
                    let user = if root { "root" } else { "plain" };
                    all.push(format!("{}/{user}/{}", situation.id, row.name));
                }
            }
        }
    }
    all
}

fn play(
    machine: &Machine,
    init: Init,
    cells: &[String],
    played: &Mutex<Vec<Played>>,
) -> Result<()> {
    let lanes = LANES.to_string();
    let words = ["survive", "inside", init.name(), &lanes];
    let words: Vec<&str> = words
        .into_iter()
        .chain(cells.iter().map(String::as_str))
        .collect();
    let mut harness = machine
        .command(false, &words)?
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context(|| "failed to start `nsenter`".to_owned())?;
    let output = harness.stdout.take().map(Lines::new);
    let mut output = output.ok_or_else(|| Fault::new("the harness has no output"))?;
    let mut count = 0;
    while let Some(Some(line)) = output.next_within(PATIENCE) {
        let Some(cell) = read(&line, init) else {
            eprintln!("{line}");
            continue;
        };
        count += 1;
        let wrong = cell
            .wrong()
            .map_or_else(String::new, |wrong| format!("  {wrong}"));
        let _ = writeln!(
            std::io::stderr(),
            "{count}/{} {}{wrong}",
            cells.len(),
            described(&cell)
        );
        played
            .lock()
            .unwrap_or_else(|held| held.into_inner())
            .push(cell);
    }
    let _ = harness.kill();
    let _ = harness.wait();
    if count == cells.len() {
        Ok(())
    } else {
        Err(Fault::new(format!(
            "the harness played {count} of {} cells ({})",
            cells.len(),
            init.name()
        )))
    }
}

fn read(line: &str, init: Init) -> Option<Played> {
    let all: Value = serde_json::from_str(line).ok()?;
    let text = |field: &str| all.get(field)?.as_str();
    Some(Played {
        situation: Situation::named(text("situation")?)?,
        root: text("user")? == "root",
        row: Row::named(text("row")?)?,
        init,
        verdict: Verdict::named(text("verdict")?)?,
        note: text("note")?.to_owned(),
        all,
    })
}

fn described(cell: &Played) -> String {
    let user = if cell.root { "root" } else { "plain" };
    format!(
        "{:<7} {:<6} {user:<5} {:<13} {:<11} {}",
        cell.verdict.word(),
        cell.situation.id,
        cell.init.name(),
        cell.row.name,
        cell.note
    )
}
