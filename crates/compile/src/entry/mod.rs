//! Entry validation: the merged tree becomes typed entries, with GitLab's messages for whatever
//! is wrong (ci-yaml.md 3). One file per group of keywords.
//!
//! Children are checked only when their parent's own checks passed, and messages come in
//! GitLab's order: own first, then those of the children in a fixed order. Knows nothing about
//! files, includes or pipelines.

mod artifacts;
mod cache;
mod checks;
mod default;
pub(crate) mod environment;
pub(crate) mod hint;
mod image;
pub(crate) mod include;
pub(crate) mod job;
mod keywords;
pub(crate) mod needs;
pub(crate) mod parallel;
pub(crate) mod policy;
mod release;
mod root;
pub(crate) mod rules;
mod script;
mod small;
mod trigger;
pub(crate) mod variables;
pub(crate) mod workflow;

pub(crate) use checks::Finding;
pub(crate) use root::root;
