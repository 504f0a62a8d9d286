//! What a job needs besides its script: images, artifacts, caches, registries, dependencies.

use serde::{Deserialize, Serialize};

use super::job::Variable;
use super::lenient;

/// A container image, of the job or of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    /// Its name.
    #[serde(deserialize_with = "lenient::null_default")]
    pub name: String,
    /// Host names of a service, blank-separated.
    pub alias: Option<String>,
    /// Entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Command of a service.
    pub command: Option<Vec<String>>,
    /// Ports.
    #[serde(deserialize_with = "lenient::null_default")]
    pub ports: Vec<Port>,
    /// When to pull.
    pub pull_policy: Option<Vec<String>>,
    /// Variables of a service.
    #[serde(deserialize_with = "lenient::null_default")]
    pub variables: Vec<Variable>,
    /// Options by executor; unknown keys in it fail the job.
    #[serde(deserialize_with = "lenient::null_default")]
    pub executor_opts: ExecutorOptions,
}

/// A port of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    /// Number.
    pub number: i64,
    /// `http` or `https`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub protocol: String,
    /// Name.
    #[serde(deserialize_with = "lenient::null_default")]
    pub name: String,
}

/// Options of an image by executor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutorOptions {
    /// For docker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerOptions>,
    /// For Kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesOptions>,
}

/// Options of an image for docker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DockerOptions {
    /// Platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// User.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Options of an image for Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KubernetesOptions {
    /// User.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// One upload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Artifact {
    /// Name of the archive, unexpanded.
    #[serde(deserialize_with = "lenient::null_default")]
    pub name: String,
    /// Whether untracked files belong to it.
    #[serde(deserialize_with = "lenient::null_default")]
    pub untracked: bool,
    /// Paths and patterns.
    #[serde(deserialize_with = "lenient::null_default")]
    pub paths: Vec<String>,
    /// Patterns of what stays out.
    #[serde(deserialize_with = "lenient::null_default")]
    pub exclude: Vec<String>,
    /// `on_success` (also when empty), `on_failure`, `always`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub when: String,
    /// `archive`, `junit`, `dotenv` …
    #[serde(deserialize_with = "lenient::null_default")]
    pub artifact_type: String,
    /// `zip`, `gzip`, `raw`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub artifact_format: String,
    /// How long to keep it, as people write it.
    #[serde(deserialize_with = "lenient::null_default")]
    pub expire_in: String,
}

/// One cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cache {
    /// Its key; empty = `<job name>/<ref>`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub key: String,
    /// Whether untracked files belong to it.
    #[serde(deserialize_with = "lenient::null_default")]
    pub untracked: bool,
    /// `pull-push` (also when empty), `pull`, `push`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub policy: String,
    /// Paths and patterns.
    #[serde(deserialize_with = "lenient::null_default")]
    pub paths: Vec<String>,
    /// `on_success` (also when empty), `on_failure`, `always`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub when: String,
    /// Keys to try when there is none for `key`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub fallback_keys: Vec<String>,
}

/// A registry to log in to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Credential {
    /// `registry`.
    #[serde(rename = "type", deserialize_with = "lenient::null_default")]
    pub kind: String,
    /// Its address.
    #[serde(deserialize_with = "lenient::null_default")]
    pub url: String,
    /// User name.
    #[serde(deserialize_with = "lenient::null_default")]
    pub username: String,
    /// Password.
    #[serde(deserialize_with = "lenient::null_default")]
    pub password: String,
}

/// A job whose archive is unpacked before the script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dependency {
    /// Its id.
    pub id: i64,
    /// Its name.
    #[serde(deserialize_with = "lenient::null_default")]
    pub name: String,
    /// The token for the download.
    #[serde(deserialize_with = "lenient::null_default")]
    pub token: String,
    /// Its archive; absent = nothing to download.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts_file: Option<ArtifactsFile>,
}

/// Name and size of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArtifactsFile {
    /// File name; empty = nothing to download.
    #[serde(deserialize_with = "lenient::null_default")]
    pub filename: String,
    /// Bytes.
    #[serde(deserialize_with = "lenient::null_default")]
    pub size: i64,
}
