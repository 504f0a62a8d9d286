//! The merged configuration, read as a file of its own, is the same configuration.

use std::sync::Arc;

use compile::yaml::to_yaml;
use compile::{Loaded, Plan, PlanResult, Severity};
use model::job::PlannedJob;
use model::{GitRef, JobDefinition, Source};

use super::{World, pipelines};

/// Reads what was merged again: the same stages, jobs and plan.
pub(super) fn check(world: &World, loaded: &Loaded) {
    let (Some(merged), Some(config)) = (&loaded.merged, &loaded.config) else {
        return;
    };
    let text = to_yaml(merged);
    let alone = World::of("");
    let again = alone.load(&text.as_str().into());
    let Some(second) = &again.config else {
        let errors: Vec<&str> = again
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| found.message.as_str())
            .collect();
        // Files that are small one by one may be too much for one.
        assert!(errors.iter().all(|text| text.contains("too big")), "{errors:?}: {text}");
        return;
    };
    assert_eq!(config.stages(), second.stages(), "other stages: {text}");
    for (first, again) in config.definitions().zip(second.definitions()) {
        assert_eq!(unplaced(first), unplaced(again), "another job: {text}");
    }
    assert_eq!(
        config.definitions().len(),
        second.definitions().len(),
        "other jobs: {text}"
    );
    let main = GitRef::branch("main");
    let plans = (
        pipelines::plan(world, config, Source::Push, &main),
        pipelines::plan(world, second, Source::Push, &main),
    );
    if let (PlanResult::Plan(first), PlanResult::Plan(again)) = &plans {
        let jobs = |plan: &Plan| plan.jobs.iter().map(|job| decided(job.clone())).collect::<Vec<_>>();
        assert_eq!(jobs(first), jobs(again), "another plan: {text}");
        assert_eq!(first.name, again.name, "another name: {text}");
    } else {
        assert_eq!(
            std::mem::discriminant(&plans.0),
            std::mem::discriminant(&plans.1),
            "another outcome: {text}"
        );
    }
}

/// A definition without its place, which is another one in another text.
fn unplaced(job: &JobDefinition) -> JobDefinition {
    JobDefinition {
        location: None,
        ..job.clone()
    }
}

fn decided(job: PlannedJob) -> PlannedJob {
    PlannedJob {
        definition: Arc::new(unplaced(&job.definition)),
        ..job
    }
}
