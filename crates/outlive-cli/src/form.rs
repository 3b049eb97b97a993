//! What `run` can have written down with each line of output.

use outlive::JobOptions;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Form {
    /// Write down when each line was printed, for `logs --since`, `--until` and `--timestamps`
    ///
    /// The output goes through a pipe to the job's keeper, as with --output-mode pipe. In the output
    /// file each line begins with its time: RFC 3339, UTC, microseconds.
    #[arg(long, conflicts_with = "output")]
    timestamps: bool,

    /// Tell standard output from standard error, for `logs --stdout` and `--stderr`
    ///
    /// They go through two pipes to the job's keeper. In the output file each line begins with `out`
    /// or `err`.
    #[arg(long, conflicts_with = "output")]
    split: bool,
}

impl Form {
    pub(crate) fn apply(&self, options: &mut JobOptions) {
        options.timestamps(self.timestamps).split(self.split);
    }
}
