//! `only` and `except` (rules-and-variables.md 3).

use model::Source;

use crate::config::PlanRequest;
use crate::entry::policy::{Policy, RefPattern};
use crate::explain::ClauseKind;
use crate::facts::{Answer, Demand};
use crate::glob;

use super::Session;
use super::rules::{ClauseTrace, condition_holds};
use super::scope::Scope;

/// How the kinds of a policy come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `only`: every kind must hold.
    Only,
    /// `except`: one kind is enough.
    Except,
}

/// Whether the policy holds; `None` when a fact is missing.
pub(crate) fn holds(
    session: &Session<'_>,
    scope: &Scope<'_, '_>,
    policy: &Policy,
    kind: Kind,
    mut clauses: Option<&mut Vec<ClauseTrace>>,
) -> Option<bool> {
    let decided = |held: bool| held == (kind == Kind::Except);
    let traced = clauses.is_some();
    let mut note = |kind: ClauseKind, text: &dyn Fn() -> String, held: bool, values| {
        if let Some(clauses) = clauses.as_deref_mut() {
            clauses.push(ClauseTrace {
                kind,
                text: text(),
                holds: held,
                values,
                note: None,
            });
        }
    };
    if let Some(refs) = &policy.refs {
        let held = refs.iter().any(|pattern| ref_matches(pattern, session.request));
        let text = || join(refs.iter().map(|pattern| pattern.text.as_str()));
        note(ClauseKind::Refs, &text, held, Vec::new());
        if decided(held) {
            return Some(held);
        }
    }
    if policy.kubernetes {
        let held = scope.lookup("CI_KUBERNETES_ACTIVE").as_deref() == Some("true");
        note(ClauseKind::Kubernetes, &|| "active".to_owned(), held, Vec::new());
        if decided(held) {
            return Some(held);
        }
    }
    if let Some(expressions) = &policy.variables {
        let mut traces = Vec::new();
        let held = expressions
            .iter()
            .any(|expression| condition_holds(scope, expression, traced.then_some(&mut traces)));
        let text = || join(expressions.iter().map(|expression| expression.text()));
        let values = traces.into_iter().flat_map(|trace| trace.values).collect();
        note(ClauseKind::Variables, &text, held, values);
        if decided(held) {
            return Some(held);
        }
    }
    if let Some(patterns) = &policy.changes {
        let held = match session.ask(Demand::Changes { compare_to: None })? {
            Answer::Paths(paths) => glob::changed(patterns, paths),
            _ => true,
        };
        note(ClauseKind::Changes, &|| patterns.join(", "), held, Vec::new());
        if decided(held) {
            return Some(held);
        }
    }
    Some(kind == Kind::Only)
}

fn join<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

fn ref_matches(pattern: &RefPattern, request: &PlanRequest<'_>) -> bool {
    if pattern
        .project
        .as_deref()
        .is_some_and(|project| project != request.project_path)
    {
        return false;
    }
    let is_tag = request.git_ref.is_tag && !request.merge_request;
    let is_branch = !request.git_ref.is_tag && !request.merge_request;
    match pattern.pattern.as_str() {
        "tags" if is_tag => return true,
        "branches" if is_branch => return true,
        word if is_source(request.source, word) => return true,
        _ => {}
    }
    if !is_tag && !is_branch {
        return false;
    }
    match &pattern.regex {
        Some(regex) => regex.is_match(&request.git_ref.name),
        None => pattern.pattern == request.git_ref.name,
    }
}

/// The source without `_event`, or its plural.
fn is_source(source: Source, word: &str) -> bool {
    let name = source.as_str().trim_end_matches("_event");
    if word == name {
        return true;
    }
    match name {
        "push" => word == "pushes",
        "container_registry_push" => word == "container_registry_pushes",
        _ if name.ends_with("policy") => word
            .strip_suffix("policies")
            .is_some_and(|w| Some(w) == name.strip_suffix("policy")),
        _ => word.strip_suffix('s') == Some(name),
    }
}
