//! Which runners there are: creation, tokens, processes, deletion (runner-protocol 1).

use model::{
    AccessLevel, NamespaceId, Project, ProjectId, Runner, RunnerAccess, RunnerId, RunnerManager, RunnerType, Timestamp,
    UserId,
};
use store::ops::members::Place;
use store::ops::runners::{self, ManagerFacts, NewRunner, TOUCH_EVERY};
use store::{Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::audit::{self, Entity, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::keys::{REGISTERED_RUNNER_TOKEN_PREFIX, RUNNER_TOKEN_PREFIX, new_token};
use crate::lookup::{self, ProjectKey};

/// A runner to be created.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Free text.
    pub description: Option<String>,
    /// Note of the administrator.
    pub maintenance_note: Option<String>,
    /// Takes no jobs.
    pub paused: bool,
    /// May not be assigned to further projects.
    pub locked: bool,
    /// Takes jobs without tags; unless said, only a runner without tags does not.
    pub run_untagged: Option<bool>,
    /// Tags.
    pub tags: Vec<String>,
    /// Only jobs of protected refs.
    pub protected_only: bool,
    /// Upper limit of a job's timeout in seconds.
    pub maximum_timeout_seconds: Option<i64>,
}

/// Whom a new runner serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Every project.
    Instance,
    /// The projects below a group.
    Group(NamespaceId),
    /// One project.
    Project(ProjectId),
}

/// Least upper limit of a job's timeout that a runner may set, in seconds.
const LEAST_TIMEOUT: i64 = 600;

/// Most tags of a runner (GitLab's limit).
const MOST_TAGS: usize = 50;

/// Longest note in characters.
const LONGEST_NOTE: usize = 1024;

/// Creates a runner; answers with it and its token, which is shown this once.
///
/// # Errors
///
/// 403 unless the caller administers what it serves; 400 for values that are not valid.
pub async fn create(app: &App, caller: Caller, serves: Serves, draft: Draft) -> Result<(Runner, String)> {
    check(&draft)?;
    let this = app.clone();
    let token = new_token(RUNNER_TOKEN_PREFIX);
    let digest = app.keys.digest(&token);
    let now = app.clock.now();
    let runner = app
        .store
        .write(move |tx| {
            may_create(&this, tx, &caller, serves)?;
            let made = caller.user().map_or(Made::ByServer, |user| Made::By(user.id));
            let runner = insert(tx, &digest, serves, &draft, made, now)?;
            note(&this, tx, &caller, "ci_runner_created", &runner)?;
            Ok::<_, Error>(runner)
        })
        .await?;
    Ok((runner, token))
}

/// Writes down what became of a runner, as an event of what it serves.
pub(super) fn note(app: &App, tx: &mut dyn Tx, caller: &Caller, name: &'static str, runner: &Runner) -> Result<()> {
    let entity = match (runner.runner_type, runner.group_id, runner.owner_project()) {
        (RunnerType::Group, Some(group), _) => Entity::of_place(tx, Place::Group(group))?,
        (RunnerType::Project, _, Some(project)) => Entity::of_place(tx, Place::Project(project))?,
        _ => Entity::server(),
    };
    Ok(audit::note(app, tx, caller, entity, event(name, runner))?)
}

/// Writes down what became of a runner, as an event of a project.
pub(super) fn note_at(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    project: &Project,
    name: &'static str,
    runner: &Runner,
) -> Result<()> {
    Ok(audit::note(app, tx, caller, project, event(name, runner))?)
}

fn event(name: &'static str, runner: &Runner) -> Event {
    let what = name.strip_prefix("ci_runner_").unwrap_or(name).replace('_', " ");
    let description = runner.description.clone().unwrap_or_default();
    Event::new(name, format!("runner {what}")).target("Ci::Runner", runner.id, description)
}

/// Who made a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A user, by the API.
    By(UserId),
    /// Whoever knew a registration token.
    ByToken,
    /// The server itself.
    ByServer,
}

impl Draft {
    /// Returns a runner as it would be drafted.
    #[must_use]
    pub fn of(runner: &Runner) -> Draft {
        Draft {
            description: runner.description.clone(),
            maintenance_note: runner.maintenance_note.clone(),
            paused: runner.paused,
            locked: runner.locked,
            run_untagged: Some(runner.run_untagged),
            tags: runner.tags.clone(),
            protected_only: runner.access == RunnerAccess::RefProtected,
            maximum_timeout_seconds: runner.maximum_timeout_seconds,
        }
    }
}

/// Checks what a runner is to be.
///
/// # Errors
///
/// 400 with GitLab's words for the first value that is not valid.
pub fn check(draft: &Draft) -> Result<()> {
    if draft
        .maximum_timeout_seconds
        .is_some_and(|seconds| seconds < LEAST_TIMEOUT)
    {
        return Err(Error::invalid("maximum_timeout", "needs to be at least 10 minutes"));
    }
    if draft
        .maintenance_note
        .as_ref()
        .is_some_and(|note| note.chars().count() > LONGEST_NOTE)
    {
        return Err(Error::invalid(
            "maintenance_note",
            "is too long (maximum is 1024 characters)",
        ));
    }
    if draft.tags.len() > MOST_TAGS {
        return Err(Error::invalid(
            "tags_list",
            "Too many tags specified. Please limit the number of tags to 50",
        ));
    }
    if draft.run_untagged == Some(false) && draft.tags.is_empty() {
        return Err(Error::invalid(
            "tags_list",
            "can not be empty when runner is not allowed to pick untagged jobs",
        ));
    }
    Ok(())
}

fn may_create(app: &App, tx: &mut dyn Tx, caller: &Caller, serves: Serves) -> Result<()> {
    let user = caller.user().ok_or(Error::Unauthorized)?;
    match serves {
        Serves::Instance if caller.is_admin() => Ok(()),
        Serves::Instance => Err(Error::forbidden()),
        Serves::Project(id) => {
            lookup::project_for(app, tx, caller, &ProjectKey::Id(id), Ability::AdminProject).map(drop)
        }
        Serves::Group(id) => {
            let is_group = ops::namespaces::get(tx, id)?.is_some_and(|namespace| namespace.user_id.is_none());
            if !is_group {
                return Err(Error::NotFound("Group"));
            }
            let level = ops::members::level_in_group(tx, id, user.id, app.clock.now())?;
            if caller.is_admin() || level >= AccessLevel::Owner {
                Ok(())
            } else {
                Err(Error::forbidden())
            }
        }
    }
}

/// Stores a new runner.
///
/// # Errors
///
/// What the database said.
pub fn insert(
    tx: &mut dyn Tx,
    digest: &[u8; 32],
    serves: Serves,
    draft: &Draft,
    made: Made,
    now: Timestamp,
) -> Result<Runner> {
    let project = match serves {
        Serves::Project(id) => Some(id),
        Serves::Instance | Serves::Group(_) => None,
    };
    let new = NewRunner {
        digest,
        runner_type: match serves {
            Serves::Instance => RunnerType::Instance,
            Serves::Group(_) => RunnerType::Group,
            Serves::Project(_) => RunnerType::Project,
        },
        description: draft.description.as_deref(),
        maintenance_note: draft.maintenance_note.as_deref(),
        paused: draft.paused,
        locked: draft.locked,
        run_untagged: draft.run_untagged.unwrap_or(true),
        tags: &draft.tags,
        access: if draft.protected_only {
            RunnerAccess::RefProtected
        } else {
            RunnerAccess::NotProtected
        },
        maximum_timeout_seconds: draft.maximum_timeout_seconds,
        group_id: match serves {
            Serves::Group(id) => Some(id),
            Serves::Instance | Serves::Project(_) => None,
        },
        project_ids: project.as_slice(),
        creator_id: match made {
            Made::By(user) => Some(user),
            Made::ByToken | Made::ByServer => None,
        },
        token_expires_at: None,
        registered_by_token: made == Made::ByToken,
        created_at: now,
    };
    Ok(runners::create(tx, &new)?)
}

/// What a runner's process says about itself.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// `s_…` or `r_…`; `<legacy>` when it sends none.
    pub system_id: String,
    /// Version of the program.
    pub version: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// Operating system.
    pub platform: Option<String>,
    /// Processor.
    pub architecture: Option<String>,
    /// Executor.
    pub executor: Option<String>,
    /// Names of the features it declares.
    pub features: Vec<String>,
}

/// Finds the runner of a token; `None` when it is unknown or expired.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn authenticate(app: &App, token: &str) -> Result<Option<Runner>> {
    let digest = app.keys.digest(token);
    let runner = app.store.read(move |tx| runners::by_digest(tx, &digest)).await?;
    let now = app.clock.now();
    Ok(runner.filter(|runner| runner.token_expires_at.is_none_or(|end| now < end)))
}

/// Notes that a process of a runner has called and what it said about itself; returns the process.
///
/// Written at most once a minute unless the process is new or says something new.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn note_contact(app: &App, runner: &Runner, about: About) -> Result<RunnerManager> {
    let (id, now) = (runner.id, app.clock.now());
    let recent = |at: Option<Timestamp>| at.is_some_and(|at| now.0 - at.0 < TOUCH_EVERY);
    let system_id = about.system_id.clone();
    let known = app.store.read(move |tx| runners::manager(tx, id, &system_id)).await?;
    if let Some(known) = known.filter(|known| recent(known.contacted_at) && says_the_same(known, &about)) {
        return Ok(known);
    }
    app.store
        .write(move |tx| {
            runners::touch(tx, id, now)?;
            let facts = ManagerFacts {
                system_id: &about.system_id,
                version: about.version.as_deref(),
                revision: about.revision.as_deref(),
                platform: about.platform.as_deref(),
                architecture: about.architecture.as_deref(),
                executor: about.executor.as_deref(),
                ip_address: None,
                features: &about.features,
            };
            Ok(runners::save_manager(tx, id, &facts, now)?)
        })
        .await
}

fn says_the_same(known: &RunnerManager, about: &About) -> bool {
    (about.features.is_empty() || known.features == about.features)
        && (about.version.is_none() || known.version == about.version)
        && (about.executor.is_none() || known.executor == about.executor)
}

/// Gives a runner a new token and answers with it; the old one is void at once.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn reset_token(app: &App, runner: &Runner) -> Result<String> {
    let token = new_token(if runner.registered_by_token {
        REGISTERED_RUNNER_TOKEN_PREFIX
    } else {
        RUNNER_TOKEN_PREFIX
    });
    let digest = app.keys.digest(&token);
    let runner = runner.id;
    app.store
        .write(move |tx| runners::set_digest(tx, runner, &digest, None))
        .await?;
    Ok(token)
}

/// Deletes a runner that knows its own token.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn delete(app: &App, runner: RunnerId) -> Result<()> {
    app.store.write(move |tx| runners::delete(tx, runner)).await?;
    Ok(())
}

/// Forgets one process of a runner; `false` when there is none of that name.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn delete_manager(app: &App, runner: RunnerId, system_id: String) -> Result<bool> {
    Ok(app
        .store
        .write(move |tx| runners::delete_manager(tx, runner, &system_id))
        .await?)
}

/// Name of the embedded runner, and what its token is derived from.
const EMBEDDED: &str = "embedded runner";

/// Characters of the embedded runner's token behind the prefix.
const EMBEDDED_LENGTH: usize = 40;

/// Returns the token of the runner inside of the server, making the runner when it is not there.
///
/// The token follows from the server's key, so that it need not be kept anywhere.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn embedded(app: &App) -> Result<String> {
    let hex: String = app
        .keys
        .digest(EMBEDDED)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let token = format!("{RUNNER_TOKEN_PREFIX}{}", &hex[..EMBEDDED_LENGTH]);
    let digest = app.keys.digest(&token);
    let now = app.clock.now();
    app.store
        .write(move |tx| {
            if runners::by_digest(tx, &digest)?.is_none() {
                let draft = Draft {
                    description: Some(EMBEDDED.to_owned()),
                    ..Draft::default()
                };
                insert(tx, &digest, Serves::Instance, &draft, Made::ByServer, now)?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(token)
}
