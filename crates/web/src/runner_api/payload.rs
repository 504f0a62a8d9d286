//! A job in the shape that runners read (runner-protocol.md 2.7). Nothing is decided here.

use app::jobs::inputs::Value;
use app::runners::payload::Payload;
use app::runners::release;
use app::runners::variables::JobVariable;
use model::definition::{Image, YamlVariable};
use model::{FailureReason, JobDefinition, When};
use wire::runner as wire;

/// Returns the job as it goes to the runner.
pub(super) fn of(payload: &Payload) -> wire::Job {
    let definition = &payload.definition;
    let timeout = payload
        .job
        .timeout_seconds
        .unwrap_or(payload.project.settings.build_timeout_seconds);
    wire::Job {
        id: payload.job.id.0,
        token: payload.token.clone(),
        allow_git_fetch: payload.project.settings.git_fetch,
        job_info: job_info(payload),
        git_info: Some(git_info(payload)),
        runner_info: wire::RunnerJobInfo {
            timeout,
            runner_session_url: None,
        },
        inputs: payload.inputs.iter().map(input).collect(),
        variables: payload.variables.iter().map(variable).collect(),
        steps: steps(definition, timeout),
        hooks: hooks(definition),
        run: definition.run.clone(),
        image: definition.image.as_ref().map(image),
        services: definition.services.iter().map(image).collect(),
        artifacts: artifacts(definition),
        cache: caches(payload),
        credentials: Vec::new(),
        dependencies: payload
            .dependencies
            .iter()
            .map(|needed| dependency(payload, needed))
            .collect(),
        features: features(),
        secrets: None,
    }
}

fn job_info(payload: &Payload) -> wire::JobInfo {
    let (job, project) = (&payload.job, &payload.project);
    wire::JobInfo {
        id: job.id.0,
        name: job.name.clone(),
        stage: job.stage.clone(),
        pipeline_id: job.pipeline_id.0,
        project_id: project.id.0,
        project_name: project.name.clone(),
        project_full_path: project.full_path.clone(),
        namespace_id: payload.namespace.id.0,
        root_namespace_id: payload.root_namespace.0,
        user_id: job.user_id.map_or(0, |user| user.0),
        time_in_queue_seconds: payload.queued_seconds,
        project_jobs_running_on_instance_runners_count: "0".to_owned(),
        queue_size: 0,
        queue_depth: 0,
    }
}

fn git_info(payload: &Payload) -> wire::GitInfo {
    let pipeline = &payload.pipeline;
    let is_sha256 = pipeline.sha.as_str().len() == 64;
    wire::GitInfo {
        repo_url: payload.checkout.url.clone(),
        git_ref: pipeline.git_ref.name.clone(),
        ref_type: if pipeline.git_ref.is_tag { "tag" } else { "branch" }.to_owned(),
        sha: pipeline.sha.to_string(),
        before_sha: pipeline.before_sha.to_string(),
        refspecs: payload.checkout.refspecs.clone(),
        depth: payload.checkout.depth,
        repo_object_format: if is_sha256 { "sha256" } else { "sha1" }.to_owned(),
        protected: Some(pipeline.protected),
    }
}

fn variable(variable: &JobVariable) -> wire::Variable {
    wire::Variable {
        key: variable.key.clone(),
        value: variable.value.clone(),
        public: variable.public,
        masked: variable.masked,
        file: variable.file,
        raw: variable.raw,
    }
}

fn input(input: &Value) -> wire::Input {
    wire::Input {
        key: input.name.clone(),
        value: wire::InputValue {
            kind: input.kind.clone(),
            content: input.value.clone(),
            sensitive: false,
        },
    }
}

fn steps(definition: &JobDefinition, timeout: i64) -> Vec<wire::Step> {
    let step = |name: &str, script: Vec<String>, when: &str, allow_failure: bool| wire::Step {
        name: name.to_owned(),
        script,
        timeout,
        when: when.to_owned(),
        allow_failure,
    };
    let script = [definition.before_script.as_slice(), &definition.script].concat();
    let mut steps = Vec::new();
    if definition.run.is_none() {
        steps.push(step("script", script, "on_success", false));
    }
    if let Some(release) = &definition.release {
        steps.push(step("release", vec![release::script(release)], "on_success", false));
    }
    if !definition.after_script.is_empty() {
        steps.push(step("after_script", definition.after_script.clone(), "always", true));
    }
    steps
}

fn hooks(definition: &JobDefinition) -> Vec<wire::Hook> {
    let script = &definition.pre_get_sources_script;
    let hook = || wire::Hook {
        name: "pre_get_sources_script".to_owned(),
        script: script.clone(),
    };
    if script.is_empty() { Vec::new() } else { vec![hook()] }
}

fn image(image: &Image) -> wire::Image {
    let options = image
        .executor_options
        .as_deref()
        .and_then(|json| serde_json::from_str(json).ok());
    wire::Image {
        name: image.name.clone(),
        alias: image.alias.clone(),
        entrypoint: image.entrypoint.clone(),
        command: image.command.clone(),
        ports: Vec::new(),
        pull_policy: (!image.pull_policy.is_empty()).then(|| image.pull_policy.clone()),
        variables: image.variables.iter().map(yaml_variable).collect(),
        executor_opts: options.unwrap_or_default(),
    }
}

fn yaml_variable(variable: &YamlVariable) -> wire::Variable {
    wire::Variable {
        key: variable.key.clone(),
        value: variable.value.clone(),
        public: true,
        raw: variable.raw,
        ..wire::Variable::default()
    }
}

fn artifacts(definition: &JobDefinition) -> Vec<wire::Artifact> {
    let expire_in = definition
        .artifacts
        .as_ref()
        .and_then(|artifacts| artifacts.expire_in.clone())
        .unwrap_or_default();
    let archive = definition
        .artifacts
        .as_ref()
        .filter(|artifacts| artifacts.untracked || !artifacts.paths.is_empty());
    let archive = archive.map(|artifacts| wire::Artifact {
        name: artifacts.name.clone().unwrap_or_default(),
        untracked: artifacts.untracked,
        paths: artifacts.paths.clone(),
        exclude: artifacts.exclude.clone(),
        when: artifacts.when.map_or("on_success", When::as_str).to_owned(),
        artifact_type: "archive".to_owned(),
        artifact_format: "zip".to_owned(),
        expire_in: expire_in.clone(),
    });
    let reports = definition.reports.iter().map(|report| wire::Artifact {
        name: report_name(&report.kind).to_owned(),
        paths: report.paths.clone(),
        when: "always".to_owned(),
        artifact_type: report.kind.clone(),
        artifact_format: report_format(&report.kind).to_owned(),
        expire_in: expire_in.clone(),
        ..wire::Artifact::default()
    });
    archive.into_iter().chain(reports).collect()
}

/// Default name of a report's file (runner-protocol.md 5.1); a name of the same form for kinds without one.
fn report_name(kind: &str) -> &str {
    match kind {
        "junit" => "junit.xml",
        "cobertura" => "cobertura-coverage.xml",
        "jacoco" => "jacoco-coverage.xml",
        "dotenv" => ".env",
        "metrics" => "metrics.txt",
        "annotations" => "gl-annotations.json",
        "cyclonedx" => "gl-sbom.cdx.json",
        "repository_xray" => "gl-repository-xray.json",
        "lsif" => "lsif.json",
        "scip" => "index.scip",
        "codequality" => "gl-code-quality-report.json",
        "accessibility" => "gl-accessibility.json",
        "terraform" => "tfplan.json",
        "performance" | "browser_performance" => "browser-performance.json",
        "load_performance" => "load-performance.json",
        "sast" => "gl-sast-report.json",
        "secret_detection" => "gl-secret-detection-report.json",
        "dependency_scanning" => "gl-dependency-scanning-report.json",
        "container_scanning" => "gl-container-scanning-report.json",
        "cluster_image_scanning" => "gl-cluster-image-scanning-report.json",
        "dast" => "gl-dast-report.json",
        "api_fuzzing" => "gl-api-fuzzing-report.json",
        "coverage_fuzzing" => "gl-coverage-fuzzing.json",
        "license_scanning" => "gl-license-scanning-report.json",
        "requirements" => "requirements.json",
        "requirements_v2" => "requirements_v2.json",
        "sarif" => "gl-sarif-report.json",
        other => other,
    }
}

fn report_format(kind: &str) -> &'static str {
    match kind {
        "junit" | "cobertura" | "jacoco" | "dotenv" | "metrics" | "annotations" | "cyclonedx" | "repository_xray"
        | "metrics_referee" | "network_referee" => "gzip",
        "lsif" | "scip" => "zip",
        _ => "raw",
    }
}

fn caches(payload: &Payload) -> Vec<wire::Cache> {
    let keys = payload.cache_keys.iter();
    payload
        .definition
        .caches
        .iter()
        .zip(keys)
        .map(|(cache, keys)| wire::Cache {
            key: keys.key.clone(),
            untracked: cache.untracked,
            policy: cache.policy.clone().unwrap_or_else(|| "pull-push".to_owned()),
            paths: cache.paths.clone(),
            when: cache.when.map_or("on_success", When::as_str).to_owned(),
            fallback_keys: keys.fallback_keys.clone(),
        })
        .collect()
}

fn dependency(payload: &Payload, needed: &app::runners::payload::Dependency) -> wire::Dependency {
    let file = needed.archive.as_ref();
    wire::Dependency {
        id: needed.id.0,
        name: needed.name.clone(),
        // The running job's own token: it may read the archives of the jobs it depends on.
        token: payload.token.clone(),
        artifacts_file: file.map(|(filename, size)| wire::ArtifactsFile {
            filename: filename.clone(),
            size: *size,
        }),
    }
}

fn features() -> wire::JobFeatures {
    wire::JobFeatures {
        trace_sections: true,
        token_mask_prefixes: Vec::new(),
        failure_reasons: FailureReason::ALL
            .iter()
            .map(|reason| reason.as_str().to_owned())
            .collect(),
        tracing: None,
        tripline_log_in_update: true,
    }
}
