//! The queue: who sees which job, who gets it, and which jobs need looking after.

use model::{
    Job, JobId, NamespaceId, ProjectId, RunnerAccess, RunnerId, RunnerManagerId, RunnerType, Status, Timestamp,
};
use store::ops::queue::{self, Claim, RunnerScope};
use store::ops::runners::{self, NewRunner};
use store::ops::{jobs, projects};
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, Opened, on_both};

const LATER: Timestamp = Timestamp(NOW.0 + 1_000_000);

on_both! {
    fn what_waits_is_listed_by_id_for_the_whole_server(opened) {
        let ids = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let mut ids = Vec::new();
            for path in ["one", "two"] {
                let project = fixture::project(tx, &user, path)?;
                let pipeline = fixture::pipeline(tx, &project)?;
                fixture::jobs_of(tx, &pipeline, &["ended"], model::Status::Success)?;
                let jobs = fixture::jobs_of(tx, &pipeline, &["a", "b"], model::Status::Pending)?;
                ids.extend(jobs.iter().map(|job| job.id));
            }
            Ok(ids)
        });
        let waiting = |after: model::JobId, limit| {
            let found = opened.read(move |tx| store::ops::queue::waiting(tx, after, limit));
            found.into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        assert_eq!(waiting(model::JobId(0), 10), ids);
        assert_eq!(waiting(ids[0], 2), ids[1..3]);
    }

    fn a_runner_sees_the_pending_jobs_of_its_scope_in_order(opened) {
        let world = opened.write(World::new);
        for (scope, expected) in [
            (RunnerScope::Instance, vec!["a", "b", "c"]),
            (RunnerScope::Group(world.group), vec!["a", "b"]),
            (RunnerScope::Group(NamespaceId(404)), vec![]),
            (RunnerScope::Projects(world.runner), vec!["c"]),
            (RunnerScope::Projects(RunnerId(404)), vec![]),
        ] {
            let jobs = opened.write(move |tx| queue::candidates(tx, scope, JobId(0), 10));
            assert_eq!(world.names(jobs.iter().map(|job| job.id)), expected, "{scope:?}");
            let seen = opened.read(move |tx| queue::peek(tx, scope, JobId(0), 10));
            assert_eq!(seen, jobs, "{scope:?}");
        }
        let first = world.jobs[0].id;
        let page = opened.write(move |tx| queue::candidates(tx, RunnerScope::Instance, first, 1));
        assert_eq!(world.names(page.iter().map(|job| job.id)), ["b"]);
    }

    fn a_job_is_claimed_once_however_many_ask(opened) {
        let world = opened.write(World::new);
        let (store, job, runner) = (opened.store.clone(), world.jobs[0].id, world.runner);
        let claims = fixture::at_once((0..30).map(|_| {
            let store = store.clone();
            async move { store.write(move |tx| queue::claim(tx, job, claim(runner, true))).await }
        }));
        let won: Vec<Job> = claims.into_iter().filter_map(|claim| claim.expect("no error")).collect();
        assert_eq!(won.len(), 1);
        let (project, now) = (world.jobs[0].project_id, NOW);
        assert_eq!(
            (won[0].status, won[0].runner_id, won[0].claim, won[0].started_at),
            (Status::Running, Some(runner), 1, Some(now))
        );
        let executing = opened.read(queue::executing_by_project);
        assert_eq!(executing.into_iter().collect::<Vec<_>>(), [(project, 1)]);
        let of_process = move |manager| move |tx: &mut dyn store::Tx| queue::with_process(tx, runner, RunnerManagerId(manager));
        assert_eq!(opened.read(of_process(6)), won);
        assert_eq!(opened.read(of_process(7)), []);
        let mut counts = opened.read(queue::count_by_status);
        counts.sort();
        assert_eq!(counts, [(Status::Pending, 2), (Status::Running, 1)]);
    }

    fn a_job_handed_out_stays_pending_and_is_seen_by_nobody_else_until_released(opened) {
        let world = opened.write(World::new);
        let (job, runner) = (world.jobs[0].id, world.runner);
        let handed = opened.write(move |tx| queue::claim(tx, job, claim(runner, false))).expect("it waits");
        assert_eq!((handed.status, handed.claim, handed.started_at), (Status::Pending, 1, None));
        assert_eq!(pending(opened, &world), ["b", "c"]);
        assert_eq!(opened.read(|tx| queue::unacknowledged_since(tx, NOW, 10)), []);
        assert_eq!(opened.read(|tx| queue::unacknowledged_since(tx, LATER, 10)), [handed]);
        assert!(!opened.write(move |tx| queue::release(tx, job, 7, LATER)), "another hand-out");
        assert!(opened.write(move |tx| queue::release(tx, job, 1, LATER)));
        assert_eq!(pending(opened, &world), ["a", "b", "c"]);
        let again = opened.write(move |tx| queue::claim(tx, job, claim(runner, true))).expect("it waits again");
        assert_eq!(again.claim, 2, "the token of the first hand-out is void");
    }

    fn jobs_that_need_looking_after_are_found(opened) {
        let world = opened.write(World::new);
        let (runner, [a, b, _]) = (world.runner, world.jobs.each_ref().map(|job| job.id));
        opened.write(move |tx| {
            queue::claim(tx, a, claim(runner, true))?;
            let mut delayed = jobs::lock(tx, b)?.expect("just made");
            delayed.status = Status::Scheduled;
            delayed.scheduled_at = Some(LATER);
            jobs::save(tx, &delayed)
        });
        let names = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.name).collect::<Vec<_>>();
        assert_eq!(names(opened.read(|tx| queue::silent_since(tx, NOW, 10))), [""; 0]);
        assert_eq!(names(opened.read(|tx| queue::silent_since(tx, LATER, 10))), ["a"]);
        opened.write(move |tx| jobs::touch(tx, a, LATER));
        assert_eq!(names(opened.read(|tx| queue::silent_since(tx, LATER, 10))), [""; 0]);
        let timeout = Timestamp(NOW.0 + 3600 * 1_000_000);
        assert_eq!(names(opened.read(move |tx| queue::overdue(tx, timeout, 10))), [""; 0]);
        assert_eq!(names(opened.read(move |tx| queue::overdue(tx, Timestamp(timeout.0 + 1), 10))), ["a"]);
        assert_eq!(names(opened.read(|tx| queue::pending_since(tx, NOW, 10))), [""; 0]);
        assert_eq!(names(opened.read(|tx| queue::pending_since(tx, LATER, 10))), ["c"]);
        assert_eq!(names(opened.read(|tx| queue::due(tx, NOW, 10))), [""; 0]);
        assert_eq!(names(opened.read(|tx| queue::due(tx, LATER, 10))), ["b"]);
        assert_eq!(opened.read(queue::next_due), Some(LATER));
    }

    fn what_decides_about_a_project_is_read_for_many(opened) {
        let world = opened.write(World::new);
        let id = world.jobs[0].project_id;
        opened.write(move |tx| {
            let mut project = projects::get(tx, id)?.expect("just made");
            project.archived = true;
            project.settings.instance_runners_enabled = false;
            projects::update(tx, &project)
        });
        let facts = opened.read(move |tx| queue::projects(tx, &[id, ProjectId(404)]));
        assert_eq!(facts.len(), 1);
        assert!(facts[&id].0 && !facts[&id].1.instance_runners_enabled);
    }
}

#[test]
fn jobs_that_another_server_is_claiming_are_skipped() {
    let opened = Opened::postgres();
    let world = opened.write(World::new);
    let (first, runner, store) = (world.jobs[0].id, world.runner, opened.store.clone());
    let seen = opened.write(move |tx| {
        queue::claim(tx, first, claim(runner, true))?;
        // Another connection asks while this transaction holds the job.
        let store = store.clone();
        let other = std::thread::spawn(move || {
            store.write_blocking(|tx| queue::candidates(tx, RunnerScope::Instance, JobId(0), 10))
        });
        other.join().expect("no panic")
    });
    assert_eq!(world.names(seen.iter().map(|job| job.id)), ["b", "c"]);
}

/// Jobs `a` and `b` in a project of ada's, `c` in one of bob's, to which a runner is assigned.
struct World {
    jobs: [Job; 3],
    group: NamespaceId,
    runner: RunnerId,
}

impl World {
    fn new(tx: &mut dyn Tx) -> Result<World, StoreError> {
        let (ada, bob) = (fixture::user(tx, "ada")?, fixture::user(tx, "bob")?);
        let (one, two) = (fixture::project(tx, &ada, "one")?, fixture::project(tx, &bob, "two")?);
        let first = fixture::pipeline(tx, &one)?;
        let second = fixture::pipeline(tx, &two)?;
        let [a, b] = <[Job; 2]>::try_from(fixture::jobs_of(tx, &first, &["a", "b"], Status::Pending)?).expect("two");
        let [c] = <[Job; 1]>::try_from(fixture::jobs_of(tx, &second, &["c"], Status::Pending)?).expect("one");
        fixture::jobs_of(tx, &second, &["created"], Status::Created)?;
        let runner = runners::create(
            tx,
            &NewRunner {
                digest: &[5; 32],
                runner_type: RunnerType::Project,
                description: None,
                maintenance_note: None,
                paused: false,
                locked: false,
                run_untagged: true,
                tags: &[],
                access: RunnerAccess::NotProtected,
                maximum_timeout_seconds: None,
                group_id: None,
                project_ids: &[two.id],
                creator_id: None,
                token_expires_at: None,
                registered_by_token: false,
                created_at: NOW,
            },
        )?;
        Ok(World {
            jobs: [a, b, c],
            group: ada.namespace_id,
            runner: runner.id,
        })
    }

    fn names(&self, ids: impl Iterator<Item = JobId>) -> Vec<&str> {
        ids.map(|id| {
            self.jobs
                .iter()
                .find(|job| job.id == id)
                .map_or("?", |job| job.name.as_str())
        })
        .collect()
    }
}

fn claim(runner_id: RunnerId, acknowledged: bool) -> Claim {
    Claim {
        runner_id,
        runner_manager_id: Some(RunnerManagerId(6)),
        acknowledged,
        timeout_seconds: 3600,
        now: NOW,
    }
}

fn pending<'a>(opened: &Opened, world: &'a World) -> Vec<&'a str> {
    let jobs = opened.read(|tx| queue::peek(tx, RunnerScope::Instance, JobId(0), 10));
    world.names(jobs.iter().map(|job| job.id))
}
