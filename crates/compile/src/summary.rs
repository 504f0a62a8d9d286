//! A configuration as the lint API shows it: every job before rules decide about it.

use std::sync::Arc;

use model::When;
use model::definition::JobDefinition;
use model::job::Need;
use serde_json::{Map, Value as Json, json};

use crate::config::{Condition, Config, ConfigJob};
use crate::entry::policy::Policy;
use crate::entry::rules::Rule;

/// A job before rules decide about it.
#[derive(Clone, Debug)]
pub struct JobSummary {
    /// What the configuration fixes.
    pub definition: Arc<JobDefinition>,
    /// `when` of the job.
    pub when: When,
    /// `start_in` of the job in seconds.
    pub start_in_seconds: Option<i64>,
    /// `allow_failure` of the job, with its default.
    pub allow_failure: bool,
    /// `needs` of the job, expanded; `None` = it follows its stage.
    pub needs: Option<Vec<Need>>,
    /// `interruptible` of the job.
    pub interruptible: Option<bool>,
    /// `only` as GitLab normalizes it, defaults included.
    pub only: Option<Json>,
    /// `except` likewise.
    pub except: Option<Json>,
    /// `rules` likewise.
    pub rules: Option<Json>,
}

impl Config {
    /// Returns every job, by stage, then in the order of the file.
    #[must_use]
    pub fn summaries(&self) -> Vec<JobSummary> {
        self.jobs.iter().map(summary).collect()
    }

    /// Returns `workflow:rules` as GitLab normalizes them.
    #[must_use]
    pub fn workflow_rules(&self) -> Option<Json> {
        self.workflow.rules.as_deref().map(rules)
    }

    /// Returns `workflow:name`, unexpanded.
    #[must_use]
    pub fn workflow_name(&self) -> Option<&str> {
        self.workflow.name.as_deref()
    }
}

fn summary(job: &ConfigJob) -> JobSummary {
    let (only, except, list) = match &job.condition {
        Condition::Always => (None, None, None),
        Condition::Rules(list) => (None, None, Some(rules(list))),
        Condition::Policies { only, except } => (only.as_ref().map(policy), except.as_ref().map(policy), None),
    };
    JobSummary {
        definition: job.definition.clone(),
        when: job.when,
        start_in_seconds: job.start_in_seconds,
        allow_failure: job.allow_failure,
        needs: job.needs.clone(),
        interruptible: job.interruptible,
        only,
        except,
        rules: list,
    }
}

fn policy(policy: &Policy) -> Json {
    let mut map = Map::new();
    if let Some(refs) = &policy.refs {
        map.insert(
            "refs".to_owned(),
            refs.iter().map(|pattern| pattern.text.clone()).collect(),
        );
    }
    if policy.kubernetes {
        map.insert("kubernetes".to_owned(), "active".into());
    }
    if let Some(variables) = &policy.variables {
        map.insert(
            "variables".to_owned(),
            variables.iter().map(|e| e.text().to_owned()).collect(),
        );
    }
    if let Some(changes) = &policy.changes {
        map.insert("changes".to_owned(), changes.iter().cloned().collect());
    }
    Json::Object(map)
}

fn rules(rules: &[Rule]) -> Json {
    rules.iter().map(rule).collect()
}

fn rule(rule: &Rule) -> Json {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Json>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("if", rule.condition.as_ref().map(|condition| condition.text().into()));
    put(
        "changes",
        rule.changes
            .as_ref()
            .map(|c| compact(&[("paths", json!(c.paths)), ("compare_to", json!(c.compare_to))])),
    );
    put(
        "exists",
        rule.exists.as_ref().map(|e| {
            compact(&[
                ("paths", json!(e.paths)),
                ("project", json!(e.project)),
                ("ref", json!(e.git_ref)),
            ])
        }),
    );
    put("when", rule.when.map(|when| when.as_str().into()));
    put("start_in", rule.start_in_seconds.map(Json::from));
    put("allow_failure", rule.allow_failure.map(Json::from));
    put("interruptible", rule.interruptible.map(Json::from));
    if !rule.variables.is_empty() {
        put(
            "variables",
            Some(
                rule.variables
                    .iter()
                    .map(|v| (v.key.clone(), Json::from(v.value.clone())))
                    .collect(),
            ),
        );
    }
    if !rule.needs.is_empty() {
        let needs: Json = rule
            .needs
            .iter()
            .map(|need| json!({ "name": need.name, "artifacts": need.artifacts, "optional": need.optional }))
            .collect();
        put("needs", Some(json!({ "job": needs })));
    }
    let cancel = compact(&[
        (
            "on_new_commit",
            json!(rule.auto_cancel.on_new_commit.map(|word| word.as_str())),
        ),
        (
            "on_job_failure",
            json!(rule.auto_cancel.on_job_failure.map(|word| word.as_str())),
        ),
    ]);
    put(
        "auto_cancel",
        Some(cancel).filter(|cancel| cancel.as_object().is_some_and(|map| !map.is_empty())),
    );
    Json::Object(map)
}

/// An object without its nulls.
fn compact(pairs: &[(&str, Json)]) -> Json {
    pairs
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect()
}
