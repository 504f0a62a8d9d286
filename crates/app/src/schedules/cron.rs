//! When a schedule is due: cron as GitLab reads it, which is as Ruby's fugit does.
//!
//! Written here because no crate reads the same: five fields, or six with seconds first, or a word
//! like `@daily`; names, lists, ranges that wrap, steps; `L` and negative days of the month, `mon#2`,
//! `mon#-1`, `mon%2`; two restricted day fields mean either, both with `&`. A time that the clocks skip
//! in spring does not exist that day; one that they repeat in autumn exists twice.

use jiff::Timestamp as Instant;
use jiff::civil::{Date, DateTime, time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use model::Timestamp;

/// Longest text that is read.
const MAX_LENGTH: usize = 255;

/// Days looked at for the next time: leap days may be eight years apart, a fifth Friday in February 28.
const MAX_DAYS: usize = 366 * 41;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const WORDS: [(&str, &str); 8] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@noon", "0 12 * * *"),
    ("@hourly", "0 * * * *"),
];

/// A cron line that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    /// Days of the month; negative ones count from the end, -1 is the last. `None` = all.
    days: Option<Vec<i8>>,
    months: Vec<i8>,
    /// `None` = all.
    weekdays: Option<Vec<Weekday>>,
    /// Whether a day must suit both day fields.
    both_days: bool,
}

/// Which days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Weekday {
    /// 0 = Sunday.
    day: i8,
    which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Every,
    /// The first, second, … of the month; negative ones count from the end.
    Nth(i8),
    /// Every so many weeks since that of Tuesday, 2019-01-01.
    Modulo(i64, i64),
}

impl Cron {
    /// Reads a line; `None` when it is none, or is never due.
    #[must_use]
    pub fn parse(text: &str) -> Option<Cron> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return None;
        }
        let lower = text.to_ascii_lowercase();
        let line = WORDS
            .iter()
            .find(|(word, _)| *word == lower)
            .map_or(lower.as_str(), |(_, line)| line);
        let mut fields: Vec<&str> = line.split_ascii_whitespace().collect();
        // A schedule is started on the minute: seconds only have to be some.
        if fields.len() == 6 {
            numbers(fields.remove(0), 0, 59, &[])?;
        }
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return None;
        };
        let (days, and_days) = without_and(days);
        let (weekdays, and_weekdays) = without_and(weekdays);
        let mut hours = numbers(hours, 0, 24, &[])?;
        hours.iter_mut().for_each(|hour| *hour %= 24);
        hours.sort_unstable();
        hours.dedup();
        let cron = Cron {
            minutes: numbers(minutes, 0, 59, &[])?,
            hours,
            days: days_of_month(days)?,
            months: numbers(months, 1, 12, &MONTHS)?,
            weekdays: days_of_week(weekdays)?,
            both_days: and_days || and_weekdays,
        };
        cron.next(Timestamp(0), &TimeZone::UTC).map(|_| cron)
    }

    /// Returns the first time after `after`; `None` when there is none in the next decades.
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let after = Instant::from_microsecond(after.microseconds()).ok()?;
        let mut date = zone.to_datetime(after).date();
        for _ in 0..MAX_DAYS {
            if self.suits(date)
                && let Some(found) = self.first_of(date, after, zone)
            {
                return Some(Timestamp(found.as_microsecond()));
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Returns the first time of a day that is later than `after`.
    fn first_of(&self, date: Date, after: Instant, zone: &TimeZone) -> Option<Instant> {
        let times = self
            .hours
            .iter()
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        let instants = times.flat_map(|(hour, minute)| instants(date.to_datetime(time(hour, minute, 0, 0)), zone));
        instants.filter(|instant| *instant > after).min()
    }

    fn suits(&self, date: Date) -> bool {
        if !self.months.contains(&date.month()) {
            return false;
        }
        let by_day = self.days.as_ref().map(|days| {
            let from_end = date.day() - date.days_in_month() - 1;
            days.contains(&date.day()) || days.contains(&from_end)
        });
        let by_weekday = self
            .weekdays
            .as_ref()
            .map(|weekdays| weekdays.iter().any(|weekday| weekday.suits(date)));
        match (by_day, by_weekday) {
            (Some(day), Some(weekday)) if self.both_days => day && weekday,
            (Some(day), Some(weekday)) => day || weekday,
            (Some(suits), None) | (None, Some(suits)) => suits,
            (None, None) => true,
        }
    }
}

impl Weekday {
    fn suits(self, date: Date) -> bool {
        if date.weekday().to_sunday_zero_offset() != self.day {
            return false;
        }
        match self.which {
            Which::Every => true,
            Which::Nth(nth) if nth > 0 => (date.day() - 1) / 7 + 1 == nth,
            Which::Nth(nth) => (date.days_in_month() - date.day()) / 7 + 1 == -nth,
            Which::Modulo(every, offset) => {
                let days = jiff::civil::date(2019, 1, 1)
                    .until(date)
                    .map_or(0, |span| i64::from(span.get_days()));
                let week = days.div_euclid(7) + 1;
                week.rem_euclid(every) == offset.rem_euclid(every)
            }
        }
    }
}

/// The moments at which clocks of the zone show this time: mostly one, none or two when they are changed.
fn instants(at: DateTime, zone: &TimeZone) -> impl Iterator<Item = Instant> {
    let offsets = match zone.to_ambiguous_zoned(at).offset() {
        AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
        AmbiguousOffset::Gap { .. } => [None, None],
        AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
    };
    offsets
        .into_iter()
        .flatten()
        .filter_map(move |offset| offset.to_timestamp(at).ok())
}

fn without_and(field: &str) -> (&str, bool) {
    field.strip_suffix('&').map_or((field, false), |rest| (rest, true))
}

/// Reads a field of numbers or names: `*`, `1`, `1-5`, `*/2`, `1-9/2`, `5/10`, lists of these.
fn numbers(field: &str, min: i8, max: i8, names: &[&str]) -> Option<Vec<i8>> {
    let mut found = Vec::new();
    for part in field.split(',') {
        found.extend(range(part, min, max, names)?);
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

fn range(part: &str, min: i8, max: i8, names: &[&str]) -> Option<Vec<i8>> {
    let (span, step) = match part.split_once('/') {
        Some((span, step)) => (span, Some(step.parse::<u8>().ok().filter(|step| *step > 0)?)),
        None => (part, None),
    };
    let number = |text: &str| number(text, min, max, names);
    let (first, last) = match span {
        "*" => (min, if max == 24 { 23 } else { max }),
        span => match span.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None if step.is_some() => (number(span)?, max),
            None => (number(span)?, number(span)?),
        },
    };
    let all = if first <= last {
        (first..=last).collect::<Vec<i8>>()
    } else {
        // Across the end: `22-4`.
        (first..=max).chain(min..=last).collect()
    };
    Some(all.into_iter().step_by(usize::from(step.unwrap_or(1))).collect())
}

fn number(text: &str, min: i8, max: i8, names: &[&str]) -> Option<i8> {
    if let Some(at) = names.iter().position(|name| *name == text) {
        return i8::try_from(at).ok().map(|at| at + min);
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && (min..=max).contains(number))
}

fn days_of_month(field: &str) -> Option<Option<Vec<i8>>> {
    if field == "*" {
        return Some(None);
    }
    let mut found = Vec::new();
    for part in field.split(',') {
        match part {
            "l" | "last" => found.push(-1),
            part => match part.strip_prefix('-') {
                Some(from_end) => found.push(-number(from_end, 1, 31, &[])?),
                None => found.extend(range(part, 1, 31, &[])?),
            },
        }
    }
    Some(Some(found))
}

fn days_of_week(field: &str) -> Option<Option<Vec<Weekday>>> {
    if field == "*" {
        return Some(None);
    }
    let mut found = Vec::new();
    for part in field.split(',') {
        if let Some((day, nth)) = part.split_once('#') {
            let nth = match nth {
                "l" | "last" => -1,
                nth => nth
                    .parse()
                    .ok()
                    .filter(|nth: &i8| *nth != 0 && nth.unsigned_abs() <= 5)?,
            };
            let day = weekday(day)?;
            found.push(Weekday {
                day,
                which: Which::Nth(nth),
            });
        } else if let Some((day, modulo)) = part.split_once('%') {
            let (every, offset) = modulo.split_once('+').unwrap_or((modulo, "0"));
            let every = every.parse::<u16>().ok().filter(|every| *every > 0)?;
            let offset = offset.parse::<u16>().ok()?;
            let which = Which::Modulo(every.into(), offset.into());
            found.push(Weekday {
                day: weekday(day)?,
                which,
            });
        } else {
            let days = range(part, 0, 7, &WEEKDAYS)?;
            found.extend(days.into_iter().map(|day| Weekday {
                day: day % 7,
                which: Which::Every,
            }));
        }
    }
    Some(Some(found))
}

fn weekday(text: &str) -> Option<i8> {
    number(text, 0, 7, &WEEKDAYS).map(|day| day % 7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedules::zones;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<Instant>().unwrap().as_microsecond())
    }

    fn times(line: &str, zone: &str, after: &str, count: usize) -> String {
        let (cron, zone) = (Cron::parse(line).expect(line), zones::find(zone).unwrap());
        let mut now = at(after);
        let mut found = Vec::new();
        for _ in 0..count {
            now = cron.next(now, &zone).expect("there is a next time");
            let local = Instant::from_microsecond(now.0).unwrap().to_zoned(zone.clone());
            found.push(local.strftime("%a %m-%d %H:%M").to_string());
        }
        found.join(", ")
    }

    #[test]
    fn lines_are_due_when_fugit_says() {
        // 2026-01-01 is a Thursday.
        let after = "2026-01-01T00:00:00Z";
        for (line, expected) in [
            ("* * * * *", "Thu 01-01 00:01, Thu 01-01 00:02"),
            ("0 * * * *", "Thu 01-01 01:00, Thu 01-01 02:00"),
            ("30 0 * * * *", "Thu 01-01 01:00, Thu 01-01 02:00"),
            ("@daily", "Fri 01-02 00:00, Sat 01-03 00:00"),
            ("@noon", "Thu 01-01 12:00, Fri 01-02 12:00"),
            ("@weekly", "Sun 01-04 00:00, Sun 01-11 00:00"),
            ("@yearly", "Fri 01-01 00:00, Sat 01-01 00:00"),
            ("15,45 8-9 * * *", "Thu 01-01 08:15, Thu 01-01 08:45"),
            ("*/20 * * * *", "Thu 01-01 00:20, Thu 01-01 00:40"),
            ("5/25 * * * *", "Thu 01-01 00:05, Thu 01-01 00:30"),
            ("0 22-1 * * *", "Thu 01-01 01:00, Thu 01-01 22:00"),
            ("0 24 * * *", "Fri 01-02 00:00, Sat 01-03 00:00"),
            ("0 9 * * Mon-Fri", "Thu 01-01 09:00, Fri 01-02 09:00"),
            ("0 9 * * fri-mon", "Fri 01-02 09:00, Sat 01-03 09:00"),
            ("0 9 * * 7", "Sun 01-04 09:00, Sun 01-11 09:00"),
            ("0 9 * * 0", "Sun 01-04 09:00, Sun 01-11 09:00"),
            ("0 9 * feb mon", "Mon 02-02 09:00, Mon 02-09 09:00"),
            ("0 9 L * *", "Sat 01-31 09:00, Sat 02-28 09:00"),
            ("0 9 -2 * *", "Fri 01-30 09:00, Fri 02-27 09:00"),
            ("0 9 31 * *", "Sat 01-31 09:00, Tue 03-31 09:00"),
            ("0 9 29 2 *", "Tue 02-29 09:00, Sun 02-29 09:00"),
            ("0 9 3 * mon", "Sat 01-03 09:00, Mon 01-05 09:00"),
            ("0 9 1-7& * mon", "Mon 01-05 09:00, Mon 02-02 09:00"),
            ("0 9 * * mon#2", "Mon 01-12 09:00, Mon 02-09 09:00"),
            ("0 9 * * fri#-1", "Fri 01-30 09:00, Fri 02-27 09:00"),
            ("0 9 * * fri#L", "Fri 01-30 09:00, Fri 02-27 09:00"),
            ("0 9 * * thu%2", "Thu 01-01 09:00, Thu 01-15 09:00"),
            ("0 9 * * thu%2+1", "Thu 01-08 09:00, Thu 01-22 09:00"),
        ] {
            assert_eq!(times(line, "UTC", after, 2), expected, "{line}");
        }
    }

    #[test]
    fn clocks_that_are_changed_skip_a_time_or_have_it_twice() {
        // Berlin: 02:00 becomes 03:00 on March 29, 03:00 becomes 02:00 on October 25.
        let spring = times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 2);
        assert_eq!(spring, "Sat 03-28 02:30, Mon 03-30 02:30");
        let autumn = times("30 2 * * *", "Berlin", "2026-10-24T12:00:00Z", 3);
        assert_eq!(autumn, "Sun 10-25 02:30, Sun 10-25 02:30, Mon 10-26 02:30");
        let hourly = times("0 * * * *", "Berlin", "2026-10-24T23:30:00Z", 3);
        assert_eq!(hourly, "Sun 10-25 02:00, Sun 10-25 02:00, Sun 10-25 03:00");
        assert_eq!(
            times("0 9 * * *", "Tokyo", "2026-01-01T00:00:00Z", 1),
            "Fri 01-02 09:00"
        );
    }

    #[test]
    fn what_is_no_cron_line_or_never_due_is_refused() {
        for line in [
            "",
            "*",
            "* * * *",
            "60 * * * *",
            "* 25 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "a * * * *",
            "1- * * * *",
            "-1 * * * *",
            "1,,2 * * * *",
            "* * * * mon#6",
            "* * * * mon#0",
            "* * * * mon%0",
            "@never",
            "every day",
            "0 0 30 2 *",
            "* * * * * * *",
            "1--2 * * * *",
            "+1 * * * *",
        ] {
            assert_eq!(Cron::parse(line), None, "{line}");
        }
        assert_eq!(Cron::parse(&"1,".repeat(1000)), None);
    }
}
