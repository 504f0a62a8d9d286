//! Rules: the first one whose clauses all hold (rules-and-variables.md 2.1 to 2.4).

use std::borrow::Cow;

use crate::entry::rules::{Changes, Exists, Rule};
use crate::explain::{ClauseKind, MASKED, SeenVariable};
use crate::expression;
use crate::facts::{Answer, Demand};
use crate::glob;
use crate::variables::Undefined;
use crate::yaml::Span;

use super::Session;
use super::scope::Scope;

/// More comparisons of paths with patterns than this count as a match.
const MOST_COMPARISONS: usize = 50_000;

/// Longest part of a value that an explanation shows, in characters.
const LONGEST_SHOWN: usize = 1000;

/// Which rule matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Rule(usize),
    None,
    /// A fact is missing.
    Unknown,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RuleTrace {
    pub(crate) index: usize,
    pub(crate) span: Span,
    pub(crate) matched: bool,
    pub(crate) clauses: Vec<ClauseTrace>,
}

/// What became of one clause.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClauseTrace {
    pub(crate) kind: ClauseKind,
    /// As written.
    pub(crate) text: String,
    pub(crate) holds: bool,
    /// Variables that were looked at.
    pub(crate) values: Vec<SeenVariable>,
    /// More about it ("the changed paths are not known").
    pub(crate) note: Option<String>,
}

/// Finds the first rule that matches.
///
/// # Errors
///
/// GitLab's message when a clause cannot be evaluated.
pub(crate) fn first_match(
    session: &Session<'_>,
    scope: &Scope<'_, '_>,
    rules: &[Rule],
    trace: bool,
    traces: &mut Vec<RuleTrace>,
) -> Result<Verdict, String> {
    for (index, rule) in rules.iter().enumerate() {
        let mut clauses = Vec::new();
        let matched = matches(session, scope, rule, trace.then_some(&mut clauses))?;
        if trace {
            traces.push(RuleTrace {
                index,
                span: rule.span,
                matched: matched == Some(true),
                clauses,
            });
        }
        match matched {
            Some(true) => return Ok(Verdict::Rule(index)),
            Some(false) => {}
            None => return Ok(Verdict::Unknown),
        }
    }
    Ok(Verdict::None)
}

/// Whether all clauses hold; `None` when a fact is missing.
fn matches(
    session: &Session<'_>,
    scope: &Scope<'_, '_>,
    rule: &Rule,
    mut clauses: Option<&mut Vec<ClauseTrace>>,
) -> Result<Option<bool>, String> {
    if let Some(condition) = &rule.condition
        && !condition_holds(scope, condition, clauses.as_deref_mut())
    {
        return Ok(Some(false));
    }
    if let Some(changes) = &rule.changes {
        let Some((holds, note)) = changed(session, scope, changes)? else {
            return Ok(None);
        };
        if let Some(clauses) = clauses.as_deref_mut() {
            let text = changes.paths.join(", ");
            clauses.push(ClauseTrace {
                kind: ClauseKind::Changes,
                text,
                holds,
                values: Vec::new(),
                note,
            });
        }
        if !holds {
            return Ok(Some(false));
        }
    }
    if let Some(exists) = &rule.exists {
        let Some(holds) = existing(session, scope, exists)? else {
            return Ok(None);
        };
        if let Some(clauses) = clauses {
            let text = exists.paths.join(", ");
            clauses.push(ClauseTrace {
                kind: ClauseKind::Exists,
                text,
                holds,
                values: Vec::new(),
                note: None,
            });
        }
        return Ok(Some(holds));
    }
    Ok(Some(true))
}

/// Evaluates an expression, with a trace when asked for.
pub(crate) fn condition_holds(
    scope: &Scope<'_, '_>,
    condition: &expression::Expression,
    clauses: Option<&mut Vec<ClauseTrace>>,
) -> bool {
    let lookup = |name: &str| -> Option<Cow<'_, str>> { scope.lookup(name) };
    let inner = expression::Scope {
        variable: &lookup,
        input: None,
        regexes: Some(&scope.table.regexes),
    };
    let Some(clauses) = clauses else {
        return condition.evaluate_in(&inner);
    };
    let trace = condition.trace(&inner);
    let shown = |(name, value): (String, Option<String>)| {
        let (origin, masked) = scope.origin(&name);
        let value = value.map(|value| if masked { MASKED.to_owned() } else { shortened(value) });
        SeenVariable { name, value, origin }
    };
    clauses.push(ClauseTrace {
        kind: ClauseKind::If,
        text: condition.text().to_owned(),
        holds: trace.value,
        values: trace.looked_at.into_iter().map(shown).collect(),
        note: None,
    });
    trace.value
}

/// A commit message or a payload may be long; its beginning says enough.
fn shortened(value: String) -> String {
    match value.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}… ({} characters)", &value[..end], value.chars().count()),
        None => value,
    }
}

fn changed(
    session: &Session<'_>,
    scope: &Scope<'_, '_>,
    changes: &Changes,
) -> Result<Option<(bool, Option<String>)>, String> {
    let compare_to = changes
        .compare_to
        .as_deref()
        .map(|text| scope.expand_nested(text, Undefined::Keep));
    let paths = match session.ask(Demand::Changes { compare_to }) {
        None => return Ok(None),
        Some(Answer::Paths(paths)) => paths,
        Some(Answer::ChangesUnknown) => {
            return Ok(Some((
                true,
                Some("the changed paths are not known for this kind of pipeline".to_owned()),
            )));
        }
        Some(Answer::Failed(message)) => return Err(message.clone()),
        Some(_) => {
            return Err("rules:changes:compare_to is not a valid ref".to_owned());
        }
    };
    let mut patterns: Vec<String> = Vec::with_capacity(changes.paths.len());
    for path in &changes.paths {
        let pattern = scope.expand_nested(path, Undefined::Keep);
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    let too_many = paths.len().saturating_mul(patterns.len()) > MOST_COMPARISONS;
    let holds = !paths.is_empty() && !patterns.is_empty() && (too_many || glob::changed(&patterns, paths));
    Ok(Some((holds, None)))
}

fn existing(session: &Session<'_>, scope: &Scope<'_, '_>, exists: &Exists) -> Result<Option<bool>, String> {
    if exists.paths.is_empty() {
        return Ok(Some(false));
    }
    let expand = |text: &String| scope.expand_nested(text, Undefined::Keep);
    let project = exists.project.as_ref().map(expand);
    let git_ref = exists.git_ref.as_ref().map(expand);
    let shown = |text: &Option<String>| scope.mask(text.as_deref().unwrap_or_default());
    let paths = match session.ask(Demand::Paths {
        public: false,
        project: project.clone(),
        git_ref: git_ref.clone(),
    }) {
        None => return Ok(None),
        Some(Answer::Paths(paths)) => paths,
        Some(Answer::Failed(message)) => return Err(message.clone()),
        Some(Answer::NoSuchRef) => {
            return Err(format!(
                "rules:exists:ref `{}` is not a valid ref in project `{}`",
                shown(&git_ref),
                shown(&project)
            ));
        }
        Some(_) => {
            return Err(format!(
                "rules:exists:project `{}` not found or access denied",
                shown(&project)
            ));
        }
    };
    let patterns: Vec<String> = exists.paths.iter().map(expand).collect();
    Ok(Some(glob::exists(&patterns, paths)))
}
