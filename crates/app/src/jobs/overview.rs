//! One job with everything that is shown around it.

use model::definition::GivenVariable;
use model::{Job, JobId, TriggerToken};
use store::ops;

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::environments::{self, overview::OfJob};
use crate::error::{Error, Result};
use crate::jobs::read::{self, Shown};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::overview::{Given, attempts, read_given};

/// A job and what is around it.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The project and the caller's role in it.
    pub access: ProjectAccess,
    /// The job with its pipeline, commit, runner and files.
    pub shown: Shown,
    /// The trigger token that started its pipeline, while it exists.
    pub token: Option<TriggerToken>,
    /// What its pipeline was given.
    pub given: Given,
    /// The variables it was played with; none for those who may not read values.
    pub played: Vec<GivenVariable>,
    /// Other attempts at it, newest first.
    pub attempts: Vec<Job>,
    /// The newest jobs of the same pipeline, by id.
    pub siblings: Vec<Job>,
    /// Its environment, and what it does to that.
    pub environment: Option<OfJob>,
    /// Whether its log and artifacts may be erased by the caller.
    pub may_erase: bool,
}

/// Returns a job with everything around it. Unlike the API, those who are not signed in may look at jobs that
/// everybody may see.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn overview(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<Overview> {
    let this = app.clone();
    let (access, job, token, given, played, attempts, siblings, environment, may_erase) = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadJobs)?;
            let job = ops::jobs::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            let pipeline = ops::pipelines::get(tx, access.project.id, job.pipeline_id)?.ok_or(Error::RecordNotFound)?;
            let token = match pipeline.trigger_token_id {
                Some(id) => ops::trigger_tokens::by_id(tx, id)?,
                None => None,
            };
            let given = read_given(&this, tx, &caller, &access, &pipeline)?;
            let played = match given.may_read {
                true => crate::jobs::given::get(&this.keys, tx, job.id)?,
                false => Vec::new(),
            };
            let attempts = attempts(tx, &job)?;
            let siblings = ops::jobs::current(tx, job.pipeline_id)?;
            let environment = environments::overview::of_job(tx, &job)?;
            let is_own = caller.user().is_some_and(|user| Some(user.id) == job.user_id);
            let may_erase = job.status.is_completed()
                && job.erased_at.is_none()
                && !job.is_bridge
                && (access.allows(&caller, Ability::EraseJob)
                    || (is_own && access.allows(&caller, Ability::UpdatePipeline)));
            Ok::<_, Error>((
                access,
                job,
                token,
                given,
                played,
                attempts,
                siblings,
                environment,
                may_erase,
            ))
        })
        .await?;
    let shown = read::one(app, access.project.clone(), job).await?;
    Ok(Overview {
        access,
        shown,
        token,
        given,
        played,
        attempts,
        siblings,
        environment,
        may_erase,
    })
}

/// Returns a job whose log the caller may read.
///
/// # Errors
///
/// As [`overview`].
pub async fn job(app: &App, caller: Caller, key: ProjectKey, id: JobId) -> Result<Job> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadJobs)?;
            ops::jobs::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)
        })
        .await
}

/// Lists jobs of a project, newest first: at most `most`, and whether there are more.
///
/// # Errors
///
/// 404, 401 or 403 as project and role say.
pub async fn list(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    scope: Vec<model::Status>,
    before: Option<JobId>,
    most: i64,
) -> Result<(ProjectAccess, Vec<Shown>, bool)> {
    let this = app.clone();
    let (access, mut jobs) = app
        .store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ReadJobs)?;
            let filter = ops::jobs::JobFilter {
                scope: &scope,
                id_before: before,
                ..ops::jobs::JobFilter::new(ops::jobs::JobOf::Project(access.project.id))
            };
            let page = crate::Rows {
                limit: most + 1,
                offset: 0,
            };
            Ok::<_, Error>((access, ops::jobs::list(tx, &filter, page)?))
        })
        .await?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let has_more = jobs.len() > most;
    jobs.truncate(most);
    let shown = read::show(app, access.project.clone(), jobs).await?;
    Ok((access, shown, has_more))
}
