//! Which of the waiting runners gets which of the pending jobs.
//!
//! Jobs that look alike to a runner (project, tags, protection) form one line. A runner is compared
//! with the head of each line, not with each job, so a thousand runners and ten thousand jobs are
//! no more work than a thousand runners and a few kinds of jobs.

use std::collections::{HashMap, VecDeque};

use model::{JobId, ProjectId, Runner, RunnerType};

use crate::matching::{JobFacts, matches};

/// A pending job.
#[derive(Clone, Copy, Debug)]
pub struct Queued<'a> {
    /// Its id: lower ones come first.
    pub job: JobId,
    /// What matters to runners.
    pub facts: JobFacts<'a>,
}

/// Gives each runner, in the order in which they ask, at most one job: pairs of indexes.
///
/// Project and group runners take the oldest job. Instance runners first serve the project with the
/// fewest jobs on instance runners: `running`, and those handed out before in this call.
#[must_use]
pub fn assign(runners: &[&Runner], queue: &[Queued<'_>], running: &HashMap<ProjectId, u32>) -> Vec<(usize, usize)> {
    let mut lines = lines(queue);
    let mut running = running.clone();
    let mut pairs = Vec::new();
    for (index, runner) in runners.iter().enumerate() {
        if lines.is_empty() {
            break;
        }
        let is_instance = runner.runner_type == RunnerType::Instance;
        let rank = |line: &Line<'_>| {
            let load = running.get(&line.facts.project_id).copied().unwrap_or_default();
            (if is_instance { load } else { 0 }, line.head(queue))
        };
        let fitting = (0..lines.len()).filter(|line| matches(runner, lines[*line].facts).is_ok());
        let Some(best) = fitting.min_by_key(|line| rank(&lines[*line])) else {
            continue;
        };
        let line = &mut lines[best];
        let job = line
            .jobs
            .pop_front()
            .expect("a line without jobs is taken away at once");
        if is_instance {
            *running.entry(line.facts.project_id).or_default() += 1;
        }
        if line.jobs.is_empty() {
            lines.swap_remove(best);
        }
        pairs.push((index, job));
    }
    pairs
}

/// Jobs that look alike to every runner, oldest first. Never empty.
struct Line<'a> {
    facts: JobFacts<'a>,
    jobs: VecDeque<usize>,
}

impl Line<'_> {
    fn head(&self, queue: &[Queued<'_>]) -> Option<JobId> {
        self.jobs.front().map(|job| queue[*job].job)
    }
}

fn lines<'a>(queue: &[Queued<'a>]) -> Vec<Line<'a>> {
    let mut oldest_first: Vec<usize> = (0..queue.len()).collect();
    oldest_first.sort_unstable_by_key(|job| queue[*job].job);
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut known: HashMap<JobFacts<'a>, usize> = HashMap::new();
    for job in oldest_first {
        let facts = queue[job].facts;
        let line = *known.entry(facts).or_insert_with(|| {
            lines.push(Line {
                facts,
                jobs: VecDeque::new(),
            });
            lines.len() - 1
        });
        lines[line].jobs.push_back(job);
    }
    lines
}
