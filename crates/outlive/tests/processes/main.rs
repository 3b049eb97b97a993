//! Programs started by the library without a record of them: children, and those that are let go.

#[path = "../support/mod.rs"]
mod support;

mod child;
mod command;
mod disown;
mod pipes;
mod refusals;

use outlive::{ChildOutput, Command, Stdio};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn output(command: &mut Command) -> ChildOutput {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    child
        .expect("it starts")
        .wait_with_output()
        .expect("it can be read")
}
