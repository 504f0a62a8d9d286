//! Tables for bridges (status-machine 9).

use model::{
    GitRef, JobEvent, OnJobFailure, OnNewCommit, Pipeline, PipelineId, PipelineIid, ProjectId, Sha, Source, Status,
    Timestamp,
};
use schedule::bridge::{Follow, Strategy, follow, is_loop, is_too_deep};

/// Pipelines as `project/ref/source`, nearest first.
fn chain(text: &str) -> Vec<Pipeline> {
    text.split_whitespace().map(pipeline).collect()
}

fn pipeline(text: &str) -> Pipeline {
    let words: Vec<&str> = text.split('/').collect();
    Pipeline {
        id: PipelineId(1),
        iid: PipelineIid(1),
        project_id: ProjectId(words[0].parse().unwrap()),
        user_id: None,
        sha: Sha::zero(),
        before_sha: Sha::zero(),
        git_ref: GitRef::branch(words[1]),
        protected: false,
        status: Status::Running,
        stages: Vec::new(),
        source: words[2].parse::<Source>().unwrap(),
        name: None,
        yaml_errors: None,
        failure_reason: None,
        on_new_commit: OnNewCommit::Conservative,
        on_job_failure: OnJobFailure::None,
        trigger_token_id: None,
        schedule_id: None,
        upstream_job_id: None,
        upstream_pipeline_id: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        started_at: None,
        finished_at: None,
        duration_seconds: None,
    }
}

#[test]
fn a_child_may_have_children_and_they_may_not() {
    for (ancestors, too_deep) in [
        ("1/main/push", false),
        ("1/main/parent_pipeline 1/main/push", false),
        ("1/main/parent_pipeline 1/main/parent_pipeline 1/main/push", true),
        // Another project in between starts a tree of its own.
        ("1/main/parent_pipeline 1/main/pipeline 2/main/push 1/main/push", false),
        ("1/main/pipeline 2/main/pipeline 1/main/pipeline 2/main/push", false),
        ("", false),
    ] {
        assert_eq!(is_too_deep(&chain(ancestors)), too_deep, "{ancestors}");
    }
}

#[test]
fn the_same_project_ref_and_source_three_times_are_a_loop() {
    let round = |times: usize| "2/main/pipeline 1/main/pipeline ".repeat(times);
    for (ancestors, is_circle) in [
        ("1/main/push".to_owned(), false),
        (round(1) + "1/main/push", false),
        (round(2) + "1/main/push", false),
        (round(3) + "1/main/push", true),
        // Another ref or another source is another pipeline.
        (round(2) + "1/other/pipeline 2/main/trigger", false),
        // Children have the source and ref of nobody else; their depth is limited instead.
        ("1/main/parent_pipeline ".repeat(9), false),
    ] {
        assert_eq!(is_loop(&chain(&ancestors)), is_circle, "{ancestors}");
    }
}

const STRATEGIES: [Option<&str>; 3] = [None, Some("depend"), Some("mirror")];

#[test]
fn a_running_bridge_follows_its_downstream_by_its_strategy() {
    use Status as S;
    let succeed = Follow::Event(JobEvent::Succeed);
    let fail = Follow::Event(JobEvent::Drop);
    let cancel = Follow::Event(JobEvent::Cancel { graceful: false });
    for (downstream, depend, mirror) in [
        (S::Created, Follow::Stay, Follow::Stay),
        (S::Pending, Follow::Stay, Follow::Stay),
        (S::Running, Follow::Stay, Follow::Stay),
        (S::Canceling, Follow::Stay, Follow::Stay),
        (S::Scheduled, Follow::Stay, Follow::Stay),
        (S::Success, succeed, succeed),
        (S::Failed, fail, fail),
        (S::Canceled, cancel, cancel),
        (S::Skipped, fail, Follow::Enter(S::Skipped)),
        (S::Manual, Follow::Stay, Follow::Enter(S::Manual)),
    ] {
        let found = STRATEGIES.map(|word| follow(Strategy::from_word(word), S::Running, downstream));
        assert_eq!(found, [succeed, depend, mirror], "{downstream}");
    }
}

#[test]
fn a_bridge_that_ended_goes_on_when_its_downstream_does() {
    use Status as S;
    let enter = Follow::Enter;
    for (bridge, downstream, depend, mirror) in [
        (S::Failed, S::Running, enter(S::Running), enter(S::Running)),
        (S::Failed, S::Success, enter(S::Success), enter(S::Success)),
        (S::Success, S::Pending, enter(S::Running), enter(S::Running)),
        (S::Success, S::Failed, enter(S::Failed), enter(S::Failed)),
        (S::Failed, S::Failed, Follow::Stay, Follow::Stay),
        (S::Manual, S::Running, enter(S::Running), enter(S::Running)),
        (S::Skipped, S::Skipped, enter(S::Failed), Follow::Stay),
        // Whoever canceled the bridge meant it.
        (S::Canceled, S::Running, Follow::Stay, Follow::Stay),
        (S::Canceled, S::Success, Follow::Stay, Follow::Stay),
    ] {
        let found = STRATEGIES.map(|word| follow(Strategy::from_word(word), bridge, downstream));
        let none = if bridge == S::Manual {
            enter(S::Success)
        } else {
            Follow::Stay
        };
        assert_eq!(found, [none, depend, mirror], "{bridge}, {downstream}");
    }
}

#[test]
fn following_twice_changes_nothing_the_second_time() {
    for word in STRATEGIES {
        for bridge in Status::ALL {
            for downstream in Status::ALL {
                let strategy = Strategy::from_word(word);
                let after = match follow(strategy, *bridge, *downstream) {
                    Follow::Stay => continue,
                    Follow::Event(event) => bridge.on(event).unwrap(),
                    Follow::Enter(status) => status,
                };
                assert_eq!(
                    follow(strategy, after, *downstream),
                    Follow::Stay,
                    "{word:?} {bridge} {downstream}"
                );
            }
        }
    }
}

#[test]
fn a_bridge_that_has_not_run_follows_nobody() {
    use Status as S;
    for bridge in [S::Created, S::Pending, S::WaitingForResource, S::Scheduled] {
        assert_eq!(follow(Strategy::Depend, bridge, S::Success), Follow::Stay, "{bridge}");
    }
}
