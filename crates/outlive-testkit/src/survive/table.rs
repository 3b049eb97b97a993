//! The matrix in words.

use super::machine::Init;
use super::matrix::Played;
use super::options::Options;
use super::rows::Row;
use super::situation::Situation;
use super::verdict::Verdict;
use std::fmt::Write;
use std::io::IsTerminal;

/// A column: a user, with systemd or without, and a launcher.
#[derive(Clone, Copy)]
struct Column {
    bare: bool,
    root: bool,
    row: &'static Row,
}

impl Column {
    fn all(options: &Options) -> Vec<Column> {
        let mut all = Vec::new();
        let systemd = options.inits.iter().any(|init| *init != Init::Bare);
        let bare = options.inits.contains(&Init::Bare);
        for (bare, _) in [(false, systemd), (true, bare)]
            .iter()
            .filter(|(_, there)| *there)
        {
            for &root in &options.roots {
                for row in &options.rows {
                    let bare = *bare;
                    all.push(Column { bare, root, row });
                }
            }
        }
        all
    }

    fn find<'a>(&self, played: &'a [Played], situation: &Situation) -> Option<&'a Played> {
        played.iter().find(|cell| {
            cell.situation.id == situation.id
                && (cell.init == Init::Bare) == self.bare
                && cell.root == self.root
                && cell.row.name == self.row.name
        })
    }

    fn head(&self) -> [&'static str; 3] {
        let place = if self.bare { "without" } else { "systemd" };
        let user = if self.root { "root" } else { "plain" };
        [place, user, self.row.name]
    }
}

/// For a person: with colours at a terminal.
pub(crate) fn plain(played: &[Played], options: &Options) -> String {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let columns = Column::all(options);
    let mut text = String::new();
    for line in 0..3 {
        let _ = write!(text, "{:<7}", "");
        for column in &columns {
            let _ = write!(text, "{:<12}", column.head()[line]);
        }
        text.push('\n');
    }
    for situation in &options.situations {
        let _ = write!(text, "{:<7}", situation.id);
        for column in &columns {
            let cell = column.find(played, situation);
            let word = cell.map_or(".", |cell| cell.verdict.word());
            let word = format!("{word:<12}");
            match cell.filter(|_| colours) {
                Some(cell) => {
                    let colour = colour(cell.verdict);
                    let _ = write!(text, "\x1b[{colour}m{word}\x1b[0m");
                }
                None => text.push_str(&word),
            }
        }
        let _ = writeln!(text, "{}", situation.what);
    }
    text
}

fn colour(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Lives => 32,
        Verdict::Said | Verdict::Skipped | Verdict::Loses => 33,
        Verdict::NotApplicable => 0,
        _ => 31,
    }
}

/// For the README: who launches is a column, what strikes a line.
pub(crate) fn markdown(played: &[Played], options: &Options) -> String {
    let columns = Column::all(options);
    let mut text = "| what happens |".to_owned();
    let several = |of: fn(&Column) -> &'static str| {
        let mut all: Vec<_> = columns.iter().map(of).collect();
        all.dedup();
        all.len() > 1
    };
    let shown = [
        several(|column| column.head()[0]),
        several(|column| column.head()[1]),
        true,
    ];
    for column in &columns {
        let head = column.head();
        let words: Vec<&str> = (0..3).filter(|&at| shown[at]).map(|at| head[at]).collect();
        let _ = write!(text, " {} |", words.join(", "));
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(columns.len()));
    text.push('\n');
    let seen = |situation: &Situation| {
        let cells = columns.iter().filter_map(|it| it.find(played, situation));
        cells.map(|cell| mark(cell.verdict)).any(|mark| mark != "·")
    };
    for situation in options.situations.iter().filter(|it| seen(it)) {
        let _ = write!(text, "| {}: {} |", situation.id, situation.what);
        for column in &columns {
            let cell = column.find(played, situation);
            let _ = write!(text, " {} |", cell.map_or("·", |cell| mark(cell.verdict)));
        }
        text.push('\n');
    }
    text
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Lives => "lives",
        Verdict::Said => "says so",
        Verdict::Loses => "lives, loses output",
        Verdict::Hangs => "caller hangs",
        Verdict::Fails => "fails",
        Verdict::NotApplicable | Verdict::Skipped => "·",
        Verdict::False | Verdict::Dies => "**dies**",
        Verdict::Broken => "?",
    }
}

/// For programs: an array of all that was seen.
pub(crate) fn json(played: &[Played]) -> String {
    let all: Vec<_> = played
        .iter()
        .map(|cell| {
            let mut all = cell.all.clone();
            all["expected"] = cell.expected().map(Verdict::word).into();
            all["wrong"] = cell.wrong().into();
            all
        })
        .collect();
    format!("{}\n", serde_json::Value::Array(all))
}
