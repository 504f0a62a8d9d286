//! One YAML document → tree: events become values, aliases and merge keys are applied.
//!
//! Phases: libyaml's events are read in order and become nodes at once ([`Builder`]); what Psych
//! would refuse is remembered, because libyaml's complaints about later lines come first; at the
//! end the tree is weighed as GitLab does it ([`super::weight`]). Limits hold while events arrive.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::error::YamlError;
use super::events::{Event, Events, Kind, Mark, Problem, Properties, Scalar};
use super::node::{Entry, Key, Mapping, Node, Span, Value};
use super::tag::{self, TagRefusal};
use super::weight;

/// What a byte of text without aliases can weigh at most: `{a}` is three bytes and weighs 208.
const MAX_BYTES_PER_TEXT_BYTE: usize = 128;

/// Bounds on what a document may cost (ci-yaml.md 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one document's text.
    pub bytes: usize,
    /// Nesting of mappings and sequences.
    pub depth: usize,
    /// Estimated size in Ruby's memory, aliases counted each time. GitLab's documentation warns that plain files of 200 KB
    /// are likely to hit the default, and so they do here.
    pub parsed_bytes: usize,
}

impl Limits {
    /// The limits of a server whose `max_yaml_size_bytes` is set: it bounds the text and the tree alike.
    #[must_use]
    pub fn of_bytes(bytes: usize) -> Limits {
        Limits {
            bytes,
            parsed_bytes: bytes,
            ..Limits::default()
        }
    }

    /// Keys that merge keys may copy: each one that stays weighs at least 40 bytes, so more than this
    /// is only good for wasting time.
    fn merged_keys(&self) -> usize {
        self.parsed_bytes / 32
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes: 2_097_152,
            depth: 100,
            parsed_bytes: 2_097_152,
        }
    }
}

/// A parsed document.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Its tree; null when the text has no content.
    pub root: Node,
    /// Keys written twice in one mapping.
    pub duplicate_keys: Vec<DuplicateKey>,
}

/// A key that was written twice: the last one won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The key as text.
    pub key: String,
    /// The place that lost.
    pub first: Span,
    /// The place that won.
    pub last: Span,
}

/// Where a document starts in its file, counted from 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    /// Index of the file.
    pub(super) file: u32,
    /// Lines before it.
    pub(super) line: u64,
    /// Columns before its first line.
    pub(super) column: u64,
}

/// Parses the first document of `text`; positions get `file`.
///
/// # Errors
///
/// [`YamlError`] with libyaml's or Psych's message.
pub fn parse(text: &str, file: u32, limits: &Limits) -> Result<Parsed, YamlError> {
    parse_at(
        text,
        Origin {
            file,
            line: 0,
            column: 0,
        },
        limits,
    )
}

/// As [`parse`], for a piece of a file.
pub(super) fn parse_at(text: &str, origin: Origin, limits: &Limits) -> Result<Parsed, YamlError> {
    if text.len() > limits.bytes {
        return Err(YamlError::TextTooBig);
    }
    let mut builder = Builder {
        events: Events::new(text),
        text,
        end: unfinished_line(text),
        origin,
        depth_left: limits.depth,
        anchors: HashMap::new(),
        words: HashSet::new(),
        merged_keys_left: limits.merged_keys(),
        uses_aliases: false,
        refused: None,
        duplicate_keys: Vec::new(),
    };
    let root = builder.document()?;
    if let Some(refused) = builder.refused {
        return Err(refused);
    }
    // Without aliases a text can only become so much heavier; most files need no weighing.
    let may_be_heavy = builder.uses_aliases || text.len() > limits.parsed_bytes / MAX_BYTES_PER_TEXT_BYTE;
    if may_be_heavy && !weight::fits(&root, limits) {
        return Err(YamlError::TreeTooBig { span: root.span });
    }
    Ok(Parsed {
        root,
        duplicate_keys: builder.duplicate_keys,
    })
}

/// What an anchor stands for.
enum Anchored {
    /// A finished node.
    Done(Node),
    /// A collection that is still open: an alias to it would make a circle.
    Open,
}

struct Builder<'t> {
    events: Events<'t>,
    text: &'t str,
    /// The last place, where the last line has no end: libyaml goes on to a line behind it.
    end: Option<Mark>,
    origin: Origin,
    depth_left: usize,
    anchors: HashMap<String, Anchored>,
    /// Plain scalars that were keys and are text.
    words: HashSet<Arc<str>>,
    merged_keys_left: usize,
    uses_aliases: bool,
    refused: Option<YamlError>,
    duplicate_keys: Vec<DuplicateKey>,
}

impl Builder<'_> {
    fn document(&mut self) -> Result<Node, YamlError> {
        loop {
            let event = self.next()?;
            match event.kind() {
                Kind::Start => {}
                Kind::StreamEnd | Kind::DocumentEnd => return Ok(Node::null(self.span(event.start()))),
                _ => {
                    let root = self.node(&event)?;
                    // The end of the document is read too: what stands there may be an error.
                    self.next()?;
                    return Ok(root);
                }
            }
        }
    }

    fn node(&mut self, event: &Event) -> Result<Node, YamlError> {
        let span = self.span(event.start());
        match event.kind() {
            Kind::Scalar(scalar) => Ok(self.scalar(&scalar, span)),
            Kind::Alias(name) => self.alias(name, span),
            Kind::SequenceStart(properties) => self.nested(span, |builder| builder.sequence(properties, span)),
            Kind::MappingStart(properties) => self.nested(span, |builder| builder.mapping(properties, span)),
            // libyaml never sends an end where a node must be.
            Kind::Start | Kind::DocumentEnd | Kind::StreamEnd | Kind::SequenceEnd | Kind::MappingEnd => {
                Ok(Node::null(span))
            }
        }
    }

    fn nested(
        &mut self,
        span: Span,
        build: impl FnOnce(&mut Self) -> Result<Node, YamlError>,
    ) -> Result<Node, YamlError> {
        if self.depth_left == 0 {
            return Err(YamlError::TreeTooBig { span });
        }
        self.depth_left -= 1;
        let node = build(self);
        self.depth_left += 1;
        node
    }

    fn scalar(&mut self, scalar: &Scalar<'_>, span: Span) -> Node {
        let value = tag::scalar(scalar).unwrap_or_else(|refusal| self.refuse(&refusal, span));
        self.finish(scalar.properties.anchor, Node::new(value, span))
    }

    fn alias(&mut self, name: &str, span: Span) -> Result<Node, YamlError> {
        self.uses_aliases = true;
        match self.anchors.get(name) {
            // The copy keeps the place where it was written: that is where a mistake is mended.
            Some(Anchored::Done(node)) => Ok(node.clone()),
            Some(Anchored::Open) => Err(YamlError::TreeTooBig { span }),
            None => {
                let message = format!("An alias referenced an unknown anchor: {name}");
                self.refused.get_or_insert(YamlError::Refused { message, span });
                Ok(Node::null(span))
            }
        }
    }

    fn sequence(&mut self, properties: Properties<'_>, span: Span) -> Result<Node, YamlError> {
        self.open(properties.anchor);
        let mut items = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event.kind(), Kind::SequenceEnd) {
                break;
            }
            items.push(self.node(&event)?);
        }
        let value = tag::sequence(properties.tag, items).unwrap_or_else(|refusal| self.refuse(&refusal, span));
        Ok(self.finish(properties.anchor, Node::new(value, span)))
    }

    fn mapping(&mut self, properties: Properties<'_>, span: Span) -> Result<Node, YamlError> {
        self.open(properties.anchor);
        if let Err(refusal) = tag::check_mapping(properties.tag) {
            self.refuse(&refusal, span);
        }
        let mut open = OpenMapping::default();
        loop {
            let event = self.next()?;
            if matches!(event.kind(), Kind::MappingEnd) {
                break;
            }
            self.pair(&event, &mut open)?;
        }
        let value = tag::mapping(properties.tag, open.mapping);
        Ok(self.finish(properties.anchor, Node::new(value, span)))
    }

    fn pair(&mut self, key_event: &Event, open: &mut OpenMapping) -> Result<(), YamlError> {
        let key_span = self.span(key_event.start());
        let (key, may_merge) = self.key(key_event)?;
        let value_event = self.next()?;
        let shape = Shape::of(&value_event.kind());
        let value = self.node(&value_event)?;
        if may_merge && self.merge(open, shape, &value)? {
            return Ok(());
        }
        if let Some((key, first)) = open.write(key, key_span, value) {
            self.duplicate_keys.push(DuplicateKey {
                key,
                first,
                last: key_span,
            });
        }
        Ok(())
    }

    /// The key of an event, and whether it is the merge key. The same word is kept only once.
    fn key(&mut self, event: &Event) -> Result<(Key, bool), YamlError> {
        let plain = match event.kind() {
            Kind::Scalar(scalar) if scalar.properties.tag.is_none() && scalar.properties.anchor.is_none() => {
                (!scalar.quoted).then_some(scalar.text)
            }
            _ => None,
        };
        if let Some(known) = plain.and_then(|text| self.words.get(text)) {
            return Ok((Key::Text(known.clone()), &**known == "<<"));
        }
        let node = self.node(event)?;
        if let (Some(_), Value::String(text)) = (plain, &node.value) {
            self.words.insert(text.clone());
        }
        let is_text = matches!(event.kind(), Kind::Scalar(scalar) if scalar.properties.tag == Some(tag::STR));
        Ok((Key::of(&node.value), node.as_str() == Some("<<") && !is_text))
    }

    /// Applies `<<` where it stands. False: the value cannot be merged, `<<` is a plain key.
    fn merge(&mut self, open: &mut OpenMapping, shape: Shape, value: &Node) -> Result<bool, YamlError> {
        let sources: Vec<&Mapping> = match (shape, &value.value) {
            (Shape::Alias | Shape::Mapping, Value::Mapping(mapping)) => vec![mapping],
            // In a list the earlier mapping wins, so it is applied last.
            (Shape::Sequence, Value::Sequence(items)) => {
                let Some(sources) = items.iter().rev().map(Node::as_mapping).collect() else {
                    return Ok(false);
                };
                sources
            }
            _ => return Ok(false),
        };
        // A list is merged on its own first, so that the order of keys is Ruby's.
        let mut together = IndexedEntries::default();
        for source in sources {
            let left = self.merged_keys_left.checked_sub(source.len());
            self.merged_keys_left = left.ok_or(YamlError::TreeTooBig { span: value.span })?;
            together.extend(source.entries.iter().map(|(key, entry)| (key.clone(), entry.clone())));
        }
        open.merge(together);
        Ok(true)
    }

    fn open(&mut self, anchor: Option<&str>) {
        if let Some(name) = anchor {
            self.anchors.insert(name.to_owned(), Anchored::Open);
        }
    }

    fn finish(&mut self, anchor: Option<&str>, node: Node) -> Node {
        if let Some(name) = anchor {
            self.anchors.insert(name.to_owned(), Anchored::Done(node.clone()));
        }
        node
    }

    fn refuse(&mut self, refusal: &TagRefusal, span: Span) -> Value {
        self.refused.get_or_insert(YamlError::Refused {
            message: refusal.to_string(),
            span,
        });
        Value::Null
    }

    fn next(&mut self) -> Result<Event, YamlError> {
        self.events.next().map_err(|problem| self.syntax_error(&problem))
    }

    fn span(&self, mark: Mark) -> Span {
        let mark = self.end.filter(|end| mark.line > end.line).unwrap_or(mark);
        let column = if mark.line == 0 {
            mark.column + self.origin.column
        } else {
            mark.column
        };
        Span {
            file: self.origin.file,
            line: u32::try_from(mark.line + self.origin.line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }

    fn syntax_error(&self, problem: &Problem) -> YamlError {
        let context = problem
            .context
            .as_ref()
            .map(|context| format!(" {context}"))
            .unwrap_or_default();
        let message = format!(
            "(<unknown>): {}{context} at line {} column {}",
            problem.problem,
            problem.context_mark.line + 1,
            problem.context_mark.column + 1
        );
        YamlError::Syntax {
            message,
            span: self.span(self.problem_mark(problem)),
        }
    }

    /// Where people should look. For a forbidden character libyaml gives only its byte.
    fn problem_mark(&self, problem: &Problem) -> Mark {
        if problem.problem_mark != Mark::default() {
            return problem.problem_mark;
        }
        let at = usize::try_from(problem.offset).unwrap_or_default();
        let Some(before) = self.text.get(..at) else {
            return problem.context_mark;
        };
        end_of(before)
    }
}

/// What YAML 1.1 takes for the end of a line; a carriage return and a line feed are one.
const LINE_BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// The end of a text whose last line has no line break.
fn unfinished_line(text: &str) -> Option<Mark> {
    let has_break = text.is_empty() || text.ends_with(LINE_BREAKS);
    (!has_break).then(|| end_of(text))
}

/// The place behind a text.
pub(super) fn end_of(text: &str) -> Mark {
    let last = text.rsplit(LINE_BREAKS).next().unwrap_or_default();
    let breaks = text.matches(LINE_BREAKS).count() - text.matches("\r\n").count();
    Mark {
        line: breaks as u64,
        column: last.chars().count() as u64,
    }
}

/// What kind of event a value was.
#[derive(Clone, Copy)]
enum Shape {
    Alias,
    Mapping,
    Sequence,
    Scalar,
}

impl Shape {
    fn of(kind: &Kind<'_>) -> Shape {
        match kind {
            Kind::Alias(_) => Shape::Alias,
            Kind::MappingStart(_) => Shape::Mapping,
            Kind::SequenceStart(_) => Shape::Sequence,
            _ => Shape::Scalar,
        }
    }
}

type IndexedEntries = indexmap::IndexMap<Key, Entry>;

/// A mapping while its pairs arrive.
#[derive(Default)]
struct OpenMapping {
    mapping: Mapping,
    /// Places of keys that came from merge keys: to overwrite them is the purpose, not a mistake.
    from_merge: HashSet<usize>,
}

impl OpenMapping {
    /// Sets a written key; returns it and the place of an earlier writing of it.
    fn write(&mut self, key: Key, key_span: Span, value: Node) -> Option<(String, Span)> {
        let (index, old) = self.mapping.entries.insert_full(key, Entry { key_span, value });
        let first = old?.key_span;
        if self.from_merge.remove(&index) {
            return None;
        }
        let (key, _) = self.mapping.entries.get_index(index)?;
        Some((key.to_string(), first))
    }

    fn merge(&mut self, entries: IndexedEntries) {
        for (key, entry) in entries {
            let (index, _) = self.mapping.entries.insert_full(key, entry);
            self.from_merge.insert(index);
        }
    }
}
