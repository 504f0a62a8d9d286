//! Groups and namespaces: list, get, create, delete (rest-api.md 14).

use model::{AccessLevel, Namespace, NamespaceId, Visibility};
use store::ops::members::{Member, Place};
use store::ops::namespaces::{self, NamespaceFilter, NewNamespace};
use store::ops::page::Page;
use store::ops::projects::Viewer;
use store::{StoreError, Tx, ops};

use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::{App, lookup, names};

/// Most levels of groups in groups (GitLab: 20).
const MAX_DEPTH: usize = 20;

/// A namespace with the display names of itself and those around it.
#[derive(Clone, Debug)]
pub struct Named {
    /// The namespace.
    pub namespace: Namespace,
    /// `Group / Subgroup`.
    pub full_name: String,
}

/// The id or full path by which a caller names a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupKey {
    /// Its id.
    Id(NamespaceId),
    /// Its full path; letter case does not matter.
    Path(String),
}

impl GroupKey {
    /// Reads the decoded segment.
    #[must_use]
    pub fn parse(text: &str) -> GroupKey {
        match text.parse() {
            Ok(id) => GroupKey::Id(NamespaceId(id)),
            Err(_) => GroupKey::Path(text.to_owned()),
        }
    }
}

/// Which groups to list.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Part of name or path.
    pub search: Option<String>,
    /// Only those the caller owns.
    pub owned: bool,
    /// Only those in which the caller has at least this role.
    pub min_access_level: Option<AccessLevel>,
    /// Only those in no group.
    pub top_level: bool,
    /// Also personal namespaces.
    pub personal: bool,
}

/// What a new group is to be.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Display name.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// The group around it.
    pub parent_id: Option<NamespaceId>,
    /// Who may see it.
    pub visibility: Visibility,
}

/// Who looks at a list.
#[must_use]
pub fn viewer(caller: &Caller) -> Viewer {
    match caller.user() {
        None => Viewer::Anonymous,
        Some(user) if caller.is_admin() => Viewer::Admin(user.id),
        Some(user) => Viewer::User(user.id),
    }
}

/// Lists the groups that the caller may see by path, and their number.
///
/// # Errors
///
/// What the database said.
pub async fn list(app: &App, caller: &Caller, wanted: Wanted, page: Page) -> Result<(Vec<Named>, i64)> {
    let (viewer, now) = (viewer(caller), app.clock.now());
    app.store
        .read(move |tx| {
            let filter = NamespaceFilter {
                search: wanted.search.as_deref(),
                min_access_level: if wanted.owned {
                    Some(AccessLevel::Owner)
                } else {
                    wanted.min_access_level
                },
                top_level: wanted.top_level,
                personal: wanted.personal,
                ..NamespaceFilter::new(viewer, now)
            };
            let found = namespaces::list(tx, &filter, page)?;
            let total = namespaces::count(tx, &filter)?;
            let named = found
                .into_iter()
                .map(|namespace| named(tx, namespace))
                .collect::<Result<_, _>>()?;
            Ok::<_, Error>((named, total))
        })
        .await
}

/// Returns a group.
///
/// # Errors
///
/// `404 Group Not Found` when there is none, or none that the caller may know of.
pub async fn get(app: &App, caller: &Caller, key: GroupKey) -> Result<Named> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let (group, _) = find(&this, tx, &caller, &key)?;
            Ok(named(tx, group)?)
        })
        .await
}

/// Returns a group and the caller's role in it; administrators are owners of every group.
///
/// # Errors
///
/// As [`get`].
pub async fn with_role(app: &App, caller: &Caller, key: GroupKey) -> Result<(Named, AccessLevel)> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let (group, role) = find(&this, tx, &caller, &key)?;
            let role = if caller.is_admin() { AccessLevel::Owner } else { role };
            Ok((named(tx, group)?, role))
        })
        .await
}

/// Returns a namespace, a group or a personal one.
///
/// # Errors
///
/// `404 Namespace Not Found`.
pub async fn namespace(app: &App, caller: &Caller, key: GroupKey) -> Result<Named> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let found = lookup(tx, &key)?.ok_or(Error::NotFound("Namespace"))?;
            let own = found.user_id.is_some() && found.user_id == caller.user().map(|user| user.id);
            if !own && !caller.is_admin() && (found.user_id.is_some() || !may_read(&this, tx, &caller, &found)?) {
                return Err(Error::NotFound("Namespace"));
            }
            Ok(named(tx, found)?)
        })
        .await
}

/// Creates a group that the caller owns.
///
/// # Errors
///
/// 401; 403 when the caller is not a Maintainer of the group around it; 404 for that; 400 for bad or taken names.
pub async fn create(app: &App, caller: &Caller, new: NewGroup) -> Result<Named> {
    let owner = caller.user().ok_or(Error::Unauthorized)?.id;
    if new.parent_id.is_none() && caller.user().is_some_and(|user| user.is_bot) {
        return Err(Error::forbidden());
    }
    names::check_name(&new.name)?;
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let parent = match new.parent_id {
                None => None,
                Some(id) => Some(parent(&this, tx, &caller, id)?),
            };
            let full_path = match &parent {
                None => {
                    names::check_root_path("path", &new.path)?;
                    new.path.clone()
                }
                Some(parent) => {
                    names::check_inner_path("path", &new.path)?;
                    format!("{}/{}", parent.full_path, new.path)
                }
            };
            check_visibility(new.visibility, parent.as_ref())?;
            if namespaces::path_taken(tx, &full_path)? {
                return Err(Error::invalid("path", "has already been taken"));
            }
            let now = this.clock.now();
            let group = namespaces::create(
                tx,
                &NewNamespace {
                    parent_id: new.parent_id,
                    user_id: None,
                    name: &new.name,
                    path: &new.path,
                    full_path: &full_path,
                    visibility: new.visibility,
                    created_at: now,
                },
            )?;
            let member = Member {
                user_id: owner,
                level: AccessLevel::Owner,
                created_by: Some(owner),
                created_at: now,
                expires_at: None,
            };
            ops::members::add(tx, Place::Group(group.id), &member)?;
            let event = Event::new("group_created", "Added group").with("add", "group");
            audit::note(&this, tx, &caller, &group, event)?;
            Ok(named(tx, group)?)
        })
        .await
}

/// Deletes an empty group.
///
/// # Errors
///
/// 401, 403 for anybody but an Owner; 404; 409 while anything is in it.
pub async fn delete(app: &App, caller: &Caller, key: GroupKey) -> Result<()> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let group = require(&this, tx, &caller, &key, AccessLevel::Owner)?;
            match namespaces::delete(tx, group.id) {
                Err(StoreError::ForeignKey { .. }) => Err(Error::Status {
                    status: 409,
                    message: "409 Conflict: the group still has projects or subgroups".to_owned(),
                }),
                deleted => {
                    deleted?;
                    let event = Event::new("group_destroyed", "Group destroyed").with("remove", "group");
                    Ok(audit::note(&this, tx, &caller, &group, event)?)
                }
            }
        })
        .await
}

/// Finds a group in which the caller has at least this role (administrators always do).
///
/// # Errors
///
/// `404 Group Not Found`, 401 or 403.
pub fn require(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &GroupKey, least: AccessLevel) -> Result<Namespace> {
    let (group, role) = find(app, tx, caller, key)?;
    if !caller.is_authenticated() {
        return Err(Error::Unauthorized);
    }
    if role < least && !caller.is_admin() {
        return Err(Error::forbidden());
    }
    Ok(group)
}

/// Finds a group that the caller may see, and the caller's role in it.
///
/// # Errors
///
/// `404 Group Not Found`.
pub fn find(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &GroupKey) -> Result<(Namespace, AccessLevel)> {
    let found = lookup(tx, key)?
        .filter(|found| found.user_id.is_none())
        .ok_or(Error::NotFound("Group"))?;
    if !may_read(app, tx, caller, &found)? {
        return Err(Error::NotFound("Group"));
    }
    let role = role(app, tx, caller, &found)?;
    Ok((found, role))
}

/// Adds the display names of a namespace and those around it.
///
/// # Errors
///
/// What the database said.
pub fn named(tx: &mut dyn Tx, namespace: Namespace) -> Result<Named, StoreError> {
    let Some(_) = namespace.parent_id else {
        let full_name = namespace.name.clone();
        return Ok(Named { namespace, full_name });
    };
    let ids = namespaces::with_ancestors(tx, namespace.id)?;
    let all = namespaces::get_many(tx, &ids)?;
    let name_of = |id: &NamespaceId| all.iter().find(|one| one.id == *id).map(|one| one.name.as_str());
    let names: Vec<&str> = ids.iter().rev().filter_map(name_of).collect();
    let full_name = names.join(" / ");
    Ok(Named { namespace, full_name })
}

/// The caller's role in a namespace; owner of one's own.
///
/// # Errors
///
/// What the database said.
pub fn role(app: &App, tx: &mut dyn Tx, caller: &Caller, namespace: &Namespace) -> Result<AccessLevel, StoreError> {
    match caller.user() {
        Some(user) if lookup::is_dead_bot(app, tx, user)? => Ok(AccessLevel::None),
        Some(user) => ops::members::level_in_group(tx, namespace.id, user.id, app.clock.now()),
        None => Ok(AccessLevel::None),
    }
}

/// Refuses to show something to more people than its group is shown to.
///
/// # Errors
///
/// 400 under `visibility_level`.
pub fn check_visibility(wanted: Visibility, parent: Option<&Namespace>) -> Result<()> {
    let openness = |visibility| match visibility {
        Visibility::Private => 0,
        Visibility::Internal => 1,
        Visibility::Public => 2,
    };
    match parent {
        Some(parent) if openness(wanted) > openness(parent.visibility) => {
            let text = format!(
                "{wanted} is not allowed since the parent group has a {} visibility.",
                parent.visibility
            );
            Err(Error::invalid("visibility_level", text))
        }
        _ => Ok(()),
    }
}

/// The same for a project, in GitLab's words for that.
///
/// # Errors
///
/// 400 for one that is more open than its group.
pub(crate) fn check_project_visibility(wanted: Visibility, group: Option<&Namespace>) -> Result<()> {
    check_visibility(wanted, group).map_err(|_| {
        let of_group = group.map_or(Visibility::Private, |group| group.visibility);
        let text = format!("{wanted} is not allowed in a {of_group} group.");
        Error::invalid("visibility_level", text)
    })
}

fn lookup(tx: &mut dyn Tx, key: &GroupKey) -> Result<Option<Namespace>, StoreError> {
    match key {
        GroupKey::Id(id) => namespaces::get(tx, *id),
        GroupKey::Path(path) => namespaces::by_full_path(tx, path),
    }
}

fn may_read(app: &App, tx: &mut dyn Tx, caller: &Caller, group: &Namespace) -> Result<bool, StoreError> {
    Ok(match group.visibility {
        Visibility::Public => true,
        Visibility::Internal if caller.is_authenticated() => true,
        _ => caller.is_admin() || role(app, tx, caller, group)? >= AccessLevel::Guest,
    })
}

fn parent(app: &App, tx: &mut dyn Tx, caller: &Caller, id: NamespaceId) -> Result<Namespace> {
    let parent = require(app, tx, caller, &GroupKey::Id(id), AccessLevel::Maintainer)?;
    if namespaces::with_ancestors(tx, parent.id)?.len() >= MAX_DEPTH {
        return Err(Error::invalid(
            "parent_id",
            format!("allows at most {MAX_DEPTH} levels of groups"),
        ));
    }
    Ok(parent)
}
