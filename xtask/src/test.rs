//! `cargo xtask test`: everything that must hold, in steps.

use std::env;

use crate::error::{Error, Result};
use crate::report::Report;
use crate::workspace::{Workspace, run};
use crate::{dist, fuzz, machine, python, readme, seam, setup, soak, tests_run, value, windows};

struct Options {
    only: Vec<String>,
    skip: Vec<String>,
    fuzz_seconds: u64,
}

type Run = fn(&Workspace, &Options) -> Result<String>;

struct Step {
    name: &'static str,
    /// The step that must have passed for this one to mean anything.
    needs: Option<&'static str>,
    run: Run,
}

const STEPS: &[Step] = &[
    Step {
        name: "set-up",
        needs: None,
        run: |workspace, _| setup::for_tests(workspace),
    },
    Step {
        name: "format",
        needs: None,
        run: |workspace, _| {
            quiet(workspace, &["fmt", "--all", "--check"])?;
            quiet(
                workspace,
                &["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"],
            )
        },
    },
    Step {
        name: "seam",
        needs: None,
        run: |workspace, _| seam::check(workspace),
    },
    Step {
        name: "clippy",
        needs: None,
        run: |workspace, _| {
            let everything = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ];
            quiet(workspace, &everything)
        },
    },
    Step {
        name: "build",
        needs: None,
        run: |workspace, _| quiet(workspace, &["build", "--workspace", "--all-targets"]),
    },
    Step {
        name: "tests",
        needs: Some("build"),
        run: |workspace, _| tests_run::run(workspace),
    },
    Step {
        name: "soak",
        needs: Some("build"),
        run: |workspace, _| soak::test(workspace),
    },
    Step {
        name: "doctests",
        needs: Some("build"),
        run: |workspace, _| {
            quiet(workspace, &["test", "--workspace", "--doc"])?;
            readme::check_library_example(workspace)
        },
    },
    Step {
        name: "python",
        needs: Some("build"),
        run: |workspace, _| python::test(workspace),
    },
    Step {
        name: "rustdoc",
        needs: Some("build"),
        run: |workspace, _| {
            let mut command = workspace.cargo(&["doc", "--workspace", "--no-deps"]);
            run(command.env("RUSTDOCFLAGS", "-D warnings")).map(|()| String::new())
        },
    },
    Step {
        name: "dist",
        needs: Some("build"),
        run: |workspace, _| {
            let built = dist::build(workspace)?;
            let version = dist::smoke_test(workspace)?;
            Ok(format!("{version}: {built}"))
        },
    },
    Step {
        name: "readme",
        needs: Some("dist"),
        run: |workspace, _| readme::check(workspace),
    },
    Step {
        name: "survive",
        needs: Some("dist"),
        run: |workspace, _| machine::test(workspace),
    },
    Step {
        name: "windows",
        needs: None,
        run: |workspace, _| windows::test(workspace),
    },
    Step {
        name: "fuzz",
        needs: Some("build"),
        run: |workspace, options| fuzz::all(workspace, options.fuzz_seconds),
    },
];

pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if arguments.iter().any(|argument| argument == "--list") {
        for step in STEPS {
            println!("{}", step.name);
        }
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    let mut report = Report::new();
    let mut failed = Vec::new();
    for step in STEPS.iter().filter(|step| options.wants(step.name)) {
        match step.needs.filter(|needed| failed.contains(needed)) {
            Some(needed) => {
                report.not_run(step.name, needed);
                failed.push(step.name);
            }
            None if !report.step(step.name, || (step.run)(workspace, &options)) => {
                failed.push(step.name);
            }
            None => {}
        }
    }
    report.summary();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Error::new(format!("failed: {}", failed.join(", "))))
    }
}

fn quiet(workspace: &Workspace, arguments: &[&str]) -> Result<String> {
    run(&mut workspace.cargo(arguments)).map(|()| String::new())
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            only: Vec::new(),
            skip: Vec::new(),
            fuzz_seconds: match env::var("OUTLIVE_FUZZ_SECONDS") {
                Ok(seconds) => fuzz::parse_seconds(&seconds)?,
                Err(_) => fuzz::DEFAULT_SECONDS,
            },
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--only" => options.only = steps(value(argument, &mut rest)?)?,
                "--skip" => options.skip = steps(value(argument, &mut rest)?)?,
                "--fuzz-seconds" => {
                    options.fuzz_seconds = fuzz::parse_seconds(value(argument, &mut rest)?)?;
                }
                other => return Err(Error::new(format!("unknown option `{other}` of `test`"))),
            }
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|step| step == name);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

fn steps(list: &str) -> Result<Vec<String>> {
    list.split(',')
        .map(|name| match STEPS.iter().find(|step| step.name == name) {
            Some(step) => Ok(step.name.to_owned()),
            None => Err(Error::new(format!("no step `{name}`; `--list` names them"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options> {
        Options::parse(
            &arguments
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn every_needed_step_comes_before() {
        for (index, step) in STEPS.iter().enumerate() {
            if let Some(needed) = step.needs {
                assert!(STEPS[..index].iter().any(|earlier| earlier.name == needed));
            }
        }
    }

    #[test]
    fn steps_are_chosen_by_name() {
        let options = parsed(&["--only", "seam,tests", "--skip", "tests"]).unwrap();
        let chosen: Vec<_> = STEPS
            .iter()
            .map(|step| step.name)
            .filter(|name| options.wants(name))
            .collect();
        assert_eq!(chosen, ["seam"]);
        assert!(parsed(&["--only", "sem"]).is_err());
        assert!(parsed(&["--only"]).is_err());
    }
}
