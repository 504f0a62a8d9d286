//! The keywords of a job or bridge whose own checks passed, in GitLab's order, with what it takes
//! from `default`.

use model::definition::{Inherit, JobDefinition, Pages};

use crate::yaml::Node;

use super::checks::{Checked, Finding, text_of, texts};
use super::default;
use super::job::{JobEntry, Surroundings, is_pages_job};
use super::needs::{NeedsOf, needs};
use super::parallel::parallel;
use super::policy::{Policy, policy};
use super::rules::{RulesOf, rules};
use super::trigger::{TriggerEntry, trigger};
use super::{artifacts, cache, environment, image, release, script, small, variables};

/// Reads the keywords of a job whose own checks passed.
pub(super) struct Keywords<'a> {
    pub(super) node: &'a Node,
    pub(super) at: &'a str,
    pub(super) around: &'a Surroundings<'a>,
    pub(super) inherits: Inherit,
    pub(super) found: Vec<Finding>,
}

impl Keywords<'_> {
    /// The job's own keyword.
    fn own<T>(&mut self, key: &str, check: impl FnOnce(&Node, &str) -> Checked<T>) -> Option<T> {
        let written = self.node.get_some(key)?;
        check(written, &format!("{}:{key}", self.at)).take(&mut self.found)
    }

    /// The job's own keyword, or that of `default`.
    fn inherited<T: Clone>(
        &mut self,
        key: &str,
        default: Option<&Checked<T>>,
        check: impl FnOnce(&Node, &str) -> Checked<T>,
    ) -> Option<T> {
        if self.node.get_some(key).is_some() {
            return self.own(key, check);
        }
        default
            .filter(|_| self.inherits.includes(key))
            .and_then(|default| default.clone().take(&mut self.found))
    }

    /// Keywords of jobs and bridges, in GitLab's order.
    pub(super) fn common(&mut self, entry: &mut JobEntry) {
        let defaults = self.around.defaults;
        // `inherit` is read first because the others depend on it; its messages come in their place.
        let inherit_check = self
            .node
            .get_some("inherit")
            .map(|written| small::inherit(written, &format!("{}:inherit", self.at), &default::KEYS));
        let (of_defaults, of_variables) = match &inherit_check {
            Some(checked) => checked.value.clone().unwrap_or((Inherit::None, Inherit::All)),
            None => (Inherit::All, Inherit::All),
        };
        self.inherits = of_defaults;
        entry.definition.inherit_variables = of_variables;
        if let Some(stage) = self.own("stage", small::text) {
            entry.stage = stage;
            entry.stage_span = self.node.get("stage").map_or(entry.span, |node| node.span);
        }
        entry.only = self.own("only", |node, at| policy(node, at, true));
        entry.except = self.own("except", |node, at| policy(node, at, false));
        entry.rules = self.own("rules", |node, at| rules(node, at, RulesOf::Job));
        if entry.only.is_none() && self.node.get("rules").is_none() && !self.around.workflow_has_rules {
            entry.only = Some(Policy::default_only());
        }
        entry.variables = self.own("variables", variables::job).unwrap_or_default();
        self.found
            .extend(inherit_check.into_iter().flat_map(|checked| checked.found));
        entry.definition.environment = self.own("environment", environment::environment);
        entry.interruptible = self.inherited("interruptible", defaults.interruptible.as_ref(), small::boolean);
        entry.definition.resource_group = text_of(self.node, "resource_group");
    }

    /// Keywords of a bridge; says whether `trigger` is written.
    pub(super) fn bridge(&mut self, entry: &mut JobEntry) -> bool {
        let TriggerEntry { trigger, jobs } = self.own("trigger", trigger).unwrap_or_default();
        entry.definition.trigger = Some(trigger);
        entry.trigger_jobs = jobs;
        entry.needs = self.own("needs", |node, at| needs(node, at, NeedsOf::Bridge));
        entry.parallel = self.own("parallel", |node, at| parallel(node, at, false));
        if let Some(allow) = self.node.get_some("allow_failure").and_then(Node::as_bool) {
            entry.allow_failure = allow;
        }
        self.node.get_some("trigger").is_some()
    }

    /// Keywords of a job, in GitLab's order. (Always true: a job needs no trigger.)
    pub(super) fn job(&mut self, entry: &mut JobEntry) -> bool {
        let defaults = self.around.defaults;
        let place = self.at;
        let definition = &mut entry.definition;
        definition.before_script = self
            .inherited("before_script", defaults.before_script.as_ref(), script::commands)
            .unwrap_or_default();
        definition.script = self.own("script", script::commands).unwrap_or_default();
        definition.after_script = self
            .inherited("after_script", defaults.after_script.as_ref(), script::commands)
            .unwrap_or_default();
        definition.pre_get_sources_script = self
            .inherited("hooks", defaults.hooks.as_ref(), script::hooks)
            .unwrap_or_default();
        definition.caches = self
            .inherited("cache", defaults.caches.as_ref(), |node, _| cache::caches(node, place))
            .unwrap_or_default();
        definition.image = self.inherited("image", defaults.image.as_ref(), image::image);
        definition.services = self
            .inherited("services", defaults.services.as_ref(), image::services)
            .unwrap_or_default();
        // `default:timeout` is checked with the job but has no effect (ci-yaml.md 3.4).
        let timeout = self.inherited("timeout", defaults.timeout.as_ref(), small::timeout);
        definition.timeout_seconds = timeout.filter(|_| self.node.get_some("timeout").is_some());
        definition.retry = self.inherited("retry", defaults.retry.as_ref(), |node, _| small::retry(node));
        definition.tags = self
            .inherited("tags", defaults.tags.as_ref(), small::tags)
            .unwrap_or_default();
        if let Some((artifacts, reports)) =
            self.inherited("artifacts", defaults.artifacts.as_ref(), artifacts::artifacts)
        {
            definition.artifacts = Some(artifacts);
            definition.reports = reports;
        }
        entry.needs = self.own("needs", |node, at| needs(node, at, NeedsOf::Job));
        definition.coverage = self.own("coverage", small::coverage);
        definition.release = self.own("release", release::release);
        entry.parallel = self.own("parallel", |node, at| parallel(node, at, true));
        if let Some((allow, codes)) = self.own("allow_failure", small::allow_failure) {
            entry.allow_failure = allow;
            definition.allow_failure_exit_codes = codes.unwrap_or_default();
        }
        definition.id_tokens = self
            .inherited("id_tokens", defaults.id_tokens.as_ref(), small::id_tokens)
            .unwrap_or_default();
        let publish = self.own("publish", small::text);
        let pages = self.own("pages", small::pages).flatten();
        definition.inputs = self.own("inputs", small::job_inputs).unwrap_or_default();
        entry.dependencies = self.node.get_some("dependencies").map(|list| {
            list.as_sequence()
                .into_iter()
                .flatten()
                .map(|item| (item.to_text(), item.span))
                .collect()
        });
        definition.manual_confirmation = text_of(self.node, "manual_confirmation");
        definition.run = self.node.get_some("run").map(|steps| steps.to_json().to_string());
        definition.secrets = self.secrets();
        let both = pages.as_ref().is_some_and(|pages| pages.publish.is_some());
        entry.publishes_twice = publish.is_some() && both;
        if is_pages_job(&entry.name, self.node) {
            publish_pages(&mut entry.definition, publish, pages);
        }
        true
    }

    /// Names under `secrets`, and what else a job must not run without.
    fn secrets(&self) -> Vec<String> {
        let mut names: Vec<String> = match self.node.get_some("secrets") {
            Some(node) => match node.as_mapping() {
                Some(mapping) => mapping.keys().map(ToString::to_string).collect(),
                None => texts(node),
            },
            None => Vec::new(),
        };
        let identity = self.node.get_some("identity").is_some()
            || self.around.defaults.identity && self.inherits.includes("identity");
        if identity {
            names.push("identity".to_owned());
        }
        names
    }
}

/// The published folder joins the artifacts.
fn publish_pages(definition: &mut JobDefinition, publish: Option<String>, pages: Option<Pages>) {
    let mut pages = pages.unwrap_or_default();
    let folder = pages.publish.take().or(publish).unwrap_or_else(|| "public".to_owned());
    let artifacts = definition.artifacts.get_or_insert_default();
    if !artifacts.paths.contains(&folder) {
        artifacts.paths.push(folder.clone());
    }
    pages.publish = Some(folder);
    definition.pages = Some(pages);
}
