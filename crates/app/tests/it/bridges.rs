//! Bridges: what they start, what they pass down, and why some start nothing.

use app::jobs::{actions, sweep};
use app::pipelines;
use app::pipelines::given;
use model::{
    AccessLevel, FailureReason as R, JobId, OverrideRole, PipelineId, Source, Status, Timestamp, VariableKind,
};
use store::ops;

use crate::place::Place;

/// A server whose project has this bridge, and a child configuration with one job.
pub(crate) async fn place_of(bridge: &str) -> Place {
    let place = Place::new(bridge).await;
    place.commit_file(place.project, "child.yml", "work: {script: x}\n");
    place
}

pub(crate) const CHILD: &str = "b: {trigger: {include: child.yml}}\n";
pub(crate) const DEPEND: &str =
    "b: {stage: test, trigger: {include: child.yml, strategy: depend}}\nafter: {stage: deploy, script: x}\n";

/// What the pipelines of a test are given, as `KEY=value`.
async fn given_to(place: &Place, id: PipelineId) -> Vec<String> {
    let (pipeline, _) = place.read(id).await;
    let sealed = place
        .app
        .store
        .read(move |tx| ops::pipelines::given(tx, id))
        .await
        .unwrap();
    let variables = given::open(
        &place.app.keys,
        pipeline.project_id,
        pipeline.created_at,
        sealed.variables.as_deref(),
    );
    let show = |v: &model::definition::GivenVariable| {
        let kind = if v.kind == VariableKind::File { " (file)" } else { "" };
        format!("{}={}{kind}", v.key, v.value)
    };
    variables.unwrap().iter().map(show).collect()
}

async fn messages(place: &Place, bridge: JobId) -> Vec<String> {
    let found = place
        .app
        .store
        .read(move |tx| ops::bridges::messages(tx, &[bridge]))
        .await;
    found.unwrap().pop().map(|(_, messages)| messages).unwrap_or_default()
}

/// Starts the only bridge and returns why it failed, with the messages.
async fn failure(place: &Place) -> (Option<R>, Vec<String>) {
    let id = place.pipeline().await.id;
    place.start_bridges().await;
    let bridge = place.job(id, "b").await;
    assert_eq!(bridge.status, Status::Failed, "{}", place.state(id).await);
    (bridge.failure_reason, messages(place, bridge.id).await)
}

#[tokio::test]
async fn a_child_pipeline_runs_its_own_file_at_the_same_commit() {
    let place = place_of(CHILD).await;
    let parent = place.pipeline().await;
    assert_eq!(place.state(parent.id).await, "pending | b=pending");
    place.start_bridges().await;
    assert_eq!(place.state(parent.id).await, "success | b=success");
    let child = place.downstream(parent.id).await.remove(0);
    assert_eq!(place.state(child.id).await, "pending | work=pending");
    assert_eq!(child.source, Source::ParentPipeline);
    assert_eq!((&child.sha, &child.git_ref), (&parent.sha, &parent.git_ref));
    assert_eq!(child.upstream_job_id, Some(place.job(parent.id, "b").await.id));
    assert_eq!(child.user_id, parent.user_id);
    place.close().await;
}

#[tokio::test]
async fn a_bridge_starts_exactly_one_pipeline_however_often_it_is_looked_at() {
    let place = place_of(DEPEND).await;
    let id = place.pipeline().await.id;
    let bridge = place.job(id, "b").await.id;
    // As two servers would: each has read the bridge as pending.
    let (first, second) = tokio::join!(
        app::bridges::start(&place.app, bridge),
        app::bridges::start(&place.app, bridge)
    );
    first.unwrap();
    second.unwrap();
    place.start_bridges().await;
    sweep::sweep(&place.app).await.unwrap();
    place.start_bridges().await;
    assert_eq!(place.downstream(id).await.len(), 1);
    assert_eq!(place.state(id).await, "running | after=created b=running");
    place.close().await;
}

#[tokio::test]
async fn the_sweep_finds_a_bridge_that_a_dying_server_left_pending() {
    let place = place_of("b: {trigger: {include: child.yml}, when: manual}\n").await;
    let id = place.pipeline().await.id;
    let mut bridge = place.job(id, "b").await;
    // The server died right after it had stored that somebody played the bridge.
    bridge.status = Status::Pending;
    let stored = place.app.store.write(move |tx| ops::jobs::save(tx, &bridge));
    stored.await.unwrap();
    place.start_bridges().await;
    assert_eq!(place.job(id, "b").await.status, Status::Pending);
    sweep::sweep(&place.app).await.unwrap();
    place.start_bridges().await;
    assert_eq!(place.state(id).await, "success | b=success");
    place.close().await;
}

#[tokio::test]
async fn the_sweep_finds_a_bridge_that_did_not_hear_of_the_end() {
    let place = place_of(DEPEND).await;
    let (id, child) = place.with_downstream().await;
    // The server died right after it had stored the end of the child.
    let ended = place.app.store.write(move |tx| {
        let mut child = ops::pipelines::lock(tx, child.id)?.unwrap();
        child.status = Status::Success;
        ops::pipelines::save(tx, &child)
    });
    ended.await.unwrap();
    assert_eq!(place.state(id).await, "running | after=created b=running");
    sweep::sweep(&place.app).await.unwrap();
    assert_eq!(place.state(id).await, "running | after=pending b=success");
    place.close().await;
}

#[tokio::test]
async fn another_project_runs_its_own_configuration_on_its_own_branch() {
    let place = Place::new("b: {trigger: {project: root/other, branch: $WHERE}, variables: {WHERE: main}}\n").await;
    let other = place.add_project("other", "work: {script: x}\n").await;
    let (id, downstream) = place.with_downstream().await;
    assert_eq!(place.state(id).await, "success | b=success");
    assert_eq!(downstream.project_id, other);
    assert_eq!(
        (downstream.source, downstream.git_ref.name.as_str()),
        (Source::Pipeline, "main")
    );
    assert_eq!(place.state(downstream.id).await, "pending | work=pending");
    assert_eq!(given_to(&place, downstream.id).await, ["WHERE=main"]);
    // It is no child: it goes on when the upstream is canceled.
    pipelines::actions::cancel(&place.app, place.root.clone(), place.key(), id)
        .await
        .unwrap();
    assert_eq!(place.state(downstream.id).await, "pending | work=pending");
    place.close().await;
}

#[tokio::test]
async fn yaml_variables_are_passed_down_and_others_only_on_request() {
    let config = |forward: &str| {
        format!(
            "variables: {{ROOT: '1', NAMED: $CI_PIPELINE_SOURCE-$CI_JOB_NAME-$UNKNOWN}}\n\
             b: {{trigger: {{include: child.yml, forward: {{{forward}}}}}, variables: {{JOB: '2', ROOT: '3'}},\n  \
             rules: [{{if: $CI, variables: {{RULE: '4'}}}}]}}\n"
        )
    };
    let yaml = ["NAMED=api-b-", "JOB=2", "ROOT=3", "RULE=4"]
        .map(str::to_owned)
        .to_vec();
    let given = ["GIVEN=5", "JOB=6"].map(str::to_owned).to_vec();
    let mut both = vec!["NAMED=api-b-".to_owned(), "ROOT=3".to_owned(), "RULE=4".to_owned()];
    both.extend(given.clone());
    for (forward, expected) in [
        ("", &yaml),
        ("yaml_variables: false", &Vec::new()),
        ("pipeline_variables: true", &both),
        ("yaml_variables: false, pipeline_variables: true", &given),
    ] {
        let place = place_of(&config(forward)).await;
        let variable = |key: &str, value: &str| model::definition::GivenVariable {
            key: key.to_owned(),
            value: value.to_owned(),
            kind: VariableKind::EnvVar,
            raw: false,
        };
        let call = pipelines::ApiCall {
            ref_text: "main".to_owned(),
            variables: vec![variable("GIVEN", "5"), variable("JOB", "6")],
            inputs: Vec::new(),
            keys: Vec::new(),
            chain: Default::default(),
        };
        let id = pipelines::create_by_api(&place.app, place.root.clone(), place.key(), call)
            .await
            .unwrap()
            .pipeline
            .id;
        place.start_bridges().await;
        let child = place.downstream(id).await.remove(0);
        let mut found = given_to(&place, child.id).await;
        let mut expected = expected.clone();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "forward: {{{forward}}}");
        place.close().await;
    }
}

#[tokio::test]
async fn a_child_knows_the_bridge_that_made_it_and_a_job_of_a_child_too() {
    let place = place_of(CHILD).await;
    place.commit_file(
        place.project,
        "child.yml",
        "work: {script: x, rules: [{if: $CI_UPSTREAM_JOB_ID && $CI_PIPELINE_SOURCE == 'parent_pipeline'}]}\n",
    );
    let (id, _) = place.with_downstream().await;
    let bridge = place.job(id, "b").await.id;
    let payload = place.take(&place.player().await).await;
    let value = |key: &str| {
        payload
            .variables
            .iter()
            .rev()
            .find(|v| v.key == key)
            .map(|v| v.value.clone())
    };
    assert_eq!(value("CI_UPSTREAM_PIPELINE_ID"), Some(id.to_string()));
    assert_eq!(value("CI_UPSTREAM_PROJECT_ID"), Some(place.project.to_string()));
    assert_eq!(value("CI_UPSTREAM_JOB_ID"), Some(bridge.to_string()));
    assert_eq!(value("CI_PIPELINE_SOURCE").as_deref(), Some("parent_pipeline"));
    assert_eq!(value("CI_PIPELINE_TRIGGERED"), None);
    place.close().await;
}

#[tokio::test]
async fn several_files_with_inputs_make_one_child() {
    let place = Place::new(
        "b:\n  trigger:\n    include:\n      - local: one.yml\n        inputs: {name: first}\n      - local: /two.yml\n",
    )
    .await;
    let one = "spec: {inputs: {name: {}}}\n---\n'$[[ inputs.name ]]': {script: x}\n";
    place.commit_file(place.project, "one.yml", one);
    place.commit_file(place.project, "two.yml", "second: {script: x}\n");
    let (_, child) = place.with_downstream().await;
    assert_eq!(place.state(child.id).await, "pending | first=pending second=pending");
    place.close().await;
}

#[tokio::test]
async fn inputs_reach_another_project() {
    let place = Place::new("b: {trigger: {project: root/other, inputs: {name: given, count: 3}}}\n").await;
    let config = "spec: {inputs: {name: {}, count: {type: number}}}\n---\n'$[[ inputs.name ]] $[[ inputs.count ]]': {script: x}\n";
    place.add_project("other", config).await;
    let (_, downstream) = place.with_downstream().await;
    assert_eq!(place.state(downstream.id).await, "pending | given 3=pending");
    place.close().await;
}

#[tokio::test]
async fn children_may_have_children_but_those_may_not() {
    let place = Place::new("b: {trigger: {include: a.yml}}\n").await;
    for (file, next) in [("a.yml", "b.yml"), ("b.yml", "c.yml")] {
        place.commit_file(place.project, file, &format!("b: {{trigger: {{include: {next}}}}}\n"));
    }
    place.commit_file(place.project, "c.yml", "work: {script: x}\n");
    let (_, child) = place.with_downstream().await;
    let grandchild = place.downstream(child.id).await.remove(0);
    assert_eq!(place.downstream(grandchild.id).await.len(), 0);
    let bridge = place.job(grandchild.id, "b").await;
    assert_eq!(bridge.failure_reason, Some(R::ReachedMaxDescendantPipelinesDepth));
    // It would fail again.
    let retried = actions::retry(&place.app, place.root.clone(), place.key(), bridge.id).await;
    assert!(retried.is_err());
    place.close().await;
}

#[tokio::test]
async fn projects_that_start_each_other_are_stopped_at_the_third_round() {
    let place = Place::new("b: {trigger: root/other}\n").await;
    let other = place.add_project("other", "b: {trigger: root/demo}\n").await;
    let id = place.pipeline().await.id;
    place.start_bridges().await;
    let mut chain = vec![place.read(id).await.0];
    while let Some(next) = place.downstream(chain.last().unwrap().id).await.pop() {
        chain.push(next);
    }
    // demo by the API, then other and demo in turn, until `other` was there three times.
    let projects: Vec<_> = chain.iter().map(|one| one.project_id).collect();
    assert_eq!(projects.iter().filter(|id| **id == other).count(), 3);
    assert_eq!(projects.len(), 6);
    let last = place.job(chain.last().unwrap().id, "b").await;
    assert_eq!(last.failure_reason, Some(R::PipelineLoopDetected));
    place.close().await;
}

#[tokio::test]
async fn a_family_of_pipelines_does_not_grow_beyond_its_limit() {
    let place = place_of(CHILD).await;
    let id = place.pipeline().await.id;
    let relatives = place.app.store.write(move |tx| {
        let own = ops::pipelines::by_id(tx, id)?.unwrap();
        for _ in 0..999 {
            let new = ops::pipelines::NewPipeline {
                project_id: own.project_id,
                iid: None,
                user_id: None,
                sha: &own.sha,
                before_sha: &own.before_sha,
                git_ref: &own.git_ref,
                protected: false,
                status: Status::Success,
                stages: &[],
                source: Source::Pipeline,
                name: None,
                yaml_errors: None,
                failure_reason: None,
                on_new_commit: own.on_new_commit,
                on_job_failure: own.on_job_failure,
                trigger_token_id: None,
                schedule_id: None,
                upstream_job_id: None,
                upstream_pipeline_id: Some(own.id),
                explanation: None,
                created_at: own.created_at,
                finished_at: None,
            };
            ops::pipelines::insert(tx, &new, &ops::pipelines::Given::default())?;
        }
        Ok::<_, store::StoreError>(())
    });
    relatives.await.unwrap();
    place.start_bridges().await;
    let bridge = place.job(id, "b").await;
    assert_eq!(bridge.failure_reason, Some(R::ReachedMaxPipelineHierarchySize));
    place.close().await;
}

#[tokio::test]
async fn a_bridge_says_why_it_started_nothing() {
    for (bridge, reason, message) in [
        ("root/unknown", R::DownstreamBridgeProjectNotFound, None),
        ("$UNKNOWN", R::DownstreamBridgeProjectNotFound, None),
        ("root/demo", R::InvalidBridgeTrigger, None),
        ("ROOT/$CI_PROJECT_NAME", R::InvalidBridgeTrigger, None),
        (
            "{project: root/other, branch: gone}",
            R::DownstreamPipelineCreationFailed,
            Some("Reference not found"),
        ),
        (
            "{include: missing.yml}",
            R::DownstreamPipelineCreationFailed,
            Some("Local file `missing.yml` does not exist!"),
        ),
        (
            "{include: filtered.yml}",
            R::DownstreamPipelineCreationFailed,
            Some("The resulting pipeline would have been empty. Review the rules configuration for the relevant jobs."),
        ),
        (
            "{include: [{artifact: made.yml, job: maker}]}",
            R::DownstreamPipelineCreationFailed,
            Some("Job `maker` not found in parent pipeline or does not have artifacts!"),
        ),
    ] {
        let config = format!("maker: {{script: x}}\nb: {{stage: deploy, needs: [], trigger: {bridge}}}\n");
        let place = Place::new(&config).await;
        place.add_project("other", "work: {script: x}\n").await;
        place.commit_file(
            place.project,
            "filtered.yml",
            "work: {script: x, rules: [{when: never}]}\n",
        );
        let (found, messages) = failure(&place).await;
        assert_eq!(found, Some(reason), "{bridge}: {messages:?}");
        assert_eq!(messages.first().map(String::as_str), message, "{bridge}");
        place.close().await;
    }
}

#[tokio::test]
async fn a_wrong_child_configuration_leaves_a_failed_pipeline_to_look_at() {
    let place = place_of(CHILD).await;
    place.commit_file(place.project, "child.yml", "work: {script: x, stage: nowhere}\n");
    let (id, child) = place.with_downstream().await;
    assert_eq!(place.state(id).await, "failed | b=failed");
    let bridge = place.job(id, "b").await;
    assert_eq!(bridge.failure_reason, Some(R::DownstreamPipelineCreationFailed));
    assert_eq!(child.status, Status::Failed);
    assert!(
        child
            .yaml_errors
            .unwrap()
            .contains("chosen stage nowhere does not exist")
    );
    place.close().await;
}

#[tokio::test]
async fn the_user_must_be_allowed_to_run_the_downstream_ref() {
    let place = Place::new("b: {trigger: root/other}\n").await;
    let other = place.add_project("other", "work: {script: x}\n").await;
    let id = place.pipeline().await.id;
    // Ann runs the upstream; in the other project she may only look.
    let project = place.project;
    let set_up = place.app.store.write(move |tx| {
        let new = ops::users::NewUser {
            username: "ann",
            name: "Ann",
            email: "ann@example.com",
            is_admin: false,
            is_bot: false,
            password_hash: None,
            created_at: Timestamp(1),
        };
        let ann = ops::users::create(tx, &new)?.id;
        for (id, level) in [(project, AccessLevel::Maintainer), (other, AccessLevel::Reporter)] {
            let member = ops::members::Member {
                user_id: ann,
                level,
                created_by: None,
                created_at: Timestamp(1),
                expires_at: None,
            };
            ops::members::add(tx, ops::members::Place::Project(id), &member)?;
        }
        let mut jobs = ops::jobs::current(tx, id)?;
        jobs[0].user_id = Some(ann);
        ops::jobs::save_all(tx, &jobs)
    });
    set_up.await.unwrap();
    place.start_bridges().await;
    let (_, jobs) = place.read(id).await;
    assert_eq!(jobs[0].failure_reason, Some(R::InsufficientBridgePermissions));
    place.close().await;
}

#[tokio::test]
async fn variables_need_the_role_downstream_unless_it_is_a_child() {
    let nobody = |project: &mut model::Project| project.settings.variables_override_role = OverrideRole::NoOneAllowed;
    let place = Place::new("b: {trigger: root/other, variables: {A: '1'}}\n").await;
    let other = place.add_project("other", "work: {script: x}\n").await;
    place.change(other, nobody).await;
    let (reason, messages) = failure(&place).await;
    assert_eq!(reason, Some(R::DownstreamPipelineCreationFailed));
    assert_eq!(messages, ["Insufficient permissions to set pipeline variables"]);

    place.commit("b: {trigger: root/other, variables: {A: '1'}, inherit: {variables: false}}\n");
    let (reason, _) = failure(&place).await;
    assert_eq!(
        reason,
        Some(R::DownstreamPipelineCreationFailed),
        "its own variables are passed"
    );

    place.change(place.project, nobody).await;
    place.commit_file(place.project, "child.yml", "work: {script: x}\n");
    place.commit("b: {trigger: {include: child.yml}, variables: {A: '1'}}\n");
    let (_, child) = place.with_downstream().await;
    assert_eq!(given_to(&place, child.id).await, ["A=1"]);
    place.close().await;
}

#[tokio::test]
async fn a_child_takes_artifacts_of_its_parents_job_and_of_no_other_pipeline() {
    let place = Place::new(
        "make: {stage: build, script: x}\nb: {stage: test, trigger: {include: child.yml}, variables: {PARENT: $CI_PIPELINE_ID}}\n",
    )
    .await;
    let child = "work:\n  script: x\n  needs: [{pipeline: $PARENT, job: make}]\n";
    place.commit_file(place.project, "child.yml", child);
    let player = place.player().await;
    let id = place.pipeline().await.id;
    let made = place.run(&player, "success").await;
    place.start_bridges().await;
    let work = place.take(&player).await;
    let needed: Vec<_> = work
        .dependencies
        .iter()
        .map(|one| (one.id, one.name.as_str()))
        .collect();
    assert_eq!(needed, [(made, "make")]);
    place.report(&work, "success").await;

    // A pipeline that is no relative, a job that is not there.
    for needs in [
        format!("{{pipeline: '{id}', job: make}}"),
        "{pipeline: 'x', job: make}".to_owned(),
    ] {
        place.commit(&format!("work: {{script: x, needs: [{needs}]}}\n"));
        let other = place.pipeline().await.id;
        assert!(place.ask(&player).await.is_none(), "{needs}");
        let work = place.job(other, "work").await;
        assert_eq!(work.failure_reason, Some(R::MissingDependencyFailure), "{needs}");
    }
    place.close().await;
}

#[tokio::test]
async fn a_job_takes_the_latest_artifacts_of_a_project_that_accepts_its_token() {
    let needs = "{project: root/other, ref: main, job: make}";
    let place = Place::new(&format!("work: {{script: x, needs: [{needs}]}}\n")).await;
    let other = place.add_project("other", "make: {script: x}\n").await;
    let player = place.player().await;
    let made = place.pipeline_of(other).await;
    let made = place.job(made, "make").await.id;
    assert_eq!(place.run(&player, "success").await, made);

    let refused = place.pipeline().await.id;
    assert!(place.ask(&player).await.is_none());
    let reason = place.job(refused, "work").await.failure_reason;
    assert_eq!(reason, Some(R::MissingDependencyFailure), "it is not on the list");

    app::job_token_scope::add_project(
        &place.app,
        place.root.clone(),
        app::ProjectKey::Id(other),
        place.project,
    )
    .await
    .unwrap();
    let _ = place.pipeline().await;
    let work = place.take(&player).await;
    let needed: Vec<_> = work.dependencies.iter().map(|one| one.id).collect();
    assert_eq!(needed, [made]);
    place.close().await;
}

/// An archive with one file.
fn archive(path: &str, text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn the_file_of_a_child_may_have_expired_if_its_project_keeps_the_latest() {
    use app::runners::artifacts::{self, Description};
    let config = "maker: {stage: build, script: x, artifacts: {paths: [made.yml]}}\n\
         b: {stage: deploy, when: manual, trigger: {include: [{artifact: made.yml, job: maker}]}}\n";
    for (keeps, expected) in [(true, Status::Success), (false, Status::Failed)] {
        let place = Place::new(config).await;
        place
            .change(place.project, move |project| {
                project.settings.keep_latest_artifact = keeps
            })
            .await;
        let id = place.pipeline().await.id;
        let maker = place.take(&place.player().await).await;
        let begun = artifacts::begin(&place.app, maker.job.id, &maker.token).await.unwrap();
        let (job, mut upload) = begun.unwrap();
        let bytes = archive("made.yml", "work: {script: x}\n");
        assert!(artifacts::write(&mut upload, bytes.into()).await.unwrap());
        let description = Description {
            expire_in: Some("1 hour".to_owned()),
            ..Description::default()
        };
        artifacts::record(&place.app, &job, upload, description).await.unwrap();
        place.report(&maker, "success").await;
        place.pass(std::time::Duration::from_secs(2 * 3600));
        let bridge = place.job(id, "b").await.id;
        actions::play(&place.app, place.root.clone(), place.key(), bridge, Vec::new())
            .await
            .unwrap();
        place.start_bridges().await;
        assert_eq!(place.job(id, "b").await.status, expected, "keeps: {keeps}");
        place.close().await;
    }
}
