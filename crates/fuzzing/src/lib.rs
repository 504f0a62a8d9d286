//! What must hold for every configuration, however broken: the entries of the fuzz targets.
//!
//! Each function takes any bytes and panics when a property is broken; the [`Verdict`] lets a test
//! see that an input reached what it was written for. The programs that feed them (`fuzz/targets`)
//! need cargo-fuzz and a nightly compiler; the tests of this crate replay `fuzz/seeds` and
//! `fuzz/regressions` with the compiler that builds everything else.

pub mod configuration;
pub mod expression;
pub mod interpolation;
pub mod places;
pub mod yaml;

/// What the code under test made of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was understood, and used as far as the target goes.
    Accepted,
    /// It was refused with a message.
    Refused,
    /// It is not UTF-8, which the callers of this code never pass on.
    NotText,
}

/// A target: its name, which is that of its folders too, and its entry.
pub type Target = (&'static str, fn(&[u8]) -> Verdict);

/// Every target.
pub const TARGETS: &[Target] = &[
    ("yaml", yaml::run),
    ("expression", expression::run),
    ("interpolation", interpolation::run),
    ("configuration", configuration::run),
];
