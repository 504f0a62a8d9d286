//! `GET /version` and `GET /metadata` (rest-api.md 21).

use serde::Serialize;

/// Version of the server.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    /// The GitLab version whose behaviour is shown.
    pub version: String,
    /// Revision.
    pub revision: String,
    /// Agent server; none.
    pub kas: Kas,
    /// Always false.
    pub enterprise: bool,
}

/// The agent server, which is not there.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kas {
    /// Whether there is one.
    pub enabled: bool,
    /// Its address.
    pub external_url: Option<String>,
    /// Its proxy.
    pub external_k8s_proxy_url: Option<String>,
    /// Its version.
    pub version: Option<String>,
}
