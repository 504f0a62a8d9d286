//! The trigger log: filtered, kept when pipelines go, cut at its end.

use std::time::Duration;

use model::{PipelineId, ProjectId, Reason, Timestamp, TriggerLogId, TriggerOutcome, TriggerTokenId};
use store::ops::page::Page;
use store::ops::pipelines::{self, Given};
use store::ops::trigger_log::{self, LogFilter, NewEntry};
use store::ops::unknown_tokens::{self, UnknownCalls};
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, on_both};

fn entry(project: ProjectId, at: Timestamp) -> NewEntry<'static> {
    NewEntry {
        project_id: project,
        created_at: at,
        outcome: TriggerOutcome::Accepted,
        reason: None,
        status: 201,
        token_id: Some(TriggerTokenId(7)),
        token_short: Some("abcd"),
        token_description: None,
        job_id: None,
        user_id: None,
        address: Some("192.0.2.1"),
        ref_name: Some("main"),
        is_tag: Some(false),
        sha: None,
        pipeline_id: None,
        payload_digest: Some(&[5; 32]),
        repeats: None,
        calls: 1,
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn ids(tx: &mut dyn Tx, project: ProjectId, filter: &LogFilter) -> Result<Vec<i64>, StoreError> {
    let found = trigger_log::list(tx, project, filter, Page::all())?;
    assert_eq!(
        trigger_log::count(tx, project, filter)?,
        i64::try_from(found.len()).unwrap()
    );
    Ok(found
        .iter()
        .map(|one| one.created_at.0 - NOW.0)
        .map(|at| at / 1_000_000)
        .collect())
}

on_both! {
    fn the_newest_is_first_also_when_it_was_written_down_before(opened) {
        opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &user, "one")?.id;
            for seconds in [1, 3, 2, 3] {
                trigger_log::insert(tx, &entry(project, after(seconds)))?;
            }
            assert_eq!(ids(tx, project, &LogFilter::default())?, [3, 3, 2, 1]);
            let found = trigger_log::list(tx, project, &LogFilter::default(), Page::all())?;
            let order: Vec<i64> = found.iter().map(|one| one.id.0 - found[3].id.0).collect();
            assert_eq!(order, [3, 1, 2, 0], "of the same moment the one written down last");
            Ok::<_, store::StoreError>(())
        });
    }

    fn entries_are_filtered_the_newest_first(opened) {
        opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &user, "one")?.id;
            let refused = (TriggerOutcome::Refused, Some(Reason::RefNotFound), 400);
            trigger_log::insert(tx, &entry(project, after(1)))?;
            let second = NewEntry { outcome: refused.0, reason: refused.1, status: refused.2, ..entry(project, after(2)) };
            trigger_log::insert(tx, &second)?;
            trigger_log::insert(tx, &NewEntry { token_id: None, ref_name: Some("x"), ..entry(project, after(3)) })?;
            let all = LogFilter::default();
            assert_eq!(ids(tx, project, &all)?, [3, 2, 1]);
            assert_eq!(ids(tx, ProjectId(404), &all)?, [] as [i64; 0]);
            for (filter, expected) in [
                (LogFilter { token: Some(TriggerTokenId(7)), ..all.clone() }, vec![2, 1]),
                (LogFilter { outcome: Some(TriggerOutcome::Refused), ..all.clone() }, vec![2]),
                (LogFilter { reason: Some(Reason::RefNotFound), ..all.clone() }, vec![2]),
                (LogFilter { ref_name: Some("x".to_owned()), ..all.clone() }, vec![3]),
                (LogFilter { address: Some("192.0.2.1".to_owned()), ..all.clone() }, vec![3, 2, 1]),
                (LogFilter { address: Some("192.0.2.2".to_owned()), ..all.clone() }, vec![]),
                (LogFilter { since: Some(after(2)), until: Some(after(3)), ..all.clone() }, vec![2]),
            ] {
                assert_eq!(ids(tx, project, &filter)?, expected, "{filter:?}");
            }
            let found = trigger_log::list(tx, project, &all, Page::of(1, 1))?.remove(0);
            assert_eq!(trigger_log::get(tx, project, found.id)?, Some(found.clone()));
            assert_eq!(trigger_log::get(tx, ProjectId(404), found.id)?, None);
            assert_eq!((found.payload_digest, found.address.as_deref()), (Some([5; 32]), Some("192.0.2.1")));
            Ok(())
        });
    }

    fn what_a_pipeline_was_given_outlives_it(opened) {
        opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &user, "one")?;
            let pipeline = fixture::pipeline(tx, &project)?;
            let given = pipelines::given(tx, pipeline.id)?;
            trigger_log::insert(tx, &NewEntry { pipeline_id: Some(pipeline.id), ..entry(project.id, NOW) })?;
            trigger_log::insert(tx, &NewEntry { pipeline_id: Some(PipelineId(404)), ..entry(project.id, NOW) })?;
            let found = trigger_log::list(tx, project.id, &LogFilter::default(), Page::all())?;
            let (other, of_it) = (found[0].id, found[1].id);
            assert_eq!(trigger_log::kept_given(tx, of_it)?, Given::default());
            assert!(pipelines::delete(tx, &pipeline)?);
            assert_eq!(trigger_log::kept_given(tx, of_it)?, given);
            assert_eq!(trigger_log::kept_given(tx, other)?, Given::default());
            Ok(())
        });
    }

    fn the_log_is_cut_in_steps(opened) {
        opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let (one, two) = (fixture::project(tx, &user, "one")?.id, fixture::project(tx, &user, "two")?.id);
            for at in 0..10 {
                trigger_log::insert(tx, &entry(one, after(at)))?;
            }
            trigger_log::insert(tx, &entry(two, after(10)))?;
            assert_eq!(trigger_log::forget_before(tx, after(3), 2)?, 2);
            assert_eq!(trigger_log::forget_before(tx, after(3), 2)?, 1);
            assert_eq!(trigger_log::forget_before(tx, after(3), 2)?, 0);
            assert_eq!(trigger_log::next_project(tx, ProjectId(0))?, Some(one));
            assert_eq!(trigger_log::next_project(tx, one)?, Some(two));
            assert_eq!(trigger_log::next_project(tx, two)?, None);
            assert_eq!(trigger_log::forget_beyond(tx, one, 4, 2)?, 2);
            assert_eq!(trigger_log::forget_beyond(tx, one, 4, 2)?, 1);
            assert_eq!(trigger_log::forget_beyond(tx, one, 4, 2)?, 0);
            assert_eq!(ids(tx, one, &LogFilter::default())?, [9, 8, 7, 6]);
            assert_eq!(trigger_log::get(tx, one, TriggerLogId(0))?, None);
            Ok(())
        });
    }

    fn unknown_tokens_are_added_up_and_forgotten(opened) {
        opened.write(|tx| {
            let calls = |address: &str, at: u64, calls| UnknownCalls {
                address: address.to_owned(),
                first_at: after(at),
                last_at: after(at),
                calls,
            };
            for new in [calls("a", 1, 2), calls("b", 2, 1), calls("a", 3, 5), calls("c", 4, 1)] {
                unknown_tokens::add(tx, &new)?;
            }
            let (found, total) = unknown_tokens::list(tx, Page::of(1, 2))?;
            assert_eq!((found.len(), total), (2, 3));
            assert_eq!(found[1], UnknownCalls { first_at: after(1), ..calls("a", 3, 7) });
            assert_eq!(unknown_tokens::forget(tx, after(3), 10)?, 1);
            assert_eq!(unknown_tokens::forget(tx, NOW, 1)?, 1);
            Ok(())
        });
    }
}
