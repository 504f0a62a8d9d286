//! One bridge, from pending to its pipeline or to the reason why there is none.

use model::{FailureReason, JobId};
use store::ops;
use tracing::info;

use crate::App;
use crate::bridges::origin::Found;
use crate::bridges::{create, mirror, target};
use crate::error::{Error, Result};
use crate::jobs::finish::{Outcome, finish};
use crate::jobs::settle;

/// Starts a bridge's pipeline, or finds the one that it mirrors, if the bridge is still pending.
///
/// # Errors
///
/// Only what is wrong with the server; the bridge is pending then, and the sweep comes back to it.
pub async fn start(app: &App, bridge: JobId) -> Result<()> {
    let origin = match Found::read(app, bridge).await {
        Ok(Some(Found::Starts(origin))) => origin,
        Ok(Some(Found::Mirrors(order))) => {
            return match mirror::start(app, *order).await? {
                Some(refused) => refuse(app, bridge, refused).await,
                None => Ok(()),
            };
        }
        Ok(None) => return Ok(()),
        Err(error @ Error::Internal(_)) => return Err(error),
        // The commit is gone.
        Err(error) => {
            let refused = Refused::new(FailureReason::DataIntegrityFailure, error.to_string());
            return refuse(app, bridge, refused).await;
        }
    };
    let refused = match target::decide(app, &origin).await? {
        Ok(target) => create::create(app, &origin, target).await?,
        Err(reason) => Some(Refused {
            reason,
            messages: Vec::new(),
        }),
    };
    match refused {
        Some(refused) => refuse(app, bridge, refused).await,
        None => Ok(()),
    }
}

/// Why a bridge starts nothing.
pub(super) struct Refused {
    pub(super) reason: FailureReason,
    /// What the creation of the pipeline said.
    pub(super) messages: Vec<String>,
}

impl Refused {
    pub(super) fn new(reason: FailureReason, message: String) -> Refused {
        Refused {
            reason,
            messages: vec![message],
        }
    }
}

/// Ends a bridge that starts nothing, unless somebody did something to it meanwhile.
async fn refuse(app: &App, bridge: JobId, refused: Refused) -> Result<()> {
    let now = app.clock.now();
    let pipeline = app.store.read(move |tx| ops::jobs::by_id(tx, bridge)).await?;
    let Some(pipeline) = pipeline.map(|job| job.pipeline_id) else {
        return Ok(());
    };
    info!(job.id = %bridge, reason = %refused.reason, "bridge {bridge} started nothing");
    let done = settle::change(app, pipeline, move |tx, locked| {
        let Some(index) = create::pending(tx, locked, bridge)? else {
            return Ok(());
        };
        finish(tx, locked, index, Outcome::failed(refused.reason), now)?;
        if !refused.messages.is_empty() {
            ops::bridges::explain(tx, bridge, &refused.messages)?;
        }
        Ok(())
    });
    done.await.map(drop)
}
