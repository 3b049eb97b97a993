//! The table at the end: what was promised, and whether it was met.

use crate::sample::{Series, rounded};

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 6]>,
    pub(crate) missed: usize,
}

const HEAD: [&str; 6] = ["what", "ours", "peer", "ratio", "reach", "met?"];

impl Table {
    /// A ratio that may be at most `reach`.
    pub(crate) fn ratio(&mut self, what: &str, ours: (&Series, &str), peer: &Series, reach: f64) {
        let met = ours.0.ratio_to(peer) <= reach;
        self.compared(what, ours, peer, format!("≤ {reach} ×"), Some(met));
    }

    /// A ratio that must be at least `reach`.
    pub(crate) fn at_least(
        &mut self,
        what: &str,
        ours: (&Series, &str),
        peer: &Series,
        reach: f64,
    ) {
        let met = ours.0.ratio_to(peer) >= reach;
        self.compared(what, ours, peer, format!("≥ {reach} ×"), Some(met));
    }

    /// A ratio that nothing was promised of.
    pub(crate) fn note(&mut self, what: &str, ours: (&Series, &str), peer: &Series) {
        self.compared(what, ours, peer, String::new(), None);
    }

    fn compared(
        &mut self,
        what: &str,
        (ours, unit): (&Series, &str),
        peer: &Series,
        reach: String,
        met: Option<bool>,
    ) {
        self.row(
            what,
            format!("{} {unit}", rounded(ours.median())),
            format!("{}: {} {unit}", peer.name, rounded(peer.median())),
            format!("{:.2} ×", ours.ratio_to(peer)),
            reach,
            met,
        );
    }

    /// A figure that may be at most `reach`.
    pub(crate) fn limit(&mut self, what: &str, (ours, unit): (f64, &str), peer: &str, reach: f64) {
        self.row(
            what,
            format!("{} {unit}", rounded(ours)),
            peer.to_owned(),
            String::new(),
            format!("≤ {reach} {unit}"),
            Some(ours <= reach),
        );
    }

    pub(crate) fn row(
        &mut self,
        what: &str,
        ours: String,
        peer: String,
        ratio: String,
        reach: String,
        met: Option<bool>,
    ) {
        let met = match met {
            Some(true) => "yes",
            Some(false) => {
                self.missed += 1;
                "NO"
            }
            None => "–",
        };
        self.rows
            .push([what.to_owned(), ours, peer, ratio, reach, met.to_owned()]);
    }

    /// Prints it so that it lines up here and is a table in Markdown too.
    pub(crate) fn print(&self) {
        let head = HEAD.map(str::to_owned);
        let widths: [usize; 6] = std::array::from_fn(|column| {
            let cells = self.rows.iter().chain([&head]);
            cells
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        });
        let line = |cells: &[String; 6]| {
            let padded: [String; 6] =
                std::array::from_fn(|column| format!("{:<1$}", cells[column], widths[column]));
            println!("| {} |", padded.join(" | "));
        };
        println!();
        line(&head);
        line(&widths.map(|width| "-".repeat(width)));
        self.rows.iter().for_each(line);
    }
}
