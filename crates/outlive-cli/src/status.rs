//! How a job is doing, in words, colours and exit codes.

use crate::limits;
use crate::report::{self, FAILED, Failure, TIMED_OUT};
use anstyle::{AnsiColor, Style};
use outlive::{State, Status};
use outlive_os::signal;

/// What people call it: its name, else its id.
pub(crate) fn label(status: &Status) -> &str {
    status.name.as_deref().unwrap_or(&status.id)
}

/// Green what runs, red what went wrong, yellow what somebody stopped, what waits and what nobody
/// knows.
pub(crate) fn style(status: &Status) -> Style {
    let color = match status.state {
        State::Running => AnsiColor::Green,
        State::Exited | State::Signaled if status.success == Some(true) => return Style::new(),
        State::Exited | State::Signaled if status.stopped => AnsiColor::Yellow,
        State::Exited | State::Signaled | State::TimedOut => AnsiColor::Red,
        State::Failed | State::Damaged => AnsiColor::Red,
        State::Lost | State::Waiting => AnsiColor::Yellow,
        State::Elsewhere => AnsiColor::Magenta,
    };
    Style::new().fg_color(Some(color.into()))
}

/// The code that its end means for whoever waited for it; none while it runs or if it is unknown.
pub(crate) fn code(status: &Status) -> Option<i32> {
    match status.state {
        // It was ended over that, and has failed, whatever it says of itself.
        State::Exited
            if status.exit_code == Some(0) && status.readiness.is_given_up(&status.ready) =>
        {
            Some(match status.readiness.watchdog_expired {
                true => FAILED,
                false => TIMED_OUT,
            })
        }
        State::Exited => status.exit_code.map(u32::cast_signed),
        State::Signaled => status.signal.map(|signal| 128 + signal),
        State::TimedOut => Some(TIMED_OUT),
        State::Failed => Some(FAILED),
        State::Running | State::Waiting => None,
        State::Lost | State::Elsewhere | State::Damaged => None,
    }
}

/// Its exit code, or the signal that ended it.
pub(crate) fn exit(status: &Status) -> String {
    match (status.exit_code, status.signal) {
        (Some(code), _) => code.to_string(),
        (None, Some(signal)) => signal::name(signal),
        (None, None) => String::new(),
    }
}

/// How it ended, or how it is: `exited with code 1`.
pub(crate) fn sentence(status: &Status) -> String {
    match status.state {
        State::Running => "is running".to_owned(),
        State::Exited => format!("exited with code {}", status.exit_code.unwrap_or_default()),
        State::Signaled => {
            format!(
                "was ended by {}{}",
                signal::name(status.signal.unwrap_or_default()),
                out_of_memory(status)
            )
        }
        State::TimedOut => "was stopped since its time was over".to_owned(),
        State::Waiting => "waits to be started again".to_owned(),
        State::Failed => "could not be started".to_owned(),
        State::Lost => "was lost".to_owned(),
        State::Elsewhere => "belongs to another host or container".to_owned(),
        State::Damaged => "has a damaged record".to_owned(),
    }
}

/// Lack of memory, if that was the reason of its end: `, out of memory (limit 2GiB)`.
pub(crate) fn out_of_memory(status: &Status) -> String {
    match (status.is_out_of_memory(), status.limits.memory) {
        (false, _) => String::new(),
        (true, Some(limit)) => format!(", out of memory (limit {})", limits::bytes(limit)),
        (true, None) => ", out of memory".to_owned(),
    }
}

/// What else a person should know: of the job, and of its launch if the report on that was asked for.
pub(crate) fn notes(status: &Status) -> impl Iterator<Item = &str> {
    let of_launch = status.report.iter().flat_map(|report| &report.notes);
    status.notes.iter().chain(of_launch).map(String::as_str)
}

/// Tells whoever has read the output what else there is to know: that it is not whole, say.
pub(crate) fn tell_notes(status: &Status) {
    status.notes.iter().for_each(|note| report::note(note));
}

/// Tells a person who has followed the job to its end if that was not by itself and with 0.
pub(crate) fn tell_unusual_end(status: &Status) {
    if code(status).is_some_and(|code| code != 0) {
        report::note_to_person(&format!("{} {}", label(status), sentence(status)));
    }
}

/// The failure to learn how a job ended.
pub(crate) fn unknown_end(status: &Status) -> Failure {
    // The reason for the state comes first among the notes.
    let why = status
        .notes
        .first()
        .cloned()
        .unwrap_or_else(|| sentence(status));
    Failure::new(format!(
        "failed to learn how `{}` ended: {why}",
        label(status)
    ))
}
