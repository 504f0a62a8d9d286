//! Moving a project to another group or user.

use model::{AccessLevel, NamespaceId, Project};
use store::ops;

use super::create::{namespace, taken};
use super::{Shown, show};
use crate::App;
use crate::access::Ability;
use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::groups;
use crate::lookup::{self, ProjectKey};

/// Moves a project into another namespace. Its address changes; its id, and with it trigger addresses, stay.
///
/// # Errors
///
/// 401, 403 for anybody but an Owner; 404; 400 when the caller may not create projects there, when the project is
/// there already, when there is another one of that path, or when the group is shown to fewer people.
pub async fn transfer(app: &App, caller: &Caller, key: ProjectKey, to: NamespaceId) -> Result<Shown> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::OwnProject)?;
            let target = namespace(&this, tx, &caller, to)?;
            let project = access.project;
            if target.id == project.namespace_id {
                return Err(Error::invalid("namespace", "is where the project is already"));
            }
            let role = groups::role(&this, tx, &caller, &target)?;
            let is_own = target.user_id.is_some() && target.user_id == caller.user().map(|user| user.id);
            if role < AccessLevel::Maintainer && !is_own && !caller.is_admin() {
                return Err(Error::invalid("namespace", "is not valid"));
            }
            groups::check_visibility(
                project.visibility,
                Some(&target).filter(|target| target.user_id.is_none()),
            )?;
            let full_path = format!("{}/{}", target.full_path, project.path);
            if ops::namespaces::path_taken(tx, &full_path)? {
                return Err(taken());
            }
            let from = project.full_path.clone();
            let project = Project {
                namespace_id: target.id,
                full_path,
                ..project
            };
            ops::projects::update(tx, &project)?;
            ops::redirect_routes::moved(tx, project.id, &from, &project.full_path)?;
            let event = Event::new("project_transferred", "Changed namespace")
                .with("change", "namespace")
                .with("from", from)
                .with("to", &project.full_path);
            audit::note(&this, tx, &caller, &project, event)?;
            show(&this, tx, &caller, project)
        })
        .await
}
