//! Dates, as far as log stamps and archives need them (UTC only).

use std::time::Duration;

/// Returns a time since 1970 as `2026-03-01T10:20:30.123456Z`.
pub(crate) fn timestamp(since: Duration) -> String {
    let (year, month, day) = date(since.as_secs() / 86_400);
    let (hour, minute, second) = clock(since.as_secs() % 86_400);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z",
        since.subsec_micros()
    )
}

/// Returns hour, minute and second of a second of the day.
pub(crate) const fn clock(second: u64) -> (u64, u64, u64) {
    (second / 3600, second / 60 % 60, second % 60)
}

/// Returns year, month and day of a day counted from 1970-01-01.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// Returns the day, counted from 1970-01-01, of a date from then on.
pub(crate) fn day_number(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year / 400, year % 400);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    (era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_know_the_calendar() {
        assert_eq!(
            timestamp(Duration::new(1_772_360_430, 123_456_789)),
            "2026-03-01T10:20:30.123456Z"
        );
        assert_eq!(
            timestamp(Duration::from_secs(1_709_164_800)),
            "2024-02-29T00:00:00.000000Z"
        );
        assert_eq!(timestamp(Duration::ZERO), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn every_day_of_two_centuries_is_found_again() {
        for day in 0..73_000 {
            let (year, month, of_month) = date(day);
            assert_eq!(day_number(year, month, of_month), day);
        }
    }
}
