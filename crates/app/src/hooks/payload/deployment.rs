//! Deployments.

use git::Repository;
use model::{Deployment, DeploymentStatus, Environment, Timestamp};
use serde_json::{Value as Json, json};
use store::{Tx, ops};

use super::{About, project, urls, user};
use crate::App;
use crate::error::{Error, Result};
use crate::time::utc;

/// A deployment as it was, where it went, and who deployed.
pub(super) struct Deployed {
    pub(super) deployment: Deployment,
    environment: Environment,
    /// Who deployed: whom the job runs as, where there is one.
    pub(super) user: Option<model::UserId>,
    at: Timestamp,
}

impl Deployed {
    /// `None` when the deployment is gone.
    pub(super) fn read(
        tx: &mut dyn Tx,
        project: model::ProjectId,
        (id, status, at): (i64, DeploymentStatus, Timestamp),
    ) -> Result<Option<Deployed>> {
        let Some(mut deployment) = ops::deployments::get(tx, project, id.into())? else {
            return Ok(None);
        };
        let Some(environment) = ops::environments::by_id(tx, deployment.environment_id)? else {
            return Ok(None);
        };
        let job = deployment.job_id.map(|id| ops::jobs::by_id(tx, id)).transpose()?;
        deployment.status = status;
        Ok(Some(Deployed {
            user: job.flatten().and_then(|job| job.user_id).or(deployment.user_id),
            deployment,
            environment,
            at,
        }))
    }
}

pub(super) fn payload(app: &App, about: &About, repository: Option<&Repository>) -> Result<Json> {
    let deployed = about
        .deployed
        .as_ref()
        .ok_or_else(|| Error::internal("an event of a deployment without one"))?;
    let (deployment, environment) = (&deployed.deployment, &deployed.environment);
    let (web, _, _) = urls(app, &about.project);
    let commit = match repository {
        Some(repository) => repository.commit(&deployment.sha)?,
        None => None,
    };
    let base = app.settings.external_url.base();
    Ok(json!({
        "object_kind": "deployment",
        "status": deployment.status.to_string(),
        "status_changed_at": utc(deployed.at),
        "deployment_id": deployment.id.0,
        "deployable_id": deployment.job_id.map(|id| id.0),
        "deployable_url": deployment.job_id.map(|id| format!("{web}/-/jobs/{id}")),
        "environment": environment.name,
        "environment_tier": environment.tier.to_string(),
        "environment_slug": environment.slug,
        "environment_external_url": environment.external_url,
        "project": project(app, about, true),
        "short_sha": deployment.sha.short(),
        "user": about.user.as_ref().map(user),
        "user_url": about.user.as_ref().map(|user| format!("{base}/{}", user.username)),
        "commit_url": commit.as_ref().map(|commit| format!("{web}/-/commit/{}", commit.sha)),
        "commit_title": commit.as_ref().map(git::Commit::title),
        "ref": deployment.git_ref.name,
    }))
}
