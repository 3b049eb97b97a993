//! The seam lint: unsafe code, operating system `cfg`s and system call crates stay in `outlive-os`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::source::code_only;
use crate::workspace::Workspace;

struct Exception {
    prefix: &'static str,
    may: Allowed,
}

#[derive(Clone, Copy, PartialEq)]
enum Allowed {
    Everything,
    UnsafeOnly,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        prefix: "crates/outlive-os/",
        may: Allowed::Everything,
    },
    // Tests that are for Windows alone, with job objects of their own.
    Exception {
        prefix: "crates/outlive-windows/",
        may: Allowed::Everything,
    },
    // What PyO3's macros expand to is unsafe code, and so is Python's own interface.
    Exception {
        prefix: "crates/outlive-python/",
        may: Allowed::UnsafeOnly,
    },
    // Puppets: programs that misbehave on purpose.
    Exception {
        prefix: "crates/outlive-testkit/",
        may: Allowed::UnsafeOnly,
    },
    // The ways to spawn that are compared with: std's own way to a new session is unsafe.
    Exception {
        prefix: "bench/src/spawn/rivals.rs",
        may: Allowed::UnsafeOnly,
    },
];

const SYSTEM_WORDS: &[&str] = &[
    "target_os",
    "target_family",
    "target_env",
    "target_vendor",
    "unix",
    "windows",
];

const SYSTEM_CRATES: &[&str] = &["libc", "rustix", "nix", "windows-sys", "windows"];

pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let mut found = Vec::new();
    let mut files = 0;
    for folder in ["crates", "xtask", "bench"] {
        let mut sources = Vec::new();
        collect(&workspace.root.join(folder), &mut sources)?;
        sources.sort();
        for path in sources {
            let text = fs::read_to_string(&path)
                .context(|| format!("failed to read `{}`", path.display()))?;
            let name = path.strip_prefix(&workspace.root).unwrap_or(&path);
            let name = name.to_string_lossy();
            files += 1;
            let faults = if name.ends_with(".rs") {
                source_faults(&name, &text)
            } else {
                manifest_faults(&name, &text)
            };
            found.extend(
                faults
                    .into_iter()
                    .map(|(line, what)| format!("{name}:{line}: {what}")),
            );
        }
    }
    if found.is_empty() {
        return Ok(format!("{files} files"));
    }
    for fault in &found {
        eprintln!("{fault}");
    }
    Err(Error::new(format!(
        "{} outside the seam; that code belongs in `outlive-os`",
        found.len()
    )))
}

type Fault = (usize, String);

fn source_faults(name: &str, text: &str) -> Vec<Fault> {
    let allowed = allowed(name);
    let mut found = Vec::new();
    if allowed == Some(Allowed::Everything) {
        return found;
    }
    if allowed.is_none() && is_crate_root(name) && !text.contains("#![forbid(unsafe_code)]") {
        found.push((1, "no `#![forbid(unsafe_code)]`".to_owned()));
    }
    let code = code_only(text);
    for (index, line) in code.lines().enumerate() {
        if allowed.is_none() && words(line).any(|word| word == "unsafe") {
            found.push((index + 1, "unsafe code".to_owned()));
        }
    }
    for (offset, condition) in conditions(&code) {
        if let Some(word) = words(condition).find(|word| SYSTEM_WORDS.contains(word)) {
            let line = code[..offset].matches('\n').count() + 1;
            found.push((line, format!("a `cfg` on `{word}`")));
        }
    }
    found
}

/// What the parentheses of each `cfg(…)`, `cfg!(…)` and `cfg_attr(…)` hold, and where it begins.
fn conditions(code: &str) -> impl Iterator<Item = (usize, &str)> {
    ["cfg(", "cfg!(", "cfg_attr("]
        .into_iter()
        .flat_map(move |opening| {
            code.match_indices(opening).filter_map(move |(at, _)| {
                let inside = &code[at + opening.len()..];
                let mut depth = 1;
                let end = inside.find(|character| {
                    match character {
                        '(' => depth += 1,
                        ')' => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                })?;
                Some((at, &inside[..end]))
            })
        })
}

fn manifest_faults(name: &str, text: &str) -> Vec<Fault> {
    if allowed(name).is_some() {
        return Vec::new();
    }
    let mut of_program = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            of_program = line.ends_with("dependencies]") && !line.contains("dev-");
        }
        let dependency = line.split(['.', '=', ' ']).next().unwrap_or_default();
        if of_program && SYSTEM_CRATES.contains(&dependency) {
            found.push((index + 1, format!("depends on `{dependency}`")));
        }
    }
    found
}

fn allowed(name: &str) -> Option<Allowed> {
    EXCEPTIONS
        .iter()
        .find(|exception| name.starts_with(exception.prefix))
        .map(|exception| exception.may)
}

fn is_crate_root(name: &str) -> bool {
    // The bench's root can't forbid what one of its modules needs; the words above see to the rest.
    (name.ends_with("src/lib.rs") || name.ends_with("src/main.rs")) && !name.starts_with("bench/")
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let failed = || format!("failed to list `{}`", folder.display());
    for entry in fs::read_dir(folder).context(failed)? {
        let path = entry.context(failed)?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs")
            || path.file_name().is_some_and(|name| name == "Cargo.toml")
        {
            into.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(faults: Vec<Fault>) -> Vec<usize> {
        faults.into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn finds_unsafe_code_and_conditions_on_the_system() {
        let source = "// unsafe\nunsafe {}\n#[cfg(all(test,\n    target_os = \"linux\"))]\nif cfg!(unix) {}\n#[cfg(test)]\nmod unix {}\n#![forbid(unsafe_code)]\n";
        assert_eq!(
            lines(source_faults("crates/outlive/src/a.rs", source)),
            [2, 3, 5]
        );
        assert_eq!(
            lines(source_faults("crates/outlive-testkit/src/a.rs", source)),
            [3, 5]
        );
        assert_eq!(
            lines(source_faults("crates/outlive-os/src/a.rs", source)),
            []
        );
    }

    #[test]
    fn crate_roots_forbid_unsafe_code() {
        assert_eq!(
            lines(source_faults("crates/outlive/src/lib.rs", "//! x")),
            [1]
        );
        let forbidden = "#![forbid(unsafe_code)]";
        assert_eq!(
            lines(source_faults("crates/outlive/src/lib.rs", forbidden)),
            []
        );
    }

    #[test]
    fn finds_system_call_crates() {
        let manifest = "[dependencies]\nlibc.workspace = true\nserde = \"1\"\n[dev-dependencies]\nrustix = \"1\"\n";
        assert_eq!(
            lines(manifest_faults("crates/outlive/Cargo.toml", manifest)),
            [2]
        );
        assert_eq!(
            lines(manifest_faults("crates/outlive-os/Cargo.toml", manifest)),
            []
        );
    }
}
