//! The jobs of a pipeline as a graph: who needs whom, in which order to look at them.

use std::collections::HashMap;

use crate::job_state::JobState;

/// Names resolved to indexes, once for all questions about one pipeline.
pub(crate) struct Graph {
    /// For each job the jobs it needs that exist; empty for a stage job.
    needs: Vec<Vec<u32>>,
}

impl Graph {
    pub(crate) fn new(jobs: &[JobState<'_>]) -> Graph {
        if jobs.iter().all(|job| job.needs.is_none_or(<[_]>::is_empty)) {
            return Graph {
                needs: vec![Vec::new(); jobs.len()],
            };
        }
        let by_name: HashMap<&str, u32> = (0u32..).zip(jobs).map(|(index, job)| (job.name, index)).collect();
        let resolve = |job: &JobState<'_>| {
            let needs = job.needs.unwrap_or_default();
            needs
                .iter()
                .filter_map(|need| by_name.get(need.name.as_str()).copied())
                .collect()
        };
        Graph {
            needs: jobs.iter().map(resolve).collect(),
        }
    }

    /// The jobs that `job` needs and that exist.
    pub(crate) fn needs(&self, job: usize) -> impl Iterator<Item = usize> {
        self.needs[job].iter().map(|need| *need as usize)
    }

    /// All jobs, by stage, and inside a stage those that are needed before those that need them.
    ///
    /// A cycle (which the compiler refuses) gives some order and no endless loop.
    pub(crate) fn order(&self, jobs: &[JobState<'_>]) -> Vec<usize> {
        let mut by_stage: Vec<usize> = (0..jobs.len()).collect();
        by_stage.sort_by_key(|job| jobs[*job].stage_index);
        if self.needs.iter().all(Vec::is_empty) {
            return by_stage;
        }
        let mut order = Vec::with_capacity(jobs.len());
        let mut seen = vec![false; jobs.len()];
        // Depth first with a stack of our own: a chain may be as long as the pipeline.
        let mut stack: Vec<(usize, usize)> = Vec::new();
        for root in by_stage {
            if std::mem::replace(&mut seen[root], true) {
                continue;
            }
            stack.push((root, 0));
            while let Some((job, next)) = stack.pop() {
                match self.needs[job].get(next) {
                    None => order.push(job),
                    Some(need) => {
                        stack.push((job, next + 1));
                        let need = *need as usize;
                        let same_stage = jobs[need].stage_index == jobs[job].stage_index;
                        if same_stage && !std::mem::replace(&mut seen[need], true) {
                            stack.push((need, 0));
                        }
                    }
                }
            }
        }
        order
    }

    /// The jobs that need one of `jobs`, directly or through others, without `jobs` themselves.
    pub(crate) fn dependants(&self, jobs: &[usize]) -> Vec<usize> {
        let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); self.needs.len()];
        for (job, needs) in self.needs.iter().enumerate() {
            for need in needs {
                needed_by[*need as usize].push(job);
            }
        }
        let mut seen = vec![false; self.needs.len()];
        for job in jobs {
            seen[*job] = true;
        }
        let mut open = jobs.to_vec();
        let mut found = Vec::new();
        while let Some(job) = open.pop() {
            for dependant in &needed_by[job] {
                if !std::mem::replace(&mut seen[*dependant], true) {
                    found.push(*dependant);
                    open.push(*dependant);
                }
            }
        }
        found.sort_unstable();
        found
    }
}
