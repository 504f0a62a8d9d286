//! The pipelines of the last days in figures, and the filters of the list that people look through.

use model::{PipelineIid, Status, Timestamp};
use store::ops::page::Page;
use store::ops::pipelines::month::{self, Day, Times};
use store::ops::pipelines::{self, PipelineFilter};

use crate::fixture::{self, NOW, on_both};

const SECOND: i64 = 1_000_000;

on_both! {
    fn days_count_what_ended_well_and_badly_and_times_are_in_seconds(opened) {
        let project = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &user, "tool")?;
            for status in [Status::Success, Status::Failed, Status::Running] {
                let mut pipeline = fixture::pipeline(tx, &project)?;
                pipeline.status = status;
                pipeline.started_at = Some(Timestamp(NOW.0 + 7 * SECOND));
                pipeline.duration_seconds = (status != Status::Running).then_some(5);
                pipelines::save(tx, &pipeline)?;
            }
            Ok(project.id)
        });
        let day = NOW.0.div_euclid(86_400 * SECOND);
        let days = opened.read(move |tx| month::days(tx, project, Timestamp(NOW.0 - SECOND), 0));
        assert_eq!(days, [Day { day, total: 3, success: 1, failed: 1 }]);
        let times = opened.read(move |tx| month::times(tx, project, Timestamp(NOW.0 - SECOND), 10));
        assert_eq!(times, [Times { duration: 5, queued: 7 }; 2]);
        assert!(opened.read(move |tx| month::days(tx, project, Timestamp(NOW.0 + SECOND), 0)).is_empty());
    }

    fn pipelines_are_read_by_key_and_found_by_the_beginning_of_their_commit(opened) {
        let project = opened.write(|tx| {
            let user = fixture::user(tx, "ada")?;
            let project = fixture::project(tx, &user, "tool")?;
            for _ in 0..5 {
                fixture::pipeline(tx, &project)?;
            }
            Ok(project.id)
        });
        let found = |change: fn(&mut PipelineFilter<'_>)| opened.read(move |tx| {
            let mut filter = PipelineFilter::new(project);
            change(&mut filter);
            let list = pipelines::list(tx, &filter, Page::all())?;
            Ok(list.into_iter().map(|pipeline| pipeline.iid.0).collect::<Vec<_>>())
        });
        assert_eq!(found(|filter| filter.iid_before = Some(PipelineIid(3))), [2, 1]);
        assert_eq!(found(|filter| filter.iid_after = Some(PipelineIid(3))), [5, 4]);
        assert_eq!(found(|filter| filter.id = Some(model::PipelineId(0))), [0; 0]);
        let all = found(|_| {});
        assert_eq!(all.len(), 5);
        let of_commit = opened.read(move |tx| Ok(pipelines::list(tx, &PipelineFilter::new(project), Page::all())?[0].sha.clone()));
        let prefix = of_commit.as_str()[..8].to_owned();
        let matched = opened.read(move |tx| {
            let filter = PipelineFilter { sha_prefix: Some(&prefix), ..PipelineFilter::new(project) };
            Ok(pipelines::list(tx, &filter, Page::all())?.len())
        });
        assert_eq!(matched, 5);
        assert_eq!(found(|filter| filter.sha_prefix = Some("0123456")), [0; 0]);
        assert_eq!(found(|filter| filter.trigger_token_id = Some(model::TriggerTokenId(9))), [0; 0]);
    }
}
