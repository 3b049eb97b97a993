//! The harness of `cargo xtask survive` and `cargo xtask box`, outside the machine and inside.

use std::process::ExitCode;

fn main() -> ExitCode {
    outlive_testkit::survive::main()
}
