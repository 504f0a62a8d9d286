//! Reading and checking the header document, in the order and words of GitLab's validators.

use indexmap::IndexMap;

use super::{Header, InputError, InputRule, InputSpec, InputType};
use crate::expression::Expression;
use crate::regex::Pattern;
use crate::yaml::{Key, Node, OtherKey, Span, Value};

/// Options that an input may have at most.
const MAX_OPTIONS: usize = 50;

/// Characters that `spec:description` may have at most.
const MAX_DESCRIPTION_CHARS: usize = 256;

const INPUT_KEYS: [&str; 6] = ["default", "description", "options", "regex", "type", "rules"];
const COMPONENT_FIELDS: [&str; 4] = ["name", "sha", "version", "reference"];

/// Collects messages; GitLab writes them in lower case whatever they quote.
struct Errors {
    found: Vec<InputError>,
}

impl Errors {
    fn add(&mut self, location: &str, text: &str, span: Span) {
        self.found.push(InputError {
            message: format!("{location} {text}").to_lowercase(),
            span,
        });
    }

    fn unknown_keys(&mut self, location: &str, node: &Node, allowed: &[&str]) {
        if let Some(unknown) = unknown_keys(node, allowed) {
            self.add(location, &format!("config contains unknown keys: {unknown}"), node.span);
        }
    }

    /// Whether nothing was found since `mark`.
    fn clean_since(&self, mark: usize) -> bool {
        self.found.len() == mark
    }
}

/// The keys of a mapping that are not allowed, with commas.
fn unknown_keys(node: &Node, allowed: &[&str]) -> Option<String> {
    let unknown: Vec<String> = node
        .as_mapping()?
        .keys()
        .filter(|key| !key.as_text().is_some_and(|key| allowed.contains(&key)))
        .map(Key::to_string)
        .collect();
    (!unknown.is_empty()).then(|| unknown.join(", "))
}

/// Checks the whole header.
pub(super) fn header(node: &Node) -> Result<Header, Vec<InputError>> {
    let mut errors = Errors { found: Vec::new() };
    let mut header = Header::default();
    errors.unknown_keys("header", node, &["spec"]);
    if errors.found.is_empty()
        && let Some(written) = node.get_some("spec")
    {
        spec(written, &mut header, &mut errors);
    }
    if errors.found.is_empty() {
        Ok(header)
    } else {
        Err(errors.found)
    }
}

fn spec(node: &Node, header: &mut Header, errors: &mut Errors) {
    let location = "header:spec";
    if !node.is_mapping() {
        return errors.add(location, "config should be a hash", node.span);
    }
    errors.unknown_keys(location, node, &["inputs", "include", "component", "description"]);
    if let Some(description) = node.get_some("description") {
        check_description(location, description, errors);
        header.description = description.as_str().map(str::to_owned);
    }
    if !errors.found.is_empty() {
        return;
    }
    if let Some(written) = node.get_some("inputs") {
        header.inputs = inputs(written, errors);
    }
    header.include = node.get_some("include").cloned();
    if let Some(written) = node.get_some("component") {
        header.component = component(written, errors);
    }
}

fn check_description(location: &str, node: &Node, errors: &mut Errors) {
    match node.as_str() {
        None => errors.add(location, "config description should be a string", node.span),
        Some(text) if text.chars().count() > MAX_DESCRIPTION_CHARS => {
            let text = format!("config description is too long (maximum is {MAX_DESCRIPTION_CHARS} characters)");
            errors.add(location, &text, node.span);
        }
        Some(_) => {}
    }
}

fn component(node: &Node, errors: &mut Errors) -> Vec<String> {
    let location = "header:spec:component";
    let items = node.as_sequence();
    if items.is_none() {
        errors.add(location, "config should be an array", node.span);
    }
    let Some(fields) = items.and_then(|items| items.iter().map(Node::as_text).collect::<Option<Vec<_>>>()) else {
        errors.add(location, "config should be an array of strings", node.span);
        return Vec::new();
    };
    let unknown: Vec<&str> = fields
        .iter()
        .copied()
        .filter(|field| !COMPONENT_FIELDS.contains(field))
        .collect();
    if !unknown.is_empty() {
        errors.add(
            location,
            &format!("config contains unknown values: {}", unknown.join(", ")),
            node.span,
        );
    }
    fields.into_iter().map(str::to_owned).collect()
}

/// Checks a file of `spec:include`.
pub(super) fn included(location: &str, content: &Node) -> Result<IndexMap<String, InputSpec>, Vec<InputError>> {
    let mut errors = Errors { found: Vec::new() };
    if let Some(unknown) = unknown_keys(content, &["inputs"]) {
        let unknown = unknown.replace(", ", ", :");
        let message = format!("Header include file `{location}` contains unknown keys: [:{unknown}]");
        return Err(vec![InputError {
            message,
            span: content.span,
        }]);
    }
    let inputs = content
        .get_some("inputs")
        .map(|written| inputs(written, &mut errors))
        .unwrap_or_default();
    if errors.found.is_empty() {
        Ok(inputs)
    } else {
        Err(errors.found)
    }
}

fn inputs(node: &Node, errors: &mut Errors) -> IndexMap<String, InputSpec> {
    let mut specs = IndexMap::new();
    let Some(mapping) = node.as_mapping() else {
        errors.add("header:spec:inputs", "config should be a hash", node.span);
        return specs;
    };
    for (key, entry) in mapping.iter() {
        let name = key.to_string();
        let spec = input(key, entry.key_span, &entry.value, errors);
        specs.insert(name, spec);
    }
    specs
}

fn input(key: &Key, span: Span, node: &Node, errors: &mut Errors) -> InputSpec {
    let name = key.to_string();
    let location = format!("header:spec:inputs:{}", key.place("input"));
    let mark = errors.found.len();
    if !matches!(key, Key::Text(_) | Key::Other(OtherKey::Integer(_))) {
        errors.add(&location, "key must be an alphanumeric string", span);
    }
    attributes(&location, node, errors);
    if !node.is_mapping() && !node.is_null() {
        // Two validators say the same.
        errors.add(&location, "config should be a hash", node.span);
        errors.add(&location, "config should be a hash", node.span);
    }
    errors.unknown_keys(&location, node, &INPUT_KEYS);
    exclusive(&location, node, ["rules", "options"], errors);
    exclusive(&location, node, ["rules", "default"], errors);
    let rules = match node.get_some("rules") {
        Some(written) if errors.clean_since(mark) => Some(rules(&name, written, errors)),
        _ => None,
    };
    let regex = node.get("regex").map(|regex| {
        let compiled = regex.as_str().and_then(|source| Pattern::new(source, "").ok());
        (regex.clone(), compiled)
    });
    InputSpec {
        span,
        description: node.get_some("description").map(Node::to_text),
        kind: kind(node),
        default: node.get("default").cloned(),
        options: node.get("options").and_then(Node::as_sequence).map(<[Node]>::to_vec),
        regex,
        rules,
        name,
    }
}

fn kind(node: &Node) -> Option<InputType> {
    match node.get("type") {
        None => Some(InputType::String),
        Some(word) => word.as_text().and_then(InputType::of),
    }
}

/// The attributes of one input, each on its own.
fn attributes(location: &str, node: &Node, errors: &mut Errors) {
    if let Some(description) = node.get_some("description")
        && description.as_text().is_none()
        && !description.is_integer()
    {
        errors.add(
            location,
            "input description must be an alphanumeric string",
            description.span,
        );
    }
    if let Some(regex) = node.get_some("regex")
        && !regex.is_string()
    {
        errors.add(location, "input regex should be a string", regex.span);
    }
    if let Some(word) = node.get_some("type")
        && word.as_str().and_then(InputType::of).is_none()
    {
        errors.add(
            location,
            &format!("input type unknown value: {}", word.to_text()),
            word.span,
        );
    }
    if let Some(options) = node.get_some("options") {
        check_options(location, options, errors);
    }
}

fn check_options(location: &str, options: &Node, errors: &mut Errors) {
    if !options.is_sequence() {
        errors.add(location, "input options should be an array", options.span);
    }
    if size(options) > MAX_OPTIONS {
        errors.add(
            location,
            &format!("config cannot define more than {MAX_OPTIONS} options"),
            options.span,
        );
    }
    if options
        .as_sequence()
        .is_some_and(|items| items.iter().any(Node::is_null))
    {
        errors.add(
            location,
            "config options array cannot contain null values",
            options.span,
        );
    }
}

/// Ruby's `size`.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => items.len(),
        Value::Mapping(mapping) => mapping.len(),
        Value::String(text) => text.chars().count(),
        _ => 0,
    }
}

fn exclusive(location: &str, node: &Node, pair: [&str; 2], errors: &mut Errors) {
    let Some(mapping) = node.as_mapping() else { return };
    let written: Vec<&str> = mapping
        .keys()
        .filter_map(Key::as_text)
        .filter(|key| pair.contains(key))
        .collect();
    if written.len() > 1 {
        let text = format!("config these keys cannot be used together: {}", written.join(", "));
        errors.add(location, &text, node.span);
    }
}

fn rules(name: &str, node: &Node, errors: &mut Errors) -> Vec<InputRule> {
    let Some(items) = node.as_sequence() else {
        errors.add(
            &format!("header:spec:inputs:{name}:rules"),
            "config should be an array",
            node.span,
        );
        return Vec::new();
    };
    items
        .iter()
        .map(|item| rule(&rule_location(name), item, errors))
        .collect()
}

/// GitLab rewrites the location of rule errors with a pattern that takes the last word of the name.
fn rule_location(name: &str) -> String {
    let tail = name.rfind(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    match tail {
        None => format!("`{name}` input:"),
        Some(at) => {
            let at = at + name[at..].chars().next().map_or(0, char::len_utf8);
            format!("header:spec:inputs:{}`{}` input:", &name[..at], &name[at..])
        }
    }
}

fn rule(location: &str, node: &Node, errors: &mut Errors) -> InputRule {
    let mark = errors.found.len();
    if node.is_blank() {
        errors.add(location, "can't be blank", node.span);
    }
    if !node.is_mapping() {
        errors.add(location, "should be a hash", node.span);
    }
    if let Some(unknown) = unknown_keys(node, &["if", "options", "default"]) {
        errors.add(location, &format!("contains unknown keys: {unknown}"), node.span);
    }
    let condition = node
        .get_some("if")
        .and_then(|written| condition(location, written, errors));
    let options = node.get_some("options");
    if let Some(options) = options
        && !options.is_sequence()
    {
        errors.add(location, "options should be an array", options.span);
    }
    if errors.clean_since(mark) {
        rule_default(location, node, errors);
    }
    InputRule {
        condition,
        options: options.and_then(Node::as_sequence).map(<[Node]>::to_vec),
        default: node.get("default").cloned(),
    }
}

fn condition(location: &str, written: &Node, errors: &mut Errors) -> Option<Expression> {
    let parsed = written
        .as_str()
        .and_then(|text| Expression::parse(text).ok())
        .filter(Expression::is_sound);
    if parsed.is_none() {
        errors.add(location, "if invalid expression syntax", written.span);
    }
    parsed
}

fn rule_default(location: &str, node: &Node, errors: &mut Errors) {
    let options = node.get_some("options").and_then(Node::as_sequence).unwrap_or_default();
    if options.len() > MAX_OPTIONS {
        errors.add(
            location,
            &format!("cannot define more than {MAX_OPTIONS} options"),
            node.span,
        );
    }
    match node.get("default") {
        None => {
            errors.add(
                location,
                "rule must define 'options' with at least one value and a 'default'",
                node.span,
            );
        }
        Some(default) if !options.is_empty() && !options.contains(default) => {
            let text = format!("default '{}' must be one of the options", default.to_text());
            errors.add(location, &text, default.span);
        }
        Some(_) => {}
    }
}
