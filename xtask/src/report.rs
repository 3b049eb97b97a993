//! Steps, the time each took, and how it ended.

use std::time::{Duration, Instant};

use crate::error::Result;

pub(crate) struct Report {
    steps: Vec<Step>,
    begun: Instant,
}

struct Step {
    name: &'static str,
    took: Duration,
    end: End,
}

enum End {
    Passed(String),
    Failed(String),
    NotRun(&'static str),
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            steps: Vec::new(),
            begun: Instant::now(),
        }
    }

    /// Runs one step; it returns a note for the summary. True if it passed.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        run: impl FnOnce() -> Result<String>,
    ) -> bool {
        eprintln!("\n==> {name}");
        let begun = Instant::now();
        let end = match run() {
            Ok(note) => End::Passed(note),
            Err(error) => {
                eprintln!("xtask: {error}");
                End::Failed(first_line(&error.to_string()))
            }
        };
        let passed = matches!(end, End::Passed(_));
        self.steps.push(Step {
            name,
            took: begun.elapsed(),
            end,
        });
        passed
    }

    pub(crate) fn not_run(&mut self, name: &'static str, why: &'static str) {
        self.steps.push(Step {
            name,
            took: Duration::ZERO,
            end: End::NotRun(why),
        });
    }

    /// Prints a line for each step; the number of those that failed or could not run.
    pub(crate) fn summary(&self) -> usize {
        let mut failed = 0;
        eprintln!("\n==> summary");
        for step in &self.steps {
            let (word, note) = match &step.end {
                End::Passed(note) => ("ok", note.clone()),
                End::Failed(why) => ("FAILED", why.clone()),
                End::NotRun(needed) => ("not run", format!("needs {needed}")),
            };
            failed += usize::from(word != "ok");
            let line = format!(
                "{:<9} {word:<8} {:>7.1} s  {note}",
                step.name,
                step.took.as_secs_f64()
            );
            eprintln!("{}", line.trim_end());
        }
        eprintln!(
            "{:<9} {:<8} {:>7.1} s",
            "all",
            "",
            self.begun.elapsed().as_secs_f64()
        );
        failed
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
