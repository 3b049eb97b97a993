//! Starting programs.

mod descriptors;
mod failures;
pub(crate) mod filter;
mod orphan;
mod programs;
mod signals;
mod standard;
mod state;
mod storm;
