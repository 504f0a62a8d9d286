//! CI/CD variables of projects and groups (rest-api.md 10).

use app::groups::GroupKey;
use app::members::Of;
use app::variable_settings::{self, Shown, Wanted, Which};
use app::{App, Result};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use wire::variable::Variable;

use crate::call::Call;
use crate::page;
use crate::params::Reader;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/variables", get(list).post(create))
        .route("/projects/{id}/variables/{key}", get(show).put(update).delete(remove))
        .route("/groups/{group_id}/variables", get(list).post(create))
        .route(
            "/groups/{group_id}/variables/{key}",
            get(show).put(update).delete(remove),
        )
}

/// The project or group that the path names.
fn of(call: &Call) -> Result<Of> {
    match call.params.text("group_id") {
        Some(group) => Ok(Of::Group(GroupKey::parse(group))),
        None => call.project().map(Of::Project),
    }
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let page = call.page()?;
    let (found, total) = variable_settings::list(&app, &call.caller, of(&call)?, page.of_store()?).await?;
    let listed = page.counted(found, total).map(variable);
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<Variable>> {
    call.user()?;
    let shown = variable_settings::get(&app, &call.caller, of(&call)?, which(&call)?).await?;
    Ok(Json(variable(shown)))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<Variable>> {
    call.user()?;
    let mut reader = call.reader();
    let key = reader.required_text("key");
    let value = reader.required_text("value");
    let wanted = Wanted {
        value: Some(value),
        ..wanted(&mut reader)
    };
    reader.finish()?;
    let made = variable_settings::create(&app, &call.caller, of(&call)?, key, wanted).await?;
    Ok(Created(variable(made)))
}

async fn update(State(app): State<App>, call: Call) -> ApiResult<Json<Variable>> {
    call.user()?;
    let mut reader = call.reader();
    let wanted = wanted(&mut reader);
    reader.finish()?;
    let changed = variable_settings::update(&app, &call.caller, of(&call)?, which(&call)?, wanted).await?;
    Ok(Json(variable(changed)))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    variable_settings::delete(&app, &call.caller, of(&call)?, which(&call)?).await?;
    Ok(NoContent)
}

fn wanted(reader: &mut Reader<'_>) -> Wanted {
    Wanted {
        value: reader.text("value"),
        kind: reader.choice("variable_type"),
        protected: reader.boolean("protected"),
        masked: reader.boolean("masked"),
        masked_and_hidden: reader.boolean("masked_and_hidden"),
        raw: reader.boolean("raw"),
        environment_scope: reader.text("environment_scope"),
        description: reader.clearable_text("description"),
    }
}

/// Reads the key and `filter[environment_scope]`.
fn which(call: &Call) -> Result<Which> {
    let mut reader = call.reader();
    let filter = reader.hash("filter").map(|hash| ("filter".to_owned(), hash));
    let environment_scope = filter.and_then(|filter| reader.inside(&filter, |inner| inner.text("environment_scope")));
    reader.finish()?;
    Ok(Which {
        key: call.segment("key"),
        environment_scope,
    })
}

fn variable(shown: Shown) -> Variable {
    let set = shown.set;
    Variable {
        variable_type: set.kind.to_string(),
        key: set.key,
        value: shown.value,
        hidden: set.hidden,
        protected: set.protected,
        masked: set.masked,
        raw: set.raw,
        environment_scope: set.environment_scope,
        description: set.description,
    }
}
