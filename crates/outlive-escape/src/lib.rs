//! What could end, stall or limit a process that is started here, and how it is left.
//!
//! ```text
//! survey ──▶ plan ──▶ (launch) ──▶ report
//! ```
//!
//! | module | |
//! |---|---|
//! | [`survey`] | what surrounds this process, as the kernel tells it |
//! | [`kernel`] | the kernel's own texts, read: pure and fuzzed |
//! | [`cookies`] | the variables by which CI runners hunt processes |
//! | [`plan`] | for each hazard, how it is left or why it stays: a pure function |
//! | [`report`] | what is true of a job that runs |
#![forbid(unsafe_code)]

pub mod cookies;
pub mod kernel;
pub mod plan;
pub mod report;
pub mod survey;
