//! Pipelines.

use app::ExternalUrl;
use app::pipelines::Created;
use app::pipelines::read::Shown;
use model::definition::GivenVariable;
use model::{Pipeline, Project, User, Visibility};
use wire::pipeline::{Nullable, Pipeline as Full, PipelineBasic, PipelineVariable};

use super::{maybe_time, status, time, user};

/// What a pipeline's JSON needs besides the pipeline itself.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Full path of its project.
    pub project_path: &'a str,
    /// Who it runs as.
    pub user: Option<&'a User>,
    /// Whether a job failed that was allowed to.
    pub has_warnings: bool,
    /// Average of its jobs' coverage in percent.
    pub coverage: Option<f64>,
    /// Whether the reader may see the page.
    pub has_details: bool,
    /// Whether the answer has the field `name` (list, get, latest, metadata).
    pub with_name: bool,
}

/// A pipeline in a list.
#[must_use]
pub fn basic(url: &ExternalUrl, project_path: &str, pipeline: &Pipeline) -> PipelineBasic {
    PipelineBasic {
        id: pipeline.id.0,
        iid: pipeline.iid.0,
        project_id: pipeline.project_id.0,
        sha: pipeline.sha.to_string(),
        git_ref: pipeline.git_ref.name.clone(),
        status: pipeline.status.to_string(),
        source: pipeline.source.to_string(),
        created_at: time(pipeline.created_at),
        updated_at: time(pipeline.updated_at),
        web_url: format!("{}{}", url.base(), page(project_path, pipeline)),
        name: None,
    }
}

/// A pipeline in a list that shows names.
#[must_use]
pub fn listed(url: &ExternalUrl, project_path: &str, pipeline: &Pipeline) -> PipelineBasic {
    PipelineBasic {
        name: Some(Nullable(pipeline.name.clone())),
        ..basic(url, project_path, pipeline)
    }
}

/// A pipeline.
#[must_use]
pub fn full(url: &ExternalUrl, pipeline: &Pipeline, around: &Around<'_>) -> Full {
    let path = page(around.project_path, pipeline);
    Full {
        id: pipeline.id.0,
        iid: pipeline.iid.0,
        project_id: pipeline.project_id.0,
        sha: pipeline.sha.to_string(),
        git_ref: pipeline.git_ref.name.clone(),
        status: pipeline.status.to_string(),
        source: pipeline.source.to_string(),
        created_at: time(pipeline.created_at),
        updated_at: time(pipeline.updated_at),
        web_url: format!("{}{path}", url.base()),
        before_sha: pipeline.before_sha.to_string(),
        tag: pipeline.git_ref.is_tag,
        yaml_errors: pipeline.yaml_errors.clone(),
        user: around.user.map(|who| user::basic(url, who)),
        started_at: maybe_time(pipeline.started_at),
        finished_at: maybe_time(pipeline.finished_at),
        committed_at: None,
        duration: pipeline.duration_seconds,
        queued_duration: queued_seconds(pipeline),
        coverage: around.coverage.map(|percent| format!("{percent:.2}")),
        detailed_status: status::of_pipeline(
            pipeline.status,
            around.has_warnings,
            format!("{}{path}", url.path()),
            around.has_details,
        ),
        archived: false,
        name: around.with_name.then(|| Nullable(pipeline.name.clone())),
    }
}

/// A pipeline that was just created.
#[must_use]
pub fn created(url: &ExternalUrl, created: &Created) -> Full {
    let around = Around {
        project_path: &created.project.full_path,
        user: Some(&created.user),
        has_warnings: false,
        coverage: None,
        has_details: has_details(&created.project),
        with_name: false,
    };
    full(url, &created.pipeline, &around)
}

/// A pipeline as it is now, in answers that do not have its name.
#[must_use]
pub fn unnamed(url: &ExternalUrl, known: &Shown) -> Full {
    Full {
        name: None,
        ..shown(url, known)
    }
}

/// A pipeline as it is now, with its name.
#[must_use]
pub fn shown(url: &ExternalUrl, shown: &Shown) -> Full {
    let around = Around {
        project_path: &shown.project.full_path,
        user: shown.user.as_ref(),
        has_warnings: shown.has_warnings,
        coverage: shown.coverage,
        has_details: has_details(&shown.project),
        with_name: true,
    };
    full(url, &shown.pipeline, &around)
}

/// Answers are rendered for nobody in particular: only what everybody may see has details.
fn has_details(project: &Project) -> bool {
    project.visibility == Visibility::Public
}

/// A variable that was given to a pipeline.
#[must_use]
pub fn variable(given: GivenVariable) -> PipelineVariable {
    PipelineVariable {
        variable_type: given.kind.to_string(),
        key: given.key,
        value: given.value,
        raw: given.raw,
    }
}

/// Path of a pipeline's page.
fn page(project_path: &str, pipeline: &Pipeline) -> String {
    format!("/{project_path}/-/pipelines/{}", pipeline.id)
}

/// Whole seconds from creation to the first job's start; none when that was less than one.
fn queued_seconds(pipeline: &Pipeline) -> Option<i64> {
    let waited = pipeline.started_at?.since(pipeline.created_at);
    i64::try_from(waited.as_secs()).ok().filter(|seconds| *seconds > 0)
}
