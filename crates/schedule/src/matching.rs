//! Which runner may take which job (runner-protocol 2.5).

use std::fmt;

use model::{JobDefinition, NamespaceId, ProjectId, Runner, RunnerAccess, RunnerType};

/// What matters of a job to a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobFacts<'a> {
    /// Its project.
    pub project_id: ProjectId,
    /// The groups around the project, nearest first.
    pub groups: &'a [NamespaceId],
    /// Whether the project lets instance runners take its jobs.
    pub instance_runners_enabled: bool,
    /// Whether the project lets group runners take its jobs.
    pub group_runners_enabled: bool,
    /// Tags the runner must have.
    pub tags: &'a [String],
    /// Whether the ref is protected.
    pub protected: bool,
}

/// Says whether `runner` may take the job.
///
/// # Errors
///
/// The first [`Mismatch`], in the order in which people would look for it.
pub fn matches(runner: &Runner, job: JobFacts<'_>) -> Result<(), Mismatch> {
    if runner.paused {
        return Err(Mismatch::Paused);
    }
    check_scope(runner, job)?;
    if job.tags.is_empty() && !runner.run_untagged {
        return Err(Mismatch::OnlyTagged);
    }
    let missing: Vec<String> = job
        .tags
        .iter()
        .filter(|tag| !runner.tags.contains(tag))
        .cloned()
        .collect();
    if !missing.is_empty() {
        return Err(Mismatch::MissingTags(missing));
    }
    if runner.access == RunnerAccess::RefProtected && !job.protected {
        return Err(Mismatch::OnlyProtected);
    }
    Ok(())
}

fn check_scope(runner: &Runner, job: JobFacts<'_>) -> Result<(), Mismatch> {
    match runner.runner_type {
        RunnerType::Instance if !job.instance_runners_enabled => Err(Mismatch::InstanceRunnersDisabled),
        RunnerType::Group if !job.group_runners_enabled => Err(Mismatch::GroupRunnersDisabled),
        RunnerType::Group if !runner.group_id.is_some_and(|group| job.groups.contains(&group)) => {
            Err(Mismatch::OtherGroup)
        }
        RunnerType::Project if !runner.project_ids.contains(&job.project_id) => Err(Mismatch::OtherProject),
        _ => Ok(()),
    }
}

/// Why a runner may not take a job, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The runner is paused.
    Paused,
    /// The project has instance runners switched off.
    InstanceRunnersDisabled,
    /// The project has group runners switched off.
    GroupRunnersDisabled,
    /// The runner serves another group.
    OtherGroup,
    /// The runner is not assigned to the project.
    OtherProject,
    /// The runner takes tagged jobs only, the job has no tags.
    OnlyTagged,
    /// The runner lacks these tags.
    MissingTags(Vec<String>),
    /// The runner takes jobs of protected refs only.
    OnlyProtected,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mismatch::Paused => "the runner is paused",
            Mismatch::InstanceRunnersDisabled => "instance runners are disabled for the project",
            Mismatch::GroupRunnersDisabled => "group runners are disabled for the project",
            Mismatch::OtherGroup => "the runner belongs to a group that the project is not in",
            Mismatch::OtherProject => "the runner is not assigned to the project",
            Mismatch::OnlyTagged => "the job has no tags and the runner takes tagged jobs only",
            Mismatch::OnlyProtected => "the ref is not protected and the runner takes jobs of protected refs only",
            Mismatch::MissingTags(tags) => return write!(f, "the runner lacks the tags `{}`", tags.join("`, `")),
        })
    }
}

/// Returns the features that the job needs and the runner process does not have; such a job fails `runner_unsupported`.
#[must_use]
pub fn missing_features(definition: &JobDefinition, keep_exit_codes: bool, features: &[String]) -> Vec<&'static str> {
    let excludes = definition
        .artifacts
        .as_ref()
        .is_some_and(|artifacts| !artifacts.exclude.is_empty());
    let fallback = definition.caches.iter().any(|cache| !cache.fallback_keys.is_empty());
    let exit_codes = keep_exit_codes && !definition.allow_failure_exit_codes.is_empty();
    [
        ("upload_multiple_artifacts", !definition.reports.is_empty()),
        ("artifacts_exclude", excludes),
        ("multi_build_steps", definition.release.is_some()),
        ("return_exit_code", exit_codes),
        ("fallback_cache_keys", fallback),
        // Without them, a runner would take nothing to do for a success, or references for text.
        ("native_steps_integration", definition.run.is_some()),
        ("job_inputs", !definition.inputs.is_empty()),
    ]
    .into_iter()
    .filter(|(feature, needed)| *needed && !features.iter().any(|have| have == feature))
    .map(|(feature, _)| feature)
    .collect()
}
