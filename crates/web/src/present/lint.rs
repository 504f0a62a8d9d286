//! What a configuration becomes: lint, dry runs, explanations.

use app::ExternalUrl;
use app::lint::{FileKey, Included, JobSummary, Jobs, Linted};
use app::pipelines::DryRun;
use app::pipelines::explanation::Explained;
use model::job::{Need, PlannedJob};
use serde_json::{Map, Value as Json};
use wire::lint::{Include, Job, Lint, PipelineExplanation};
use wire::pipeline::Nullable;

/// The answer of the lint API.
#[must_use]
pub fn linted(url: &ExternalUrl, linted: Linted, with_jobs: bool) -> Lint {
    let includes = linted.includes.iter().map(|file| include(url, &linted, file)).collect();
    let jobs = match &linted.jobs {
        Jobs::All(jobs) => jobs.iter().map(of_summary).collect(),
        Jobs::Planned(jobs) => jobs.iter().map(of_planned).collect(),
    };
    Lint {
        valid: linted.errors.is_empty(),
        errors: linted.errors,
        warnings: linted.warnings,
        merged_yaml: linted.merged_yaml,
        includes,
        jobs: with_jobs.then_some(jobs),
    }
}

fn include(url: &ExternalUrl, linted: &Linted, file: &Included) -> Include {
    let own_path = &linted.project.full_path;
    let own_sha = linted.sha.as_str();
    let (kind, location) = match &file.key {
        FileKey::Project {
            project, git_ref, path, ..
        } => {
            let is_local = *project == file.context_project && *git_ref == file.context_sha;
            (if is_local { "local" } else { "file" }, path)
        }
        FileKey::Remote { url, .. } => ("remote", url),
        FileKey::Template { name } => ("template", name),
        FileKey::Component { address, .. } => ("component", address),
        FileKey::Artifact { path, .. } => ("artifact", path),
    };
    let of_project = |view: &str, path: &str| {
        let project = file.project.as_deref().unwrap_or(own_path);
        let sha = file.sha.as_deref().unwrap_or(own_sha);
        format!("{}/{project}/-/{view}/{sha}/{path}", url.base())
    };
    let (blob, raw) = match &file.key {
        FileKey::Project { path, .. } => (Some(of_project("blob", path)), Some(of_project("raw", path))),
        FileKey::Component { .. } => (file.path.as_deref().map(|path| of_project("blob", path)), None),
        FileKey::Remote { url, .. } => (None, Some(url.clone())),
        FileKey::Template { name } => (None, Some(template_address(url, name))),
        FileKey::Artifact { .. } => (None, None),
    };
    let mut extra = Map::new();
    if let (FileKey::Project { project, git_ref, .. }, "file") = (&file.key, kind) {
        extra.insert("project".to_owned(), Json::from(project.clone()));
        extra.insert("ref".to_owned(), Json::from(git_ref.clone()));
    }
    Include {
        kind: kind.to_owned(),
        location: location.clone(),
        blob,
        raw,
        extra,
        context_project: Some(file.context_project.as_deref().unwrap_or(own_path).to_owned()),
        context_sha: Some(file.context_sha.as_deref().unwrap_or(own_sha).to_owned()),
    }
}

/// Where the text of a template can be read.
fn template_address(url: &ExternalUrl, name: &str) -> String {
    let key = name.strip_suffix(app::templates::SUFFIX).unwrap_or(name);
    format!(
        "{}/api/v4/templates/gitlab_ci_ymls/{}",
        url.base(),
        key.replace('/', "%2F")
    )
}

fn of_summary(job: &JobSummary) -> Job {
    let definition = &job.definition;
    Job {
        name: definition.name.clone(),
        stage: definition.stage.clone(),
        before_script: definition.before_script.clone(),
        script: definition.script.clone(),
        after_script: definition.after_script.clone(),
        tag_list: definition.tags.clone(),
        only: Some(Nullable(job.only.clone())),
        except: Some(Nullable(job.except.clone())),
        environment: definition
            .environment
            .as_ref()
            .map(|environment| environment.name.clone()),
        when: job.when.to_string(),
        allow_failure: job.allow_failure,
        needs: Some(Nullable(needs(job.needs.as_deref()))),
    }
}

fn of_planned(job: &PlannedJob) -> Job {
    let definition = &job.definition;
    Job {
        name: definition.name.clone(),
        stage: definition.stage.clone(),
        before_script: definition.before_script.clone(),
        script: definition.script.clone(),
        after_script: definition.after_script.clone(),
        tag_list: job.tags.clone(),
        only: None,
        except: None,
        environment: job.environment.clone(),
        when: job.when.to_string(),
        allow_failure: job.allow_failure,
        needs: None,
    }
}

fn needs(needs: Option<&[Need]>) -> Option<Vec<wire::lint::Need>> {
    let shown = |need: &Need| wire::lint::Need {
        name: need.name.clone(),
        artifacts: need.artifacts,
        optional: need.optional,
    };
    Some(needs?.iter().map(shown).collect())
}

/// What a call would create.
#[must_use]
pub fn dry_run(dry_run: DryRun) -> wire::lint::DryRun {
    let planned = |job: &PlannedJob| wire::lint::PlannedJob {
        name: job.definition.name.clone(),
        stage: job.definition.stage.clone(),
        when: job.when.to_string(),
        start_in: job.start_in_seconds,
        allow_failure: job.allow_failure,
        needs: needs(job.needs.as_deref()),
        tag_list: job.tags.clone(),
        environment: job.environment.clone(),
        resource_group: job.resource_group.clone(),
        bridge: job.definition.is_bridge(),
    };
    wire::lint::DryRun {
        dry_run: true,
        tag: dry_run.place.git_ref.is_tag,
        git_ref: dry_run.place.git_ref.name,
        sha: dry_run.place.sha.to_string(),
        name: dry_run.name,
        jobs: dry_run.jobs.iter().map(planned).collect(),
        warnings: dry_run.warnings,
        explanation: dry_run.explanation.map(|explanation| explanation.to_json()),
    }
}

/// Why a pipeline has its jobs.
#[must_use]
pub fn explained(explained: Explained) -> PipelineExplanation {
    PipelineExplanation {
        pipeline_id: explained.pipeline.id.0,
        git_ref: explained.pipeline.git_ref.name,
        sha: explained.pipeline.sha.to_string(),
        source: explained.pipeline.source.to_string(),
        errors: explained.errors,
        explanation: explained.explanation.map(|explanation| explanation.to_json()),
    }
}
