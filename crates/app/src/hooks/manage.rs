//! Hooks of a project: list, get, create, change, delete.

use std::time::Duration;

use compile::regex::Pattern;
use model::{BranchFilterStrategy, Hook, HookId, HookKind, HookKinds, HookSettings, Project};
use outbound::{Blocked, HeaderName, HeaderValue, Url};
use store::ops::hooks::NewHook;
use store::ops::limits::Limited;
use store::ops::page::Page;
use store::{Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::hooks::deliver::signing_key;
use crate::hooks::secrets::Secrets;
use crate::lookup::{self, ProjectKey};

/// Hooks of one project at most (GitLab's limit).
const MAX_HOOKS: i64 = 100;

/// Headers of one hook at most.
const MAX_HEADERS: usize = 20;

/// Headers that say where a request goes and where it ends: what stands in them must be what is sent.
const OF_THE_CONNECTION: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// Longest address, name, key or value.
const MAX_TEXT: usize = 2048;

/// Longest template.
const MAX_TEMPLATE: usize = 4096;

/// Time to look up the host of a new address.
const CHECK: Duration = Duration::from_secs(5);

/// Events that can be switched on and never happen here.
pub const OTHER_EVENTS: &[&str] = &[
    "issues_events",
    "confidential_issues_events",
    "merge_requests_events",
    "note_events",
    "confidential_note_events",
    "wiki_page_events",
    "feature_flag_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "resource_deploy_token_events",
    "vulnerability_events",
];

/// What is to change; `None` leaves it as it is, `Some(None)` takes it away.
#[derive(Clone, Default)]
pub struct Changes {
    /// The address.
    pub url: Option<String>,
    /// Name.
    pub name: Option<Option<String>>,
    /// Free text.
    pub description: Option<Option<String>>,
    /// Events by their names, on or off.
    pub events: Vec<(&'static str, bool)>,
    /// `enable_ssl_verification`.
    pub verify_tls: Option<bool>,
    /// `token`.
    pub token: Option<Option<String>>,
    /// `signing_token`.
    pub signing_token: Option<Option<String>>,
    /// `push_events_branch_filter`.
    pub branch_filter: Option<Option<String>>,
    /// `branch_filter_strategy`.
    pub branch_filter_strategy: Option<BranchFilterStrategy>,
    /// `custom_webhook_template`.
    pub template: Option<Option<String>>,
    /// `custom_headers`: added to those that are there.
    pub custom_headers: Option<Vec<(String, String)>>,
    /// `url_variables`: added to those that are there.
    pub url_variables: Option<Vec<(String, String)>>,
}

/// A list of pairs of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// `custom_headers`.
    Headers,
    /// `url_variables`.
    Variables,
}

/// A hook as it is shown.
pub struct Shown {
    /// The hook.
    pub hook: Hook,
    /// Its secrets: of these only the address is shown, and the keys of the lists.
    pub secrets: Secrets,
}

/// Lists hooks of a project, and counts them.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say.
pub async fn list(app: &App, caller: &Caller, key: ProjectKey, page: Page) -> Result<(Vec<Shown>, i64)> {
    let (this, caller) = (app.clone(), caller.clone());
    let (found, total) = app
        .store
        .read(move |tx| {
            let project = require(&this, tx, &caller, &key)?;
            let total = ops::hooks::count(tx, project.id)?;
            Ok::<_, Error>((ops::hooks::list(tx, project.id, page)?, total))
        })
        .await?;
    let shown: Result<Vec<Shown>> = found.into_iter().map(|hook| show(app, hook)).collect();
    Ok((shown?, total))
}

/// Returns a hook.
///
/// # Errors
///
/// As [`list`]; `404 Not found`.
pub async fn get(app: &App, caller: &Caller, key: ProjectKey, id: HookId) -> Result<Shown> {
    let (_, hook) = find(app, caller, key, id).await?;
    show(app, hook)
}

/// Creates a hook.
///
/// # Errors
///
/// As [`list`]; 422 for an address that must not be asked, for a filter, header or token that is not valid.
pub async fn create(app: &App, caller: &Caller, key: ProjectKey, changes: Changes) -> Result<Shown> {
    let (this, asking, wanted) = (app.clone(), caller.clone(), key.clone());
    // Whoever may not make hooks must not learn what hosts there are.
    app.store
        .read(move |tx| require(&this, tx, &asking, &wanted).map(drop))
        .await?;
    let mut kinds = HookKinds::default();
    kinds.set(HookKind::Push, true);
    let mut settings = HookSettings {
        verify_tls: true,
        ..HookSettings::default()
    };
    let mut secrets = Secrets::default();
    changes.apply(&mut kinds, &mut settings, &mut secrets)?;
    check(app, &settings, &secrets).await?;
    let (this, caller) = (app.clone(), caller.clone());
    let hook = app
        .store
        .write(move |tx| {
            let project = require(&this, tx, &caller, &key)?;
            ops::limits::lock(tx, Limited::Hooks(project.id))?;
            if ops::hooks::count(tx, project.id)? >= MAX_HOOKS {
                let message = format!("Maximum number of project hooks ({MAX_HOOKS}) exceeded");
                return Err(Error::Status { status: 422, message });
            }
            let now = this.clock.now();
            let id = project.id;
            let new = NewHook {
                project_id: id,
                kinds,
                settings: &settings,
                sealed: &secrets.seal(&this.keys, id, now)?,
                created_at: now,
            };
            let made = ops::hooks::create(tx, &new)?;
            note(&this, tx, &caller, &project, "webhook_created", made)?;
            ops::hooks::note_kinds(tx, project)?;
            ops::hooks::get(tx, id, made)?.ok_or(Error::RecordNotFound)
        })
        .await?;
    show(app, hook)
}

/// Changes a hook.
///
/// # Errors
///
/// As [`create`] and [`get`].
pub async fn update(app: &App, caller: &Caller, key: ProjectKey, id: HookId, changes: Changes) -> Result<Shown> {
    change(app, caller, key, id, move |hook, secrets| {
        changes.apply(&mut hook.kinds, &mut hook.settings, secrets)?;
        if changes.url.is_some() {
            hook.failures = 0;
            hook.disabled_until = None;
        }
        Ok(())
    })
    .await
}

/// Sets one pair of a hook, or takes it away.
///
/// # Errors
///
/// As [`update`]; `404 Not found` when the pair to be taken away is not there.
pub async fn set_pair(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    id: HookId,
    pairs: Pairs,
    (name, value): (String, Option<String>),
) -> Result<()> {
    let changed = change(app, caller, key, id, move |_, secrets| {
        let list = match pairs {
            Pairs::Headers => &mut secrets.custom_headers,
            Pairs::Variables => &mut secrets.url_variables,
        };
        let before = list.len();
        match value {
            Some(value) => merge(list, &[(name, value)]),
            None => {
                list.retain(|(key, _)| *key != name);
                if list.len() == before {
                    return Err(Error::RecordNotFound);
                }
            }
        }
        Ok(())
    });
    changed.await.map(drop)
}

/// Deletes a hook with its log.
///
/// # Errors
///
/// As [`get`].
pub async fn delete(app: &App, caller: &Caller, key: ProjectKey, id: HookId) -> Result<()> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let project = require(&this, tx, &caller, &key)?;
            if !ops::hooks::delete(tx, project.id, id)? {
                return Err(Error::RecordNotFound);
            }
            note(&this, tx, &caller, &project, "webhook_destroyed", id)?;
            Ok(ops::hooks::note_kinds(tx, project)?)
        })
        .await
}

/// Finds a hook that the caller may manage.
pub(super) async fn find(app: &App, caller: &Caller, key: ProjectKey, id: HookId) -> Result<(Project, Hook)> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let project = require(&this, tx, &caller, &key)?;
            let hook = ops::hooks::get(tx, project.id, id)?.ok_or(Error::RecordNotFound)?;
            Ok((project, hook))
        })
        .await
}

async fn change(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    id: HookId,
    apply: impl FnOnce(&mut Hook, &mut Secrets) -> Result<()>,
) -> Result<Shown> {
    let (_, mut hook) = find(app, caller, key.clone(), id).await?;
    let mut secrets = Secrets::open(&app.keys, &hook)?;
    apply(&mut hook, &mut secrets)?;
    check(app, &hook.settings, &secrets).await?;
    hook.sealed = secrets.seal(&app.keys, hook.project_id, hook.created_at)?;
    let (this, caller, saved) = (app.clone(), caller.clone(), hook.clone());
    app.store
        .write(move |tx| {
            let project = require(&this, tx, &caller, &key)?;
            ops::hooks::get(tx, project.id, id)?.ok_or(Error::RecordNotFound)?;
            ops::hooks::save(tx, &saved)?;
            note(&this, tx, &caller, &project, "webhook_updated", id)?;
            Ok::<_, Error>(ops::hooks::note_kinds(tx, project)?)
        })
        .await?;
    Ok(Shown { hook, secrets })
}

/// Writes down what became of a hook. Its address may hold a secret, so it is named by its number.
fn note(app: &App, tx: &mut dyn Tx, caller: &Caller, project: &Project, name: &'static str, id: HookId) -> Result<()> {
    let what = name.rsplit('_').next().unwrap_or_default();
    let event = Event::new(name, format!("webhook {what}")).target("ProjectHook", id, format!("Hook {id}"));
    Ok(audit::note(app, tx, caller, project, event)?)
}

fn require(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &ProjectKey) -> Result<Project> {
    Ok(lookup::project_for(app, tx, caller, key, Ability::AdminProject)?.project)
}

fn show(app: &App, hook: Hook) -> Result<Shown> {
    let secrets = Secrets::open(&app.keys, &hook)?;
    Ok(Shown { hook, secrets })
}

impl Changes {
    fn apply(&self, kinds: &mut HookKinds, settings: &mut HookSettings, secrets: &mut Secrets) -> Result<()> {
        if let Some(url) = &self.url
            && *url != secrets.url
        {
            // Another host gets none of the secrets of this one.
            *secrets = Secrets {
                url: url.clone(),
                ..Secrets::default()
            };
        }
        for (name, on) in &self.events {
            match HookKind::ALL.into_iter().find(|kind| kind.flag() == *name) {
                Some(kind) => kinds.set(kind, *on),
                None => {
                    settings.other_events.retain(|other| other != name);
                    if *on {
                        settings.other_events.push((*name).to_owned());
                    }
                }
            }
        }
        let set = |target: &mut Option<String>, wanted: &Option<Option<String>>| {
            if let Some(wanted) = wanted {
                *target = wanted.clone().filter(|text| !text.is_empty());
            }
        };
        set(&mut settings.name, &self.name);
        set(&mut settings.description, &self.description);
        set(&mut settings.branch_filter, &self.branch_filter);
        set(&mut settings.template, &self.template);
        set(&mut secrets.token, &self.token);
        set(&mut secrets.signing_token, &self.signing_token);
        settings.verify_tls = self.verify_tls.unwrap_or(settings.verify_tls);
        settings.branch_filter_strategy = self.branch_filter_strategy.unwrap_or(settings.branch_filter_strategy);
        merge(
            &mut secrets.custom_headers,
            self.custom_headers.as_deref().unwrap_or_default(),
        );
        merge(
            &mut secrets.url_variables,
            self.url_variables.as_deref().unwrap_or_default(),
        );
        Ok(())
    }
}

/// Adds pairs to those that are there; a known key gets another value.
fn merge(list: &mut Vec<(String, String)>, added: &[(String, String)]) {
    for (key, value) in added {
        list.retain(|(known, _)| known != key);
        list.push((key.clone(), value.clone()));
    }
}

/// What GitLab checks when a hook is saved.
async fn check(app: &App, settings: &HookSettings, secrets: &Secrets) -> Result<()> {
    check_url(app, secrets).await?;
    let filter = settings.branch_filter.as_deref().unwrap_or_default();
    let filter_holds = match settings.branch_filter_strategy {
        BranchFilterStrategy::Regex => Pattern::new(filter, "").is_ok(),
        _ => !filter.contains(|c: char| c.is_whitespace() || c.is_control() || "~^:?[\\".contains(c)),
    };
    if !filter_holds || filter.len() > MAX_TEXT {
        return Err(unprocessable("Invalid branch filter given"));
    }
    if secrets.custom_headers.len() > MAX_HEADERS || !secrets.custom_headers.iter().all(is_header) {
        return Err(unprocessable("Custom headers validation failed"));
    }
    let message = |text: &str| {
        let message = text.to_owned();
        Err(Error::Status { status: 422, message })
    };
    if !secrets.url_variables.iter().all(is_variable) {
        return message("Url variables must be a name of a-z, 0-9 and _ with a value");
    }
    let token = secrets.token.as_deref().unwrap_or_default();
    if token.contains(['\r', '\n']) || token.len() > MAX_TEXT || HeaderValue::from_str(token).is_err() {
        return message("Token is invalid");
    }
    let signing = secrets.signing_token.as_deref();
    if signing.is_some_and(|token| signing_key(token).is_none_or(|key| key.len() != 32)) {
        return message("Signing token must be `whsec_` and the base64 of 32 bytes");
    }
    for (name, text, most) in [
        ("Name", &settings.name, 255),
        ("Description", &settings.description, MAX_TEXT),
        ("Custom webhook template", &settings.template, MAX_TEMPLATE),
    ] {
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            return message(&format!("{name} is too long (maximum is {most} characters)"));
        }
    }
    Ok(())
}

/// A name that has no address (yet) is fine; one with an address that must not be asked is not.
async fn check_url(app: &App, secrets: &Secrets) -> Result<()> {
    let invalid = || unprocessable("Invalid url given");
    let whole = secrets.whole_url();
    if whole.len() > MAX_TEXT || whole.contains(|c: char| matches!(c, '{' | '}') || c.is_control()) {
        return Err(invalid());
    }
    let url: Url = whole.parse().map_err(|_| invalid())?;
    match app.outbound.check(&url, CHECK).await {
        Err(outbound::Error::Blocked(Blocked::Unresolved)) | Err(outbound::Error::Timeout(_)) | Ok(()) => Ok(()),
        Err(_) => Err(invalid()),
    }
}

fn is_header((name, value): &(String, String)) -> bool {
    let is_free = |name: HeaderName| !OF_THE_CONNECTION.contains(&name.as_str());
    let is_name = name.len() <= 255 && HeaderName::try_from(name.as_str()).is_ok_and(is_free);
    is_name && value.len() <= MAX_TEXT && !value.is_empty() && HeaderValue::from_str(value).is_ok()
}

fn is_variable((name, value): &(String, String)) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_name = name.len() <= 255 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain);
    is_name
        && !value.is_empty()
        && value.len() <= MAX_TEXT
        && !value.chars().any(|c| c.is_control() || "{}".contains(c))
}

fn unprocessable(text: &str) -> Error {
    Error::StatusError {
        status: 422,
        error: text.to_owned(),
    }
}
