//! Cases of the compiler, table by table, in one binary.

mod documents;
mod durations;
mod entries;
mod explain;
mod explain_large;
mod expressions;
mod globs;
mod includes;
mod inputs;
mod jobs;
mod mistakes;
mod planning;
mod properties;
mod recorded;
mod reference;
mod reference_plans;
mod regexes;
mod robustness;
mod support;
mod templates;
mod variables;
mod yaml;
