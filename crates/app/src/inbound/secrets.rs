//! What is secret about an inbound hook, sealed as one value: the key in its address and what senders know.

use model::{InboundHook, ProjectId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys::Keys;

/// What is secret about an inbound hook.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Secrets {
    /// The key in its address.
    pub key: String,
    /// What senders know.
    pub current: String,
    /// What they knew before.
    pub previous: Option<String>,
    /// Until when that is still good.
    pub previous_until: Option<Timestamp>,
}

impl Secrets {
    /// Opens the secrets of a hook.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when they were changed, belong to another hook or have another key.
    pub fn open(keys: &Keys, hook: &InboundHook) -> Result<Secrets> {
        let purpose = purpose(hook.project_id, hook.created_at);
        let plain = keys.open(&purpose, &hook.sealed).map_err(Error::internal)?;
        serde_json::from_slice(&plain).map_err(Error::internal)
    }

    /// Seals them for a hook of this project that was created then.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when they cannot be written as JSON, which does not happen.
    pub fn seal(&self, keys: &Keys, project: ProjectId, created_at: Timestamp) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self).map_err(Error::internal)?;
        Ok(keys.seal(&purpose(project, created_at), &plain))
    }

    /// Returns the secrets that are good at a moment.
    #[must_use]
    pub fn good_at(&self, now: Timestamp) -> Vec<&str> {
        let previous = self.previous.as_deref();
        let previous = previous.filter(|_| self.previous_until.is_some_and(|until| now < until));
        std::iter::once(self.current.as_str()).chain(previous).collect()
    }

    /// Returns until when the previous secret is good, if it is.
    #[must_use]
    pub fn previous_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.previous_until
            .filter(|until| self.previous.is_some() && now < *until)
    }
}

/// The hook's id is not known when it is sealed; project and moment tell it apart.
fn purpose(project: ProjectId, created_at: Timestamp) -> String {
    format!("inbound_hooks.sealed {project} {}", created_at.microseconds())
}
