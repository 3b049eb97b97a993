//! Why a manager did not do what it was asked for.

use crate::wire::Malformed;
use std::time::Duration;
use std::{error, fmt, io};

/// What was asked of whom, and why it came to nothing.
#[derive(Debug)]
pub struct Failure {
    what: String,
    cause: Cause,
}

#[derive(Debug)]
pub(crate) enum Cause {
    /// Nobody listens, or nobody has the name on the bus.
    NotThere(String),
    /// An error that says no, with its name and text.
    Refused(String, String),
    /// Any other error in answer, with its name and text.
    Answered(String, String),
    TimedOut(Duration),
    Failed(String),
}

/// What is said when the name on the bus is nobody's: the bus is there, the manager is not.
const NOBODY: &[&str] = &[
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.NoServer",
    "org.freedesktop.DBus.Error.Disconnected",
];

/// What is said when somebody may not: the bus's policy, polkit, the manager itself.
const REFUSALS: &[&str] = &[
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.AuthFailed",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
    "System.Error.EACCES",
    "System.Error.EPERM",
];

impl Cause {
    /// From an error that was answered.
    pub(crate) fn answer(name: &str, text: &str) -> Cause {
        let (name, text) = (name.to_owned(), text.to_owned());
        if NOBODY.contains(&&*name) || name.starts_with("org.freedesktop.DBus.Error.Spawn.") {
            Cause::NotThere(text)
        } else if REFUSALS.contains(&&*name) {
            Cause::Refused(name, text)
        } else {
            Cause::Answered(name, text)
        }
    }

    /// Whether the answer was the error of this name.
    pub(crate) fn is(&self, error: &str) -> bool {
        matches!(self, Cause::Answered(name, _) | Cause::Refused(name, _) if name == error)
    }

    pub(crate) fn because(self, what: impl Into<String>) -> Failure {
        Failure {
            what: what.into(),
            cause: self,
        }
    }
}

impl From<Malformed> for Cause {
    fn from(Malformed(what): Malformed) -> Cause {
        Cause::Failed(format!("the answer is {what}"))
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        Cause::Failed(error.to_string())
    }
}

impl Failure {
    /// Whether there is no such manager: no socket, nobody who listens, nobody of that name.
    #[must_use]
    pub fn is_not_there(&self) -> bool {
        matches!(self.cause, Cause::NotThere(_))
    }

    /// Whether it said that this may not be done: a policy of the bus, polkit.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.cause, Cause::Refused(..))
    }

    /// Whether no answer came within the time given.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self.cause, Cause::TimedOut(_))
    }

    /// The name of the D-Bus error, where the answer was one.
    #[must_use]
    pub fn error_name(&self) -> Option<&str> {
        match &self.cause {
            Cause::Refused(name, _) | Cause::Answered(name, _) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.what)?;
        match &self.cause {
            Cause::NotThere(why) => write!(formatter, "nobody answers there ({why})"),
            Cause::Refused(name, text) => write!(formatter, "permission denied: {text} ({name})"),
            Cause::Answered(name, text) => write!(formatter, "{text} ({name})"),
            Cause::TimedOut(within) => write!(formatter, "no answer within {within:?}"),
            Cause::Failed(why) => formatter.write_str(why),
        }
    }
}

impl error::Error for Failure {}
