//! Replacing a trigger token by a new one, with a time in which both are good.

use std::time::Duration;

use model::{Timestamp, TriggerTokenId};
use store::ops;

use crate::App;
use crate::caller::Caller;
use crate::error::Result;
use crate::keys::{TRIGGER_TOKEN_PREFIX, new_token};
use crate::lookup::ProjectKey;
use crate::triggers::given::unacceptable;
use crate::triggers::manage::{self, Shown};

/// Longest time in which the old token is still good: long enough for systems that are changed once a month.
const MAX_GRACE: Duration = Duration::from_secs(31 * 24 * 3600);

/// How a token is replaced.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rotating {
    /// How long the old one may still be used.
    pub grace: Duration,
    /// The end of the new one; the outer `None` keeps that of the old one.
    pub expires_at: Option<Option<Timestamp>>,
}

/// Replaces a trigger token: same id, same limits, a new text. What an earlier rotation left ends now.
///
/// # Errors
///
/// As for a change of the token; 400 for a grace or an end out of range.
pub async fn rotate(app: &App, caller: Caller, key: ProjectKey, id: TriggerTokenId, how: Rotating) -> Result<Shown> {
    let this = app.clone();
    let text = new_token(TRIGGER_TOKEN_PREFIX);
    app.store
        .write(move |tx| {
            let old = manage::find_own(&this, tx, &caller, &key, id)?;
            let now = this.clock.now();
            if how.grace > MAX_GRACE {
                return Err(unacceptable("grace_period", "must not be longer than 31 days"));
            }
            let expires_at = how.expires_at.unwrap_or(old.expires_at);
            manage::check_end(&this, expires_at)?;
            let ends = old.expires_at.unwrap_or(Timestamp(i64::MAX)).min(now + how.grace);
            let sealed = manage::sealed(&this, &text, old.is_shown_once());
            let new = ops::trigger_tokens::Rotation {
                digest: &this.keys.digest(&text),
                short: manage::short(&text),
                sealed: &sealed,
                expires_at,
                previous_until: (ends > now).then_some(ends),
                at: now,
            };
            ops::trigger_tokens::rotate(tx, id, &new)?;
            let token = manage::find_own(&this, tx, &caller, &key, id)?;
            manage::note_of(&this, tx, &caller, "pipeline_trigger_rotated", &token)?;
            Ok(Shown {
                text: text.clone(),
                is_whole: true,
                ..manage::show(&this, tx, &caller, token)?
            })
        })
        .await
}
