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
use model::{DefinitionId, JobDefinition, ProjectId, Sha};
use serde_json::Value as Json;

use crate::variables::CommitFacts;

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
        }
    }

    /// Returns the compiled form for these inputs and variables, if it is remembered.
    #[must_use]
    pub fn form(&self, inputs: &[(String, Json)], variables: &[Variable]) -> Option<Arc<Form>> {
        let forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        forms
            .iter()
            .find(|form| {
                form.inputs == inputs
                    && form
                        .looked_at
                        .iter()
                        .all(|(key, value)| value_of(variables, key) == value.as_deref())
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

/// Variables that may be looked at while a configuration is read: no user, no environment scope.
#[must_use]
pub fn include_time(predefined: &[Variable], overriding: &[Variable]) -> Vec<Variable> {
    let overriding = overriding
        .iter()
        .filter(|variable| variable.origin != VariableOrigin::User && variable.environment_scope.is_none());
    predefined.iter().chain(overriding).cloned().collect()
}
