//! The arguments of `run` for a job with a terminal of its own.

use crate::attach;
use outlive::{JobOptions, Size};
use outlive_os::terminal;

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Give it a terminal of its own, which goes on without you: see `outlive attach`
    ///
    /// Its standard input, output and error are that terminal. What it prints there is kept as any
    /// job's output, `outlive send` types, and `outlive attach` sits down at it.
    #[arg(long, short = 't',
        conflicts_with_all = ["interactive", "stdin", "output", "output_mode", "timestamps", "split"])]
    tty: bool,

    /// The terminal's size at first [default: that of this one, else 80x24]
    #[arg(long, value_name = "COLUMNSxROWS", requires = "tty")]
    size: Option<Size>,

    /// Sit down at its terminal at once, as `outlive attach` does; leaving it leaves it running
    ///
    /// With --ready nobody waits for that: what it prints until then is seen. If it is stopped because
    /// it was not ready in time the exit code is 124.
    #[arg(long, short, requires = "tty", conflicts_with_all = ["follow", "json"])]
    pub(crate) attach: bool,

    #[command(flatten)]
    pub(crate) leave: attach::Leave,
}

impl Args {
    /// Asks for what was asked for.
    pub(crate) fn apply(&self, options: &mut JobOptions) {
        if self.tty {
            let here = || terminal::size().unwrap_or_default();
            options.tty(self.size.unwrap_or_else(here));
        }
    }
}
