//! CI lint (rest-api.md 12), and the inputs of a project's configuration.

use app::App;
use app::lint::{self, Lint, Subject};
use axum::Json;
use axum::extract::State;

use crate::call::Call;
use crate::present;
use crate::respond::ApiResult;
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/ci/lint", get(stored).post(given))
        .route("/projects/{id}/ci/inputs_schema", get(inputs_schema))
}

async fn stored(State(app): State<App>, call: Call) -> ApiResult<Json<wire::lint::Lint>> {
    let mut reader = call.reader();
    reader.mutually_exclusive(&["sha", "content_ref"]);
    reader.mutually_exclusive(&["ref", "dry_run_ref"]);
    let content_ref = reader.text("content_ref").or_else(|| reader.text("sha"));
    let ref_text = reader.text("dry_run_ref").or_else(|| reader.text("ref"));
    let asked = Lint {
        subject: Subject::Stored {
            content_ref: filled(content_ref),
        },
        dry_run: reader.boolean("dry_run").unwrap_or(false),
        ref_text: filled(ref_text),
        source: None,
        explain: false,
    };
    let with_jobs = reader.boolean("include_jobs").unwrap_or(false);
    reader.finish()?;
    answer(&app, &call, asked, with_jobs).await
}

async fn given(State(app): State<App>, call: Call) -> ApiResult<Json<wire::lint::Lint>> {
    let mut reader = call.reader();
    let asked = Lint {
        subject: Subject::Given(reader.required_text("content")),
        dry_run: reader.boolean("dry_run").unwrap_or(false),
        ref_text: filled(reader.text("ref")),
        source: None,
        explain: false,
    };
    let with_jobs = reader.boolean("include_jobs").unwrap_or(false);
    reader.finish()?;
    answer(&app, &call, asked, with_jobs).await
}

async fn answer(app: &App, call: &Call, asked: Lint, with_jobs: bool) -> ApiResult<Json<wire::lint::Lint>> {
    let linted = lint::lint(app, call.caller.clone(), call.project()?, asked).await?;
    Ok(Json(present::lint::linted(
        &app.settings.external_url,
        linted,
        with_jobs,
    )))
}

async fn inputs_schema(State(app): State<App>, call: Call) -> ApiResult<Json<serde_json::Value>> {
    let mut reader = call.reader();
    let revision = filled(reader.text("ref"));
    reader.finish()?;
    let schema = lint::inputs_schema(&app, call.caller.clone(), call.project()?, revision).await?;
    Ok(Json(schema))
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
