//! The launchers.

use super::situation::Situation;

/// How something is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The line of a shell that starts `survive beat "$F"`.
    pub(crate) line: &'static str,
    /// The same for root, where that differs.
    pub(crate) line_of_root: Option<&'static str>,
    /// The words with which a shell becomes the launcher.
    pub(crate) exec: &'static str,
    /// Where the job's output goes.
    pub(crate) output: Output,
    /// Whether the launcher itself is the job when it is exec'ed.
    pub(crate) becomes_job: bool,
    /// Whether it is ours: then it is asked what it says of hazards.
    pub(crate) ours: bool,
    /// The situations that it is played in besides those that are made for it; all, if none is
    /// named.
    pub(crate) only: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Wherever the caller's goes.
    Caller,
    /// To the file `out` in the cell's folder.
    File,
    /// To outlive, which also keeps the exit code.
    Outlive,
    /// To some place of the launcher's.
    Launcher,
}

/// Where a program that the library starts, without a keeper, is to outlive its parent.
const CHILDREN: &[&str] = &[
    "K1", "K2", "K3", "K5", "K5m", "K5u", "K5b", "K5n", "K5p", "K6", "K6L", "K6n", "K6r", "K7",
    "K8j", "K8g",
];

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "outlive",
        line: "outlive run --name job $OPTIONS -- survive beat \"$F\" 2>\"$F/errors\"",
        line_of_root: None,
        exec: "outlive run --name job $OPTIONS -- survive beat \"$F\" 2>\"$F/errors\"",
        output: Output::Outlive,
        becomes_job: false,
        ours: true,
        only: &[],
    },
    // A parent stays beside the script, and is struck as that is.
    Row {
        name: "child",
        line: "survive child \"$F\" </dev/null >/dev/null 2>\"$F/errors\" & read -r word <\"$F/go\"",
        line_of_root: None,
        exec: "survive child \"$F\" </dev/null >/dev/null 2>\"$F/errors\"",
        output: Output::File,
        becomes_job: false,
        ours: true,
        only: CHILDREN,
    },
    Row {
        name: "python",
        line: "survive python \"$F\" </dev/null >/dev/null 2>\"$F/errors\" & read -r word <\"$F/go\"",
        line_of_root: None,
        exec: "survive python \"$F\" </dev/null >/dev/null 2>\"$F/errors\"",
        output: Output::File,
        becomes_job: false,
        ours: true,
        only: &["K5", "K5m", "K5u", "K5b", "K6L"],
    },
    Row {
        name: "disowned",
        line: "survive disown \"$F\" 2>\"$F/errors\"",
        line_of_root: None,
        exec: "survive disown \"$F\" 2>\"$F/errors\"",
        output: Output::File,
        becomes_job: false,
        ours: true,
        only: CHILDREN,
    },
    Row {
        name: "job",
        line: "survive job \"$F\" 2>\"$F/errors\"",
        line_of_root: None,
        exec: "survive job \"$F\" 2>\"$F/errors\"",
        output: Output::Outlive,
        becomes_job: false,
        ours: true,
        only: &["K5", "K7"],
    },
    Row {
        name: "plain",
        line: "survive beat \"$F\" &",
        line_of_root: None,
        exec: "survive beat \"$F\"",
        output: Output::Caller,
        becomes_job: true,
        ours: false,
        only: &[],
    },
    Row {
        name: "nohup",
        line: "nohup survive beat \"$F\" &",
        line_of_root: None,
        exec: "nohup survive beat \"$F\"",
        output: Output::Caller,
        becomes_job: true,
        ours: false,
        only: &[],
    },
    Row {
        name: "setsid",
        line: "setsid --fork survive beat \"$F\" </dev/null >\"$F/out\" 2>&1",
        line_of_root: None,
        exec: "setsid --fork survive beat \"$F\" </dev/null >\"$F/out\" 2>&1",
        output: Output::File,
        becomes_job: false,
        ours: false,
        only: &[],
    },
    Row {
        name: "daemonize",
        line: "daemonize -o \"$F/out\" -e \"$F/out\" /usr/local/bin/survive beat \"$F\"",
        line_of_root: None,
        exec: "daemonize -o \"$F/out\" -e \"$F/out\" /usr/local/bin/survive beat \"$F\"",
        output: Output::File,
        becomes_job: false,
        ours: false,
        only: &[],
    },
    Row {
        name: "tmux",
        line: "tmux -L \"$ID\" new-session -d survive beat \"$F\"",
        line_of_root: None,
        exec: "tmux -L \"$ID\" new-session -d survive beat \"$F\"",
        output: Output::Launcher,
        becomes_job: false,
        ours: false,
        only: &[],
    },
    Row {
        name: "systemd-run",
        line: "systemd-run --user --quiet --unit=\"job-$ID\" survive beat \"$F\"",
        line_of_root: Some("systemd-run --quiet --unit=\"job-$ID\" survive beat \"$F\""),
        exec: "systemd-run --user --quiet --unit=\"job-$ID\" survive beat \"$F\"",
        output: Output::Launcher,
        becomes_job: false,
        ours: false,
        only: &[],
    },
];

impl Row {
    pub(crate) fn named(name: &str) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.name == name)
    }

    pub(crate) fn line(&self, root: bool) -> &'static str {
        self.line_of_root.filter(|_| root).unwrap_or(self.line)
    }

    /// Whether a keeper knows the job.
    pub(crate) fn is_kept(&self) -> bool {
        self.output == Output::Outlive
    }

    /// Whether the job is the child of a program that waits for it.
    pub(crate) fn is_child(&self) -> bool {
        matches!(self.name, "child" | "python")
    }

    /// Whether it is played in a situation.
    pub(crate) fn takes(&self, situation: &Situation) -> bool {
        match situation.rows {
            [] => self.only.is_empty() || self.only.contains(&situation.id),
            rows => rows.contains(&self.name),
        }
    }
}
