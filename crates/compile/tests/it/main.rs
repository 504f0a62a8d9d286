//! Cases of the compiler, table by table, in one binary.

mod documents;
mod durations;
mod expressions;
mod globs;
mod inputs;
mod properties;
mod regexes;
mod variables;
mod yaml;
