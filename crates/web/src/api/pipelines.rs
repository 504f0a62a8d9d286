//! Pipelines: list, get, create with an access token, variables (rest-api.md 3).

use app::pipelines::read::{self, Filter, Scope};
use app::pipelines::{self, ApiCall, PipelineOrder, actions, explanation};
use app::{App, Sort};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use model::definition::GivenVariable;
use model::{PipelineId, VariableKind};

use super::triggers::DRY_RUN;
use super::{chain, idempotency};
use crate::call::{Call, OrJobToken};
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get, post, put};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/pipelines", get(list))
        .route("/projects/{id}/pipeline", post(create))
        .route("/projects/{id}/pipelines/latest", get(latest))
        .route("/projects/{id}/pipelines/{pipeline_id}", get(show).delete(delete))
        .route("/projects/{id}/pipelines/{pipeline_id}/cancel", post(cancel))
        .route("/projects/{id}/pipelines/{pipeline_id}/retry", post(retry))
        .route("/projects/{id}/pipelines/{pipeline_id}/metadata", put(rename))
        .route("/projects/{id}/pipelines/{pipeline_id}/variables", get(variables))
        .route("/projects/{id}/pipelines/{pipeline_id}/explanation", get(explanation))
}

async fn list(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let mut reader = call.reader();
    let filter = filter(&mut reader);
    let page = Page::read(&mut reader);
    reader.finish()?;
    let (project, found, total) =
        read::list(&app, call.caller.clone(), call.project()?, filter, page.of_store()?).await?;
    let url = &app.settings.external_url;
    let shown = found
        .iter()
        .map(|pipeline| present::pipeline::listed(url, &project.full_path, pipeline))
        .collect();
    Ok(page::answer(url, &call.params, page, page.counted(shown, total)))
}

fn filter(reader: &mut Reader<'_>) -> Filter {
    let scope = reader.one_of("scope", &["running", "pending", "finished", "branches", "tags"]);
    let order = reader.one_of("order_by", &["id", "status", "ref", "updated_at", "user_id"]);
    let sort = reader.one_of("sort", &["asc", "desc"]);
    Filter {
        scope: scope.map(|word| match word {
            "running" => Scope::Running,
            "pending" => Scope::Pending,
            "finished" => Scope::Finished,
            "branches" => Scope::Branches,
            _ => Scope::Tags,
        }),
        status: reader.choice("status"),
        ref_name: reader.text("ref"),
        sha: reader.text("sha"),
        name: reader.text("name"),
        username: reader.text("username"),
        source: reader.choice("source"),
        yaml_errors: reader.boolean("yaml_errors"),
        updated_before: reader.time("updated_before"),
        updated_after: reader.time("updated_after"),
        created_before: reader.time("created_before"),
        created_after: reader.time("created_after"),
        order: match order {
            Some("status") => PipelineOrder::Status,
            Some("ref") => PipelineOrder::Ref,
            Some("updated_at") => PipelineOrder::UpdatedAt,
            Some("user_id") => PipelineOrder::UserId,
            _ => PipelineOrder::Id,
        },
        sort: if sort == Some("asc") { Sort::Asc } else { Sort::Desc },
    }
}

async fn show(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<wire::pipeline::Pipeline>> {
    let id = PipelineId(call.id("pipeline_id")?);
    let shown = read::get(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Json(present::pipeline::shown(&app.settings.external_url, &shown)))
}

async fn latest(State(app): State<App>, call: Call) -> ApiResult<Json<wire::pipeline::Pipeline>> {
    let mut reader = call.reader();
    let ref_text = reader.text("ref");
    reader.finish()?;
    let shown = read::latest(&app, call.caller.clone(), call.project()?, ref_text).await?;
    Ok(Json(present::pipeline::shown(&app.settings.external_url, &shown)))
}

async fn variables(State(app): State<App>, call: Call) -> ApiResult<Json<Vec<wire::pipeline::PipelineVariable>>> {
    let id = PipelineId(call.id("pipeline_id")?);
    let given = read::variables(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Json(given.into_iter().map(present::pipeline::variable).collect()))
}

async fn explanation(State(app): State<App>, call: Call) -> ApiResult<Json<wire::lint::PipelineExplanation>> {
    let id = PipelineId(call.id("pipeline_id")?);
    let explained = explanation::explain(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Json(present::lint::explained(explained)))
}

async fn cancel(State(app): State<App>, call: Call) -> ApiResult<Json<wire::pipeline::Pipeline>> {
    let id = PipelineId(call.id("pipeline_id")?);
    actions::cancel(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Json(after(&app, &call, id).await?))
}

async fn retry(State(app): State<App>, call: Call) -> ApiResult<Created<wire::pipeline::Pipeline>> {
    let id = PipelineId(call.id("pipeline_id")?);
    actions::retry(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(Created(after(&app, &call, id).await?))
}

async fn delete(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    let id = PipelineId(call.id("pipeline_id")?);
    actions::delete(&app, call.caller.clone(), call.project()?, id).await?;
    Ok(NoContent)
}

async fn rename(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<wire::pipeline::Pipeline>> {
    let id = PipelineId(call.id("pipeline_id")?);
    let mut reader = call.reader();
    let name = reader.required_text("name");
    reader.finish()?;
    let shown = read::rename(&app, call.caller.clone(), call.project()?, id, name).await?;
    Ok(Json(present::pipeline::shown(&app.settings.external_url, &shown)))
}

/// A pipeline as it is after something was done to it; such answers do not have its name.
async fn after(app: &App, call: &Call, id: PipelineId) -> app::Result<wire::pipeline::Pipeline> {
    let shown = read::get(app, call.caller.clone(), call.project()?, id).await?;
    let mut pipeline = present::pipeline::shown(&app.settings.external_url, &shown);
    pipeline.name = None;
    Ok(pipeline)
}

async fn create(State(app): State<App>, headers: HeaderMap, call: Call) -> ApiResult<Response> {
    let mut reader = call.reader();
    let ref_text = reader.required_text("ref");
    let given = reader.hashes("variables").unwrap_or_default();
    let variables = given.iter().map(|named| reader.inside(named, variable)).collect();
    let inputs = reader.hash("inputs");
    reader.finish()?;
    let inputs = inputs.map(|hash| {
        hash.iter()
            .map(|(name, value)| (name.clone(), value.to_json()))
            .collect()
    });
    let asked = ApiCall {
        ref_text,
        variables,
        inputs: inputs.unwrap_or_default(),
        keys: idempotency::key(&headers)?.into_iter().collect(),
        chain: chain::of(&headers)?,
    };
    let (caller, project) = (call.caller.clone(), call.project()?);
    if call.params.is_true(DRY_RUN) {
        let dry_run = pipelines::dry_run_by_api(&app, caller, project, asked).await?;
        return Ok(Json(present::lint::dry_run(dry_run)).into_response());
    }
    let created = pipelines::create_by_api(&app, caller, project, asked).await?;
    Ok(idempotency::created(&app, &created))
}

fn variable(reader: &mut Reader<'_>) -> GivenVariable {
    GivenVariable {
        key: reader.required_text("key").trim().to_owned(),
        value: reader.required_text("value"),
        kind: reader.choice("variable_type").unwrap_or(VariableKind::EnvVar),
        raw: false,
    }
}
