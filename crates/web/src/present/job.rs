//! Jobs and bridges.

use app::ExternalUrl;
use app::jobs::read::Shown;
use model::{Job, Pipeline, Project, Status, Timestamp, User};
use wire::job::{Artifact, ArtifactsFile, Bridge, Job as Full, JobBasic, JobProject};
use wire::repository::Commit;
use wire::runners::{ProjectIdentity, Runner, RunnerManager};

use super::{maybe_time, pipeline, time, user};

/// What a job's JSON needs besides the job itself.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Its project.
    pub project: &'a Project,
    /// Its pipeline.
    pub pipeline: &'a Pipeline,
    /// Who it runs as.
    pub user: Option<&'a User>,
    /// Its commit.
    pub commit: Option<&'a Commit>,
    /// Now, for durations that still grow.
    pub now: Timestamp,
}

/// What only a job has, not a bridge.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Its files, the log among them.
    pub artifacts: Vec<Artifact>,
    /// When they go.
    pub artifacts_expire_at: Option<Timestamp>,
    /// Who runs or ran it.
    pub runner: Option<Runner>,
    /// Which process of the runner.
    pub runner_manager: Option<RunnerManager>,
}

/// A job.
#[must_use]
pub fn full(url: &ExternalUrl, job: &Job, around: &Around<'_>, extras: Extras) -> Full {
    let archive = extras.artifacts.iter().find(|file| file.file_type == "archive");
    let mut tag_list = job.tags.clone();
    tag_list.sort();
    Full {
        basic: basic(url, job, around),
        artifacts_file: archive.map(|file| ArtifactsFile {
            filename: file.filename.clone(),
            size: file.size,
        }),
        artifacts: extras.artifacts,
        runner: extras.runner,
        runner_manager: extras.runner_manager,
        artifacts_expire_at: maybe_time(extras.artifacts_expire_at),
        archived: false,
        tag_list,
    }
}

/// A job with what the use case gathered around it.
#[must_use]
pub fn shown(url: &ExternalUrl, shown: &Shown, now: Timestamp) -> Full {
    let commit = commit_of(url, shown);
    let expiring = shown.artifacts.iter().find(|artifact| artifact.file.kind == "archive");
    let extras = Extras {
        artifacts: files(shown),
        artifacts_expire_at: expiring.and_then(|artifact| artifact.file.expire_at),
        runner: shown.runner.as_ref().map(|runner| super::runner::runner(runner, now)),
        runner_manager: shown
            .manager
            .as_ref()
            .map(|manager| super::runner::manager(manager, now)),
    };
    full(url, &shown.job, &around(shown, commit.as_ref(), now), extras)
}

/// A job in the list of a runner's jobs: what jobs and bridges have in common, and its project.
///
/// # Errors
///
/// Never: all of it is JSON.
pub fn of_runner(
    url: &ExternalUrl,
    shown: &Shown,
    namespace_name: &str,
    now: Timestamp,
) -> serde_json::Result<serde_json::Value> {
    let commit = commit_of(url, shown);
    let mut value = serde_json::to_value(basic(url, &shown.job, &around(shown, commit.as_ref(), now)))?;
    let project = &shown.project;
    value["project"] = serde_json::to_value(ProjectIdentity {
        id: project.id.0,
        description: project.description.clone(),
        name: project.name.clone(),
        name_with_namespace: format!("{namespace_name} / {}", project.name),
        path: project.path.clone(),
        path_with_namespace: project.full_path.clone(),
        created_at: time(project.created_at),
    })?;
    Ok(value)
}

/// A bridge with what the use case gathered around it.
#[must_use]
pub fn shown_bridge(url: &ExternalUrl, shown: &Shown, now: Timestamp) -> Bridge {
    let commit = commit_of(url, shown);
    let downstream = shown
        .downstream
        .as_ref()
        .map(|(path, pipeline)| (path.as_str(), pipeline));
    Bridge {
        downstream_errors: shown.messages.clone(),
        ..bridge(url, &shown.job, &around(shown, commit.as_ref(), now), downstream)
    }
}

fn commit_of(url: &ExternalUrl, shown: &Shown) -> Option<Commit> {
    shown
        .commit
        .as_ref()
        .map(|commit| super::commit::commit(url, &shown.project.full_path, commit))
}

fn around<'a>(shown: &'a Shown, commit: Option<&'a Commit>, now: Timestamp) -> Around<'a> {
    Around {
        project: &shown.project,
        pipeline: &shown.pipeline,
        user: shown.user.as_ref(),
        commit,
        now,
    }
}

/// The job's files; its log is one of them once it has ended.
fn files(shown: &Shown) -> Vec<Artifact> {
    let mut files: Vec<Artifact> = shown
        .artifacts
        .iter()
        .map(|artifact| Artifact {
            file_type: artifact.file.kind.clone(),
            size: artifact.file.size,
            filename: artifact.file.filename.clone(),
            file_format: Some(artifact.file.format.clone()),
        })
        .collect();
    if let Some(size) = shown.trace_size.filter(|_| shown.job.status.is_completed()) {
        files.push(Artifact {
            file_type: "trace".to_owned(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            filename: "job.log".to_owned(),
            file_format: None,
        });
    }
    files
}

/// A bridge with the pipeline it started, and that pipeline's project path.
#[must_use]
pub fn bridge(url: &ExternalUrl, job: &Job, around: &Around<'_>, downstream: Option<(&str, &Pipeline)>) -> Bridge {
    Bridge {
        basic: basic(url, job, around),
        downstream_pipeline: downstream.map(|(path, started)| pipeline::basic(url, path, started)),
        downstream_errors: Vec::new(),
    }
}

fn basic(url: &ExternalUrl, job: &Job, around: &Around<'_>) -> JobBasic {
    let path = &around.project.full_path;
    JobBasic {
        id: job.id.0,
        status: job.status.to_string(),
        stage: job.stage.clone(),
        name: job.name.clone(),
        git_ref: around.pipeline.git_ref.name.clone(),
        tag: around.pipeline.git_ref.is_tag,
        coverage: job.coverage,
        allow_failure: job.allow_failure,
        created_at: time(job.created_at),
        started_at: maybe_time(job.started_at),
        finished_at: maybe_time(job.finished_at),
        erased_at: maybe_time(job.erased_at),
        duration: job.duration_seconds(around.now),
        queued_duration: job.queued_seconds(around.now),
        user: around.user.map(|who| user::profile(url, who)),
        commit: around.commit.cloned(),
        pipeline: pipeline::basic(url, path, around.pipeline),
        failure_reason: failure_reason(job),
        web_url: page(url, path, job),
        project: JobProject {
            ci_job_token_scope_enabled: false,
        },
    }
}

/// Address of a job's page.
pub(super) fn page(url: &ExternalUrl, project_path: &str, job: &Job) -> String {
    format!("{}/{project_path}/-/jobs/{}", url.base(), job.id)
}

pub(super) fn failure_reason(job: &Job) -> Option<String> {
    match job.status {
        Status::Failed => job.failure_reason.map(|reason| reason.to_string()),
        _ => None,
    }
}
