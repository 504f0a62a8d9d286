//! What somebody who wants a pipeline says, and the checks that need nothing else.

use std::sync::Arc;

use compile::Explanation;
use model::GitRef;
use model::definition::GivenVariable;
use model::schedule::DueTime;
use model::{AccessLevel, Project, ScheduleId, Sha, Source, TriggerTokenId, User};
use model::{JobId, PipelineId, ProjectId};
use serde_json::Value as Json;

use crate::error::Error;
use crate::pipelines::chain::Chain;
use crate::pipelines::compiled::Reveal;
use crate::pipelines::idempotency::Once;
use crate::triggers::Record;

/// Most inputs of one pipeline (GitLab's limit).
pub const MAX_INPUTS: usize = 20;

/// Jobs that the answer to a refused call explains; a dry run explains all.
const MAX_EXPLAINED_JOBS: usize = 100;

/// Longest name of a variable (GitLab's limit).
const MAX_VARIABLE_KEY: usize = 255;

/// A request for a pipeline, from whichever side it comes.
#[derive(Clone, Debug)]
pub struct NewPipeline {
    /// Where.
    pub project: Project,
    /// Whom it runs as.
    pub user: User,
    /// That user's role in the project.
    pub role: AccessLevel,
    /// Branch, tag, or full name, as given.
    pub ref_text: String,
    /// The commit, when the ref has moved on or is gone by now (pushes); otherwise the ref's own.
    pub sha: Option<Sha>,
    /// The ref's commit before a push; zeros otherwise.
    pub before_sha: Sha,
    /// Why.
    pub source: Source,
    /// Variables the caller chose.
    pub variables: Vec<GivenVariable>,
    /// Variables that come with the call itself (`TRIGGER_PAYLOAD`); no role is needed for them.
    pub call_variables: Vec<GivenVariable>,
    /// Inputs: JSON values, or texts where the caller could only send text.
    pub inputs: Vec<(String, Json)>,
    /// Whether a pipeline whose configuration is wrong is stored as failed.
    pub keep_failed: bool,
    /// Whether `[skip ci]` in the commit message, or the push option, leaves a skipped pipeline.
    pub skip: Skip,
    /// The trigger token, with its visible part.
    pub trigger: Option<(TriggerTokenId, String)>,
    /// The schedule that is due or was played.
    pub schedule: Option<Scheduled>,
    /// The job that asked: a bridge, or one that used its job token.
    pub upstream: Option<Upstream>,
    /// Whether the user is an administrator acting as such.
    pub is_admin: bool,
    /// What the call said about itself beside its parameters.
    pub provenance: Provenance,
}

/// What a call says about itself beside its parameters.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// The key under which it makes one pipeline at most.
    pub once: Option<Once>,
    /// Which pipelines led to it.
    pub chain: Chain,
    /// What is written down of a call to a trigger endpoint.
    pub record: Option<Arc<Record>>,
    /// The branch or tag of a call that is repeated on its commit: it may have moved on or be gone by now.
    pub pinned: Option<GitRef>,
}

/// The schedule that a pipeline comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// Which.
    pub id: ScheduleId,
    /// Its description.
    pub description: String,
    /// The due time that the pipeline takes; `None` when somebody played the schedule.
    pub due: Option<DueTime>,
}

/// The job that a pipeline comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its project.
    pub project: ProjectId,
    /// Its pipeline.
    pub pipeline: PipelineId,
    /// The job.
    pub job: JobId,
    /// Whether it is a bridge: only then the pipeline knows of it by variables.
    pub is_bridge: bool,
}

/// Whether a pipeline may be skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Never: trigger calls and the API.
    Never,
    /// When the commit message says so.
    ByMessage,
    /// In any case: push option `ci.skip`.
    Always,
}

/// A problem that ends the creation, in GitLab's words (rest-api.md 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The text under `base`.
    pub message: String,
    /// Why a kept pipeline failed; `None` when none is kept whatever the caller wants.
    pub failure_reason: Option<model::PipelineFailureReason>,
    /// Why there are no jobs, where rules decided that.
    pub explanation: Option<Box<Explanation>>,
}

impl Refusal {
    /// Nothing is stored.
    pub fn not_kept(message: impl Into<String>) -> Refusal {
        Refusal {
            message: message.into(),
            failure_reason: None,
            explanation: None,
        }
    }

    /// A failed pipeline is stored if the caller wants one.
    pub fn config_error(message: impl Into<String>) -> Refusal {
        Refusal {
            message: message.into(),
            failure_reason: Some(model::PipelineFailureReason::ConfigError),
            explanation: None,
        }
    }

    /// The same, explained.
    #[must_use]
    pub fn because(self, explanation: Explanation) -> Refusal {
        Refusal {
            explanation: Some(Box::new(explanation)),
            ..self
        }
    }

    /// Leaves out most of a long explanation: an answer to a call is no place for all of it.
    pub fn shorten(&mut self) {
        let Some(explanation) = &mut self.explanation else {
            return;
        };
        let more = explanation.jobs.len().saturating_sub(MAX_EXPLAINED_JOBS);
        if more > 0 {
            explanation.jobs.truncate(MAX_EXPLAINED_JOBS);
            explanation.summary += &format!(" ({more} more jobs are not listed, a dry run lists all)");
        }
    }

    /// What the caller is told.
    #[must_use]
    pub fn into_error(mut self, kept: bool) -> Error {
        if let Some(explanation) = &mut self.explanation {
            Reveal::CALLER.apply(explanation);
        }
        Error::PipelineNotCreated {
            message: sanitized(&self.message),
            kept,
            explanation: self.explanation,
        }
    }
}

/// Checks names of variables: rows 8b and 8c of rest-api.md 2.1.
pub fn check_variables(request: &NewPipeline) -> Result<(), Refusal> {
    let keys: Vec<&str> = request
        .variables
        .iter()
        .chain(&request.call_variables)
        .map(|variable| variable.key.as_str())
        .collect();
    let mut doubles: Vec<&str> = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].contains(key) && !doubles.contains(key) {
            doubles.push(key);
        }
    }
    match doubles.as_slice() {
        [] => {}
        [key] => return Err(Refusal::config_error(format!("Duplicate variable name: {key}"))),
        many => {
            return Err(Refusal::config_error(format!(
                "Duplicate variable names: {}",
                many.join(", ")
            )));
        }
    }
    for key in keys {
        let problem = if key.is_empty() {
            "Key can't be blank"
        } else if !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            "Key can contain only letters, digits and '_'."
        } else if key.len() > MAX_VARIABLE_KEY {
            "Key is too long (maximum is 255 characters)"
        } else {
            continue;
        };
        return Err(Refusal::config_error(format!(
            "Failed to build pipeline variables: {problem}"
        )));
    }
    Ok(())
}

/// Whether a commit message asks to skip the pipeline: `[skip ci]`, `[ci-skip]`, `[CI_SKIP]` …
#[must_use]
pub fn asks_to_skip(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    ["ci", "skip"].iter().zip(["skip", "ci"]).any(|(first, second)| {
        [' ', '-', '_']
            .iter()
            .any(|separator| lower.contains(&format!("[{first}{separator}{second}]")))
    })
}

/// Drops tags and escapes what is special in HTML, as GitLab does with these messages.
#[must_use]
pub fn sanitized(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(['<', '>', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let tag_end = rest
            .strip_prefix('<')
            .filter(|inner| inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!'))
            .and_then(|inner| inner.find('>'));
        match (tag_end, rest.as_bytes()[0]) {
            (Some(end), _) => rest = &rest[end + 2..],
            (None, b'<') => (out.push_str("&lt;"), rest = &rest[1..]).1,
            (None, b'>') => (out.push_str("&gt;"), rest = &rest[1..]).1,
            _ => (out.push_str("&amp;"), rest = &rest[1..]).1,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_markers_are_known_in_all_spellings() {
        for message in ["[skip ci]", "x [ci skip] y", "[CI-SKIP]", "[skip_ci]", "a\n\n[ci_skip]"] {
            assert!(asks_to_skip(message), "{message}");
        }
        for message in ["skip ci", "[skip  ci]", "[skipci]", "[ci skip", ""] {
            assert!(!asks_to_skip(message), "{message}");
        }
    }

    #[test]
    fn messages_lose_tags_and_keep_their_words() {
        for (message, expected) in [
            ("plain `text`", "plain `text`"),
            ("Review the <a href=\"/x\">rules</a> now", "Review the rules now"),
            ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
            ("<script>x", "x"),
            ("a<", "a&lt;"),
            ("é<b>ü</b>&", "éü&amp;"),
        ] {
            assert_eq!(sanitized(message), expected);
        }
    }
}
