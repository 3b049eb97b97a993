//! Columns that line up at a terminal.

use crate::text;
use anstyle::Style;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// What stands between two columns.
const GAP: usize = 2;

/// One column.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) align: Align,
    /// The width below which it is not cut, however narrow the terminal. Of columns that may be
    /// cut the last gives way first.
    pub(crate) least: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One cell: its text, already fit for a terminal, and its look.
#[derive(Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Cell {
        Cell {
            text: text.into(),
            style,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::new(text, Style::new())
    }
}

/// The lines of a table with its header, in at most `width` columns of the screen where the
/// columns' least widths allow. Columns that are empty in every row are left out.
pub(crate) fn render(columns: &[Column], rows: &[Vec<Cell>], width: usize) -> String {
    let mut widths: Vec<usize> = (0..columns.len())
        .map(|at| {
            rows.iter()
                .map(|row| row[at].text.width())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for (width, column) in widths.iter_mut().zip(columns) {
        if *width > 0 {
            *width = (*width).max(column.title.width());
        }
    }
    fit(columns, &mut widths, width);

    let shown: Vec<usize> = (0..columns.len()).filter(|&at| widths[at] > 0).collect();
    let header: Vec<Cell> = columns
        .iter()
        .map(|column| Cell::new(column.title, Style::new().bold()))
        .collect();
    let mut out = String::with_capacity((rows.len() + 1) * (width + 16));
    for row in std::iter::once(&header).chain(rows) {
        for (place, &at) in shown.iter().enumerate() {
            let last = place + 1 == shown.len();
            push_cell(&mut out, &row[at], columns[at].align, widths[at], last);
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    out
}

fn fit(columns: &[Column], widths: &mut [usize], width: usize) {
    let gaps = widths
        .iter()
        .filter(|&&width| width > 0)
        .count()
        .saturating_sub(1)
        * GAP;
    let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
    for (column, width) in columns.iter().zip(widths).rev() {
        if let Some(least) = column.least {
            let gives = over.min(width.saturating_sub(least));
            *width -= gives;
            over -= gives;
        }
    }
}

fn push_cell(out: &mut String, cell: &Cell, align: Align, width: usize, last: bool) {
    let text = text::cut(&cell.text, width);
    let padding = width.saturating_sub(text.width());
    let (before, after) = match align {
        Align::Right => (padding, 0),
        Align::Left if last => (0, 0),
        Align::Left => (0, padding),
    };
    let style = cell.style;
    let gap = if last { 0 } else { GAP };
    write!(
        out,
        "{:before$}{style}{text}{style:#}{:after$}",
        "",
        "",
        after = after + gap
    )
    .expect("memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column {
            title: "ID",
            align: Align::Left,
            least: None,
        },
        Column {
            title: "NAME",
            align: Align::Left,
            least: Some(6),
        },
        Column {
            title: "PID",
            align: Align::Right,
            least: None,
        },
        Column {
            title: "COMMAND",
            align: Align::Left,
            least: Some(8),
        },
    ];

    fn table(rows: &[[&str; 4]], width: usize) -> String {
        let rows: Vec<Vec<Cell>> = rows
            .iter()
            .map(|row| row.iter().map(|&text| Cell::from(text)).collect())
            .collect();
        anstream::adapter::strip_str(&render(&COLUMNS, &rows, width)).to_string()
    }

    #[test]
    fn columns_line_up_also_under_wide_characters() {
        let shown = table(
            &[["a-1", "月", "7", "sleep 1"], ["bb-22", "x", "12345", "ls"]],
            80,
        );
        let expected = "ID     NAME    PID  COMMAND\n\
                        a-1    月        7  sleep 1\n\
                        bb-22  x     12345  ls\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_empty_column_is_left_out() {
        assert_eq!(
            table(&[["a-1", "", "7", "ls"]], 80),
            "ID   PID  COMMAND\na-1    7  ls\n"
        );
        assert_eq!(table(&[["a-1", "", "7", ""]], 80), "ID   PID\na-1    7\n");
    }

    #[test]
    fn the_last_column_gives_way_first_and_none_below_its_least() {
        let rows = [[
            "aaaaaa-1",
            "long-name-here",
            "7",
            "python3 train.py --epochs 100",
        ]];
        for (width, command) in [(80, "python3 train.py --epochs 100"), (40, "python3 …")] {
            let shown = table(&rows, width);
            assert!(shown.lines().all(|line| line.width() <= width), "{shown}");
            assert!(shown.contains(command), "{shown}");
        }
        let narrow = table(&rows, 10);
        assert!(
            narrow.contains("aaaaaa-1  long-…    7  python3…"),
            "{narrow}"
        );
    }
}
