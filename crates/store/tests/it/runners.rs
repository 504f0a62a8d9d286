//! Runners, their projects and their processes.

use model::{NamespaceId, ProjectId, Runner, RunnerAccess, RunnerId, RunnerType, Timestamp, UserId};
use store::ops::page::{Page, Sort};
use store::ops::runners::{self, ManagerFacts, NewRunner, RunnerFilter, Standing};
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, on_both};

on_both! {
    fn a_runner_is_found_by_its_token_and_changed(opened) {
        let mut runner = opened.write(|tx| create(tx, 1, RunnerType::Instance, None, &[]));
        assert_eq!(opened.read(|tx| runners::by_digest(tx, &[1; 32])), Some(runner.clone()));
        runner.description = Some("new".to_owned());
        runner.maintenance_note = Some("note".to_owned());
        runner.paused = true;
        runner.locked = true;
        runner.run_untagged = false;
        runner.tags = vec!["linux".to_owned(), "arm".to_owned()];
        runner.access = RunnerAccess::RefProtected;
        runner.maximum_timeout_seconds = Some(600);
        runner.token_expires_at = Some(NOW);
        let (id, changed) = (runner.id, runner.clone());
        assert!(opened.write(move |tx| runners::update(tx, &changed)));
        assert_eq!(opened.read(move |tx| runners::get(tx, id)), Some(runner));
        assert!(opened.write(move |tx| runners::set_digest(tx, id, &[2; 32], None)));
        assert_eq!(opened.read(|tx| runners::by_digest(tx, &[1; 32])), None);
        assert!(opened.write(move |tx| runners::delete(tx, id)));
        assert!(!opened.write(move |tx| runners::delete(tx, id)));
    }

    fn its_last_contact_is_noted_once_a_minute(opened) {
        let id = opened.write(|tx| Ok(create(tx, 1, RunnerType::Instance, None, &[])?.id));
        for (seconds, noted) in [(0, 0), (59, 0), (61, 61), (100, 61)] {
            let after = |seconds: i64| Timestamp(NOW.0 + seconds * 1_000_000);
            opened.write(move |tx| runners::touch(tx, id, after(seconds)));
            let runner = opened.read(move |tx| runners::get(tx, id)).expect("stored");
            assert_eq!(runner.contacted_at, Some(after(noted)), "second {seconds}");
        }
    }

    fn a_process_keeps_what_it_does_not_tell_again(opened) {
        let id = opened.write(|tx| Ok(create(tx, 1, RunnerType::Instance, None, &[])?.id));
        let features = || vec!["trace_checksum".to_owned()];
        let first = opened.write(move |tx| {
            let features = features();
            let facts = ManagerFacts {
                system_id: "s_1",
                version: Some("18.0.0"),
                features: &features,
                ..ManagerFacts::default()
            };
            runners::save_manager(tx, id, &facts, NOW)
        });
        let later = Timestamp(NOW.0 + 1);
        let second = opened.write(move |tx| {
            let facts = ManagerFacts { system_id: "s_1", executor: Some("shell"), ..ManagerFacts::default() };
            runners::save_manager(tx, id, &facts, later)
        });
        assert_eq!((second.id, second.created_at, second.contacted_at), (first.id, NOW, Some(later)));
        assert_eq!((second.version.as_deref(), second.executor.as_deref()), (Some("18.0.0"), Some("shell")));
        assert_eq!(second.features, features());
        assert_eq!(opened.read(move |tx| runners::manager(tx, id, "s_1")), Some(second.clone()));
        assert_eq!(opened.read(move |tx| runners::managers(tx, id, Page::all())), std::slice::from_ref(&second));
        let manager = second.id;
        assert_eq!(opened.read(move |tx| runners::managers_by_id(tx, &[manager])), [second]);
        assert!(opened.write(move |tx| runners::delete_manager(tx, id, "s_1")));
        let nobody = opened.store.write_blocking(move |tx| {
            runners::save_manager(tx, RunnerId(404), &ManagerFacts::default(), NOW)
        });
        assert!(matches!(nobody, Err(StoreError::ForeignKey { .. })));
    }

    fn runners_are_listed_by_every_filter(opened) {
        let (ada, project) = opened.write(|tx| {
            let ada = fixture::user(tx, "ada")?;
            let (one, two) = (fixture::project(tx, &ada, "one")?, fixture::project(tx, &ada, "two")?);
            create(tx, 1, RunnerType::Instance, None, &[])?;
            let group = create(tx, 2, RunnerType::Group, Some(ada.namespace_id), &[])?;
            create(tx, 3, RunnerType::Project, None, &[one.id])?;
            create(tx, 4, RunnerType::Project, None, &[two.id, one.id])?;
            let other = create(tx, 5, RunnerType::Project, None, &[two.id])?;
            runners::update(tx, &Runner { paused: true, ..other.clone() })?;
            runners::touch(tx, group.id, NOW)?;
            assert!(runners::unassign(tx, RunnerId(4), one.id)?);
            assert!(!runners::assign(tx, RunnerId(4), two.id)?);
            Ok((ada, one.id))
        });
        let all = RunnerFilter::default;
        let cases: Vec<(RunnerFilter, &[i64])> = vec![
            (all(), &[5, 4, 3, 2, 1]),
            (RunnerFilter { sort: Sort::Asc, ..all() }, &[1, 2, 3, 4, 5]),
            (RunnerFilter { of_project: Some(project), ..all() }, &[3, 2, 1]),
            (RunnerFilter { of_project: Some(ProjectId(404)), ..all() }, &[1]),
            (RunnerFilter { of_group: Some(ada.namespace_id), ..all() }, &[2, 1]),
            (RunnerFilter { of_group: Some(ada.namespace_id), without_instance: true, ..all() }, &[2]),
            (RunnerFilter { of_project: Some(project), without_group: true, ..all() }, &[3, 1]),
            (RunnerFilter { owned_by: Some((ada.id, NOW)), ..all() }, &[5, 4, 3, 2]),
            (RunnerFilter { owned_by: Some((UserId(404), NOW)), ..all() }, &[]),
            (RunnerFilter { tags: vec!["linux".to_owned()], ..all() }, &[5, 4, 3, 2, 1]),
            (RunnerFilter { tags: vec!["Linux".to_owned()], ..all() }, &[]),
            (RunnerFilter { tags: vec!["lin".to_owned()], ..all() }, &[]),
            (RunnerFilter { version_prefix: Some("19.".to_owned()), ..all() }, &[]),
            (RunnerFilter { creator_id: Some(UserId(9)), ..all() }, &[5, 4, 3, 2, 1]),
            (RunnerFilter { creator_id: Some(ada.id), ..all() }, &[]),
            (RunnerFilter { runner_type: Some(RunnerType::Project), ..all() }, &[5, 4, 3]),
            (RunnerFilter { paused: Some(true), ..all() }, &[5]),
            (RunnerFilter { paused: Some(false), ..all() }, &[4, 3, 2, 1]),
            (RunnerFilter { standing: vec![Standing::HeardAfter(Timestamp(NOW.0 - 1))], ..all() }, &[2]),
            (RunnerFilter { standing: vec![Standing::HeardUntil(Timestamp(NOW.0 - 1))], ..all() }, &[]),
            (RunnerFilter { standing: vec![Standing::Never], ..all() }, &[5, 4, 3, 1]),
            (RunnerFilter { standing: vec![Standing::SilentSince(NOW)], ..all() }, &[5, 4, 3, 2, 1]),
            (RunnerFilter { standing: vec![Standing::SilentSince(Timestamp(NOW.0 - 1))], ..all() }, &[]),
        ];
        for (filter, expected) in cases {
            let shown = format!("{filter:?}");
            let ids = opened.read(move |tx| {
                let found = runners::list(tx, &filter, Page::all())?;
                assert_eq!(runners::count(tx, &filter)?, i64::try_from(found.len()).expect("few"));
                Ok(found.into_iter().map(|runner| runner.id.0).collect::<Vec<_>>())
            });
            assert_eq!(ids, expected, "{shown}");
        }
        let assigned = opened.read(|tx| runners::get(tx, RunnerId(4))).expect("stored");
        assert_eq!(assigned.project_ids.len(), 1);
    }
}

fn create(
    tx: &mut dyn Tx,
    digest: u8,
    runner_type: RunnerType,
    group_id: Option<NamespaceId>,
    project_ids: &[ProjectId],
) -> Result<Runner, StoreError> {
    runners::create(
        tx,
        &NewRunner {
            digest: &[digest; 32],
            runner_type,
            description: Some("a runner"),
            maintenance_note: None,
            paused: false,
            locked: false,
            run_untagged: true,
            tags: &["linux".to_owned()],
            access: RunnerAccess::NotProtected,
            maximum_timeout_seconds: None,
            group_id,
            project_ids,
            creator_id: Some(UserId(9)),
            token_expires_at: None,
            registered_by_token: false,
            created_at: NOW,
        },
    )
}
