//! Finding, listing, changing and deleting pipelines.

use model::pipeline::StageState;
use model::{
    ExplanationId, GitRef, Pipeline, PipelineFailureReason, PipelineId, PipelineIid, Project, Source, Status, Timestamp,
};
use store::ops::artifacts::{self, NewArtifact};
use store::ops::job_variables::{self, JobVariablesKind};
use store::ops::page::{Page, Sort};
use store::ops::pipelines::{PipelineFilter, PipelineOrder, PipelineScope};
use store::ops::{explanations, jobs, pipelines};
use store::{Param, Sql, StoreError, Tx, Wake};

use crate::fixture::{self, NOW, Opened, on_both, sha};

on_both! {
    fn everything_that_changes_is_saved(opened) {
        let mut pipeline = opened.write(|tx| {
            let project = project(tx)?;
            fixture::pipeline(tx, &project)
        });
        let mut wakes = opened.store.wakes();
        pipeline.status = Status::Failed;
        pipeline.stages = vec![StageState { index: 1, name: "build".to_owned(), status: Status::Failed }];
        pipeline.name = Some("Nightly".to_owned());
        pipeline.yaml_errors = Some("jobs: none".to_owned());
        pipeline.failure_reason = Some(PipelineFailureReason::ConfigError);
        pipeline.updated_at = Timestamp(NOW.0 + 3);
        pipeline.started_at = Some(NOW);
        pipeline.finished_at = Some(Timestamp(NOW.0 + 3));
        pipeline.duration_seconds = Some(1);
        let changed = pipeline.clone();
        assert!(opened.write(move |tx| pipelines::save(tx, &changed)));
        assert_eq!(wakes.blocking_recv(), Ok(Wake::Pipeline(pipeline.id)));
        let id = pipeline.id;
        assert_eq!(opened.read(move |tx| pipelines::by_id(tx, id)), Some(pipeline));
    }

    fn a_number_that_was_taken_is_of_one_pipeline(opened) {
        let (next, taken, numbered, after) = opened.write(|tx| {
            let project = project(tx)?;
            fixture::pipeline(tx, &project)?;
            let next = pipelines::next_iid(tx, project.id)?;
            let taken = [pipelines::take_iid(tx, project.id)?, pipelines::take_iid(tx, project.id)?];
            let after = fixture::pipeline(tx, &project)?;
            let git_ref = GitRef::branch("main");
            let (sha, before_sha) = (sha('a'), sha('b'));
            let new = pipelines::NewPipeline {
                iid: Some(taken[1]),
                ..fixture::new_pipeline(&project, &git_ref, &sha, &before_sha)
            };
            let given = pipelines::Given { variables: Some(vec![7]), inputs: None };
            Ok::<_, StoreError>((next, taken, pipelines::insert(tx, &new, &given)?, after))
        });
        assert_eq!((next.0, taken.map(|iid| iid.0)), (2, [2, 3]));
        assert_eq!((numbered.iid.0, after.iid.0), (3, 4));
        let id = numbered.id;
        assert_eq!(opened.read(move |tx| pipelines::by_id(tx, id)), Some(numbered));
        assert_eq!(opened.read(move |tx| pipelines::given(tx, id)).variables, Some(vec![7]));
    }

    fn a_pipeline_is_found_in_its_own_project_only(opened) {
        let (pipeline, other) = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let (one, two) = (fixture::project(tx, &user, "one")?, fixture::project(tx, &user, "two")?);
            Ok((fixture::pipeline(tx, &one)?, two.id))
        });
        let (project, id) = (pipeline.project_id, pipeline.id);
        assert_eq!(opened.read(move |tx| pipelines::get(tx, project, id)), Some(pipeline));
        assert_eq!(opened.read(move |tx| pipelines::get(tx, other, id)), None);
        assert_eq!(opened.read(move |tx| pipelines::get_many(tx, &[id, PipelineId(404)])).len(), 1);
    }

    fn the_latest_pipeline_is_the_newest_of_ref_and_commit(opened) {
        let world = opened.write(World::new);
        let project = world.project.id;
        for (git_ref, digit, expected) in [
            (GitRef::branch("main"), 'a', Some(2)),
            (GitRef::branch("main"), 'b', Some(3)),
            (GitRef::tag("v1"), 'b', Some(5)),
            (GitRef::branch("v1"), 'b', None),
            (GitRef::branch("main"), 'c', None),
        ] {
            let at = git_ref.clone();
            let found = opened.read(move |tx| pipelines::latest(tx, project, &at, &sha(digit)));
            assert_eq!(found.map(|pipeline| pipeline.iid.0), expected, "{git_ref:?} {digit}");
        }
        let found = opened.read(move |tx| pipelines::latest_of_ref(tx, project, &GitRef::branch("main")));
        assert_eq!(found.map(|pipeline| pipeline.iid.0), Some(3), "child pipelines do not count");
    }

    fn pipelines_are_listed_by_every_filter(opened) {
        let world = opened.write(World::new);
        let all = || PipelineFilter::new(world.project.id);
        let moment = |microseconds: i64| Some(Timestamp(NOW.0 + microseconds));
        let cases: Vec<(PipelineFilter<'static>, &[i64])> = vec![
            (all(), &[5, 4, 3, 2, 1]),
            (PipelineFilter { sort: Sort::Asc, ..all() }, &[1, 2, 3, 4, 5]),
            (PipelineFilter { scope: Some(PipelineScope::Running), ..all() }, &[2]),
            (PipelineFilter { scope: Some(PipelineScope::Pending), ..all() }, &[]),
            (PipelineFilter { scope: Some(PipelineScope::Finished), ..all() }, &[4, 1]),
            (PipelineFilter { scope: Some(PipelineScope::Branches(&["main", "dev", "gone"])), ..all() }, &[4, 3]),
            (PipelineFilter { scope: Some(PipelineScope::Branches(&[])), ..all() }, &[]),
            (PipelineFilter { scope: Some(PipelineScope::Tags(&["v1", "main"])), ..all() }, &[5]),
            (PipelineFilter { status: Some(Status::Failed), ..all() }, &[4]),
            (PipelineFilter { ref_name: Some("main"), ..all() }, &[3, 2, 1]),
            (PipelineFilter { ref_name: Some("MAIN"), ..all() }, &[]),
            (PipelineFilter { sha: Some("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), ..all() }, &[5, 4, 3]),
            (PipelineFilter { name: Some("Nightly"), ..all() }, &[4]),
            (PipelineFilter { username: Some("ADA"), ..all() }, &[5, 4, 3, 2, 1]),
            (PipelineFilter { username: Some("nobody"), ..all() }, &[]),
            (PipelineFilter { source: Some(Source::Push), ..all() }, &[3]),
            (PipelineFilter { source: Some(Source::ParentPipeline), ..all() }, &[6]),
            (PipelineFilter { yaml_errors: Some(true), ..all() }, &[4]),
            (PipelineFilter { yaml_errors: Some(false), ..all() }, &[5, 3, 2, 1]),
            (PipelineFilter { updated_after: moment(15), ..all() }, &[4, 2]),
            (PipelineFilter { updated_before: moment(15), ..all() }, &[5, 3, 1]),
            (PipelineFilter { created_after: moment(0), ..all() }, &[]),
            (PipelineFilter { created_before: moment(1), ..all() }, &[5, 4, 3, 2, 1]),
            (PipelineFilter { order: PipelineOrder::Status, sort: Sort::Asc, ..all() }, &[3, 5, 4, 2, 1]),
            (PipelineFilter { order: PipelineOrder::Ref, ..all() }, &[5, 3, 2, 1, 4]),
            (PipelineFilter { order: PipelineOrder::UpdatedAt, ..all() }, &[4, 2, 1, 5, 3]),
            (PipelineFilter { order: PipelineOrder::UserId, ..all() }, &[5, 4, 3, 2, 1]),
        ];
        for (filter, expected) in cases {
            let shown = format!("{filter:?}");
            let iids = opened.read(move |tx| {
                let found = pipelines::list(tx, &filter, Page::all())?;
                assert_eq!(pipelines::count(tx, &filter)?, i64::try_from(found.len()).expect("few"));
                Ok(found.into_iter().map(|pipeline| pipeline.iid.0).collect::<Vec<_>>())
            });
            assert_eq!(iids, expected, "{shown}");
        }
    }

    fn pages_do_not_overlap(opened) {
        let world = opened.write(World::new);
        let project = world.project.id;
        for (page, expected) in [(1, vec![5, 4]), (2, vec![3, 2]), (3, vec![1]), (4, vec![])] {
            let found = opened.read(move |tx| pipelines::list(tx, &PipelineFilter::new(project), Page::of(page, 2)));
            assert_eq!(found.iter().map(|pipeline| pipeline.iid.0).collect::<Vec<_>>(), expected, "page {page}");
        }
    }

    fn those_that_have_not_ended_are_found(opened) {
        let world = opened.write(World::new);
        let project = world.project.id;
        let alive = opened.read(|tx| pipelines::alive(tx, PipelineId(0), 10));
        assert_eq!(alive.iter().map(|pipeline| pipeline.iid.0).collect::<Vec<_>>(), [2, 3, 5, 6]);
        let on_ref =
            opened.read(move |tx| pipelines::alive_on_ref(tx, project, &GitRef::branch("main"), PipelineIid(3)));
        assert_eq!(on_ref.iter().map(|pipeline| pipeline.iid.0).collect::<Vec<_>>(), [2]);
        opened.write(move |tx| {
            let pipelines = pipelines::alive(tx, PipelineId(0), 1)?;
            fixture::jobs_of(tx, &pipelines[0], &["a", "b"], Status::Created)
        });
        assert_eq!(opened.read(move |tx| pipelines::count_alive_jobs(tx, project)), 2);
    }

    fn downstream_pipelines_are_found_by_what_started_them(opened) {
        let (upstream, bridges, child) = opened.write(|tx| {
            let project = project(tx)?;
            let upstream = fixture::pipeline(tx, &project)?;
            let bridges = fixture::jobs_of(tx, &upstream, &["one", "two"], Status::Running)?;
            let child = downstream(tx, &project, &upstream, bridges[1].id)?;
            Ok((upstream.id, [bridges[0].id, bridges[1].id], child))
        });
        assert_eq!(opened.read(move |tx| pipelines::downstream(tx, upstream)), std::slice::from_ref(&child));
        assert_eq!(opened.read(move |tx| pipelines::downstream_of_jobs(tx, upstream, &bridges[..1])), []);
        assert_eq!(opened.read(move |tx| pipelines::downstream_of_jobs(tx, upstream, &bridges)), [child]);
    }

    fn a_pipeline_is_deleted_with_all_it_has(opened) {
        let (pipeline, job) = opened.write(|tx| {
            let project = project(tx)?;
            let pipeline = fixture::pipeline(tx, &project)?;
            let job = fixture::jobs_of(tx, &pipeline, &["a"], Status::Success)?.remove(0);
            artifacts::save(tx, &artifact(&job))?;
            job_variables::set(tx, job.id, JobVariablesKind::Played, &[1])?;
            Ok((pipeline, job.id))
        });
        let id = pipeline.id;
        assert_eq!(opened.read(move |tx| artifacts::of_pipeline(tx, id)).len(), 1);
        let deleted = pipeline.clone();
        assert!(opened.write(move |tx| pipelines::delete(tx, &deleted)));
        assert!(!opened.write(move |tx| pipelines::delete(tx, &pipeline)));
        assert_eq!(opened.read(move |tx| jobs::by_id(tx, job)), None);
        assert_eq!(opened.read(move |tx| pipelines::given(tx, id)), pipelines::Given::default());
    }

    fn what_explanations_have_in_common_is_stored_once(opened) {
        let (first, second, bare) = opened.write(|tx| {
            let project = project(tx)?;
            let one = explanations::ensure(tx, &[1; 32], b"shape")?;
            assert_eq!(explanations::ensure(tx, &[1; 32], b"never looked at")?, one);
            let first = explained(tx, &project, one, Some(b"values"))?;
            let two = explanations::ensure(tx, &[2; 32], b"other")?;
            assert_ne!(one, two);
            let second = explained(tx, &project, two, None)?;
            let git_ref = GitRef::branch("main");
            let (sha, before_sha) = (sha('a'), sha('b'));
            let new = fixture::new_pipeline(&project, &git_ref, &sha, &before_sha);
            Ok((first, second, pipelines::insert(tx, &new, &pipelines::Given::default())?))
        });
        let of = |pipeline: &Pipeline| {
            let id = pipeline.id;
            opened.read(move |tx| explanations::of_pipeline(tx, id))
        };
        let stored = |body: &[u8], values: Option<&[u8]>| {
            Some(explanations::Explanation { body: body.to_vec(), values: values.map(<[u8]>::to_vec) })
        };
        assert_eq!(of(&first), stored(b"shape", Some(b"values")));
        assert_eq!(of(&second), stored(b"other", None));
        assert_eq!(of(&bare), None);
        let gone = first.clone();
        assert!(opened.write(move |tx| pipelines::delete(tx, &gone)));
        assert_eq!(of(&first), None, "values go with their pipeline");
    }

    fn an_id_is_never_given_twice(opened) {
        let (first, second) = opened.write(|tx| {
            let project = project(tx)?;
            let first = fixture::pipeline(tx, &project)?;
            pipelines::delete(tx, &first)?;
            Ok((first, fixture::pipeline(tx, &project)?))
        });
        assert!(second.id > first.id && second.iid > first.iid, "{} {}", first.id, second.id);
    }

    fn a_pipeline_of_no_project_is_refused(opened) {
        let project = opened.write(project);
        let nowhere = Project { id: model::ProjectId(404), ..project };
        let result = opened.store.write_blocking(move |tx| fixture::pipeline(tx, &nowhere));
        assert!(matches!(result, Err(StoreError::ForeignKey { .. })), "{result:?}");
    }

    fn totals_are_counted_up_to_a_limit(opened) {
        let project = opened.write(project);
        add_many(opened, &project, 10_010);
        let id = project.id;
        assert_eq!(opened.read(move |tx| pipelines::count(tx, &PipelineFilter::new(id))), 10_001);
    }
}

/// Six pipelines: 1 to 3 on `main`, 4 on `dev`, 5 on the tag `v1`, 6 a child on `main`.
struct World {
    project: Project,
}

impl World {
    fn new(tx: &mut dyn Tx) -> Result<World, StoreError> {
        let project = project(tx)?;
        let (main, dev, tag) = (GitRef::branch("main"), GitRef::branch("dev"), GitRef::tag("v1"));
        let mut made = Vec::new();
        for (git_ref, sha, source) in [
            (&main, sha('a'), Source::Trigger),
            (&main, sha('a'), Source::Trigger),
            (&main, sha('b'), Source::Push),
            (&dev, sha('b'), Source::Web),
            (&tag, sha('b'), Source::Api),
            (&main, sha('b'), Source::ParentPipeline),
        ] {
            made.push(fixture::pipeline_on(tx, &project, git_ref, &sha, source)?);
        }
        for (index, status, updated) in [
            (0, Status::Success, 10),
            (1, Status::Running, 20),
            (3, Status::Failed, 30),
        ] {
            let pipeline = &mut made[index];
            pipeline.status = status;
            pipeline.updated_at = Timestamp(NOW.0 + updated);
            if status == Status::Failed {
                pipeline.name = Some("Nightly".to_owned());
                pipeline.yaml_errors = Some("wrong".to_owned());
            }
            pipelines::save(tx, pipeline)?;
        }
        Ok(World { project })
    }
}

fn project(tx: &mut dyn Tx) -> Result<Project, StoreError> {
    let user = fixture::user(tx, "ada")?;
    fixture::project(tx, &user, "one")
}

/// A pipeline that was given nothing and has an explanation.
fn explained(
    tx: &mut dyn Tx,
    project: &Project,
    id: ExplanationId,
    values: Option<&[u8]>,
) -> Result<Pipeline, StoreError> {
    let git_ref = GitRef::branch("main");
    let (sha, before_sha) = (sha('a'), sha('b'));
    let new = pipelines::NewPipeline {
        explanation: Some(explanations::OfPipeline { id, values }),
        ..fixture::new_pipeline(project, &git_ref, &sha, &before_sha)
    };
    pipelines::insert(tx, &new, &pipelines::Given::default())
}

fn downstream(
    tx: &mut dyn Tx,
    project: &Project,
    upstream: &Pipeline,
    job: model::JobId,
) -> Result<Pipeline, StoreError> {
    let git_ref = GitRef::branch("main");
    let new = pipelines::NewPipeline {
        upstream_job_id: Some(job),
        upstream_pipeline_id: Some(upstream.id),
        source: Source::ParentPipeline,
        ..fixture::new_pipeline(project, &git_ref, &upstream.sha, &upstream.before_sha)
    };
    pipelines::insert(tx, &new, &pipelines::Given::default())
}

fn artifact(job: &model::Job) -> NewArtifact {
    NewArtifact {
        project_id: job.project_id,
        job_id: job.id,
        kind: "archive".to_owned(),
        format: "zip".to_owned(),
        filename: "artifacts.zip".to_owned(),
        size: 1,
        sha256: "00".to_owned(),
        blob_key: "1/archive".to_owned(),
        access: None,
        expire_at: None,
        created_at: NOW,
    }
}

/// Adds pipelines in one statement.
fn add_many(opened: &Opened, project: &Project, number: i64) {
    static ADD: Sql = Sql::shared(
        "add",
        "WITH RECURSIVE numbers (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2) \
         INSERT INTO pipelines (iid, project_id, sha, before_sha, ref_name, is_tag, protected, status, source, on_new_commit, \
             on_job_failure, created_at, updated_at) \
         SELECT n, CAST(?1 AS BIGINT), '', '', 'main', FALSE, FALSE, 'success', 'push', 'none', 'none', 0, 0 FROM numbers",
    );
    let project = project.id.0;
    opened.write(move |tx| tx.execute(&ADD, &[Param::I64(project), Param::I64(number)]));
}
