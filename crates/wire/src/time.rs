//! Moments and days as GitLab writes them.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// A moment in microseconds since 1970 UTC, written `YYYY-MM-DDTHH:MM:SS.mmmZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

/// The UTC day of a moment in microseconds since 1970, written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

/// A moment with the offset it was written with, as in commits: `2012-05-28T04:42:42.000+02:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetTime {
    /// Seconds since 1970 UTC.
    pub seconds: i64,
    /// Seconds east of UTC.
    pub offset_seconds: i32,
}

const DAY_SECONDS: i64 = 86_400;

/// Last moment with a year of four digits; later and earlier ones are cut to what can be written.
const MAX_SECONDS: i64 = 253_402_300_799;
const MIN_SECONDS: i64 = -62_167_219_200;

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.div_euclid(1000);
        let seconds = millis.div_euclid(1000).clamp(MIN_SECONDS, MAX_SECONDS);
        write_date_time(f, seconds)?;
        write!(f, ".{:03}Z", millis.rem_euclid(1000))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1_000_000).clamp(MIN_SECONDS, MAX_SECONDS);
        let (year, month, day) = civil(seconds.div_euclid(DAY_SECONDS));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for OffsetTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.seconds.saturating_add(i64::from(self.offset_seconds));
        write_date_time(f, local.clamp(MIN_SECONDS, MAX_SECONDS))?;
        f.write_str(".000")?;
        f.write_char(if self.offset_seconds < 0 { '-' } else { '+' })?;
        let minutes = self.offset_seconds.unsigned_abs() / 60;
        write!(f, "{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

fn write_date_time(f: &mut fmt::Formatter<'_>, seconds: i64) -> fmt::Result {
    let (year, month, day) = civil(seconds.div_euclid(DAY_SECONDS));
    let rest = seconds.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Returns year, month and day of a day counted from 1970-01-01 (the calendar repeats every 400 years, 146,097 days).
fn civil(days: i64) -> (i64, i64, i64) {
    // Years start in March here, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for OffsetTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads what [`Time`] writes; for our own client.
impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_time(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not `YYYY-MM-DDTHH:MM:SS.mmmZ`")))
    }
}

fn parse_time(text: &str) -> Option<Time> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok().map(i64::from);
    let bytes = text.as_bytes();
    let separators = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (23, b'Z'),
    ];
    if bytes.len() != 24 || separators.iter().any(|(at, byte)| bytes[*at] != *byte) {
        return None;
    }
    let (month, day) = (number(5, 7)?, number(8, 10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_from_civil(number(0, 4)?, month, day);
    let seconds = days * DAY_SECONDS + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some(Time((seconds * 1000 + number(20, 23)?) * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_milliseconds() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_452_160_438_235_999, "2016-01-07T09:53:58.235Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.775Z"),
        ] {
            assert_eq!(Time(micros).to_string(), expected);
        }
    }

    #[test]
    fn moments_are_read_back() {
        for micros in [0, 1_452_160_438_235_000, 951_782_400_000_000, 4_107_542_400_000_000] {
            assert_eq!(parse_time(&Time(micros).to_string()), Some(Time(micros)));
        }
        for bad in [
            "",
            "2016-01-07",
            "2016-01-07T09:53:58.235+",
            "2016-13-07T09:53:58.235Z",
            "é016-01-07T09:53:58.23Z",
        ] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_have_no_time_and_commits_keep_their_offset() {
        assert_eq!(Day(1_452_160_438_235_999).to_string(), "2016-01-07");
        let commit = |seconds, offset_seconds| {
            OffsetTime {
                seconds,
                offset_seconds,
            }
            .to_string()
        };
        assert_eq!(commit(1_338_172_962, 7200), "2012-05-28T04:42:42.000+02:00");
        assert_eq!(commit(0, 0), "1970-01-01T00:00:00.000+00:00");
        assert_eq!(commit(0, -12_600), "1969-12-31T20:30:00.000-03:30");
    }
}
