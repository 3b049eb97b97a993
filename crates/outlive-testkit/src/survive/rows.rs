//! The launchers.

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

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "outlive",
        line: "outlive run --name job $OPTIONS -- survive beat \"$F\"",
        line_of_root: None,
        exec: "outlive run --name job $OPTIONS -- survive beat \"$F\"",
        output: Output::Outlive,
        becomes_job: false,
    },
    Row {
        name: "plain",
        line: "survive beat \"$F\" &",
        line_of_root: None,
        exec: "survive beat \"$F\"",
        output: Output::Caller,
        becomes_job: true,
    },
    Row {
        name: "nohup",
        line: "nohup survive beat \"$F\" &",
        line_of_root: None,
        exec: "nohup survive beat \"$F\"",
        output: Output::Caller,
        becomes_job: true,
    },
    Row {
        name: "setsid",
        line: "setsid --fork survive beat \"$F\" </dev/null >\"$F/out\" 2>&1",
        line_of_root: None,
        exec: "setsid --fork survive beat \"$F\" </dev/null >\"$F/out\" 2>&1",
        output: Output::File,
        becomes_job: false,
    },
    Row {
        name: "daemonize",
        line: "daemonize -o \"$F/out\" -e \"$F/out\" /usr/local/bin/survive beat \"$F\"",
        line_of_root: None,
        exec: "daemonize -o \"$F/out\" -e \"$F/out\" /usr/local/bin/survive beat \"$F\"",
        output: Output::File,
        becomes_job: false,
    },
    Row {
        name: "tmux",
        line: "tmux -L \"$ID\" new-session -d survive beat \"$F\"",
        line_of_root: None,
        exec: "tmux -L \"$ID\" new-session -d survive beat \"$F\"",
        output: Output::Launcher,
        becomes_job: false,
    },
    Row {
        name: "systemd-run",
        line: "systemd-run --user --quiet --unit=\"job-$ID\" survive beat \"$F\"",
        line_of_root: Some("systemd-run --quiet --unit=\"job-$ID\" survive beat \"$F\""),
        exec: "systemd-run --user --quiet --unit=\"job-$ID\" survive beat \"$F\"",
        output: Output::Launcher,
        becomes_job: false,
    },
];

impl Row {
    pub(crate) fn named(name: &str) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.name == name)
    }

    pub(crate) fn line(&self, root: bool) -> &'static str {
        self.line_of_root.filter(|_| root).unwrap_or(self.line)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.output == Output::Outlive
    }
}
