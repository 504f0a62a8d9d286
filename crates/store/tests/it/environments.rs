//! Environments and deployments: found, listed, stopped once.

use model::{
    AutoStopSetting, DeploymentId, DeploymentStatus, Environment, EnvironmentId, EnvironmentState, GitRef, PipelineId,
    Project, ProjectId, Sha, Status, Tier, Timestamp,
};
use store::ops::deployments::{self, DeploymentFilter, DeploymentOrder, NewDeployment};
use store::ops::environments::{self, EnvironmentFilter, NewEnvironment};
use store::ops::page::{Page, Sort};
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, Opened, on_both};

const fn at(microseconds: i64) -> Timestamp {
    Timestamp(NOW.0 + microseconds)
}

fn make(tx: &mut dyn Tx, project: ProjectId, name: &str) -> Result<Environment, StoreError> {
    let slug = name.replace('/', "-").to_lowercase();
    let new = NewEnvironment {
        project_id: project,
        name,
        slug: &slug,
        tier: Tier::guess(name),
        external_url: None,
        description: None,
        auto_stop_setting: AutoStopSetting::Always,
        auto_stop_at: Some(at(10)),
        created_at: NOW,
    };
    assert!(environments::insert(tx, &new)?, "{name}");
    Ok(environments::by_name(tx, project, name)?.unwrap())
}

fn deploy(
    tx: &mut dyn Tx,
    environment: &Environment,
    branch: &str,
    status: DeploymentStatus,
    finished: i64,
) -> Result<DeploymentId, StoreError> {
    let git_ref = GitRef::branch(branch);
    let sha: Sha = "a".repeat(40).parse().unwrap();
    let new = NewDeployment {
        environment_id: environment.id,
        pipeline_id: Some(PipelineId(finished + 1)),
        job_id: None,
        user_id: None,
        git_ref: &git_ref,
        sha: &sha,
        status,
        on_stop: Some("stop"),
        created_at: at(finished),
        finished_at: status.is_finished().then_some(at(finished)),
    };
    Ok(deployments::insert(tx, environment.project_id, &[new])?[0])
}

fn project(opened: &Opened) -> Project {
    opened.write(|tx| {
        let ann = fixture::user(tx, "ann")?;
        fixture::project(tx, &ann, "tool")
    })
}

fn names(found: &[Environment]) -> Vec<&str> {
    found.iter().map(|one| one.name.as_str()).collect()
}

on_both! {
    fn a_name_and_a_slug_are_one_of_a_kind_in_a_project(opened) {
        let id = project(opened).id;
        let (first, again, others) = opened.write(move |tx| {
            let first = make(tx, id, "review/a")?;
            let new = NewEnvironment {
                project_id: id, name: "review/a", slug: "other", tier: Tier::Other, external_url: None, description: None,
                auto_stop_setting: AutoStopSetting::Always, auto_stop_at: None, created_at: NOW,
            };
            let by_name = environments::insert(tx, &new)?;
            let by_slug = environments::insert(tx, &NewEnvironment { name: "other", slug: "review-a", ..new })?;
            Ok((first, (by_name, by_slug), environments::by_names(tx, id, &["review/a", "nobody"])?))
        });
        assert_eq!(again, (false, false));
        assert_eq!(others, vec![first.clone()]);
        assert_eq!(
            (first.tier, first.state, first.auto_stop_at),
            (Tier::Development, EnvironmentState::Available, Some(at(10)))
        );
    }

    fn lists_are_filtered_by_name_beginning_and_state(opened) {
        let id = project(opened).id;
        opened.write(move |tx| {
            for name in ["production", "Prod_eu", "review/a", "review/b"] {
                make(tx, id, name)?;
            }
            let stopped = environments::by_name(tx, id, "review/b")?.unwrap();
            environments::stop(tx, stopped.id, NOW)
        });
        let all = EnvironmentFilter { project: id, name: None, search: None, states: Vec::new() };
        let cases = [
            (all.clone(), vec!["production", "Prod_eu", "review/a", "review/b"]),
            (EnvironmentFilter { name: Some("production".to_owned()), ..all.clone() }, vec!["production"]),
            (EnvironmentFilter { search: Some("PROD".to_owned()), ..all.clone() }, vec!["production", "Prod_eu"]),
            (EnvironmentFilter { search: Some("prod_".to_owned()), ..all.clone() }, vec!["Prod_eu"]),
            (EnvironmentFilter { states: vec![EnvironmentState::Stopped], ..all.clone() }, vec!["review/b"]),
            (
                EnvironmentFilter {
                    states: vec![EnvironmentState::Stopped, EnvironmentState::Available],
                    search: Some("review/".to_owned()),
                    ..all
                },
                vec!["review/a", "review/b"],
            ),
        ];
        for (filter, expected) in cases {
            let asked = filter.clone();
            let (found, total) = opened.read(move |tx| {
                Ok((environments::list(tx, &asked, Page::of(1, 20))?, environments::count(tx, &asked)?))
            });
            assert_eq!(names(&found), expected, "{filter:?}");
            assert_eq!(total, i64::try_from(expected.len()).unwrap(), "{filter:?}");
        }
    }

    fn an_environment_is_stopped_by_one_of_many(opened) {
        let id = project(opened).id;
        let made = opened.write(move |tx| make(tx, id, "review/a")).id;
        let due = opened.read(move |tx| {
            Ok((environments::due(tx, at(9), 9)?.len(), environments::due(tx, at(10), 9)?.len()))
        });
        assert_eq!(due, (0, 1));
        let begun: Vec<bool> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| opened.write(move |tx| environments::begin_stop(tx, made, at(11)))))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(begun.iter().filter(|begun| **begun).count(), 1);
        let state = |opened: &Opened| {
            let found = opened.read(move |tx| environments::by_id(tx, made)).unwrap();
            (found.state, found.auto_stop_at)
        };
        assert_eq!(state(opened), (EnvironmentState::Stopping, Some(at(10))));
        let not_available = opened.write(move |tx| environments::stop_available(tx, made, at(12)));
        let is_deleted = opened.write(move |tx| environments::delete(tx, made));
        assert!(!not_available && !is_deleted);
        assert!(opened.write(move |tx| environments::stop(tx, made, at(12))));
        assert_eq!(state(opened), (EnvironmentState::Stopped, None));
        assert!(opened.write(move |tx| environments::start(tx, made, at(13))));
        assert!(opened.write(move |tx| environments::begin_stop(tx, made, at(14))));
        assert_eq!(opened.write(move |tx| environments::recover(tx, at(14), at(20))), 0);
        assert_eq!(opened.write(move |tx| environments::recover(tx, at(15), at(20))), 1);
        assert_eq!(state(opened).0, EnvironmentState::Available);
    }

    fn deployments_are_numbered_and_the_last_one_counts(opened) {
        use DeploymentStatus as D;
        let id = project(opened).id;
        let (environment, ids) = opened.write(move |tx| {
            let environment = make(tx, id, "live")?;
            let mut ids = Vec::new();
            for (status, finished) in [(D::Success, 5), (D::Success, 3), (D::Failed, 7), (D::Running, 9), (D::Blocked, 9)] {
                ids.push(deploy(tx, &environment, "main", status, finished)?);
            }
            Ok((environment, ids))
        });
        let one = environment.id;
        let (last, finished, upcoming, of_pipeline) = opened.read(move |tx| {
            Ok((
                deployments::last(tx, one)?.unwrap(),
                deployments::last_finished(tx, one)?.unwrap(),
                deployments::upcoming(tx, one)?.unwrap(),
                deployments::of_pipeline(tx, one, PipelineId(10))?.len(),
            ))
        });
        assert_eq!((last.id, last.iid.0, last.finished_at), (ids[0], 1, Some(at(5))));
        assert_eq!((finished.id, upcoming.id, of_pipeline), (ids[2], ids[4], 2));
        let all = DeploymentFilter::new(id);
        for (filter, expected) in [
            (all.clone(), vec![0, 1, 2, 3, 4]),
            (DeploymentFilter { sort: Sort::Desc, ..all.clone() }, vec![4, 3, 2, 1, 0]),
            (DeploymentFilter { status: Some(D::Success), ..all.clone() }, vec![0, 1]),
            (
                DeploymentFilter { status: Some(D::Success), order: DeploymentOrder::Finished, finished_after: Some(at(3)),
                    finished_before: Some(at(5)), ..all.clone() },
                vec![1],
            ),
            (
                DeploymentFilter { order: DeploymentOrder::Updated, updated_after: Some(at(7)), ..all.clone() },
                vec![2, 4, 3],
            ),
            (DeploymentFilter { environment: Some(EnvironmentId(0)), ..all.clone() }, vec![]),
            (DeploymentFilter { environment: Some(one), order: DeploymentOrder::Ref, ..all }, vec![0, 1, 2, 3, 4]),
        ] {
            let asked = filter.clone();
            let (found, total) = opened.read(move |tx| {
                Ok((deployments::list(tx, &asked, Page::all())?, deployments::count(tx, &asked)?))
            });
            let found: Vec<usize> = found.iter().map(|one| ids.iter().position(|id| *id == one.id).unwrap()).collect();
            assert_eq!((found, total), (expected.clone(), i64::try_from(expected.len()).unwrap()), "{filter:?}");
        }
        // They go with their environment.
        opened.write(move |tx| {
            environments::stop(tx, one, NOW)?;
            assert!(environments::delete(tx, one)?);
            assert_eq!(deployments::count(tx, &DeploymentFilter::new(id))?, 0);
            let again = make(tx, id, "live")?;
            let next = deploy(tx, &again, "main", DeploymentStatus::Created, 1)?;
            assert_eq!(deployments::get(tx, id, next)?.unwrap().iid.0, 6, "numbers are not used again");
            Ok(())
        });
    }

    fn environments_of_a_branch_and_those_nobody_uses_are_found(opened) {
        let id = project(opened).id;
        let found = opened.write(move |tx| {
            let (a, b) = (make(tx, id, "review/a")?, make(tx, id, "review/b")?);
            make(tx, id, "idle")?;
            deploy(tx, &a, "topic", DeploymentStatus::Success, 1)?;
            deploy(tx, &b, "other", DeploymentStatus::Success, 100)?;
            let of_branch = environments::of_branch(tx, id, "topic", 9)?;
            let stale = environments::stale(tx, id, at(50), EnvironmentId(0), 9)?;
            environments::stop(tx, a.id, NOW)?;
            let review = environments::review_apps(tx, id, at(1), 9)?;
            environments::schedule_deletion(tx, &[a.id], at(60))?;
            assert!(environments::review_apps(tx, id, at(1), 9)?.is_empty());
            assert!(!environments::has_old(tx, at(59), at(0))? && environments::has_old(tx, at(60), at(0))?);
            assert_eq!(environments::delete_due(tx, at(59))?, 0);
            assert_eq!(environments::delete_due(tx, at(60))?, 1);
            Ok((of_branch, stale, review))
        });
        assert_eq!(names(&found.0), ["review/a"]);
        assert_eq!(names(&found.1), ["review/a", "idle"]);
        assert_eq!(names(&found.2), ["review/a"]);
    }

    fn what_is_to_be_written_down_is_taken_once(opened) {
        let job = opened.write(|tx| {
            let ann = fixture::user(tx, "ann")?;
            let project = fixture::project(tx, &ann, "tool")?;
            let pipeline = fixture::pipeline(tx, &project)?;
            let jobs = fixture::jobs_of(tx, &pipeline, &["deploy"], Status::Success)?;
            environments::add_update(tx, jobs[0].id)?;
            environments::add_update(tx, jobs[0].id)?;
            Ok(jobs[0].id)
        });
        assert_eq!(opened.read(|tx| environments::updates(tx, 9)), [job]);
        let taken = opened.write(move |tx| Ok((environments::take_update(tx, job)?, environments::take_update(tx, job)?)));
        assert_eq!(taken, (true, false));
    }
}
