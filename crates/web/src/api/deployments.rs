//! Deployments.

use app::environments::deploy::{self, New, Order, Wanted};
use app::{App, Sort};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::{DeploymentId, DeploymentStatus, GitRef};
use wire::environment::Deployment;

use crate::call::{Call, OrJobToken};
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get};

/// What others may say of a deployment.
const SAID: [&str; 4] = ["running", "success", "failed", "canceled"];

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/deployments", get(list).post(create))
        .route(
            "/projects/{id}/deployments/{deployment_id}",
            get(show).put(update).delete(remove),
        )
}

async fn list(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let orders = ["id", "iid", "created_at", "updated_at", "finished_at", "ref"];
    let wanted = Wanted {
        environment: reader.text("environment").filter(|name| !name.is_empty()),
        status: reader.choice("status"),
        updated_after: reader.time("updated_after"),
        updated_before: reader.time("updated_before"),
        finished_after: reader.time("finished_after"),
        finished_before: reader.time("finished_before"),
        order: match reader.one_of("order_by", &orders) {
            Some("updated_at") => Order::Updated,
            Some("finished_at") => Order::Finished,
            Some("ref") => Order::Ref,
            _ => Order::Id,
        },
        sort: match reader.one_of("sort", &["asc", "desc"]) {
            Some("desc") => Sort::Desc,
            _ => Sort::Asc,
        },
    };
    let page = Page::read(&mut reader);
    reader.finish()?;
    let (_, found, total) = deploy::list(&app, call.caller.clone(), call.project()?, wanted, page.of_store()?).await?;
    let (url, now) = (&app.settings.external_url, app.clock.now());
    let shown = found
        .iter()
        .map(|one| present::environment::deployment(url, one, now))
        .collect();
    Ok(page::answer(url, &call.params, page, page.counted(shown, total)))
}

async fn show(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Deployment>> {
    call.user()?;
    let found = deploy::get(&app, call.caller.clone(), call.project()?, id(&call)?).await?;
    Ok(Json(one(&app, &found)))
}

async fn create(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Created<Deployment>> {
    call.user()?;
    let mut reader = call.reader();
    let environment = reader.required_text("environment");
    let sha = reader.required_text("sha");
    let name = reader.required_text("ref");
    let is_tag = reader.boolean("tag");
    if !reader.given("tag") {
        reader.problem("tag", "is missing");
    }
    let status = status(&mut reader);
    reader.finish()?;
    let new = New {
        environment,
        sha,
        git_ref: GitRef {
            name,
            is_tag: is_tag.unwrap_or(false),
        },
        status,
    };
    let made = deploy::create(&app, call.caller.clone(), call.project()?, new).await?;
    Ok(Created(one(&app, &made)))
}

async fn update(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Deployment>> {
    call.user()?;
    let mut reader = call.reader();
    let status = status(&mut reader);
    reader.finish()?;
    let changed = deploy::update(&app, call.caller.clone(), call.project()?, id(&call)?, status).await?;
    Ok(Json(one(&app, &changed)))
}

fn status(reader: &mut Reader<'_>) -> DeploymentStatus {
    if !reader.given("status") {
        reader.problem("status", "is missing");
    }
    let said = reader.one_of("status", &SAID).and_then(|word| word.parse().ok());
    said.unwrap_or(DeploymentStatus::Created)
}

async fn remove(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<NoContent> {
    call.user()?;
    deploy::delete(&app, call.caller.clone(), call.project()?, id(&call)?).await?;
    Ok(NoContent)
}

fn one(app: &App, shown: &app::environments::read::Deployed) -> Deployment {
    present::environment::deployment(&app.settings.external_url, shown, app.clock.now())
}

fn id(call: &Call<OrJobToken>) -> app::Result<DeploymentId> {
    Ok(DeploymentId(call.id("deployment_id")?))
}
