//! `outlive`: starts a process that outlives whoever started it, and hands back a durable handle
//! by which any later process can list it, read its output, wait for its exit code, talk to it
//! and stop it whole.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_main)]

mod account;
mod age;
mod attach;
mod cli;
mod completions;
mod detach;
mod doctor;
mod events;
mod follow;
mod form;
mod hazards;
mod json;
mod keys;
mod kill;
mod life;
mod limits;
mod lines;
mod list;
mod logs;
mod man;
mod modes;
mod output;
mod parse;
mod prune;
mod ready;
mod remove;
mod report;
mod restart;
mod run;
mod screen;
mod send;
mod show;
mod status;
mod stop;
mod table;
mod text;
mod top;
mod tty;
mod wait;

#[cfg(not(test))]
outlive_os::program!(run);

#[cfg_attr(test, expect(dead_code, reason = "tests have a main of their own"))]
fn run() -> i32 {
    // Does not return in a keeper, which is this program under another name: no argument is read
    // and nothing is allocated before it, as whatever is would stay for the job's whole life.
    outlive::init();
    outlive_os::role::inherit_no_orphans();
    cli::main()
}
