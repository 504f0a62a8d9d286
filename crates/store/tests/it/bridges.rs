//! Bridges: what they follow, and what they have not noticed yet.

use model::{JobId, PipelineId, Status};
use store::ops::jobs::NewJob;
use store::ops::{bridges, jobs, pipelines};
use store::{StoreError, Tx};

use crate::fixture::{self, Opened, on_both};

/// A pipeline with a running bridge, and another one without.
fn two(tx: &mut dyn Tx) -> Result<(PipelineId, JobId, PipelineId), StoreError> {
    let user = fixture::user(tx, "ada")?;
    let project = fixture::project(tx, &user, "tool")?;
    let (own, other) = (fixture::pipeline(tx, &project)?, fixture::pipeline(tx, &project)?);
    let definition = fixture::jobs_of(tx, &own, &["a"], Status::Success)?[0].definition_id;
    let planned = fixture::planned("b");
    let new = NewJob {
        is_bridge: true,
        ..NewJob::planned(&own, &planned, definition)
    };
    let mut bridge = jobs::insert_all(tx, &[new])?.remove(0);
    bridge.status = Status::Running;
    jobs::save_all(tx, std::slice::from_ref(&bridge))?;
    Ok((own.id, bridge.id, other.id))
}

fn behind(opened: &Opened) -> Vec<(JobId, PipelineId)> {
    opened.read(|tx| bridges::behind(tx, 10))
}

on_both! {
    fn a_bridge_that_mirrors_is_found_from_both_ends_and_when_it_lags_behind(opened) {
        let (own, bridge, other) = opened.write(two);
        assert_eq!(opened.read(move |tx| bridges::mirrored(tx, bridge)), None);
        opened.write(move |tx| bridges::mirror(tx, bridge, other));
        assert_eq!(opened.read(move |tx| bridges::mirrored(tx, bridge)), Some(other));
        assert_eq!(opened.read(move |tx| bridges::mirrors_of(tx, other)), [(bridge, own)]);
        assert_eq!(opened.read(move |tx| bridges::mirrors_of(tx, own)), []);
        assert_eq!(behind(opened), []);
        opened.write(move |tx| {
            let mut ended = pipelines::lock(tx, other)?.expect("it is there");
            ended.status = Status::Failed;
            pipelines::save(tx, &ended)
        });
        assert_eq!(behind(opened), [(bridge, own)]);
        opened.write(move |tx| {
            let gone = pipelines::lock(tx, other)?.expect("it is there");
            pipelines::delete(tx, &gone)
        });
        assert_eq!(behind(opened), [(bridge, own)], "what is gone has ended too");
        // With its pipeline the bridge goes, and what it followed.
        opened.write(move |tx| {
            let own = pipelines::lock(tx, own)?.expect("it is there");
            pipelines::delete(tx, &own)
        });
        assert_eq!(opened.read(move |tx| bridges::mirrored(tx, bridge)), None);
    }

    fn that_a_pipeline_went_on_is_kept_until_the_bridges_have_noticed(opened) {
        let (own, bridge, other) = opened.write(two);
        let taken_up = |opened: &Opened| opened.read(|tx| bridges::taken_up(tx, 10));
        let take_up = move |by: Option<JobId>, id: PipelineId| move |tx: &mut dyn Tx| {
            let mut pipeline = pipelines::by_id(tx, id)?.expect("it is there");
            pipeline.upstream_job_id = by;
            bridges::take_up(tx, &pipeline)
        };
        opened.write(take_up(None, other));
        opened.write(take_up(Some(JobId(404)), other));
        assert_eq!(taken_up(opened), [], "nobody follows it");
        for _ in 0..2 {
            opened.write(take_up(Some(bridge), other));
            assert_eq!(taken_up(opened), [(bridge, own)]);
        }
        opened.write(move |tx| bridges::noticed(tx, bridge));
        assert_eq!(taken_up(opened), []);
        opened.write(move |tx| bridges::mirror(tx, bridge, other));
        opened.write(take_up(None, other));
        assert_eq!(taken_up(opened), [(bridge, own)]);
    }
}
