//! Who a runner is: registration, verification, token reset, and the request for a job.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lenient;

/// `system_id` of a runner that sends none.
pub const LEGACY_SYSTEM_ID: &str = "<legacy>";

/// Body of `POST jobs/request`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobRequest {
    /// The runner's token.
    #[serde(deserialize_with = "lenient::text")]
    pub token: String,
    /// The process of the runner.
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub system_id: String,
    /// What the runner is and can do.
    #[serde(deserialize_with = "lenient::object")]
    pub info: RunnerInfo,
    /// The queue value the runner last saw; only with one may the server hold the request.
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub last_update: Option<String>,
    /// The runner's own server for web terminals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
}

/// Body of `POST runners/verify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerifyRequest {
    /// What the runner is and can do.
    #[serde(deserialize_with = "lenient::object")]
    pub info: RunnerInfo,
    /// The runner's token.
    #[serde(deserialize_with = "lenient::text")]
    pub token: String,
    /// The process of the runner.
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub system_id: String,
    /// Ours: the process has just started, so whatever it was running before is lost.
    #[serde(deserialize_with = "lenient::optional_flag", skip_serializing_if = "Option::is_none")]
    pub tripline_fresh: Option<bool>,
}

/// Body of `POST runners`, the old registration with a registration token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegisterRequest {
    /// The registration token.
    #[serde(deserialize_with = "lenient::text")]
    pub token: String,
    /// What the runner is and can do.
    #[serde(deserialize_with = "lenient::object")]
    pub info: RunnerInfo,
    /// Free text.
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Note of the administrator.
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub maintenance_note: Option<String>,
    /// Tags; on the wire a list, or one text with commas.
    #[serde(
        deserialize_with = "lenient::optional_words",
        serialize_with = "comma_separated",
        skip_serializing_if = "Option::is_none"
    )]
    pub tag_list: Option<Vec<String>>,
    /// Takes jobs without tags; `None` = not said (true unless there are tags).
    #[serde(deserialize_with = "lenient::optional_flag", skip_serializing_if = "Option::is_none")]
    pub run_untagged: Option<bool>,
    /// May not be assigned to further projects.
    #[serde(deserialize_with = "lenient::optional_flag", skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// Takes no jobs.
    #[serde(deserialize_with = "lenient::optional_flag", skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// `not_protected` or `ref_protected`.
    #[serde(deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub access_level: Option<String>,
    /// Upper limit of a job's timeout in seconds.
    #[serde(
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub maximum_timeout: Option<i64>,
}

/// Answer to registration and verification: 201 or 200, `application/json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistrationDetails {
    /// The runner's id, never 0.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// The authentication token.
    #[serde(deserialize_with = "lenient::text")]
    pub token: String,
    /// RFC 3339 or `null`, never an empty text.
    pub token_expires_at: Option<String>,
}

/// Body of `POST runners/reset_authentication_token` and `DELETE runners`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenRequest {
    /// The runner's token.
    #[serde(deserialize_with = "lenient::text")]
    pub token: String,
}

/// Answer to a token reset: 201.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenDetails {
    /// The new token.
    #[serde(deserialize_with = "lenient::text")]
    pub token: String,
    /// RFC 3339 or `null`, never an empty text.
    pub token_expires_at: Option<String>,
}

/// Body of `DELETE runners/managers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnregisterRequest {
    /// The runner's token.
    #[serde(deserialize_with = "lenient::text")]
    pub token: String,
    /// The process that goes.
    #[serde(deserialize_with = "lenient::text")]
    pub system_id: String,
}

/// What a runner says about itself in every call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunnerInfo {
    /// Name of the program (`gitlab-runner`).
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its version.
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its revision.
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// `linux` …
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub platform: String,
    /// `amd64` …
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// `shell`, `docker` …
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub executor: String,
    /// `bash` …
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "String::is_empty")]
    pub shell: String,
    /// What it can do.
    #[serde(deserialize_with = "lenient::null_default")]
    pub features: Features,
    /// Settings of the runner that the server shows.
    #[serde(deserialize_with = "lenient::null_default")]
    pub config: RunnerConfig,
    /// Labels of the runner's process.
    #[serde(
        deserialize_with = "lenient::null_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
}

/// The part of a runner's settings that it tells the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunnerConfig {
    /// GPUs for containers, mostly empty.
    #[serde(deserialize_with = "lenient::text")]
    pub gpus: String,
}

/// A runner's own server for web terminals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Address.
    #[serde(deserialize_with = "lenient::text")]
    pub url: String,
    /// Certificate as PEM.
    #[serde(deserialize_with = "lenient::text")]
    pub certificate: String,
    /// Value for the `Authorization` header.
    #[serde(deserialize_with = "lenient::text")]
    pub authorization: String,
}

/// Every feature the protocol names; a runner sends all of them, each true or false.
pub const KNOWN_FEATURES: [&str; 31] = [
    "variables",
    "image",
    "services",
    "artifacts",
    "cache",
    "fallback_cache_keys",
    "shared",
    "upload_multiple_artifacts",
    "upload_raw_artifacts",
    "session",
    "terminal",
    "refspecs",
    "masking",
    "proxy",
    "raw_variables",
    "artifacts_exclude",
    "multi_build_steps",
    "trace_reset",
    "trace_checksum",
    "trace_size",
    "vault_secrets",
    "cancelable",
    "return_exit_code",
    "service_variables",
    "service_multiple_aliases",
    "image_executor_opts",
    "service_executor_opts",
    "cancel_gracefully",
    "native_steps_integration",
    "two_phase_job_commit",
    "job_inputs",
];

/// What a runner can do, by feature name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Features(pub BTreeMap<String, bool>);

impl Features {
    /// Returns all known features, those in `declared` true and the others false.
    #[must_use]
    pub fn declaring(declared: &[&str]) -> Features {
        let all = KNOWN_FEATURES.iter().chain(declared);
        Features(all.map(|name| ((*name).to_owned(), declared.contains(name))).collect())
    }

    /// Whether the runner declared `name`.
    #[must_use]
    pub fn declares(&self, name: &str) -> bool {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Names of the declared features, sorted.
    pub fn declared(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|(_, declared)| **declared)
            .map(|(name, _)| name.as_str())
    }
}

impl<'de> Deserialize<'de> for Features {
    /// Takes any object: values that are not booleans count as not declared.
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Features, D::Error> {
        let all = Option::<BTreeMap<String, serde_json::Value>>::deserialize(input)?.unwrap_or_default();
        Ok(Features(
            all.into_iter()
                .map(|(name, value)| (name, value == serde_json::Value::Bool(true)))
                .collect(),
        ))
    }
}

fn comma_separated<S: serde::Serializer>(words: &Option<Vec<String>>, output: S) -> Result<S::Ok, S::Error> {
    match words {
        Some(words) => output.serialize_str(&words.join(",")),
        None => output.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_runner_says_every_feature_and_leaves_out_what_it_does_not_know() {
        let request = JobRequest {
            token: "glrt-x".into(),
            info: RunnerInfo {
                features: Features::declaring(&["refspecs"]),
                ..RunnerInfo::default()
            },
            ..JobRequest::default()
        };
        let json = serde_json::to_value(&request).unwrap();
        assert_eq!(
            json["info"]["features"].as_object().unwrap().len(),
            KNOWN_FEATURES.len()
        );
        assert_eq!(json["info"]["features"]["refspecs"], true);
        assert_eq!(json["info"]["features"]["image"], false);
        assert_eq!(json["info"]["config"], json!({"gpus": ""}));
        assert!(json.get("last_update").is_none());
        assert!(json.get("session").is_none());
    }

    #[test]
    fn a_form_may_carry_everything_as_text() {
        let request: RegisterRequest = serde_json::from_value(json!({
            "token": "t", "run_untagged": "False", "tag_list": "a, b", "maximum_timeout": "700", "info": null,
        }))
        .unwrap();
        assert_eq!(request.run_untagged, Some(false));
        assert_eq!(request.tag_list, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(request.maximum_timeout, Some(700));
        assert_eq!(request.locked, None);
    }

    #[test]
    fn strange_features_count_as_not_declared() {
        let info: RunnerInfo =
            serde_json::from_value(json!({"features": {"refspecs": true, "image": "yes", "cache": null}})).unwrap();
        assert_eq!(info.features.declared().collect::<Vec<_>>(), ["refspecs"]);
        assert!(!info.features.declares("masking"));
    }

    #[test]
    fn a_token_without_expiry_is_null_not_empty() {
        let details = RegistrationDetails {
            id: 1,
            token: "glrt-a".into(),
            token_expires_at: None,
        };
        assert_eq!(
            serde_json::to_value(details).unwrap(),
            json!({"id": 1, "token": "glrt-a", "token_expires_at": null})
        );
    }
}
