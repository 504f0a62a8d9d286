//! Creating a project with its repository.

use model::project::ProjectSettings;
use model::{AccessLevel, Namespace, NamespaceId, Project, Visibility};
use store::ops::members::{Member, Place};
use store::{Tx, ops};

use super::{Changes, Shown};
use crate::App;
use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::groups::{self, GroupKey};
use crate::lookup::ProjectKey;
use crate::names;
use crate::repository::commits::{self, Change};

/// Branch that `HEAD` of a new repository names when nobody says otherwise.
const DEFAULT_BRANCH: &str = "main";

/// What a new project is to be.
#[derive(Clone, Debug, Default)]
pub struct NewProject {
    /// Display name; follows from the path when missing.
    pub name: Option<String>,
    /// Last part of the path; follows from the name when missing.
    pub path: Option<String>,
    /// Where it lives; `None` = the caller's own namespace.
    pub namespace_id: Option<NamespaceId>,
    /// The branch that the first clone checks out.
    pub default_branch: Option<String>,
    /// Whether to make a first commit with a readme.
    pub with_readme: bool,
    /// Settings, as for an update.
    pub changes: Changes,
}

/// Creates a project that the caller owns, with an empty repository.
///
/// # Errors
///
/// 401; 400 for bad or taken names, and for a namespace in which the caller may not create projects.
pub async fn create(app: &App, caller: &Caller, new: NewProject) -> Result<Shown> {
    caller.user().ok_or(Error::Unauthorized)?;
    let branch = new.default_branch.clone().unwrap_or_else(|| DEFAULT_BRANCH.to_owned());
    if git::names::check_ref(&format!("refs/heads/{branch}")).is_err() {
        return Err(Error::invalid("default_branch", "is invalid"));
    }
    let with_readme = new.with_readme;
    let (this, asking) = (app.clone(), caller.clone());
    let project = app.store.write(move |tx| insert(&this, tx, &asking, &new)).await?;
    let (this, id, head) = (app.clone(), project.id, branch.clone());
    let made = crate::blocking(move || Ok(this.repositories.create(id, &head).map(drop)?)).await;
    if let Err(error) = made {
        app.store.write(move |tx| ops::projects::delete_step(tx, id)).await?;
        return Err(error);
    }
    if with_readme {
        let change = Change {
            branch,
            start: None,
            message: "Initial commit".to_owned(),
            actions: vec![git::Action::create("README.md", format!("# {}\n", project.name))],
            author_name: None,
            author_email: None,
            last_commits: Vec::new(),
        };
        commits::create(app, caller, ProjectKey::Id(id), change).await?;
    }
    super::get(app, caller, ProjectKey::Id(id)).await
}

fn insert(app: &App, tx: &mut dyn Tx, caller: &Caller, new: &NewProject) -> Result<Project> {
    let creator = caller.user().ok_or(Error::Unauthorized)?;
    let namespace = namespace(app, tx, caller, new.namespace_id.unwrap_or(creator.namespace_id))?;
    // What a bot owned would go with its token.
    if creator.is_bot && namespace.id == creator.namespace_id {
        return Err(Error::invalid(
            "limit_reached",
            "You cannot create projects in your personal namespace. Contact your GitLab administrator.",
        ));
    }
    let (name, path) = names_of(new)?;
    names::check_name(&name)?;
    names::check_inner_path("path", &path)?;
    new.changes.check()?;
    let visibility = new.changes.visibility.unwrap_or(Visibility::Private);
    let parent = Some(&namespace).filter(|namespace| namespace.user_id.is_none());
    groups::check_project_visibility(visibility, parent)?;
    let full_path = format!("{}/{path}", namespace.full_path);
    if ops::namespaces::path_taken(tx, &full_path)? {
        return Err(taken());
    }
    let now = app.clock.now();
    let mut settings = ProjectSettings::default();
    new.changes.apply_settings(&mut settings);
    let project = ops::projects::create(
        tx,
        &ops::projects::NewProject {
            namespace_id: namespace.id,
            name: &name,
            path: &path,
            full_path: &full_path,
            description: new.changes.description.as_ref().and_then(Option::as_deref),
            visibility,
            default_branch: None,
            creator_id: Some(creator.id),
            attached_repository: None,
            settings: &settings,
            created_at: now,
        },
    )?;
    let member = Member {
        user_id: creator.id,
        level: AccessLevel::Owner,
        created_by: Some(creator.id),
        created_at: now,
        expires_at: None,
    };
    ops::members::add(tx, Place::Project(project.id), &member)?;
    let event = Event::new("project_created", "Added project").with("add", "project");
    audit::note(app, tx, caller, &project, event)?;
    Ok(project)
}

/// Finds the namespace and checks that the caller may create projects in it: Developer of a group, or one's own.
pub(super) fn namespace(app: &App, tx: &mut dyn Tx, caller: &Caller, id: NamespaceId) -> Result<Namespace> {
    let refused = || Error::invalid("namespace", "is not valid");
    let namespace = ops::namespaces::get(tx, id)?.ok_or_else(refused)?;
    if namespace.user_id.is_none() {
        groups::find(app, tx, caller, &GroupKey::Id(id)).map_err(|_| refused())?;
    }
    let role = groups::role(app, tx, caller, &namespace)?;
    if role < AccessLevel::Developer && !caller.is_admin() {
        return Err(refused());
    }
    Ok(namespace)
}

/// Returns name and path; each follows from the other when it is missing.
fn names_of(new: &NewProject) -> Result<(String, String)> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (given(&new.name), given(&new.path)) {
        (Some(name), Some(path)) => Ok((name, path)),
        (Some(name), None) => {
            let path = names::path_of_name(&name);
            Ok((name, path))
        }
        (None, Some(path)) => Ok((path.clone(), path)),
        (None, None) => Err(Error::parameter(
            "name, path are missing, at least one parameter must be provided",
        )),
    }
}

/// GitLab's answer for a path that is taken.
pub(super) fn taken() -> Error {
    let fields = ["project_namespace.name", "name", "path"];
    Error::Invalid(
        fields
            .into_iter()
            .map(|field| (field, vec!["has already been taken".to_owned()]))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_path_follow_from_each_other() {
        let names = |name: Option<&str>, path: Option<&str>| {
            let new = NewProject {
                name: name.map(str::to_owned),
                path: path.map(str::to_owned),
                ..NewProject::default()
            };
            names_of(&new).map_err(|error| error.to_string())
        };
        let both = |name: &str, path: &str| Ok((name.to_owned(), path.to_owned()));
        assert_eq!(names(Some("My App"), None), both("My App", "my-app"));
        assert_eq!(names(None, Some("app")), both("app", "app"));
        assert_eq!(names(Some("A"), Some("b")), both("A", "b"));
        assert!(names(None, Some("")).unwrap_err().starts_with("name, path are missing"));
    }
}
