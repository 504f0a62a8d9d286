//! Paths in `$[[ … ]]`: `inputs.name`, `inputs.list[0].key`, `component.sha`.

use super::Context;
use crate::yaml::{Node, Span};

/// Segments of a path; further dots belong to the last one.
const MAX_SEGMENTS: usize = 5;
/// Bytes of a path.
const MAX_BYTES: usize = 1024;
/// Indices of one segment.
const MAX_INDICES: usize = 5;

/// Looks a path up; the errors are GitLab's messages.
pub(super) fn look_up(path: &str, context: &Context<'_>) -> Result<Node, Vec<String>> {
    let segments: Vec<&str> = path.splitn(MAX_SEGMENTS, '.').collect();
    let mut errors = Vec::new();
    if segments.len() <= 1 {
        errors.push("invalid pattern used for interpolation. valid pattern is $[[ inputs.input ]]".to_owned());
    }
    if path.len() > MAX_BYTES {
        errors.push("maximum interpolation expression size exceeded".to_owned());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    walk(path, &segments, context).map_err(|message| vec![message])
}

fn walk(path: &str, segments: &[&str], context: &Context<'_>) -> Result<Node, String> {
    let mut place = Place::Root(context);
    for segment in segments {
        place = if segment.contains('[') {
            indexed(path, &place, segment)?
        } else {
            keyed(path, &place, segment)?
        };
    }
    match place {
        Place::Value(node) => Ok(node),
        // A path has two segments at least, and the first leads to inputs or component.
        Place::Root(_) | Place::Inputs(_) | Place::Component(_) => Ok(Node::null(Span::default())),
    }
}

/// Where a path has led so far.
enum Place<'c, 'v> {
    Root(&'c Context<'v>),
    Inputs(&'c Context<'v>),
    Component(&'c Context<'v>),
    Value(Node),
}

fn keyed<'c, 'v>(path: &str, place: &Place<'c, 'v>, key: &str) -> Result<Place<'c, 'v>, String> {
    let found = match place {
        Place::Root(context) => match key {
            "inputs" => Some(Place::Inputs(context)),
            "component" => Some(Place::Component(context)),
            _ => None,
        },
        Place::Inputs(context) => context.inputs.get(key).cloned().map(Place::Value),
        Place::Component(context) => component_field(context, key).map(Place::Value),
        Place::Value(node) => node.get(key).cloned().map(Place::Value),
    };
    found.ok_or_else(|| format!("unknown interpolation provided: `{key}` in `{path}`"))
}

/// A field of the component, if the header asks for it. No version is null.
fn component_field(context: &Context<'_>, key: &str) -> Option<Node> {
    let component = context.component?;
    let text = match key {
        "name" => &component.name,
        "version" => &component.version,
        "sha" => &component.sha,
        "reference" => &component.reference,
        _ => return None,
    };
    let asked = context.component_fields.iter().any(|field| field == key);
    let missing = key == "version" && text.is_empty();
    asked.then(|| {
        if missing {
            Node::null(Span::default())
        } else {
            Node::text(text.as_str(), Span::default())
        }
    })
}

fn indexed<'c, 'v>(path: &str, place: &Place<'c, 'v>, segment: &str) -> Result<Place<'c, 'v>, String> {
    let (key, indices) = parse_indexed(path, segment)?;
    let mut found = keyed(path, place, key)?;
    for index in indices {
        let items = match &found {
            Place::Value(node) => node.as_sequence(),
            _ => None,
        };
        let Some(items) = items else {
            return Err(format!("cannot index into non-array value at [{index}] in `{path}`"));
        };
        let Some(item) = index.parse::<usize>().ok().and_then(|index| items.get(index)) else {
            let size = items.len();
            return Err(format!("array index {index} out of bounds (size: {size}) in `{path}`"));
        };
        found = Place::Value(item.clone());
    }
    Ok(found)
}

/// Key and indices (without leading zeros) of `key[1][2]`.
fn parse_indexed<'s>(path: &str, segment: &'s str) -> Result<(&'s str, Vec<&'s str>), String> {
    if let Some((key, indices)) = split_indices(segment) {
        if key.is_empty() {
            return Err(format!("invalid indexed access without a key in `{path}`"));
        }
        if indices.len() > MAX_INDICES {
            return Err(format!(
                "too many array indices in `{path}` (maximum depth: {MAX_INDICES})"
            ));
        }
        return Ok((key, indices));
    }
    if segment.matches('[').count() != segment.matches(']').count() {
        return Err(format!("invalid array index in `{path}`: missing closing bracket"));
    }
    match bracket_contents(segment).find(|content| !has_number_line(content)) {
        Some(content) => Err(format!(
            "invalid array index in `{path}`: `{content}` is not a valid index"
        )),
        None => Err(format!("invalid array index syntax in `{path}`")),
    }
}

/// The well-formed case: word characters, then only indices.
fn split_indices(segment: &str) -> Option<(&str, Vec<&str>)> {
    let (key, mut rest) = segment.split_at(segment.find('[')?);
    if !key.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
        return None;
    }
    let mut indices = Vec::new();
    while !rest.is_empty() {
        let (digits, after) = rest.strip_prefix('[')?.split_once(']')?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = digits.trim_start_matches('0');
        indices.push(if number.is_empty() { "0" } else { number });
        rest = after;
    }
    Some((key, indices))
}

/// What stands between each `[` and the next `]`.
fn bracket_contents(segment: &str) -> impl Iterator<Item = &str> {
    let mut rest = segment;
    std::iter::from_fn(move || {
        let (content, after) = rest[rest.find('[')? + 1..].split_once(']')?;
        rest = after;
        Some(content)
    })
}

fn has_number_line(content: &str) -> bool {
    content
        .split('\n')
        .any(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))
}
