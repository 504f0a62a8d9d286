//! Checks across jobs: stages, dependencies, needs, stop jobs, circles (ci-yaml.md 9).
//!
//! GitLab raises the first of these errors and stops; so there is one message at most.

use indexmap::IndexMap;

use crate::entry::Finding;
use crate::entry::hint::did_you_mean;
use crate::normalize::NormalJob;
use crate::yaml::Span;

type Jobs = IndexMap<String, NormalJob>;

const LONGEST_NEED: usize = 255;

/// Checks all jobs in the order of the file.
///
/// # Errors
///
/// GitLab's message for the first thing that is wrong.
pub(crate) fn check(jobs: &Jobs, stages: &[String], nameable: &[String]) -> Result<(), Finding> {
    for (name, job) in jobs {
        let checker = Checker {
            jobs,
            stages,
            nameable,
            name,
            job,
        };
        checker.stage()?;
        for (dependency, span) in job.entry.dependencies.iter().flatten() {
            checker.dependency(dependency, "dependency", false, *span)?;
        }
        checker.needs(job.entry.needs.iter().flat_map(|needs| &needs.jobs))?;
        for rule in job.entry.rules.iter().flatten() {
            checker.needs(rule.needs.iter())?;
        }
        for (dependency, span) in &job.entry.trigger_jobs {
            checker.dependency(dependency, "dependency", false, *span)?;
        }
        checker.on_stop()?;
        if job.entry.publishes_twice {
            let text = format!("{name} job: use either {name}:publish or {name}:pages:publish");
            return Err(Finding::new(text, job.entry.span));
        }
    }
    circles(jobs)
}

/// Longest name of a stage that can be stored, in characters.
pub const LONGEST_STAGE: usize = 255;

/// Returns remarks about what only stands in the way of a pipeline: GitLab's lint accepts it.
pub(crate) fn remarks(jobs: &Jobs) -> impl Iterator<Item = Finding> {
    let too_long = |job: &&NormalJob| job.entry.stage.chars().count() > LONGEST_STAGE;
    jobs.values().filter(too_long).map(|job| {
        let text = format!(
            "{} job: stage name is too long (maximum is {LONGEST_STAGE} characters): no pipeline can have this job",
            job.name
        );
        Finding::new(text, job.entry.stage_span)
    })
}

struct Checker<'a> {
    jobs: &'a Jobs,
    stages: &'a [String],
    nameable: &'a [String],
    name: &'a str,
    job: &'a NormalJob,
}

impl Checker<'_> {
    fn fail(&self, text: impl std::fmt::Display, span: Span) -> Finding {
        Finding::new(format!("{} job: {text}", self.name), span)
    }

    fn stage(&self) -> Result<(), Finding> {
        let stage = &self.job.entry.stage;
        if self.nameable.contains(stage) {
            return Ok(());
        }
        let known = self.stages.join(", ");
        let text = format!("chosen stage {stage} does not exist; available stages are {known}");
        let mut finding = self.fail(text, self.job.entry.stage_span);
        finding.hint = did_you_mean(stage, self.stages.iter().map(String::as_str));
        Err(finding)
    }

    fn needs<'n>(
        &self,
        needs: impl Iterator<Item = &'n crate::entry::needs::NeedEntry> + Clone,
    ) -> Result<(), Finding> {
        for need in needs.clone() {
            self.dependency(&need.name, "need", need.optional, need.span)?;
        }
        let mut counts: IndexMap<&str, (usize, Span)> = IndexMap::new();
        for need in needs {
            let count = counts.entry(&need.name).or_insert((0, need.span));
            *count = (count.0 + 1, need.span);
        }
        let twice: Vec<(&str, Span)> = counts
            .into_iter()
            .filter(|(_, (count, _))| *count > 1)
            .map(|(name, (_, span))| (name, span))
            .collect();
        let Some((_, span)) = twice.first() else { return Ok(()) };
        let names: Vec<&str> = twice.iter().map(|(name, _)| *name).collect();
        let text = format!(
            "{} has the following needs duplicated: {}.",
            self.name,
            names.join(", ")
        );
        Err(Finding::new(text, *span))
    }

    fn dependency(&self, name: &str, kind: &str, optional: bool, span: Span) -> Result<(), Finding> {
        let Some(other) = self.jobs.get(name) else {
            if optional {
                return Ok(());
            }
            let mut finding = self.fail(format_args!("undefined {kind}: {name}"), span);
            let others = self.jobs.keys().map(String::as_str).filter(|other| *other != self.name);
            finding.hint = did_you_mean(name, others);
            return Err(finding);
        };
        if kind == "need" && name.chars().count() > LONGEST_NEED {
            let text = format!("need `{name}` name is too long (maximum is {LONGEST_NEED} characters)");
            return Err(self.fail(text, span));
        }
        let index = |job: &NormalJob| self.stages.iter().position(|stage| *stage == job.entry.stage);
        match (index(other), index(self.job)) {
            (Some(theirs), Some(ours)) if theirs <= ours => Ok(()),
            _ => Err(self.fail(
                format_args!("{kind} {name} is not defined in current or prior stages"),
                span,
            )),
        }
    }

    fn on_stop(&self) -> Result<(), Finding> {
        let environment = self.job.entry.definition.environment.as_ref();
        let Some((environment, stop)) = environment.and_then(|env| Some((env, env.on_stop.as_ref()?))) else {
            return Ok(());
        };
        let fail = |what: &str| Err(self.fail(format_args!("on_stop job {stop} {what}"), self.job.entry.span));
        let Some(job) = self.jobs.get(stop) else {
            return fail("is not defined");
        };
        let Some(other) = &job.entry.definition.environment else {
            return fail("does not have environment defined");
        };
        if other.name != environment.name {
            return fail("have different environment name");
        }
        if other.action.as_deref() != Some("stop") {
            return fail("needs to have action stop defined");
        }
        Ok(())
    }
}

/// Finds a circle of needs, as Ruby's `TSort` finds and prints it.
fn circles(jobs: &Jobs) -> Result<(), Finding> {
    let children: Vec<Vec<usize>> = jobs
        .values()
        .map(|job| {
            let needs = job.entry.needs.iter().flat_map(|needs| &needs.jobs);
            needs.filter_map(|need| jobs.get_index_of(&need.name)).collect()
        })
        .collect();
    let fail = |text: String, job: usize| {
        Finding::new(
            format!("The pipeline has circular dependencies: {text}"),
            jobs[job].entry.span,
        )
    };
    Search {
        children: &children,
        ids: vec![Id::New; jobs.len()],
        stack: Vec::new(),
        next: 0,
    }
    .run()
    .map_err(|circle| {
        let names: Vec<&str> = circle.iter().map(|job| jobs[*job].name.as_str()).collect();
        match names[..] {
            [name] => fail(format!("self-dependency: {name}"), circle[0]),
            _ => fail(format!("topological sort failed: {names:?}"), circle[0]),
        }
    })
}

#[derive(Clone, Copy)]
enum Id {
    New,
    Open(usize),
    Done,
}

/// Tarjan's search for strongly connected components, without recursion.
struct Search<'a> {
    children: &'a [Vec<usize>],
    ids: Vec<Id>,
    stack: Vec<usize>,
    next: usize,
}

/// One job on the way down.
struct Frame {
    job: usize,
    id: usize,
    lowest: usize,
    stack_length: usize,
    child: usize,
}

impl Search<'_> {
    /// Returns the first circle as an error: one job that needs itself, or several.
    fn run(mut self) -> Result<(), Vec<usize>> {
        for start in 0..self.children.len() {
            if matches!(self.ids[start], Id::New) {
                self.from(start)?;
            }
        }
        Ok(())
    }

    fn open(&mut self, job: usize) -> Result<Frame, Vec<usize>> {
        let id = self.next;
        self.next += 1;
        self.ids[job] = Id::Open(id);
        let stack_length = self.stack.len();
        self.stack.push(job);
        if self.children[job].contains(&job) {
            return Err(vec![job]);
        }
        Ok(Frame {
            job,
            id,
            lowest: id,
            stack_length,
            child: 0,
        })
    }

    fn from(&mut self, start: usize) -> Result<(), Vec<usize>> {
        let mut frames = vec![self.open(start)?];
        while let Some(frame) = frames.last_mut() {
            if let Some(child) = self.children[frame.job].get(frame.child).copied() {
                frame.child += 1;
                match self.ids[child] {
                    Id::Open(id) => frame.lowest = frame.lowest.min(id),
                    Id::Done => {}
                    Id::New => {
                        let below = self.open(child)?;
                        frames.push(below);
                    }
                }
                continue;
            }
            let Some(frame) = frames.pop() else { break };
            if frame.id == frame.lowest {
                let component = self.stack.split_off(frame.stack_length);
                for job in &component {
                    self.ids[*job] = Id::Done;
                }
                if component.len() > 1 {
                    return Err(component);
                }
            }
            if let Some(above) = frames.last_mut() {
                above.lowest = above.lowest.min(frame.lowest);
            }
        }
        Ok(())
    }
}
