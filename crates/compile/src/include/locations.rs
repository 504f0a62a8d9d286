//! The items of `include`: normal form, rules, wildcards, variables.

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::entry::Finding;
use crate::facts::{Answer, Demand};
use crate::inputs::Given;
use crate::variables::{Undefined, expand};
use crate::yaml::{Mapping, Node, Span, Value};

use super::{Place, Reader, Stop, wildcard};

/// One include: a map with its variables expanded.
#[derive(Clone, Debug)]
pub(super) struct Location {
    pub(super) map: Mapping,
    pub(super) span: Span,
}

impl Location {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.map.get(key).filter(|node| !node.is_blank())
    }

    /// The path or address as messages name it.
    pub(super) fn shown(&self) -> String {
        for (key, is_path) in [
            ("local", true),
            ("file", true),
            ("remote", false),
            ("template", false),
            ("artifact", false),
            ("component", false),
        ] {
            if let Some(node) = self.get(key) {
                let text = node.to_text();
                return if is_path {
                    text.trim_start_matches('/').to_owned()
                } else {
                    text
                };
            }
        }
        String::new()
    }

    /// The values under `inputs`.
    pub(super) fn inputs(&self, span: Span) -> Result<IndexMap<String, Given>, Stop> {
        let Some(inputs) = self.map.get("inputs").filter(|node| !node.is_null()) else {
            return Ok(IndexMap::new());
        };
        let Some(mapping) = inputs.as_mapping() else {
            let text = format!("`{}`: Given inputs must be a hash", self.shown());
            return Err(Finding::new(text, span).into());
        };
        let value = |node: &Node| match &node.value {
            Value::String(text) => Given::Text(text.to_string()),
            _ => Given::Value(node.clone()),
        };
        Ok(mapping
            .iter()
            .map(|(key, entry)| (key.to_string(), value(&entry.value)))
            .collect())
    }
}

impl Reader<'_> {
    /// All items of an `include` that apply, with wildcards and lists of files taken apart.
    pub(super) fn locations(&mut self, include: &Node, place: &Place) -> Result<Vec<Location>, Stop> {
        let single = std::slice::from_ref(include);
        let items = include.as_sequence().unwrap_or(single);
        let mut normal = Vec::new();
        for item in items.iter().filter(|item| !item.is_null()) {
            normal.push(self.normal_form(item, place)?);
        }
        let mut kept = Vec::new();
        let mut pending = false;
        for location in normal {
            match self.rules_pass(&location, place) {
                Ok(true) => kept.push(location),
                Ok(false) => {}
                Err(Stop::Pending) => pending = true,
                Err(wrong) => return Err(wrong),
            }
        }
        let mut locations = Vec::new();
        for location in kept {
            match self.spread(location, place) {
                Ok(several) => locations.extend(several),
                Err(Stop::Pending) => pending = true,
                Err(wrong) => return Err(wrong),
            }
        }
        if pending {
            return Err(Stop::Pending);
        }
        Ok(locations
            .into_iter()
            .map(|location| self.expanded(&location, place))
            .collect())
    }

    fn normal_form(&self, item: &Node, place: &Place) -> Result<Location, Stop> {
        match &item.value {
            Value::String(text) => {
                let text = self.expand(text, place);
                let key = if is_url(&text) { "remote" } else { "local" };
                let mut map = Mapping::new();
                map.insert(key, item.span, Node::text(text, item.span));
                Ok(Location { map, span: item.span })
            }
            Value::Mapping(map) => Ok(Location {
                map: map.as_ref().clone(),
                span: item.span,
            }),
            _ => Err(Finding::new("Each include must be a hash or a string", item.span).into()),
        }
    }

    /// `file` lists become one include each; a local path with `*` becomes what it matches.
    fn spread(&self, location: Location, place: &Place) -> Result<Vec<Location>, Stop> {
        let with = |key: &str, node: Node| {
            let mut map = location.map.clone();
            map.insert(key, node.span, node);
            Location {
                map,
                span: location.span,
            }
        };
        let truthy = |key: &str| {
            location
                .map
                .get(key)
                .filter(|node| !matches!(node.value, Value::Null | Value::Bool(false)))
        };
        if truthy("project").is_some() {
            return Ok(match location.map.get("file") {
                Some(Node {
                    value: Value::Sequence(files),
                    ..
                }) => files.iter().map(|file| with("file", file.clone())).collect(),
                Some(file) if !file.is_null() => vec![location],
                _ => Vec::new(),
            });
        }
        let Some(pattern) = truthy("local").and_then(Node::as_str).filter(|path| path.contains('*')) else {
            return Ok(vec![location]);
        };
        if !place.has_project {
            return Ok(vec![location]);
        }
        let demand = Demand::Paths {
            public: place.public,
            project: place.project.clone(),
            git_ref: place.sha.clone(),
        };
        let Answer::Paths(paths) = self.ask(demand)? else {
            return Ok(Vec::new());
        };
        let is_known = |path: &str| {
            self.includes.iter().any(|known| match &known.key {
                crate::facts::FileKey::Project {
                    project, path: other, ..
                } => other == path && *project == place.project && known.context_project == place.project,
                _ => false,
            })
        };
        let matching = paths
            .iter()
            .filter(|path| wildcard::matches(pattern, path) && !is_known(path));
        Ok(matching
            .map(|path| with("local", Node::text(path.as_str(), location.span)))
            .collect())
    }

    /// Every text, and every text in a list, expanded once.
    fn expanded(&self, location: &Location, place: &Place) -> Location {
        let mut map = location.map.clone();
        for entry in map.entries.values_mut() {
            match &entry.value.value {
                Value::String(text) => entry.value = Node::text(self.expand(text, place), entry.value.span),
                Value::Sequence(items) => {
                    let one = |item: &Node| match &item.value {
                        Value::String(text) => Node::text(self.expand(text, place), item.span),
                        _ => item.clone(),
                    };
                    entry.value = Node::sequence(items.iter().map(one).collect(), entry.value.span);
                }
                _ => {}
            }
        }
        Location {
            map,
            span: location.span,
        }
    }

    pub(super) fn expand(&self, text: &str, place: &Place) -> String {
        expand(text, Undefined::Blank, &|name| {
            Some(Cow::Borrowed(self.variable(name, place)?.value.as_str()))
        })
        .into_owned()
    }
}

/// Whether GitLab takes a text for an address.
pub(super) fn is_url(text: &str) -> bool {
    let text = text.trim();
    ["http:", "https:", "ssh:", "git:"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    })
}
