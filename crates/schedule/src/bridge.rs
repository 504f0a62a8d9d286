//! What a bridge may start, and what it becomes because of its downstream pipeline (status-machine 9).

use std::collections::HashMap;

use model::{JobEvent, Pipeline, Source, Status};

/// Levels of child pipelines below a pipeline that is nobody's child (GitLab's limit).
pub const MAX_CHILD_LEVELS: usize = 2;

/// Pipelines that start each other, in all projects together (GitLab's limit).
pub const MAX_FAMILY: usize = 1000;

/// How often a project may start the same pipeline again by way of others: once is no loop yet (GitLab's limit).
pub const MAX_SAME: usize = 2;

/// Whether a child of the first of these would be too far down.
///
/// `ancestors` are the pipeline of the bridge and those above it, nearest first.
#[must_use]
pub fn is_too_deep(ancestors: &[Pipeline]) -> bool {
    let Some(own) = ancestors.first() else { return false };
    let in_project = ancestors.iter().take_while(|one| one.project_id == own.project_id);
    in_project.count() > MAX_CHILD_LEVELS
}

/// Whether the pipelines above a bridge to another project go round in a circle: the same project, ref
/// and source more than twice.
#[must_use]
pub fn is_loop(ancestors: &[Pipeline]) -> bool {
    let mut seen: HashMap<_, usize> = HashMap::new();
    let not_children = ancestors.iter().filter(|one| one.source != Source::ParentPipeline);
    for one in not_children {
        *seen.entry((one.project_id, &one.git_ref.name, one.source)).or_default() += 1;
    }
    seen.values().any(|times| *times > MAX_SAME)
}

/// How a bridge follows its downstream pipeline (`trigger:strategy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Not written: creating it is enough.
    None,
    /// The bridge ends when the downstream ends.
    Depend,
    /// The bridge has the downstream's status.
    Mirror,
}

impl Strategy {
    /// Reads the word of the configuration; an unknown one (which the compiler refuses) counts as not written.
    #[must_use]
    pub fn from_word(word: Option<&str>) -> Strategy {
        match word {
            Some("depend") => Strategy::Depend,
            Some("mirror") => Strategy::Mirror,
            _ => Strategy::None,
        }
    }
}

/// What becomes of a bridge that has a downstream pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// It stays as it is.
    Stay,
    /// This event happens to it; its `failure_reason` stays empty.
    Event(JobEvent),
    /// It takes over a status that no event of its own leads to: with `mirror`, or because the
    /// downstream went on after the bridge had ended with it.
    Enter(Status),
}

/// Decides what a bridge becomes from its own status and its downstream's.
///
/// Looks at nothing else, so it may be asked again at any time. A bridge that a person canceled
/// stays canceled; without a strategy it has ended when the downstream was created.
#[must_use]
pub fn follow(strategy: Strategy, bridge: Status, downstream: Status) -> Follow {
    use Status as S;
    let target = match (strategy, downstream) {
        (Strategy::None, _) | (_, S::Success) => S::Success,
        (_, S::Canceled) => S::Canceled,
        (_, S::Failed) | (Strategy::Depend, S::Skipped) => S::Failed,
        (Strategy::Mirror, S::Manual | S::Skipped) => downstream,
        _ => S::Running,
    };
    let ended_by_itself = strategy == Strategy::None && bridge.is_completed();
    if bridge == target || bridge == S::Canceled || ended_by_itself {
        return Follow::Stay;
    }
    match (bridge, target) {
        (S::Running, S::Success) => Follow::Event(JobEvent::Succeed),
        (S::Running, S::Failed) => Follow::Event(JobEvent::Drop),
        (S::Running, S::Canceled) => Follow::Event(JobEvent::Cancel { graceful: false }),
        (S::Running | S::Success | S::Failed | S::Skipped | S::Manual, _) => Follow::Enter(target),
        // It has not started anything, whatever else claims to come from it.
        _ => Follow::Stay,
    }
}
