//! Settings of the whole server (`/application/settings`): those of GitLab's that exist here.

use serde::{Deserialize, Serialize};

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSettings {
    /// Whether runners may be made with registration tokens.
    pub allow_runner_registration_token: bool,
}
