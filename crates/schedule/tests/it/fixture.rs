//! Pipelines as text: one job a line, `name stage-index [words…]`.
//!
//! Words: a `when`, `af` (allow_failure), `needs=a,b` (or `needs=`), `in=60` (start_in), `group`
//! (resource group), `bridge`, `interruptible`. Steps: `run a`, `success a`, `drop a`, `play a`,
//! `retry a`, `cancel a`, `due a`, `assign a`; without a job `retry` and `cancel` mean the pipeline.
//! A state is printed as `pipeline | stage stage | job=status job=status`.

use model::job::Need;
use model::{OnJobFailure, Status, When};
use schedule::JobState;
use schedule::simulate::{Fact, Simulation};

pub(crate) struct Fixture {
    jobs: Vec<Line>,
}

struct Line {
    name: String,
    stage: u32,
    needs: Option<Vec<Need>>,
    words: Vec<String>,
}

impl Fixture {
    pub(crate) fn parse(text: &str) -> Fixture {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Fixture {
            jobs: lines.map(Line::parse).collect(),
        }
    }

    pub(crate) fn states(&self) -> Vec<JobState<'_>> {
        self.jobs.iter().map(Line::state).collect()
    }
}

impl Line {
    fn parse(line: &str) -> Line {
        let mut words = line.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap();
        let stage = words.next().unwrap().parse().unwrap();
        let words: Vec<String> = words.collect();
        let needs = words.iter().find_map(|word| word.strip_prefix("needs=")).map(|names| {
            let names = names.split(',').filter(|name| !name.is_empty());
            names
                .map(|name| Need {
                    name: name.to_owned(),
                    artifacts: true,
                    optional: false,
                })
                .collect()
        });
        Line {
            name,
            stage,
            needs,
            words,
        }
    }

    fn state(&self) -> JobState<'_> {
        let has = |word: &str| self.words.iter().any(|have| have == word);
        JobState {
            name: &self.name,
            stage_index: self.stage,
            status: Status::Created,
            when: self
                .words
                .iter()
                .find_map(|word| word.parse().ok())
                .unwrap_or(When::OnSuccess),
            allow_failure: has("af"),
            needs: self.needs.as_deref(),
            start_in_seconds: self
                .words
                .iter()
                .find_map(|word| word.strip_prefix("in=")?.parse().ok()),
            has_resource_group: has("group"),
            is_bridge: has("bridge"),
            enqueue_immediately: false,
            interruptible: has("interruptible").then_some(true),
            failure_reason: None,
        }
    }
}

/// Runs the steps and compares the state after each; the first row is the state after creation (step "").
#[track_caller]
pub(crate) fn check(jobs: &str, steps: &[(&str, &str)]) {
    check_with(OnJobFailure::None, jobs, steps);
}

#[track_caller]
pub(crate) fn check_with(on_job_failure: OnJobFailure, jobs: &str, steps: &[(&str, &str)]) {
    let fixture = Fixture::parse(jobs);
    let mut pipeline = Simulation::new(fixture.states(), on_job_failure);
    for (step, expected) in steps {
        for part in step.split(", ").filter(|part| !part.is_empty()) {
            take(&mut pipeline, part);
        }
        assert_eq!(print(&pipeline), *expected, "after `{step}`");
    }
}

pub(crate) fn take(pipeline: &mut Simulation<'_>, step: &str) {
    let Some((fact, job)) = step.split_once(' ') else {
        return if step == "retry" {
            pipeline.retry()
        } else {
            pipeline.cancel()
        };
    };
    let fact = match fact {
        "run" => Fact::Run,
        "success" => Fact::Success,
        "drop" => Fact::Drop,
        "play" => Fact::Play,
        "retry" => Fact::Retry,
        "cancel" => Fact::Cancel,
        "due" => Fact::Due,
        "assign" => Fact::ResourceAssigned,
        other => panic!("unknown step {other}"),
    };
    let job = pipeline.find(job).unwrap_or_else(|| panic!("no job {job}"));
    pipeline.happen(fact, job).unwrap();
}

pub(crate) fn print(pipeline: &Simulation<'_>) -> String {
    let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.1.as_str()).collect();
    let jobs: Vec<String> = pipeline
        .jobs
        .iter()
        .map(|job| format!("{}={}", job.name, job.status))
        .collect();
    format!("{} | {} | {}", pipeline.pipeline, stages.join(" "), jobs.join(" "))
}
