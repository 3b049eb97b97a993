//! The README's own commands, run for real, from top to bottom in one shell at a terminal, as a
//! reader would.
//!
//! A ```` ```sh ```` block must succeed. In a ```` ```console ```` block every line after `$ ` is
//! typed, and what it prints must be what the README shows, but for what differs between two runs:
//! numbers, times and the ends of ids. A line `...` stands for any number of lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::workspace::{Workspace, output};

/// The command that runs this check: it can't be part of it.
const ITSELF: &str = "cargo xtask test";

/// How the README writes the reader's home folder.
const HOME: &str = "/home/you";

struct Typed {
    line: usize,
    text: String,
    /// None where only success counts.
    shows: Option<Vec<String>>,
}

pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let path = workspace.root.join("README.md");
    let readme =
        fs::read_to_string(&path).context(|| format!("failed to read `{}`", path.display()))?;
    let typed = commands(&readme);
    let home = fresh_home(workspace)?;
    let printed = output(
        at_a_terminal(&script(&typed), &home)?
            .current_dir(&workspace.root)
            .env("HOME", &home)
            .env("PATH", path_for(&home))
            .env("CARGO_HOME", or_home("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", or_home("RUSTUP_HOME", ".rustup"))
            .env("CARGO_TARGET_DIR", &workspace.target)
            .env("CARGO_TERM_QUIET", "true")
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env_remove("OUTLIVE_HOME")
            .env_remove("XDG_STATE_HOME"),
    )?
    .replace("\r\n", "\n");
    let faults = compare(&typed, &printed.replace(&*home.to_string_lossy(), HOME));
    for fault in &faults {
        eprintln!("{fault}");
    }
    leave_nothing_running(&home)?;
    if faults.is_empty() {
        Ok(format!("{} commands", typed.len()))
    } else {
        Err(Error::new(format!(
            "{} of the README's commands do not do as it says",
            faults.len()
        )))
    }
}

fn commands(readme: &str) -> Vec<Typed> {
    let mut found: Vec<Typed> = Vec::new();
    let mut fence = None;
    for (index, text) in readme.lines().enumerate() {
        let line = index + 1;
        if let Some(language) = text.strip_prefix("```") {
            fence = if fence.is_some() {
                None
            } else {
                Some((language, line))
            };
            continue;
        }
        match fence {
            Some(("sh", opened)) => match found.last_mut().filter(|typed| typed.line == opened) {
                Some(block) => block.text = format!("{}\n{text}", block.text),
                None => found.push(Typed {
                    line: opened,
                    text: text.to_owned(),
                    shows: None,
                }),
            },
            Some(("console", _)) => match (text.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push(Typed {
                    line,
                    text: command.to_owned(),
                    shows: Some(Vec::new()),
                }),
                (
                    None,
                    Some(Typed {
                        text: command,
                        shows: Some(shows),
                        ..
                    }),
                ) => match text.strip_prefix("> ").filter(|_| shows.is_empty()) {
                    Some(more) => *command = format!("{command}\n{more}"),
                    None => shows.push(text.to_owned()),
                },
                (None, _) => {}
            },
            _ => {}
        }
    }
    found.retain(|typed| typed.text.trim() != ITSELF);
    found
}

/// Programs print for people there: that is what the README shows.
fn at_a_terminal(script: &str, home: &Path) -> Result<Command> {
    let file = home.join("readme.sh");
    fs::write(&file, script).context(|| format!("failed to write `{}`", file.display()))?;
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command"])
        .arg(format!("bash '{}'", file.display()))
        .arg("/dev/null");
    Ok(command)
}

/// One shell for all of it, so that folders, variables and `$?` carry over.
fn script(typed: &[Typed]) -> String {
    let mut script = String::from(
        "stty rows 40 columns 100\n\
         exec </dev/null\n\
         mark() { local status=$?; printf '\\n@@ %s %s\\n' \"$1\" \"$status\"; return $status; }\n",
    );
    for (index, command) in typed.iter().enumerate() {
        script.push_str(&format!("{}\nmark {index}\n", command.text));
    }
    script.push_str("true\n");
    script
}

fn compare(typed: &[Typed], printed: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut rest = printed;
    for (index, command) in typed.iter().enumerate() {
        let place = format!("README.md:{}: `{}`", command.line, command.text);
        let Some((before, after)) = rest.split_once(&format!("\n@@ {index} ")) else {
            faults.push(format!("{place}: the shell stopped here:\n{rest}"));
            return faults;
        };
        let (status, after) = after.split_once('\n').unwrap_or((after, ""));
        rest = after;
        match &command.shows {
            None if status != "0" => faults.push(format!("{place}: status {status}:\n{before}")),
            Some(shows) if !matches(shows, before) => faults.push(format!(
                "{place}:\n--- the README shows\n{}\n--- it printed\n{before}\n---",
                shows.join("\n")
            )),
            _ => {}
        }
    }
    faults
}

fn matches(shows: &[String], printed: &str) -> bool {
    let shown: Vec<_> = shows
        .iter()
        .map(|line| shape(line))
        .filter(|line| !line.is_empty())
        .collect();
    let printed: Vec<_> = printed
        .lines()
        .map(shape)
        .filter(|line| !line.is_empty())
        .collect();
    matches_lines(&shown, &printed)
}

fn matches_lines(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((any, rest)) if any == "..." => {
            (0..=printed.len()).any(|skipped| matches_lines(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, others)| first == line && matches_lines(rest, others)),
    }
}

/// The line without what differs from run to run: numbers, their units, ends of ids, widths.
fn shape(line: &str) -> String {
    line.split_whitespace()
        .map(word_shape)
        .collect::<Vec<_>>()
        .join(" ")
}

fn word_shape(word: &str) -> String {
    let word = match word.rsplit_once('-') {
        Some((program, end)) if is_id_end(program, end) => format!("{program}-ID"),
        _ => word.to_owned(),
    };
    let mut shape = String::new();
    let mut characters = word.chars().peekable();
    while let Some(character) = characters.next() {
        if !character.is_ascii_digit() {
            shape.push(character);
            continue;
        }
        while characters
            .next_if(|next| next.is_ascii_digit() || *next == '.')
            .is_some()
        {}
        let unit: String =
            std::iter::from_fn(|| characters.next_if(char::is_ascii_alphabetic)).collect();
        shape.push('0');
        if !["ms", "s", "m", "h", "d"].contains(&unit.as_str()) {
            shape.push_str(&unit);
        }
    }
    shape
}

fn is_id_end(program: &str, end: &str) -> bool {
    program.starts_with(|first: char| first.is_ascii_lowercase())
        && end.len() == 4
        && end
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn fresh_home(workspace: &Workspace) -> Result<PathBuf> {
    let home = workspace.target.join("readme-home");
    let failed = || format!("failed to make a fresh `{}`", home.display());
    if home.exists() {
        fs::remove_dir_all(&home).context(failed)?;
    }
    fs::create_dir_all(&home).context(failed)?;
    Ok(home)
}

fn path_for(home: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}/.local/bin:{path}", home.display())
}

fn or_home(variable: &str, folder: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(folder),
        PathBuf::from,
    )
}

/// A reader who has typed it all should be left with no job running, and so should this machine.
fn leave_nothing_running(home: &Path) -> Result<()> {
    let outlive = home.join(".local/bin/outlive");
    let listed = output(
        Command::new(&outlive)
            .args(["list", "--json"])
            .env("HOME", home),
    )?;
    let running: Vec<_> = listed
        .split("\"id\"")
        .skip(1)
        .filter(|job| job.contains("\"running\""))
        .filter_map(|job| job.split('"').nth(1))
        .collect();
    if running.is_empty() {
        return Ok(());
    }
    output(
        Command::new(&outlive)
            .arg("stop")
            .args(&running)
            .env("HOME", home),
    )?;
    Err(Error::new(format!(
        "the README leaves jobs running: {}",
        running.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_commands_and_what_they_print_from_the_blocks() {
        let readme = "x\n```sh\na\nb\n```\n```rust\nlet c;\n```\n```console\n$ d \\\n> e\nf\ng\n$ h\n```\n```sh\ncargo xtask test\n```\n";
        let typed = commands(readme);
        let seen: Vec<_> = typed
            .iter()
            .map(|typed| {
                (
                    typed.line,
                    typed.text.as_str(),
                    typed.shows.as_deref().map(<[String]>::len),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (2, "a\nb", None),
                (10, "d \\\ne", Some(2)),
                (14, "h", Some(0))
            ]
        );
    }

    #[test]
    fn lines_match_but_for_what_differs_between_runs() {
        assert_eq!(
            shape("python3-3f9k  running  12s ago"),
            shape("python3-zz01 running 3ms ago")
        );
        assert_ne!(shape("python-3f9k  running"), shape("python-3f9k exited"));
        assert_ne!(shape("64 MiB"), shape("64 KiB"));
        let shows = ["a", "...", "z"].map(str::to_owned);
        assert!(matches(&shows, "a\nb\n\nc\nz\n"));
        assert!(!matches(&shows, "a\nb\n"));
    }

    #[test]
    fn the_shell_carries_on_and_says_how_each_command_ended() {
        let typed = commands(
            "```console\n$ x=7; (exit 3)\n$ echo $? $x\n3 7\n$ echo no\nyes\n```\n```sh\nfalse\n```\n",
        );
        let home = std::env::temp_dir().join(format!("xtask-readme-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let printed = output(&mut at_a_terminal(&script(&typed), &home).unwrap()).unwrap();
        let printed = printed.replace("\r\n", "\n");
        fs::remove_dir_all(&home).unwrap();
        let faults = compare(&typed, &printed);
        let lines: Vec<_> = faults
            .iter()
            .filter_map(|fault| fault.lines().next())
            .collect();
        assert_eq!(
            lines,
            ["README.md:5: `echo no`:", "README.md:8: `false`: status 1:"]
        );
    }
}
