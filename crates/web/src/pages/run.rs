//! Starting a pipeline from a form that the configuration's `spec:inputs` describe, with a preview.

use std::sync::Arc;

use ::pages::Tab;
use ::pages::views::{Choice, Control, InputField, PreviewView, RunPage};
use app::access::Ability;
use app::lint;
use app::pipelines::{ApiCall, DryRun, create_on_page, dry_run_on_page};
use app::repository::{branches, tags};
use app::{Error, Rows, projects};
use axum::http::StatusCode;
use serde_json::{Map, Value as Json};

use crate::pages::failed::told;
use crate::pages::job::variables;
use crate::pages::lint::{graph, planned};
use crate::pages::visit::Visit;
use crate::pages::{PageResult, act, read, why};
use crate::params::Value;
use crate::routing::Router;

/// Branches and tags to choose from; others can be typed.
const MOST_REFS: i64 = 100;

pub(super) fn routes() -> Router {
    Router::new().route("/p/{project}/pipelines/new", read(show).merge(act(run)))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&form(&visit).await?))
}

async fn form(visit: &Visit) -> app::Result<RunPage> {
    let access = projects::find_for(&visit.app, &visit.caller, visit.project(), Ability::CreatePipeline).await?;
    let branch = access
        .project
        .default_branch
        .clone()
        .unwrap_or_else(|| "main".to_owned());
    let ref_name = visit.filled("ref").unwrap_or(branch);
    let schema = lint::inputs_schema(
        &visit.app,
        visit.caller.clone(),
        visit.project(),
        Some(ref_name.clone()),
    )
    .await;
    let (inputs, problem) = match schema {
        Ok(schema) => (fields(visit, &schema, &Map::new()), None),
        Err(Error::Internal(cause)) => return Err(Error::Internal(cause)),
        Err(error) => (Vec::new(), Some(told(visit.language(), &error))),
    };
    let role = access.project.settings.variables_override_role.minimum();
    Ok(RunPage {
        f: visit.project_frame(visit.language().run_pipeline(), &access, Tab::Pipelines),
        path: access.project.full_path.clone(),
        refs: refs(visit).await?,
        ref_name,
        problem,
        inputs,
        variables: visit.text("variables").to_owned(),
        variables_problem: None,
        wrong: Vec::new(),
        may_give_variables: role.is_some_and(|least| visit.caller.is_admin() || access.role >= least),
        preview: None,
    })
}

pub(super) async fn refs(visit: &Visit) -> app::Result<Vec<String>> {
    let rows = || Rows {
        limit: MOST_REFS,
        offset: 0,
    };
    let found = branches::list(&visit.app, &visit.caller, visit.project(), None, rows()).await;
    let mut names: Vec<String> = match found {
        Ok((_, found, _)) => found.into_iter().map(|branch| branch.name).collect(),
        Err(Error::Internal(cause)) => return Err(Error::Internal(cause)),
        Err(_) => Vec::new(),
    };
    let order = (tags::Order::default(), app::Sort::default());
    if let Ok((_, found, _)) = tags::list(&visit.app, &visit.caller, visit.project(), None, order, rows()).await {
        names.extend(found.into_iter().map(|tag| tag.tag.name));
    }
    Ok(names)
}

/// Fields for the inputs of a ref's configuration, filled in with what was sent or is stored. A configuration that
/// is wrong has none.
pub(super) async fn input_fields(
    visit: &Visit,
    ref_name: &str,
    stored: &Map<String, Json>,
) -> app::Result<Vec<InputField>> {
    let ref_name = Some(ref_name.to_owned());
    match lint::inputs_schema(&visit.app, visit.caller.clone(), visit.project(), ref_name).await {
        Ok(schema) => Ok(fields(visit, &schema, stored)),
        Err(Error::Internal(cause)) => Err(Error::Internal(cause)),
        Err(_) => Ok(Vec::new()),
    }
}

/// Fields of the form out of the schema of the inputs.
fn fields(visit: &Visit, schema: &Json, stored: &Map<String, Json>) -> Vec<InputField> {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let sent = match visit.params.get("inputs") {
        Some(Value::Hash(hash)) => Some(hash),
        _ => None,
    };
    let field = |(name, spec): (&String, &Json)| {
        let text = |json: &Json| match json {
            Json::Null => String::new(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let value = match sent.and_then(|hash| hash.get(name)).and_then(|value| value.as_text()) {
            Some(sent) => sent.to_owned(),
            None => text(stored.get(name).unwrap_or(&spec["default"])),
        };
        InputField {
            control: control(spec, &value, required.contains(&name.as_str())),
            description: text(&spec["description"]),
            required: required.contains(&name.as_str()),
            pattern: spec["pattern"].as_str().map(str::to_owned),
            problem: None,
            name: name.clone(),
            value,
        }
    };
    schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(field)
        .collect()
}

fn control(spec: &Json, value: &str, required: bool) -> Control {
    let choices = |texts: Vec<String>| {
        let empty = required.then(|| Choice::new("", "", value));
        let all = texts.into_iter().map(|text| Choice::new(text.clone(), text, value));
        Control::Select(empty.into_iter().chain(all).collect())
    };
    if let Some(options) = spec["enum"].as_array() {
        let text = |option: &Json| option.as_str().map_or_else(|| option.to_string(), str::to_owned);
        return choices(options.iter().map(text).collect());
    }
    match spec["type"].as_str() {
        Some("boolean") => choices(vec!["true".to_owned(), "false".to_owned()]),
        Some("number" | "integer") => Control::Number,
        Some("array") => Control::Json,
        _ => Control::Text,
    }
}

/// The inputs as they were filled in; what was left empty and is no text takes its default.
fn inputs(fields: &[InputField]) -> Vec<(String, Json)> {
    let one = |field: &InputField| {
        let is_text = matches!(field.control, Control::Text);
        if field.value.is_empty() && (field.required || !is_text) {
            return None;
        }
        let value = match field.control {
            Control::Json => serde_json::from_str(&field.value).ok(),
            _ => None,
        };
        Some((
            field.name.clone(),
            value.unwrap_or_else(|| Json::String(field.value.clone())),
        ))
    };
    fields.iter().filter_map(one).collect()
}

/// The inputs as JSON of their types, as far as what was filled in is of that type.
pub(super) fn typed_inputs(fields: &[InputField]) -> Vec<(String, Json)> {
    let typed = |(name, value): (String, Json)| {
        let field = fields.iter().find(|field| field.name == name);
        let read = |text: &str| serde_json::from_str::<Json>(text).ok();
        let other = match (field.map(|field| &field.control), value.as_str()) {
            (Some(Control::Number), Some(text)) => read(text).filter(Json::is_number),
            (Some(Control::Select(choices)), Some(text)) if is_boolean(choices) => read(text).filter(Json::is_boolean),
            _ => None,
        };
        (name, other.unwrap_or(value))
    };
    inputs(fields).into_iter().map(typed).collect()
}

fn is_boolean(choices: &[Choice]) -> bool {
    let values = choices.iter().map(|choice| choice.value.as_str());
    values.filter(|value| !value.is_empty()).eq(["true", "false"])
}

async fn run(visit: Arc<Visit>) -> PageResult {
    let mut page = form(&visit).await?;
    let given = match variables(&visit, visit.text("variables")) {
        Ok(given) => given,
        Err(error) => {
            let t = visit.language();
            page.variables_problem = Some(told(t, &error));
            page.wrong.push(("variables".to_owned(), t.variables().to_owned()));
            return Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    let call = ApiCall {
        ref_text: page.ref_name.clone(),
        variables: given,
        inputs: inputs(&page.inputs),
        keys: Vec::new(),
        chain: Default::default(),
    };
    let (caller, project) = (visit.caller.clone(), visit.project());
    let outcome = if visit.text("do") == "preview" {
        dry_run_on_page(&visit.app, caller, project, call).await.map(|dry_run| {
            page.preview = Some(preview(&visit, dry_run));
            None
        })
    } else {
        create_on_page(&visit.app, caller, project, call).await.map(Some)
    };
    match outcome {
        Ok(None) => Ok(visit.page(&page)),
        Ok(Some(created)) => Ok(visit.redirect(&format!("/{}/-/pipelines/{}", page.path, created.pipeline.id))),
        Err(error @ (Error::Internal(_) | Error::Unauthorized | Error::NotFound(_))) => Err(error),
        Err(error) => Ok(refused(&visit, page, &error)),
    }
}

/// The form again, with what is wrong at the field that it is about, or above the form when it is about none.
fn refused(visit: &Visit, mut page: RunPage, error: &Error) -> axum::response::Response {
    let (raw, text) = (error.to_string(), told(visit.language(), error));
    for field in &mut page.inputs {
        if raw.contains(&format!("`{}` input", field.name)) {
            field.problem = Some(text.clone());
            page.wrong.push((format!("input-{}", field.name), field.name.clone()));
        }
    }
    if raw.to_lowercase().contains("variable") && page.may_give_variables {
        page.variables_problem = Some(text.clone());
        page.wrong
            .push(("variables".to_owned(), visit.language().variables().to_owned()));
    }
    if page.wrong.is_empty() {
        page.problem = Some(text);
    }
    visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

fn preview(visit: &Visit, dry_run: DryRun) -> PreviewView {
    let jobs: Vec<_> = dry_run.jobs.iter().map(planned).collect();
    PreviewView {
        name: dry_run.name,
        graph: graph(visit.language(), &jobs),
        jobs,
        warnings: dry_run.warnings,
        why: dry_run.explanation.map(|explanation| why::view(&explanation.to_json())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_decides_how_an_input_is_asked_for() {
        let kind = |spec: Json| match control(&spec, "", false) {
            Control::Text => "text".to_owned(),
            Control::Number => "number".to_owned(),
            Control::Json => "json".to_owned(),
            Control::Select(choices) => choices.into_iter().map(|one| one.value).collect::<Vec<_>>().join("|"),
        };
        assert_eq!(kind(json!({"type": "string"})), "text");
        assert_eq!(kind(json!({"type": "number"})), "number");
        assert_eq!(kind(json!({"type": "boolean"})), "true|false");
        assert_eq!(kind(json!({"type": "array"})), "json");
        assert_eq!(kind(json!({"type": "string", "enum": ["a", "b"]})), "a|b");
        assert_eq!(kind(json!({"type": "number", "enum": [1, 2]})), "1|2");
    }

    #[test]
    fn what_is_left_empty_takes_its_default_unless_it_is_a_text() {
        let field = |name: &str, control: Control, value: &str, required: bool| InputField {
            name: name.to_owned(),
            description: String::new(),
            control,
            value: value.to_owned(),
            required,
            pattern: None,
            problem: None,
        };
        let sent = inputs(&[
            field("a", Control::Text, "", false),
            field("b", Control::Text, "", true),
            field("c", Control::Number, "", false),
            field("d", Control::Number, "7", false),
            field("e", Control::Json, "[1]", false),
            field("f", Control::Json, "[1", false),
        ]);
        let expected: Map<String, Json> = json!({"a": "", "d": "7", "e": [1], "f": "[1"})
            .as_object()
            .unwrap()
            .clone();
        assert_eq!(sent.into_iter().collect::<Map<_, _>>(), expected);
    }
}
