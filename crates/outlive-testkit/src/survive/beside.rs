//! What is looked at beside the cells: the tests that want a real systemd, and how long a machine
//! with jobs takes to power off.

use super::fault::{Context, Fault, Result};
use super::machine::{Init, Machine, Parts};
use super::world::{User, call, make_users};
use serde_json::Value;
use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// The test program in the machine.
pub(crate) const TESTS: &str = "/usr/local/bin/outlive-systemd-tests";
/// The test that wants a user whose manager does not run yet.
const FIRST: &str = "a_user_who_wants_it_lingers";
/// A power-off in which somebody has to be waited for takes ninety seconds, or the ten that a
/// keeper gives its job.
const AT_ONCE: Duration = Duration::from_secs(8);

/// What came of one of them.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) words: String,
    pub(crate) wrong: bool,
}

/// Runs the tests in a machine, as each kind of user.
pub(crate) fn tests(machine: &Machine) -> Result<Vec<Beside>> {
    let users = ["root", "plain"];
    users.iter().map(|user| tests_as(machine, user)).collect()
}

fn tests_as(machine: &Machine, user: &str) -> Result<Beside> {
    let said = machine
        .command(false, &["survive", "tests", user])?
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context(|| "failed to start `nsenter`".to_owned())?;
    let text = String::from_utf8_lossy(&said.stdout);
    // The last one is of all tests.
    let passed = text.lines().filter_map(passed).next_back().unwrap_or(0);
    let wrong = !said.status.success() || passed == 0;
    if wrong {
        eprint!("{text}");
    }
    let words = format!("{passed} tests passed with systemd ({user})");
    Ok(Beside { words, wrong })
}

/// Reads `test result: ok. 4 passed; 0 failed; …`.
fn passed(line: &str) -> Option<usize> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    counts.split_once(" passed")?.0.parse().ok()
}

/// Powers off a machine in which managers have started jobs, with the time-outs that Debian has.
pub(crate) fn power_off(parts: &Parts) -> Result<Beside> {
    let machine = Machine::boot(parts, Init::Patient)?;
    let status = machine
        .command(false, &["survive", "leave"])?
        .stdin(Stdio::null())
        .status()
        .context(|| "failed to start `nsenter`".to_owned())?;
    if !status.success() {
        return Err(Fault::new("no jobs to power off with"));
    }
    let took = machine.off();
    Ok(Beside {
        words: format!(
            "power-off with two delegated jobs in {:.1} s",
            took.as_secs_f64()
        ),
        wrong: took > AT_ONCE,
    })
}

/// The part in the machine that runs the tests: `USER`.
pub(crate) fn run_tests(words: &[OsString]) -> Result<ExitCode> {
    let plain = words.first().is_some_and(|user| user == "plain");
    let user = if plain { lone_user()? } else { User::root() };
    for only in [&["--exact", FIRST][..], &[]] {
        let words: Vec<&str> = [TESTS].into_iter().chain(only.iter().copied()).collect();
        let status = user
            .command(&words)
            .env("OUTLIVE_TEST_LINGER", "1")
            .env("OUTLIVE_TEST_NO_SKIP", "1")
            .status()
            .context(|| format!("failed to start `{TESTS}`"))?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The part in the machine that starts a job by each manager and leaves it behind.
pub(crate) fn leave(_: &[OsString]) -> Result<ExitCode> {
    let user = lone_user()?;
    call(&["loginctl", "enable-linger", &user.name])?;
    call(&["systemctl", "start", &format!("user@{}.service", user.uid)])?;
    let uid = format!("--uid={}", user.name);
    let home = format!("--setenv=HOME={}", user.home.display());
    let path = format!("--setenv=PATH={}", super::machine::PATH);
    let mut by_user = User::root().command(&[
        "systemd-run",
        "--quiet",
        "--wait",
        "--collect",
        "--pipe",
        &uid,
        &home,
        &path,
        "--",
        "outlive",
        "run",
        "--json",
        "--",
        "survive",
        "idle",
    ]);
    delegated(&mut by_user)?;
    // Root is served by the system's manager where somebody would find its descendants.
    let own = Some(rustix::process::getpid());
    rustix::process::set_child_subreaper(own)
        .context(|| "failed to become a subreaper".to_owned())?;
    let words = ["outlive", "run", "--json", "--", "survive", "idle"];
    delegated(&mut User::root().command(&words))?;
    Ok(ExitCode::SUCCESS)
}

fn delegated(run: &mut Command) -> Result<()> {
    let said = run
        .output()
        .context(|| format!("failed to start {run:?}"))?;
    let job: Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
    // Its report comes later: where it is tells, too.
    let cgroup = std::fs::read_to_string(format!("/proc/{}/cgroup", job["pid"]));
    let cgroup = cgroup.unwrap_or_default();
    if cgroup.contains("/outlive-") && cgroup.contains(".service/") {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&said.stderr);
    let why = format!("a job was not delegated: it is in {cgroup:?}; {errors}");
    Err(Fault::new(why))
}

/// A plain user that no cell has.
fn lone_user() -> Result<User> {
    let user = User::plain(9000);
    make_users(std::slice::from_ref(&user), &[])?;
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::passed;

    #[test]
    fn the_line_of_counts_is_read() {
        let line = "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured";
        assert_eq!(passed(line), Some(4));
        assert_eq!(passed("test result: FAILED. 3 passed; 1 failed"), Some(3));
        assert_eq!(passed("test a ... ok"), None);
    }
}
