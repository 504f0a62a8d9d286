//! Environments and deployments with what is shown beside them.

use std::collections::HashMap;

use model::{Deployment, Environment, EnvironmentId, Job, JobId, Project, User};
use store::{Tx, ops};

use crate::App;
use crate::error::{Error, Result};
use crate::jobs::read as jobs;

/// A deployment with what its JSON shows.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The deployment.
    pub deployment: Deployment,
    /// Where to.
    pub environment: Environment,
    /// Who deployed.
    pub user: Option<User>,
    /// The job that deploys, as long as it is there.
    pub job: Option<jobs::Shown>,
}

/// What the database knows about a list of deployments.
pub(super) struct Rows {
    deployments: Vec<Deployment>,
    environments: HashMap<EnvironmentId, Environment>,
    users: Vec<User>,
    jobs: Vec<Job>,
}

impl Rows {
    pub(super) fn read(tx: &mut dyn Tx, deployments: Vec<Deployment>) -> Result<Rows> {
        let mut environments: Vec<_> = deployments.iter().map(|one| one.environment_id).collect();
        environments.sort_unstable();
        environments.dedup();
        let jobs: Vec<JobId> = deployments.iter().filter_map(|one| one.job_id).collect();
        let mut users: Vec<_> = deployments.iter().filter_map(|one| one.user_id).collect();
        users.sort_unstable();
        users.dedup();
        let found = ops::environments::get_many(tx, &environments)?;
        Ok(Rows {
            environments: found.into_iter().map(|one| (one.id, one)).collect(),
            users: ops::users::get_many(tx, &users)?,
            jobs: ops::jobs::get_many(tx, &jobs)?,
            deployments,
        })
    }

    /// Adds what jobs show.
    pub(super) async fn show(self, app: &App, project: &Project) -> Result<Vec<Deployed>> {
        let jobs = jobs::show(app, project.clone(), self.jobs).await?;
        let mut jobs: HashMap<JobId, jobs::Shown> = jobs.into_iter().map(|one| (one.job.id, one)).collect();
        let mut shown = Vec::with_capacity(self.deployments.len());
        for deployment in self.deployments {
            let environment = self.environments.get(&deployment.environment_id);
            shown.push(Deployed {
                environment: environment.ok_or(Error::RecordNotFound)?.clone(),
                user: self
                    .users
                    .iter()
                    .find(|user| Some(user.id) == deployment.user_id)
                    .cloned(),
                job: deployment.job_id.and_then(|id| jobs.remove(&id)),
                deployment,
            });
        }
        Ok(shown)
    }
}
