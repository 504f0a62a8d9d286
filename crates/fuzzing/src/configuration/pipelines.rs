//! What holds for every pipeline of a configuration.

use std::collections::{HashMap, HashSet};

use compile::explain::Explained;
use compile::explain::Verdict as Part;
use compile::{Config, Explanation, Plan, PlanRequest, PlanResult, Variable, VariableOrigin};
use model::job::Need;
use model::{GitRef, Source};

use super::World;

/// Plans a pipeline of each kind.
///
/// Holds: jobs stand in the order of their stages and have different names; a job's own need that is not optional is there; a
/// plan has a job; the explanation has every job of the file, and takes the same ones; planning twice gives the same.
pub(super) fn check(world: &World, config: &Config) {
    let kinds = [
        (Source::Push, GitRef::branch("main")),
        (Source::Trigger, GitRef::tag("v1")),
        (Source::MergeRequestEvent, GitRef::branch("feature")),
        (Source::Schedule, GitRef::branch("main")),
    ];
    for (source, git_ref) in kinds {
        let result = plan(world, config, source, &git_ref);
        assert!(
            result == plan(world, config, source, &git_ref),
            "another plan the second time"
        );
        let explained = explain(world, config, source, &git_ref);
        assert!(result == explained.planned.result, "the explanation is of another plan");
        let explanation = explained.explanation;
        assert!(!explanation.to_text().is_empty(), "an explanation says something");
        match &result {
            PlanResult::Plan(plan) => {
                check_plan(plan, config);
                check_explanation(plan, &explanation);
            }
            PlanResult::Invalid(errors) => assert!(!errors.is_empty(), "a refusal has a reason"),
            PlanResult::FilteredByWorkflowRules => assert!(!explanation.workflow.runs, "the workflow runs"),
            PlanResult::Empty => {}
        }
    }
}

/// Plans one pipeline.
pub(super) fn plan(world: &World, config: &Config, source: Source, git_ref: &GitRef) -> PlanResult {
    let predefined = predefined(source, git_ref);
    let request = request(world, source, git_ref, &predefined);
    world.answered(|facts| config.plan(&request, facts)).result
}

fn explain(world: &World, config: &Config, source: Source, git_ref: &GitRef) -> Explained {
    let predefined = predefined(source, git_ref);
    let request = request(world, source, git_ref, &predefined);
    world.answered(|facts| config.explain(&request, facts))
}

fn request<'a>(world: &'a World, source: Source, git_ref: &'a GitRef, predefined: &'a [Variable]) -> PlanRequest<'a> {
    PlanRequest {
        source,
        git_ref,
        merge_request: source == Source::MergeRequestEvent,
        project_path: "group/project",
        predefined,
        overriding: &[],
        iid: Some(1),
        only_job: None,
        limits: &world.limits,
    }
}

fn check_plan(plan: &Plan, config: &Config) {
    assert!(!plan.jobs.is_empty(), "a plan has jobs");
    let mut names = HashSet::new();
    let mut stage = 0;
    for job in &plan.jobs {
        let name = job.definition.name.as_str();
        assert!(names.insert(name), "two jobs `{name}`");
        assert!(job.stage_index >= stage, "`{name}` stands behind a later stage");
        stage = job.stage_index;
        assert_eq!(
            plan.stages.get(stage as usize),
            Some(&job.definition.stage),
            "another stage of `{name}`"
        );
    }
    // What a rule needs may be absent: GitLab looks only at what the job itself needs.
    let own: HashMap<String, Option<Vec<Need>>> = config
        .summaries()
        .into_iter()
        .map(|job| (job.definition.name.clone(), job.needs))
        .collect();
    for job in plan
        .jobs
        .iter()
        .filter(|job| own.get(&job.definition.name) == Some(&job.needs))
    {
        for need in job.needs.iter().flatten() {
            let found = names.contains(need.name.as_str());
            assert!(found || need.optional, "`{}` is needed, but not there", need.name);
        }
    }
    let known: HashSet<&str> = config.definitions().map(|job| job.name.as_str()).collect();
    assert!(names.is_subset(&known), "a job that the file does not define");
}

fn check_explanation(plan: &Plan, explanation: &Explanation) {
    assert!(explanation.workflow.runs, "there is a pipeline");
    let taken = explanation
        .jobs
        .iter()
        .filter(|job| matches!(job.verdict, Part::In | Part::Manual | Part::Delayed))
        .map(|job| job.name.as_str());
    let planned = plan.jobs.iter().map(|job| job.definition.name.as_str());
    assert!(planned.eq(taken), "the explanation takes other jobs");
}

/// What is known before there is a pipeline.
pub(super) fn variables() -> Vec<Variable> {
    [
        ("CI_DEFAULT_BRANCH", "main"),
        ("CI_COMMIT_BRANCH", "main"),
        ("A", "a $B"),
        ("B", "$A"),
    ]
    .map(|(key, value)| variable(key, value))
    .into()
}

fn predefined(source: Source, git_ref: &GitRef) -> Vec<Variable> {
    let name = git_ref.name.as_str();
    let mut all = variables();
    all.retain(|variable| variable.key != "CI_COMMIT_BRANCH");
    all.push(variable("CI_PIPELINE_SOURCE", source.as_str()));
    all.push(variable("CI_COMMIT_REF_NAME", name));
    let key = if git_ref.is_tag {
        "CI_COMMIT_TAG"
    } else {
        "CI_COMMIT_BRANCH"
    };
    all.push(variable(key, name));
    all
}

fn variable(key: &'static str, value: &str) -> Variable {
    Variable {
        key: key.into(),
        value: value.to_owned(),
        raw: false,
        file: false,
        masked: false,
        environment_scope: None,
        origin: VariableOrigin::Predefined,
    }
}
