//! `lint.jsonl`: whole configurations, with all messages or all jobs.

use std::collections::BTreeSet;
use std::sync::Arc;

use compile::summary::JobSummary;
use compile::{Config, Facts, Limits, LoadRequest, Loaded, Severity, Step, load};
use model::definition::{
    Artifacts, Cache, CacheKey, CrossNeed, Environment, Image, Report, Retry, Trigger, YamlVariable,
};
use serde_json::{Map, Value as Json, json};

use crate::Result;

/// Checks one configuration.
pub(crate) fn row(row: &Json) -> Result<()> {
    let loaded = read(row["yaml"].as_str().unwrap_or_default())?;
    let errors = messages(&loaded, Severity::Error);
    let expected = texts(&row["errors"]);
    if expected.iter().any(|text| text.starts_with("(<unknown>)")) {
        return if errors.is_empty() {
            Err("expected a syntax error".to_owned())
        } else {
            Ok(())
        };
    }
    same("errors", &json!(expected), &json!(errors))?;
    same(
        "warnings",
        &json!(texts(&row["warnings"])),
        &json!(messages(&loaded, Severity::Warning)),
    )?;
    match &loaded.config {
        Some(config) => valid(row, config),
        None => Ok(()),
    }
}

/// Reads a configuration that needs nothing from outside.
pub(super) fn read(text: &str) -> Result<Loaded> {
    let limits = Limits::default();
    let request = LoadRequest {
        file_name: ".gitlab-ci.yml",
        text: Arc::from(text),
        file_project: None,
        file_sha: None,
        inputs: &[],
        variables: &[],
        project_path: "group/project",
        sha: "0123456789012345678901234567890123456789",
        server_fqdn: "gitlab.example.com",
        limits: &limits,
    };
    match load(&request, &Facts::default()) {
        Step::Done(loaded) => Ok(loaded),
        Step::Needs(demands) => Err(format!("needs {demands:?}")),
    }
}

fn texts(json: &Json) -> Vec<&str> {
    json.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

/// Our messages; remarks that only we make are left out.
pub(super) fn messages(loaded: &Loaded, severity: Severity) -> Vec<&str> {
    let ours = |text: &str| severity == Severity::Warning && text.starts_with("the key `");
    let list = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == severity);
    list.map(|diagnostic| diagnostic.message.as_str())
        .filter(|text| !ours(text))
        .collect()
}

pub(super) fn same(what: &str, expected: &Json, found: &Json) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what}: expected {expected}, found {found}"))
}

fn valid(row: &Json, config: &Config) -> Result<()> {
    if row["valid"] != true {
        return Err("expected errors, found none".to_owned());
    }
    same("stages", &row["stages"], &json!(config.stages()))?;
    let roots: Map<String, Json> = config
        .root_variables()
        .iter()
        .map(|root| (root.variable.key.clone(), root.variable.value.clone().into()))
        .collect();
    if !row["root_variables"].is_null() {
        same("root variables", &row["root_variables"], &Json::Object(roots))?;
    }
    if let Some(rules) = row["workflow"].get("rules") {
        let expected: Json = rules.as_array().into_iter().flatten().map(rule).collect();
        let (mut expected, mut found) = (expected, config.workflow_rules().unwrap_or_default());
        strip(&mut expected, false);
        strip(&mut found, false);
        same("workflow rules", &expected, &found)?;
    }
    if let Some(name) = row["workflow"].get("name") {
        same("workflow name", name, &json!(config.workflow_name()))?;
    }
    let summaries = config.summaries();
    let names: Vec<&str> = summaries.iter().map(|job| job.definition.name.as_str()).collect();
    let expected = row["jobs"].as_object().ok_or("a row without jobs")?;
    if row["jobs_truncated"] == true {
        same("number of jobs", &row["job_count"], &json!(names.len()))?;
    } else {
        same(
            "jobs",
            &json!(expected.keys().collect::<BTreeSet<_>>()),
            &json!(names.iter().collect::<BTreeSet<_>>()),
        )?;
    }
    for (name, fields) in expected {
        let found = summaries
            .iter()
            .find(|job| job.definition.name == *name)
            .ok_or(format!("job {name} is missing"))?;
        job(fields, found).map_err(|error| format!("job {name}: {error}"))?;
    }
    Ok(())
}

/// Compares every field; what is not set is absent on both sides.
fn job(expected: &Json, found: &JobSummary) -> Result<()> {
    let found = normal_fields(fields(found));
    let expected = normal(expected);
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let none = Json::Null;
        same(key, expected.get(key).unwrap_or(&none), found.get(key).unwrap_or(&none))?;
    }
    Ok(())
}

/// The expected fields with what we do not tell apart made equal.
pub(super) fn normal(expected: &Json) -> Map<String, Json> {
    let mut map = expected.as_object().cloned().unwrap_or_default();
    // Kept only as what they lead to: published paths, the map's absence.
    for key in ["publish", "pages"] {
        map.remove(key);
    }
    map.retain(|key, value| {
        let empty = value.as_array().is_some_and(Vec::is_empty);
        !(value.is_null() || empty && !["dependencies", "rules"].contains(&key.as_str()))
    });
    let mut map = normal_fields(map);
    if let Some(include) = map
        .get_mut("trigger")
        .and_then(|trigger| trigger.get_mut("include"))
        .filter(|i| i.is_string())
    {
        *include = json!([include]);
    }
    for key in ["image", "artifacts", "trigger"] {
        if let Some(Json::Object(inner)) = map.get_mut(key) {
            inner.retain(|_, value| *value != json!(false));
        }
    }
    if let Some(Json::Object(artifacts)) = map.get_mut("artifacts") {
        if let Some(public) = artifacts.remove("public") {
            artifacts.insert(
                "access".to_owned(),
                if public == true { "all" } else { "developer" }.into(),
            );
        }
        // `public: false` was taken for an unset flag above.
        if expected["artifacts"]["public"] == false {
            artifacts.insert("access".to_owned(), "developer".into());
        }
    }
    if let Some(release) = map.get_mut("release").and_then(Json::as_object_mut)
        && let Some(milestones) = release.get_mut("milestones").filter(|list| list.is_string())
    {
        *milestones = json!([milestones]);
    }
    if let Some(Json::Object(tokens)) = map.get_mut("id_tokens") {
        for token in tokens.values_mut() {
            if token["aud"].is_string() {
                token["aud"] = json!([token["aud"]]);
            }
        }
    }
    if let Some(start_in) = map.get_mut("start_in") {
        *start_in = seconds(start_in);
    }
    if let Some(Json::Array(rules)) = map.get_mut("rules") {
        rules.iter_mut().for_each(|one| *one = rule(one));
    }
    for cache in map.get_mut("cache").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Json::Object(inner) = cache {
            inner.retain(|_, value| *value != json!([]) && *value != json!(false));
        }
    }
    // Flags that are off were all that some said.
    map.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
    map
}

/// Either side without what is empty: both say the same with and without it.
fn normal_fields(mut map: Map<String, Json>) -> Map<String, Json> {
    for (key, value) in &mut map {
        strip(value, ["only", "except"].contains(&key.as_str()));
    }
    map.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
    map
}

/// Drops nulls, and lists and maps without items, inside a value; an empty list of refs says something.
fn strip(value: &mut Json, keep_lists: bool) {
    match value {
        Json::Object(map) => {
            map.values_mut().for_each(|inner| strip(inner, keep_lists));
            map.retain(|_, inner| {
                let empty = inner.as_object().is_some_and(Map::is_empty)
                    || !keep_lists && inner.as_array().is_some_and(Vec::is_empty);
                !inner.is_null() && !empty
            });
        }
        Json::Array(items) => items.iter_mut().for_each(|inner| strip(inner, keep_lists)),
        _ => {}
    }
}

/// A rule with its delay in seconds and without empty parts.
fn rule(rule: &Json) -> Json {
    let mut map = rule.as_object().cloned().unwrap_or_default();
    if let Some(start_in) = map.get_mut("start_in") {
        *start_in = seconds(start_in);
    }
    map.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
    for key in ["allow_failure", "needs"] {
        if rule.get("auto_cancel").is_none() && map.get(key).is_some_and(Json::is_null) {
            map.remove(key);
        }
    }
    Json::Object(map)
}

#[expect(clippy::cast_possible_truncation, reason = "delays are short")]
fn seconds(text: &Json) -> Json {
    json!(
        text.as_str()
            .and_then(compile::duration::parse)
            .map(|seconds| seconds as i64)
    )
}

/// Our job in the fields of the table.
pub(super) fn fields(job: &JobSummary) -> Map<String, Json> {
    let definition = &job.definition;
    let mut map = Map::new();
    let mut put = |key: &str, value: Json| {
        let empty = value.as_array().is_some_and(Vec::is_empty) && !["dependencies", "needs", "rules"].contains(&key);
        if !(value.is_null() || empty) {
            map.insert(key.to_owned(), value);
        }
    };
    put("stage", json!(definition.stage));
    put("when", json!(job.when));
    put("allow_failure", json!(job.allow_failure));
    put("allow_failure_exit_codes", json!(definition.allow_failure_exit_codes));
    put("scheduling", json!(if job.needs.is_some() { "dag" } else { "stage" }));
    if let Some(needs) = job.needs.as_ref().filter(|needs| !needs.is_empty()) {
        put("needs", json!(needs));
    }
    put(
        "cross_pipeline_needs",
        definition.cross_needs.iter().filter_map(cross).collect(),
    );
    put("dependencies", json!(definition.dependencies));
    put("tags", json!(definition.tags));
    put("coverage", json!(definition.coverage));
    put("resource_group", json!(definition.resource_group));
    put("interruptible", json!(job.interruptible));
    put("start_in", json!(job.start_in_seconds));
    put("manual_confirmation", json!(definition.manual_confirmation));
    if !definition.variables.is_empty() {
        put("variables", variables(&definition.variables));
    }
    let raw: Vec<&str> = definition
        .variables
        .iter()
        .filter(|v| v.raw)
        .map(|v| v.key.as_str())
        .collect();
    put("raw_variables", json!(raw));
    if let Some((instance, total)) = definition.parallel {
        put("instance", json!(instance));
        put("total", json!(total));
    }
    put("before_script", json!(definition.before_script));
    put("script", json!(definition.script));
    put("after_script", json!(definition.after_script));
    if !definition.pre_get_sources_script.is_empty() {
        put(
            "hooks",
            json!({ "pre_get_sources_script": definition.pre_get_sources_script }),
        );
    }
    put("timeout", json!(definition.timeout_seconds));
    put(
        "environment",
        definition.environment.as_ref().map(environment).unwrap_or_default(),
    );
    put("image", definition.image.as_ref().map(image).unwrap_or_default());
    put("services", definition.services.iter().map(image).collect());
    put(
        "artifacts",
        artifacts(definition.artifacts.as_ref(), &definition.reports),
    );
    put("cache", definition.caches.iter().map(cache).collect());
    put("retry", definition.retry.as_ref().map(retry).unwrap_or_default());
    put("trigger", definition.trigger.as_ref().map(trigger).unwrap_or_default());
    put(
        "id_tokens",
        object(
            definition
                .id_tokens
                .iter()
                .map(|t| (t.name.clone(), json!({ "aud": t.audiences }))),
        ),
    );
    put(
        "inputs",
        object(definition.inputs.iter().map(|input| {
            let parse = |text: &String| serde_json::from_str::<Json>(text).unwrap_or_default();
            let one = object_of(&[
                ("default", parse(&input.default)),
                ("type", json!(input.kind)),
                ("description", json!(input.description)),
                ("regex", json!(input.regex)),
                ("options", none_if_empty(input.options.iter().map(parse).collect())),
            ]);
            (input.name.clone(), one)
        })),
    );
    put(
        "release",
        definition
            .release
            .as_ref()
            .map(|release| {
                object_of(&[
                    ("tag_name", json!(release.tag_name)),
                    ("tag_message", json!(release.tag_message)),
                    ("name", json!(release.name)),
                    ("description", json!(release.description)),
                    ("ref", json!(release.git_ref)),
                    ("released_at", json!(release.released_at)),
                    ("milestones", none_if_empty(json!(release.milestones))),
                    (
                        "assets",
                        release
                            .assets
                            .as_ref()
                            .and_then(|text| serde_json::from_str(text).ok())
                            .unwrap_or_default(),
                    ),
                ])
            })
            .unwrap_or_default(),
    );
    put("only", job.only.clone().unwrap_or_default());
    put("except", job.except.clone().unwrap_or_default());
    put("rules", job.rules.clone().unwrap_or_default());
    map.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
    map
}

fn object(pairs: impl Iterator<Item = (String, Json)>) -> Json {
    Json::Object(pairs.collect())
}

/// An object without its nulls and unset flags.
fn object_of(pairs: &[(&str, Json)]) -> Json {
    let set = pairs.iter().filter(|(_, value)| !value.is_null());
    object(set.map(|(key, value)| ((*key).to_owned(), value.clone())))
}

fn none_if_empty(value: Json) -> Json {
    if value.as_array().is_some_and(Vec::is_empty) {
        Json::Null
    } else {
        value
    }
}

fn variables(list: &[YamlVariable]) -> Json {
    object(
        list.iter()
            .map(|variable| (variable.key.clone(), json!(variable.value))),
    )
}

fn cross(need: &CrossNeed) -> Option<Json> {
    match need {
        CrossNeed::Pipeline {
            pipeline,
            job: Some(job),
            artifacts,
        } => Some(json!({ "pipeline": pipeline, "job": job, "artifacts": artifacts })),
        _ => None,
    }
}

pub(super) fn environment(environment: &Environment) -> Json {
    let kubernetes = environment
        .kubernetes
        .as_ref()
        .and_then(|text| serde_json::from_str(text).ok());
    object_of(&[
        ("name", json!(environment.name)),
        ("url", json!(environment.url)),
        ("action", json!(environment.action)),
        ("on_stop", json!(environment.on_stop)),
        ("auto_stop_in", json!(environment.auto_stop_in)),
        ("deployment_tier", json!(environment.deployment_tier)),
        ("kubernetes", kubernetes.unwrap_or_default()),
    ])
}

fn image(image: &Image) -> Json {
    let options = image
        .executor_options
        .as_ref()
        .and_then(|text| serde_json::from_str(text).ok());
    let none_if = |list: &Option<Vec<String>>| list.as_ref().map_or(Json::Null, |list| none_if_empty(json!(list)));
    let given = if image.variables.is_empty() {
        Json::Null
    } else {
        variables(&image.variables)
    };
    object_of(&[
        ("name", json!(image.name)),
        ("alias", json!(image.alias)),
        ("entrypoint", none_if(&image.entrypoint)),
        ("command", none_if(&image.command)),
        ("pull_policy", none_if_empty(json!(image.pull_policy))),
        ("executor_opts", options.unwrap_or_default()),
        ("variables", given),
    ])
}

fn artifacts(artifacts: Option<&Artifacts>, reports: &[Report]) -> Json {
    let Some(artifacts) = artifacts else { return Json::Null };
    let report = |report: &Report| match report.kind.as_str() {
        kind @ ("cobertura" | "jacoco") => (
            "coverage_report".to_owned(),
            json!({ "coverage_format": kind, "path": report.paths.first() }),
        ),
        kind => (kind.to_owned(), json!(report.paths)),
    };
    let reports = object(reports.iter().map(report));
    let set = object_of(&[
        ("name", json!(artifacts.name)),
        ("paths", none_if_empty(json!(artifacts.paths))),
        ("exclude", none_if_empty(json!(artifacts.exclude))),
        ("untracked", if artifacts.untracked { json!(true) } else { Json::Null }),
        ("when", json!(artifacts.when)),
        ("expire_in", json!(artifacts.expire_in)),
        ("expose_as", json!(artifacts.expose_as)),
        ("access", json!(artifacts.access)),
        (
            "reports",
            if reports.as_object().is_some_and(Map::is_empty) {
                Json::Null
            } else {
                reports
            },
        ),
    ]);
    if set.as_object().is_some_and(Map::is_empty) {
        Json::Null
    } else {
        set
    }
}

fn cache(cache: &Cache) -> Json {
    let key = match &cache.key {
        CacheKey::Default => json!("default"),
        CacheKey::Text(text) => json!(text),
        CacheKey::Files {
            files,
            prefix,
            by_commit,
        } => {
            let files_key = if *by_commit { "files_commits" } else { "files" };
            object_of(&[(files_key, json!(files)), ("prefix", json!(prefix))])
        }
    };
    object_of(&[
        ("key", key),
        ("paths", none_if_empty(json!(cache.paths))),
        ("untracked", if cache.untracked { json!(true) } else { Json::Null }),
        ("policy", json!(cache.policy.as_deref().unwrap_or("pull-push"))),
        ("when", json!(cache.when.map_or("on_success", |when| when.as_str()))),
        ("unprotect", if cache.unprotect { json!(true) } else { Json::Null }),
        ("fallback_keys", none_if_empty(json!(cache.fallback_keys))),
    ])
}

fn retry(retry: &Retry) -> Json {
    object_of(&[
        ("max", json!(retry.max)),
        ("when", none_if_empty(json!(retry.when))),
        ("exit_codes", none_if_empty(json!(retry.exit_codes))),
    ])
}

fn trigger(trigger: &Trigger) -> Json {
    let forward = object_of(&[
        ("yaml_variables", json!(trigger.forward_yaml_variables)),
        ("pipeline_variables", json!(trigger.forward_pipeline_variables)),
    ]);
    let includes: Vec<Json> = trigger
        .includes
        .iter()
        .map(|include| match include {
            model::definition::TriggerInclude::Entry(text) => serde_json::from_str(text).unwrap_or_default(),
            model::definition::TriggerInclude::Artifact { artifact, job, inputs } => object_of(&[
                ("artifact", json!(artifact)),
                ("job", json!(job)),
                (
                    "inputs",
                    inputs
                        .as_ref()
                        .and_then(|text| serde_json::from_str(text).ok())
                        .unwrap_or_default(),
                ),
            ]),
        })
        .collect();
    object_of(&[
        ("project", json!(trigger.project)),
        ("branch", json!(trigger.branch)),
        ("strategy", json!(trigger.strategy)),
        (
            "inputs",
            trigger
                .inputs
                .as_ref()
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
        ),
        (
            "forward",
            if forward.as_object().is_some_and(Map::is_empty) {
                Json::Null
            } else {
                forward
            },
        ),
        ("include", none_if_empty(json!(includes))),
    ])
}
