//! One file → header and content: documents are split in the raw text, before YAML sees it
//! (ci-yaml.md 1.1).

use super::error::YamlError;
use super::events::Mark;
use super::node::{Mapping, Node, Span};
use super::parse::{DuplicateKey, Limits, Origin, Parsed, end_of, parse_at};

/// Pieces of one file: a header, the content, and what a leading divider leaves before it.
const MAX_PIECES: usize = 3;

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The mapping with `spec`, when the file has a header.
    pub header: Option<Node>,
    /// The content; always a mapping.
    pub content: Node,
    /// Keys written twice, in header and content.
    pub duplicate_keys: Vec<DuplicateKey>,
}

/// Splits and parses a file. A text without content gives an empty mapping.
///
/// # Errors
///
/// [`YamlError`] of the first document that is wrong.
pub fn load(text: &str, file: u32, limits: &Limits) -> Result<Documents, YamlError> {
    let mut documents = Vec::with_capacity(MAX_PIECES);
    for piece in split(text) {
        let origin = origin_of(text, piece, file);
        documents.push(parse_at(piece, origin, limits)?);
    }
    documents.retain(|document| !document.root.is_blank());
    if let Some(wrong) = documents.iter().find(|document| !document.root.is_mapping()) {
        return Err(YamlError::NotAMapping { span: wrong.root.span });
    }
    Ok(pick(documents, file))
}

/// With a header the last document is the content, otherwise the first one is.
fn pick(documents: Vec<Parsed>, file: u32) -> Documents {
    let has_header = documents.len() > 1 && documents[0].root.get("spec").is_some();
    let mut documents = documents.into_iter();
    let Some(first) = documents.next() else {
        let content = Node::mapping(
            Mapping::new(),
            Span {
                file,
                line: 1,
                column: 1,
            },
        );
        return Documents {
            header: None,
            content,
            duplicate_keys: Vec::new(),
        };
    };
    match documents.next_back() {
        Some(content) if has_header => {
            let mut duplicate_keys = first.duplicate_keys;
            duplicate_keys.extend(content.duplicate_keys);
            Documents {
                header: Some(first.root),
                content: content.root,
                duplicate_keys,
            }
        }
        _ => Documents {
            header: None,
            content: first.root,
            duplicate_keys: first.duplicate_keys,
        },
    }
}

/// Cuts at `---` in column 0 that white space follows; the white space goes with it, also the
/// indent of the next line.
fn split(text: &str) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(MAX_PIECES);
    let mut rest_start = 0;
    let mut line_start = 0;
    while pieces.len() + 1 < MAX_PIECES {
        let Some(divider_end) = divider_end(&text[line_start..]).map(|length| line_start + length) else {
            match text[line_start..].find('\n') {
                Some(newline) => line_start += newline + 1,
                None => break,
            }
            continue;
        };
        pieces.push(&text[rest_start..line_start]);
        rest_start = divider_end;
        line_start = next_line(text, divider_end);
    }
    pieces.push(&text[rest_start..]);
    pieces
}

/// Bytes of a divider at the start of `line` with the white space behind it.
fn divider_end(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("---")?;
    let spaces = rest
        .bytes()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0xb | 0xc))
        .count();
    (spaces > 0).then_some(3 + spaces)
}

/// The first start of a line at or behind `at`.
fn next_line(text: &str, at: usize) -> usize {
    if at == 0 || text.as_bytes()[at - 1] == b'\n' {
        return at;
    }
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

fn origin_of(text: &str, piece: &str, file: u32) -> Origin {
    let at = piece.as_ptr() as usize - text.as_ptr() as usize;
    let Mark { line, column } = end_of(&text[..at]);
    Origin { file, line, column }
}
