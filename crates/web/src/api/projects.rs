//! Projects (rest-api.md 14).

use app::access::Ability;
use app::groups::GroupKey;
use app::projects::{self, Changes, NewProject, ProjectOrder, Shown, Wanted};
use app::{App, Error, Result, Sort};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use model::{NamespaceId, OverrideRole, ProjectId, UserId};
use wire::project::{Project, ProjectShort};

use super::groups::access_level;
use crate::call::Call;
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::present::project::Around;
use crate::respond::{Accepted, ApiResult, Created};
use crate::routing::{Router, get, post};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects", get(list).post(create))
        .route("/projects/{id}", get(show).put(update).delete(remove))
        .route("/projects/{id}/merge_requests", get(list_merge_requests))
        .route("/projects/{id}/archive", post(archive))
        .route("/projects/{id}/unarchive", post(unarchive))
        .route("/users/{user_id}/projects", get(list_of_user))
        .route("/groups/{id}/projects", get(list_of_group))
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    list_some(&app, &call, |_, _| Ok(())).await
}

async fn list_of_user(State(app): State<App>, call: Call) -> ApiResult<Response> {
    list_some(&app, &call, |reader, wanted| {
        wanted.in_namespace_of = Some(UserId(reader.required_int("user_id")));
        Ok(())
    })
    .await
}

async fn list_of_group(State(app): State<App>, call: Call) -> ApiResult<Response> {
    list_some(&app, &call, |reader, wanted| {
        wanted.group = Some(GroupKey::parse(&reader.required_text("id")));
        Ok(())
    })
    .await
}

async fn list_some(
    app: &App,
    call: &Call,
    narrow: impl FnOnce(&mut Reader<'_>, &mut Wanted) -> Result<()>,
) -> ApiResult<Response> {
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let mut wanted = wanted(&mut reader);
    narrow(&mut reader, &mut wanted)?;
    let simple = reader.boolean("simple").unwrap_or(false) || !call.caller.is_authenticated();
    let keyset = reader.one_of("pagination", &["keyset", "legacy", "none"]) == Some("keyset");
    reader.finish()?;
    if keyset {
        return list_by_key(app, call, wanted, page, simple).await;
    }
    let (found, total) = projects::list(app, &call.caller, wanted, page.of_store()?).await?;
    let listed = page.counted(found, total).map(|shown| InList::new(app, &shown, simple));
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

/// A list that goes on after the last id instead of by page number.
async fn list_by_key(app: &App, call: &Call, wanted: Wanted, page: Page, simple: bool) -> ApiResult<Response> {
    if !matches!(wanted.order, ProjectOrder::Id) {
        let message = "Keyset pagination is not yet available for this type of request".to_owned();
        return Err(Error::Status { status: 405, message }.into());
    }
    let (name, size) = match wanted.sort {
        Sort::Asc => ("id_after", page.per_page),
        Sort::Desc => ("id_before", page.per_page),
    };
    let rows = Page {
        number: 1,
        per_page: size,
    }
    .of_store_and_one()?;
    let (found, _) = projects::list(app, &call.caller, wanted, rows).await?;
    let listed = page.uncounted(found);
    let last = listed.items.last().map(|shown| shown.project.id.to_string());
    let next = last
        .filter(|_| listed.extent == page::Extent::More(true))
        .map(|id| (name, id));
    let items = listed
        .items
        .iter()
        .map(|shown| InList::new(app, shown, simple))
        .collect();
    Ok(page::keyset(&app.settings.external_url, &call.params, items, next))
}

fn wanted(reader: &mut Reader<'_>) -> Wanted {
    let order = reader.one_of(
        "order_by",
        &[
            "id",
            "name",
            "path",
            "created_at",
            "updated_at",
            "last_activity_at",
            "similarity",
            "star_count",
        ],
    );
    let sort = reader.one_of("sort", &["asc", "desc"]);
    Wanted {
        archived: reader.boolean("archived"),
        visibility: reader.choice("visibility"),
        search: reader.text("search").filter(|text| !text.is_empty()),
        search_namespaces: reader.boolean("search_namespaces").unwrap_or(false),
        owned: reader.boolean("owned").unwrap_or(false),
        membership: reader.boolean("membership").unwrap_or(false),
        min_access_level: access_level(reader, "min_access_level"),
        id_after: reader.int("id_after").map(ProjectId),
        id_before: reader.int("id_before").map(ProjectId),
        last_activity_after: reader.time("last_activity_after"),
        last_activity_before: reader.time("last_activity_before"),
        order: match order {
            Some("id") => ProjectOrder::Id,
            Some("name") => ProjectOrder::Name,
            Some("path") => ProjectOrder::Path,
            Some("updated_at") => ProjectOrder::UpdatedAt,
            Some("last_activity_at") => ProjectOrder::LastActivityAt,
            _ => ProjectOrder::CreatedAt,
        },
        sort: if sort == Some("asc") { Sort::Asc } else { Sort::Desc },
        ..Wanted::default()
    }
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let shown = projects::get(&app, &call.caller, call.project()?).await?;
    let simple = !call.caller.is_authenticated();
    Ok(Json(InList::new(&app, &shown, simple)).into_response())
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<Project>> {
    call.user()?;
    let mut reader = call.reader();
    reader.at_least_one_of(&["name", "path"]);
    // As on an instance that has "Repository by URL" switched off: nothing is fetched here.
    let imports = reader.text("import_url").is_some_and(|url| !url.trim().is_empty());
    let new = NewProject {
        name: reader.text("name"),
        path: reader.text("path"),
        namespace_id: reader.int("namespace_id").map(NamespaceId),
        default_branch: reader.text("default_branch").filter(|text| !text.is_empty()),
        with_readme: reader.boolean("initialize_with_readme").unwrap_or(false),
        changes: changes(&mut reader),
    };
    reader.finish()?;
    if imports {
        return Err(Error::Forbidden(None).into());
    }
    let shown = projects::create(&app, &call.caller, new).await?;
    Ok(Created(full(&app, &shown)))
}

/// What can be changed of a project.
const CHANGEABLE: &[&str] = &[
    "auto_cancel_pending_pipelines",
    "build_git_strategy",
    "build_timeout",
    "builds_access_level",
    "ci_config_path",
    "ci_default_git_depth",
    "ci_forward_deployment_enabled",
    "ci_pipeline_variables_minimum_override_role",
    "ci_push_repository_for_job_token_allowed",
    "ci_separated_caches",
    "default_branch",
    "description",
    "group_runners_enabled",
    "jobs_enabled",
    "keep_latest_artifact",
    "name",
    "path",
    "public_jobs",
    "shared_runners_enabled",
    "visibility",
];

async fn update(State(app): State<App>, call: Call) -> ApiResult<Json<Project>> {
    call.user()?;
    let mut reader = call.reader();
    let changes = Changes {
        name: reader.text("name"),
        path: reader.text("path"),
        default_branch: reader.text("default_branch").filter(|text| !text.is_empty()),
        archived: reader.boolean("archived"),
        ..changes(&mut reader)
    };
    if call.params.is_bare(&["id"]) {
        reader.at_least_one_of(CHANGEABLE);
    }
    reader.finish()?;
    let shown = projects::update(&app, &call.caller, call.project()?, changes).await?;
    Ok(Json(full(&app, &shown)))
}

/// Reads what can be set of new and old projects alike.
fn changes(reader: &mut Reader<'_>) -> Changes {
    let enabled = reader.one_of("builds_access_level", &["disabled", "private", "enabled"]);
    let strategy = reader.one_of("build_git_strategy", &["fetch", "clone"]);
    let cancel = reader.one_of("auto_cancel_pending_pipelines", &["enabled", "disabled"]);
    Changes {
        description: reader.clearable_text("description"),
        visibility: reader.choice("visibility"),
        builds_enabled: enabled
            .map(|level| level != "disabled")
            .or(reader.boolean("jobs_enabled")),
        public_jobs: reader.boolean("public_jobs").or(reader.boolean("public_builds")),
        config_path: reader
            .clearable_text("ci_config_path")
            .map(|path| path.filter(|path| !path.is_empty())),
        build_timeout_seconds: reader.int("build_timeout"),
        git_fetch: strategy.map(|strategy| strategy == "fetch"),
        git_depth: reader.int("ci_default_git_depth"),
        auto_cancel_pending: cancel.map(|cancel| cancel == "enabled"),
        instance_runners_enabled: reader.boolean("shared_runners_enabled"),
        group_runners_enabled: reader.boolean("group_runners_enabled"),
        keep_latest_artifact: reader.boolean("keep_latest_artifact"),
        separated_caches: reader.boolean("ci_separated_caches"),
        forward_deployment: reader.boolean("ci_forward_deployment_enabled"),
        rollback_allowed: reader.boolean("ci_forward_deployment_rollback_allowed"),
        variables_override_role: override_role(reader),
        job_token_push: reader.boolean("ci_push_repository_for_job_token_allowed"),
        ..Changes::default()
    }
}

/// The role that may set pipeline variables, or its old form (rest-api.md 2.4).
fn override_role(reader: &mut Reader<'_>) -> Option<OverrideRole> {
    let role = reader.choice("ci_pipeline_variables_minimum_override_role");
    role.or(reader
        .boolean("restrict_user_defined_variables")
        .map(|restrict| match restrict {
            true => OverrideRole::Maintainer,
            false => OverrideRole::Developer,
        }))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<Accepted> {
    projects::delete(&app, &call.caller, call.project()?).await?;
    Ok(Accepted)
}

async fn archive(State(app): State<App>, call: Call) -> ApiResult<Created<Project>> {
    set_archived(&app, &call, true).await
}

async fn unarchive(State(app): State<App>, call: Call) -> ApiResult<Created<Project>> {
    set_archived(&app, &call, false).await
}

async fn set_archived(app: &App, call: &Call, archived: bool) -> ApiResult<Created<Project>> {
    call.user()?;
    let changes = Changes {
        archived: Some(archived),
        ..Changes::default()
    };
    let shown = projects::update(app, &call.caller, call.project()?, changes).await?;
    Ok(Created(full(app, &shown)))
}

/// There are no merge requests here. Command-line clients look for one when a branch has no pipeline.
async fn list_merge_requests(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let page = call.page()?;
    projects::find_for(&app, &call.caller, call.project()?, Ability::ReadCode).await?;
    let none: Vec<()> = Vec::new();
    Ok(page::answer(
        &app.settings.external_url,
        &call.params,
        page,
        page.cut(none),
    ))
}

/// A project in short or in full.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum InList {
    Short(Box<ProjectShort>),
    Full(Box<Project>),
}

impl InList {
    fn new(app: &App, shown: &Shown, simple: bool) -> InList {
        let url = &app.settings.external_url;
        match simple {
            true => InList::Short(Box::new(present::project::short(url, &shown.project, &around(shown)))),
            false => InList::Full(Box::new(full(app, shown))),
        }
    }
}

fn full(app: &App, shown: &Shown) -> Project {
    present::project::full(&app.settings.external_url, &shown.project, &around(shown))
}

pub(super) fn around(shown: &Shown) -> Around<'_> {
    Around {
        namespace: &shown.namespace,
        namespace_name: &shown.namespace_name,
        owner: shown.owner.as_ref(),
        roles: shown.roles,
        runners_token: shown.runners_token.as_deref(),
    }
}
