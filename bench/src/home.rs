//! A state folder of the measurements' own. Whatever runs in it is ended with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use outlive::{Job, Jobs, State};

use crate::error::{Error, Result};

/// The two builds of `outlive` that are measured.
pub(crate) struct Builds {
    /// The release artefact: static, at a fixed address.
    pub(crate) dist: PathBuf,
    /// What `cargo build --release` makes.
    pub(crate) release: PathBuf,
}

impl Builds {
    pub(crate) fn find() -> Result<Self> {
        let path = |variable: &str| {
            env::var_os(variable).map(PathBuf::from).ok_or_else(|| {
                Error::new(format!(
                    "no `{variable}`: start this by `cargo xtask bench`"
                ))
            })
        };
        Ok(Self {
            dist: path("OUTLIVE_BENCH_DIST")?,
            release: path("OUTLIVE_BENCH_RELEASE")?,
        })
    }
}

pub(crate) struct Home {
    folder: PathBuf,
    jobs: Jobs,
}

impl Home {
    /// An empty one; what an interrupted measurement left there is ended first.
    pub(crate) fn fresh(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let home = Self {
            folder: folder.to_owned(),
            jobs: Jobs::at(folder)?,
        };
        home.sweep()?;
        Ok(home)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// `outlive` on this home, quiet.
    pub(crate) fn command(&self, outlive: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(outlive);
        command
            .args(arguments)
            .env("OUTLIVE_HOME", &self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    pub(crate) fn run(&self, outlive: &Path, options: &[&str], job: &[&str]) -> Result<Job> {
        let arguments = [&["run"], options, &["--"], job].concat();
        let output = self
            .command(outlive, &arguments)
            .stdout(Stdio::piped())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::new(format!("`outlive run` failed: {}", said.trim())));
        }
        Ok(self.jobs.get(String::from_utf8(output.stdout)?.trim())?)
    }

    /// A file for what `outlive run` prints.
    pub(crate) fn answer_file(&self) -> Result<(PathBuf, File)> {
        let path = self.folder.with_extension("answer");
        let file = File::create(&path)?;
        Ok((path, file))
    }

    /// The job whose id `outlive run` printed into that file.
    pub(crate) fn job(&self, answer: &Path) -> Result<Job> {
        Ok(self.jobs.get(fs::read_to_string(answer)?.trim())?)
    }

    /// The one job that runs in it.
    pub(crate) fn only(&self) -> Result<Job> {
        let running = self.running()?.into_iter().next();
        running.ok_or_else(|| Error::new("the job has ended"))
    }

    /// Ends what runs in it and removes it.
    pub(crate) fn remove(self) -> Result<()> {
        let folder = self.folder.clone();
        fs::remove_file(folder.with_extension("answer")).or_else(ignore_missing)?;
        drop(self);
        Ok(fs::remove_dir_all(folder)?)
    }

    /// Removes every finished job.
    pub(crate) fn clear(&self) -> Result<()> {
        self.jobs.prune(None)?;
        Ok(())
    }

    /// Returns when no job runs any more.
    pub(crate) fn settle(&self) -> Result<()> {
        for job in self.running()? {
            job.wait(None)?;
        }
        Ok(())
    }

    fn running(&self) -> Result<Vec<Job>> {
        let all = self.jobs.list()?;
        let running = all.iter().filter(|status| status.state == State::Running);
        Ok(running
            .map(|status| self.jobs.get(&status.id))
            .collect::<std::result::Result<_, _>>()?)
    }

    fn sweep(&self) -> Result<()> {
        for job in self.running()? {
            job.stop(Some(Duration::from_secs(5)))?;
        }
        self.clear()
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = self.sweep() {
            eprintln!("failed to clean up `{}`: {error}", self.folder.display());
        }
    }
}
