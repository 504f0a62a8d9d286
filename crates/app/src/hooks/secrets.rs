//! What is secret about a hook, sealed as one value: its address may hold a token too.

use model::{Hook, ProjectId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys::Keys;

/// What is secret about a hook.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Secrets {
    /// The address, with `{names}` of variables.
    pub url: String,
    /// `X-Gitlab-Token`.
    pub token: Option<String>,
    /// `whsec_…`: signs what is sent.
    pub signing_token: Option<String>,
    /// Further headers.
    pub custom_headers: Vec<(String, String)>,
    /// Values for the address.
    pub url_variables: Vec<(String, String)>,
}

impl Secrets {
    /// Opens the secrets of a hook.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when they were changed, belong to another hook or have another key.
    pub fn open(keys: &Keys, hook: &Hook) -> Result<Secrets> {
        let plain = keys
            .open(&purpose(hook.project_id, hook.created_at), &hook.sealed)
            .map_err(Error::internal)?;
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

    /// Returns the address with its variables filled in.
    #[must_use]
    pub fn whole_url(&self) -> String {
        let mut url = self.url.clone();
        for (key, value) in &self.url_variables {
            url = url.replace(&format!("{{{key}}}"), value);
        }
        url
    }

    /// Returns the address as logs show it: variables by name, without user and password.
    #[must_use]
    pub fn shown_url(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return self.url.clone();
        };
        let end = rest.find('/').unwrap_or(rest.len());
        match rest[..end].rfind('@') {
            Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
            None => self.url.clone(),
        }
    }
}

/// The hook's id is not known when it is sealed; project and moment tell it apart.
fn purpose(project: ProjectId, created_at: Timestamp) -> String {
    format!("hooks.sealed {project} {}", created_at.microseconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_is_secret_in_it() {
        let secrets = Secrets {
            url: "https://user:pass@e.com/{path}/x@y?token={token}".to_owned(),
            url_variables: vec![
                ("path".to_owned(), "a".to_owned()),
                ("token".to_owned(), "s3cret".to_owned()),
            ],
            ..Secrets::default()
        };
        assert_eq!(secrets.whole_url(), "https://user:pass@e.com/a/x@y?token=s3cret");
        assert_eq!(secrets.shown_url(), "https://e.com/{path}/x@y?token={token}");
    }
}
