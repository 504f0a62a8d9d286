//! Calls whose token is not good. Those with a token that was good once, or elsewhere in time, are the project's
//! business; those with a token that nobody made are the administrator's.

use std::sync::Arc;

use model::{JobId, ProjectId, Reason, TriggerTokenId, UserId};
use store::{StoreError, Tx, ops};
use tracing::warn;

use crate::App;
use crate::lookup;
use crate::triggers::log::{Note, Record, digest};
use crate::triggers::run::{Token, TriggerCall};

/// A token that is known and was not good.
struct Found {
    project: ProjectId,
    user: Option<UserId>,
    token: Option<(TriggerTokenId, String, Option<String>)>,
    job: Option<JobId>,
    reason: Reason,
    status: i32,
}

/// Writes down a call whose token was refused; the caller has learned nothing and waits for none of this.
pub(super) async fn note(app: &App, call: &TriggerCall, token: Token) {
    let (this, key) = (app.clone(), call.project.clone());
    let found = app.store.read(move |tx| find(&this, tx, key.as_ref(), &token)).await;
    match found {
        Ok(Some(found)) => {
            let record = Record {
                token: found.token,
                job: found.job,
                address: call.address,
                digest: digest(app, found.project, &call.payload),
                repeats: None,
            };
            let note = Note::new(app, found.project, found.user, &call.ref_text, Arc::new(record));
            app.trigger_log.push(note.because(found.reason, found.status));
        }
        Ok(None) => app.trigger_log.push_unknown(call.address, app.clock.now()),
        Err(error) => warn!(
            error = &error as &dyn std::error::Error,
            "a refused call is not in the trigger log"
        ),
    }
}

fn find(
    app: &App,
    tx: &mut dyn Tx,
    key: Option<&lookup::ProjectKey>,
    token: &Token,
) -> Result<Option<Found>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let Some(project) = lookup::find(tx, key)?.map(|project| project.id) else {
        return Ok(None);
    };
    match token {
        Token::Trigger(digest) => {
            let present = ops::trigger_tokens::by_digest(tx, digest)?;
            let (found, short, reason) = match present {
                Some(token) => {
                    let is_over = token.expires_at.is_some_and(|end| end <= app.clock.now());
                    let reason = if is_over {
                        Reason::TokenExpired
                    } else {
                        Reason::OwnerNotPermitted
                    };
                    let short = token.short.clone();
                    (token, short, reason)
                }
                None => match ops::trigger_tokens::by_previous_digest(tx, digest)? {
                    Some(token) => {
                        let short = token.previous.as_ref().map(|previous| previous.short.clone());
                        (token, short.unwrap_or_default(), Reason::TokenReplaced)
                    }
                    None => return Ok(None),
                },
            };
            Ok((found.project_id == project).then_some(Found {
                project,
                user: Some(found.owner_id),
                token: Some((found.id, short, found.description)),
                job: None,
                reason,
                status: 404,
            }))
        }
        Token::Job(text) => {
            let job = lookup::job_of_token(app, tx, text)?;
            Ok(job.map(|job| {
                let runs = job.status.is_executing() && job.erased_at.is_none();
                Found {
                    project,
                    user: job.user_id,
                    token: None,
                    job: Some(job.id),
                    reason: if runs {
                        Reason::JobNotAllowed
                    } else {
                        Reason::JobNotRunning
                    },
                    status: if runs { 404 } else { 401 },
                }
            }))
        }
    }
}
