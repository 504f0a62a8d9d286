//! `tripline explain`: which jobs a pipeline would get, and the rule and line that decided each.

use std::process::ExitCode;

use anyhow::Context;
use compile::{Limits, PlanRequest, Severity, Variable, VariableOrigin};
use model::{GitRef, Source};

use crate::cli;
use crate::lint::inputs;
use crate::local::{Local, tell};
use crate::trigger::pairs;

/// Explains the file for one kind of pipeline.
pub(crate) fn run(flags: &cli::Explain) -> anyhow::Result<ExitCode> {
    let source: Source = flags.source.parse().with_context(|| {
        let known: Vec<&str> = Source::ALL.iter().map(|source| source.as_str()).collect();
        format!("`--source {}`: expected one of {}", flags.source, known.join(", "))
    })?;
    let git_ref = match &flags.tag {
        Some(tag) => GitRef::tag(tag),
        None => GitRef::branch(&flags.branch),
    };
    let predefined = predefined(source, &git_ref);
    let given = given(&flags.variables)?;
    let mut local = Local::open(&flags.file, &flags.remote)?;
    local.changed.clone_from(&flags.changed);
    let known: Vec<Variable> = predefined.iter().chain(&given).cloned().collect();
    let loaded = local.load(&inputs(&flags.inputs)?, &known)?;
    for diagnostic in loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error) {
        tell(diagnostic, &loaded.sources);
    }
    let Some(config) = &loaded.config else {
        return Ok(ExitCode::FAILURE);
    };
    let limits = Limits::default();
    let request = PlanRequest {
        source,
        git_ref: &git_ref,
        merge_request: source == Source::MergeRequestEvent,
        project_path: "local/project",
        predefined: &predefined,
        overriding: &given,
        iid: Some(1),
        only_job: None,
        limits: &limits,
    };
    let explanation = local
        .run(config, |config, facts| config.explain(&request, facts))?
        .explanation;
    if flags.json {
        println!("{}", explanation.to_json());
    } else {
        print!("{}", explanation.to_text());
    }
    Ok(ExitCode::SUCCESS)
}

/// The predefined variables that a pipeline of this kind has and that need no server.
fn predefined(source: Source, git_ref: &GitRef) -> Vec<Variable> {
    let mut list = vec![
        ("CI", "true".to_owned()),
        ("GITLAB_CI", "true".to_owned()),
        ("CI_PIPELINE_SOURCE", source.to_string()),
        ("CI_COMMIT_REF_NAME", git_ref.name.clone()),
        ("CI_COMMIT_REF_SLUG", git_ref.slug()),
        ("CI_DEFAULT_BRANCH", "main".to_owned()),
        ("CI_PROJECT_PATH", "local/project".to_owned()),
        ("CI_COMMIT_REF_PROTECTED", (git_ref.name == "main").to_string()),
    ];
    list.push(match git_ref.is_tag {
        true => ("CI_COMMIT_TAG", git_ref.name.clone()),
        false => ("CI_COMMIT_BRANCH", git_ref.name.clone()),
    });
    if source == Source::Trigger {
        list.push(("CI_PIPELINE_TRIGGERED", "true".to_owned()));
    }
    list.into_iter()
        .map(|(key, value)| app::variables::predefined(key, value))
        .collect()
}

fn given(texts: &[String]) -> anyhow::Result<Vec<Variable>> {
    let object = pairs("--variable", texts)?;
    let pairs = object.as_object().into_iter().flatten();
    Ok(pairs
        .map(|(key, value)| Variable {
            origin: VariableOrigin::Pipeline,
            ..app::variables::predefined(key.clone(), value.as_str().unwrap_or_default())
        })
        .collect())
}
