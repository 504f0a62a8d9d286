//! The configurations that come with Tripline, by the names under which `include: template` finds them.

pub use compile::templates::SUFFIX;

use crate::error::{Error, Result};

/// Returns the names of all, without [`SUFFIX`].
pub fn keys() -> impl Iterator<Item = &'static str> {
    compile::templates::names().map(|name| name.strip_suffix(SUFFIX).unwrap_or(name))
}

/// Returns the text of one.
///
/// # Errors
///
/// 404 when there is none with such a name.
pub fn content(key: &str) -> Result<&'static str> {
    compile::templates::find(&format!("{key}{SUFFIX}")).ok_or(Error::NotFound("Template"))
}
