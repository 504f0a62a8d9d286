//! Inbound hooks of a project: list, get, create, change, delete.
//!
//! A hook acts as the owner of a trigger token. So only that owner may change it, as with the token itself; another
//! Maintainer may take it over with a token of their own, or delete it.

use std::time::Duration;

use model::inbound::RefRule;
use model::{InboundHook, InboundHookId, InboundSettings, Provider, Timestamp, TriggerToken, TriggerTokenId, User};
use serde_json::Value as Json;
use store::ops::inbound_hooks::NewInboundHook;
use store::ops::limits::Limited;
use store::ops::members::Place;
use store::ops::page::Page;
use store::{Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::audit::{self, Entity, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::inbound::declare::{self, MAX_CONDITIONS, MAX_MAPPINGS};
use crate::inbound::{Secrets, verify};
use crate::keys::{new_token, random_bytes};
use crate::lookup::{self, ProjectKey};
use crate::triggers::{self, NewTrigger};

/// Inbound hooks of one project at most.
const MAX_HOOKS: i64 = 100;

/// Prefix of the key in an address.
pub const KEY_PREFIX: &str = "tlih-";

/// Longest name.
const MAX_NAME: usize = 255;

/// How many characters a secret has.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 8..=255;

/// How long the secret before is still good unless somebody says otherwise: a day.
const OVERLAP_SECONDS: i64 = 24 * 3600;

/// Longest time that two secrets are good: thirty days.
const MAX_OVERLAP_SECONDS: i64 = 30 * 24 * 3600;

/// What is to change; `None` leaves it as it is.
#[derive(Clone, Default)]
pub struct Changes {
    /// Name.
    pub name: Option<String>,
    /// Who sends.
    pub provider: Option<Provider>,
    /// Whether deliveries start anything.
    pub enabled: Option<bool>,
    /// `ref`: always this one; `Some(None)` = the default branch.
    pub git_ref: Option<Option<String>>,
    /// `ref_path`: the one that is there in the payload.
    pub ref_path: Option<Option<String>>,
    /// What must hold.
    pub filters: Option<Json>,
    /// What becomes inputs.
    pub inputs: Option<Json>,
    /// What becomes variables.
    pub variables: Option<Json>,
    /// Whether jobs find the payload.
    pub pass_payload: Option<bool>,
    /// Another secret.
    pub secret: Option<String>,
    /// Whether another secret is made up.
    pub rotate: bool,
    /// Seconds for which the secret before is still good.
    pub overlap_seconds: Option<i64>,
    /// Whether the address gets another key.
    pub new_address: bool,
    /// The trigger token whose owner it acts as.
    pub trigger: Option<TriggerTokenId>,
}

/// A hook as it is shown.
#[derive(Clone)]
pub struct Shown {
    /// The hook.
    pub hook: InboundHook,
    /// Whom it acts as.
    pub owner: User,
    /// The key in its address.
    pub key: String,
    /// Until when the previous secret is good, if there is one.
    pub previous_until: Option<Timestamp>,
    /// The secret, when it was made up just now.
    pub made_secret: Option<String>,
}

/// Lists hooks of a project, and counts them.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say.
pub async fn list(app: &App, caller: &Caller, key: ProjectKey, page: Page) -> Result<(Vec<Shown>, i64)> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            let total = ops::inbound_hooks::count(tx, access.project.id)?;
            let hooks = ops::inbound_hooks::list(tx, access.project.id, page)?;
            let shown = hooks.into_iter().map(|hook| show(&this, tx, hook, None));
            Ok((shown.collect::<Result<_>>()?, total))
        })
        .await
}

/// Returns a hook.
///
/// # Errors
///
/// As [`list`]; `404 Not found`.
pub async fn get(app: &App, caller: &Caller, key: ProjectKey, id: InboundHookId) -> Result<Shown> {
    let hook = find(app, caller, key, id).await?;
    let this = app.clone();
    app.store.read(move |tx| show(&this, tx, hook.clone(), None)).await
}

/// Finds a hook that the caller may see.
pub(super) async fn find(app: &App, caller: &Caller, key: ProjectKey, id: InboundHookId) -> Result<InboundHook> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            ops::inbound_hooks::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)
        })
        .await
}

/// Creates a hook, and a trigger token for it unless one is named.
///
/// # Errors
///
/// As [`list`]; 400 for settings that are not valid, 403 for a token of somebody else.
pub async fn create(app: &App, caller: &Caller, key: ProjectKey, changes: Changes) -> Result<Shown> {
    require(app, caller, &key).await?;
    let mut settings = InboundSettings {
        name: String::new(),
        provider: changes.provider.unwrap_or(Provider::Generic),
        enabled: true,
        git_ref: RefRule::Default,
        filters: Vec::new(),
        inputs: Vec::new(),
        variables: Vec::new(),
        pass_payload: true,
        own_token: changes.trigger.is_none(),
    };
    changes.apply(&mut settings)?;
    let mut secrets = Secrets {
        key: new_token(KEY_PREFIX),
        ..Secrets::default()
    };
    let now = app.clock.now();
    let made = changes.apply_secrets(settings.provider, &mut secrets, now)?;
    let trigger = match changes.trigger {
        Some(id) => id,
        None => {
            let new = NewTrigger {
                description: format!("inbound hook {}", settings.name),
                ..NewTrigger::default()
            };
            triggers::create(app, caller.clone(), key.clone(), new).await?.token.id
        }
    };
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let project = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?
                .project
                .id;
            ops::limits::lock(tx, Limited::InboundHooks(project))?;
            if ops::inbound_hooks::count(tx, project)? >= MAX_HOOKS {
                return Err(Error::BadRequest(format!(
                    "Maximum number of inbound hooks ({MAX_HOOKS}) exceeded"
                )));
            }
            let token = own_token(tx, &caller, project, trigger)?;
            let new = NewInboundHook {
                project_id: project,
                trigger_token_id: token.id,
                digest: &this.keys.digest(&secrets.key),
                settings: &settings,
                sealed: &secrets.seal(&this.keys, project, now)?,
                created_at: now,
            };
            let hook = ops::inbound_hooks::create(tx, &new)?;
            note(&this, tx, &caller, "inbound_hook_created", &hook)?;
            show(&this, tx, hook, made.clone())
        })
        .await
}

/// Changes a hook.
///
/// # Errors
///
/// As [`create`] and [`get`]; 403 unless the caller owns its token, the one before or the one after.
pub async fn update(app: &App, caller: &Caller, key: ProjectKey, id: InboundHookId, changes: Changes) -> Result<Shown> {
    let mut hook = find(app, caller, key.clone(), id).await?;
    changes.apply(&mut hook.settings)?;
    let now = app.clock.now();
    let mut secrets = Secrets::open(&app.keys, &hook)?;
    let made = changes.apply_secrets(hook.settings.provider, &mut secrets, now)?;
    if changes.new_address {
        secrets.key = new_token(KEY_PREFIX);
    }
    if let Some(trigger) = changes.trigger.filter(|trigger| *trigger != hook.trigger_token_id) {
        hook.trigger_token_id = trigger;
        hook.settings.own_token = false;
    }
    hook.sealed = secrets.seal(&app.keys, hook.project_id, hook.created_at)?;
    hook.updated_at = now;
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            own_token(tx, &caller, hook.project_id, hook.trigger_token_id)?;
            if !ops::inbound_hooks::save(tx, &hook, &this.keys.digest(&secrets.key))? {
                return Err(Error::RecordNotFound);
            }
            note(&this, tx, &caller, "inbound_hook_updated", &hook)?;
            show(&this, tx, hook.clone(), made.clone())
        })
        .await
}

/// Deletes a hook with its log, and the token that was made for it.
///
/// # Errors
///
/// As [`get`].
pub async fn delete(app: &App, caller: &Caller, key: ProjectKey, id: InboundHookId) -> Result<()> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let project = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?
                .project
                .id;
            let hook = ops::inbound_hooks::get(tx, project, id)?.ok_or(Error::RecordNotFound)?;
            ops::inbound_hooks::delete(tx, project, id)?;
            if hook.settings.own_token {
                ops::trigger_tokens::delete(tx, project, hook.trigger_token_id)?;
            }
            note(&this, tx, &caller, "inbound_hook_destroyed", &hook)
        })
        .await
}

/// Writes down what became of a hook.
fn note(app: &App, tx: &mut dyn Tx, caller: &Caller, name: &'static str, hook: &InboundHook) -> Result<()> {
    let what = name.rsplit('_').next().unwrap_or_default();
    let event =
        Event::new(name, format!("inbound hook {what}")).target("InboundHook", hook.id, hook.settings.name.as_str());
    let entity = Entity::of_place(tx, Place::Project(hook.project_id))?;
    Ok(audit::note(app, tx, caller, entity, event)?)
}

/// Whoever may not make hooks learns nothing from what is wrong with one.
async fn require(app: &App, caller: &Caller, key: &ProjectKey) -> Result<()> {
    let (this, caller, key) = (app.clone(), caller.clone(), key.clone());
    app.store
        .read(move |tx| lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers).map(drop))
        .await
}

/// Returns a trigger token of the caller.
fn own_token(tx: &mut dyn Tx, caller: &Caller, project: model::ProjectId, id: TriggerTokenId) -> Result<TriggerToken> {
    let token = ops::trigger_tokens::get(tx, project, id)?.ok_or(Error::RecordNotFound)?;
    if caller.user().is_some_and(|user| user.id == token.owner_id) {
        return Ok(token);
    }
    let reason = "The hook acts as the owner of its trigger token; only that user may change it";
    Err(Error::Forbidden(Some(reason.to_owned())))
}

fn show(app: &App, tx: &mut dyn Tx, hook: InboundHook, made_secret: Option<String>) -> Result<Shown> {
    let token = ops::trigger_tokens::get(tx, hook.project_id, hook.trigger_token_id)?.ok_or(Error::RecordNotFound)?;
    let secrets = Secrets::open(&app.keys, &hook)?;
    Ok(Shown {
        owner: ops::users::get(tx, token.owner_id)?.ok_or(Error::RecordNotFound)?,
        previous_until: secrets.previous_until(app.clock.now()),
        key: secrets.key,
        made_secret,
        hook,
    })
}

impl Changes {
    fn apply(&self, settings: &mut InboundSettings) -> Result<()> {
        if let Some(name) = &self.name {
            if name.trim().is_empty() || name.chars().count() > MAX_NAME {
                return Err(Error::invalid("name", format!("must have 1 to {MAX_NAME} characters")));
            }
            settings.name = name.trim().to_owned();
        }
        settings.provider = self.provider.unwrap_or(settings.provider);
        settings.enabled = self.enabled.unwrap_or(settings.enabled);
        settings.pass_payload = self.pass_payload.unwrap_or(settings.pass_payload);
        if let Some(git_ref) = &self.git_ref {
            let name = git_ref.as_deref().map(str::trim).filter(|name| !name.is_empty());
            if name.is_some_and(|name| name.len() > MAX_NAME || name.contains(char::is_control)) {
                return Err(Error::invalid("ref", "is not the name of a branch or tag"));
            }
            settings.git_ref = name.map_or(RefRule::Default, |name| RefRule::Fixed(name.to_owned()));
        }
        if let Some(text) = self.ref_path.iter().flatten().find(|text| !text.trim().is_empty()) {
            let place = declare::place(text.trim()).map_err(|problem| Error::invalid("ref_path", problem))?;
            settings.git_ref = RefRule::From(place);
        } else if self.ref_path.is_some() && matches!(settings.git_ref, RefRule::From(_)) {
            settings.git_ref = RefRule::Default;
        }
        if let Some(filters) = &self.filters {
            settings.filters = declare::list(filters, MAX_CONDITIONS, declare::condition)
                .map_err(|problem| Error::invalid("filters", problem))?;
        }
        if let Some(inputs) = &self.inputs {
            settings.inputs = declare::list(inputs, MAX_MAPPINGS, declare::mapping)
                .map_err(|problem| Error::invalid("inputs", problem))?;
        }
        if let Some(variables) = &self.variables {
            settings.variables = declare::list(variables, MAX_MAPPINGS, declare::mapping)
                .map_err(|problem| Error::invalid("variables", problem))?;
        }
        Ok(())
    }

    /// Sets another secret; returns one that was made up.
    fn apply_secrets(&self, provider: Provider, secrets: &mut Secrets, now: Timestamp) -> Result<Option<String>> {
        let is_first = secrets.current.is_empty();
        let given = self.secret.clone().filter(|secret| !secret.is_empty());
        let made = (given.is_none() && (is_first || self.rotate)).then(|| make_secret(provider));
        let overlap = self.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
        if !(0..=MAX_OVERLAP_SECONDS).contains(&overlap) {
            let text = format!("must be 0 to {MAX_OVERLAP_SECONDS} seconds");
            return Err(Error::invalid("secret_overlap", text));
        }
        if let Some(secret) = given.or_else(|| made.clone()) {
            check_secret(provider, &secret)?;
            let previous = std::mem::replace(&mut secrets.current, secret);
            secrets.previous = (!is_first && overlap > 0).then_some(previous);
            let until = now + Duration::from_secs(overlap.unsigned_abs());
            secrets.previous_until = secrets.previous.is_some().then_some(until);
        } else if self.provider.is_some() {
            check_secret(provider, &secrets.current)?;
        }
        Ok(made)
    }
}

fn check_secret(provider: Provider, secret: &str) -> Result<()> {
    let is_plain = secret.bytes().all(|byte| matches!(byte, b' '..=b'~')) && secret.trim() == secret;
    if !is_plain || !SECRET_LENGTH.contains(&secret.len()) {
        let text = format!(
            "must have {} to {} printable ASCII characters",
            SECRET_LENGTH.start(),
            SECRET_LENGTH.end()
        );
        return Err(Error::invalid("secret", text));
    }
    let signs = verify::signing_key(secret).is_some();
    if provider == Provider::Standard && !signs {
        return Err(Error::invalid("secret", "must be `whsec_` and the base64 of a key"));
    }
    Ok(())
}

fn make_secret(provider: Provider) -> String {
    use base64::Engine as _;
    if provider == Provider::Standard {
        let mut key = [0; 32];
        random_bytes(&mut key);
        let key = base64::engine::general_purpose::STANDARD.encode(key);
        return format!("{}{key}", verify::SIGNING_PREFIX);
    }
    new_token("") + &new_token("")
}
