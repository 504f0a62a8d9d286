//! Tags (rest-api.md 17).

use app::repository::tags::{self, NewTag, Order};
use app::{App, Sort};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use wire::repository::Tag;

use crate::call::{Call, OrJobToken};
use crate::page::{self, Page};
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/repository/tags", get(list).post(create))
        .route("/projects/{id}/repository/tags/{tag_name}", get(show).delete(remove))
}

async fn list(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let search = reader.text("search").filter(|text| !text.is_empty());
    let order = match reader.one_of("order_by", &["updated", "name", "version"]) {
        Some("name") => Order::Name,
        Some("version") => Order::Version,
        _ => Order::Updated,
    };
    let sort = match reader.one_of("sort", &["asc", "desc"]) {
        Some("asc") => Sort::Asc,
        _ => Sort::Desc,
    };
    reader.finish()?;
    let rows = page.of_store()?;
    let found = tags::list(&app, &call.caller, call.project()?, search, (order, sort), rows).await?;
    let (project, found, total) = found;
    let url = &app.settings.external_url;
    let listed = page.counted(found, total);
    let listed = listed.map(|tag| present::refs::tag(url, &project.full_path, &tag));
    Ok(page::answer(url, &call.params, page, listed))
}

async fn show(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Tag>> {
    let name = call.segment("tag_name");
    let (project, tag) = tags::get(&app, &call.caller, call.project()?, name).await?;
    let url = &app.settings.external_url;
    Ok(Json(present::refs::tag(url, &project.full_path, &tag)))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<Tag>> {
    call.user()?;
    let mut reader = call.reader();
    let new = NewTag {
        name: reader.filled_text("tag_name"),
        from: reader.filled_text("ref"),
        message: reader.text("message"),
    };
    reader.finish()?;
    let (project, tag) = tags::create(&app, &call.caller, call.project()?, new).await?;
    let url = &app.settings.external_url;
    Ok(Created(present::refs::tag(url, &project.full_path, &tag)))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let name = call.segment("tag_name");
    tags::delete(&app, &call.caller, call.project()?, name).await?;
    Ok(NoContent)
}
