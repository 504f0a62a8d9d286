//! Users.

use crate::ids::{NamespaceId, UserId};
use crate::kinds::UserState;
use crate::time::Timestamp;

/// A user account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Server-wide id.
    pub id: UserId,
    /// Unique name, without `@`.
    pub username: String,
    /// Display name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// State of the account.
    pub state: UserState,
    /// Whether the user administers the server.
    pub is_admin: bool,
    /// Whether this is a project's or group's bot user.
    pub is_bot: bool,
    /// The personal namespace.
    pub namespace_id: NamespaceId,
    /// When it was created.
    pub created_at: Timestamp,
}

impl User {
    /// Whether tokens of this user work.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self.state, UserState::Active)
    }
}
