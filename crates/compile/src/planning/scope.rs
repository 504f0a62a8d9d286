//! Which variable wins: the precedence list of rules-and-variables.md 5, for one job or for the
//! whole pipeline, without copying values.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};

use model::When;
use model::definition::{YamlVariable, group_name};

use crate::config::{Config, ConfigJob, PlanRequest};
use crate::plan::{Variable, VariableOrigin};
use crate::regex::RegexCache;
use crate::variables::{
    Cycle, Definition, Purpose, Undefined, expand, expand_all, expand_all_for_name, expand_name, has_reference,
};

/// The variables of a pipeline, ready to be looked up.
pub(crate) struct Table<'a> {
    config: &'a Config,
    request: &'a PlanRequest<'a>,
    predefined: HashMap<&'a str, &'a Variable>,
    /// Those for all environments.
    overriding: HashMap<&'a str, (usize, &'a Variable)>,
    /// Those for some environments.
    scoped: Vec<(usize, &'a Variable)>,
    /// Of the matching workflow rule.
    workflow: &'a [YamlVariable],
    /// The pipeline's number, once workflow rules have decided that there is to be one.
    iid: Option<i64>,
    pub(crate) regexes: RegexCache,
    /// With tracing: the names that were looked up.
    looked_at: Option<RefCell<BTreeSet<String>>>,
    /// Whether variables go round in circles already without those of a job.
    base_cycle: OnceCell<bool>,
}

/// The variables that one job, or the pipeline as a whole, sees.
pub(crate) struct Scope<'t, 'a> {
    pub(crate) table: &'t Table<'a>,
    job: Option<&'a ConfigJob>,
    environment: Option<String>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(config: &'a Config, request: &'a PlanRequest<'a>, trace: bool) -> Table<'a> {
        let mut overriding = HashMap::with_capacity(request.overriding.len());
        let mut scoped = Vec::new();
        for (index, variable) in request.overriding.iter().enumerate() {
            match variable.environment_scope.as_deref() {
                None | Some("*") => {
                    overriding.insert(variable.key.as_ref(), (index, variable));
                }
                Some(_) => scoped.push((index, variable)),
            }
        }
        Table {
            config,
            request,
            predefined: request
                .predefined
                .iter()
                .map(|variable| (variable.key.as_ref(), variable))
                .collect(),
            overriding,
            scoped,
            workflow: &[],
            iid: None,
            regexes: RegexCache::default(),
            looked_at: trace.then(RefCell::default),
            base_cycle: OnceCell::new(),
        }
    }

    pub(crate) fn set_workflow(&mut self, variables: &'a [YamlVariable]) {
        self.workflow = variables;
    }

    /// From now on the pipeline has its number.
    pub(crate) fn set_iid(&mut self, iid: Option<i64>) {
        self.iid = iid;
    }

    /// Returns the names that were looked up so far, and notes no more.
    pub(crate) fn take_looked_at(&mut self) -> Vec<String> {
        let names = self.looked_at.take().map(RefCell::into_inner);
        names.unwrap_or_default().into_iter().collect()
    }

    fn note(&self, name: &str) {
        if let Some(names) = &self.looked_at
            && !names.borrow().contains(name)
        {
            names.borrow_mut().insert(name.to_owned());
        }
    }

    /// The variables of the matching workflow rule.
    pub(crate) fn workflow(&self) -> &'a [YamlVariable] {
        self.workflow
    }

    /// What workflow rules see: no variables of jobs.
    pub(crate) fn global(&self) -> Scope<'_, 'a> {
        Scope {
            table: self,
            job: None,
            environment: None,
        }
    }

    /// What the rules of a job see.
    pub(crate) fn of_job(&self, job: &'a ConfigJob) -> Scope<'_, 'a> {
        let mut scope = self.of_job_in(job, None);
        if let Some(environment) = &job.definition.environment {
            scope.environment = Some(scope.expand_nested(&environment.name, Undefined::Blank));
        }
        scope
    }

    /// As [`Table::of_job`], when its environment is expanded already.
    pub(crate) fn of_job_in(&self, job: &'a ConfigJob, environment: Option<String>) -> Scope<'_, 'a> {
        Scope {
            table: self,
            job: Some(job),
            environment,
        }
    }

    fn overriding(&self, name: &str, environment: Option<&str>) -> Option<&'a Variable> {
        let plain = self.overriding.get(name).copied();
        let Some(environment) = environment.filter(|_| !self.scoped.is_empty()) else {
            return plain.map(|(_, variable)| variable);
        };
        let fitting = self.scoped.iter().copied().filter(|(_, variable)| {
            variable.key == name
                && variable
                    .environment_scope
                    .as_deref()
                    .is_some_and(|scope| fits(scope, environment))
        });
        fitting
            .chain(plain)
            .max_by_key(|(index, variable)| rank(*index, variable, environment))
            .map(|(_, v)| v)
    }

    /// Says whether the variables of the pipeline alone need each other in a circle.
    fn has_base_cycle(&self) -> bool {
        *self.base_cycle.get_or_init(|| self.global().cycle_check().is_some())
    }
}

/// Order of precedence: by origin, then (project) by how exact the environment scope is, then as given.
fn rank(index: usize, variable: &Variable, environment: &str) -> (VariableOrigin, usize, usize) {
    let exactness = match variable.environment_scope.as_deref() {
        _ if variable.origin != VariableOrigin::Project => 0,
        None | Some("*") => 0,
        Some(scope) if scope == environment => usize::MAX,
        Some(scope) => scope.len(),
    };
    (variable.origin, exactness, index)
}

/// Whether an environment scope with `*` covers the environment.
fn fits(scope: &str, environment: &str) -> bool {
    let Some((first, rest)) = scope.split_once('*') else {
        return scope == environment;
    };
    let Some(mut left) = environment.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

impl<'a> Scope<'_, 'a> {
    pub(crate) fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// The unexpanded value that wins.
    pub(crate) fn lookup(&self, name: &str) -> Option<Cow<'a, str>> {
        self.table.note(name);
        if self.job.is_none() && (name.starts_with("CI_JOB") || name.starts_with("CI_BUILD")) {
            return None;
        }
        if let Some(variable) = self.table.overriding(name, self.environment()) {
            return Some(Cow::Borrowed(&variable.value));
        }
        if let Some(variable) = self.yaml(name) {
            return Some(Cow::Borrowed(&variable.value));
        }
        match self.table.predefined.get(name) {
            Some(variable) => Some(Cow::Borrowed(&variable.value)),
            None => self.job_predefined(name),
        }
    }

    /// Where the value that wins comes from, and whether it must not be shown.
    pub(crate) fn origin(&self, name: &str) -> (Option<VariableOrigin>, bool) {
        if let Some(variable) = self.table.overriding(name, self.environment()) {
            return (Some(variable.origin), variable.masked);
        }
        if self.yaml(name).is_some() {
            return (Some(VariableOrigin::Yaml), false);
        }
        let predefined = self.table.predefined.get(name);
        predefined.map_or((None, false), |variable| (Some(variable.origin), variable.masked))
    }

    /// Replaces values of masked variables in a message.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let all = self
            .table
            .request
            .overriding
            .iter()
            .chain(self.table.request.predefined);
        for variable in all.filter(|variable| variable.masked && !variable.value.is_empty()) {
            text = text.replace(&variable.value, "[MASKED]");
        }
        text
    }

    fn yaml(&self, name: &str) -> Option<&'a YamlVariable> {
        let of_workflow = || self.table.workflow.iter().find(|variable| variable.key == name);
        let Some(job) = self.job else {
            let root = || {
                self.table
                    .config
                    .variables
                    .iter()
                    .map(|root| &root.variable)
                    .find(|v| v.key == name)
            };
            return of_workflow().or_else(root);
        };
        let own = || job.definition.variables.iter().find(|variable| variable.key == name);
        if self.takes_from_workflow(job, name) {
            of_workflow().or_else(own)
        } else {
            own()
        }
    }

    fn takes_from_workflow(&self, job: &ConfigJob, name: &str) -> bool {
        !self.table.workflow.is_empty()
            && job.definition.inherit_variables.includes(name)
            && !job.own_keys.iter().any(|key| key == name)
    }

    fn job_predefined(&self, name: &str) -> Option<Cow<'a, str>> {
        if name == "CI_PIPELINE_IID" {
            return self.table.iid.map(|iid| Cow::Owned(iid.to_string()));
        }
        let Some(job) = self.job else {
            // Workflow rules are evaluated as if for a job, without what is about that job.
            return (name == "CI_NODE_TOTAL").then_some(Cow::Borrowed("1"));
        };
        let definition = job.definition.as_ref();
        if let Some(rest) = name.strip_prefix("CI_ENVIRONMENT_") {
            let name = self.environment.as_ref()?;
            let environment = definition.environment.as_ref()?;
            return match rest {
                "NAME" => Some(Cow::Owned(name.clone())),
                "ACTION" => Some(Cow::Borrowed(environment.action.as_deref().unwrap_or("start"))),
                "TIER" => environment.deployment_tier.as_deref().map(Cow::Borrowed),
                "URL" => environment.url.as_deref().map(Cow::Borrowed),
                _ => None,
            };
        }
        match name {
            "CI_JOB_NAME" => Some(Cow::Borrowed(&definition.name)),
            "CI_JOB_NAME_SLUG" => Some(Cow::Owned(model::text::slug(&definition.name))),
            "CI_JOB_GROUP_NAME" => Some(Cow::Borrowed(group_name(&definition.name))),
            "CI_JOB_STAGE" => Some(Cow::Borrowed(&definition.stage)),
            "CI_JOB_MANUAL" if matches!(job.when, When::Manual | When::Delayed) => Some(Cow::Borrowed("true")),
            "CI_NODE_INDEX" => definition.parallel.map(|(index, _)| Cow::Owned(index.to_string())),
            "CI_NODE_TOTAL" => Some(Cow::Owned(
                definition.parallel.map_or(1, |(_, total)| total).to_string(),
            )),
            _ => None,
        }
    }

    /// E2 over unexpanded values: unknown references stay.
    pub(crate) fn expand_once(&self, text: &str) -> String {
        expand_name(text, Undefined::Keep, &|name| self.lookup(name)).into_owned()
    }

    /// E1 or E2 over values that are expanded in one another first.
    pub(crate) fn expand_nested(&self, text: &str, undefined: Undefined) -> String {
        if !has_reference(text) {
            return text.to_owned();
        }
        let reachable = self.reachable(text);
        let list = self.definitions(&|key| reachable.contains(key));
        let values = expand_all_for_name(&list).unwrap_or(list);
        let lookup = |name: &str| {
            values
                .iter()
                .rev()
                .find(|definition| definition.key == name)
                .map(|d| d.value.clone())
        };
        expand_name(text, undefined, &lookup).into_owned()
    }

    /// Names that the text refers to, directly or through other variables.
    fn reachable(&self, text: &str) -> HashSet<String> {
        let mut reachable: HashSet<String> = HashSet::new();
        let mut open = names_in(text);
        while let Some(name) = open.pop() {
            if !reachable.contains(&name) {
                self.table.note(&name);
                for definition in self.definitions(&|key| key == name) {
                    if !definition.raw {
                        open.extend(names_in(&definition.value));
                    }
                }
                reachable.insert(name);
            }
        }
        reachable
    }

    /// All variables with such a key, weakest first.
    fn definitions(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<Definition<'a>> {
        const OF_JOB: [&str; 12] = [
            "CI_PIPELINE_IID",
            "CI_JOB_NAME",
            "CI_JOB_NAME_SLUG",
            "CI_JOB_GROUP_NAME",
            "CI_JOB_STAGE",
            "CI_JOB_MANUAL",
            "CI_NODE_INDEX",
            "CI_NODE_TOTAL",
            "CI_ENVIRONMENT_NAME",
            "CI_ENVIRONMENT_ACTION",
            "CI_ENVIRONMENT_TIER",
            "CI_ENVIRONMENT_URL",
        ];
        let plain = |key: &'a str, value: Cow<'a, str>, raw: bool, file: bool| Definition {
            key: Cow::Borrowed(key),
            value,
            raw,
            file,
        };
        let of_job = OF_JOB.into_iter().filter(|key| wanted(key));
        let mut list: Vec<Definition<'a>> = of_job
            .filter_map(|key| Some(plain(key, self.job_predefined(key)?, false, false)))
            .collect();
        let outer = |variable: &'a Variable| {
            plain(
                &variable.key,
                Cow::Borrowed(&variable.value),
                variable.raw,
                variable.file,
            )
        };
        list.extend(
            self.table
                .request
                .predefined
                .iter()
                .filter(|v| wanted(&v.key))
                .map(outer),
        );
        let written: Box<dyn Iterator<Item = &'a YamlVariable>> = match self.job {
            Some(job) => Box::new(job.definition.variables.iter()),
            None => Box::new(self.table.config.variables.iter().map(|root| &root.variable)),
        };
        let added = self.table.workflow.iter();
        let keys = written
            .chain(added)
            .map(|variable| variable.key.as_str())
            .filter(|key| wanted(key));
        let mut seen: HashSet<&str> = HashSet::new();
        for key in keys.filter(|key| seen.insert(key)) {
            if let Some(variable) = self.yaml(key) {
                list.push(plain(key, Cow::Borrowed(&variable.value), variable.raw, false));
            }
        }
        let fits_here = |variable: &Variable| match variable.environment_scope.as_deref() {
            None | Some("*") => true,
            Some(scope) => self.environment().is_some_and(|environment| fits(scope, environment)),
        };
        let overriding = self
            .table
            .request
            .overriding
            .iter()
            .filter(|v| wanted(&v.key) && fits_here(v));
        list.extend(overriding.map(outer));
        list
    }

    /// The circle that variables form, if they do.
    pub(crate) fn cycle(&self) -> Option<Cycle> {
        let own = self.job.is_some_and(|job| job.has_references)
            || self
                .table
                .workflow
                .iter()
                .any(|variable| has_reference(&variable.value))
            || self.environment.is_some() && self.table.scoped.iter().any(|(_, v)| has_reference(&v.value));
        if own || self.table.has_base_cycle() {
            self.cycle_check()
        } else {
            None
        }
    }

    fn cycle_check(&self) -> Option<Cycle> {
        let mut list = self.definitions(&|_| true);
        list.retain(|definition| !definition.raw && has_reference(&definition.value));
        if list.len() < 2 {
            None
        } else {
            expand_all(&list, Purpose::Server).err()
        }
    }
}

/// The names a text refers to.
fn names_in(text: &str) -> Vec<String> {
    let names = RefCell::new(Vec::new());
    _ = expand(text, Undefined::Keep, &|name| {
        names.borrow_mut().push(name.to_owned());
        None
    });
    names.into_inner()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn scopes_match_whole_names_and_stars_anything() {
        for (scope, environment, expected) in [
            ("production", "production", true),
            ("production", "production/eu", false),
            ("review/*", "review/a/b", true),
            ("review/*", "review", false),
            ("*/eu", "prod/eu", true),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(scope, environment), expected, "{scope} {environment}");
        }
    }
}
