//! Pipelines and jobs.

use git::Repository;
use model::{Job, Timestamp};
use serde_json::{Value as Json, json};

use super::{About, Run, commit, project, repository, user};
use crate::App;
use crate::error::{Error, Result};
use crate::time::{iso_seconds, utc};

/// What stands in place of a value that only Maintainers may read: hooks go to whoever has their address.
const REDACTED: &str = "[REDACTED]";

fn run(about: &About) -> Result<&Run> {
    about
        .run
        .as_ref()
        .ok_or_else(|| Error::internal("an event of a pipeline without one"))
}

pub(super) fn of_pipeline(app: &App, about: &About, repo: Option<&Repository>) -> Result<Json> {
    let run = run(about)?;
    let pipeline = &run.pipeline;
    let mut builds: Vec<&Job> = run.jobs.iter().collect();
    builds.sort_by_key(|job| std::cmp::Reverse(job.id));
    let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    let queued = pipeline
        .started_at
        .map(|started| started.since(pipeline.created_at).as_secs());
    let variables = run.variables.iter().map(|key| json!({ "key": key, "value": REDACTED }));
    let base = app.settings.external_url.base();
    let mut json = json!({
        "object_kind": "pipeline",
        "object_attributes": {
            "id": pipeline.id.0,
            "iid": pipeline.iid.0,
            "name": pipeline.name,
            "ref": pipeline.git_ref.name,
            "tag": pipeline.git_ref.is_tag,
            "sha": pipeline.sha.to_string(),
            "before_sha": pipeline.before_sha.to_string(),
            "source": pipeline.source.to_string(),
            "status": pipeline.status.to_string(),
            "detailed_status": label(run),
            "stages": stages,
            "created_at": utc(pipeline.created_at),
            "finished_at": pipeline.finished_at.map(utc),
            "duration": pipeline.duration_seconds,
            "queued_duration": queued,
            "protected_ref": pipeline.protected,
            "variables": variables.collect::<Vec<_>>(),
            "url": format!("{base}/{}/-/pipelines/{}", about.project.full_path, pipeline.id),
        },
        "merge_request": null,
        "user": about.user.as_ref().map(user),
        "project": project(app, about, false),
        "commit": found(repo, run)?.map(|found| commit(app, &about.project, &found)),
        "builds": builds.into_iter().map(|job| build(app, run, job)).collect::<Vec<_>>(),
    });
    add_source(app, run, &mut json);
    Ok(json)
}

/// The status in words, as pages have it.
fn label(run: &Run) -> String {
    use model::Status;
    let allowed_failure = run
        .jobs
        .iter()
        .any(|job| job.status == Status::Failed && job.allow_failure);
    match run.pipeline.status {
        Status::Success if allowed_failure => "passed with warnings".to_owned(),
        Status::Success => "passed".to_owned(),
        Status::Manual => "waiting for manual action".to_owned(),
        Status::Scheduled => "waiting for delayed job".to_owned(),
        other => other.to_string().replace('_', " "),
    }
}

fn build(app: &App, run: &Run, job: &Job) -> Json {
    let now = app.clock.now();
    let owner = run.users.iter().find(|user| Some(user.id) == job.user_id);
    let archive = run
        .archives
        .iter()
        .find(|one| one.file.job_id == job.id && one.file.kind == "archive");
    json!({
        "id": job.id.0,
        "stage": job.stage,
        "name": job.name,
        "status": job.status.to_string(),
        "created_at": utc(job.created_at),
        "started_at": job.started_at.map(utc),
        "finished_at": job.finished_at.map(utc),
        "duration": job.duration_seconds(now),
        "queued_duration": job.queued_seconds(now),
        "failure_reason": job.failure_reason.filter(|_| job.status == model::Status::Failed).map(|reason| reason.to_string()),
        "when": job.when.to_string(),
        "manual": job.when == model::When::Manual,
        "allow_failure": job.allow_failure,
        "user": owner.map(user),
        "runner": runner(run, job),
        "artifacts_file": {
            "filename": archive.map(|one| one.file.filename.clone()),
            "size": archive.map(|one| one.file.size),
        },
        "environment": job.environment.as_ref().map(|name| json!({
            "name": name,
            "action": run.environments.action(job),
            "deployment_tier": run.environments.tier(job),
        })),
    })
}

fn runner(run: &Run, job: &Job) -> Option<Json> {
    let runner = run.runners.iter().find(|runner| Some(runner.id) == job.runner_id)?;
    Some(json!({
        "id": runner.id.0,
        "description": runner.description,
        "runner_type": runner.runner_type.to_string(),
        "active": !runner.paused,
        "is_shared": runner.runner_type == model::RunnerType::Instance,
        "tags": runner.tags,
    }))
}

/// The commit of a pipeline, as long as it is there.
fn found(repo: Option<&Repository>, run: &Run) -> Result<Option<git::Commit>> {
    match repo {
        Some(repo) => Ok(repo.commit(&run.pipeline.sha)?),
        None => Ok(None),
    }
}

/// `source_pipeline`: only where another pipeline started this one.
fn add_source(app: &App, run: &Run, json: &mut Json) {
    let (Some(upstream), Some(pipeline)) = (&run.upstream, run.pipeline.upstream_pipeline_id) else {
        return;
    };
    json["source_pipeline"] = json!({
        "project": {
            "id": upstream.id.0,
            "web_url": format!("{}/{}", app.settings.external_url.base(), upstream.full_path),
            "path_with_namespace": upstream.full_path,
        },
        "pipeline_id": pipeline.0,
        "job_id": run.pipeline.upstream_job_id.map(|id| id.0),
    });
}

pub(super) fn of_job(app: &App, about: &About, repo: Option<&Repository>) -> Result<Json> {
    let run = run(about)?;
    let job = run
        .jobs
        .first()
        .ok_or_else(|| Error::internal("an event of a job without one"))?;
    let pipeline = &run.pipeline;
    let now = app.clock.now();
    let found = found(repo, run)?;
    let found = found.as_ref();
    let iso = |at: Option<Timestamp>| at.map(iso_seconds);
    let mut json = json!({
        "object_kind": "build",
        "ref": pipeline.git_ref.name,
        "tag": pipeline.git_ref.is_tag,
        "before_sha": pipeline.before_sha.to_string(),
        "sha": pipeline.sha.to_string(),
        "retries_count": run.retries,
        "build_id": job.id.0,
        "build_name": job.name,
        "build_stage": job.stage,
        "build_status": job.status.to_string(),
        "build_created_at": utc(job.created_at),
        "build_started_at": job.started_at.map(utc),
        "build_finished_at": job.finished_at.map(utc),
        "build_created_at_iso": iso_seconds(job.created_at),
        "build_started_at_iso": iso(job.started_at),
        "build_finished_at_iso": iso(job.finished_at),
        "build_duration": job.duration_seconds(now),
        "build_queued_duration": job.queued_seconds(now),
        "build_allow_failure": job.allow_failure,
        "build_failure_reason": job.failure_reason.map_or_else(|| "unknown_failure".to_owned(), |reason| reason.to_string()),
        "pipeline_id": pipeline.id.0,
        "runner": runner(run, job),
        "project_id": about.project.id.0,
        "project_name": format!("{} / {}", about.namespace.name, about.project.name),
        "user": about.user.as_ref().map(user),
        "commit": {
            "id": pipeline.id.0,
            "name": pipeline.name,
            "sha": pipeline.sha.to_string(),
            "message": found.map(|commit| &commit.message),
            "author_name": found.map(|commit| &commit.author.name),
            "author_email": found.map(|commit| &commit.author.email),
            "author_url": found.map(|commit| format!("mailto:{}", commit.author.email)),
            "status": pipeline.status.to_string(),
            "duration": pipeline.duration_seconds,
            "started_at": pipeline.started_at.map(utc),
            "finished_at": pipeline.finished_at.map(utc),
            "started_at_iso": iso(pipeline.started_at),
            "finished_at_iso": iso(pipeline.finished_at),
        },
        "repository": repository(app, &about.project),
        "project": project(app, about, false),
        "environment": job.environment.as_ref().map(|name| json!({
            "name": name,
            "action": run.environments.action(job),
        })),
    });
    add_source(app, run, &mut json);
    Ok(json)
}
