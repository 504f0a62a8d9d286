//! `rules` of jobs, of `workflow` and of includes.

use model::definition::YamlVariable;
use model::{OnJobFailure, OnNewCommit, When};

use crate::duration;
use crate::expression::Expression;
use crate::yaml::{Node, Span, Value};

use super::checks::{Checked, Checks, flatten, is_array_of_strings, text_of, texts};
use super::needs::{NeedEntry, NeedsOf, needs};
use super::small::seconds;
use super::variables;

/// Whose rules they are: decides which keys and words are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RulesOf {
    Job,
    Workflow,
    Include,
}

impl RulesOf {
    const fn keys(self) -> &'static [&'static str] {
        match self {
            RulesOf::Job => &[
                "if",
                "changes",
                "exists",
                "when",
                "start_in",
                "allow_failure",
                "variables",
                "needs",
                "interruptible",
            ],
            RulesOf::Workflow => &[
                "if",
                "changes",
                "exists",
                "when",
                "start_in",
                "allow_failure",
                "variables",
                "needs",
                "auto_cancel",
            ],
            RulesOf::Include => &["if", "exists", "when", "changes"],
        }
    }

    const fn when(self) -> &'static [&'static str] {
        match self {
            RulesOf::Job => &["on_success", "on_failure", "always", "never", "manual", "delayed"],
            RulesOf::Workflow | RulesOf::Include => &["always", "never"],
        }
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) condition: Option<Expression>,
    pub(crate) changes: Option<Changes>,
    pub(crate) exists: Option<Exists>,
    pub(crate) when: Option<When>,
    pub(crate) start_in_seconds: Option<i64>,
    pub(crate) allow_failure: Option<bool>,
    pub(crate) interruptible: Option<bool>,
    pub(crate) variables: Vec<YamlVariable>,
    pub(crate) needs: Vec<NeedEntry>,
    pub(crate) auto_cancel: AutoCancel,
    /// Whether `when` is its only key, and is not `never`.
    pub(crate) is_catch_all: bool,
    pub(crate) span: Span,
}

/// `changes` of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) paths: Vec<String>,
    pub(crate) compare_to: Option<String>,
}

/// `exists` of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exists {
    pub(crate) paths: Vec<String>,
    pub(crate) project: Option<String>,
    pub(crate) git_ref: Option<String>,
}

/// `auto_cancel`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AutoCancel {
    pub(crate) on_new_commit: Option<OnNewCommit>,
    pub(crate) on_job_failure: Option<OnJobFailure>,
}

/// `rules`.
pub(crate) fn rules(node: &Node, at: &str, of: RulesOf) -> Checked<Vec<Rule>> {
    let mut checks = Checks::new(node, at);
    checks.present();
    checks.array();
    let mut rules = Vec::new();
    if checks.ok() {
        let at = format!("{at}:rule");
        for item in flatten(node).iter().filter(|item| !item.is_null()) {
            rules.extend(rule(item, &at, of).take(&mut checks.found));
        }
    }
    checks.done(Some(rules))
}

fn rule(node: &Node, at: &str, of: RulesOf) -> Checked<Rule> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.present();
    checks.hash();
    if of != RulesOf::Include {
        delay_checks(&mut checks, node);
    } else {
        checks.allowed_keys(of.keys());
    }
    let condition = expression(&mut checks);
    if of != RulesOf::Include {
        for (key, attribute) in [("allow_failure", "allow failure"), ("interruptible", "interruptible")] {
            if let Some(value) = checks.some(key) {
                checks.boolean(attribute, value);
            }
        }
    }
    if let Some(when) = checks.some("when") {
        let word = when.to_text();
        if !of.when().contains(&word.as_str()) {
            checks.fail("when", format_args!("unknown value: {word}"), when.span);
            let hint = crate::entry::hint::did_you_mean(&word, of.when().iter().copied());
            if let Some(last) = checks.found.last_mut() {
                last.hint = hint;
            }
        }
    }
    if of != RulesOf::Include {
        checks.allowed_keys(of.keys());
    }
    let mut rule = own_values(node, condition);
    if checks.ok() {
        children(node, at, of, &mut checks, &mut rule);
    }
    checks.done(Some(rule))
}

fn delay_checks(checks: &mut Checks<'_>, node: &Node) {
    if node.get("when").and_then(Node::as_str) != Some("delayed") {
        return checks.disallowed_keys(&["start_in"], "contains disallowed keys", false);
    }
    let start_in = node.get("start_in");
    let missing = Node::null(node.span);
    if start_in.is_none_or(Node::is_blank) {
        checks.fail("start in", "can't be blank", start_in.unwrap_or(node).span);
    }
    checks.duration("start in", start_in.unwrap_or(&missing), Some(duration::START_IN_LIMIT));
}

fn expression(checks: &mut Checks<'_>) -> Option<Expression> {
    let written = checks.some("if")?;
    let parsed = parsed_expression(written.as_str());
    if parsed.is_none() {
        checks.fail("if", "invalid expression syntax", written.span);
        checks.hint(wrong_expression(written.as_str()));
    }
    parsed
}

/// The expression, if GitLab accepts it: it parses, and evaluates without variables.
pub(super) fn parsed_expression(text: Option<&str>) -> Option<Expression> {
    Expression::parse(text?).ok().filter(Expression::is_sound)
}

/// What GitLab does not tell: what is wrong with an expression.
pub(super) fn wrong_expression(text: Option<&str>) -> Option<String> {
    let text = text?;
    Some(match Expression::parse(text) {
        Err(error) => {
            let problem = error.message.trim_end_matches('!');
            let is_open = text.matches(['"', '\'']).count() % 2 == 1;
            let more = if is_open {
                "; a quotation mark is not closed"
            } else {
                ""
            };
            format!("{problem}{more}")
        }
        Ok(_) => "the right side of `=~` and `!~` must be a pattern or a text".to_owned(),
    })
}

fn own_values(node: &Node, condition: Option<Expression>) -> Rule {
    let written: Vec<&str> = node
        .as_mapping()
        .into_iter()
        .flat_map(|mapping| mapping.iter())
        .filter(|(_, entry)| !entry.value.is_null())
        .filter_map(|(key, _)| key.as_text())
        .collect();
    let when = text_of(node, "when");
    Rule {
        condition,
        changes: None,
        exists: None,
        is_catch_all: written == ["when"] && when.as_deref() != Some("never"),
        when: when.and_then(|when| when.parse().ok()),
        start_in_seconds: node.get_some("start_in").and_then(seconds),
        allow_failure: node.get("allow_failure").and_then(Node::as_bool),
        interruptible: node.get("interruptible").and_then(Node::as_bool),
        variables: Vec::new(),
        needs: Vec::new(),
        auto_cancel: AutoCancel::default(),
        span: node.span,
    }
}

fn children(node: &Node, at: &str, of: RulesOf, checks: &mut Checks<'_>, rule: &mut Rule) {
    if let Some(written) = node.get_some("changes") {
        rule.changes = changes(written, &format!("{at}:changes")).take(&mut checks.found);
    }
    if let Some(written) = node.get_some("exists") {
        rule.exists = exists(written, &format!("{at}:exists"), of != RulesOf::Include).take(&mut checks.found);
    }
    if let Some(written) = node.get_some("variables") {
        let found = variables::service(written, &format!("{at}:variables")).take(&mut checks.found);
        rule.variables = found.unwrap_or_default();
    }
    if let Some(written) = node.get_some("needs") {
        let found = needs(written, &format!("{at}:needs"), NeedsOf::Rule).take(&mut checks.found);
        rule.needs = found.unwrap_or_default().jobs;
    }
    if let Some(written) = node.get_some("auto_cancel") {
        let found = auto_cancel(written, &format!("{at}:auto_cancel")).take(&mut checks.found);
        rule.auto_cancel = found.unwrap_or_default();
    }
}

const TOO_MANY: &str = "has too many entries (maximum 50)";

/// More than 50; Rails takes a missing list for too long as well.
fn too_many(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Sequence(items) => items.len() > 50,
        Value::Mapping(mapping) => mapping.len() > 50,
        _ => node.to_text().chars().count() > 50,
    }
}

fn changes(node: &Node, at: &str) -> Checked<Changes> {
    let mut checks = Checks::new(node, at);
    match &node.value {
        Value::Sequence(_) => {
            checks.strings("config", node);
            if too_many(node) {
                checks.config(TOO_MANY);
            }
            checks.done(Some(Changes {
                paths: texts(node),
                compare_to: None,
            }))
        }
        Value::Mapping(_) => {
            checks.allowed_keys(&["paths", "compare_to"]);
            checks.required_keys(&["paths"]);
            let missing = Node::null(node.span);
            let paths = node.get("paths").unwrap_or(&missing);
            checks.strings("paths", paths);
            if too_many(paths) {
                checks.fail("paths", TOO_MANY, paths.span);
            }
            if let Some(compare_to) = node.get_some("compare_to") {
                checks.string("compare to", compare_to);
            }
            checks.done(Some(Changes {
                paths: texts(paths),
                compare_to: text_of(node, "compare_to"),
            }))
        }
        _ => Checked::wrong(format!("{at} should be an array or a hash"), node.span),
    }
}

fn exists(node: &Node, at: &str, is_limited: bool) -> Checked<Exists> {
    let mut checks = Checks::new(node, at);
    if node.is_string() || node.is_sequence() || node.is_blank() {
        if node.is_sequence() {
            checks.strings("config", node);
            if is_limited && too_many(node) {
                checks.config(TOO_MANY);
            }
        }
        let paths = if node.is_mapping() { Vec::new() } else { texts(node) };
        return checks.done(Some(Exists {
            paths,
            project: None,
            git_ref: None,
        }));
    }
    if !node.is_mapping() {
        return Checked::wrong(
            format!("{at} should be a string, an array of strings, or a hash"),
            node.span,
        );
    }
    checks.allowed_keys(&["paths", "project", "ref"]);
    checks.required_keys(&["paths"]);
    if node.get_some("ref").is_some() {
        checks.required_keys(&["project"]);
    }
    if let Some(paths) = node.get_some("paths") {
        checks.strings("paths", paths);
        if too_many(paths) {
            checks.fail("paths", TOO_MANY, paths.span);
        }
    }
    for key in ["project", "ref"] {
        if let Some(value) = node.get_some(key) {
            checks.string(key, value);
        }
    }
    let paths = node
        .get_some("paths")
        .filter(|paths| is_array_of_strings(paths))
        .map(texts)
        .unwrap_or_default();
    checks.done(Some(Exists {
        paths,
        project: text_of(node, "project"),
        git_ref: text_of(node, "ref"),
    }))
}

/// `auto_cancel` of `workflow` or of one of its rules.
pub(crate) fn auto_cancel(node: &Node, at: &str) -> Checked<AutoCancel> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.allowed_keys(&["on_new_commit", "on_job_failure"]);
    if let Some(value) = checks.some("on_new_commit") {
        let words = ["conservative", "interruptible", "none"];
        checks.word(
            "on new commit",
            value,
            &words,
            "must be one of: conservative, interruptible, none",
        );
    }
    if let Some(value) = checks.some("on_job_failure") {
        checks.word("on job failure", value, &["none", "all"], "must be one of: none, all");
    }
    let value = AutoCancel {
        on_new_commit: text_of(node, "on_new_commit").and_then(|word| word.parse().ok()),
        on_job_failure: text_of(node, "on_job_failure").and_then(|word| word.parse().ok()),
    };
    checks.done(Some(value))
}
