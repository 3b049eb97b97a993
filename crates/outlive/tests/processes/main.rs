//! Programs started by the library without a record of them: children, and those that are let go.

#[path = "../support/mod.rs"]
mod support;

mod child;
mod command;
mod disown;
mod pipes;
mod refusals;
