//! A bridge without `trigger` (`needs: {pipeline: group/project}`): it follows the newest pipeline on the default branch
//! of another project. Where there is none it is skipped.

use model::definition::{CrossNeed, Trigger};
use model::{FailureReason, GitRef, Job, JobEvent, PipelineId, Status, User};
use schedule::bridge::Strategy;
use store::{Tx, ops};

use crate::App;
use crate::access::{self, Ability};
use crate::bridges::follow;
use crate::bridges::start::Refused;
use crate::caller::{Caller, Credential, UserCaller};
use crate::error::{Error, Result};
use crate::jobs::settle;
use crate::lookup;
use crate::runners::payload::Gathered;

/// A pending bridge that is to follow a pipeline.
#[derive(Debug)]
pub(super) struct Order {
    job: Job,
    user: Option<User>,
    /// Full path of the project, as written: GitLab expands no variables here.
    project: String,
}

impl Order {
    /// Reads whom the bridge follows; `None` for one that starts a pipeline.
    pub(super) fn of(gathered: &Gathered) -> Option<Order> {
        let starts = |trigger: &Trigger| trigger.project.is_some() || !trigger.includes.is_empty();
        if gathered.definition.trigger.as_ref().is_some_and(starts) {
            return None;
        }
        let needs = &gathered.definition.cross_needs;
        let project = needs.iter().find_map(|need| match need {
            CrossNeed::Pipeline {
                pipeline, job: None, ..
            } => Some(pipeline.clone()),
            _ => None,
        })?;
        Some(Order {
            job: gathered.job.clone(),
            user: gathered.user.clone(),
            project,
        })
    }
}

/// Lets the bridge follow its pipeline from now on; says why not when it may not.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) async fn start(app: &App, order: Order) -> Result<Option<Refused>> {
    let (this, job) = (app.clone(), order.job.clone());
    let found = app.store.read(move |tx| mirrored(&this, tx, &order)).await?;
    let mirrored = match found {
        Ok(Some(mirrored)) => mirrored,
        Ok(None) => return skip(app, &job).await.map(|()| None),
        Err(refused) => return Ok(Some(refused)),
    };
    let now = app.clock.now();
    let bound = settle::change(app, job.pipeline_id, move |tx, locked| {
        let is_pending = |index: &usize| locked.jobs[*index].status == Status::Pending;
        let Some(index) = locked.find(job.id).filter(is_pending) else {
            return Ok(());
        };
        let Some(pipeline) = ops::pipelines::by_id(tx, mirrored)? else {
            return Ok(());
        };
        ops::bridges::mirror(tx, job.id, mirrored)?;
        locked.happen(index, JobEvent::Run, now).map_err(Error::internal)?;
        follow::apply(tx, locked, index, (Strategy::Mirror, pipeline.status), now)
    });
    bound.await?;
    // Whoever changed the pipeline meanwhile may not have seen that somebody follows it.
    follow::look(app, job.pipeline_id, job.id, false).await?;
    Ok(None)
}

/// Ends a bridge that has nothing to follow.
async fn skip(app: &App, job: &Job) -> Result<()> {
    let (id, now) = (job.id, app.clock.now());
    let skipped = settle::change(app, job.pipeline_id, move |_, locked| {
        match locked
            .find(id)
            .filter(|index| locked.jobs[*index].status == Status::Pending)
        {
            Some(index) => {
                locked.happen(index, JobEvent::Skip, now).map_err(Error::internal)?;
                Ok(())
            }
            None => Ok(()),
        }
    });
    skipped.await.map(drop)
}

/// Finds the pipeline to follow; `None` where there is none, which GitLab looks at before it asks who may read it.
fn mirrored(app: &App, tx: &mut dyn Tx, order: &Order) -> Result<std::result::Result<Option<PipelineId>, Refused>> {
    let refused = |reason| {
        Ok(Err(Refused {
            reason,
            messages: Vec::new(),
        }))
    };
    let Some(project) = ops::projects::by_full_path(tx, &order.project)? else {
        return refused(FailureReason::UpstreamBridgeProjectNotFound);
    };
    let newest = match project.default_branch.clone() {
        Some(branch) => ops::pipelines::latest_of_ref(tx, project.id, &GitRef::branch(branch))?,
        None => None,
    };
    let Some(newest) = newest else { return Ok(Ok(None)) };
    let may_read = match &order.user {
        Some(user) => {
            let role = lookup::role(app, tx, user, &project)?;
            let caller = Caller::User(Box::new(UserCaller {
                user: user.clone(),
                credential: Credential::Session,
                address: None,
            }));
            user.is_active() && access::allows(&project, role, &caller, Ability::ReadPipelines)
        }
        None => false,
    };
    if !may_read {
        return refused(FailureReason::InsufficientUpstreamPermissions);
    }
    if newest.id == order.job.pipeline_id {
        let message = "a bridge cannot mirror its own pipeline: it would wait for itself".to_owned();
        return Ok(Err(Refused::new(FailureReason::InvalidBridgeTrigger, message)));
    }
    Ok(Ok(Some(newest.id)))
}
