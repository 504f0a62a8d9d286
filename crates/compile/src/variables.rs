//! References to variables inside values, and the four ways to expand them (rules-and-variables.md 6).
//!
//! [`expand`] replaces references once; [`expand_all`] expands variables in one another. Neither
//! knows where variables come from or what they are for.

use std::borrow::Cow;
use std::collections::HashMap;

/// Bytes that one expanded value may have; doubling references would grow without end otherwise.
const MAX_VALUE_BYTES: usize = 4 << 20;

/// Bytes that references may put into all values of one expansion; a thousand variables that each
/// name a large one would fill the memory otherwise.
const MAX_INSERTED_BYTES: usize = 8 << 20;

/// Bytes that references may put into a name or a path: as long as a path may be. Each job of a
/// pipeline has some, so large values would be repeated a thousand times.
pub const MAX_NAME_BYTES: usize = 4096;

/// A variable as the expander sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// Name.
    pub key: Cow<'a, str>,
    /// Value as written.
    pub value: Cow<'a, str>,
    /// Whether its own value is taken literally.
    pub raw: bool,
    /// Whether the job gets a file.
    pub file: bool,
}

/// What happens to references that name no variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undefined {
    /// They vanish (E1).
    Blank,
    /// They stay as written (E2).
    Keep,
}

/// What a nested expansion is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// E3: used by the server itself.
    Server,
    /// E4: sent to the runner; references to file and raw variables and to unknown ones stay.
    Runner,
}

/// Variables need each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("circular variable reference detected: {}", list(.circles))]
pub struct Cycle {
    /// The names in each circle.
    pub circles: Vec<Vec<String>>,
}

fn list(circles: &[Vec<String>]) -> String {
    circles
        .iter()
        .map(|keys| format!("{keys:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Whether the text may refer to a variable at all.
#[must_use]
pub fn has_reference(text: &str) -> bool {
    text.contains(['$', '%'])
}

/// The names that a text refers to, in order; a name may come twice.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    Pieces {
        rest: text,
        keep_doubled: true,
    }
    .filter_map(|piece| match piece {
        Piece::Reference { key, .. } => Some(key),
        Piece::Text(_) => None,
    })
}

/// As [`references`], as [`expand`] sees them: `$$A` refers to `A`.
pub fn single_references(text: &str) -> impl Iterator<Item = &str> {
    Pieces {
        rest: text,
        keep_doubled: false,
    }
    .filter_map(|piece| match piece {
        Piece::Reference { key, .. } => Some(key),
        Piece::Text(_) => None,
    })
}

/// Expands references once (E1, E2). The look-up answers for names only.
#[must_use]
pub fn expand<'t>(text: &'t str, undefined: Undefined, lookup: &dyn Fn(&str) -> Option<Cow<'t, str>>) -> Cow<'t, str> {
    expand_within(text, undefined, MAX_VALUE_BYTES, lookup)
}

/// As [`expand`], for a name or a path: beyond [`MAX_NAME_BYTES`] references vanish.
#[must_use]
pub fn expand_name<'t>(
    text: &'t str,
    undefined: Undefined,
    lookup: &dyn Fn(&str) -> Option<Cow<'t, str>>,
) -> Cow<'t, str> {
    expand_within(text, undefined, MAX_NAME_BYTES, lookup)
}

fn expand_within<'t>(
    text: &'t str,
    undefined: Undefined,
    most: usize,
    lookup: &dyn Fn(&str) -> Option<Cow<'t, str>>,
) -> Cow<'t, str> {
    if !has_reference(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for piece in (Pieces {
        rest: text,
        keep_doubled: false,
    }) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Reference { key, written } => match lookup(key) {
                Some(value) if out.len() + value.len() <= most => out.push_str(&value),
                Some(_) => {}
                None if undefined == Undefined::Keep => out.push_str(written),
                None => {}
            },
        }
    }
    Cow::Owned(out)
}

/// Expands variables in one another (E3, E4). Input in order of precedence, later wins. The result
/// has the same variables, each behind those it needs (GitLab's order).
///
/// # Errors
///
/// [`Cycle`] when two or more need each other; nothing is expanded then.
pub fn expand_all<'a>(variables: &[Definition<'a>], purpose: Purpose) -> Result<Vec<Definition<'a>>, Cycle> {
    expand_all_within(variables, purpose, MAX_INSERTED_BYTES)
}

/// As [`expand_all`] for the server, when the values are wanted for a name or a path: beyond
/// [`MAX_NAME_BYTES`] references vanish.
///
/// # Errors
///
/// As [`expand_all`].
pub fn expand_all_for_name<'a>(variables: &[Definition<'a>]) -> Result<Vec<Definition<'a>>, Cycle> {
    expand_all_within(variables, Purpose::Server, MAX_NAME_BYTES)
}

fn expand_all_within<'a>(
    variables: &[Definition<'a>],
    purpose: Purpose,
    most: usize,
) -> Result<Vec<Definition<'a>>, Cycle> {
    let order = sort::by_need(variables)?;
    let mut expanded: Vec<Definition<'a>> = Vec::with_capacity(variables.len());
    // Name → place in `expanded` of the last one with it: what a reference takes.
    let mut placed: HashMap<Cow<'a, str>, usize> = HashMap::with_capacity(variables.len());
    let mut room = most;
    for index in order {
        let variable = &variables[index];
        let mut done = variable.clone();
        if !variable.raw && has_reference(&variable.value) {
            done.value = Cow::Owned(expand_value(&variable.value, purpose, &mut room, |key| {
                placed.get(key).map(|at| &expanded[*at])
            }));
        }
        placed.insert(variable.key.clone(), expanded.len());
        expanded.push(done);
    }
    Ok(expanded)
}

/// References for whose values there is no room vanish; what the user wrote stays.
fn expand_value<'e, 'a: 'e>(
    value: &str,
    purpose: Purpose,
    room: &mut usize,
    find: impl Fn(&str) -> Option<&'e Definition<'a>>,
) -> String {
    let mut out = String::with_capacity(value.len());
    for piece in (Pieces {
        rest: value,
        keep_doubled: true,
    }) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Reference { key, written } => match (find(key), purpose) {
                (Some(found), Purpose::Runner) if found.file || found.raw => out.push_str(written),
                (Some(found), _) => {
                    let bytes = found.value.len();
                    if bytes <= *room && out.len() + bytes <= MAX_VALUE_BYTES {
                        *room -= bytes;
                        out.push_str(&found.value);
                    }
                }
                (None, Purpose::Runner) => out.push_str(written),
                (None, Purpose::Server) => {}
            },
        }
    }
    out
}

/// A part of a value.
enum Piece<'t> {
    Text(&'t str),
    /// `$KEY`, `${KEY}` or `%KEY%`.
    Reference {
        key: &'t str,
        written: &'t str,
    },
}

/// Cuts a value. `keep_doubled`: `$$` and `%%` are text of their own, so that `$$A` is no
/// reference; otherwise only the second sign begins one.
struct Pieces<'t> {
    rest: &'t str,
    keep_doubled: bool,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some((key, bytes)) = reference(self.rest) {
            let (written, rest) = self.rest.split_at(bytes);
            self.rest = rest;
            return Some(Piece::Reference { key, written });
        }
        // What stands here is text: take it up to the next sign that may begin a reference.
        let doubled = self.keep_doubled && (self.rest.starts_with("$$") || self.rest.starts_with("%%"));
        let first = if doubled {
            2
        } else {
            self.rest.chars().next().map_or(0, char::len_utf8)
        };
        let end = self.rest[first..]
            .find(['$', '%'])
            .map_or(self.rest.len(), |sign| first + sign);
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Piece::Text(text))
    }
}

/// Name and length of a reference at the start of the text.
fn reference(text: &str) -> Option<(&str, usize)> {
    let name = |text: &'_ str| {
        let starts = text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
        if starts {
            text.bytes()
                .take_while(|byte| *byte == b'_' || byte.is_ascii_alphanumeric())
                .count()
        } else {
            0
        }
    };
    let (open, close) = match text.as_bytes() {
        [b'$', b'{', ..] => (2, "}"),
        [b'$', ..] => (1, ""),
        [b'%', ..] => (1, "%"),
        _ => return None,
    };
    let length = name(&text[open..]);
    let end = open + length;
    (length > 0 && text[end..].starts_with(close)).then(|| (&text[open..end], end + close.len()))
}

mod sort {
    //! Which variable needs which: Tarjan's strongly connected components, without recursion.

    use super::{Cycle, Definition, references};
    use std::collections::HashMap;

    /// Indices so that each stands behind those it needs.
    pub(super) fn by_need(variables: &[Definition<'_>]) -> Result<Vec<usize>, Cycle> {
        let needs = needs(variables);
        let mut search = Search {
            needs: &needs,
            index: vec![None; variables.len()],
            low: vec![0; variables.len()],
            on_stack: vec![false; variables.len()],
            stack: Vec::new(),
            count: 0,
            components: Vec::new(),
        };
        for start in 0..variables.len() {
            if search.index[start].is_none() {
                search.visit(start);
            }
        }
        let circles: Vec<Vec<String>> = search
            .components
            .iter()
            .filter(|component| component.len() > 1)
            .map(|component| {
                component
                    .iter()
                    .map(|index| variables[*index].key.to_string())
                    .collect()
            })
            .collect();
        if circles.is_empty() {
            Ok(search.components.into_iter().flatten().collect())
        } else {
            Err(Cycle { circles })
        }
    }

    /// For each variable the places of those that its value names, all of a name.
    fn needs(variables: &[Definition<'_>]) -> Vec<Vec<usize>> {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::with_capacity(variables.len());
        for (index, variable) in variables.iter().enumerate() {
            places.entry(&variable.key).or_default().push(index);
        }
        let of = |variable: &Definition<'_>| {
            if variable.raw {
                return Vec::new();
            }
            let mut found: Vec<usize> = Vec::new();
            for key in references(&variable.value) {
                found.extend(places.get(key).into_iter().flatten().copied());
            }
            found
        };
        variables.iter().map(of).collect()
    }

    struct Search<'n> {
        needs: &'n [Vec<usize>],
        index: Vec<Option<usize>>,
        low: Vec<usize>,
        on_stack: Vec<bool>,
        stack: Vec<usize>,
        count: usize,
        components: Vec<Vec<usize>>,
    }

    impl Search<'_> {
        fn visit(&mut self, start: usize) {
            // Node and how many of its needs were followed.
            let mut path = vec![(start, 0)];
            self.enter(start);
            while let Some((node, followed)) = path.last_mut() {
                let node = *node;
                let Some(next) = self.needs[node].get(*followed).copied() else {
                    path.pop();
                    self.leave(node);
                    if let Some((parent, _)) = path.last() {
                        self.low[*parent] = self.low[*parent].min(self.low[node]);
                    }
                    continue;
                };
                *followed += 1;
                match self.index[next] {
                    None => {
                        self.enter(next);
                        path.push((next, 0));
                    }
                    Some(index) if self.on_stack[next] => self.low[node] = self.low[node].min(index),
                    Some(_) => {}
                }
            }
        }

        fn enter(&mut self, node: usize) {
            self.index[node] = Some(self.count);
            self.low[node] = self.count;
            self.count += 1;
            self.stack.push(node);
            self.on_stack[node] = true;
        }

        fn leave(&mut self, node: usize) {
            if self.index[node] != Some(self.low[node]) {
                return;
            }
            let start = self
                .stack
                .iter()
                .rposition(|on_stack| *on_stack == node)
                .unwrap_or_default();
            let component = self.stack.split_off(start);
            for member in &component {
                self.on_stack[*member] = false;
            }
            self.components.push(component);
        }
    }
}
