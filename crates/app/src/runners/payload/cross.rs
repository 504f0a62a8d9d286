//! Jobs of other pipelines and projects whose artifacts a job takes (`needs:pipeline`, `needs:project`).

use std::borrow::Cow;
use std::collections::HashMap;

use compile::Variable;
use compile::variables::{Undefined, expand_name};
use model::definition::CrossNeed;
use model::{Job, Pipeline, PipelineId, Status};
use schedule::bridge::MAX_FAMILY;
use store::{Tx, ops};

use super::gathered::{Gathered, archives_of};
use crate::access::{self, Ability};
use crate::caller::{Caller, Credential, UserCaller};
use crate::error::Result;
use crate::lookup;
use crate::runners::variables::{JobVariable, of_bridge};
use crate::{App, jobs};

/// Adds the jobs to those that the job needs; `false` when one of them is not there or not for this job.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) async fn add(app: &App, gathered: &mut Gathered, of_pipeline: &[Variable]) -> Result<bool> {
    let known: HashMap<String, JobVariable> = of_bridge(&gathered.job_facts(app, of_pipeline))
        .into_iter()
        .map(|variable| (variable.key.clone(), variable))
        .collect();
    let expand = |text: &str| {
        let lookup = |name: &str| known.get(name).map(|variable| Cow::Owned(variable.value.clone()));
        expand_name(text, Undefined::Blank, &lookup).into_owned()
    };
    let wanted: Vec<Wanted> = gathered
        .definition
        .cross_needs
        .iter()
        .filter_map(|need| Wanted::of(need, expand))
        .collect();
    let (this, job, pipeline) = (app.clone(), gathered.job.clone(), gathered.pipeline.clone());
    let found = app
        .store
        .read(move |tx| {
            let mut found = Vec::with_capacity(wanted.len());
            for one in &wanted {
                let Some(needed) = one.find(&this, tx, &job, &pipeline)? else {
                    return Ok(None);
                };
                found.push(needed);
            }
            let ids: Vec<_> = found.iter().map(|job| job.id).collect();
            let archives = archives_of(&this, tx, &ids)?;
            let dotenv = jobs::given::dotenv(&this.keys, tx, &ids)?;
            Ok::<_, crate::Error>(Some((found, archives, dotenv)))
        })
        .await?;
    let Some((needed, archives, dotenv)) = found else {
        return Ok(false);
    };
    gathered.needed.extend(needed);
    gathered.archives.extend(archives);
    gathered.dotenv.extend(dotenv);
    Ok(true)
}

/// A job whose artifacts are wanted, its names expanded.
enum Wanted {
    OfPipeline {
        pipeline: String,
        job: String,
    },
    OfProject {
        project: String,
        git_ref: String,
        job: String,
    },
}

impl Wanted {
    /// `None` when no artifacts are wanted.
    fn of(need: &CrossNeed, expand: impl Fn(&str) -> String) -> Option<Wanted> {
        Some(match need {
            CrossNeed::Pipeline {
                pipeline,
                job: Some(job),
                artifacts: true,
            } => Wanted::OfPipeline {
                pipeline: expand(pipeline),
                job: expand(job),
            },
            CrossNeed::Project {
                project,
                git_ref,
                job,
                artifacts: true,
            } => Wanted::OfProject {
                project: expand(project),
                git_ref: expand(git_ref),
                job: expand(job),
            },
            _ => return None,
        })
    }

    fn find(&self, app: &App, tx: &mut dyn Tx, asking: &Job, own: &Pipeline) -> Result<Option<Job>> {
        match self {
            Wanted::OfPipeline { pipeline, job } => match pipeline.parse() {
                Ok(id) => of_pipeline(tx, own, PipelineId(id), job),
                Err(_) => Ok(None),
            },
            Wanted::OfProject { project, git_ref, job } => of_project(app, tx, asking, project, git_ref, job),
        }
    }
}

/// A job that succeeded in another pipeline of the same parents and children.
fn of_pipeline(tx: &mut dyn Tx, own: &Pipeline, other: PipelineId, name: &str) -> Result<Option<Job>> {
    let Some(other) = ops::pipelines::get(tx, own.project_id, other)?.filter(|other| other.id != own.id) else {
        return Ok(None);
    };
    let id = other.id;
    if root(tx, own.clone())? != root(tx, other)? {
        return Ok(None);
    }
    let jobs = ops::jobs::current(tx, id)?.into_iter();
    let fits = |job: &Job| job.name == name && job.status == Status::Success && !job.is_bridge;
    Ok(jobs.rev().find(fits))
}

/// The outermost parent within the project.
fn root(tx: &mut dyn Tx, own: Pipeline) -> Result<Option<PipelineId>> {
    let project = own.project_id;
    let ancestry = ops::pipelines::ancestry(tx, own, MAX_FAMILY)?;
    let in_project = ancestry.iter().take_while(|one| one.project_id == project);
    Ok(in_project.last().map(|root| root.id))
}

/// The newest job of that name that succeeded on a ref, if the job's user may read jobs there and the
/// project accepts the job's token, which the runner will show.
fn of_project(app: &App, tx: &mut dyn Tx, asking: &Job, path: &str, git_ref: &str, name: &str) -> Result<Option<Job>> {
    let (Some(project), Some(user)) = (ops::projects::by_full_path(tx, path)?, asking.user_id) else {
        return Ok(None);
    };
    let Some(user) = ops::users::get(tx, user)? else {
        return Ok(None);
    };
    let role = lookup::role(app, tx, &user, &project)?;
    let caller = Caller::User(Box::new(UserCaller {
        user: user.clone(),
        credential: Credential::Session,
        address: None,
    }));
    let may_read = access::allows(&project, role, &caller, Ability::ReadJobs);
    if !may_read || !lookup::job_may_use(tx, asking, &user, &project, role)? {
        return Ok(None);
    }
    Ok(ops::bridges::latest_success(tx, project.id, git_ref, name)?)
}
