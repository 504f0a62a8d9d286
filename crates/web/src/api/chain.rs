//! The chain of triggers: which pipelines led to a call, as the call says.

use app::Result;
use app::pipelines::chain::{Chain, HEADER};
use axum::http::HeaderMap;

/// Reads the chain that a call carries.
///
/// # Errors
///
/// 400 for what no server of ours has written.
pub(super) fn of(headers: &HeaderMap) -> Result<Chain> {
    match headers.get(HEADER) {
        Some(value) => Chain::parse(value.as_bytes()),
        None => Ok(Chain::default()),
    }
}
