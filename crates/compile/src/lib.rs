//! Configuration text to plan, with every diagnostic and the reason for every decision.
//!
//! Two steps, both pure functions that may be called again and again:
//!
//! 1. [`load`]: the text of `.gitlab-ci.yml`, its inputs and includes → a [`Config`], valid for
//!    every pipeline of that commit with those inputs. Worth caching.
//! 2. [`Config::plan`]: a `Config` and the facts of one pipeline (source, ref, variables) → the
//!    jobs it gets, and why.
//!
//! Nothing here reads a file, asks a clock or rolls dice. Where a step needs to know more (an
//! included file, the changed paths) it answers [`Step::Needs`] with the list; the caller adds
//! the answers to [`Facts`] and calls again. What the user wrote wrong is data
//! ([`Diagnostic`]), never an `Err`.

pub mod config;
pub mod diagnostic;
pub mod duration;
pub mod expression;
pub mod facts;
pub mod glob;
pub mod inputs;
pub mod load;
pub mod plan;
pub mod regex;
pub mod variables;
pub mod yaml;

pub use config::{Config, PlanRequest};
pub use diagnostic::{Diagnostic, Severity};
pub use facts::{Answer, Demand, Facts, FileKey, Step};
pub use load::{Limits, LoadRequest, Loaded, load};
pub use plan::{Plan, PlanResult, Planned, Variable, VariableOrigin};
