//! What of the matrix is wanted.

use super::fault::{Fault, Result};
use super::machine::Init;
use super::rows::Row;
use super::situation::Situation;
use super::situations;
use std::path::PathBuf;

/// Situations that tell most in little time: one of each kind of surroundings and of strikes.
const SUBSET: &[&str] = &[
    "K1", "K2", "K4", "K5", "K5N", "K5m", "K5u", "K5b", "K6", "K6r", "K6n", "K7", "K8j", "K8g",
    "K9x", "K10", "K12p", "NNP", "closed", "K5p", "K5t", "K5F", "K5s", "K7k", "K7f", "K7q", "K7s",
    "K11k", "K11d",
];

/// The options of `cargo xtask survive`.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) situations: Vec<&'static Situation>,
    pub(crate) roots: Vec<bool>,
    pub(crate) rows: Vec<&'static Row>,
    pub(crate) inits: Vec<Init>,
    pub(crate) form: Form,
    /// The tests that want a real systemd, as a program.
    pub(crate) tests: Option<PathBuf>,
    /// The folder of the Python package.
    pub(crate) python: Option<PathBuf>,
}

/// How the matrix is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Table,
    Json,
    Markdown,
}

impl Options {
    pub(crate) fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Options> {
        let mut options = Options {
            situations: situations::all().collect(),
            roots: vec![false, true],
            rows: vec![],
            inits: vec![Init::Systemd, Init::SystemdKills, Init::Bare],
            form: Form::Table,
            tests: None,
            python: None,
        };
        let mut subset = false;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut list = || {
                let value = words.next();
                let value = value.ok_or_else(|| Fault::new(format!("`{word}` wants a value")))?;
                Ok::<_, Fault>(value.split(','))
            };
            match word {
                "--only" => {
                    options.situations = each(list()?, Situation::named, "situation")?;
                }
                "--row" => options.rows = each(list()?, Row::named, "row")?,
                "--user" => options.roots = each(list()?, user, "user")?,
                "--tests" => options.tests = words.next().map(PathBuf::from),
                "--python" => options.python = words.next().map(PathBuf::from),
                "--subset" => subset = true,
                "--systemd" => options.inits.retain(|init| *init != Init::Bare),
                "--no-systemd" => options.inits.retain(|init| *init == Init::Bare),
                "--json" => options.form = Form::Json,
                "--markdown" => options.form = Form::Markdown,
                _ => return Err(Fault::new(format!("unknown option `{word}` of `survive`"))),
            }
        }
        if subset {
            options.situations.retain(|it| SUBSET.contains(&it.id));
        }
        if options.rows.is_empty() {
            // The plain row shows that the strikes strike.
            let rows: &[&str] = if subset {
                &["outlive", "child", "python", "job"]
            } else {
                &["outlive", "child", "python", "disowned", "job", "plain"]
            };
            options.rows = each(rows.iter().copied(), Row::named, "row")?;
        }
        Ok(options)
    }
}

fn user(name: &str) -> Option<bool> {
    match name {
        "root" => Some(true),
        "plain" => Some(false),
        _ => None,
    }
}

fn each<'a, T>(
    names: impl Iterator<Item = &'a str>,
    named: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Vec<T>> {
    names
        .map(|name| named(name).ok_or_else(|| Fault::new(format!("no {what} `{name}`"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subset_is_made_of_situations() {
        for id in SUBSET {
            assert!(Situation::named(id).is_some(), "{id}");
        }
    }

    #[test]
    fn what_is_wanted_can_be_narrowed() {
        let words = [
            "--only",
            "K5,K7",
            "--user",
            "root",
            "--no-systemd",
            "--json",
        ];
        let options = Options::read(words).unwrap();
        let ids: Vec<_> = options.situations.iter().map(|it| it.id).collect();
        assert_eq!(ids, ["K5", "K7"]);
        assert_eq!(options.roots, [true]);
        assert_eq!(options.inits, [Init::Bare]);
        assert_eq!(options.form, Form::Json);
        assert!(Options::read(["--only", "K99"]).is_err());
        assert!(Options::read(["--only"]).is_err());
    }
}
