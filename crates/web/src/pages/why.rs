//! Why a pipeline has the jobs that it has.

use std::sync::Arc;

use ::pages::Tab;
use ::pages::views::{WhyClause, WhyJob, WhyPage, WhyRule, WhyView};
use app::Error;
use app::pipelines::{explanation, overview};
use model::PipelineId;
use serde_json::Value as Json;

use crate::pages::pipeline::head;
use crate::pages::visit::Visit;
use crate::pages::{PageResult, read};
use crate::routing::Router;

pub(super) fn routes() -> Router {
    Router::new().route("/p/{project}/pipelines/{id}/why", read(show))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let id = PipelineId(visit.id()?);
    let overview = overview::overview(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    let (errors, why) = match explanation::explain(&visit.app, visit.caller.clone(), visit.project(), id).await {
        Ok(explained) => (
            explained.errors,
            explained.explanation.map(|explanation| view(&explanation.to_json())),
        ),
        // There is a pipeline, but what it was made of is gone.
        Err(Error::Status { message, .. }) => (vec![message], None),
        Err(error) => return Err(error),
    };
    let title = visit.language().pipeline_number(id);
    let page = WhyPage {
        f: visit.project_frame(title, &overview.access, Tab::Pipelines),
        head: head(&visit, &overview, true),
        errors,
        why,
    };
    Ok(visit.page(&page))
}

/// Reads an explanation in the form in which the API gives it.
pub(super) fn view(explanation: &Json) -> WhyView {
    let workflow = &explanation["workflow"];
    WhyView {
        runs: workflow["runs"].as_bool().unwrap_or(true),
        reason: text(&workflow["reason"]),
        rules: rules(workflow),
        jobs: list(&explanation["jobs"]).map(job).collect(),
    }
}

fn job(job: &Json) -> WhyJob {
    let verdict = text(&job["verdict"]);
    WhyJob {
        name: text(&job["name"]),
        stage: text(&job["stage"]),
        location: location(&job["location"]),
        is_in: verdict != "left_out" && verdict != "out",
        verdict: verdict.replace('_', " "),
        reason: text(&job["reason"]),
        rules: rules(job),
    }
}

/// Rules, then `only` and `except`, which have clauses alone.
fn rules(of: &Json) -> Vec<WhyRule> {
    let mut all: Vec<WhyRule> = list(&of["rules"]).map(rule).collect();
    for keyword in ["only", "except"] {
        let clauses: Vec<WhyClause> = list(&of[keyword]).map(clause).collect();
        if !clauses.is_empty() {
            all.push(WhyRule {
                number: 0,
                location: Some(keyword.to_owned()),
                matched: clauses.iter().any(|clause| clause.holds),
                clauses,
            });
        }
    }
    all
}

fn rule(rule: &Json) -> WhyRule {
    WhyRule {
        number: rule["number"]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(0),
        location: location(&rule["location"]),
        matched: rule["matched"].as_bool().unwrap_or(false),
        clauses: list(&rule["clauses"]).map(clause).collect(),
    }
}

fn clause(clause: &Json) -> WhyClause {
    let values = clause["values"].as_object().into_iter().flatten();
    WhyClause {
        kind: text(&clause["kind"]),
        text: text(&clause["text"]),
        holds: clause["holds"].as_bool().unwrap_or(false),
        values: values
            .map(|(name, value)| {
                (
                    name.clone(),
                    value.as_str().map_or("(not set)".to_owned(), str::to_owned),
                )
            })
            .collect(),
        note: clause["note"].as_str().map(str::to_owned),
    }
}

fn location(location: &Json) -> Option<String> {
    if let Some(text) = location.as_str() {
        return Some(text.to_owned());
    }
    let file = location["file"].as_str()?;
    Some(match location["line"].as_u64() {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    })
}

fn list(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}
