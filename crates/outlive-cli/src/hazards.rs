//! Hazards, in words for a person.

use crate::report;
use crate::text;
use anstyle::{AnsiColor, Style};
use outlive::{Escape, Hazard, HazardKind, HazardState, Report, Way};
use outlive_os::{KERNEL, Kernel};
use std::fmt::Write;

/// Whether it is said of a job or of one that is not started yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tense {
    Was,
    WouldBe,
}

/// How much of a line there is for names, in a terminal of 80 columns.
const WIDTH: usize = 64;

/// Says in one line what could end a job that was just started.
pub(crate) fn warn(planned: &Report, label: &str) {
    let dangers: Vec<String> = planned
        .dangers()
        .map(|it| format!("{} ({})", it.hazard, it.how))
        .collect();
    if !dangers.is_empty() {
        let more = format!("more: outlive show {}", text::command(&[label]));
        report::note(&format!(
            "it may be ended by: {}; {more}",
            dangers.join(", ")
        ));
    }
    let told = dangers.join("");
    for note in planned.notes.iter().filter(|note| !told.contains(*note)) {
        report::note(note);
    }
}

/// Each hazard of a report, those that matter first, in lines for a terminal.
pub(crate) fn describe(report: &Report, tense: Tense) -> String {
    let mut out = String::new();
    let bold = Style::new().bold();
    let started = match (tense, report.way) {
        (Tense::Was, Way::Direct) => "by outlive itself".to_owned(),
        (Tense::Was, way) => way.to_string(),
        (Tense::WouldBe, Way::Direct) => "here, by outlive itself".to_owned(),
        (Tense::WouldBe, way) => way.to_string(),
    };
    let label = if tense == Tense::Was {
        "Launch"
    } else {
        "Launched"
    };
    writeln!(out, "{bold}{label:<9}{bold:#} {started}").expect("memory");
    let mut escapes: Vec<&Escape> = report.escapes.iter().collect();
    escapes.sort_by_key(|it| rank(it));
    let is_told = |it: &&Escape| it.state != HazardState::NotPresent || !it.detail.is_empty();
    escapes
        .iter()
        .copied()
        .filter(is_told)
        .for_each(|it| one(&mut out, it));
    if tense == Tense::WouldBe {
        let absent: Vec<String> = escapes
            .iter()
            .filter(|it| !is_told(it) && is_known_to(KERNEL, it.hazard))
            .map(|it| it.hazard.to_string())
            .collect();
        let dimmed = Style::new().dimmed();
        let mut lines = vec![String::new()];
        for hazard in absent {
            let line = lines.last_mut().expect("there is one");
            match line.len() + hazard.len() {
                _ if line.is_empty() => line.push_str(&hazard),
                0..WIDTH => write!(line, ", {hazard}").expect("memory"),
                _ => {
                    line.push(',');
                    lines.push(hazard);
                }
            }
        }
        let lines = lines.join("\n             ");
        writeln!(out, "  {dimmed}none here{dimmed:#}  {lines}").expect("memory");
    }
    out
}

/// Whether a system has such a thing at all: what it can't have is not told of as missing.
fn is_known_to(kernel: Kernel, hazard: Hazard) -> bool {
    use Hazard::{Cgroup, ParentDeath, PidNamespace, ProcessGroup, Sandbox, Session, Signals};
    let of_linux = matches!(
        hazard,
        ParentDeath | Hazard::Subreaper | Cgroup | PidNamespace
    );
    match kernel {
        Kernel::Linux => hazard != Hazard::JobObject,
        Kernel::Darwin => hazard != Hazard::JobObject && !of_linux,
        Kernel::Windows => {
            !of_linux && !matches!(hazard, ProcessGroup | Session | Signals | Sandbox)
        }
    }
}

fn rank(escape: &Escape) -> u8 {
    match escape.state {
        HazardState::Remains => 0,
        HazardState::Kept => 1,
        HazardState::Left => 2,
        HazardState::NotPresent => 3,
    }
}

fn one(out: &mut String, escape: &Escape) {
    let (word, style) = match escape.state {
        HazardState::Remains if escape.hazard.kind() == HazardKind::Lifetime => (
            "remains",
            Style::new().fg_color(Some(AnsiColor::Red.into())).bold(),
        ),
        HazardState::Remains => (
            "remains",
            Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        ),
        HazardState::Kept => (
            "kept",
            Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        ),
        HazardState::Left => ("left", Style::new().fg_color(Some(AnsiColor::Green.into()))),
        HazardState::NotPresent => ("harmless", Style::new().dimmed()),
    };
    let hazard = escape.hazard.to_string();
    let detail = text::plain(&escape.detail);
    writeln!(out, "  {style}{word:<9}{style:#}  {hazard:<14}  {detail}").expect("memory");
    let mut more = |text: &str| {
        writeln!(out, "{:29}{}", "", text::plain(text)).expect("memory");
    };
    if !escape.how.is_empty() {
        more(&escape.how);
    }
    if let Some(hint) = &escape.hint {
        more(&format!("try: {hint}"));
    }
}
