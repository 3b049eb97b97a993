//! The program of `cargo xtask soak`.

use std::process::ExitCode;

fn main() -> ExitCode {
    outlive_testkit::soak::main()
}
