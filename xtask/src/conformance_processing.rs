//! Pipeline processing: what every job, stage and pipeline must be after each fact, compiled by the real
//! compiler and decided by `schedule` in memory.
//!
//! A case is one YAML mapping: `config` (a whole configuration), `init.expect`, and `transitions` with
//! `event`, `jobs` (absent: the pipeline itself) and `expect`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compile::yaml::{Node, Value, parse, to_yaml};
use compile::{Facts, Limits, LoadRequest, Plan, PlanRequest, PlanResult, Step, load};
use model::{GitRef, Source};
use schedule::simulate::{Fact, Simulation};

use crate::Result;
use crate::conformance::Tally;

/// Runs every case of the folder.
pub(crate) fn run(folder: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    for path in cases(folder)? {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        match case(&text) {
            Ok(()) => tally.passed += 1,
            Err(difference) => {
                tally.failed += 1;
                println!("{}: {difference}", path.file_name().unwrap_or_default().display());
            }
        }
    }
    Ok(tally)
}

pub(crate) fn cases(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    Ok(paths)
}

fn case(text: &str) -> Result<()> {
    let parsed = parse(text, 0, &compile::yaml::Limits::default()).map_err(|error| error.to_string())?;
    let root = parsed.root;
    let config = root.get("config").ok_or("there is no `config`")?;
    let plan = compile(&to_yaml(config))?;
    let mut pipeline = Simulation::of_plan(&plan.jobs, plan.on_job_failure);
    let init = root
        .get("init")
        .and_then(|init| init.get("expect"))
        .ok_or("there is no `init.expect`")?;
    compare(&plan, &pipeline, init).map_err(|difference| format!("init: {difference}"))?;
    for (index, transition) in items(root.get("transitions")).iter().enumerate() {
        apply(&mut pipeline, transition).map_err(|error| format!("transition {index}: {error}"))?;
        let expected = transition.get("expect").ok_or("a transition without `expect`")?;
        compare(&plan, &pipeline, expected).map_err(|difference| format!("transition {index}: {difference}"))?;
    }
    Ok(())
}

/// Compiles as for a push to the default branch.
fn compile(config: &str) -> Result<Plan> {
    let limits = Limits::default();
    let request = LoadRequest {
        file_name: ".gitlab-ci.yml",
        text: Arc::from(config),
        file_project: None,
        file_sha: None,
        inputs: &[],
        variables: &[],
        project_path: "group/project",
        sha: "0123456789012345678901234567890123456789",
        server_fqdn: "gitlab.example.com",
        limits: &limits,
    };
    let loaded = match load(&request, &Facts::default()) {
        Step::Done(loaded) => loaded,
        Step::Needs(demands) => return Err(format!("the configuration needs {demands:?}")),
    };
    let config = loaded
        .config
        .ok_or_else(|| format!("the configuration is not valid: {:?}", loaded.diagnostics))?;
    let request = PlanRequest {
        source: Source::Push,
        git_ref: &GitRef::branch("main"),
        merge_request: false,
        project_path: "group/project",
        predefined: &[],
        overriding: &[],
        iid: Some(1),
        only_job: None,
        limits: &limits,
    };
    match config.plan(&request, &Facts::default()) {
        Step::Done(planned) => match planned.result {
            PlanResult::Plan(plan) => Ok(plan),
            other => Err(format!("there is no plan: {other:?}")),
        },
        Step::Needs(demands) => Err(format!("the plan needs {demands:?}")),
    }
}

fn apply(pipeline: &mut Simulation<'_>, transition: &Node) -> Result<()> {
    let event = transition
        .get("event")
        .and_then(Node::as_text)
        .ok_or("there is no `event`")?;
    let jobs = items(transition.get("jobs"));
    let fact = match (event, jobs.is_empty()) {
        ("retry", true) => {
            pipeline.retry();
            return Ok(());
        }
        ("cancel", true) => {
            pipeline.cancel();
            return Ok(());
        }
        ("success", false) => Fact::Success,
        ("drop", false) => Fact::Drop,
        ("run", false) => Fact::Run,
        ("play", false) => Fact::Play,
        ("retry", false) => Fact::Retry,
        ("cancel", false) => Fact::Cancel,
        (other, _) => return Err(format!("the event `{other}` is not known")),
    };
    for job in jobs {
        let name = job.as_text().ok_or("a job's name is not text")?;
        let index = pipeline.find(name).ok_or_else(|| format!("there is no job `{name}`"))?;
        pipeline.happen(fact, index).map_err(|refused| refused.to_string())?;
    }
    Ok(())
}

fn compare(plan: &Plan, pipeline: &Simulation<'_>, expected: &Node) -> Result<()> {
    let text = |node: Option<&Node>| node.and_then(Node::as_text).unwrap_or_default().to_owned();
    same(
        "pipeline",
        &text(expected.get("pipeline")),
        &pipeline.pipeline.to_string(),
    )?;
    let stage_name = |index: u32| {
        usize::try_from(index)
            .ok()
            .and_then(|index| plan.stages.get(index))
            .cloned()
    };
    let stages: BTreeMap<String, String> = pipeline
        .stages
        .iter()
        .map(|(index, status)| (stage_name(*index).unwrap_or_default(), status.to_string()))
        .collect();
    same("stages", &statuses(expected.get("stages")), &stages)?;
    let jobs = pipeline
        .jobs
        .iter()
        .map(|job| (job.name.to_owned(), job.status.to_string()))
        .collect();
    same("jobs", &statuses(expected.get("jobs")), &jobs)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<()> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}"))
    }
}

fn statuses(node: Option<&Node>) -> BTreeMap<String, String> {
    let Some(Value::Mapping(mapping)) = node.map(|node| &node.value) else {
        return BTreeMap::new();
    };
    let pair = |(key, entry): (&compile::yaml::Key, &compile::yaml::Entry)| match key {
        compile::yaml::Key::Text(name) => Some((name.to_string(), entry.value.as_text()?.to_owned())),
        compile::yaml::Key::Other(_) => None,
    };
    mapping.entries.iter().filter_map(pair).collect()
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    }
}
