//! `only` and `except`.

use crate::expression::Expression;
use crate::regex::Pattern;
use crate::yaml::{Node, Value};

use super::checks::{Checked, Checks, regex_is_valid, texts};
use super::rules::{parsed_expression, wrong_expression};

/// The kinds of conditions; `None` = not written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) refs: Option<Vec<RefPattern>>,
    pub(crate) variables: Option<Vec<Expression>>,
    pub(crate) changes: Option<Vec<String>>,
    pub(crate) kubernetes: bool,
    /// Whether the file has it, or it is the default.
    pub(crate) written: bool,
}

/// One item of `refs`.
#[derive(Clone, Debug)]
pub(crate) struct RefPattern {
    /// As written.
    pub(crate) text: String,
    /// Before the first `@`.
    pub(crate) pattern: String,
    /// After it: only pipelines of this project.
    pub(crate) project: Option<String>,
    /// The pattern compiled, where it is a regular expression that works.
    pub(crate) regex: Option<Pattern>,
}

impl RefPattern {
    fn new(text: &str) -> RefPattern {
        let (pattern, project) = match text.split_once('@') {
            Some((pattern, project)) => (pattern, Some(project.to_owned())),
            None => (text, None),
        };
        RefPattern {
            text: text.to_owned(),
            pattern: pattern.to_owned(),
            project,
            regex: Pattern::delimited(pattern).and_then(Result::ok),
        }
    }
}

impl Policy {
    /// What a job without any condition gets as `only`.
    pub(crate) fn default_only() -> Policy {
        Policy {
            refs: Some(vec![RefPattern::new("branches"), RefPattern::new("tags")]),
            ..Policy::default()
        }
    }
}

/// `only` (with the default refs merged in) or `except`.
pub(crate) fn policy(node: &Node, at: &str, is_only: bool) -> Checked<Policy> {
    const REFS: &str = "should be an array of strings or regular expressions using re2 syntax";
    let mut checks = Checks::new(node, at);
    let mut policy = Policy {
        written: true,
        ..Policy::default()
    };
    match &node.value {
        Value::Sequence(_) => {
            if !are_refs(node) {
                checks.config(REFS);
            }
            policy.refs = Some(refs(node));
        }
        Value::Mapping(_) => {
            checks.present();
            checks.allowed_keys(&["refs", "kubernetes", "variables", "changes"]);
            policy.variables = checks.some("variables").map(|list| expressions(list, &mut checks));
            if let Some(written) = checks.some("refs") {
                if !are_refs(written) {
                    checks.fail("refs", REFS, written.span);
                }
                policy.refs = Some(refs(written));
            } else if is_only && node.get("refs").is_none() {
                policy.refs = Policy::default_only().refs;
            }
            if let Some(kubernetes) = checks.some("kubernetes") {
                let word = kubernetes.to_text();
                policy.kubernetes = true;
                if word != "active" {
                    checks.fail("kubernetes", format_args!("unknown value: {word}"), kubernetes.span);
                }
            }
            for key in ["variables", "changes"] {
                if let Some(list) = checks.some(key) {
                    checks.strings(key, list);
                }
            }
            policy.changes = checks.some("changes").map(texts);
        }
        _ => {
            return Checked::wrong(
                format!("{at} has to be either an array of conditions or a hash"),
                node.span,
            );
        }
    }
    checks.done(Some(policy))
}

fn are_refs(node: &Node) -> bool {
    let is_ref = |item: &Node| item.as_str().is_some_and(|text| regex_is_valid(text) != Some(false));
    node.as_sequence().is_some_and(|items| items.iter().all(is_ref))
}

fn refs(node: &Node) -> Vec<RefPattern> {
    texts(node).iter().map(|text| RefPattern::new(text)).collect()
}

fn expressions(node: &Node, checks: &mut Checks<'_>) -> Vec<Expression> {
    let mut list = Vec::new();
    for item in node.as_sequence().into_iter().flatten() {
        match parsed_expression(item.as_text()) {
            Some(expression) => list.push(expression),
            None => {
                checks.fail("variables", "invalid expression syntax", item.span);
                checks.hint(wrong_expression(item.as_text()));
            }
        }
    }
    list
}
