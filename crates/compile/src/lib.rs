//! Configuration text to plan, with every diagnostic and the reason for every decision.
//!
//! Two steps, both pure functions that may be called again and again:
//!
//! 1. [`load()`]: the text of `.gitlab-ci.yml`, its inputs and includes → a [`Config`], valid for
//!    every pipeline of that commit with those inputs. Worth caching.
//! 2. [`Config::plan`]: a `Config` and the facts of one pipeline (source, ref, variables) → the
//!    jobs it gets, and why.
//!
//! Nothing here reads a file, asks a clock or rolls dice. Where a step needs to know more (an
//! included file, the changed paths) it answers [`Step::Needs`] with the list; the caller adds
//! the answers to [`Facts`] and calls again. What the user wrote wrong is data
//! ([`Diagnostic`]), never an `Err`.

pub mod config;
mod cross;
pub mod diagnostic;
pub mod duration;
mod entry;
pub mod explain;
pub mod expression;
mod extends;
pub mod facts;
pub mod glob;
mod include;
pub mod inputs;
pub mod load;
mod merge;
mod normalize;
pub mod plan;
mod planning;
mod reference;
pub mod regex;
pub mod render;
pub mod summary;
pub mod templates;
pub mod variables;
pub mod yaml;

pub use config::{Config, PlanRequest};
pub use cross::LONGEST_STAGE;
pub use diagnostic::{Diagnostic, Severity};
pub use entry::environment::is_name as is_environment_name;
pub use entry::variables::RootVariable;
pub use explain::{Explained, Explanation};
pub use facts::{Answer, Demand, Facts, FileKey, Step};
pub use load::{Limits, LoadRequest, Loaded, load};
pub use plan::{Plan, PlanResult, Planned, Variable, VariableOrigin};
pub use render::{render, render_colored};
