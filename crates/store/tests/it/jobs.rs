//! Jobs, what is stored beside them, and their shared definitions.

use model::definition::YamlVariable;
use model::job::Need;
use model::{FailureReason, JobId, Pipeline, RunnerId, RunnerManagerId, Status, Timestamp, When};
use store::ops::artifacts::{self, NewArtifact};
use store::ops::definitions::{self, NewDefinition};
use store::ops::job_variables::{self, JobVariablesKind};
use store::ops::jobs::{self, JobFilter, JobOf, NewJob};
use store::ops::page::{Page, Sort};
use store::{StoreError, Tx, Wake};

use crate::fixture::{self, NOW, on_both};

on_both! {
    fn every_column_comes_back(opened) {
        let (given, stored) = opened.write(|tx| {
            let pipeline = pipeline(tx)?;
            let definition = fixture::jobs_of(tx, &pipeline, &["other"], Status::Created)?[0].definition_id;
            let needs = [Need { name: "build".to_owned(), artifacts: true, optional: false }];
            let rules = [YamlVariable { key: "A".to_owned(), value: "\u{1f980}".to_owned(), raw: true }];
            let tags = ["linux".to_owned()];
            let planned = fixture::planned("deploy");
            let new = NewJob {
                when: When::Delayed,
                allow_failure: true,
                needs: Some(&needs),
                rule_variables: &rules,
                tags: &tags,
                environment: Some("prod"),
                resource_group: Some("one"),
                interruptible: Some(false),
                start_in_seconds: Some(60),
                scheduled_at: Some(NOW),
                enqueue_immediately: true,
                queued_at: Some(NOW),
                ..NewJob::planned(&pipeline, &planned, definition)
            };
            let empty_needs = NewJob { needs: Some(&[]), ..NewJob::planned(&pipeline, &planned, definition) };
            let jobs = jobs::insert_all(tx, &[new, empty_needs])?;
            let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
            let mut stored = jobs::get_many(tx, &ids)?;
            stored.sort_by_key(|job| job.id);
            Ok((jobs, stored))
        });
        assert_eq!(given, stored);
        assert!(given[1].is_dag() && given[1].needs == Some(vec![]), "no needs is not the same as empty needs");
    }

    fn jobs_get_ids_in_the_order_of_the_plan(opened) {
        let names: Vec<String> = (0..300).map(|number| format!("job {number}")).collect();
        let expected = names.clone();
        let stored = opened.write(move |tx| {
            let pipeline = pipeline(tx)?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            fixture::jobs_of(tx, &pipeline, &names, Status::Created)?;
            jobs::current(tx, pipeline.id)
        });
        assert!(stored.is_sorted_by_key(|job| job.id));
        assert_eq!(stored.into_iter().map(|job| job.name).collect::<Vec<_>>(), expected);
    }

    fn everything_that_changes_is_saved(opened) {
        let (mut job, other) = opened.write(|tx| {
            let pipeline = pipeline(tx)?;
            let mut jobs = fixture::jobs_of(tx, &pipeline, &["a", "b"], Status::Pending)?;
            let other = jobs.pop().expect("two were made");
            Ok((jobs.pop().expect("two were made"), other))
        });
        let later = Timestamp(NOW.0 + 1);
        job.status = Status::Failed;
        job.allow_failure = true;
        job.scheduled_at = Some(later);
        job.enqueue_immediately = true;
        job.user_id = None;
        job.runner_id = Some(RunnerId(3));
        job.runner_manager_id = Some(RunnerManagerId(4));
        job.claim = 2;
        job.acknowledged = true;
        job.failure_reason = Some(FailureReason::ScriptFailure);
        job.exit_code = Some(17);
        job.retried = true;
        job.timeout_seconds = Some(3600);
        job.coverage = Some(87.5);
        job.updated_at = later;
        job.queued_at = None;
        job.started_at = Some(NOW);
        job.finished_at = Some(later);
        job.erased_at = Some(later);
        let mut wakes = opened.store.wakes();
        let (first, second) = (job.clone(), other.clone());
        opened.write(move |tx| jobs::save_all(tx, [&first, &second]));
        let woken: Vec<Wake> = (0..3).map(|_| wakes.blocking_recv().expect("sent above")).collect();
        assert_eq!(woken, [Wake::JobsPending, Wake::Job(job.id), Wake::Job(other.id)]);
        let (id, second) = (job.id, other.id);
        assert_eq!(opened.read(move |tx| jobs::by_id(tx, id)), Some(job));
        assert_eq!(opened.read(move |tx| jobs::by_id(tx, second)), Some(other));
        opened.write(|tx| jobs::save_all(tx, []));
    }

    fn a_retried_job_is_no_longer_current(opened) {
        let (pipeline, old, new) = opened.write(|tx| {
            let pipeline = pipeline(tx)?;
            let old = fixture::jobs_of(tx, &pipeline, &["a"], Status::Failed)?.remove(0);
            jobs::mark_retried(tx, &[old.id], NOW)?;
            let new = jobs::insert_all(tx, &[NewJob::retry_of(&old, old.user_id, NOW)])?.remove(0);
            Ok((pipeline.id, old, new))
        });
        assert_eq!((&new.name, new.status), (&old.name, Status::Created));
        assert_eq!(opened.read(move |tx| jobs::current(tx, pipeline)), std::slice::from_ref(&new));
        assert_eq!(opened.write(move |tx| jobs::lock_current(tx, pipeline)), std::slice::from_ref(&new));
        assert_eq!(opened.read(move |tx| jobs::current_of_many(tx, &[pipeline])), [new]);
        assert_eq!(opened.read(move |tx| jobs::count_retried(tx, pipeline, "a")), 1);
        let attempts = opened.read(move |tx| jobs::list(tx, &JobFilter::new(JobOf::Pipeline(pipeline)), Page::all()));
        let earlier: Vec<i64> = attempts
            .iter()
            .filter(|job| job.name == "a")
            .map(|job| {
                let job = job.clone();
                opened.read(move |tx| jobs::count_earlier(tx, &job))
            })
            .collect();
        assert_eq!(earlier, [1, 0], "the newest is listed first");
    }

    fn jobs_are_listed_by_every_filter(opened) {
        let (pipeline, project) = opened.write(|tx| {
            let first = pipeline(tx)?;
            let project = store::ops::projects::get(tx, first.project_id)?.expect("just made");
            let second = fixture::pipeline(tx, &project)?;
            let jobs = fixture::jobs_of(tx, &first, &["1", "2"], Status::Success)?;
            let mut failed = fixture::jobs_of(tx, &second, &["3"], Status::Failed)?;
            jobs::mark_retried(tx, &[jobs[0].id], NOW)?;
            failed[0].runner_id = Some(RunnerId(5));
            jobs::save_all(tx, &failed)?;
            let bridge = fixture::planned("4");
            let new = NewJob { is_bridge: true, ..NewJob::planned(&first, &bridge, jobs[0].definition_id) };
            jobs::insert_all(tx, &[new])?;
            Ok((first.id, project.id))
        });
        let all = || JobFilter::new(JobOf::Project(project));
        let of_pipeline = || JobFilter::new(JobOf::Pipeline(pipeline));
        let third = JobId(3);
        let cases: Vec<(JobFilter<'static>, &[&str])> = vec![
            (all(), &["3", "2", "1"]),
            (JobFilter { sort: Sort::Asc, ..all() }, &["1", "2", "3"]),
            (of_pipeline(), &["2", "1"]),
            (JobFilter { include_retried: false, ..of_pipeline() }, &["2"]),
            (JobFilter { bridges: Some(true), ..of_pipeline() }, &["4"]),
            (JobFilter { bridges: None, ..of_pipeline() }, &["4", "2", "1"]),
            (JobFilter { scope: &[Status::Failed], ..all() }, &["3"]),
            (JobFilter { scope: &[Status::Failed, Status::Success], ..all() }, &["3", "2", "1"]),
            (JobFilter { scope: &[Status::Manual], ..all() }, &[]),
            (JobFilter { id_before: Some(third), ..all() }, &["2", "1"]),
            (JobFilter { id_after: Some(third), bridges: None, ..all() }, &["4"]),
            (JobFilter::new(JobOf::Runner(RunnerId(5))), &["3"]),
        ];
        for (filter, expected) in cases {
            let shown = format!("{filter:?}");
            let names = opened.read(move |tx| {
                let found = jobs::list(tx, &filter, Page::all())?;
                assert_eq!(jobs::count(tx, &filter)?, i64::try_from(found.len()).expect("few"));
                Ok(found.into_iter().map(|job| job.name).collect::<Vec<_>>())
            });
            assert_eq!(names, expected, "{shown}");
        }
    }

    fn equal_definitions_are_stored_once(opened) {
        let ids = opened.write(|tx| {
            let (one, two) = (r#"{"name":"one"}"#, r#"{"name":"two"}"#);
            let new = |body| NewDefinition { digest: fixture::digest(body), body };
            let first = definitions::ensure(tx, &[new(one)])?;
            let all = definitions::ensure(tx, &[new(two), new(one), new(two)])?;
            assert_eq!(definitions::ensure(tx, &[])?, []);
            Ok((first, all))
        });
        let (first, all) = ids;
        assert_eq!((all[1], all[0]), (first[0], all[2]));
        let found = opened.read(move |tx| definitions::get_many(tx, &all));
        let mut names: Vec<_> = found.iter().map(|(_, definition)| definition.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["one", "two"]);
    }

    fn one_definition_stored_by_many_at_once_gets_one_id(opened) {
        let store = opened.store.clone();
        let ids = fixture::at_once((0..40).map(|_| {
            let store = store.clone();
            async move {
                store
                    .write(|tx| {
                        let body = r#"{"name":"same"}"#;
                        definitions::ensure(tx, &[NewDefinition { digest: fixture::digest(body), body }])
                    })
                    .await
                    .expect("nobody loses the race")
            }
        }));
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    fn sealed_variables_of_a_job_are_kept_by_kind(opened) {
        let job = opened.write(|tx| {
            let pipeline = pipeline(tx)?;
            Ok(fixture::jobs_of(tx, &pipeline, &["a"], Status::Manual)?[0].id)
        });
        opened.write(move |tx| {
            job_variables::set(tx, job, JobVariablesKind::Played, &[1])?;
            job_variables::set(tx, job, JobVariablesKind::Played, &[2])?;
            job_variables::set(tx, job, JobVariablesKind::Dotenv, &[3])
        });
        let get = |kind| opened.read(move |tx| job_variables::get(tx, job, kind));
        assert_eq!(get(JobVariablesKind::Played), Some(vec![2]));
        assert_eq!(
            opened.read(move |tx| job_variables::get_many(tx, &[job, JobId(404)], JobVariablesKind::Dotenv)),
            [(job, vec![3])]
        );
        assert!(opened.write(move |tx| job_variables::delete(tx, job, JobVariablesKind::Played)));
        assert_eq!(get(JobVariablesKind::Played), None);
    }

    fn artifacts_are_kept_one_of_a_kind_until_they_expire(opened) {
        let job = opened.write(|tx| {
            let pipeline = pipeline(tx)?;
            Ok(fixture::jobs_of(tx, &pipeline, &["a"], Status::Success)?.remove(0))
        });
        let file = |kind: &str, size, expire_at| NewArtifact {
            project_id: job.project_id,
            job_id: job.id,
            kind: kind.to_owned(),
            format: "zip".to_owned(),
            filename: "artifacts.zip".to_owned(),
            size,
            sha256: "00".to_owned(),
            blob_key: format!("key-{kind}"),
            access: Some("developer".to_owned()),
            expire_at,
            created_at: NOW,
        };
        let (old, new, trace) = (file("archive", 1, None), file("archive", 2, Some(NOW)), file("trace", 3, None));
        let expected = new.clone();
        opened.write(move |tx| {
            artifacts::save(tx, &old)?;
            artifacts::save(tx, &new)?;
            artifacts::save(tx, &trace)
        });
        let id = job.id;
        let found = opened.read(move |tx| artifacts::get(tx, id, "archive")).expect("saved");
        assert_eq!(found.file, expected);
        assert_eq!(opened.read(move |tx| artifacts::of_jobs(tx, &[id])).len(), 2);
        assert_eq!(opened.read(|tx| artifacts::expired(tx, NOW, 10)), []);
        let later = Timestamp(NOW.0 + 1);
        assert_eq!(opened.read(move |tx| artifacts::expired(tx, later, 10)), [], "the latest of the branch are kept");
        let project = job.project_id;
        opened.write(move |tx| {
            let mut project = store::ops::projects::get(tx, project)?.expect("it is there");
            project.settings.keep_latest_artifact = false;
            store::ops::projects::update(tx, &project)
        });
        let expired = opened.read(|tx| artifacts::expired(tx, Timestamp(NOW.0 + 1), 10));
        assert_eq!(expired, std::slice::from_ref(&found));
        opened.write(move |tx| artifacts::keep(tx, id));
        assert_eq!(opened.read(|tx| artifacts::expired(tx, Timestamp(NOW.0 + 1), 10)), []);
        assert_eq!(opened.write(move |tx| artifacts::delete(tx, &[found.id])), 1);
        let left = opened.read(move |tx| artifacts::of_project(tx, project, model::ArtifactId(0), 10));
        assert_eq!(left.iter().map(|artifact| artifact.file.kind.as_str()).collect::<Vec<_>>(), ["trace"]);
    }
}

fn pipeline(tx: &mut dyn Tx) -> Result<Pipeline, StoreError> {
    let user = fixture::user(tx, "ada")?;
    let project = fixture::project(tx, &user, "one")?;
    fixture::pipeline(tx, &project)
}
