//! What is known about a bridge that is to start a pipeline.

use compile::Variable;
use model::definition::Trigger;
use model::{AccessLevel, Job, JobId, Pipeline, Status, User};
use schedule::bridge::MAX_FAMILY;
use store::{Tx, ops};

use crate::bridges::mirror::Order;
use crate::error::{Error, Result};
use crate::pipelines::create;
use crate::runners::payload::{Gathered, gather};
use crate::{App, lookup, variables};

/// A pending bridge and everything around it.
#[derive(Debug)]
pub(super) struct Origin {
    /// Job, pipeline, project, definition, and what variables are made of.
    pub(super) gathered: Gathered,
    /// `trigger` of its definition.
    pub(super) trigger: Trigger,
    /// Whom it runs as, with that user's role in the bridge's project.
    pub(super) user: Option<(User, AccessLevel)>,
    /// Its pipeline and those above, nearest first.
    pub(super) ancestors: Vec<Pipeline>,
    /// Pipelines that belong together with this one, itself included, in all projects.
    pub(super) family: i64,
    /// Predefined variables of its pipeline.
    pub(super) predefined: Vec<Variable>,
}

/// What a pending bridge is there for.
#[derive(Debug)]
pub(super) enum Found {
    /// It starts a pipeline.
    Starts(Box<Origin>),
    /// It follows a pipeline of another project.
    Mirrors(Box<Order>),
}

impl Found {
    /// Reads a bridge; `None` when it is not one that is to start now.
    pub(super) async fn read(app: &App, id: JobId) -> Result<Option<Found>> {
        let this = app.clone();
        let found = app.store.read(move |tx| read(&this, tx, id)).await?;
        let Some(Found::Starts(mut origin)) = found else {
            return Ok(found);
        };
        let gathered = &origin.gathered;
        let revision = create::revision(app, &gathered.project, &gathered.pipeline.sha).await?;
        let tag_message = create::tag_message(app, &gathered.project, &gathered.pipeline.git_ref)?;
        let facts = variables::PipelineFacts {
            tag_message: tag_message.as_deref(),
            ..gathered.pipeline_facts(app, &revision.commit)
        };
        origin.predefined = variables::of_pipeline(&facts);
        Ok(Some(Found::Starts(origin)))
    }
}

impl Origin {
    pub(super) const fn job(&self) -> &Job {
        &self.gathered.job
    }
}

fn read(app: &App, tx: &mut dyn Tx, id: JobId) -> Result<Option<Found>> {
    let starts = |job: &Job| job.is_bridge && job.status == Status::Pending && !job.retried;
    let Some(job) = ops::jobs::by_id(tx, id)?.filter(starts) else {
        return Ok(None);
    };
    let gathered = gather(app, tx, &job)?;
    if let Some(order) = Order::of(&gathered) {
        return Ok(Some(Found::Mirrors(Box::new(order))));
    }
    let trigger = gathered.definition.trigger.clone();
    let trigger =
        trigger.ok_or_else(|| Error::internal(format!("job_definitions {}: no trigger", job.definition_id)))?;
    let user = match &gathered.user {
        Some(user) => Some((user.clone(), lookup::role(app, tx, user, &gathered.project)?)),
        None => None,
    };
    let ancestors = ops::pipelines::ancestry(tx, gathered.pipeline.clone(), MAX_FAMILY)?;
    let root = ancestors.last().map_or(gathered.pipeline.id, |root| root.id);
    Ok(Some(Found::Starts(Box::new(Origin {
        family: ops::bridges::family_size(tx, root, MAX_FAMILY.try_into().unwrap_or(i64::MAX))?,
        gathered,
        trigger,
        user,
        ancestors,
        predefined: Vec::new(),
    }))))
}
