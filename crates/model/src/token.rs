//! Tokens as the store knows them: never the token itself, only a keyed digest.

use crate::ids::{AccessTokenId, ProjectId, SessionId, TriggerTokenId, UserId};
use crate::time::Timestamp;
use crate::trigger::TriggerLimits;

/// A trigger token: starts pipelines of one project as its owner (rest-api.md 1.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerToken {
    /// Its id.
    pub id: TriggerTokenId,
    /// The project whose pipelines it starts.
    pub project_id: ProjectId,
    /// Whose permissions it borrows.
    pub owner_id: UserId,
    /// Free text; `None` when an update cleared it.
    pub description: Option<String>,
    /// First four characters after the prefix: what others see.
    pub short: String,
    /// The token itself, encrypted, so that the creator can copy it again; empty when it was shown once and no more.
    pub sealed: Vec<u8>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the description or a limit last changed.
    pub updated_at: Timestamp,
    /// Creation time of the newest pipeline it started.
    pub last_used_at: Option<Timestamp>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// What it may be used for.
    pub limits: TriggerLimits,
    /// Variables and inputs that every call gets, encrypted.
    pub fixed: Option<Vec<u8>>,
    /// What the last rotation replaced.
    pub previous: Option<PreviousToken>,
}

impl TriggerToken {
    /// Whether it was shown once, when it was made, and cannot be shown again.
    #[must_use]
    pub fn is_shown_once(&self) -> bool {
        self.sealed.is_empty()
    }
}

/// The trigger token before a rotation: it may still be used for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousToken {
    /// First four characters after the prefix.
    pub short: String,
    /// From when on it is refused.
    pub until: Timestamp,
}

/// A personal, project or group access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Its id.
    pub id: AccessTokenId,
    /// Whom it acts as.
    pub user_id: UserId,
    /// Name given by its creator.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// What it may be used for (`api`, `read_api`, `write_repository` …).
    pub scopes: Vec<String>,
    /// Whether an administrator made it to act as the user.
    pub impersonation: bool,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to about ten minutes.
    pub last_used_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// From which address.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, give or take some minutes.
    pub last_used_at: Timestamp,
    /// When it ends unless it is used before.
    pub expires_at: Timestamp,
}
