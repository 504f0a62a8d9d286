//! Branches (rest-api.md 17).

use app::App;
use app::repository::branches;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use wire::repository::Branch;

use crate::call::{Call, OrJobToken};
use crate::page::{self, Page};
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/repository/branches", get(list).post(create))
        .route("/projects/{id}/repository/branches/{branch}", get(show).delete(remove))
}

async fn list(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let search = reader.text("search").filter(|text| !text.is_empty());
    if reader.given("regex") {
        reader.problem("regex", "is not supported: use search");
    }
    reader.finish()?;
    let found = branches::list(&app, &call.caller, call.project()?, search, page.of_store()?).await?;
    let (project, found, total) = found;
    let url = &app.settings.external_url;
    let listed = page.counted(found, total);
    let listed = listed.map(|branch| present::refs::branch(url, &project.full_path, &branch));
    Ok(page::answer(url, &call.params, page, listed))
}

async fn show(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Branch>> {
    let name = call.segment("branch");
    let (project, branch) = branches::get(&app, &call.caller, call.project()?, name).await?;
    let url = &app.settings.external_url;
    Ok(Json(present::refs::branch(url, &project.full_path, &branch)))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<Branch>> {
    call.user()?;
    let mut reader = call.reader();
    let name = reader.filled_text("branch");
    let from = reader.filled_text("ref");
    reader.finish()?;
    let (project, branch) = branches::create(&app, &call.caller, call.project()?, name, from).await?;
    let url = &app.settings.external_url;
    Ok(Created(present::refs::branch(url, &project.full_path, &branch)))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let name = call.segment("branch");
    branches::delete(&app, &call.caller, call.project()?, name).await?;
    Ok(NoContent)
}
