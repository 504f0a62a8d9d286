//! What a job checks out and which caches it uses: addresses, refs, depth, keys.

use model::definition::CacheKey;
use model::{JobDefinition, Pipeline, Project};
use sha2::{Digest as _, Sha256};

use super::CacheKeys;
use crate::App;
use crate::error::Result;
use crate::runners::variables::JobVariable;

/// `http://gitlab-ci-token:TOKEN@host/group/project.git`.
pub(super) fn clone_url(app: &App, project: &Project, token: &str) -> String {
    let url = &app.settings.external_url;
    let address = url
        .base()
        .strip_prefix(url.scheme())
        .and_then(|rest| rest.strip_prefix("://"));
    format!(
        "{}://gitlab-ci-token:{token}@{}/{}.git",
        url.scheme(),
        address.unwrap_or_default(),
        project.full_path
    )
}

/// `GIT_DEPTH` if it is a number, else what the project says. Runners do not read the variable.
pub(super) fn depth(variables: &[JobVariable], project: &Project) -> i64 {
    let written = variables.iter().rev().find(|variable| variable.key == "GIT_DEPTH");
    let written = written.and_then(|variable| variable.value.trim().parse::<i64>().ok());
    written.unwrap_or(project.settings.git_depth).max(0)
}

/// Which refs a repository has: one that does not exist fails the whole fetch.
#[derive(Clone, Copy)]
pub(super) struct Refs {
    /// The pipeline's; a repository that is only attached may not get one.
    pub(super) of_pipeline: bool,
    /// The branch or tag; it may have been deleted since.
    pub(super) own: bool,
}

/// What to fetch (runner-protocol 6.3). Without a pipeline ref the commit itself is fetched.
pub(super) fn refspecs(pipeline: &Pipeline, depth: i64, refs: Refs) -> Vec<String> {
    let (id, name) = (pipeline.id, &pipeline.git_ref.name);
    let from = if refs.of_pipeline {
        format!("refs/pipelines/{id}")
    } else {
        pipeline.sha.to_string()
    };
    let mut refspecs = vec![format!("+{from}:refs/pipelines/{id}")];
    if depth == 0 {
        refspecs.push("+refs/heads/*:refs/remotes/origin/*".to_owned());
        refspecs.push("+refs/tags/*:refs/tags/*".to_owned());
    } else if refs.own && pipeline.git_ref.is_tag {
        refspecs.push(format!("+refs/tags/{name}:refs/tags/{name}"));
    } else if refs.own {
        refspecs.push(format!("+refs/heads/{name}:refs/remotes/origin/{name}"));
    }
    refspecs
}

/// Keys of the caches; `protected` is given where protected and other refs have caches of their own.
pub(super) fn cache_keys(
    repository: &git::Repository,
    definition: &JobDefinition,
    pipeline: &Pipeline,
    protected: Option<bool>,
) -> Result<Vec<CacheKeys>> {
    let mut keys = Vec::with_capacity(definition.caches.len());
    for cache in &definition.caches {
        let key = match &cache.key {
            CacheKey::Default => "default".to_owned(),
            CacheKey::Text(text) => text.clone(),
            CacheKey::Files { files, prefix, .. } => {
                let key = key_of_files(repository, pipeline, files)?;
                prefix
                    .as_ref()
                    .map_or_else(|| key.clone(), |prefix| format!("{prefix}-{key}"))
            }
        };
        let suffix = match protected {
            None => "",
            Some(true) if !cache.unprotect => "-protected",
            Some(_) => "-non_protected",
        };
        let fallback = cache.fallback_keys.iter().map(|key| format!("{key}{suffix}"));
        keys.push(CacheKeys {
            key: format!("{key}{suffix}"),
            fallback_keys: fallback.collect(),
        });
    }
    Ok(keys)
}

/// Another key whenever one of the files has another content; `default` when none of them exists.
fn key_of_files(repository: &git::Repository, pipeline: &Pipeline, files: &[String]) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut found = false;
    for file in files {
        if let Some(id) = repository.blob_id(&pipeline.sha, file)? {
            hasher.update(id.to_string());
            found = true;
        }
    }
    let hex: String = hasher
        .finalize()
        .iter()
        .take(20)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(if found { hex } else { "default".to_owned() })
}
