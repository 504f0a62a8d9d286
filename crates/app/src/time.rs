//! Moments as text.

use jiff::Timestamp as Instant;
use model::{Clock, Timestamp};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(Instant::now().as_microsecond())
    }
}

/// Returns `2026-01-02T03:04:05Z`: the form of times in variables.
#[must_use]
pub fn iso_seconds(at: Timestamp) -> String {
    instant(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns `2026-01-02T03:04:05.678Z`: the form of times in the API.
#[must_use]
pub fn iso_millis(at: Timestamp) -> String {
    instant(at).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Returns `2026-01-02T05:04:05+02:00`: the form of commit times, which keep their offset.
#[must_use]
pub fn iso_with_offset(seconds: i64, offset_seconds: i32) -> String {
    let offset = jiff::tz::Offset::from_seconds(offset_seconds).unwrap_or(jiff::tz::Offset::UTC);
    let at = Instant::from_second(seconds).unwrap_or(Instant::UNIX_EPOCH);
    at.to_zoned(offset.to_time_zone())
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

/// Returns `2026-01-02 03:04:05 UTC`: the form of times in webhooks of pipelines and jobs.
#[must_use]
pub fn utc(at: Timestamp) -> String {
    instant(at).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Returns `2026-01-02`.
#[must_use]
pub fn date(at: Timestamp) -> String {
    instant(at).strftime("%Y-%m-%d").to_string()
}

/// Returns `Fri, 02 Jan 2026 03:04:05 GMT`: the form of times in HTTP headers.
#[must_use]
pub fn http_date(at: Timestamp) -> String {
    instant(at).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn instant(at: Timestamp) -> Instant {
    Instant::from_microsecond(at.microseconds()).unwrap_or(Instant::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_seconds_or_milliseconds() {
        let at = Timestamp(1_767_323_045_678_901);
        assert_eq!(iso_seconds(at), "2026-01-02T03:04:05Z");
        assert_eq!(iso_millis(at), "2026-01-02T03:04:05.678Z");
        assert_eq!(utc(at), "2026-01-02 03:04:05 UTC");
        assert_eq!(date(at), "2026-01-02");
        assert_eq!(iso_with_offset(1_767_323_045, 7200), "2026-01-02T05:04:05+02:00");
    }
}
