//! `outlive man`.

use crate::cli::{self, examples};
use crate::output;
use crate::report::{self, Result};
use clap_mangen::Man;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive man | man -l -
  outlive man ~/.local/share/man/man1"
))]
pub(crate) struct Args {
    /// A folder that exists
    folder: Option<PathBuf>,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let mut command = cli::command();
    command.build();
    let Some(folder) = &args.folder else {
        let page = page(&command)?;
        output::write(|out| out.write_all(page.as_bytes()))?;
        return Ok(0);
    };
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let path = folder.join(Man::new(command.clone()).get_filename());
        std::fs::write(&path, page(command)?).map_err(|error| {
            report::io_failure(
                &format!("failed to write manual page `{}`", path.display()),
                &error,
            )
        })?;
    }
    Ok(0)
}

fn page(command: &clap::Command) -> Result<String> {
    let mut page = Vec::new();
    let made = Man::new(command.clone()).render(&mut page);
    made.map_err(|error| report::io_failure("failed to make the manual page", &error))?;
    Ok(with_sections(&String::from_utf8_lossy(&page)))
}

/// Makes real sections of what clap calls one "extra" section: the text below each of our
/// headings, as it is.
fn with_sections(page: &str) -> String {
    let Some((before, extra)) = page.split_once(".SH EXTRA\n") else {
        return page.to_owned();
    };
    let mut out = before.to_owned();
    for line in extra.lines() {
        match line.strip_suffix(':') {
            Some(heading) if line.starts_with(|c: char| c.is_ascii_uppercase()) => {
                out.push_str(&format!(".SH \"{}\"\n.nf", heading.to_uppercase()));
            }
            _ if line.starts_with(".SH") => {
                out.push_str(".fi\n");
                out.push_str(line);
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::with_sections;

    #[test]
    fn each_heading_begins_a_section() {
        let page = "a\n.SH EXTRA\nExamples:\n  b: c\n\nExit codes:\n  1\n.SH VERSION\nv1\n";
        let expected = "a\n.SH \"EXAMPLES\"\n.nf\n  b: c\n\n.SH \"EXIT CODES\"\n.nf\n  1\n.fi\n.SH VERSION\nv1\n";
        assert_eq!(with_sections(page), expected);
        assert_eq!(with_sections("a\n"), "a\n");
    }
}
