//! Resource groups (rest-api.md 20).

use serde::Serialize;

use crate::time::Time;

/// A resource group.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceGroup {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub key: String,
    /// `unordered`, `oldest_first`, `newest_first` or `newest_ready_first`.
    pub process_mode: String,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}
