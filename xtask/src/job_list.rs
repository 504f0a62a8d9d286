//! What a folder that plays a repository makes of its `.gitlab-ci.yml`: the jobs of a few pipelines.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use compile::{
    Answer, Config, Demand, Facts, Limits, PlanRequest, PlanResult, Severity, Step, Variable, VariableOrigin,
};
use model::job::PlannedJob;
use model::{GitRef, Source, When};

use crate::Result;
use crate::conformance_oracle::real_world::{Repository, paths, read};

/// A pipeline to plan: its name here, why it is to exist, what it runs on.
pub(crate) struct Occasion {
    /// Short name in tables.
    pub(crate) name: &'static str,
    source: Source,
    is_tag: bool,
}

/// The pipelines that people know: a push, a tag, a merge request, a schedule, a trigger call.
pub(crate) const OCCASIONS: &[Occasion] = &[
    occasion("push", Source::Push, false),
    occasion("tag", Source::Push, true),
    occasion("mr", Source::MergeRequestEvent, false),
    occasion("schedule", Source::Schedule, false),
    occasion("trigger", Source::Trigger, false),
];

const fn occasion(name: &'static str, source: Source, is_tag: bool) -> Occasion {
    Occasion { name, source, is_tag }
}

/// What a configuration makes.
pub(crate) struct Listing {
    /// The jobs, by stage, then in the order of the file.
    pub(crate) jobs: Vec<Listed>,
    /// Occasions that get no pipeline, and why.
    pub(crate) refused: Vec<(&'static str, String)>,
}

/// A job before rules decide, and what they decide.
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: String,
    /// Its stage.
    pub(crate) stage: String,
    /// The names of what it needs; `None` = it follows its stage.
    pub(crate) needs: Option<Vec<String>>,
    /// Whether `rules` decide about it; otherwise `only` and `except` do.
    pub(crate) has_rules: bool,
    /// How it runs, by the name of the occasion; absent = it does not.
    pub(crate) runs: BTreeMap<&'static str, (When, bool)>,
}

/// Lists the jobs of a folder. `stub` stands for files that are not at hand.
///
/// # Errors
///
/// The configuration's first error.
pub(crate) fn list(root: &Path, templates: &Path, stub: Option<&str>) -> Result<Listing> {
    let file = root.join(".gitlab-ci.yml");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    let repository = Repository {
        root,
        templates: Some(templates),
        stub,
    };
    let loaded = read(&text, repository)?;
    let Some(config) = &loaded.config else {
        let error = loaded
            .diagnostics
            .iter()
            .find(|found| found.severity == Severity::Error);
        return Err(error.map(|error| error.message.clone()).unwrap_or_default());
    };
    let mut jobs: Vec<Listed> = config
        .summaries()
        .into_iter()
        .map(|job| Listed {
            name: job.definition.name.clone(),
            stage: job.definition.stage.clone(),
            needs: job.needs.map(|needs| needs.into_iter().map(|need| need.name).collect()),
            has_rules: job.rules.is_some(),
            runs: BTreeMap::new(),
        })
        .collect();
    let mut refused = Vec::new();
    for occasion in OCCASIONS {
        let planned = match plan(config, occasion, root) {
            Ok(planned) => planned,
            Err(reason) => {
                refused.push((occasion.name, reason));
                continue;
            }
        };
        for job in &mut jobs {
            if let Some(run) = planned.get(&job.name) {
                job.runs.insert(occasion.name, *run);
            }
        }
    }
    Ok(Listing { jobs, refused })
}

fn plan(config: &Config, occasion: &Occasion, root: &Path) -> Result<BTreeMap<String, (When, bool)>> {
    let git_ref = if occasion.is_tag {
        GitRef::tag("v1.0.0")
    } else {
        GitRef::branch("main")
    };
    let limits = Limits::default();
    let predefined = predefined(occasion, &git_ref);
    let request = PlanRequest {
        source: occasion.source,
        git_ref: &git_ref,
        merge_request: occasion.source == Source::MergeRequestEvent,
        project_path: "group/project",
        predefined: &predefined,
        overriding: &[],
        iid: Some(1),
        only_job: None,
        limits: &limits,
    };
    let mut facts = Facts::default();
    loop {
        match config.plan(&request, &facts) {
            Step::Needs(demands) => {
                for demand in demands {
                    let answer = answer(&demand, root);
                    facts.insert(demand, answer);
                }
            }
            Step::Done(planned) => {
                let plan = match planned.result {
                    PlanResult::Plan(plan) => plan,
                    PlanResult::FilteredByWorkflowRules => return Err("filtered out by workflow rules".to_owned()),
                    PlanResult::Empty => return Err("no jobs".to_owned()),
                    PlanResult::Invalid(errors) => return Err(errors[0].message.clone()),
                };
                let decided = |job: PlannedJob| (job.definition.name.clone(), (job.when, job.allow_failure));
                return Ok(plan.jobs.into_iter().map(decided).collect());
            }
        }
    }
}

/// All files are there, and nobody knows which of them changed.
fn answer(demand: &Demand, root: &Path) -> Answer {
    match demand {
        Demand::Paths { project: None, .. } => Answer::Paths(Arc::new(paths(root))),
        Demand::Paths { .. } => Answer::Paths(Arc::default()),
        Demand::Changes { .. } => Answer::ChangesUnknown,
        Demand::File(_) => Answer::Missing,
    }
}

fn predefined(occasion: &Occasion, git_ref: &GitRef) -> Vec<Variable> {
    let mut pairs = vec![
        ("CI", "true"),
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_SOURCE", occasion.source.as_str()),
        ("CI_COMMIT_REF_NAME", git_ref.name.as_str()),
        ("CI_DEFAULT_BRANCH", "main"),
        ("CI_PROJECT_PATH", "group/project"),
        ("CI_PROJECT_NAMESPACE", "group"),
        ("CI_PROJECT_NAME", "project"),
        ("CI_SERVER_HOST", "gitlab.example.com"),
    ];
    if occasion.is_tag {
        pairs.push(("CI_COMMIT_TAG", &git_ref.name));
    } else if occasion.source == Source::MergeRequestEvent {
        pairs.extend([
            ("CI_MERGE_REQUEST_IID", "1"),
            ("CI_MERGE_REQUEST_ID", "1"),
            ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "main"),
            ("CI_MERGE_REQUEST_PROJECT_PATH", "group/project"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "group/project"),
        ]);
    } else {
        pairs.push(("CI_COMMIT_BRANCH", &git_ref.name));
    }
    let variable = |(key, value): (&'static str, &str)| Variable {
        key: key.into(),
        value: value.to_owned(),
        raw: false,
        file: false,
        masked: false,
        environment_scope: None,
        origin: VariableOrigin::Predefined,
    };
    pairs.into_iter().map(variable).collect()
}
