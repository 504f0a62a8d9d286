//! The variables of a job, from the server and from this machine, and what of them must stay secret.

use std::collections::HashSet;

use wire::runner::{Job, Variable};

use super::Place;
use super::dirs::Dirs;
use super::git::base64;
use super::variables::Variables;

/// Returns what the server sent, on top of what this machine says.
pub(super) fn collect_variables(job: &Job, place: &Place) -> Variables {
    let mut variables = Variables::default();
    variables.set("SHELL", place.site.prepared.shell.to_string_lossy());
    variables.set("TERM", "xterm");
    for (key, value) in &place.site.prepared.environment {
        variables.set(key, value.clone());
    }
    variables.set("CI_SERVER", "yes");
    variables.set("CI_JOB_STATUS", "running");
    variables.set("CI_CONCURRENT_ID", place.slot.to_string());
    variables.set("CI_CONCURRENT_PROJECT_ID", place.slot.to_string());
    variables.set("CI_RUNNER_SHORT_TOKEN", place.site.prepared.short_token.clone());
    if let Some(image) = &job.image {
        variables.set("CI_JOB_IMAGE", image.name.clone());
    }
    variables.extend(&job.variables);
    variables
}

/// Adds what depends on the job's folders, and expands everything.
pub(super) fn complete(sent: Variables, dirs: &Dirs, job: &Job) -> Vec<Variable> {
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let mut variables = Variables::default();
    variables.set("HOME", path(&dirs.home()));
    variables.set("TMPDIR", path(&dirs.tmp()));
    variables.set("CI_BUILDS_DIR", path(&dirs.builds));
    variables.set("CI_PROJECT_DIR", path(&dirs.project));
    variables.set("CI_JOB_TIMEOUT", job.runner_info.timeout.to_string());
    variables.append(sent);
    variables.set("CI_SHARED_ENVIRONMENT", "true");
    variables.set("CI_RUNNER_VERSION", env!("CARGO_PKG_VERSION"));
    variables.set("CI_RUNNER_REVISION", "");
    variables.set(
        "CI_RUNNER_EXECUTABLE_ARCH",
        format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    );
    variables.set("RUNNER_TEMP_PROJECT_DIR", path(&dirs.temporary));
    variables.set("GITLAB_ENV", path(&dirs.exported()));
    variables.expanded(|key| path(&dirs.file_variable(key)))
}

pub(super) fn lookup(variables: &[Variable], name: &str) -> String {
    variables
        .iter()
        .find(|variable| variable.key == name)
        .map(|variable| variable.value.clone())
        .unwrap_or_default()
}

/// Returns everything that must not appear in the log.
pub(super) fn secrets(job: &Job, variables: &[Variable]) -> Vec<String> {
    let sent = job.variables.iter().filter(|variable| variable.masked);
    let masked: HashSet<&str> = sent.clone().map(|variable| variable.key.as_str()).collect();
    let expanded = variables.iter().filter(|v| masked.contains(v.key.as_str()));
    let mut secrets: Vec<String> = expanded.chain(sent).map(|v| v.value.clone()).collect();
    secrets.extend(job.dependencies.iter().map(|dependency| dependency.token.clone()));
    secrets.extend(job.credentials.iter().map(|credential| credential.password.clone()));
    secrets.push(job.token.clone());
    secrets.push(base64(format!("gitlab-ci-token:{}", job.token).as_bytes()));
    secrets
}
