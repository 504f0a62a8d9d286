//! A due time of a schedule is taken once.

use model::Timestamp;
use model::schedule::DueTime;
use store::ops::schedules::{self, NewSchedule};

use crate::fixture::{self, NOW, on_both};

on_both! {
    fn a_due_time_is_taken_by_one_of_many(opened) {
        let schedule = opened.write(|tx| {
            let ann = fixture::user(tx, "ann")?;
            let project = fixture::project(tx, &ann, "tool")?;
            let new = NewSchedule {
                project_id: project.id,
                owner_id: ann.id,
                description: "nightly",
                ref_name: "refs/heads/main",
                cron: "@daily",
                cron_timezone: "UTC",
                active: true,
                next_run_at: Some(NOW),
                inputs: None,
                created_at: NOW,
            };
            schedules::create(tx, &new)
        });
        let later = Timestamp(NOW.0 + 1);
        let due = DueTime { schedule: schedule.id, at: NOW, next: Some(later) };
        let (before, found) = opened.write(move |tx| {
            Ok((schedules::due(tx, Timestamp(NOW.0 - 1), 9)?.len(), schedules::due(tx, NOW, 9)?))
        });
        assert_eq!((before, found), (0, vec![schedule]));
        let taken: Vec<bool> = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..8).map(|_| scope.spawn(|| opened.write(move |tx| schedules::take(tx, due)))).collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
        let (off, again) = opened.write(move |tx| {
            let due = DueTime { at: later, ..due };
            Ok((schedules::deactivate(tx, due, NOW)?, schedules::take(tx, due)?))
        });
        assert_eq!((off, again), (true, false), "what is switched off is not due");
    }
}
