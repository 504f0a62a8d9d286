//! Who looks, and whether they may.

use std::net::IpAddr;

use model::{JobId, Pipeline, PipelineId, Project};
use store::{Tx, ops};

use crate::App;
use crate::access::{self, Ability};
use crate::authenticate;
use crate::caller::{Caller, Credential, UserCaller};
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::read::{self, Shown};
use crate::triggers::{Token, Via, holder};

/// Who looks at a pipeline or a log.
#[derive(Clone, Debug)]
pub enum Viewer {
    /// Whoever is signed in, or nobody in particular.
    Caller {
        /// Who.
        caller: Box<Caller>,
        /// In which project.
        project: ProjectKey,
    },
    /// The holder of the very token that started the pipeline; sees that pipeline and nothing else.
    Starter {
        /// In which project; `None` when the text cannot name one.
        project: Option<ProjectKey>,
        /// Trigger token or job token.
        token: Token,
        /// From which address.
        address: Option<IpAddr>,
    },
}

impl Viewer {
    /// Returns somebody signed in.
    #[must_use]
    pub fn caller(caller: Caller, project: ProjectKey) -> Viewer {
        Viewer::Caller {
            caller: Box::new(caller),
            project,
        }
    }

    /// Returns the holder of a token that starts pipelines.
    #[must_use]
    pub fn starter(app: &App, project: Option<ProjectKey>, token: &str, address: Option<IpAddr>) -> Viewer {
        Viewer::Starter {
            project,
            token: Token::parse(app, token),
            address,
        }
    }

    /// Finds a pipeline that the viewer may see; with `logs` also what its jobs print.
    ///
    /// # Errors
    ///
    /// 401, 403 or 404 as project and role say. For the holder of a token 404 for every pipeline that it
    /// did not start, and when its owner may not see the project any more.
    pub(super) fn pipeline(
        &self,
        app: &App,
        tx: &mut dyn Tx,
        id: PipelineId,
        logs: bool,
    ) -> Result<(Project, Pipeline)> {
        let ability = if logs {
            Ability::ReadJobs
        } else {
            Ability::ReadPipelines
        };
        match self {
            Viewer::Caller { caller, project } => {
                let access = lookup::project_for(app, tx, caller, project, ability)?;
                if logs && !caller.is_authenticated() {
                    return Err(Error::Unauthorized);
                }
                let pipeline = ops::pipelines::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
                Ok((access.project, pipeline))
            }
            Viewer::Starter {
                project,
                token,
                address,
            } => {
                let key = project.as_ref().ok_or(Error::NotFoundPlain)?;
                let project = lookup::find(tx, key)?.ok_or(Error::NotFoundPlain)?;
                let holder = holder(app, tx, token, &project)?;
                holder.check_address(app, *address)?;
                let pipeline = ops::pipelines::get(tx, project.id, id)?.ok_or(Error::NotFoundPlain)?;
                let started_it = match &holder.via {
                    Via::Trigger(token) => pipeline.trigger_token_id == Some(token.id),
                    Via::Job(job) => pipeline.upstream_job_id == Some(job.id),
                };
                let owner = Caller::User(Box::new(UserCaller {
                    user: holder.user,
                    credential: Credential::Session,
                    address: None,
                }));
                let is_active = owner.user().is_some_and(model::User::is_active);
                if !started_it || !is_active || !access::allows(&project, holder.role, &owner, ability) {
                    return Err(Error::NotFoundPlain);
                }
                Ok((project, pipeline))
            }
        }
    }

    /// Finds the pipeline of a job whose log the viewer may see.
    ///
    /// # Errors
    ///
    /// As [`pipeline`](Viewer::pipeline).
    pub(super) fn job(&self, app: &App, tx: &mut dyn Tx, id: JobId) -> Result<()> {
        let unknown = || match self {
            Viewer::Caller { .. } => Error::RecordNotFound,
            Viewer::Starter { .. } => Error::NotFoundPlain,
        };
        match self {
            // First whether they may look at all: the id of somebody else's job is nobody's business.
            Viewer::Caller { caller, project } => {
                let access = lookup::project_for(app, tx, caller, project, Ability::ReadJobs)?;
                if !caller.is_authenticated() {
                    return Err(Error::Unauthorized);
                }
                ops::jobs::get(tx, access.project.id, id)?.ok_or_else(unknown)?;
                Ok(())
            }
            Viewer::Starter { .. } => {
                let job = ops::jobs::by_id(tx, id)?.ok_or_else(unknown)?;
                self.pipeline(app, tx, job.pipeline_id, true).map(drop)
            }
        }
    }

    /// Looks again who this is: the token may have been revoked, the user blocked.
    ///
    /// # Errors
    ///
    /// What the credentials would be told if they came anew.
    pub(super) fn refresh(&self, app: &App, tx: &mut dyn Tx) -> Result<Viewer> {
        Ok(match self {
            Viewer::Caller { caller, project } => Viewer::Caller {
                caller: Box::new(authenticate::refresh(app, tx, caller)?),
                project: project.clone(),
            },
            // Its token is looked up each time.
            Viewer::Starter { .. } => self.clone(),
        })
    }
}

/// Returns a pipeline as its viewer may see it.
///
/// # Errors
///
/// 401, 403 or 404 as for every viewer.
pub async fn status(app: &App, viewer: Viewer, id: PipelineId) -> Result<Shown> {
    let this = app.clone();
    app.store
        .read(move |tx| {
            let (project, pipeline) = viewer.pipeline(&this, tx, id, false)?;
            read::show(tx, project, pipeline)
        })
        .await
}
