//! `$[[ … ]]` in keys and values of the content.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use super::functions::Function;
use super::{Context, InputError, access};
use crate::yaml::{Entry, Key, Limits, Mapping, Node, Span, Value, weight};

/// Nodes visited, keys included.
const MAX_NODES: usize = 500_000;
/// Bytes of one text.
const MAX_TEXT_BYTES: usize = 1024 * 1024;
/// Different blocks.
const MAX_BLOCKS: usize = 10_000;
/// Functions in one block.
const MAX_FUNCTIONS: usize = 3;
/// Bytes of one text after filling in; values may come often, and contain blocks themselves.
const MAX_FILLED_BYTES: usize = 8 << 20;
/// Bytes of all texts after filling in.
const MAX_ALL_FILLED_BYTES: usize = 16 << 20;
/// Items that lists put into other lists.
const MAX_SPLICED_ITEMS: usize = 1_000_000;
/// What the filled content may weigh in GitLab's memory, where the same value may stand in many places.
const FILLED_WEIGHT: Limits = Limits {
    bytes: usize::MAX,
    depth: usize::MAX,
    parsed_bytes: 64 << 20,
};

/// A block and its content: two characters at least, on one line.
///
/// Compiled once for the process: the pattern never changes and nothing else is kept.
static BLOCK: LazyLock<regex::Regex> = LazyLock::new(|| {
    regex::Regex::new(r"\$\[\[[\t\n\f\r ]*([^\t\n\f\r ].*?[^\t\n\f\r ])[\t\n\f\r ]*\]\]")
        .expect("a fixed pattern that the tests use")
});

/// Fills `$[[ … ]]` in keys and values. A text that is nothing but one block takes the type of its
/// value; in a list, a list value is spliced in. Symbols become strings.
///
/// # Errors
///
/// The first block that cannot be filled, or a limit; GitLab's message.
pub fn interpolate(content: &Node, context: &Context<'_>) -> Result<Node, InputError> {
    let filled = Filler {
        context,
        visited: 0,
        spliced: 0,
        filled_bytes: 0,
        blocks: HashMap::new(),
    }
    .node(content)?;
    if weight::fits(&filled, &FILLED_WEIGHT) {
        Ok(filled)
    } else {
        Err(error("config too large", content.span))
    }
}

struct Filler<'c, 'v> {
    context: &'c Context<'v>,
    visited: usize,
    spliced: usize,
    filled_bytes: usize,
    /// Value by the text of the block.
    blocks: HashMap<String, Rc<Node>>,
}

impl Filler<'_, '_> {
    fn node(&mut self, node: &Node) -> Result<Node, InputError> {
        self.visit(node.span)?;
        match &node.value {
            Value::String(text) => Ok(self.text(text, node.span)?.unwrap_or_else(|| node.clone())),
            Value::Symbol(text) => {
                self.visit(node.span)?;
                Ok(self
                    .text(text, node.span)?
                    .unwrap_or_else(|| Node::text(text.clone(), node.span)))
            }
            Value::Sequence(items) => self.sequence(items, node.span),
            Value::Mapping(mapping) => self.mapping(mapping, node.span),
            _ => Ok(node.clone()),
        }
    }

    fn visit(&mut self, span: Span) -> Result<(), InputError> {
        self.visited += 1;
        if self.visited > MAX_NODES {
            Err(error("config too large", span))
        } else {
            Ok(())
        }
    }

    fn sequence(&mut self, items: &[Node], span: Span) -> Result<Node, InputError> {
        let mut filled = Vec::with_capacity(items.len());
        for item in items {
            let value = self.node(item)?;
            match (item.is_string(), value.as_sequence()) {
                (true, Some(list)) => {
                    self.spliced += list.len();
                    if self.spliced > MAX_SPLICED_ITEMS {
                        return Err(error("config too large", item.span));
                    }
                    filled.extend_from_slice(list);
                }
                _ => filled.push(value),
            }
        }
        Ok(Node::sequence(filled, span))
    }

    fn mapping(&mut self, mapping: &Mapping, span: Span) -> Result<Node, InputError> {
        let mut filled = Mapping::new();
        for (key, entry) in mapping.iter() {
            let key = self.key(key, entry.key_span)?;
            let value = self.node(&entry.value)?;
            filled.entries.insert(
                key,
                Entry {
                    key_span: entry.key_span,
                    value,
                },
            );
        }
        Ok(Node::mapping(filled, span))
    }

    fn key(&mut self, key: &Key, span: Span) -> Result<Key, InputError> {
        self.visit(span)?;
        let Key::Text(text) = key else { return Ok(key.clone()) };
        Ok(self
            .text(text, span)?
            .map_or_else(|| key.clone(), |value| Key::of(&value.value)))
    }

    /// The filled text; `None` when it has no block.
    fn text(&mut self, text: &str, span: Span) -> Result<Option<Node>, InputError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(error("config node too large", span));
        }
        if !text.contains("$[[") {
            return Ok(None);
        }
        let mut found: Vec<(&str, Rc<Node>)> = Vec::new();
        for captures in BLOCK.captures_iter(text) {
            let (block, [data]) = captures.extract();
            found.push((block, self.block(block, data, span)?));
        }
        match &found[..] {
            [] => Ok(None),
            [(block, value)] if block.len() == text.len() => Ok(Some(Node::new(value.value.clone(), span))),
            blocks => {
                let mut filled = text.to_owned();
                for (block, value) in blocks {
                    filled = substitute(&filled, block, &value.to_text());
                    if filled.len() > MAX_FILLED_BYTES {
                        return Err(error("config node too large", span));
                    }
                }
                self.filled_bytes += filled.len();
                if self.filled_bytes > MAX_ALL_FILLED_BYTES {
                    return Err(error("config too large", span));
                }
                Ok(Some(Node::text(filled, span)))
            }
        }
    }

    fn block(&mut self, block: &str, data: &str, span: Span) -> Result<Rc<Node>, InputError> {
        if let Some(known) = self.blocks.get(block) {
            return Ok(known.clone());
        }
        if self.blocks.len() >= MAX_BLOCKS {
            return Err(error("too many interpolation blocks", span));
        }
        let value = evaluate(block, data, self.context).map_err(|messages| InputError {
            message: messages.into_iter().take(3).collect::<Vec<_>>().join(", "),
            span,
        })?;
        let value = Rc::new(value);
        self.blocks.insert(block.to_owned(), value.clone());
        Ok(value)
    }
}

/// The value of a block; the errors are GitLab's messages.
fn evaluate(block: &str, data: &str, context: &Context<'_>) -> Result<Node, Vec<String>> {
    // Ruby drops empty parts at the end.
    let mut parts = data.trim_end_matches('|').split('|').map(ruby_strip);
    let path = parts.next().unwrap_or_default();
    if path.split('.').next() == Some("matrix") {
        return Ok(Node::text(block, Span::default()));
    }
    let mut value = access::look_up(path, context)?;
    let calls: Vec<&str> = parts.collect();
    if calls.len() > MAX_FUNCTIONS {
        return Err(vec!["too many functions in interpolation block".to_owned()]);
    }
    for function in functions(&calls)? {
        value = function.apply(&value, context).map_err(|message| vec![message])?;
    }
    Ok(value)
}

fn functions(calls: &[&str]) -> Result<Vec<Function>, Vec<String>> {
    let mut functions = Vec::with_capacity(calls.len());
    let mut errors = Vec::new();
    for call in calls {
        match Function::parse(call) {
            Some(function) => functions.push(function),
            None => errors.push(format!(
                "no function matching `{call}`: check that the function name, arguments, and types are correct"
            )),
        }
    }
    if errors.is_empty() { Ok(functions) } else { Err(errors) }
}

fn ruby_strip(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}', '\0'])
}

/// Ruby's `gsub` of a text by a text, where backslashes in the new text are commands: `\0` and `\&`
/// are the old text, `` \` `` and `\'` what stands before and behind it, `\\` a backslash.
fn substitute(text: &str, old: &str, new: &str) -> String {
    if !new.contains('\\') {
        return text.replace(old, new);
    }
    let mut out = String::with_capacity(text.len() + new.len());
    let mut from = 0;
    for (at, _) in text.match_indices(old) {
        out.push_str(&text[from..at]);
        from = at + old.len();
        let mut chars = new.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('0' | '&') => out.push_str(old),
                Some('1'..='9') => {}
                Some('`') => out.push_str(&text[..at]),
                Some('\'') => out.push_str(&text[from..]),
                Some('\\') | None => out.push('\\'),
                Some(other) => out.extend(['\\', other]),
            }
        }
        if out.len() > MAX_FILLED_BYTES {
            return out;
        }
    }
    out.push_str(&text[from..]);
    out
}

fn error(message: &str, span: Span) -> InputError {
    InputError {
        message: message.to_owned(),
        span,
    }
}
