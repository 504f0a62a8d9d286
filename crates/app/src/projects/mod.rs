//! Projects: list, get, create, change, delete (rest-api.md 14).

mod create;
mod delete;
mod transfer;
mod update;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use model::{AccessLevel, Namespace, NamespaceId, Project, User};
use store::ops::members::Place;
use store::ops::page::Page;
use store::ops::projects::ProjectFilter;
use store::{StoreError, Tx, ops};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::groups;
use crate::lookup::{self, ProjectKey};
use crate::runners::registration;
use crate::runners::registry::Serves;

pub use create::{NewProject, create};
pub use delete::delete;
pub use store::ops::projects::{ProjectOrder, Viewer};
pub use transfer::transfer;
pub use update::{Changes, update};

/// A project with what its JSON shows besides.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The project.
    pub project: Project,
    /// Where it lives.
    pub namespace: Namespace,
    /// Display names of the namespace and those around it.
    pub namespace_name: String,
    /// The owner of a personal project.
    pub owner: Option<User>,
    /// The caller's roles by membership of the project and of its groups; none for anonymous callers.
    pub roles: Option<(AccessLevel, AccessLevel)>,
    /// Its registration token, for those who administer it, where such tokens are allowed.
    pub runners_token: Option<String>,
}

/// Which projects to list; who looks and when is filled in.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only (un)archived ones.
    pub archived: Option<bool>,
    /// Only of this visibility.
    pub visibility: Option<model::Visibility>,
    /// Part of name or path.
    pub search: Option<String>,
    /// Whether `search` also looks at the namespace's path.
    pub search_namespaces: bool,
    /// Only those the caller owns.
    pub owned: bool,
    /// Only those the caller is a member of.
    pub membership: bool,
    /// Only those where the caller has at least this role.
    pub min_access_level: Option<AccessLevel>,
    /// Only those directly in this group.
    pub group: Option<groups::GroupKey>,
    /// Only those in this user's personal namespace.
    pub in_namespace_of: Option<model::UserId>,
    /// Only ids above.
    pub id_after: Option<model::ProjectId>,
    /// Only ids below.
    pub id_before: Option<model::ProjectId>,
    /// Only with activity after.
    pub last_activity_after: Option<model::Timestamp>,
    /// Only with activity before.
    pub last_activity_before: Option<model::Timestamp>,
    /// Order.
    pub order: ProjectOrder,
    /// Direction.
    pub sort: ops::page::Sort,
}

/// Lists the projects that the caller may see, and their number.
///
/// # Errors
///
/// `404 Group Not Found` for a group that the caller may not see.
pub async fn list(app: &App, caller: &Caller, wanted: Wanted, page: Page) -> Result<(Vec<Shown>, i64)> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let group = wanted.group.as_ref();
            let namespace = group.map(|key| groups::find(&this, tx, &caller, key)).transpose()?;
            let filter = filter(&this, &caller, &wanted, namespace.map(|(group, _)| group.id));
            let found = ops::projects::list(tx, &filter, page)?;
            let total = ops::projects::count(tx, &filter)?;
            Ok((show_all(&this, tx, &caller, found)?, total))
        })
        .await
}

fn filter<'a>(app: &App, caller: &Caller, wanted: &'a Wanted, namespace_id: Option<NamespaceId>) -> ProjectFilter<'a> {
    ProjectFilter {
        viewer: groups::viewer(caller),
        now: app.clock.now(),
        archived: wanted.archived,
        visibility: wanted.visibility,
        search: wanted.search.as_deref(),
        search_namespaces: wanted.search_namespaces,
        owned: wanted.owned,
        membership: wanted.membership,
        min_access_level: wanted.min_access_level,
        namespace_id,
        in_namespace_of: wanted.in_namespace_of,
        id_after: wanted.id_after,
        id_before: wanted.id_before,
        last_activity_after: wanted.last_activity_after,
        last_activity_before: wanted.last_activity_before,
        order: wanted.order,
        sort: wanted.sort,
    }
}

/// Returns a project.
///
/// # Errors
///
/// `404 Project Not Found` when there is none, or none that the caller may know of.
pub async fn get(app: &App, caller: &Caller, key: ProjectKey) -> Result<Shown> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let access = lookup::project(&this, tx, &caller, &key)?;
            let administers = access.allows(&caller, Ability::AdminProject);
            let mut shown = show(&this, tx, &caller, access.project)?;
            if administers {
                shown.runners_token = registration::token(&this.keys, tx, Serves::Project(shown.project.id))?;
            }
            Ok(shown)
        })
        .await
}

/// Finds a project in which the caller has the ability, in a transaction of its own.
///
/// # Errors
///
/// As [`lookup::project_for`].
pub async fn find_for(app: &App, caller: &Caller, key: ProjectKey, ability: Ability) -> Result<ProjectAccess> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| lookup::project_for(&this, tx, &caller, &key, ability))
        .await
}

/// Adds what one project's JSON shows besides.
pub(crate) fn show(app: &App, tx: &mut dyn Tx, caller: &Caller, project: Project) -> Result<Shown> {
    let shown = show_all(app, tx, caller, vec![project])?;
    shown.into_iter().next().ok_or(Error::NotFound("Project"))
}

/// Adds what the projects' JSON shows besides; each namespace is read once.
pub(crate) fn show_all(app: &App, tx: &mut dyn Tx, caller: &Caller, projects: Vec<Project>) -> Result<Vec<Shown>> {
    let mut around = HashMap::new();
    let mut all = Vec::with_capacity(projects.len());
    for project in projects {
        let found = match around.entry(project.namespace_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Around::read(app, tx, caller, project.namespace_id)?),
        };
        let own = own_role(tx, caller, &project)?;
        all.push(Shown {
            namespace: found.named.namespace.clone(),
            namespace_name: found.named.full_name.clone(),
            owner: found.owner.clone(),
            roles: own.map(|own| (own, found.group_role())),
            runners_token: None,
            project,
        });
    }
    Ok(all)
}

/// The role by membership of the project itself; `None` for anonymous callers.
fn own_role(tx: &mut dyn Tx, caller: &Caller, project: &Project) -> Result<Option<AccessLevel>, StoreError> {
    let Some(user) = caller.user() else { return Ok(None) };
    let member = ops::members::get(tx, Place::Project(project.id), user.id)?;
    Ok(Some(member.map_or(AccessLevel::None, |member| member.level)))
}

/// What all projects of a namespace share.
struct Around {
    named: groups::Named,
    owner: Option<User>,
    role: AccessLevel,
}

impl Around {
    fn read(app: &App, tx: &mut dyn Tx, caller: &Caller, id: NamespaceId) -> Result<Around> {
        let namespace = ops::namespaces::get(tx, id)?.ok_or(Error::NotFound("Namespace"))?;
        let owner = match namespace.user_id {
            Some(id) => ops::users::get(tx, id)?,
            None => None,
        };
        let role = groups::role(app, tx, caller, &namespace)?;
        Ok(Around {
            named: groups::named(tx, namespace)?,
            owner,
            role,
        })
    }

    /// Nobody is a member of a personal namespace.
    fn group_role(&self) -> AccessLevel {
        if self.owner.is_some() {
            AccessLevel::None
        } else {
            self.role
        }
    }
}
