//! Keeping why a pipeline has its jobs, at next to no cost for a trigger call.
//!
//! An explanation is the same as long as the values that had a part in it are the same. So each
//! compiled form remembers the explanations it gave last, with those values: a call that brings
//! nothing new is planned without taking notes, and its pipeline refers to what is stored already.
//! What decides the same with other values costs those values; what decides differently is stored
//! once by its content. Only facts of the repository (`changes`, `exists`) are not compared:
//! a pipeline that asked for some is explained afresh.

use std::collections::{BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use compile::{Explanation, Variable};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use model::{ExplanationId, GitRef, ProjectId, Source};
use sha2::{Digest, Sha256};
use store::ops::explanations::{self, OfPipeline};
use store::{StoreError, Tx};

use crate::error::{Error, Result};
use crate::keys::Keys;

/// Explanations remembered per compiled form: about one per way in which it is used at the same time.
const MAX_REMEMBERED: usize = 16;

/// Shapes of explanations whose ids are remembered per compiled form.
const MAX_SHAPES: usize = 64;

/// Bytes that a stored explanation may have when it is unpacked.
///
/// Far above what the largest configuration gives; a damaged row must not fill the memory.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;

/// What decides about the jobs of a pipeline, apart from the configuration and facts of the repository.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Why the pipeline is to exist.
    pub source: Source,
    /// What it runs on.
    pub git_ref: &'a GitRef,
    /// Full path of its project.
    pub project_path: &'a str,
    /// Predefined variables.
    pub predefined: &'a Arc<[Variable]>,
    /// Variables stronger than those of the file.
    pub overriding: &'a [Variable],
}

/// The explanation of a pipeline that is about to be stored.
#[derive(Clone, Debug)]
pub enum Why {
    /// Nothing had a part in it that was not the same before.
    Known(Known),
    /// One of its own.
    New(Box<New>),
}

/// An explanation that is stored.
#[derive(Clone, Debug)]
pub struct Known {
    id: ExplanationId,
    values: Option<Arc<[u8]>>,
}

/// An explanation that may not be stored yet.
#[derive(Clone, Debug)]
pub struct New {
    shape: [u8; 32],
    /// The packed shape; `Err` is the id of one that is stored.
    body: Result<Vec<u8>, ExplanationId>,
    values: Option<Arc<[u8]>>,
    /// What it holds for; `None` when facts of the repository had a part in it, or large values.
    holds_for: Option<Condition>,
}

/// Bytes of values compared to find an explanation again; one of more is made afresh each time.
const MAX_COMPARED_BYTES: usize = 64 << 10;

/// The values for which an explanation holds.
#[derive(Clone, Debug)]
struct Condition {
    source: Source,
    git_ref: GitRef,
    project_path: String,
    names: BTreeSet<String>,
    predefined: Arc<[Variable]>,
    overriding: Vec<Variable>,
}

impl Condition {
    /// `None` for values that are too large to be remembered.
    fn new(asked: &Asked<'_>, names: Vec<String>) -> Option<Condition> {
        let names: BTreeSet<String> = names.into_iter().collect();
        let overriding: Vec<Variable> = named(&names, asked.overriding).cloned().collect();
        if overriding.iter().map(|variable| variable.value.len()).sum::<usize>() > MAX_COMPARED_BYTES {
            return None;
        }
        Some(Condition {
            source: asked.source,
            git_ref: asked.git_ref.clone(),
            project_path: asked.project_path.to_owned(),
            predefined: Arc::clone(asked.predefined),
            overriding,
            names,
        })
    }

    fn holds(&self, asked: &Asked<'_>) -> bool {
        let same_predefined = || {
            Arc::ptr_eq(&self.predefined, asked.predefined)
                || named(&self.names, &self.predefined).eq(named(&self.names, asked.predefined))
        };
        self.source == asked.source
            && self.git_ref == *asked.git_ref
            && self.project_path == asked.project_path
            && self.overriding.iter().eq(named(&self.names, asked.overriding))
            && same_predefined()
    }
}

fn named<'a>(names: &'a BTreeSet<String>, variables: &'a [Variable]) -> impl Iterator<Item = &'a Variable> {
    let wanted = |variable: &&Variable| names.contains(variable.key.as_ref());
    variables.iter().filter(wanted)
}

/// The explanations that a compiled form gave last.
#[derive(Debug, Default)]
pub struct Remembered {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    given: VecDeque<(Condition, Known)>,
    shapes: VecDeque<([u8; 32], ExplanationId)>,
}

impl Remembered {
    /// Returns the explanation that a pipeline gets, if it was given before.
    ///
    /// On the way of every trigger call: looks at nothing but the values that had a part in one.
    #[must_use]
    pub fn find(&self, asked: &Asked<'_>) -> Option<Known> {
        let inner = self.lock();
        let found = inner.given.iter().find(|(condition, _)| condition.holds(asked));
        found.map(|(_, known)| known.clone())
    }

    /// Remembers an explanation that was stored.
    pub fn insert(&self, why: &Why, id: ExplanationId) {
        let Why::New(new) = why else { return };
        let mut inner = self.lock();
        if !inner.shapes.iter().any(|(shape, _)| *shape == new.shape) {
            inner.shapes.truncate(MAX_SHAPES - 1);
            inner.shapes.push_front((new.shape, id));
        }
        if let Some(condition) = &new.holds_for {
            let values = new.values.clone();
            inner.given.truncate(MAX_REMEMBERED - 1);
            inner.given.push_front((condition.clone(), Known { id, values }));
        }
    }

    fn id_of(&self, digest: &[u8; 32]) -> Option<ExplanationId> {
        let inner = self.lock();
        let found = inner.shapes.iter().find(|(shape, _)| shape == digest);
        found.map(|(_, id)| *id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Whatever a panic left behind is complete: entries are made before they are put in.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Why {
    /// Makes an explanation ready to be stored; `asked` with the names that had a part in it, when it may be given again.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when it cannot be written down, which does not happen.
    pub fn new(
        keys: &Keys,
        project: ProjectId,
        remembered: &Remembered,
        explanation: &Explanation,
        asked: Option<(&Asked<'_>, Vec<String>)>,
    ) -> Result<Why> {
        let stored = explanation.to_stored().map_err(Error::internal)?;
        let shape: [u8; 32] = Sha256::digest(&stored.shape).into();
        let body = match remembered.id_of(&shape) {
            Some(id) => Err(id),
            None => Ok(pack(&stored.shape)?),
        };
        let seal = |values: String| keys.seal(&purpose(project), values.as_bytes()).into();
        Ok(Why::New(Box::new(New {
            shape,
            body,
            values: stored.variables.map(seal),
            holds_for: asked.and_then(|(asked, names)| Condition::new(asked, names)),
        })))
    }

    /// Stores what is not stored yet; returns the id of what pipelines have in common.
    ///
    /// # Errors
    ///
    /// What the database said.
    pub fn store(&self, tx: &mut dyn Tx) -> Result<ExplanationId, StoreError> {
        match self {
            Why::Known(known) => Ok(known.id),
            Why::New(new) => match &new.body {
                Ok(body) => explanations::ensure(tx, &new.shape, body),
                Err(id) => Ok(*id),
            },
        }
    }

    /// Returns what the row of a pipeline says.
    #[must_use]
    pub fn of_pipeline(&self, id: ExplanationId) -> OfPipeline<'_> {
        let values = match self {
            Why::Known(known) => known.values.as_deref(),
            Why::New(new) => new.values.as_deref(),
        };
        OfPipeline { id, values }
    }
}

/// Reads an explanation back.
///
/// # Errors
///
/// [`Error::Internal`] when it was changed, belongs to another project or has another key.
pub(super) fn open(keys: &Keys, project: ProjectId, stored: &explanations::Explanation) -> Result<Explanation> {
    let values = match &stored.values {
        Some(sealed) => {
            let plain = keys.open(&purpose(project), sealed).map_err(Error::internal)?;
            Some(String::from_utf8(plain).map_err(Error::internal)?)
        }
        None => None,
    };
    Explanation::from_stored(&unpack(&stored.body)?, values.as_deref()).map_err(Error::internal)
}

fn purpose(project: ProjectId) -> String {
    format!("pipeline_given.explanation_values {project}")
}

fn pack(text: &str) -> Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).map_err(Error::internal)?;
    encoder.finish().map_err(Error::internal)
}

fn unpack(body: &[u8]) -> Result<String> {
    let mut text = String::new();
    let mut decoder = ZlibDecoder::new(body).take(MAX_UNPACKED_BYTES);
    decoder.read_to_string(&mut text).map_err(Error::internal)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use compile::VariableOrigin;
    use compile::explain::WorkflowExplanation;

    use super::*;
    use crate::pipelines::compiled::of_given;
    use model::VariableKind;
    use model::definition::GivenVariable;

    fn given(key: &str, value: &str) -> Variable {
        let given = GivenVariable {
            key: key.to_owned(),
            value: value.to_owned(),
            kind: VariableKind::EnvVar,
            raw: false,
        };
        of_given(&given, VariableOrigin::Pipeline)
    }

    fn explanation() -> Explanation {
        Explanation {
            workflow: WorkflowExplanation {
                runs: true,
                reason: "there are no `workflow:rules`".to_owned(),
                rules: Vec::new(),
            },
            jobs: Vec::new(),
            summary: "a pipeline with 1 job".to_owned(),
            variables: Vec::new(),
        }
    }

    #[test]
    fn an_explanation_is_found_again_for_the_values_that_had_a_part_in_it() {
        let keys = Keys::derive(&[7; 32]);
        let remembered = Remembered::default();
        let (main, other, tag) = (GitRef::branch("main"), GitRef::branch("other"), GitRef::tag("main"));
        let predefined: Arc<[Variable]> = [given("CI_COMMIT_BRANCH", "main"), given("CI_JOB_ID", "1")].into();
        let overriding = [given("TARGET", "staging"), given("PAYLOAD", "{}")];
        let asked = Asked {
            source: Source::Trigger,
            git_ref: &main,
            project_path: "ada/tool",
            predefined: &predefined,
            overriding: &overriding,
        };
        assert!(remembered.find(&asked).is_none());
        let names = ["TARGET", "CI_COMMIT_BRANCH", "NOT_THERE"].map(str::to_owned).to_vec();
        let why = Why::new(&keys, ProjectId(1), &remembered, &explanation(), Some((&asked, names))).unwrap();
        remembered.insert(&why, ExplanationId(5));

        let fresh: Arc<[Variable]> = [given("CI_COMMIT_BRANCH", "main"), given("CI_JOB_ID", "2")].into();
        let moved: Arc<[Variable]> = [given("CI_COMMIT_BRANCH", "other")].into();
        let same = [given("TARGET", "staging"), given("PAYLOAD", "{1}")];
        let production = [given("TARGET", "production")];
        let added = [given("TARGET", "staging"), given("NOT_THERE", "")];
        let scoped = [Variable {
            environment_scope: Some("prod".to_owned()),
            ..given("TARGET", "staging")
        }];
        for (asked, expected) in [
            (asked, true),
            (
                Asked {
                    predefined: &fresh,
                    ..asked
                },
                true,
            ),
            (
                Asked {
                    overriding: &same,
                    ..asked
                },
                true,
            ),
            (
                Asked {
                    overriding: &production,
                    ..asked
                },
                false,
            ),
            (
                Asked {
                    overriding: &added,
                    ..asked
                },
                false,
            ),
            (
                Asked {
                    overriding: &scoped,
                    ..asked
                },
                false,
            ),
            (
                Asked {
                    predefined: &moved,
                    ..asked
                },
                false,
            ),
            (
                Asked {
                    source: Source::Web,
                    ..asked
                },
                false,
            ),
            (
                Asked {
                    git_ref: &other,
                    ..asked
                },
                false,
            ),
            (Asked { git_ref: &tag, ..asked }, false),
            (
                Asked {
                    project_path: "ada/renamed",
                    ..asked
                },
                false,
            ),
        ] {
            let found = remembered.find(&asked).map(|known| known.id);
            assert_eq!(found, expected.then_some(ExplanationId(5)), "{asked:?}");
        }
        let again = Why::new(&keys, ProjectId(1), &remembered, &explanation(), None).unwrap();
        assert!(
            matches!(again, Why::New(new) if new.body == Err(ExplanationId(5))),
            "packed once"
        );
    }

    #[test]
    fn large_values_are_not_remembered() {
        let keys = Keys::derive(&[7; 32]);
        let remembered = Remembered::default();
        let main = GitRef::branch("main");
        let predefined: Arc<[Variable]> = [].into();
        let overriding = [given("PAYLOAD", &"x".repeat(MAX_COMPARED_BYTES + 1))];
        let asked = Asked {
            source: Source::Trigger,
            git_ref: &main,
            project_path: "ada/tool",
            predefined: &predefined,
            overriding: &overriding,
        };
        let names = vec!["PAYLOAD".to_owned()];
        let why = Why::new(&keys, ProjectId(1), &remembered, &explanation(), Some((&asked, names))).unwrap();
        remembered.insert(&why, ExplanationId(5));
        assert!(remembered.find(&asked).is_none());
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let text = "{\"a\":1}".repeat(100);
        let packed = pack(&text).unwrap();
        assert!(packed.len() < text.len() / 4);
        assert_eq!(unpack(&packed).unwrap(), text);
        assert!(unpack(b"no such form").is_err());
    }
}
