//! The variables of one job as its runner gets them, in order of precedence: the last of a name wins
//! (rules-and-variables 5).
//!
//! Pure: everything is read and opened before. References between variables are expanded as far as
//! the server may (E4); what is left is the runner's.

use std::collections::HashMap;

use compile::variables::{Definition, Purpose, expand_all};
use compile::{Variable, VariableOrigin};
use model::definition::{GivenVariable, YamlVariable};
use model::project::wildcard_match;
use model::text::slug;
use model::{Environment, Job, JobDefinition, Pipeline, Project, Runner, Timestamp, User, VariableKind, When};

use crate::environments::slug as environment_slug;
use crate::pipelines::chain;
use crate::settings::Settings;
use crate::{time, variables};

/// A variable on its way to a runner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobVariable {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Whether service containers may see it.
    pub public: bool,
    /// Whether its value is hidden in the log.
    pub masked: bool,
    /// Whether the job gets a file.
    pub file: bool,
    /// Whether `$X` in the value stays as it is.
    pub raw: bool,
}

/// What the variables of a job are made of.
#[derive(Clone, Copy, Debug)]
pub struct JobFacts<'a> {
    /// Settings of the server.
    pub settings: &'a Settings,
    /// The project.
    pub project: &'a Project,
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The job.
    pub job: &'a Job,
    /// Its definition.
    pub definition: &'a JobDefinition,
    /// Its environment.
    pub environment: Option<&'a Environment>,
    /// Predefined variables of server, project, commit and pipeline ([`variables::of_pipeline`]).
    pub of_pipeline: &'a [Variable],
    /// Who the job runs as.
    pub user: Option<&'a User>,
    /// From the dotenv reports of the jobs it depends on.
    pub dotenv: &'a [(String, String)],
    /// Of instance, groups and project, weakest first, only those for this ref.
    pub stored: &'a [Variable],
    /// Given with the call that made the pipeline, or by its schedule.
    pub given: &'a [GivenVariable],
    /// Given when the job was played.
    pub manual: &'a [GivenVariable],
}

/// What only a job has that a runner took.
#[derive(Clone, Copy, Debug)]
pub struct HandedOut<'a> {
    /// The runner.
    pub runner: &'a Runner,
    /// The job's token.
    pub token: &'a str,
    /// Clone address with the token in it.
    pub repository_url: &'a str,
    /// When the runner took it.
    pub started_at: Timestamp,
    /// What calls of the job should send, so that a loop of triggers is noticed.
    pub trigger_chain: &'a str,
}

/// Returns the variables of a job, expanded as far as the server may; of a name the last one counts.
#[must_use]
pub fn of_job(facts: &JobFacts<'_>, hand_out: &HandedOut<'_>) -> Vec<JobVariable> {
    expand(collect(facts, Some(hand_out)))
}

/// Returns the variables that a bridge may name, as they are written; of a name the last one counts.
#[must_use]
pub fn of_bridge(facts: &JobFacts<'_>) -> Vec<JobVariable> {
    let mut list = List(collect(facts, None));
    of_pipeline_row(&mut list, facts);
    list.0
}

/// Returns the variables of a job that has ended, as they are written, without its secrets; of a name the last one counts.
#[must_use]
pub fn of_ended(facts: &JobFacts<'_>) -> Vec<JobVariable> {
    let mut list = List(Vec::new());
    of_pipeline_row(&mut list, facts);
    list.add("CI_JOB_ID", facts.job.id.to_string());
    list.add("CI_JOB_URL", format!("{}/-/jobs/{}", project_url(facts), facts.job.id));
    list.0.extend(collect(facts, None));
    list.0
}

/// Expands references between variables (E4); what refers in a circle stays as it is.
fn expand(variables: Vec<JobVariable>) -> Vec<JobVariable> {
    let definitions: Vec<Definition<'_>> = variables
        .iter()
        .map(|variable| Definition {
            key: variable.key.as_str().into(),
            value: variable.value.as_str().into(),
            raw: variable.raw,
            file: variable.file,
        })
        .collect();
    let Ok(expanded) = expand_all(&definitions, Purpose::Runner) else {
        return variables;
    };
    // Of a name only the last is of use to a runner, and only its flags are those of the value.
    let values: HashMap<&str, &str> = expanded
        .iter()
        .map(|one| (one.key.as_ref(), one.value.as_ref()))
        .collect();
    let last: HashMap<&str, usize> = variables
        .iter()
        .enumerate()
        .map(|(index, variable)| (variable.key.as_str(), index))
        .collect();
    variables
        .iter()
        .enumerate()
        .filter(|(index, variable)| last.get(variable.key.as_str()) == Some(index))
        .map(|(_, variable)| JobVariable {
            value: values
                .get(variable.key.as_str())
                .map_or(String::new(), |value| (*value).to_owned()),
            ..variable.clone()
        })
        .collect()
}

fn collect(facts: &JobFacts<'_>, hand_out: Option<&HandedOut<'_>>) -> Vec<JobVariable> {
    let mut list = List(Vec::with_capacity(120));
    if let Some(hand_out) = hand_out {
        persisted(&mut list, facts, hand_out);
    }
    job(&mut list, facts);
    environment(&mut list, facts);
    list.0
        .extend(facts.of_pipeline.iter().map(|variable| from_predefined(variable, true)));
    if let Some(hand_out) = hand_out {
        runner(&mut list, hand_out.runner);
    }
    list.0.extend(facts.definition.variables.iter().map(from_yaml));
    list.0.extend(facts.job.rule_variables.iter().map(from_yaml));
    if let Some(user) = facts.user {
        list.0.extend(
            variables::of_user(user)
                .iter()
                .map(|variable| from_predefined(variable, true)),
        );
    }
    list.0.extend(facts.dotenv.iter().map(|(key, value)| JobVariable {
        key: key.clone(),
        value: value.clone(),
        ..JobVariable::default()
    }));
    list.0
        .extend(in_environment(facts.stored, facts.job.environment.as_deref()).map(|v| from_predefined(v, false)));
    list.0.extend(facts.given.iter().map(from_given));
    list.0.extend(facts.manual.iter().map(from_given));
    fixed_of_environment(&mut list, facts);
    list.0
}

struct List(Vec<JobVariable>);

impl List {
    fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.push(JobVariable {
            key: key.to_owned(),
            value: value.into(),
            public: true,
            ..JobVariable::default()
        });
    }

    fn add_if(&mut self, key: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    fn add_secret(&mut self, key: &str, value: &str) {
        let value = value.to_owned();
        self.0.push(JobVariable {
            key: key.to_owned(),
            value,
            masked: true,
            ..JobVariable::default()
        });
    }
}

fn persisted(list: &mut List, facts: &JobFacts<'_>, hand_out: &HandedOut<'_>) {
    of_pipeline_row(list, facts);
    let (project_url, job) = (project_url(facts), facts.job.id);
    list.add("CI_JOB_ID", job.to_string());
    list.add("CI_JOB_URL", format!("{project_url}/-/jobs/{job}"));
    list.add_secret("CI_JOB_TOKEN", hand_out.token);
    list.add("CI_JOB_STARTED_AT", time::iso_seconds(hand_out.started_at));
    list.add_secret("CI_REPOSITORY_URL", hand_out.repository_url);
    list.add(chain::VARIABLE, hand_out.trigger_chain);
}

fn of_pipeline_row(list: &mut List, facts: &JobFacts<'_>) {
    let (project_url, pipeline) = (project_url(facts), facts.pipeline.id);
    list.add("CI_PIPELINE_ID", pipeline.to_string());
    list.add("CI_PIPELINE_URL", format!("{project_url}/-/pipelines/{pipeline}"));
}

fn project_url(facts: &JobFacts<'_>) -> String {
    format!("{}/{}", facts.settings.external_url.base(), facts.project.full_path)
}

fn job(list: &mut List, facts: &JobFacts<'_>) {
    let (index, total) = facts
        .definition
        .parallel
        .map_or((None, 1), |(index, total)| (Some(index), total));
    list.add("CI_JOB_NAME", facts.job.name.as_str());
    list.add("CI_JOB_NAME_SLUG", slug(&facts.job.name));
    list.add("CI_JOB_GROUP_NAME", facts.definition.group_name());
    list.add("CI_JOB_STAGE", facts.job.stage.as_str());
    if matches!(facts.job.when, When::Manual | When::Delayed) {
        list.add("CI_JOB_MANUAL", "true");
    }
    list.add_if("CI_NODE_INDEX", index.map(|index| index.to_string()));
    list.add("CI_NODE_TOTAL", total.to_string());
}

fn environment(list: &mut List, facts: &JobFacts<'_>) {
    let (Some(name), Some(environment)) = (facts.job.environment.as_deref(), &facts.definition.environment) else {
        return;
    };
    list.add("CI_ENVIRONMENT_NAME", name);
    list.add("CI_ENVIRONMENT_ACTION", environment.action());
    let written = environment.deployment_tier.as_deref();
    list.add_if(
        "CI_ENVIRONMENT_TIER",
        facts.environment.map(|one| one.tier.as_str()).or(written),
    );
}

/// What nothing overrides: of the environment as it is stored, as far as it is.
fn fixed_of_environment(list: &mut List, facts: &JobFacts<'_>) {
    let (Some(name), Some(written)) = (facts.job.environment.as_deref(), &facts.definition.environment) else {
        return;
    };
    let stored = facts.environment;
    list.add_if("CI_ENVIRONMENT_ID", stored.map(|one| one.id.to_string()));
    list.add(
        "CI_ENVIRONMENT_SLUG",
        stored.map_or_else(|| environment_slug(name), |one| one.slug.clone()),
    );
    let url = written
        .url
        .as_ref()
        .or(stored.and_then(|one| one.external_url.as_ref()));
    list.add_if("CI_ENVIRONMENT_URL", url);
}

fn runner(list: &mut List, runner: &Runner) {
    list.add("CI_RUNNER_ID", runner.id.to_string());
    list.add(
        "CI_RUNNER_DESCRIPTION",
        runner.description.as_deref().unwrap_or_default(),
    );
    list.add(
        "CI_RUNNER_TAGS",
        serde_json::Value::from(runner.tags.clone()).to_string(),
    );
}

fn from_predefined(variable: &Variable, public: bool) -> JobVariable {
    JobVariable {
        key: variable.key.clone().into_owned(),
        value: variable.value.clone(),
        public,
        masked: variable.masked,
        file: variable.file,
        raw: variable.raw,
    }
}

fn from_yaml(variable: &YamlVariable) -> JobVariable {
    JobVariable {
        key: variable.key.clone(),
        value: variable.value.clone(),
        public: true,
        raw: variable.raw,
        ..JobVariable::default()
    }
}

fn from_given(variable: &GivenVariable) -> JobVariable {
    JobVariable {
        key: variable.key.clone(),
        value: variable.value.clone(),
        file: variable.kind == VariableKind::File,
        raw: variable.raw,
        ..JobVariable::default()
    }
}

/// Stored variables whose scope covers the environment; of the project the more exact scope comes later.
fn in_environment<'a>(stored: &'a [Variable], environment: Option<&str>) -> impl Iterator<Item = &'a Variable> {
    let exactness = |variable: &Variable| match (variable.environment_scope.as_deref(), environment) {
        (None, _) => Some(0),
        // Groups come in order, the closest last, each with its most exact scopes last.
        (Some(scope), Some(name)) if variable.origin != VariableOrigin::Project => {
            wildcard_match(scope, name).then_some(0)
        }
        (Some(scope), Some(name)) if scope == name => Some(usize::MAX),
        (Some(scope), Some(name)) if wildcard_match(scope, name) => Some(scope.len()),
        _ => None,
    };
    let mut covering: Vec<_> = stored
        .iter()
        .filter_map(|v| Some(((v.origin, exactness(v)?), v)))
        .collect();
    // Stable: what is equally exact stays in its order.
    covering.sort_by_key(|(rank, _)| *rank);
    covering.into_iter().map(|(_, variable)| variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_between_variables_are_expanded_and_the_last_of_a_name_stays() {
        let variable = |key: &str, value: &str| JobVariable {
            key: key.to_owned(),
            value: value.to_owned(),
            ..JobVariable::default()
        };
        let raw = JobVariable {
            raw: true,
            ..variable("RAW", "$A")
        };
        let list = vec![
            variable("A", "old"),
            variable("B", "$A-$UNKNOWN-$RAW"),
            raw,
            JobVariable {
                masked: true,
                ..variable("A", "new")
            },
        ];
        let expanded = expand(list);
        let found: Vec<_> = expanded
            .iter()
            .map(|v| (v.key.as_str(), v.value.as_str(), v.masked))
            .collect();
        assert_eq!(
            found,
            [
                ("B", "new-$UNKNOWN-$RAW", false),
                ("RAW", "$A", false),
                ("A", "new", true)
            ]
        );
    }

    #[test]
    fn a_scoped_variable_reaches_the_environments_it_covers_and_the_exact_scope_wins() {
        let stored = |value: &str, scope: Option<&str>| Variable {
            environment_scope: scope.map(str::to_owned),
            origin: VariableOrigin::Project,
            ..variables::predefined("K", value)
        };
        let all = [
            stored("exact", Some("review/a")),
            stored("any", None),
            stored("pattern", Some("review/*")),
            stored("other", Some("production")),
        ];
        let values = |environment| {
            in_environment(&all, environment)
                .map(|v| v.value.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(values(None), ["any"]);
        assert_eq!(values(Some("review/a")), ["any", "pattern", "exact"]);
        assert_eq!(values(Some("review/b")), ["any", "pattern"]);
        assert_eq!(values(Some("production")), ["any", "other"]);
    }
}
