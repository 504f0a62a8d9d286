//! What a trigger token may be used for, and why a call was refused.

use crate::ids::{JobId, PipelineId, ProjectId, TriggerLogId, TriggerTokenId, UserId};
use crate::text::Sha;
use crate::time::Timestamp;
use crate::words::words;

/// Limits of a trigger token, as they are stored. `None` = no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TriggerLimits {
    /// Names of branches and tags, with `*` for any text; `refs/heads/…` and `refs/tags/…` for one kind only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refs: Option<Vec<String>>,
    /// Names of variables that a call may bring, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Vec<String>>,
    /// Names of inputs that a call may bring, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Vec<String>>,
    /// Networks that calls may come from, `ADDRESS/BITS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// Calls in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses_per_minute: Option<u32>,
}

impl TriggerLimits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == TriggerLimits::default()
    }
}

words! {
    /// Why a call to a trigger endpoint was refused: `reason_code` of the answer and of the trigger log
    /// (docs/trigger-tokens.md).
    pub enum Reason {
        /// The caller's address is in none of the token's networks.
        NetworkNotAllowed = "network_not_allowed",
        /// The token was used too often within a minute.
        RateLimited = "rate_limited",
        /// The token is not for this branch or tag.
        RefNotAllowed = "ref_not_allowed",
        /// The token is not for this variable.
        VariableNotAllowed = "variable_not_allowed",
        /// The token has a value of its own for this variable.
        VariableFixed = "variable_fixed",
        /// The token is not for this input.
        InputNotAllowed = "input_not_allowed",
        /// The token has a value of its own for this input.
        InputFixed = "input_fixed",
        /// The token's time is over.
        TokenExpired = "token_expired",
        /// The token was rotated, and its time of grace is over.
        TokenReplaced = "token_replaced",
        /// The job of the job token does not run (any more), or was erased.
        JobNotRunning = "job_not_running",
        /// The job token may not be used on this project.
        JobNotAllowed = "job_not_allowed",
        /// A parameter is missing or of the wrong type.
        ParametersInvalid = "parameters_invalid",
        /// The end of a pipeline must not start the next one.
        PipelineHook = "pipeline_hook",
        /// The project has no CI/CD.
        PipelinesDisabled = "pipelines_disabled",
        /// The token's owner may not create pipelines here (any more), or the project is archived.
        OwnerNotPermitted = "owner_not_permitted",
        /// The token's owner may not write to the protected branch or tag.
        RefNotPermitted = "ref_not_permitted",
        /// There is a branch and a tag of that name.
        RefAmbiguous = "ref_ambiguous",
        /// There is no such branch or tag.
        RefNotFound = "ref_not_found",
        /// The idempotency key was used for a call that said something else.
        IdempotencyKeyReused = "idempotency_key_reused",
        /// The commit of a call that is repeated is gone.
        CommitGone = "commit_gone",
        /// The owner's role may not bring variables.
        VariablesNotPermitted = "variables_not_permitted",
        /// A variable has a bad name, or comes twice.
        VariableInvalid = "variable_invalid",
        /// Inputs are too many, unknown or of the wrong type.
        InputsInvalid = "inputs_invalid",
        /// The repository has no configuration at this commit.
        ConfigMissing = "config_missing",
        /// The configuration is wrong.
        ConfigInvalid = "config_invalid",
        /// `workflow:rules` say that there is no pipeline.
        WorkflowRules = "workflow_rules",
        /// Rules left no job.
        NoJobs = "no_jobs",
        /// A limit of the server: too many jobs, or too many pipelines in a minute.
        ServerLimit = "server_limit",
        /// The pipeline was refused for another reason, which the message says.
        Refused = "refused",
        /// A fault of the server.
        ServerError = "server_error",
    }
}

words! {
    /// What came of a call to a trigger endpoint.
    pub enum TriggerOutcome {
        /// A pipeline was created.
        Accepted = "accepted",
        /// None was, or one without jobs that says why.
        Refused = "refused",
        /// It was sent before, and answered with the pipeline of then.
        Replayed = "replayed",
        /// It asked what would be created.
        DryRun = "dry_run",
    }
}

/// A call to a trigger endpoint, or several that were refused alike. It outlives its token and its pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerLogEntry {
    /// Its id.
    pub id: TriggerLogId,
    /// The project.
    pub project_id: ProjectId,
    /// When; the last one of several.
    pub created_at: Timestamp,
    /// What came of it.
    pub outcome: TriggerOutcome,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// HTTP status of the answer.
    pub status: i32,
    /// The trigger token.
    pub token_id: Option<TriggerTokenId>,
    /// Its visible part.
    pub token_short: Option<String>,
    /// Its description at that time.
    pub token_description: Option<String>,
    /// The job whose token it was.
    pub job_id: Option<JobId>,
    /// As whom.
    pub user_id: Option<UserId>,
    /// From where.
    pub address: Option<String>,
    /// Branch or tag; of a refused call as given.
    pub ref_name: Option<String>,
    /// Whether it is a tag.
    pub is_tag: Option<bool>,
    /// The commit.
    pub sha: Option<Sha>,
    /// The pipeline.
    pub pipeline_id: Option<PipelineId>,
    /// Keyed digest of the payload.
    pub payload_digest: Option<[u8; 32]>,
    /// The entry that it repeats.
    pub repeats: Option<TriggerLogId>,
    /// Calls that it stands for.
    pub calls: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_documented() {
        let text = include_str!("../../../docs/trigger-tokens.md");
        for reason in Reason::ALL {
            assert!(
                text.contains(&format!("| `{reason}` |")),
                "{reason} is not in docs/trigger-tokens.md"
            );
        }
    }
}
