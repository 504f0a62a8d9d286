//! `real-world.jsonl`: files people use, with the jobs that GitLab finds in them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use compile::facts::FetchedFile;
use compile::summary::JobSummary;
use compile::{Answer, Config, Demand, Facts, FileKey, Limits, LoadRequest, Loaded, Severity, Step, load, yaml};
use serde_json::{Map, Value as Json, json};

use super::lint::{messages, same};
use crate::Result;

/// Where an include may find files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repository<'a> {
    /// The folder that plays the repository.
    pub(crate) root: &'a Path,
    /// GitLab's templates, where they may be used.
    pub(crate) templates: Option<&'a Path>,
    /// What stands for a file that is not at hand; `None` = it is missing.
    pub(crate) stub: Option<&'a str>,
}

/// Checks one file; `folder` holds `real-world/` and `templates/`.
pub(crate) fn row(folder: &Path, row: &Json) -> Result<()> {
    let file = row["file"].as_str().ok_or("a row without a file")?;
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let mut parts = file.splitn(3, '/');
    let root = folder
        .join(parts.next().unwrap_or_default())
        .join(parts.next().unwrap_or_default());
    let repository = Repository {
        root: &root,
        templates: None,
        stub: None,
    };
    let text = if row["includes"] == "removed" {
        without_includes(&text)?
    } else {
        text
    };
    let loaded = read(&text, repository)?;
    let errors = messages(&loaded, Severity::Error);
    same("errors", &row["errors"], &json!(errors))?;
    let Some(config) = &loaded.config else { return Ok(()) };
    let warnings = messages(&loaded, Severity::Warning)
        .into_iter()
        .filter(|text| !text.contains("paid tiers"))
        .count();
    same("warnings", &row["warnings"], &json!(warnings))?;
    same("stages", &row["stages"], &json!(config.stages()))?;
    jobs(row, config)
}

/// Compiles a text with the files of a folder.
pub(crate) fn read(text: &str, repository: Repository<'_>) -> Result<Loaded> {
    let limits = Limits::default();
    let request = LoadRequest {
        file_name: ".gitlab-ci.yml",
        text: Arc::from(text),
        file_project: None,
        file_sha: None,
        inputs: &[],
        variables: &push_variables(),
        project_path: "group/project",
        sha: "0123456789012345678901234567890123456789",
        server_fqdn: "",
        limits: &limits,
    };
    let mut facts = Facts::default();
    for _ in 0..100 {
        match load(&request, &facts) {
            Step::Done(loaded) => return Ok(loaded),
            Step::Needs(demands) => {
                for demand in demands {
                    let answer = answer(&demand, repository);
                    facts.insert(demand, answer);
                }
            }
        }
    }
    Err("still asks for files after 100 rounds".to_owned())
}

/// A push to the default branch.
fn push_variables() -> Vec<compile::Variable> {
    let pairs = [
        ("CI_PIPELINE_SOURCE", "push"),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_COMMIT_REF_NAME", "main"),
        ("CI_DEFAULT_BRANCH", "main"),
        ("CI_PROJECT_PATH", "group/project"),
        ("CI_SERVER_HOST", "gitlab.example.com"),
        ("CI_SERVER_FQDN", "gitlab.example.com"),
    ];
    let variable = |(key, value): (&'static str, &str)| compile::Variable {
        key: key.into(),
        value: value.to_owned(),
        raw: false,
        file: false,
        masked: false,
        environment_scope: None,
        origin: compile::VariableOrigin::Predefined,
    };
    pairs.into_iter().map(variable).collect()
}

fn answer(demand: &Demand, repository: Repository<'_>) -> Answer {
    let file = |text: String| {
        Answer::File(FetchedFile {
            text: text.into(),
            project: None,
            sha: None,
            component: None,
        })
    };
    let read = |path: &Path| std::fs::read_to_string(path).ok().map(file);
    let stub = || repository.stub.map_or(Answer::Missing, |text| file(text.to_owned()));
    match demand {
        Demand::File(FileKey::Project {
            project: None, path, ..
        }) => read(&repository.root.join(path)).unwrap_or(Answer::Missing),
        Demand::File(FileKey::Template { name }) => repository
            .templates
            .and_then(|folder| read(&folder.join(name)))
            .unwrap_or_else(stub),
        Demand::File(_) => stub(),
        Demand::Paths { project: None, .. } => Answer::Paths(Arc::new(paths(repository.root))),
        Demand::Paths { .. } => Answer::Paths(Arc::default()),
        Demand::Changes { .. } => Answer::ChangesUnknown,
    }
}

/// All files below a folder, sorted.
pub(crate) fn paths(root: &Path) -> Vec<String> {
    fn collect(folder: &Path, root: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, root, into);
            } else if let Ok(inner) = path.strip_prefix(root) {
                into.push(inner.to_string_lossy().into_owned());
            }
        }
    }
    let mut all = Vec::new();
    collect(root, root, &mut all);
    all.sort();
    all
}

/// The text with the root key `include` dropped.
fn without_includes(text: &str) -> Result<String> {
    let documents = yaml::documents::load(text, 0, &yaml::Limits::default()).map_err(|error| error.to_string())?;
    let mut content = documents.content.as_mapping().cloned().unwrap_or_default();
    content.remove("include");
    let content = yaml::emit::to_yaml(&yaml::Node::mapping(content, documents.content.span));
    Ok(match documents.header {
        Some(header) => format!(
            "{}\n---\n{}",
            yaml::emit::to_yaml(&header),
            content.trim_start_matches("---\n")
        ),
        None => content,
    })
}

fn jobs(row: &Json, config: &Config) -> Result<()> {
    let expected = row["jobs"].as_object().ok_or("a row without jobs")?;
    let summaries = config.summaries();
    let found: BTreeSet<&str> = summaries.iter().map(|job| job.definition.name.as_str()).collect();
    same("jobs", &json!(expected.keys().collect::<BTreeSet<_>>()), &json!(found))?;
    for job in &summaries {
        let name = &job.definition.name;
        compare(&expected[name], job, config).map_err(|error| format!("job {name}: {error}"))?;
    }
    Ok(())
}

/// Compares every field; what is not set is absent on both sides.
fn compare(expected: &Json, job: &JobSummary, config: &Config) -> Result<()> {
    let found = fields(job, config);
    let mut expected = super::lint::normal(expected);
    if expected.remove("default_only").is_some() {
        expected.insert("only".to_owned(), json!({ "refs": ["branches", "tags"] }));
    }
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let none = Json::Null;
        same(key, expected.get(key).unwrap_or(&none), found.get(key).unwrap_or(&none))?;
    }
    Ok(())
}

fn fields(job: &JobSummary, config: &Config) -> Map<String, Json> {
    const SHARED: [&str; 14] = [
        "stage",
        "allow_failure_exit_codes",
        "start_in",
        "resource_group",
        "interruptible",
        "retry",
        "environment",
        "only",
        "except",
        "instance",
        "total",
        "tags",
        "dependencies",
        "timeout",
    ];
    let definition = &job.definition;
    let mut map = super::lint::fields(job);
    map.retain(|key, _| SHARED.contains(&key.as_str()));
    if job.when != model::When::OnSuccess {
        map.insert("when".to_owned(), json!(job.when));
    }
    if job.allow_failure {
        map.insert("allow_failure".to_owned(), json!(true));
    }
    if let Some(needs) = &job.needs {
        map.insert("dag".to_owned(), json!(true));
        let need = |need: &model::job::Need| match (need.artifacts, need.optional) {
            (true, false) => json!(need.name),
            (artifacts, optional) => json!([need.name, artifacts, optional]),
        };
        if !needs.is_empty() {
            map.insert("needs".to_owned(), needs.iter().map(need).collect());
        }
    }
    if let Some(image) = &definition.image {
        map.insert("image".to_owned(), json!(image.name));
    }
    if !definition.services.is_empty() {
        map.insert(
            "services".to_owned(),
            definition.services.iter().map(|service| json!(service.name)).collect(),
        );
    }
    if let Some(environment) = &definition.environment {
        // The table leaves addresses out.
        let environment = model::definition::Environment {
            url: None,
            ..environment.clone()
        };
        map.insert("environment".to_owned(), super::lint::environment(&environment));
    }
    let roots = config.root_variables();
    let is_root = |variable: &model::definition::YamlVariable| roots.iter().any(|root| root.variable == *variable);
    let own = definition.variables.iter().filter(|variable| !is_root(variable));
    let own: Map<String, Json> = own
        .map(|variable| (variable.key.clone(), json!(variable.value)))
        .collect();
    if !own.is_empty() {
        map.insert("variables_not_from_root".to_owned(), Json::Object(own));
    }
    let has = |key: &str| definition.variables.iter().any(|variable| variable.key == key);
    let absent: Vec<&str> = roots
        .iter()
        .map(|root| root.variable.key.as_str())
        .filter(|key| !has(key))
        .collect();
    if !absent.is_empty() {
        map.insert("root_variables_absent".to_owned(), json!(absent));
    }
    if let Some(rules) = job.rules.as_ref().and_then(Json::as_array) {
        map.insert("rules".to_owned(), json!(rules.len()));
    }
    if definition.trigger.is_some() {
        map.insert("trigger".to_owned(), json!(true));
    }
    map
}
