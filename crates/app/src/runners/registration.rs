//! Registration tokens, the old way to make runners: whoever knows the token of the server, a group or a project may.
//!
//! Off unless an administrator allows it, as in GitLab since version 17. The tokens are not stored: they follow from the
//! server's key, from what they belong to, and from how often they were reset.

use model::{AccessLevel, NamespaceId, ProjectId, Runner};
use store::ops::members::Place;
use store::{Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::audit::{self, Entity, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::groups::{self, GroupKey};
use crate::keys::{Keys, REGISTERED_RUNNER_TOKEN_PREFIX, new_token};
use crate::lookup::{self, ProjectKey};
use crate::runners::registry::{self, Draft, Serves};

/// Setting of the server: `true` when registration tokens are good for anything.
const ALLOWED: &str = "allow_runner_registration_token";

/// What registration tokens begin with; runners tell them by it.
const PREFIX: &str = "GR1348941";

/// Characters behind the last dash of a registration token: 96 bits.
const CODE_LENGTH: usize = 24;

/// Whose token is to be reset.
#[derive(Clone, Debug)]
pub enum Of {
    /// The server's.
    Server,
    /// A group's.
    Group(GroupKey),
    /// A project's.
    Project(ProjectKey),
}

/// Whether registration tokens are good for anything.
///
/// # Errors
///
/// What the database said.
pub fn are_allowed(tx: &mut dyn Tx) -> Result<bool> {
    Ok(ops::settings::get(tx, ALLOWED)?.is_some_and(|value| value == "true"))
}

/// Says whether registration tokens are to be good for anything.
///
/// # Errors
///
/// What the database said.
pub fn allow(tx: &mut dyn Tx, allowed: bool) -> Result<()> {
    Ok(ops::settings::set(tx, ALLOWED, if allowed { "true" } else { "false" })?)
}

/// Returns the registration token; `None` when they are not allowed.
///
/// # Errors
///
/// What the database said.
pub fn token(keys: &Keys, tx: &mut dyn Tx, serves: Serves) -> Result<Option<String>> {
    if !are_allowed(tx)? {
        return Ok(None);
    }
    let version = version(tx, serves)?;
    Ok(Some(token_of(keys, serves, version)))
}

fn token_of(keys: &Keys, serves: Serves, version: u64) -> String {
    let owner = owner(serves);
    let code = keys.digest(&format!("registration token {owner} {version}"));
    let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{owner}-{}", &hex[..CODE_LENGTH])
}

/// The owner as a token names it.
fn owner(serves: Serves) -> String {
    match serves {
        Serves::Instance => "i".to_owned(),
        Serves::Group(id) => format!("g{id}"),
        Serves::Project(id) => format!("p{id}"),
    }
}

/// Reads whose token this is, without believing it.
fn claimed_owner(token: &str) -> Option<Serves> {
    let (owner, _) = token.strip_prefix(PREFIX)?.split_once('-')?;
    let id = |digits: &str| digits.parse::<i64>().ok();
    match owner.split_at_checked(1)? {
        ("i", "") => Some(Serves::Instance),
        ("g", digits) => Some(Serves::Group(NamespaceId(id(digits)?))),
        ("p", digits) => Some(Serves::Project(ProjectId(id(digits)?))),
        _ => None,
    }
}

/// How often the token was reset.
fn version(tx: &mut dyn Tx, serves: Serves) -> Result<u64> {
    let stored = ops::settings::get(tx, &version_key(serves))?;
    Ok(stored.and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn version_key(serves: Serves) -> String {
    format!("registration_token_resets/{}", owner(serves))
}

/// Makes a new registration token and answers with it; the old one is void at once, runners made with it stay.
///
/// # Errors
///
/// 401; 404 for a group or project that the caller may not see; 403 unless the caller administers it, or when
/// registration tokens are not allowed.
pub async fn reset(app: &App, caller: Caller, of: Of) -> Result<String> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            if !caller.is_authenticated() {
                return Err(Error::Unauthorized);
            }
            let serves = match &of {
                Of::Server if caller.is_admin() => Serves::Instance,
                Of::Server => return Err(Error::forbidden()),
                Of::Group(key) => Serves::Group(groups::require(&this, tx, &caller, key, AccessLevel::Owner)?.id),
                Of::Project(key) => {
                    let access = lookup::project_for(&this, tx, &caller, key, Ability::AdminProject)?;
                    Serves::Project(access.project.id)
                }
            };
            if !are_allowed(tx)? {
                return Err(Error::forbidden());
            }
            let next = version(tx, serves)? + 1;
            ops::settings::set(tx, &version_key(serves), &next.to_string())?;
            let entity = match serves {
                Serves::Instance => Entity::server(),
                Serves::Group(id) => Entity::of_place(tx, Place::Group(id))?,
                Serves::Project(id) => Entity::of_place(tx, Place::Project(id))?,
            };
            let event = Event::new(
                "ci_runner_registration_token_reset",
                "Reset the runner registration token",
            );
            audit::note(&this, tx, &caller, entity, event)?;
            Ok(token_of(&this.keys, serves, next))
        })
        .await
}

/// Creates a runner for whoever knows a registration token; answers with it and its token, which is shown this once.
///
/// # Errors
///
/// 410 when registration tokens are not allowed; 403 for one that is not good; 400 for values that are not valid.
pub async fn register(app: &App, given: String, draft: Draft) -> Result<(Runner, String)> {
    let this = app.clone();
    let token = new_token(REGISTERED_RUNNER_TOKEN_PREFIX);
    let digest = app.keys.digest(&token);
    let now = app.clock.now();
    let runner = app
        .store
        .write(move |tx| {
            if !are_allowed(tx)? {
                return Err(Error::Status {
                    status: 410,
                    message: "410 Gone - runner registration disallowed".to_owned(),
                });
            }
            let serves = owner_of_token(&this.keys, tx, &given)?;
            let serves = serves.ok_or_else(|| Error::Forbidden(Some("invalid token supplied".to_owned())))?;
            registry::check(&draft)?;
            let runner = registry::insert(tx, &digest, serves, &draft, registry::Made::ByToken, now)?;
            registry::note(&this, tx, &Caller::Anonymous, "ci_runner_registered", &runner)?;
            Ok(runner)
        })
        .await?;
    Ok((runner, token))
}

/// Returns whose registration token this is, if it is good and its owner still there.
fn owner_of_token(keys: &Keys, tx: &mut dyn Tx, given: &str) -> Result<Option<Serves>> {
    let Some(serves) = claimed_owner(given) else {
        return Ok(None);
    };
    let good = token_of(keys, serves, version(tx, serves)?);
    // Digests are compared, not tokens: how long that takes tells nothing about them.
    if keys.digest(&good) != keys.digest(given) {
        return Ok(None);
    }
    let is_there = match serves {
        Serves::Instance => true,
        Serves::Group(id) => ops::namespaces::get(tx, id)?.is_some(),
        Serves::Project(id) => ops::projects::get(tx, id)?.is_some(),
    };
    Ok(is_there.then_some(serves))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_whose_it_is_and_only_the_key_makes_it() {
        let (keys, others) = (Keys::derive(&[1; 32]), Keys::derive(&[2; 32]));
        for serves in [
            Serves::Instance,
            Serves::Group(NamespaceId(7)),
            Serves::Project(ProjectId(12)),
        ] {
            let token = token_of(&keys, serves, 0);
            assert_eq!(claimed_owner(&token), Some(serves));
            assert_ne!(token, token_of(&keys, serves, 1));
            assert_ne!(token, token_of(&others, serves, 0));
        }
    }

    #[test]
    fn nonsense_names_no_owner() {
        for text in [
            "",
            "GR1348941",
            "GR1348941-",
            "GR1348941x1-a",
            "GR1348941p-a",
            "GR1348941i1-a",
            "p1-a",
            "GR1348941é-",
        ] {
            assert_eq!(claimed_owner(text), None, "{text}");
        }
    }
}
