//! What a Markdown text shows of a terminal, and whether that is what happens.
//!
//! A ```` ```sh ```` block must succeed. In a ```` ```console ```` block every line after `$ ` is
//! typed, and what it prints must be what the text shows, but for what differs between two runs:
//! numbers, times and the ends of ids. A line `...` stands for any number of lines.

/// The command that runs this check: it can't be part of it.
const ITSELF: &str = "cargo xtask test";

/// Something to be typed.
pub(crate) struct Typed {
    line: usize,
    text: String,
    /// None where only success counts.
    shows: Option<Vec<String>>,
}

/// All that there is to be typed in the blocks of a text.
pub(crate) fn commands(text: &str) -> Vec<Typed> {
    let mut found = Vec::new();
    for block in blocks(text) {
        match block.language {
            "sh" => found.push(Typed {
                line: block.line + 1,
                text: block.lines.join("\n"),
                shows: None,
            }),
            "console" => found.extend(dialogue(&block)),
            _ => {}
        }
    }
    found.retain(|typed| typed.text.trim() != ITSELF);
    found
}

struct Block<'a> {
    language: &'a str,
    /// That of the opening fence, from 1 on.
    line: usize,
    lines: Vec<&'a str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                open = Some(Block {
                    language,
                    line: index + 1,
                    lines: Vec::new(),
                });
            }
            (Some(_), Some(whole)) => found.push(whole),
            (None, Some(mut block)) => {
                block.lines.push(line);
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    found
}

/// What is typed after `$ ` (and, going on, after `> `), and what follows it.
fn dialogue(block: &Block<'_>) -> Vec<Typed> {
    let mut found: Vec<(usize, String, Vec<String>)> = Vec::new();
    for (index, line) in block.lines.iter().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push((block.line + 1 + index, command.to_owned(), Vec::new()));
        } else if let Some((_, command, shows)) = found.last_mut() {
            match line.strip_prefix("> ").filter(|_| shows.is_empty()) {
                Some(more) => *command = format!("{command}\n{more}"),
                None => shows.push((*line).to_owned()),
            }
        }
    }
    let typed = |(line, text, shows)| Typed {
        line,
        text,
        shows: Some(shows),
    };
    found.into_iter().map(typed).collect()
}

/// One shell for all of it, so that folders, variables and `$?` carry over.
pub(crate) fn script(typed: &[Typed]) -> String {
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

/// What was printed otherwise than shown, by the shell that ran the script of `typed`.
pub(crate) fn compare(typed: &[Typed], printed: &str) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::readme::at_a_terminal;
    use crate::workspace::output;

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
                (3, "a\nb", None),
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
            ["README.md:5: `echo no`:", "README.md:9: `false`: status 1:"]
        );
    }
}
