//! Projects: the list, those of a group or user, a new one, one of them.

use std::sync::Arc;

use ::pages::html::url_value;
use ::pages::views::{Choice, NewProjectPage, ProjectPage, ProjectRow, ProjectsPage};
use ::pages::{GroupTab, Notice, Tab};
use app::access::Ability;
use app::groups::{self, GroupKey};
use app::pipelines::listing::{self, Wanted};
use app::projects::{self, Changes, NewProject, ProjectOrder, Shown};
use app::{Error, ProjectKey, Rows};
use axum::http::StatusCode;
use axum::response::Response;
use model::{AccessLevel, NamespaceId, Visibility};

use crate::pages::failed::told;
use crate::pages::visit::Visit;
use crate::pages::{PageResult, act, pipelines, read};
use crate::routing::Router;

/// Projects on a page.
const PER_PAGE: i64 = 30;

/// Furthest page of a list of projects.
const MOST_PAGES: i64 = 1_000;

/// Pipelines on the page of a project.
const LATEST: i64 = 10;

/// Groups to choose from for a new project.
const MOST_GROUPS: i64 = 500;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/r", read(list))
        .route("/r/projects", read(list).merge(act(create)))
        .route("/r/dashboard/projects", read(list))
        .route("/r/explore", read(list))
        .route("/r/projects/new", read(new))
        .route("/n/{namespace}", read(of_namespace))
        .route("/p/{project}", read(show))
}

async fn list(visit: Arc<Visit>) -> PageResult {
    let title = visit.language().projects().to_owned();
    listed(&visit, title, "/".to_owned(), None, visit.caller.user().is_some()).await
}

async fn of_namespace(visit: Arc<Visit>) -> PageResult {
    let name = visit.text("namespace").to_owned();
    in_namespace(&visit, &name).await
}

async fn in_namespace(visit: &Visit, path: &str) -> PageResult {
    let found = groups::namespace(&visit.app, &visit.caller, GroupKey::Path(path.to_owned())).await;
    let namespace = match found {
        Ok(named) => named.namespace,
        Err(Error::Internal(cause)) => return Err(Error::Internal(cause)),
        Err(_) => return Err(Error::NotFound("Group")),
    };
    let title = visit.language().group_of(&namespace.full_path);
    let here = format!("/{}", namespace.full_path);
    listed(visit, title, here, Some(&namespace), false).await
}

async fn listed(
    visit: &Visit,
    title: String,
    here: String,
    namespace: Option<&model::Namespace>,
    may_create: bool,
) -> PageResult {
    let number = visit.text("page").parse().unwrap_or(1).clamp(1, MOST_PAGES);
    let search = visit.filled("search");
    let wanted = projects::Wanted {
        search: search.clone(),
        search_namespaces: true,
        archived: None,
        group: namespace
            .filter(|namespace| namespace.user_id.is_none())
            .map(|namespace| GroupKey::Id(namespace.id)),
        in_namespace_of: namespace.and_then(|namespace| namespace.user_id),
        order: ProjectOrder::LastActivityAt,
        ..projects::Wanted::default()
    };
    let rows = Rows {
        limit: PER_PAGE + 1,
        offset: (number - 1) * PER_PAGE,
    };
    let (mut found, _) = projects::list(&visit.app, &visit.caller, wanted, rows).await?;
    let has_more = found.len() > usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(PER_PAGE).unwrap_or(usize::MAX));
    let page = |number: i64| {
        let search = search.as_deref().map(url_value).unwrap_or_default();
        format!("{here}?search={search}&page={number}")
    };
    let page = ProjectsPage {
        f: match namespace.filter(|namespace| namespace.user_id.is_none()) {
            Some(group) => visit.group_frame(title, group, GroupTab::Projects),
            None => visit.frame(title),
        },
        search: search.clone().unwrap_or_default(),
        may_create,
        rows: with_pipelines(visit, found).await?,
        previous: (number > 1).then(|| page(number - 1)),
        next: has_more.then(|| page(number + 1)),
        here,
    };
    Ok(visit.page(&page))
}

/// Adds the newest pipeline of each project whose pipelines the reader may see.
async fn with_pipelines(visit: &Visit, found: Vec<Shown>) -> app::Result<Vec<ProjectRow>> {
    let may = |shown: &Shown| {
        let role = shown.roles.map_or(AccessLevel::None, |(own, group)| own.max(group));
        let is_own = visit
            .caller
            .user()
            .is_some_and(|user| user.namespace_id == shown.project.namespace_id);
        let role = if is_own { AccessLevel::Owner } else { role };
        app::access::allows(&shown.project, role, &visit.caller, Ability::ReadPipelines)
    };
    let visible: Vec<bool> = found.iter().map(may).collect();
    let projects: Vec<_> = found.into_iter().map(|shown| shown.project).collect();
    let asked: Vec<_> = projects
        .iter()
        .zip(&visible)
        .filter(|(_, visible)| **visible)
        .map(|(project, _)| project.clone())
        .collect();
    let mut newest = listing::newest_of_each(&visit.app, &asked).await?.into_iter();
    let row = |(project, visible): (model::Project, bool)| ProjectRow {
        pipeline: if visible { newest.next().flatten() } else { None },
        project,
    };
    Ok(projects.into_iter().zip(visible).map(row).collect())
}

async fn new(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&form(&visit).await?))
}

async fn form(visit: &Visit) -> app::Result<NewProjectPage> {
    let user = visit.caller.user().ok_or(Error::Unauthorized)?;
    let namespaces = namespaces(visit, user, visit.text("namespace"), AccessLevel::Developer).await?;
    Ok(NewProjectPage {
        f: visit.frame(visit.language().new_project()),
        name: visit.text("name").to_owned(),
        path: visit.text("path").to_owned(),
        namespaces,
        visibility: visibility(visit).as_str(),
    })
}

/// One's own namespace and the groups in which one has a role, to choose from.
pub(super) async fn namespaces(
    visit: &Visit,
    user: &model::User,
    chosen: &str,
    least: AccessLevel,
) -> app::Result<Vec<Choice>> {
    let mut namespaces = vec![Choice::new(
        user.namespace_id.to_string(),
        user.username.clone(),
        chosen,
    )];
    let wanted = groups::Wanted {
        min_access_level: Some(least),
        ..groups::Wanted::default()
    };
    let rows = Rows {
        limit: MOST_GROUPS,
        offset: 0,
    };
    let (found, _) = groups::list(&visit.app, &visit.caller, wanted, rows).await?;
    let group = |named: groups::Named| Choice::new(named.namespace.id.to_string(), named.namespace.full_path, chosen);
    namespaces.extend(found.into_iter().map(group));
    Ok(namespaces)
}

fn visibility(visit: &Visit) -> Visibility {
    visit.text("visibility").parse().unwrap_or(Visibility::Private)
}

async fn create(visit: Arc<Visit>) -> PageResult {
    let new = NewProject {
        name: visit.filled("name"),
        path: visit.filled("path"),
        namespace_id: visit.text("namespace").parse().ok().map(NamespaceId),
        default_branch: None,
        with_readme: false,
        changes: Changes {
            visibility: Some(visibility(&visit)),
            ..Changes::default()
        },
    };
    match projects::create(&visit.app, &visit.caller, new).await {
        Ok(shown) => Ok(visit.redirect(&format!("/{}", shown.project.full_path))),
        Err(error @ (Error::Invalid(_) | Error::BadRequest(_) | Error::Parameters(_) | Error::Status { .. })) => {
            refused(&visit, &error).await
        }
        Err(error) => Err(error),
    }
}

async fn refused(visit: &Visit, error: &Error) -> app::Result<Response> {
    let mut page = form(visit).await?;
    page.f.notices.push(Notice::Problem(told(visit.language(), error)));
    Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let path = visit.text("project").to_owned();
    let key = ProjectKey::Path(path.clone());
    let access = match projects::find_for(&visit.app, &visit.caller, key.clone(), Ability::ReadProject).await {
        Ok(access) => access,
        // A subgroup has an address of the same form.
        Err(Error::NotFound(_)) => return in_namespace(&visit, &path).await,
        Err(error) => return Err(error),
    };
    let rows = if access.allows(&visit.caller, Ability::ReadPipelines) {
        let listed = listing::list(&visit.app, visit.caller.clone(), key, Wanted::default(), LATEST).await?;
        pipelines::rows(&access.project, listed.rows)
    } else {
        Vec::new()
    };
    let project = access.project.clone();
    let base = visit.app.settings.external_url.base();
    let page = ProjectPage {
        f: visit.project_frame(visit.language().overview(), &access, Tab::Overview),
        clone_url: format!("{base}/{}.git", project.full_path),
        trigger_url: format!("{base}/api/v4/projects/{}/trigger/pipeline", project.id),
        is_empty: project.default_branch.is_none() && rows.is_empty(),
        rows,
        project,
    };
    Ok(visit.page(&page))
}
