//! The variables that a bridge passes down (ci-yaml.md 10): those of the configuration, and on request
//! those of the pipeline, each expanded once with everything the bridge knows.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use compile::variables::{Undefined, expand, expand_name, single_references};
use model::definition::{GivenVariable, YamlVariable};
use model::{Project, VariableKind};
use store::ops::variables::VariableOwner;

use crate::App;
use crate::bridges::origin::Origin;
use crate::error::Result;
use crate::project_variables;
use crate::runners::variables::{JobFacts, JobVariable, of_bridge};

/// Bytes that references may put into all values together; a chain of pipelines that each double a
/// value would fill the memory otherwise. Beyond it references vanish.
const MAX_INSERTED_BYTES: usize = 8 << 20;

/// Which protected variables the downstream pipeline may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    project: bool,
    group: bool,
}

impl Reach {
    /// Those of a project stay in the project, those of a group in the group.
    pub(super) fn between(origin: &Origin, downstream: &Project) -> Reach {
        let own = &origin.gathered.project;
        let same = own.id == downstream.id;
        let in_group = origin.gathered.namespace.user_id.is_none();
        Reach {
            project: same,
            group: same || (in_group && own.namespace_id == downstream.namespace_id),
        }
    }
}

/// The variables that a bridge knows, the last of a name.
pub(super) struct Variables {
    known: HashMap<String, JobVariable>,
}

impl Variables {
    /// All of them.
    pub(super) fn of(app: &App, origin: &Origin) -> Variables {
        Variables::of_facts(&origin.gathered.job_facts(app, &origin.predefined))
    }

    fn of_facts(facts: &JobFacts<'_>) -> Variables {
        let all = of_bridge(facts).into_iter();
        Variables {
            known: all.map(|variable| (variable.key.clone(), variable)).collect(),
        }
    }

    /// Expands the name of a project or branch: unknown variables vanish.
    pub(super) fn expand_name(&self, text: &str) -> String {
        let lookup = |name: &str| self.known.get(name).map(|variable| Cow::Owned(variable.value.clone()));
        expand_name(text, Undefined::Blank, &lookup).into_owned()
    }

    /// Returns what the downstream pipeline is given; of a name the last one counts.
    ///
    /// # Errors
    ///
    /// When a stored variable cannot be opened.
    pub(super) fn passed(self, app: &App, origin: &Origin, reach: Reach) -> Result<Vec<GivenVariable>> {
        let visible = self.within(app, origin, reach)?;
        let (trigger, gathered) = (&origin.trigger, &origin.gathered);
        let mut written: Vec<GivenVariable> = Vec::new();
        if trigger.forward_yaml_variables.unwrap_or(true) {
            let rules = &gathered.job.rule_variables;
            written.extend(gathered.definition.variables.iter().chain(rules).map(from_yaml));
        }
        if trigger.forward_pipeline_variables.unwrap_or(false) {
            written.extend(gathered.dotenv.iter().map(from_dotenv));
            written.extend(gathered.given.iter().cloned());
        }
        Ok(pass(&last_of_each(written), &visible.known))
    }

    /// Without what must not leave the project or group.
    fn within(self, app: &App, origin: &Origin, reach: Reach) -> Result<Variables> {
        let gathered = &origin.gathered;
        let may_leave = |owner: &VariableOwner| match owner {
            VariableOwner::Instance => true,
            VariableOwner::Group(_) => reach.group,
            VariableOwner::Project(_) => reach.project,
        };
        let kept = gathered
            .sealed
            .iter()
            .filter(|(owner, one)| !one.set.protected || may_leave(owner));
        let kept: Vec<_> = kept.cloned().collect();
        if kept.len() == gathered.sealed.len() {
            return Ok(self);
        }
        let mut stored = Vec::new();
        project_variables::open_into(&app.keys, &kept, gathered.pipeline.protected, &mut stored)?;
        let facts = JobFacts {
            stored: &stored,
            ..gathered.job_facts(app, &origin.predefined)
        };
        Ok(Variables::of_facts(&facts))
    }
}

fn from_yaml(variable: &YamlVariable) -> GivenVariable {
    GivenVariable {
        key: variable.key.clone(),
        value: variable.value.clone(),
        kind: VariableKind::EnvVar,
        raw: variable.raw,
    }
}

fn from_dotenv((key, value): &(String, String)) -> GivenVariable {
    GivenVariable {
        key: key.clone(),
        value: value.clone(),
        kind: VariableKind::EnvVar,
        raw: false,
    }
}

/// Keeps the last of each name, in the order of those.
fn last_of_each(mut variables: Vec<GivenVariable>) -> Vec<GivenVariable> {
    let last: HashMap<String, usize> = variables
        .iter()
        .enumerate()
        .map(|(index, variable)| (variable.key.clone(), index))
        .collect();
    let mut index = 0;
    variables.retain(|variable| {
        index += 1;
        last.get(&variable.key) == Some(&(index - 1))
    });
    variables
}

/// Expands the values. A reference to a file stays as it is, and the file goes with it.
fn pass(written: &[GivenVariable], known: &HashMap<String, JobVariable>) -> Vec<GivenVariable> {
    let room = Cell::new(MAX_INSERTED_BYTES);
    let lookup = |name: &str| match known.get(name) {
        Some(variable) if variable.file => None,
        Some(variable) if variable.value.len() <= room.get() => {
            room.set(room.get() - variable.value.len());
            Some(Cow::Owned(variable.value.clone()))
        }
        Some(_) | None => Some(Cow::Borrowed("")),
    };
    let mut passed = Vec::with_capacity(written.len());
    for variable in written {
        // Neither what is raw nor the content of a file is looked into.
        if variable.raw || variable.kind == VariableKind::File {
            passed.push(variable.clone());
            continue;
        }
        passed.push(GivenVariable {
            value: expand(&variable.value, Undefined::Keep, &lookup).into_owned(),
            ..variable.clone()
        });
        let files = single_references(&variable.value).filter_map(|name| known.get(name));
        passed.extend(files.filter(|found| found.file).map(|file| GivenVariable {
            key: file.key.clone(),
            value: file.value.clone(),
            kind: VariableKind::File,
            raw: file.raw,
        }));
    }
    last_of_each(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(key: &str, value: &str) -> GivenVariable {
        GivenVariable {
            key: key.to_owned(),
            value: value.to_owned(),
            kind: VariableKind::EnvVar,
            raw: false,
        }
    }

    fn known(list: &[(&str, &str, bool)]) -> HashMap<String, JobVariable> {
        let variable = |(key, value, file): &(&str, &str, bool)| JobVariable {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            file: *file,
            ..JobVariable::default()
        };
        list.iter().map(|one| (one.0.to_owned(), variable(one))).collect()
    }

    fn shown(passed: &[GivenVariable]) -> Vec<String> {
        let show = |v: &GivenVariable| format!("{}={}{}", v.key, v.value, if v.raw { " raw" } else { "" });
        passed.iter().map(show).collect()
    }

    #[test]
    fn values_are_expanded_once_and_unknown_references_vanish() {
        let known = known(&[("A", "1 $B", false), ("B", "2", false)]);
        let raw = GivenVariable {
            raw: true,
            ..given("RAW", "$A")
        };
        let passed = pass(&[given("X", "<$A> <${B}> <%B%> <$UNKNOWN>"), raw], &known);
        assert_eq!(shown(&passed), ["X=<1 $B> <2> <2> <>", "RAW=$A raw"]);
    }

    #[test]
    fn a_reference_to_a_file_stays_and_takes_the_file_along() {
        let known = known(&[("KEY", "secret", true), ("A", "1", false)]);
        let passed = pass(&[given("X", "${KEY}.pub $A")], &known);
        assert_eq!(shown(&passed), ["X=${KEY}.pub 1", "KEY=secret"]);
        assert_eq!(passed[1].kind, VariableKind::File);
    }

    #[test]
    fn of_a_name_the_last_one_is_passed() {
        let list = last_of_each(vec![given("A", "1"), given("B", "2"), given("A", "3")]);
        assert_eq!(shown(&list), ["B=2", "A=3"]);
    }

    #[test]
    fn what_references_insert_is_bounded() {
        let long = "x".repeat(1 << 20);
        let known = known(&[("LONG", &long, false)]);
        let passed = pass(&vec![given("A", "$LONG"); 100], &known);
        let many: Vec<GivenVariable> = (0..100).map(|n| given(&format!("V{n}"), "$LONG")).collect();
        assert_eq!(passed.len(), 1);
        let total: usize = pass(&many, &known).iter().map(|v| v.value.len()).sum();
        assert_eq!(total, MAX_INSERTED_BYTES);
    }
}
