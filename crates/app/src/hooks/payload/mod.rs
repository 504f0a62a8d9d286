//! What hooks are told, as GitLab writes it (webhooks.md), and what it is made of.
//!
//! JSON is made here and not in `web`: no request of a client asks for it.

mod deployment;
mod environments;
mod pipeline;
mod push;

use model::{GitRef, Job, Namespace, Pipeline, PipelineId, Project, User};
use serde_json::{Map, Value as Json, json};
use store::{Tx, ops};

use crate::error::Result;
use crate::hooks::happened::{Event, JobThen, PipelineThen};
use crate::hooks::payload::environments::Environments;
use crate::{App, access};

/// A payload, and what decides who gets it.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The payload.
    pub json: Json,
    /// The branch of a push: hooks may want certain branches only.
    pub branch: Option<String>,
    /// The pipeline that it tells of.
    pub pipeline: Option<PipelineId>,
}

/// Makes the payload of an event; `None` when what it is about is gone.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn of(app: &App, project: model::ProjectId, event: Event) -> Result<Option<Payload>> {
    let this = app.clone();
    let Some(about) = app
        .store
        .read(move |tx| About::read(&this, tx, project, event.clone()))
        .await?
    else {
        return Ok(None);
    };
    let this = app.clone();
    crate::blocking(move || {
        let repository = match this.repositories.open(&about.project) {
            Ok(repository) => Some(repository),
            Err(git::Error::NoRepository { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let branch = match &about.event {
            Event::Push(push) => push.git_ref.strip_prefix("refs/heads/").map(str::to_owned),
            _ => None,
        };
        let json = match &about.event {
            Event::Push(push) => match &repository {
                Some(repository) => push::payload(&this, &about, push, repository)?,
                None => return Ok(None),
            },
            Event::Pipeline(_) => pipeline::of_pipeline(&this, &about, repository.as_ref())?,
            Event::Job { .. } => pipeline::of_job(&this, &about, repository.as_ref())?,
            Event::Deployment { .. } => deployment::payload(&this, &about, repository.as_ref())?,
        };
        let pipeline = match &about.event {
            Event::Push(_) => None,
            Event::Deployment { .. } => about
                .deployed
                .as_ref()
                .and_then(|deployed| deployed.deployment.pipeline_id),
            Event::Pipeline(then) | Event::Job { pipeline: then, .. } => Some(PipelineId(then.id)),
        };
        Ok(Some(Payload { json, branch, pipeline }))
    })
    .await
}

/// Everything the database knows about an event.
struct About {
    event: Event,
    project: Project,
    namespace: Namespace,
    user: Option<User>,
    ref_protected: bool,
    run: Option<Run>,
    deployed: Option<deployment::Deployed>,
}

/// A pipeline and those of its jobs that a payload shows.
struct Run {
    pipeline: Pipeline,
    jobs: Vec<Job>,
    users: Vec<User>,
    runners: Vec<model::Runner>,
    archives: Vec<ops::artifacts::Artifact>,
    variables: Vec<String>,
    retries: i64,
    upstream: Option<Project>,
    environments: Environments,
}

impl About {
    fn read(app: &App, tx: &mut dyn Tx, project: model::ProjectId, event: Event) -> Result<Option<About>> {
        let Some(project) = ops::projects::get(tx, project)? else {
            return Ok(None);
        };
        let Some(namespace) = ops::namespaces::get(tx, project.namespace_id)? else {
            return Ok(None);
        };
        let run = match &event {
            Event::Push(_) | Event::Deployment { .. } => None,
            Event::Pipeline(then) => match Run::read(app, tx, then, &then.jobs)? {
                Some(run) => Some(run),
                None => return Ok(None),
            },
            Event::Job { job, pipeline } => match Run::read(app, tx, pipeline, std::slice::from_ref(job))? {
                Some(run) if !run.jobs.is_empty() => Some(run),
                _ => return Ok(None),
            },
        };
        let deployed = match &event {
            Event::Deployment { id, status, at } => {
                let Some(deployed) = deployment::Deployed::read(tx, project.id, (*id, *status, *at))? else {
                    return Ok(None);
                };
                Some(deployed)
            }
            _ => None,
        };
        let user_id = match (&event, &run) {
            (Event::Push(push), _) => Some(model::UserId(push.user)),
            (Event::Deployment { .. }, _) => deployed.as_ref().and_then(|deployed| deployed.user),
            (Event::Job { .. }, Some(run)) => run.jobs.first().and_then(|job| job.user_id),
            (_, Some(run)) => run.pipeline.user_id,
            _ => None,
        };
        let user = user_id.map(|id| ops::users::get(tx, id)).transpose()?.flatten();
        let ref_protected = match &event {
            Event::Push(push) => {
                let git_ref = git_ref(&push.git_ref);
                access::is_protected(
                    &ops::protected_refs::list(tx, project.id)?,
                    &git_ref.name,
                    git_ref.is_tag,
                )
            }
            _ => false,
        };
        Ok(Some(About {
            event,
            project,
            namespace,
            user,
            ref_protected,
            run,
            deployed,
        }))
    }
}

impl Run {
    fn read(app: &App, tx: &mut dyn Tx, then: &PipelineThen, jobs: &[JobThen]) -> Result<Option<Run>> {
        let Some(mut pipeline) = ops::pipelines::by_id(tx, model::PipelineId(then.id))? else {
            return Ok(None);
        };
        pipeline.status = then.status;
        pipeline.started_at = then.started_at;
        pipeline.finished_at = then.finished_at;
        pipeline.duration_seconds = then.duration_seconds;
        let ids: Vec<model::JobId> = jobs.iter().map(|job| model::JobId(job.id)).collect();
        let mut found = ops::jobs::get_many(tx, &ids)?;
        for job in &mut found {
            if let Some(then) = jobs.iter().find(|then| then.id == job.id.0) {
                job.status = then.status;
                job.queued_at = then.queued_at;
                job.started_at = then.started_at;
                job.finished_at = then.finished_at;
                job.failure_reason = then.failure_reason;
            }
        }
        let mut users: Vec<model::UserId> = found.iter().filter_map(|job| job.user_id).collect();
        users.sort_unstable();
        users.dedup();
        let mut runners: Vec<model::RunnerId> = found.iter().filter_map(|job| job.runner_id).collect();
        runners.sort_unstable();
        runners.dedup();
        let mut known = Vec::new();
        for id in runners {
            known.extend(ops::runners::get(tx, id)?);
        }
        let given = ops::pipelines::given(tx, pipeline.id)?;
        let given = crate::pipelines::given::open(
            &app.keys,
            pipeline.project_id,
            pipeline.created_at,
            given.variables.as_deref(),
        )?;
        let upstream = match pipeline.upstream_pipeline_id {
            Some(id) => match ops::pipelines::by_id(tx, id)? {
                Some(upstream) => ops::projects::get(tx, upstream.project_id)?,
                None => None,
            },
            None => None,
        };
        let retries = match &found[..] {
            [job] => ops::jobs::count_earlier(tx, job)?,
            _ => 0,
        };
        Ok(Some(Run {
            users: ops::users::get_many(tx, &users)?,
            runners: known,
            archives: ops::artifacts::of_jobs(tx, &ids)?,
            variables: given.into_iter().map(|variable| variable.key).collect(),
            retries,
            upstream,
            environments: Environments::read(tx, &found)?,
            jobs: found,
            pipeline,
        }))
    }
}

fn git_ref(full_name: &str) -> GitRef {
    match full_name.strip_prefix("refs/tags/") {
        Some(name) => GitRef::tag(name),
        None => GitRef::branch(full_name.strip_prefix("refs/heads/").unwrap_or(full_name)),
    }
}

/// `project`; pushes have it with the names that it had once, too.
fn project(app: &App, about: &About, with_old_names: bool) -> Json {
    let project = &about.project;
    let (web, http, ssh) = urls(app, project);
    let mut json = json!({
        "id": project.id.0,
        "name": project.name,
        "description": project.description,
        "web_url": web,
        "avatar_url": null,
        "git_ssh_url": ssh,
        "git_http_url": http,
        "namespace": about.namespace.name,
        "visibility_level": visibility_level(project),
        "path_with_namespace": project.full_path,
        "default_branch": project.default_branch,
        "ci_config_path": project.settings.config_path,
    });
    if with_old_names && let Some(map) = json.as_object_mut() {
        map.extend(Map::from_iter([
            ("homepage".to_owned(), Json::from(web)),
            ("url".to_owned(), Json::from(ssh.clone())),
            ("ssh_url".to_owned(), Json::from(ssh)),
            ("http_url".to_owned(), Json::from(http)),
        ]));
    }
    json
}

/// `repository`, which nobody should read any more.
fn repository(app: &App, project: &Project) -> Json {
    let (web, http, ssh) = urls(app, project);
    json!({
        "name": project.name,
        "url": ssh.clone(),
        "description": project.description,
        "homepage": web,
        "git_http_url": http,
        "git_ssh_url": ssh,
        "visibility_level": visibility_level(project),
    })
}

/// Addresses of the project: for people, for git over HTTP, for git over SSH.
fn urls(app: &App, project: &Project) -> (String, String, String) {
    let (url, path) = (&app.settings.external_url, &project.full_path);
    (
        format!("{}/{path}", url.base()),
        format!("{}/{path}.git", url.base()),
        format!("git@{}:{path}.git", url.host()),
    )
}

const fn visibility_level(project: &Project) -> i64 {
    match project.visibility {
        model::Visibility::Private => 0,
        model::Visibility::Internal => 10,
        model::Visibility::Public => 20,
    }
}

/// `user`; nobody here has a public mail address.
fn user(user: &User) -> Json {
    json!({
        "id": user.id.0,
        "name": user.name,
        "username": user.username,
        "avatar_url": null,
        "email": "[REDACTED]",
    })
}

/// A commit of a push or pipeline.
fn commit(app: &App, project: &Project, commit: &git::Commit) -> Json {
    let (web, _, _) = urls(app, project);
    let time = &commit.committer.time;
    json!({
        "id": commit.sha.to_string(),
        "message": commit.message,
        "title": commit.title(),
        "timestamp": crate::time::iso_with_offset(time.seconds, time.offset_seconds),
        "url": format!("{web}/-/commit/{}", commit.sha),
        "author": { "name": commit.author.name, "email": commit.author.email },
    })
}
