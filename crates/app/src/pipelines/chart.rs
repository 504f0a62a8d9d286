//! The last 30 days of a project's pipelines in figures.
//!
//! Counting a month of a busy project takes longer than a page may, so the figures are kept for a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{ProjectId, Timestamp};
use store::ops::pipelines::month;
pub use store::ops::pipelines::month::Day;

use crate::App;
use crate::access::ProjectAccess;
use crate::error::Result;

/// How many days.
pub const DAYS: i64 = 30;

const DAY: i64 = 86_400_000_000;

/// How long figures are good.
const FRESH: Duration = Duration::from_secs(60);

/// Projects whose figures are kept.
const KEPT: usize = 256;

/// Pipelines whose times are looked at: enough for a median.
const SAMPLE: i64 = 1_000;

/// Figures of projects that were looked at lately.
#[derive(Debug, Default)]
pub struct Charts(Mutex<HashMap<ProjectId, (Timestamp, Arc<Chart>)>>);

/// The last [`DAYS`] days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// One for each day, the oldest first.
    pub days: Vec<Day>,
    /// Median duration in seconds.
    pub duration: Option<i64>,
    /// Median wait for the first job in seconds.
    pub queued: Option<i64>,
}

impl Chart {
    /// Returns the number of pipelines.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.days.iter().map(|day| day.total).sum()
    }

    /// Returns the share of those that ended well among those that ended well or badly, in percent.
    #[must_use]
    pub fn success_rate(&self) -> Option<i64> {
        let success: i64 = self.days.iter().map(|day| day.success).sum();
        let failed: i64 = self.days.iter().map(|day| day.failed).sum();
        (success + failed > 0).then(|| (success * 100 + (success + failed) / 2) / (success + failed))
    }
}

/// Returns the figures of a project that the caller may see: its pipelines were listed for them.
///
/// # Errors
///
/// Only what is wrong with the server.
pub async fn chart(app: &App, access: &ProjectAccess) -> Result<Arc<Chart>> {
    let (id, now) = (access.project.id, app.clock.now());
    let known = app
        .charts
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&id)
        .cloned();
    if let Some((at, chart)) = known
        && now.since(at) < FRESH
    {
        return Ok(chart);
    }
    let chart = Arc::new(read(app, id, now).await?);
    let mut kept = app.charts.0.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= KEPT {
        kept.retain(|_, (at, _)| now.since(*at) < FRESH);
    }
    if kept.len() < KEPT {
        kept.insert(id, (now, Arc::clone(&chart)));
    }
    Ok(chart)
}

async fn read(app: &App, id: ProjectId, now: Timestamp) -> Result<Chart> {
    let today = now.0.div_euclid(DAY);
    let first = today - (DAYS - 1);
    let since = Timestamp(first * DAY);
    let (found, times) = app
        .store
        .read(move |tx| {
            let days = month::days(tx, id, since, 0)?;
            Ok::<_, store::StoreError>((days, month::times(tx, id, since, SAMPLE)?))
        })
        .await?;
    let none = |day| Day {
        day,
        total: 0,
        success: 0,
        failed: 0,
    };
    let day = |number| {
        found
            .iter()
            .find(|day| day.day == number)
            .copied()
            .unwrap_or(none(number))
    };
    Ok(Chart {
        days: (first..=today).map(day).collect(),
        duration: median(times.iter().map(|times| times.duration).collect()),
        queued: median(times.iter().map(|times| times.queued.max(0)).collect()),
    })
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_those_that_ended_well_or_badly() {
        let day = |success, failed| Day {
            day: 0,
            total: 10,
            success,
            failed,
        };
        let chart = |days| Chart {
            days,
            ..Chart::default()
        };
        assert_eq!(chart(vec![]).success_rate(), None);
        assert_eq!(chart(vec![day(2, 1), day(0, 0)]).success_rate(), Some(67));
        assert_eq!(chart(vec![day(2, 1), day(0, 0)]).total(), 20);
        assert_eq!((median(vec![]), median(vec![5, 1, 9])), (None, Some(5)));
    }
}
