//! What a program reads from and prints to.

use outlive_os::Descriptor;
use std::fs::File;

/// One of a program's standard streams.
#[derive(Debug)]
pub struct Stdio(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Inherit,
    Piped,
    Given(Descriptor),
}

impl Stdio {
    /// `/dev/null`: nothing to read, and nobody to print to.
    pub fn null() -> Stdio {
        Stdio(Kind::Null)
    }

    /// The caller's own. (`/dev/null` if that is closed.)
    pub fn inherit() -> Stdio {
        Stdio(Kind::Inherit)
    }

    /// A pipe whose other end the caller gets. For a job's standard input: a pipe that its keeper
    /// holds open, see [`Job::stdin`](crate::Job::stdin).
    pub fn piped() -> Stdio {
        Stdio(Kind::Piped)
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        Stdio(Kind::Given(file.into()))
    }
}

impl From<Descriptor> for Stdio {
    fn from(descriptor: Descriptor) -> Stdio {
        Stdio(Kind::Given(descriptor))
    }
}
