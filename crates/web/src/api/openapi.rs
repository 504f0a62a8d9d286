//! The description of the API in the words of OpenAPI: every route there is, with its parameters.
//!
//! Routes come from the router itself, so none can be missing; what else a call takes stands in
//! `openapi/parameters.txt`, and a test refuses lines there that no route has.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use crate::routing::{Endpoint, Router, get};

const ROOT: &str = "/api/v4";

const PARAMETERS: &str = include_str!("openapi/parameters.txt");

static DESCRIPTION: LazyLock<String> = LazyLock::new(|| describe(&crate::routes::endpoints()).to_string());

pub(crate) fn routes() -> Router {
    Router::new().route("/openapi.json", get(show))
}

async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION.as_str())
}

fn describe(endpoints: &[Endpoint]) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints {
        let Some(path) = endpoint.path.strip_prefix(ROOT) else {
            continue;
        };
        let path = path.replace("{*", "{");
        let operation = operation(&endpoint.method, &path);
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[endpoint.method.to_lowercase()] = operation;
    }
    let header = |name: &str| json!({"type": "apiKey", "in": "header", "name": name});
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Tripline", "version": env!("CARGO_PKG_VERSION"),
            "description": "GitLab's API around pipelines. Who may do what: docs/permissions.md."},
        "servers": [{"url": ROOT}],
        "components": {"securitySchemes": {
            "token": header("PRIVATE-TOKEN"), "job": header("JOB-TOKEN"), "bearer": {"type": "http", "scheme": "bearer"},
        }},
        "security": [{"token": []}, {"job": []}, {"bearer": []}, {}],
        "paths": paths,
    })
}

fn operation(method: &str, path: &str) -> Value {
    let mut parameters: Vec<Value> = names(path).map(|name| in_path(path, name)).collect();
    let given = parameters_of(method, path);
    let mut operation = json!({
        "operationId": format!("{} {path}", method.to_lowercase()),
        "responses": {"default": {"description": "An answer of GitLab's, or an error as `message` or `error`."}},
    });
    if method == "GET" {
        let paging = [("page", false, "i"), ("per_page", false, "i")];
        for (name, required, kind) in given.iter().copied().chain(paging) {
            parameters.push(json!({"name": name, "in": "query", "required": required, "schema": schema(kind)}));
        }
    } else if !given.is_empty() {
        let properties: Map<String, Value> = given
            .iter()
            .map(|(name, _, kind)| ((*name).to_owned(), schema(kind)))
            .collect();
        let required: Vec<&str> = given.iter().filter(|one| one.1).map(|one| one.0).collect();
        let mut body = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            body["required"] = json!(required);
        }
        operation["requestBody"] =
            json!({"required": !required.is_empty(), "content": {"application/json": {"schema": body}}});
    }
    operation["parameters"] = Value::Array(parameters);
    operation
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

/// Ids are numbers, those of projects, groups and namespaces may be paths as well.
fn in_path(path: &str, name: &str) -> Value {
    let is_place = ["/projects/{id}", "/groups/{id}", "/namespaces/{id}"]
        .iter()
        .any(|place| path.starts_with(place));
    let is_number = name.ends_with("_id") && name != "group_id" || name == "id" && !is_place;
    let schema = if is_number {
        schema("i")
    } else {
        json!({"type": "string", "minLength": 1})
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

fn schema(kind: &str) -> Value {
    match kind {
        "i" => json!({"type": "integer"}),
        "b" => json!({"type": "boolean"}),
        "t" => json!({"type": "string", "format": "date-time"}),
        "d" => json!({"type": "string", "format": "date"}),
        "a" => json!({"type": "array", "items": {"type": "string"}}),
        "h" => json!({"type": "array", "items": {"type": "object"}}),
        "o" => json!({"type": "object"}),
        _ => json!({"type": "string"}),
    }
}

/// Name, whether it is required, and kind.
fn parameters_of(method: &str, path: &str) -> Vec<(&'static str, bool, &'static str)> {
    let line = lines().find(|(endpoint, _)| *endpoint == format!("{method} {path}"));
    let words = line.map_or("", |(_, parameters)| parameters).split_whitespace();
    let parameter = |word: &'static str| {
        let (name, kind) = word.split_once(':')?;
        let required = name.ends_with('!');
        Some((name.trim_end_matches('!'), required, kind))
    };
    words.filter_map(parameter).collect()
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = PARAMETERS.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_every_parameter_belongs_to_one() {
        let endpoints = crate::routes::endpoints();
        let description = describe(&endpoints);
        let has = |method: &str, path: &str| description["paths"][path][method.to_lowercase()].is_object();
        for endpoint in &endpoints {
            if let Some(path) = endpoint.path.strip_prefix(ROOT) {
                assert!(has(&endpoint.method, &path.replace("{*", "{")), "{endpoint:?}");
            }
        }
        for (endpoint, _) in lines() {
            let (method, path) = endpoint.split_once(' ').unwrap();
            assert!(has(method, path), "openapi/parameters.txt: no route `{endpoint}`");
        }
    }

    #[test]
    fn a_call_is_described_with_its_parameters() {
        let made = operation("POST", "/projects/{id}/triggers");
        assert_eq!(made["parameters"][0]["schema"]["type"], "string");
        let body = &made["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body["required"], json!(["description"]));
        assert_eq!(body["properties"]["expires_at"]["format"], "date-time");
    }
}
