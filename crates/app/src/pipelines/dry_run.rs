//! A dry run of a call that starts a pipeline: the same checks, the same engine, nothing stored.

use compile::Explanation;
use model::job::PlannedJob;

use crate::App;
use crate::error::Result;
use crate::pipelines::compiled::{Numbering, Place, Reveal};
use crate::pipelines::create::{self, Context, Outcome, Prepared};
use crate::pipelines::request::NewPipeline;

/// What a call would create.
#[derive(Debug)]
pub struct DryRun {
    /// Branch or tag, and the commit.
    pub place: Place,
    /// Name of the pipeline.
    pub name: Option<String>,
    /// Its jobs, in the order in which they would be stored.
    pub jobs: Vec<PlannedJob>,
    /// Remarks that stop nothing.
    pub warnings: Vec<String>,
    /// Why each job of the file is in or out; `None` for a pipeline that would be skipped.
    pub explanation: Option<Explanation>,
}

/// Goes through everything that [`create::create`] does before it stores something.
///
/// # Errors
///
/// The same as those of the call itself, with the same status.
pub(crate) async fn dry_run(app: &App, request: NewPipeline, context: &Context, reveal: Reveal) -> Result<DryRun> {
    let Prepared {
        place,
        outcome,
        warnings,
    } = match create::prepare(app, &request, context, Numbering::Look).await? {
        Ok(prepared) => prepared,
        Err(failure) => return Err(failure.into_error(&request)),
    };
    let (name, jobs, explanation) = match outcome {
        Outcome::Skip => (None, Vec::new(), None),
        Outcome::Run { plan, compiled, .. } => {
            let explanation = compiled.explain(app, &request, &place, reveal).await?;
            (plan.name, plan.jobs, Some(explanation))
        }
    };
    Ok(DryRun {
        place,
        name,
        jobs,
        warnings,
        explanation,
    })
}
