//! Which runner takes which job (runner-protocol 2.5), and when a job counts as lost (status-machine 6).

use std::collections::HashMap;

use model::definition::{Artifacts, Cache, JobInput, Report};
use model::{DefinitionId, FailureReason};
use model::{
    Job, JobDefinition, JobId, NamespaceId, PipelineId, ProjectId, Runner, RunnerAccess, RunnerId, RunnerType, Status,
    Timestamp, When,
};
use schedule::hand_out::{Queued, assign};
use schedule::matching::{JobFacts, Mismatch, matches, missing_features};
use schedule::timeout::{Lost, lost};

fn runner(runner_type: RunnerType) -> Runner {
    Runner {
        id: RunnerId(1),
        runner_type,
        description: None,
        maintenance_note: None,
        paused: false,
        locked: true,
        run_untagged: true,
        tags: vec!["linux".to_owned(), "docker".to_owned()],
        access: RunnerAccess::NotProtected,
        maximum_timeout_seconds: None,
        group_id: Some(NamespaceId(5)),
        project_ids: vec![ProjectId(7)],
        creator_id: None,
        owner_project_id: None,
        token_expires_at: None,
        registered_by_token: false,
        created_at: Timestamp(0),
        contacted_at: None,
    }
}

const GROUPS: [NamespaceId; 2] = [NamespaceId(6), NamespaceId(5)];

const JOB: JobFacts<'static> = JobFacts {
    project_id: ProjectId(7),
    groups: &GROUPS,
    instance_runners_enabled: true,
    group_runners_enabled: true,
    tags: &[],
    protected: false,
};

#[test]
fn a_runner_takes_jobs_of_its_scope_with_tags_it_has() {
    for runner_type in [RunnerType::Instance, RunnerType::Group, RunnerType::Project] {
        assert_eq!(matches(&runner(runner_type), JOB), Ok(()), "{runner_type}");
    }
    let tags = ["docker".to_owned()];
    assert_eq!(
        matches(&runner(RunnerType::Instance), JobFacts { tags: &tags, ..JOB }),
        Ok(())
    );
}

#[test]
fn a_mismatch_says_what_does_not_fit() {
    let instance = || runner(RunnerType::Instance);
    let (group, project) = (runner(RunnerType::Group), runner(RunnerType::Project));
    let tags = ["linux".to_owned(), "gpu".to_owned()];
    let protected = Runner {
        access: RunnerAccess::RefProtected,
        ..instance()
    };
    assert_eq!(matches(&protected, JobFacts { protected: true, ..JOB }), Ok(()));
    for (runner, job, expected) in [
        (
            &Runner {
                paused: true,
                ..instance()
            },
            JOB,
            Mismatch::Paused,
        ),
        (
            &instance(),
            JobFacts {
                instance_runners_enabled: false,
                ..JOB
            },
            Mismatch::InstanceRunnersDisabled,
        ),
        (
            &group,
            JobFacts {
                group_runners_enabled: false,
                ..JOB
            },
            Mismatch::GroupRunnersDisabled,
        ),
        (&group, JobFacts { groups: &[], ..JOB }, Mismatch::OtherGroup),
        (
            &project,
            JobFacts {
                project_id: ProjectId(8),
                ..JOB
            },
            Mismatch::OtherProject,
        ),
        (
            &Runner {
                run_untagged: false,
                ..instance()
            },
            JOB,
            Mismatch::OnlyTagged,
        ),
        (
            &instance(),
            JobFacts { tags: &tags, ..JOB },
            Mismatch::MissingTags(vec!["gpu".to_owned()]),
        ),
        (&protected, JOB, Mismatch::OnlyProtected),
    ] {
        assert_eq!(matches(runner, job), Err(expected));
    }
    let missing = Mismatch::MissingTags(vec!["gpu".to_owned(), "arm".to_owned()]);
    assert_eq!(missing.to_string(), "the runner lacks the tags `gpu`, `arm`");
}

#[test]
fn a_job_needs_the_features_that_its_keywords_use() {
    let definition = JobDefinition {
        artifacts: Some(Artifacts {
            exclude: vec!["x".to_owned()],
            ..Artifacts::default()
        }),
        reports: vec![Report::default()],
        caches: vec![Cache {
            fallback_keys: vec!["k".to_owned()],
            ..Cache::default()
        }],
        allow_failure_exit_codes: vec![1],
        run: Some("[]".to_owned()),
        inputs: vec![JobInput::default()],
        ..JobDefinition::default()
    };
    let all = [
        "upload_multiple_artifacts",
        "artifacts_exclude",
        "return_exit_code",
        "fallback_cache_keys",
        "native_steps_integration",
        "job_inputs",
    ];
    assert_eq!(missing_features(&definition, true, &[]), all);
    assert_eq!(missing_features(&definition, true, &all.map(str::to_owned)), [""; 0]);
    assert!(!missing_features(&definition, false, &[]).contains(&"return_exit_code"));
    assert_eq!(missing_features(&JobDefinition::default(), true, &[]), [""; 0]);
}

/// Jobs (id, project) of projects that take any runner, handed to `count` runners of one type; the ids in order.
fn handed_out(runner_type: RunnerType, count: usize, running: &HashMap<ProjectId, u32>) -> Vec<i64> {
    let one = Runner {
        project_ids: [1, 2, 3].map(ProjectId).to_vec(),
        ..runner(runner_type)
    };
    let queue = [(10, 1), (11, 1), (12, 2), (13, 3), (9, 3)].map(|(job, project)| Queued {
        job: JobId(job),
        facts: JobFacts {
            project_id: ProjectId(project),
            ..JOB
        },
    });
    let pairs = assign(&vec![&one; count], &queue, running);
    assert!(
        pairs.iter().map(|pair| pair.0).eq(0..pairs.len()),
        "one each, in the order of asking"
    );
    pairs.iter().map(|(_, job)| queue[*job].job.0).collect()
}

#[test]
fn group_and_project_runners_take_the_oldest_job() {
    for runner_type in [RunnerType::Project, RunnerType::Group] {
        assert_eq!(handed_out(runner_type, 9, &HashMap::new()), [9, 10, 11, 12, 13]);
    }
}

#[test]
fn instance_runners_serve_the_project_that_has_the_least() {
    let running = HashMap::from([(ProjectId(1), 2), (ProjectId(3), 1)]);
    assert_eq!(handed_out(RunnerType::Instance, 9, &running), [12, 9, 10, 13, 11]);
    assert_eq!(handed_out(RunnerType::Instance, 2, &running), [12, 9]);
    assert_eq!(handed_out(RunnerType::Instance, 3, &HashMap::new()), [9, 10, 12]);
}

#[test]
fn a_runner_that_fits_nothing_leaves_the_jobs_to_the_others() {
    let tags = ["gpu".to_owned()];
    let plain = runner(RunnerType::Instance);
    let gpu = Runner {
        tags: tags.to_vec(),
        ..runner(RunnerType::Instance)
    };
    let queue = [(1, &tags[..]), (2, &[])].map(|(job, tags)| Queued {
        job: JobId(job),
        facts: JobFacts { tags, ..JOB },
    });
    assert_eq!(
        assign(&[&plain, &plain, &gpu], &queue, &HashMap::new()),
        [(0, 1), (2, 0)]
    );
}

fn job(status: Status) -> Job {
    Job {
        id: JobId(1),
        project_id: ProjectId(1),
        pipeline_id: PipelineId(1),
        name: "a".to_owned(),
        stage: "test".to_owned(),
        stage_index: 0,
        definition_id: DefinitionId(1),
        is_bridge: false,
        status,
        when: When::OnSuccess,
        allow_failure: false,
        allow_failure_exit_codes: false,
        needs: None,
        rule_variables: Vec::new(),
        tags: Vec::new(),
        environment: None,
        resource_group: None,
        interruptible: None,
        protected: false,
        start_in_seconds: None,
        scheduled_at: Some(Timestamp(0)),
        enqueue_immediately: false,
        user_id: None,
        runner_id: None,
        runner_manager_id: None,
        claim: 0,
        acknowledged: true,
        failure_reason: None,
        exit_code: None,
        retried: false,
        timeout_seconds: Some(6 * 3600),
        coverage: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        queued_at: Some(Timestamp(0)),
        started_at: Some(Timestamp(0)),
        finished_at: None,
        erased_at: None,
    }
}

#[test]
fn jobs_nothing_is_heard_of_for_too_long_are_lost() {
    let hour = 3600;
    let stuck = Some(Lost::Drop(FailureReason::StuckOrTimeoutFailure));
    let timeout = Some(Lost::Drop(FailureReason::JobExecutionTimeout));
    let heard = |status, at| Job {
        updated_at: Timestamp::from_seconds(at),
        ..job(status)
    };
    let unacknowledged = || Job {
        runner_id: Some(RunnerId(1)),
        acknowledged: false,
        ..job(Status::Pending)
    };
    for (case, job, after, online, expected) in [
        ("pending with a runner", job(Status::Pending), 2 * hour, true, None),
        ("pending without one", job(Status::Pending), hour + 1, false, stuck),
        ("pending without one, not yet", job(Status::Pending), hour, false, None),
        ("pending for a day", job(Status::Pending), 24 * hour + 1, true, stuck),
        ("running and silent", job(Status::Running), hour + 1, true, stuck),
        (
            "running and heard of",
            heard(Status::Running, 2 * hour),
            2 * hour + 5,
            true,
            None,
        ),
        (
            "running beyond its timeout",
            heard(Status::Running, 7 * hour),
            7 * hour,
            true,
            timeout,
        ),
        ("canceling and silent", job(Status::Canceling), hour + 1, true, stuck),
        (
            "handed out, not acknowledged",
            unacknowledged(),
            121,
            true,
            Some(Lost::Release),
        ),
        ("handed out just now", unacknowledged(), 119, true, None),
        (
            "delayed and overdue",
            job(Status::Scheduled),
            hour + 1,
            true,
            Some(Lost::Drop(FailureReason::StaleSchedule)),
        ),
        ("waiting for a person", job(Status::Manual), 100 * hour, false, None),
        ("created", job(Status::Created), 100 * hour, false, None),
    ] {
        assert_eq!(
            lost(&job, Timestamp::from_seconds(after), || online),
            expected,
            "{case}"
        );
    }
}
