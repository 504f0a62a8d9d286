//! Who changed what: written down in the transaction of the change itself, so that there is neither without the other.
//!
//! Values of variables, tokens and passwords are never written here. Events outlive what they are about, and are
//! forgotten after a time that the administrator chooses.

use std::time::Duration;

use model::{AccessLevel, AuditEntity, AuditEvent, Namespace, Project, Timestamp, User, UserId};
use store::ops::audit_events::{self, AuditFilter};
use store::ops::members::Place;
use store::ops::page::Page;
use store::{StoreError, Tx, ops};

use crate::access_tokens::require_admin;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::groups::{self, GroupKey};
use crate::lookup::{self, ProjectKey};
use crate::{App, access::Ability};

/// Events deleted in one transaction.
const BATCH: i64 = 1000;

/// Which events a call is about.
#[derive(Clone, Debug)]
pub enum Scope {
    /// All of the server.
    Server,
    /// Those of a group.
    Group(GroupKey),
    /// Those of a project.
    Project(ProjectKey),
}

/// Which of them to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Only what happened from then on.
    pub created_after: Option<Timestamp>,
    /// Only what happened until then.
    pub created_before: Option<Timestamp>,
    /// Of the server's: only those of this kind of entity, one of [`AuditEntity::WORDS`].
    pub entity_type: Option<&'static str>,
    /// Of the server's: only those of this entity of the kind.
    pub entity_id: Option<i64>,
}

/// Lists events, newest first, and their number. Developers of a project or group see what they did themselves,
/// Maintainers of a project and Owners of a group see everything.
///
/// # Errors
///
/// 401 for nobody; 404 for a project or group that the caller may not see; 403 for a role below Developer, and for the
/// server's unless the caller administers it.
pub async fn list(
    app: &App,
    caller: &Caller,
    scope: Scope,
    wanted: Wanted,
    page: Page,
) -> Result<(Vec<AuditEvent>, i64)> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let filter = filter(&this, tx, &caller, &scope, wanted)?;
            Ok((
                audit_events::list(tx, &filter, page)?,
                audit_events::count(tx, &filter)?,
            ))
        })
        .await
}

/// Returns an event.
///
/// # Errors
///
/// As [`list`]; `404 Audit Event Not Found`.
pub async fn get(app: &App, caller: &Caller, scope: Scope, id: i64) -> Result<AuditEvent> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let filter = filter(&this, tx, &caller, &scope, Wanted::default())?;
            let found = audit_events::get(tx, id)?.filter(|event| {
                filter.entity_type.is_none_or(|word| word == event.entity.word())
                    && filter.entity_id.is_none_or(|id| id == event.entity.id())
                    && filter.author.is_none_or(|author| Some(author) == event.author_id)
            });
            found.ok_or(Error::NotFound("Audit Event"))
        })
        .await
}

fn filter(app: &App, tx: &mut dyn Tx, caller: &Caller, scope: &Scope, wanted: Wanted) -> Result<AuditFilter> {
    let own = |sees_all: bool| match sees_all {
        true => None,
        false => caller.user().map(|user| user.id),
    };
    let (entity_type, entity_id, author) = match scope {
        Scope::Server => {
            require_admin(caller)?;
            let id = wanted.entity_id.filter(|_| wanted.entity_type.is_some());
            (wanted.entity_type, id, None)
        }
        Scope::Project(key) => {
            caller.user().ok_or(Error::Unauthorized)?;
            let access = lookup::project(app, tx, caller, key)?;
            if access.role < AccessLevel::Developer && !caller.is_admin() {
                return Err(Error::forbidden());
            }
            let entity = AuditEntity::Project(access.project.id);
            let sees_all = access.allows(caller, Ability::AdminProject);
            (Some(entity.word()), Some(entity.id()), own(sees_all))
        }
        Scope::Group(key) => {
            caller.user().ok_or(Error::Unauthorized)?;
            let (group, role) = groups::find(app, tx, caller, key)?;
            if role < AccessLevel::Developer && !caller.is_admin() {
                return Err(Error::forbidden());
            }
            let entity = AuditEntity::Group(group.id);
            let sees_all = role >= AccessLevel::Owner || caller.is_admin();
            (Some(entity.word()), Some(entity.id()), own(sees_all))
        }
    };
    Ok(AuditFilter {
        entity_type,
        entity_id,
        author,
        created_after: wanted.created_after,
        created_before: wanted.created_before,
    })
}

/// Forgets what is older than the settings say.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn forget(app: &App) -> Result<()> {
    let days = u64::from(app.settings.audit_event_days);
    if days == 0 {
        return Ok(());
    }
    let before = app.clock.now() - Duration::from_secs(days * 24 * 3600);
    loop {
        let forgotten = app
            .store
            .write(move |tx| audit_events::forget(tx, before, BATCH))
            .await?;
        if forgotten < BATCH.unsigned_abs() {
            return Ok(());
        }
    }
}

/// What an event is about, with its path.
#[derive(Clone, Debug)]
pub(crate) struct Entity(AuditEntity, String);

impl Entity {
    /// The server.
    pub(crate) fn server() -> Entity {
        Entity(AuditEntity::Instance, "gitlab_instance".to_owned())
    }

    /// The project or group of members and tokens.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub(crate) fn of_place(tx: &mut dyn Tx, place: Place) -> Result<Entity, StoreError> {
        let path = match place {
            Place::Project(id) => ops::projects::get(tx, id)?.map(|project| project.full_path),
            Place::Group(id) => ops::namespaces::get(tx, id)?.map(|group| group.full_path),
        };
        let entity = match place {
            Place::Project(id) => AuditEntity::Project(id),
            Place::Group(id) => AuditEntity::Group(id),
        };
        Ok(Entity(entity, path.unwrap_or_default()))
    }
}

impl From<&Project> for Entity {
    fn from(project: &Project) -> Entity {
        Entity(AuditEntity::Project(project.id), project.full_path.clone())
    }
}

impl From<&Namespace> for Entity {
    fn from(group: &Namespace) -> Entity {
        Entity(AuditEntity::Group(group.id), group.full_path.clone())
    }
}

impl From<&User> for Entity {
    fn from(user: &User) -> Entity {
        Entity(AuditEntity::User(user.id), user.username.clone())
    }
}

/// What happened. Nothing in it may be a secret.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    name: &'static str,
    target_type: &'static str,
    target_id: Option<String>,
    target: String,
    change: Vec<(String, String)>,
}

impl Event {
    /// An event with a sentence for people.
    pub(crate) fn new(name: &'static str, message: impl Into<String>) -> Event {
        Event {
            name,
            target_type: "",
            target_id: None,
            target: String::new(),
            change: vec![("custom_message".to_owned(), message.into())],
        }
    }

    /// What was changed: its kind, id and name. Without it, it is what the event is about.
    pub(crate) fn target(self, kind: &'static str, id: impl ToString, name: impl Into<String>) -> Event {
        Event {
            target_type: kind,
            target_id: Some(id.to_string()),
            target: name.into(),
            ..self
        }
    }

    /// Says more in GitLab's words: `change`, `from`, `to`, `add`, `as`, `remove`.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Event {
        self.change.push((name.to_owned(), value.to_string()));
        self
    }
}

/// Writes down what a caller did.
///
/// # Errors
///
/// What the database said.
pub(crate) fn note(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    entity: impl Into<Entity>,
    event: Event,
) -> Result<(), StoreError> {
    let address = caller.address().map(|address| address.to_string());
    write(app, tx, caller.user(), address, entity.into(), event)
}

/// Writes down what a user did, or nobody in particular.
///
/// # Errors
///
/// What the database said.
pub(crate) fn write(
    app: &App,
    tx: &mut dyn Tx,
    author: Option<&User>,
    address: Option<String>,
    entity: Entity,
    event: Event,
) -> Result<(), StoreError> {
    let Entity(entity, path) = entity;
    let is_itself = event.target_type.is_empty();
    let author_id: Option<UserId> = author.map(|user| user.id);
    let event = AuditEvent {
        id: 0,
        created_at: app.clock.now(),
        author_id,
        author_name: author.map_or_else(|| "(unauthenticated)".to_owned(), |user| user.name.clone()),
        author_email: author.map(|user| user.email.clone()),
        entity,
        event_name: event.name.to_owned(),
        target_type: if is_itself { entity.word() } else { event.target_type }.to_owned(),
        target_id: event.target_id.or_else(|| Some(entity.id().to_string())),
        target_details: if is_itself { path.clone() } else { event.target },
        entity_path: path,
        address,
        change: event.change,
    };
    audit_events::add(tx, &event)
}
