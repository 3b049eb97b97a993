//! How long a job lives, as `outlive run` is told.

use crate::parse;
use outlive::{JobOptions, RestartPolicy, Success};
use std::ffi::OsString;
use std::time::Duration;

#[derive(Debug, Default, clap::Args)]
// Its group would bear the name of `run`'s own.
#[group(skip)]
pub(crate) struct Args {
    /// Stop it when this time (90s, 5m, 1h30m, 2d) is over since its start, restarts included;
    /// `wait` exits with 124 then
    #[arg(long, value_name = "TIME", value_parser = parse::duration, allow_hyphen_values = true)]
    timeout: Option<Duration>,

    /// The signal by which it is asked to end [default: TERM]
    #[arg(long, value_name = "SIGNAL", value_parser = parse::signal)]
    stop_signal: Option<i32>,

    /// How long it may take to end when it is asked to, or what it leaves behind is [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, allow_hyphen_values = true)]
    grace: Option<Duration>,

    /// Forget it, with its output, this time after its end
    #[arg(long, value_name = "TIME", value_parser = parse::duration, allow_hyphen_values = true)]
    expire: Option<Duration>,

    /// Start it again when it has ended: no, on-failure or always, with `:MAX` at most so many times
    ///
    /// After 100 ms, twice as late after each run in a row that lasted less than ten seconds, up to a
    /// minute. Not after `stop`, or `kill --tree` with what ended it. It gets the environment that it
    /// has now.
    #[arg(long, value_name = "WHEN[:MAX]", default_value = "no", hide_default_value = true,
        value_parser = restart)]
    restart: RestartPolicy,

    /// The exit codes and signals that count as success: 0,3,SIGTERM [default: 0]
    #[arg(long, value_name = "END,…", value_delimiter = ',',
        value_parser = success, allow_hyphen_values = true)]
    success_codes: Vec<Success>,

    /// Run this line by the shell once it has ended for good
    ///
    /// As the job's user, with its environment and in its folder; what it prints is added to the job's
    /// output. It finds OUTLIVE_JOB, OUTLIVE_NAME, OUTLIVE_STATE, OUTLIVE_EXIT_CODE, OUTLIVE_SIGNAL,
    /// OUTLIVE_SUCCESS, OUTLIVE_STOPPED and OUTLIVE_RUNS in its environment, and has a minute.
    #[arg(long, value_name = "LINE")]
    on_end: Option<OsString>,
}

impl Args {
    /// Sets what was given.
    pub(crate) fn set(&self, options: &mut JobOptions) {
        if let Some(timeout) = self.timeout {
            options.timeout(timeout);
        }
        if let Some(signal) = self.stop_signal {
            options.stop_signal(signal);
        }
        if let Some(grace) = self.grace {
            options.grace(grace);
        }
        if let Some(after) = self.expire {
            options.expire(after);
        }
        if let Some(line) = &self.on_end {
            options.on_end(line);
        }
        options.restart(self.restart);
        options.success_codes(self.success_codes.iter().copied());
    }
}

fn restart(text: &str) -> Result<RestartPolicy, String> {
    let (when, max) = match text.split_once(':') {
        Some((when, max)) => {
            let max = max.parse::<u32>();
            let max =
                max.map_err(|_| "write the most restarts as a number: always:5".to_owned())?;
            (when, Some(max))
        }
        None => (text, None),
    };
    match when {
        "no" if max.is_none() => Ok(RestartPolicy::No),
        "on-failure" => Ok(RestartPolicy::OnFailure { max }),
        "always" => Ok(RestartPolicy::Always { max }),
        _ => Err("write no, on-failure or always, with the most restarts: on-failure:5".to_owned()),
    }
}

fn success(text: &str) -> Result<Success, String> {
    // A number is an exit code here, and a signal has a name.
    if let Ok(code) = text.parse() {
        return Ok(Success::Code(code));
    }
    let signal = outlive_os::signal::parse(text).map(Success::Signal);
    signal.ok_or_else(|| "write exit codes and names of signals: 0,3,SIGTERM".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        let max = Some(5);
        for (text, policy) in [
            ("no", RestartPolicy::No),
            ("always", RestartPolicy::Always { max: None }),
            ("always:5", RestartPolicy::Always { max }),
            ("on-failure:5", RestartPolicy::OnFailure { max }),
        ] {
            assert_eq!(restart(text), Ok(policy), "{text}");
        }
        for wrong in [
            "",
            "no:5",
            "always:",
            "always:-1",
            "on-failure:x",
            "sometimes",
            "Always",
        ] {
            assert!(restart(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ends() {
        assert_eq!(success("3"), Ok(Success::Code(3)));
        assert_eq!(success("SIGTERM"), Ok(Success::Signal(15)));
        assert_eq!(success("kill"), Ok(Success::Signal(9)));
        for wrong in ["", "-1", "x", "4294967296", "SIGNONSENSE"] {
            assert!(success(wrong).is_err(), "{wrong}");
        }
    }
}
