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
    let rows: Vec<_> = picture
        .rows()
        .into_iter()
        .map(|row| cells(row, now, spark))
        .collect();
    let widths = [
        Constraint::Max(16),
        Constraint::Length(9),
        Constraint::Length(4),
        Constraint::Length(5),
        Constraint::Length(spark),
        Constraint::Length(7),
        Constraint::Length(spark),
        Constraint::Fill(1),
    ];
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
    let table = Table::new(rows.into_iter().map(ratatui::widgets::Row::new), widths)
        .header(ratatui::widgets::Row::new(titles).style(Style::new().bold()))
        .row_highlight_style(Modifier::REVERSED);
    let mut state = TableState::new().with_selected(picture.place());
    frame.render_stateful_widget(table, body, &mut state);
    frame.render_widget(footer(picture), foot);
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

fn footer(picture: &Picture) -> Paragraph<'static> {
    let line = if let Some(asked) = &picture.asked {
        format!(
            "{} {}?  y yes  any other key no",
            asked.deed.word(),
            asked.label
        )
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
    fn a_sparkline_shows_the_last_values_against_the_most() {
        let values: VecDeque<f64> = [100.0, 0.0, 50.0, 100.0].into();
        assert_eq!(sparkline(&values, 100.0, 3), "▁▅█");
        assert_eq!(sparkline(&values, 200.0, 9), "▅▁▃▅");
        assert_eq!(sparkline(&VecDeque::new(), 100.0, 3), "");
    }
}
