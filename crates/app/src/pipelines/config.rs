//! The configuration of a pipeline: found, read, compiled, remembered.
//!
//! What a commit says never changes, so the commit's facts, the configuration's text and the
//! compiled form are kept per (project, commit, path). A compiled form is used again only for the
//! same inputs and the same values of the variables that reading it looked at, and only when every
//! file came from that commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use compile::load::Loaded;
use compile::{Variable, VariableOrigin};
use model::{DefinitionId, GitRef, JobDefinition, Namespace, Project, ProjectId, Sha, Source};
use serde_json::Value as Json;

use crate::pipelines::explanation::keep::Remembered;
use crate::variables::{self, CommitFacts, PipelineFacts};

/// Stored definitions remembered per compiled form; more are looked up each time.
const MAX_DEFINITIONS: usize = 10_000;

/// Commits remembered at most.
const MAX_REVISIONS: usize = 128;

/// Compiled forms remembered per commit: one per set of inputs in use.
const MAX_FORMS: usize = 8;

/// Bytes of configuration text remembered at most, a stand-in for the memory that the compiled forms take.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// Which configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RevisionKey {
    /// The project.
    pub project: ProjectId,
    /// The commit.
    pub sha: Sha,
    /// Path of the file.
    pub path: String,
}

/// A commit and the configuration in it.
#[derive(Debug)]
pub struct Revision {
    /// What the commit says.
    pub commit: CommitFacts,
    /// The configuration's text.
    pub text: ConfigText,
    forms: Mutex<Vec<Arc<Form>>>,
    predefined: Mutex<Option<Predefined>>,
}

/// The predefined variables of the last pipeline, and what they were made of.
///
/// One trigger after the other differs in nothing that they say.
#[derive(Debug)]
struct Predefined {
    project: Project,
    namespace: Namespace,
    git_ref: GitRef,
    protected: bool,
    before_sha: Sha,
    source: Source,
    trigger_short_token: Option<String>,
    variables: Arc<[Variable]>,
}

impl Predefined {
    /// Whether the variables are those of a pipeline with these facts.
    fn fit(&self, facts: &PipelineFacts<'_>) -> bool {
        let PipelineFacts {
            settings: _,
            project,
            namespace,
            git_ref,
            protected,
            sha: _,
            before_sha,
            commit: _,
            tag_message: None,
            source,
            iid: None,
            created_at: None,
            name: None,
            trigger_short_token,
            schedule_description: None,
            upstream: None,
        } = *facts
        else {
            return false;
        };
        self.project == *project
            && self.namespace == *namespace
            && self.git_ref == *git_ref
            && self.protected == protected
            && self.before_sha == *before_sha
            && self.source == source
            && self.trigger_short_token.as_deref() == trigger_short_token
    }
}

/// What stands at the configuration's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigText {
    /// Its text.
    Text(Arc<str>),
    /// No such file.
    Missing,
    /// More bytes than any configuration may have.
    TooLarge,
    /// Bytes that are not UTF-8.
    NotText,
}

impl ConfigText {
    /// Returns the number of bytes held.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            ConfigText::Text(text) => text.len(),
            _ => 0,
        }
    }

    /// Whether no text is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A compiled form and what it holds for.
#[derive(Debug)]
pub struct Form {
    /// What the compiler made of it.
    pub loaded: Loaded,
    inputs: Vec<(String, Json)>,
    looked_at: Vec<(String, Option<String>)>,
    definitions: Mutex<HashMap<usize, (Arc<JobDefinition>, DefinitionId)>>,
    /// Why pipelines have these jobs.
    pub explanations: Remembered,
}

/// The revisions that were used last.
#[derive(Debug, Default)]
pub struct ConfigCache {
    revisions: Mutex<Revisions>,
}

#[derive(Debug, Default)]
struct Revisions {
    by_key: HashMap<RevisionKey, (u64, Arc<Revision>)>,
    clock: u64,
    text_bytes: usize,
}

impl ConfigCache {
    /// Returns a revision that is remembered.
    #[must_use]
    pub fn get(&self, key: &RevisionKey) -> Option<Arc<Revision>> {
        let mut revisions = self.lock();
        revisions.clock += 1;
        let clock = revisions.clock;
        let (used, revision) = revisions.by_key.get_mut(key)?;
        *used = clock;
        Some(Arc::clone(revision))
    }

    /// Remembers a revision; forgets those unused for longest when there are too many.
    pub fn insert(&self, key: RevisionKey, revision: Arc<Revision>) {
        let mut revisions = self.lock();
        revisions.clock += 1;
        let clock = revisions.clock;
        revisions.text_bytes += revision.size();
        if let Some((_, old)) = revisions.by_key.insert(key, (clock, revision)) {
            revisions.text_bytes -= old.size();
        }
        while revisions.by_key.len() > MAX_REVISIONS
            || (revisions.text_bytes > MAX_TEXT_BYTES && revisions.by_key.len() > 1)
        {
            let oldest = revisions
                .by_key
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(key, _)| key.clone());
            let Some((_, old)) = oldest.and_then(|key| revisions.by_key.remove(&key)) else {
                break;
            };
            revisions.text_bytes -= old.size();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Revisions> {
        // A panic between two statements can at worst leave a wrong count of bytes.
        self.revisions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Revision {
    /// A revision without compiled forms yet.
    #[must_use]
    pub fn new(commit: CommitFacts, text: ConfigText) -> Revision {
        Revision {
            commit,
            text,
            forms: Mutex::default(),
            predefined: Mutex::default(),
        }
    }

    /// Returns the predefined variables of a pipeline of this commit, as [`variables::of_pipeline`] makes them.
    #[must_use]
    pub fn predefined(&self, facts: &PipelineFacts<'_>) -> Arc<[Variable]> {
        let mut kept = self.predefined.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.fit(facts)) {
            return Arc::clone(&kept.variables);
        }
        let made: Arc<[Variable]> = variables::of_pipeline(facts).into();
        let fresh = Predefined {
            project: facts.project.clone(),
            namespace: facts.namespace.clone(),
            git_ref: facts.git_ref.clone(),
            protected: facts.protected,
            before_sha: facts.before_sha.clone(),
            source: facts.source,
            trigger_short_token: facts.trigger_short_token.map(str::to_owned),
            variables: Arc::clone(&made),
        };
        // What is kept must be found again by the same facts.
        if fresh.fit(facts) {
            *kept = Some(fresh);
        }
        made
    }

    /// Returns the compiled form for these inputs and variables, if it is remembered.
    ///
    /// On the way of every trigger call: looks only at the variables that reading the configuration looked at.
    #[must_use]
    pub fn form(
        &self,
        inputs: &[(String, Json)],
        predefined: &[Variable],
        overriding: &[Variable],
    ) -> Option<Arc<Form>> {
        let forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        let value_now = |key: &str| {
            let seen = overriding.iter().filter(|variable| is_include_time(variable)).rev();
            seen.chain(predefined.iter().rev())
                .find(|variable| variable.key == key)
                .map(|found| found.value.as_str())
        };
        forms
            .iter()
            .find(|form| {
                form.inputs == inputs
                    && form
                        .looked_at
                        .iter()
                        .all(|(key, value)| value_now(key) == value.as_deref())
            })
            .map(Arc::clone)
    }

    /// Wraps what the compiler made, and remembers it when it only depends on this commit.
    #[must_use]
    pub fn remember(&self, loaded: Loaded, inputs: &[(String, Json)], variables: &[Variable]) -> Arc<Form> {
        let only_this_commit = loaded.is_fixed;
        let looked_at = loaded
            .looked_at
            .iter()
            .map(|key| (key.clone(), value_of(variables, key).map(ToOwned::to_owned)))
            .collect();
        let form = Arc::new(Form {
            loaded,
            inputs: inputs.to_vec(),
            looked_at,
            definitions: Mutex::default(),
            explanations: Remembered::default(),
        });
        if only_this_commit {
            let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
            if forms.len() >= MAX_FORMS {
                forms.remove(0);
            }
            forms.push(Arc::clone(&form));
        }
        form
    }

    fn size(&self) -> usize {
        self.text.len()
    }
}

impl Form {
    /// Returns the ids under which definitions of this form are stored; `None` for those not stored yet.
    #[must_use]
    pub fn definition_ids<'a>(
        &self,
        definitions: impl IntoIterator<Item = &'a Arc<JobDefinition>>,
    ) -> Vec<Option<DefinitionId>> {
        let known = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        definitions
            .into_iter()
            .map(|definition| known.get(&address(definition)).map(|(_, id)| *id))
            .collect()
    }

    /// Remembers the ids under which definitions of this form are stored.
    ///
    /// Holds the definitions too, so that an address stands for the same one as long as it is known here.
    pub fn remember_definitions<'a>(&self, stored: impl IntoIterator<Item = (&'a Arc<JobDefinition>, DefinitionId)>) {
        let mut known = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        for (definition, id) in stored {
            if known.len() < MAX_DEFINITIONS {
                known.insert(address(definition), (Arc::clone(definition), id));
            }
        }
    }
}

fn address(definition: &Arc<JobDefinition>) -> usize {
    Arc::as_ptr(definition) as usize
}

/// The value that a name stands for: of equal names the last counts.
fn value_of<'a>(variables: &'a [Variable], key: &str) -> Option<&'a str> {
    variables
        .iter()
        .rev()
        .find(|variable| variable.key == key)
        .map(|variable| variable.value.as_str())
}

/// Variables that may be looked at while a configuration is read.
#[must_use]
pub fn include_time(predefined: &[Variable], overriding: &[Variable]) -> Vec<Variable> {
    predefined
        .iter()
        .chain(overriding.iter().filter(|variable| is_include_time(variable)))
        .cloned()
        .collect()
}

/// Whether a variable may be looked at while a configuration is read: it is not about the user, and for every environment.
fn is_include_time(variable: &Variable) -> bool {
    variable.origin != VariableOrigin::User && variable.environment_scope.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use model::project::ProjectSettings;
    use model::{NamespaceId, Timestamp, Visibility};

    fn project() -> Project {
        Project {
            id: ProjectId(1),
            namespace_id: NamespaceId(2),
            name: "Demo".to_owned(),
            path: "demo".to_owned(),
            full_path: "ann/demo".to_owned(),
            description: None,
            visibility: Visibility::Private,
            default_branch: Some("main".to_owned()),
            creator_id: None,
            attached_repository: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_activity_at: Timestamp(0),
            archived: false,
            settings: ProjectSettings::default(),
        }
    }

    #[test]
    fn kept_predefined_variables_are_used_for_the_same_facts_only() {
        let settings = Settings::new("http://ci.example".parse().unwrap());
        let (project, sha) = (project(), Sha::zero());
        let namespace = Namespace {
            id: NamespaceId(2),
            parent_id: None,
            user_id: None,
            name: "Ann".to_owned(),
            path: "ann".to_owned(),
            full_path: "ann".to_owned(),
            visibility: Visibility::Private,
            created_at: Timestamp(0),
        };
        let (main, other) = (GitRef::branch("main"), GitRef::branch("other"));
        let commit = CommitFacts {
            message: "m".to_owned(),
            author: "a <b>".to_owned(),
            timestamp: "t".to_owned(),
        };
        let facts = PipelineFacts {
            settings: &settings,
            project: &project,
            namespace: &namespace,
            git_ref: &main,
            protected: true,
            sha: &sha,
            before_sha: &sha,
            commit: &commit,
            tag_message: None,
            source: Source::Trigger,
            iid: None,
            created_at: None,
            name: None,
            trigger_short_token: Some("abcd"),
            schedule_description: None,
            upstream: None,
        };
        let revision = Revision::new(commit.clone(), ConfigText::Missing);
        let first = revision.predefined(&facts);
        assert!(Arc::ptr_eq(&first, &revision.predefined(&facts)), "the same facts");
        let renamed = Project {
            full_path: "ann/renamed".to_owned(),
            ..project.clone()
        };
        for changed in [
            PipelineFacts {
                git_ref: &other,
                ..facts
            },
            PipelineFacts {
                protected: false,
                ..facts
            },
            PipelineFacts {
                source: Source::Api,
                ..facts
            },
            PipelineFacts {
                trigger_short_token: Some("wxyz"),
                ..facts
            },
            PipelineFacts {
                trigger_short_token: None,
                ..facts
            },
            PipelineFacts {
                project: &renamed,
                ..facts
            },
            PipelineFacts {
                upstream: Some((1, 2, 3)),
                ..facts
            },
            PipelineFacts {
                schedule_description: Some("nightly"),
                ..facts
            },
        ] {
            let made = revision.predefined(&changed);
            assert_eq!(*made, *variables::of_pipeline(&changed), "as made afresh");
            assert_ne!(*made, *first);
        }
    }
}
