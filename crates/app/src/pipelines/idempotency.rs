//! Idempotency keys: a call that is sent again answers with the pipeline that the first one made.
//!
//! A key counts for one project and one caller, for a day, and only what made a pipeline is remembered, in the
//! pipeline's own transaction: of two calls at once, on whichever servers, one makes it and the other answers with
//! it. A call without a key costs nothing here.

use std::time::Duration;

use model::{Pipeline, PipelineId, ProjectId, Timestamp};
use store::ops::idempotency_keys::{self, NewKey};
use store::{Tx, ops};
use tracing::debug;

use crate::App;
use crate::error::{Error, Reasoned, Result};
use crate::keys::Keys;
use crate::pipelines::create::Created;
use crate::pipelines::request::NewPipeline;

/// How long a key is remembered.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Longest key in bytes.
pub const MAX_KEY: usize = 255;

/// Keys that are forgotten in one transaction.
const BATCH: i64 = 1_000;

/// What a caller calls its call, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    text: String,
    scope: Scope,
}

/// What a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One call: with other parameters it is a mistake.
    Call,
    /// An event that several deliveries with payloads of their own may belong to.
    Event,
}

impl Key {
    /// A key that we make ourselves.
    pub(crate) const fn own(text: String, scope: Scope) -> Key {
        Key { text, scope }
    }

    /// Reads a key; one in quotation marks, as the HTTP header's draft has it, is the same as without.
    ///
    /// # Errors
    ///
    /// 400 unless it has 1 to 255 printable ASCII characters.
    pub fn parse(name: &str, text: &[u8], scope: Scope) -> Result<Key> {
        let trimmed = text.trim_ascii();
        let quoted = trimmed.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let inner = quoted.unwrap_or(trimmed);
        let is_plain = inner.iter().all(|byte| matches!(byte, b' '..=b'~'));
        match std::str::from_utf8(inner) {
            Ok(text) if is_plain && (1..=MAX_KEY).contains(&text.len()) => Ok(Key {
                text: text.to_owned(),
                scope,
            }),
            _ => Err(Reasoned::bad_request(
                format!("{name} is invalid: expected 1 to {MAX_KEY} printable ASCII characters"),
                "idempotency_key_invalid",
                "send a UUID, or leave the header out",
            )),
        }
    }
}

/// A call that is to make at most one pipeline.
#[derive(Clone, Debug)]
pub struct Once {
    keys: Vec<[u8; 32]>,
    payload: [u8; 32],
}

impl Once {
    /// The call of an actor (`trigger 12`, `user 5`) that sent `payload` with these keys; `None` without keys.
    pub(crate) fn new(keys: &Keys, actor: impl FnOnce() -> String, given: &[Key], payload: &str) -> Option<Once> {
        if given.is_empty() {
            return None;
        }
        let actor = actor();
        let payload = keys.digest_of("idempotency payload", &[payload.as_bytes()]);
        let digest = |key: &Key| {
            let event = match key.scope {
                Scope::Call => &[][..],
                Scope::Event => &payload,
            };
            keys.digest_of("idempotency key", &[actor.as_bytes(), key.text.as_bytes(), event])
        };
        Some(Once {
            keys: given.iter().map(digest).collect(),
            payload,
        })
    }

    /// Remembers the pipeline that was made; refuses when another call was faster.
    pub(crate) fn remember(&self, tx: &mut dyn Tx, pipeline: &Pipeline, now: Timestamp) -> Result<()> {
        for key in &self.keys {
            let new = NewKey {
                project_id: pipeline.project_id,
                key,
                payload: &self.payload,
                pipeline_id: pipeline.id,
                created_at: now,
                valid_since: now - KEPT,
            };
            if !idempotency_keys::claim(tx, &new)? {
                // What was inserted goes with this error; the caller then looks for the first pipeline.
                return Err(Error::Status {
                    status: 409,
                    message: "409 Conflict".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn first(&self, tx: &mut dyn Tx, project: ProjectId, now: Timestamp) -> Result<Option<PipelineId>> {
        for key in &self.keys {
            let Some(found) = idempotency_keys::get(tx, project, key, now - KEPT)? else {
                continue;
            };
            if found.payload != self.payload {
                return Err(other_call());
            }
            return Ok(Some(found.pipeline_id));
        }
        Ok(None)
    }
}

/// Returns the pipeline that the same call made before, if there was one.
///
/// # Errors
///
/// 422 when the key came with another call, 410 when its pipeline was deleted.
pub(crate) async fn first(app: &App, request: &NewPipeline) -> Result<Option<Created>> {
    let Some(once) = request.provenance.once.clone() else {
        return Ok(None);
    };
    let (project, now) = (request.project.id, app.clock.now());
    let found = app
        .store
        .read(move |tx| {
            let Some(id) = once.first(tx, project, now)? else {
                return Ok(None);
            };
            let pipeline = ops::pipelines::get(tx, project, id)?.ok_or_else(deleted)?;
            let user = pipeline.user_id.map(|id| ops::users::get(tx, id)).transpose()?;
            Ok::<_, Error>(Some((pipeline, user.flatten())))
        })
        .await?;
    Ok(found.map(|(pipeline, user)| Created {
        pipeline,
        project: request.project.clone(),
        user: user.unwrap_or_else(|| request.user.clone()),
        warnings: Vec::new(),
        replayed: true,
    }))
}

/// Forgets keys whose time is over.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn forget(app: &App) -> Result<()> {
    let before = app.clock.now() - KEPT;
    loop {
        let gone = app
            .store
            .write(move |tx| idempotency_keys::forget(tx, before, BATCH))
            .await?;
        if gone < BATCH.unsigned_abs() {
            return Ok(());
        }
        debug!(count = gone, "forgot {gone} idempotency keys");
    }
}

fn other_call() -> Error {
    Reasoned::error(
        422,
        "the idempotency key was used before for a call with other parameters",
        "idempotency_key_reused",
        "send a new key with a new call, and the same parameters with the same key",
    )
}

fn deleted() -> Error {
    Reasoned::error(
        410,
        "the pipeline that this idempotency key made was deleted",
        "idempotent_pipeline_deleted",
        "send a new key to run another pipeline",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_and_printable() {
        let parse = |text: &[u8]| Key::parse("Idempotency-Key", text, Scope::Call).map(|key| key.text);
        for (text, expected) in [
            (
                &b"8e03978e-40d5-43dd-bc93-6894a57f9324"[..],
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
            ),
            (b"\"8e03978e\"", "8e03978e"),
            (b"  a b ", "a b"),
            (b"\"", "\""),
        ] {
            assert_eq!(parse(text).unwrap(), expected);
        }
        for bad in [&b""[..], b" ", b"\"\"", b"a\tb", b"\xff", "é".as_bytes(), &[b'x'; 256]] {
            assert_eq!(
                parse(bad).unwrap_err().to_string(),
                "Idempotency-Key is invalid: expected 1 to 255 printable ASCII characters"
            );
        }
        assert!(parse(&[b'x'; 255]).is_ok());
    }

    #[test]
    fn a_key_counts_for_its_caller_and_an_event_for_its_payload() {
        let keys = Keys::derive(&[7; 32]);
        let key = |scope| Key::parse("k", b"x", scope).unwrap();
        let digests = |actor: &str, scope, payload| {
            Once::new(&keys, || actor.to_owned(), &[key(scope)], payload)
                .unwrap()
                .keys
        };
        let call = digests("user 1", Scope::Call, "a");
        assert_eq!(call, digests("user 1", Scope::Call, "b"));
        assert_ne!(call, digests("user 2", Scope::Call, "a"));
        assert_ne!(
            digests("user 1", Scope::Event, "a"),
            digests("user 1", Scope::Event, "b")
        );
        assert!(Once::new(&keys, || "user 1".to_owned(), &[], "a").is_none());
    }
}
