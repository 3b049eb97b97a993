//! Drawing it.

use super::picture::{Picture, Row, size};
use crate::age;
use crate::status;
use crate::text;
use jiff::Timestamp;
use outlive::State;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Table, TableState};
use std::collections::VecDeque;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The width of a sparkline on a narrow and on a wide terminal, and how wide that is.
const SPARK: (u16, u16) = (6, 16);
const WIDE: u16 = 110;
/// The columns that give way where there is no room for all of them, the first one first: what a job is
/// called stays.
const GIVE_WAY: [usize; 7] = [7, 6, 4, 2, 5, 3, 1];
/// The keys after a question.
const ANSWERS: &str = "?  y yes  any other key no";

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame, picture: &mut Picture) {
    let areas = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ]);
    let [head, body, foot] = areas.areas(frame.area());
    frame.render_widget(summary(picture), head);
    let spark = if frame.area().width >= WIDE {
        SPARK.1
    } else {
        SPARK.0
    };
    let now = Timestamp::now();
    let widths = [16, 9, 4, 5, spark, 7, spark, 10];
    let shown = shown(widths, frame.area().width);
    let rows = picture.rows().into_iter().map(|row| {
        let cells = cells(row, now, spark).into_iter().zip(shown);
        ratatui::widgets::Row::new(cells.filter(|(_, shown)| *shown).map(|(cell, _)| cell))
    });
    let rows: Vec<_> = rows.collect();
    let titles = [
        "JOB",
        "STATE",
        " AGE",
        " CPU%",
        "",
        "MEMORY",
        "",
        "LAST LINE",
    ];
    let columns = (0..titles.len()).filter(|at| shown[*at]);
    let titles = columns.clone().map(|at| titles[at]);
    let widths = columns.map(|at| match at {
        0 => Constraint::Max(widths[at]),
        7 => Constraint::Fill(1),
        _ => Constraint::Length(widths[at]),
    });
    let table = Table::new(rows, widths)
        .header(ratatui::widgets::Row::new(titles).style(Style::new().bold()))
        .row_highlight_style(Modifier::REVERSED);
    let mut state = TableState::new().with_selected(picture.place());
    frame.render_stateful_widget(table, body, &mut state);
    frame.render_widget(footer(picture, foot.width), foot);
}

/// Which of the columns there is room for.
fn shown(widths: [u16; 8], room: u16) -> [bool; 8] {
    let mut shown = [true; 8];
    for at in GIVE_WAY {
        let there = widths.iter().zip(shown).filter(|(_, shown)| *shown);
        // Each has a gap of one behind it, but for the last.
        if there.map(|(width, _)| width + 1).sum::<u16>() <= room + 1 {
            break;
        }
        shown[at] = false;
    }
    shown
}

fn summary(picture: &Picture) -> Line<'static> {
    let rows = picture.rows();
    let running = rows
        .iter()
        .filter(|row| row.status.state == State::Running)
        .count();
    let cpu = rows.iter().filter_map(|row| row.cpu.back());
    // Not a sum: that of nothing is a negative zero.
    let cpu = cpu.fold(0.0, |sum, cpu| sum + cpu);
    let memory: u64 = rows.iter().filter_map(|row| row.memory_now()).sum();
    let mut text = format!(
        "{} jobs, {running} running   cpu {cpu:.0}%   memory {}",
        rows.len(),
        size(memory)
    );
    if !picture.filter().is_empty() && !picture.typing {
        text.push_str(&format!("   only: {}", text::plain(picture.filter())));
    }
    Line::styled(text, Style::new().bold())
}

fn footer(picture: &Picture, width: u16) -> Paragraph<'static> {
    let line = if let Some(asked) = &picture.asked {
        let word = asked.deed.word();
        let room = usize::from(width).saturating_sub(word.len() + 1 + ANSWERS.len());
        // The question is whole as long as that leaves something to know the job by.
        format!("{word} {}{ANSWERS}", text::cut(&asked.label, room.max(8)))
    } else if picture.typing {
        format!("/{}▏ Enter keep  Esc all", text::plain(picture.filter()))
    } else if picture.message().is_empty() {
        "↑↓ select  l logs  a attach  s stop  r restart  / filter  q quit".to_owned()
    } else {
        picture.message().to_owned()
    };
    Paragraph::new(line).style(Modifier::DIM)
}

fn cells(row: &Row, now: Timestamp, spark: u16) -> Vec<Cell<'static>> {
    let cpu = row
        .cpu
        .back()
        .map(|cpu| format!("{cpu:.1}"))
        .unwrap_or_default();
    let memory = row.memory_now().map(size).unwrap_or_default();
    let age = row.age(now).map(age::short).unwrap_or_default();
    let right = |text: String| Cell::new(Text::from(text).right_aligned());
    // Against a whole processor, or against more where it uses more.
    let whole = row.cpu.iter().copied().fold(100.0, f64::max);
    let most = row.memory.iter().copied().fold(1.0, f64::max);
    vec![
        Cell::new(text::plain(status::label(&row.status)).into_owned()),
        Cell::new(Span::styled(state(row), color(row))),
        right(age),
        right(cpu),
        Cell::new(sparkline(&row.cpu, whole, spark)),
        right(memory),
        Cell::new(sparkline(&row.memory, most, spark)),
        Cell::new(row.last_line.clone()),
    ]
}

/// How it is, and of one that ended how.
fn state(row: &Row) -> String {
    match status::exit(&row.status) {
        exit if exit.is_empty() => row.status.state.word().to_owned(),
        exit => match row.status.exit_code {
            Some(_) => format!("exited {exit}"),
            None => exit,
        },
    }
}

/// The colours of `list`.
fn color(row: &Row) -> Style {
    let color = status::style(&row.status).get_fg_color();
    color.map_or(Style::new(), |color| match color {
        anstyle::Color::Ansi(color) => Style::new().fg(ansi(color)),
        _ => Style::new(),
    })
}

fn ansi(color: anstyle::AnsiColor) -> ratatui::style::Color {
    use anstyle::AnsiColor;
    use ratatui::style::Color;
    match color {
        AnsiColor::Green => Color::Green,
        AnsiColor::Yellow => Color::Yellow,
        AnsiColor::Red => Color::Red,
        AnsiColor::Magenta => Color::Magenta,
        _ => Color::Reset,
    }
}

/// The last values as bars, of which the highest stands for `most`.
fn sparkline(values: &VecDeque<f64>, most: f64, width: u16) -> String {
    let last = values
        .iter()
        .skip(values.len().saturating_sub(width.into()));
    last.map(|value| {
        let place = (value / most * (BARS.len() - 1) as f64).round();
        BARS[(place as usize).min(BARS.len() - 1)]
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_is_called_stays_however_narrow_the_screen() {
        let widths = [16, 9, 4, 5, 6, 7, 6, 10];
        assert_eq!(shown(widths, 80), [true; 8]);
        let names = |room| {
            let titles = ["job", "state", "age", "cpu", "", "memory", "", "line"];
            let there = titles.into_iter().zip(shown(widths, room));
            there
                .filter(|(_, shown)| *shown)
                .map(|(title, _)| title)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(45), ["job", "state", "age", "cpu", "memory"]);
        assert_eq!(names(40), ["job", "state", "cpu", "memory"]);
        assert_eq!(names(26), ["job", "state"]);
        for room in [0, 1, 25] {
            assert_eq!(names(room), ["job"]);
        }
    }

    #[test]
    fn a_sparkline_shows_the_last_values_against_the_most() {
        let values: VecDeque<f64> = [100.0, 0.0, 50.0, 100.0].into();
        assert_eq!(sparkline(&values, 100.0, 3), "▁▅█");
        assert_eq!(sparkline(&values, 200.0, 9), "▅▁▃▅");
        assert_eq!(sparkline(&VecDeque::new(), 100.0, 3), "");
    }
}
