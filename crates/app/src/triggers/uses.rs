//! How often a trigger token was used within a minute.
//!
//! A period of a minute begins with the first use and the next one with the first use after it. In one process
//! the count is exact. On PostgreSQL, where several servers share the tokens, they share the count too: a row
//! for each token, raised in a transaction of its own before anything else is done. A server that has seen
//! there that the limit is reached asks no more until the period is over. Tokens without such a limit cost nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{Timestamp, TriggerTokenId};
use store::ops;

use crate::App;
use crate::error::Result;

/// The period in which uses are counted.
const PERIOD: Duration = Duration::from_secs(60);

/// Periods kept in memory before those that are over are dropped.
const KEPT: usize = 1024;

/// Uses of tokens whose uses are limited.
#[derive(Debug, Default)]
pub struct Uses {
    periods: Mutex<HashMap<TriggerTokenId, Period>>,
}

#[derive(Clone, Copy, Debug)]
struct Period {
    started_at: Timestamp,
    uses: i64,
}

/// What a token's limit says to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Uses in a minute.
    pub limit: i64,
    /// Uses in this minute, with this one.
    pub observed: i64,
    /// When the count begins anew.
    pub resets_at: Timestamp,
}

impl Rate {
    /// Whether this use is one too many.
    #[must_use]
    pub const fn is_exceeded(&self) -> bool {
        self.observed > self.limit
    }

    /// Returns the uses that are left.
    #[must_use]
    pub const fn remaining(&self) -> i64 {
        let left = self.limit.saturating_sub(self.observed);
        if left > 0 { left } else { 0 }
    }

    /// Returns the whole seconds until the count begins anew, at least 1.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> u64 {
        let left = u64::try_from(self.resets_at.0 - now.0).unwrap_or(0);
        left.div_ceil(1_000_000).max(1)
    }
}

impl Uses {
    /// Counts one use.
    fn count(&self, token: TriggerTokenId, limit: i64, now: Timestamp) -> Rate {
        let mut periods = self.periods.lock().unwrap_or_else(PoisonError::into_inner);
        if periods.len() >= KEPT && !periods.contains_key(&token) {
            periods.retain(|_, period| period.holds(now));
        }
        let period = periods.entry(token).or_insert(Period::new(now));
        if !period.holds(now) {
            *period = Period::new(now);
        }
        period.uses = period.uses.saturating_add(1);
        period.rate(limit)
    }

    /// Counts one use if it is known already that the limit is reached.
    fn count_exceeded(&self, token: TriggerTokenId, limit: i64, now: Timestamp) -> Option<Rate> {
        let mut periods = self.periods.lock().unwrap_or_else(PoisonError::into_inner);
        let period = periods.get_mut(&token)?;
        if !period.holds(now) || period.uses < limit {
            return None;
        }
        period.uses = period.uses.saturating_add(1);
        Some(period.rate(limit))
    }

    /// Notes what the servers have counted together.
    fn note(&self, token: TriggerTokenId, period: Period, now: Timestamp) {
        let mut periods = self.periods.lock().unwrap_or_else(PoisonError::into_inner);
        if periods.len() >= KEPT {
            periods.retain(|_, period| period.holds(now));
        }
        periods.insert(token, period);
    }
}

impl Period {
    const fn new(now: Timestamp) -> Period {
        Period {
            started_at: now,
            uses: 0,
        }
    }

    /// A clock that was set back ends a period too.
    fn holds(&self, now: Timestamp) -> bool {
        (self.started_at..self.started_at + PERIOD).contains(&now)
    }

    fn rate(&self, limit: i64) -> Rate {
        Rate {
            limit,
            observed: self.uses,
            resets_at: self.started_at + PERIOD,
        }
    }
}

/// Counts one use of a token, on all servers that share the database.
///
/// # Errors
///
/// Only what is wrong with the server.
pub(super) async fn count(app: &App, token: TriggerTokenId, limit: u32) -> Result<Rate> {
    let (now, limit) = (app.clock.now(), i64::from(limit));
    if !app.store.is_postgres() {
        return Ok(app.uses.count(token, limit, now));
    }
    if let Some(rate) = app.uses.count_exceeded(token, limit, now) {
        return Ok(rate);
    }
    let counted = app
        .store
        .write(move |tx| ops::trigger_tokens::count_use(tx, token, now, now - PERIOD))
        .await;
    let (started_at, uses) = counted?;
    let period = Period { started_at, uses };
    app.uses.note(token, period, now);
    Ok(period.rate(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: TriggerTokenId = TriggerTokenId(1);

    #[test]
    fn a_period_begins_with_its_first_use_and_ends_after_a_minute() {
        let uses = Uses::default();
        let start = Timestamp(1_000_000_000);
        let after = |seconds| start + Duration::from_secs(seconds);
        for (seconds, observed, remaining, exceeded, wait) in [
            (0, 1, 1, false, 60),
            (30, 2, 0, false, 30),
            (59, 3, 0, true, 1),
            (60, 1, 1, false, 60),
            (119, 2, 0, false, 1),
            (121, 1, 1, false, 60),
        ] {
            let rate = uses.count(TOKEN, 2, after(seconds));
            assert_eq!(
                (
                    rate.observed,
                    rate.remaining(),
                    rate.is_exceeded(),
                    rate.retry_after(after(seconds))
                ),
                (observed, remaining, exceeded, wait),
                "after {seconds} s"
            );
        }
    }

    #[test]
    fn tokens_are_counted_apart_and_forgotten() {
        let uses = Uses::default();
        for token in 0..5000 {
            let now = Timestamp(token * 1_000_000);
            assert_eq!(uses.count(TriggerTokenId(token), 1, now).observed, 1);
        }
        assert!(uses.periods.lock().unwrap().len() <= KEPT);
    }

    #[test]
    fn what_is_known_to_be_exceeded_is_not_asked_again() {
        let uses = Uses::default();
        let now = Timestamp(1_000_000_000);
        assert_eq!(uses.count_exceeded(TOKEN, 2, now), None);
        let shared = Period {
            started_at: now,
            uses: 1,
        };
        uses.note(TOKEN, shared, now);
        assert_eq!(uses.count_exceeded(TOKEN, 2, now), None);
        uses.note(TOKEN, Period { uses: 2, ..shared }, now);
        assert!(uses.count_exceeded(TOKEN, 2, now).unwrap().is_exceeded());
        assert_eq!(uses.count_exceeded(TOKEN, 2, now + PERIOD), None);
    }
}
