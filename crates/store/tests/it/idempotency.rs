//! Keys of calls: one pipeline for each within their time, whoever comes first.

use std::time::Duration;

use model::{PipelineId, Timestamp};
use store::ops::idempotency_keys::{self, NewKey, Remembered};
use store::{StoreError, Tx};

use crate::fixture::{self, NOW, on_both};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn project(tx: &mut dyn Tx) -> Result<model::Project, StoreError> {
    let owner = fixture::user(tx, "ann")?;
    fixture::project(tx, &owner, "ann/tool")
}

fn claim(
    tx: &mut dyn Tx,
    project: model::ProjectId,
    key: u8,
    pipeline: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let new = NewKey {
        project_id: project,
        key: &[key; 32],
        payload: &[pipeline.try_into().unwrap_or(0); 32],
        pipeline_id: PipelineId(pipeline),
        created_at: now,
        valid_since: now - DAY,
    };
    idempotency_keys::claim(tx, &new)
}

on_both! {
    fn a_key_stands_for_one_pipeline_until_its_time_is_over(opened) {
        opened.write(|tx| {
            let project = project(tx)?.id;
            let get = |tx: &mut dyn Tx, now: Timestamp| idempotency_keys::get(tx, project, &[1; 32], now - DAY);
            assert_eq!(get(tx, NOW)?, None);
            assert!(claim(tx, project, 1, 7, NOW)?);
            assert!(!claim(tx, project, 1, 8, NOW + DAY)?, "a day is not over");
            let first = Remembered { payload: [7; 32], pipeline_id: PipelineId(7) };
            assert_eq!(get(tx, NOW + DAY)?, Some(first));
            let later = NOW + DAY + Duration::from_micros(1);
            assert_eq!(get(tx, later)?, None);
            assert!(claim(tx, project, 1, 9, later)?, "a forgotten key is free again");
            assert_eq!(get(tx, later)?.map(|known| known.pipeline_id), Some(PipelineId(9)));
            Ok(())
        });
    }

    fn keys_of_projects_have_nothing_to_do_with_each_other(opened) {
        opened.write(|tx| {
            let owner = fixture::user(tx, "ann")?;
            let one = fixture::project(tx, &owner, "ann/one")?.id;
            let other = fixture::project(tx, &owner, "ann/other")?.id;
            assert!(claim(tx, one, 1, 7, NOW)?);
            assert!(claim(tx, other, 1, 8, NOW)?);
            Ok(())
        });
    }

    fn old_keys_are_forgotten_in_batches(opened) {
        opened.write(|tx| {
            let project = project(tx)?.id;
            for key in 0..5 {
                claim(tx, project, key, 7, NOW + Duration::from_secs(key.into()))?;
            }
            let before = NOW + Duration::from_secs(3);
            assert_eq!(idempotency_keys::forget(tx, before, 2)?, 2);
            assert_eq!(idempotency_keys::forget(tx, before, 2)?, 1);
            assert_eq!(idempotency_keys::forget(tx, before, 2)?, 0);
            assert!(idempotency_keys::get(tx, project, &[3; 32], NOW)?.is_some());
            Ok(())
        });
    }
}
