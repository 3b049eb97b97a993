//! `outlive completions`.

use crate::cli::{self, examples};
use crate::output;
use crate::report::Result;
use clap_complete::Shell;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive completions bash > ~/.local/share/bash-completion/completions/outlive
  outlive completions fish > ~/.config/fish/completions/outlive.fish
  outlive completions zsh > \"${fpath[1]}/_outlive\""
))]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "outlive", &mut script);
    output::write(|out| out.write_all(&script))?;
    Ok(0)
}
