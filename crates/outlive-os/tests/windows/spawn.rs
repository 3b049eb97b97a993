//! Starting programs.

mod arguments;
mod descriptors;
mod failures;
mod storm;
