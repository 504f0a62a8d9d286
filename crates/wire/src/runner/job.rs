//! The job as handed out: the 201 of `POST jobs/request`.
//!
//! Field types are those the public runner's decoder insists on. `null` where it takes `null`,
//! left out where it does not (`run`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lenient;
use super::resources::{Artifact, Cache, Credential, Dependency, Image};

/// A job with everything a runner needs to run it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// The job's id in all later calls.
    pub id: i64,
    /// The job's token.
    #[serde(deserialize_with = "lenient::null_default")]
    pub token: String,
    /// Default of `GIT_STRATEGY`: `fetch` when true, else `clone`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub allow_git_fetch: bool,
    /// Names and numbers for logs and directories.
    #[serde(deserialize_with = "lenient::null_default")]
    pub job_info: JobInfo,
    /// What to check out; absent = no repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_info: Option<GitInfo>,
    /// Limits by the server.
    #[serde(deserialize_with = "lenient::null_default")]
    pub runner_info: RunnerJobInfo,
    /// Values of job inputs; empty = no interpolation.
    #[serde(deserialize_with = "lenient::null_default", skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// Variables; of several with one key the last wins.
    #[serde(deserialize_with = "lenient::null_default")]
    pub variables: Vec<Variable>,
    /// `script`, `release`, `after_script`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub steps: Vec<Step>,
    /// Scripts around the checkout.
    #[serde(deserialize_with = "lenient::null_default", skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    /// `run:` steps as JSON text; `null` is an error to the public runner, so it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Container image.
    pub image: Option<Image>,
    /// Service containers.
    #[serde(deserialize_with = "lenient::null_default")]
    pub services: Vec<Image>,
    /// What to upload.
    #[serde(deserialize_with = "lenient::null_default")]
    pub artifacts: Vec<Artifact>,
    /// What to keep between jobs on the runner.
    #[serde(deserialize_with = "lenient::null_default")]
    pub cache: Vec<Cache>,
    /// Registries to log in to.
    #[serde(deserialize_with = "lenient::null_default")]
    pub credentials: Vec<Credential>,
    /// Jobs whose archives are unpacked before the script.
    #[serde(deserialize_with = "lenient::null_default")]
    pub dependencies: Vec<Dependency>,
    /// What the server can do.
    #[serde(deserialize_with = "lenient::null_default")]
    pub features: JobFeatures,
    /// Secrets by variable name; absent or empty = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<BTreeMap<String, Value>>,
}

/// Names and numbers of the job; the runner uses them for logs, directories and default cache keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobInfo {
    /// The job's id.
    #[serde(deserialize_with = "lenient::null_default")]
    pub id: i64,
    /// The job's name.
    #[serde(deserialize_with = "lenient::null_default")]
    pub name: String,
    /// The stage's name.
    #[serde(deserialize_with = "lenient::null_default")]
    pub stage: String,
    /// The pipeline's id.
    #[serde(deserialize_with = "lenient::null_default")]
    pub pipeline_id: i64,
    /// The project's id.
    #[serde(deserialize_with = "lenient::null_default")]
    pub project_id: i64,
    /// The project's name.
    #[serde(deserialize_with = "lenient::null_default")]
    pub project_name: String,
    /// The project's full path.
    #[serde(deserialize_with = "lenient::null_default")]
    pub project_full_path: String,
    /// The namespace's id.
    #[serde(deserialize_with = "lenient::null_default")]
    pub namespace_id: i64,
    /// The top namespace's id.
    #[serde(deserialize_with = "lenient::null_default")]
    pub root_namespace_id: i64,
    /// Id of who started the job.
    #[serde(deserialize_with = "lenient::null_default")]
    pub user_id: i64,
    /// Seconds the job waited.
    #[serde(deserialize_with = "lenient::null_default")]
    pub time_in_queue_seconds: f64,
    /// Running jobs of the project on instance runners, as text (`0`, `5+`, `+Inf`).
    #[serde(deserialize_with = "lenient::null_default")]
    pub project_jobs_running_on_instance_runners_count: String,
    /// Jobs in the queue.
    #[serde(deserialize_with = "lenient::null_default")]
    pub queue_size: i64,
    /// How deep the job lay in the queue.
    #[serde(deserialize_with = "lenient::null_default")]
    pub queue_depth: i64,
}

/// What to check out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GitInfo {
    /// Clone address, with `gitlab-ci-token:<job token>@`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub repo_url: String,
    /// Branch or tag.
    #[serde(rename = "ref", deserialize_with = "lenient::null_default")]
    pub git_ref: String,
    /// `branch` or `tag`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub ref_type: String,
    /// The commit; at least 8 characters, or the public runner panics.
    #[serde(deserialize_with = "lenient::null_default")]
    pub sha: String,
    /// The commit before the push.
    #[serde(deserialize_with = "lenient::null_default")]
    pub before_sha: String,
    /// Given to `git fetch`; every left side must exist.
    #[serde(deserialize_with = "lenient::null_default")]
    pub refspecs: Vec<String>,
    /// Commits to fetch; 0 = all.
    #[serde(deserialize_with = "lenient::null_default")]
    pub depth: i64,
    /// `sha1` or `sha256`; empty = `sha1`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub repo_object_format: String,
    /// Whether the ref is protected.
    pub protected: Option<bool>,
}

/// Limits by the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunnerJobInfo {
    /// Timeout of the job in seconds; 0 or less = 7200.
    #[serde(deserialize_with = "lenient::null_default")]
    pub timeout: i64,
    /// Address for web terminals.
    pub runner_session_url: Option<String>,
}

/// One variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// Its name.
    #[serde(deserialize_with = "lenient::null_default")]
    pub key: String,
    /// Its value, always text.
    #[serde(deserialize_with = "lenient::null_default")]
    pub value: String,
    /// Whether service containers may see it.
    #[serde(deserialize_with = "lenient::null_default")]
    pub public: bool,
    /// Whether its value is hidden in the log.
    #[serde(deserialize_with = "lenient::null_default")]
    pub masked: bool,
    /// Whether the value goes to a file and the variable holds its path.
    #[serde(deserialize_with = "lenient::null_default")]
    pub file: bool,
    /// Whether `$X` in the value stays as it is.
    #[serde(deserialize_with = "lenient::null_default")]
    pub raw: bool,
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// `script`, `release` or `after_script`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub name: String,
    /// Lines; `script` begins with `before_script`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub script: Vec<String>,
    /// Seconds; ignored by runners.
    #[serde(deserialize_with = "lenient::null_default")]
    pub timeout: i64,
    /// `on_success`, `always`; ignored by runners.
    #[serde(deserialize_with = "lenient::null_default")]
    pub when: String,
    /// Ignored by runners.
    #[serde(deserialize_with = "lenient::null_default")]
    pub allow_failure: bool,
}

/// A script around the checkout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// `pre_get_sources_script` or `post_get_sources_script`.
    #[serde(deserialize_with = "lenient::null_default")]
    pub name: String,
    /// Lines.
    #[serde(deserialize_with = "lenient::null_default")]
    pub script: Vec<String>,
}

/// One input value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Input {
    /// Its name.
    pub key: String,
    /// Type and value.
    pub value: InputValue,
}

/// Type and value of an input; never `null`, or the public runner drops the job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputValue {
    /// `string`, `number`, `boolean`, `array` or `struct`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value, of that type.
    pub content: Value,
    /// Whether to hide it.
    #[serde(deserialize_with = "lenient::null_default")]
    pub sensitive: bool,
}

/// What the server can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobFeatures {
    /// Whether section markers are wanted in the log.
    #[serde(deserialize_with = "lenient::null_default")]
    pub trace_sections: bool,
    /// Further token prefixes to hide.
    #[serde(deserialize_with = "lenient::null_default")]
    pub token_mask_prefixes: Vec<String>,
    /// Failure reasons the server wants to see as they are.
    #[serde(deserialize_with = "lenient::null_default")]
    pub failure_reasons: Vec<String>,
    /// OpenTelemetry; `null` = off.
    pub tracing: Option<Value>,
    /// Tripline's own: the end of the log may come with the end of the job.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tripline_log_in_update: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_smallest_job_and_nulls_are_accepted() {
        let job: Job = serde_json::from_value(json!({
            "id": 7, "token": "t", "job_info": {"name": "unit", "scoped_user_id": null},
            "variables": [{"key": "CI", "value": "true"}], "artifacts": null, "cache": null, "image": null,
            "steps": [{"name": "script", "script": ["echo hello"]}], "features": null, "unknown": 1,
        }))
        .unwrap();
        assert_eq!(job.job_info.name, "unit");
        assert!(job.git_info.is_none() && job.artifacts.is_empty() && job.run.is_none());
        assert_eq!(job.steps[0].script, ["echo hello"]);
    }

    #[test]
    fn what_clients_need_is_always_written_and_run_is_left_out() {
        let json = serde_json::to_value(Job {
            git_info: Some(GitInfo::default()),
            ..Job::default()
        })
        .unwrap();
        for key in [
            "variables",
            "steps",
            "dependencies",
            "artifacts",
            "cache",
            "services",
            "credentials",
            "image",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        for key in ["run", "secrets", "hooks", "inputs"] {
            assert!(json.get(key).is_none(), "{key}");
        }
        assert_eq!(json["image"], Value::Null);
        assert_eq!(json["features"]["tracing"], Value::Null);
        assert_eq!(json["git_info"]["ref"], "");
        assert_eq!(json["job_info"]["project_jobs_running_on_instance_runners_count"], "");
        let variable = serde_json::to_value(Variable::default()).unwrap();
        assert_eq!(variable.as_object().unwrap().len(), 6);
    }

    #[test]
    fn wrong_types_are_refused() {
        for wrong in [
            json!({"id": 1.5}),
            json!({"id": 1, "steps": [{"script": "x"}]}),
            json!({"variables": [{"value": 1}]}),
        ] {
            assert!(serde_json::from_value::<Job>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
