//! `include:rules`: the first rule that matches decides; they see include-time variables only.

use std::borrow::Cow;

use crate::entry::Finding;
use crate::entry::rules::{Exists, Rule, RulesOf, rules};
use crate::expression;
use crate::facts::{Answer, Demand};
use crate::glob;
use crate::variables::{Definition, Undefined, expand_all_for_name, expand_name};

use super::locations::Location;
use super::{Place, Reader, Stop};

impl Reader<'_> {
    pub(super) fn rules_pass(&self, location: &Location, place: &Place) -> Result<bool, Stop> {
        let Some(written) = location.map.get("rules").filter(|node| !node.is_null()) else {
            return Ok(true);
        };
        let checked = rules(written, "rules", RulesOf::Include);
        if let Some(found) = checked.found.first() {
            let text = found.text.strip_prefix("rules:").unwrap_or(&found.text);
            return Err(Finding {
                text: format!("include:{text}"),
                ..found.clone()
            }
            .into());
        }
        for rule in checked.value.iter().flatten() {
            let matched = self.rule_matches(rule, place).map_err(|stop| match stop {
                Stop::Pending => Stop::Pending,
                Stop::Wrong(found) => Stop::Wrong(
                    found
                        .into_iter()
                        .map(|one| Finding {
                            text: format!("include:{}", one.text),
                            ..one
                        })
                        .collect(),
                ),
            })?;
            if matched {
                return Ok(rule.when != Some(model::When::Never));
            }
        }
        Ok(false)
    }

    fn rule_matches(&self, rule: &Rule, place: &Place) -> Result<bool, Stop> {
        if let Some(condition) = &rule.condition {
            let lookup = |name: &str| Some(Cow::Borrowed(self.variable(name, place)?.value.as_str()));
            let scope = expression::Scope {
                variable: &lookup,
                input: None,
                regexes: None,
            };
            if !condition.evaluate_in(&scope) {
                return Ok(false);
            }
        }
        if let Some(changes) = &rule.changes {
            let compare_to = changes.compare_to.as_ref().map(|text| self.expand_nested(text, place));
            let changed = match self.ask(Demand::Changes { compare_to })? {
                Answer::Paths(paths) => {
                    let patterns: Vec<String> = changes
                        .paths
                        .iter()
                        .map(|path| self.expand_nested(path, place))
                        .collect();
                    !paths.is_empty() && !patterns.is_empty() && glob::changed(&patterns, paths)
                }
                Answer::ChangesUnknown => true,
                _ => {
                    let text = "rules:changes:compare_to is not a valid ref";
                    return Err(Finding::new(text, rule.span).into());
                }
            };
            if !changed {
                return Ok(false);
            }
        }
        match &rule.exists {
            Some(exists) => self.exists(exists, rule, place),
            None => Ok(true),
        }
    }

    fn exists(&self, exists: &Exists, rule: &Rule, place: &Place) -> Result<bool, Stop> {
        if exists.paths.is_empty() || !place.has_project && exists.project.is_none() {
            return Ok(false);
        }
        let wrong = |text: String| Stop::wrong(Finding::new(text, rule.span));
        let (project, git_ref) = match &exists.project {
            Some(project) => {
                let git_ref = exists.git_ref.as_ref().map(|text| self.expand_nested(text, place));
                (Some(self.expand_nested(project, place)), git_ref)
            }
            // There is no repository that an address could mean.
            None if !place.has_project => return Ok(false),
            None => (place.project.clone(), place.sha.clone()),
        };
        let shown = |text: &Option<String>| self.mask(text.as_deref().unwrap_or_default());
        match self.ask(Demand::Paths {
            public: place.public,
            project: project.clone(),
            git_ref: git_ref.clone(),
        })? {
            Answer::Paths(paths) => {
                let patterns: Vec<String> = exists
                    .paths
                    .iter()
                    .map(|path| self.expand_nested(path, place))
                    .collect();
                Ok(glob::exists(&patterns, paths))
            }
            Answer::NoSuchRef => Err(wrong(format!(
                "rules:exists:ref `{}` is not a valid ref in project `{}`",
                shown(&git_ref),
                shown(&project)
            ))),
            _ => Err(wrong(format!(
                "rules:exists:project `{}` not found or access denied",
                shown(&project)
            ))),
        }
    }

    /// E2 over values that are expanded in one another.
    fn expand_nested(&self, text: &str, place: &Place) -> String {
        if !crate::variables::has_reference(text) || !place.has_variables {
            return text.to_owned();
        }
        let list: Vec<Definition<'_>> = self
            .request
            .variables
            .iter()
            .map(|variable| Definition {
                key: Cow::Borrowed(variable.key.as_ref()),
                value: Cow::Borrowed(variable.value.as_str()),
                raw: variable.raw,
                file: variable.file,
            })
            .collect();
        let values = expand_all_for_name(&list).unwrap_or(list);
        let lookup = |name: &str| {
            self.variable(name, place);
            values
                .iter()
                .rev()
                .find(|value| value.key == name)
                .map(|value| value.value.clone())
        };
        expand_name(text, Undefined::Keep, &lookup).into_owned()
    }
}
