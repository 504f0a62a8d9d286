//! What jobs do with environments, and of which tier those are.

use std::collections::HashMap;
use std::sync::Arc;

use model::definition::JobDefinition;
use model::{DefinitionId, Job, Tier};
use store::{Tx, ops};

use crate::error::Result;

/// The environments of some jobs of one project.
#[derive(Default)]
pub(super) struct Environments {
    definitions: HashMap<DefinitionId, Arc<JobDefinition>>,
    tiers: HashMap<String, Tier>,
}

impl Environments {
    pub(super) fn read(tx: &mut dyn Tx, jobs: &[Job]) -> Result<Environments> {
        let jobs: Vec<&Job> = jobs.iter().filter(|job| job.environment.is_some()).collect();
        let Some(first) = jobs.first() else {
            return Ok(Environments::default());
        };
        let mut definitions: Vec<DefinitionId> = jobs.iter().map(|job| job.definition_id).collect();
        definitions.sort_unstable();
        definitions.dedup();
        let mut names: Vec<&str> = jobs.iter().filter_map(|job| job.environment.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        let found = ops::environments::by_names(tx, first.project_id, &names)?;
        Ok(Environments {
            definitions: ops::definitions::get_many(tx, &definitions)?.into_iter().collect(),
            tiers: found.into_iter().map(|one| (one.name, one.tier)).collect(),
        })
    }

    /// What a job does with its environment.
    pub(super) fn action(&self, job: &Job) -> &str {
        let definition = self.definitions.get(&job.definition_id);
        let written = definition.and_then(|definition| definition.environment.as_ref());
        written.map_or("start", |environment| environment.action())
    }

    /// The tier of a job's environment; `None` as long as there is no such environment.
    pub(super) fn tier(&self, job: &Job) -> Option<String> {
        let name = job.environment.as_deref()?;
        self.tiers.get(name).map(ToString::to_string)
    }
}
