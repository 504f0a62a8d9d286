//! Moments and durations in the reader's language and zone.

use std::time::Duration;

use jiff::tz::TimeZone;
use model::Timestamp;

use crate::html::{Escaped, Html};
use crate::language::Language;

/// From when and where the reader looks.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Now.
    pub now: Timestamp,
    /// The reader's zone.
    pub zone: TimeZone,
    /// The reader's language.
    pub language: Language,
}

impl Reading {
    /// A `<time>`: how long ago (or until when), with the exact moment as its title.
    #[must_use]
    pub fn ago(&self, at: Timestamp) -> Html {
        self.element(at, &self.distance(at))
    }

    /// A `<time>` with the exact moment.
    #[must_use]
    pub fn exact(&self, at: Timestamp) -> Html {
        self.element(at, &self.absolute(at))
    }

    /// A `<time>` with the day alone.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> Html {
        let day = self.zoned(at).map(|zoned| self.date_of(&zoned)).unwrap_or_default();
        self.element(at, &day)
    }

    /// The day of a moment in UTC.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
        self.date_of(&at.to_zoned(TimeZone::UTC))
    }

    fn date_of(&self, zoned: &jiff::Zoned) -> String {
        match self.language {
            Language::English => zoned.strftime("%b %-d, %Y").to_string(),
            Language::Japanese => zoned.strftime("%Y年%-m月%-d日").to_string(),
        }
    }

    fn element(&self, at: Timestamp, shown: &str) -> Html {
        let machine = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
        let machine = machine.strftime("%Y-%m-%dT%H:%M:%SZ");
        let title = self.absolute(at);
        Html::new(format!(
            "<time datetime=\"{machine}\" title=\"{}\">{}</time>",
            Escaped(&title),
            Escaped(shown)
        ))
    }

    /// The moment in the reader's zone, to the second.
    #[must_use]
    pub fn absolute(&self, at: Timestamp) -> String {
        let Some(zoned) = self.zoned(at) else {
            return String::new();
        };
        match self.language {
            Language::English => zoned.strftime("%b %-d, %Y %H:%M:%S %Z").to_string(),
            Language::Japanese => zoned.strftime("%Y年%-m月%-d日 %H:%M:%S %Z").to_string(),
        }
    }

    fn zoned(&self, at: Timestamp) -> Option<jiff::Zoned> {
        let at = jiff::Timestamp::from_microsecond(at.0).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }

    fn distance(&self, at: Timestamp) -> String {
        let is_past = at <= self.now;
        let seconds = (self.now.0 - at.0).unsigned_abs() / 1_000_000;
        let (count, english, japanese) = match seconds {
            0..=44 => {
                return match (self.language, is_past) {
                    (Language::English, true) => "just now".to_owned(),
                    (Language::English, false) => "in a moment".to_owned(),
                    (Language::Japanese, true) => "たった今".to_owned(),
                    (Language::Japanese, false) => "まもなく".to_owned(),
                };
            }
            45..=3_569 => ((seconds + 30) / 60, "minute", "分"),
            3_570..=84_599 => ((seconds + 1_800) / 3_600, "hour", "時間"),
            84_600..=2_591_999 => ((seconds + 43_200) / 86_400, "day", "日"),
            2_592_000..=31_535_999 => (seconds / 2_592_000, "month", "か月"),
            _ => (seconds / 31_536_000, "year", "年"),
        };
        let plural = if count == 1 { "" } else { "s" };
        match (self.language, is_past) {
            (Language::English, true) => format!("{count} {english}{plural} ago"),
            (Language::English, false) => format!("in {count} {english}{plural}"),
            (Language::Japanese, true) => format!("{count}{japanese}前"),
            (Language::Japanese, false) => format!("{count}{japanese}後"),
        }
    }

    /// A length of time in its two largest units.
    #[must_use]
    pub fn duration(&self, duration: Duration) -> String {
        let seconds = duration.as_secs();
        let [day, hour, minute, second] = match self.language {
            Language::English => ["d ", "h ", "m ", "s"],
            Language::Japanese => ["日", "時間", "分", "秒"],
        };
        let text = match seconds {
            0..=59 => format!("{seconds}{second}"),
            60..=3_599 => format!("{}{minute}{:02}{second}", seconds / 60, seconds % 60),
            3_600..=86_399 => format!("{}{hour}{:02}{minute}", seconds / 3_600, seconds / 60 % 60),
            _ => format!("{}{day}{:02}{hour}", seconds / 86_400, seconds / 3_600 % 24),
        };
        text.trim_end().to_owned()
    }

    /// A length of time in seconds.
    #[must_use]
    pub fn seconds(&self, seconds: i64) -> String {
        self.duration(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }
}

/// A number of bytes in a unit that keeps it short.
#[must_use]
pub fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit behind the point")]
    let as_float = count as f64;
    match count {
        0..=1023 => format!("{count} B"),
        1024..=1_048_575 => format!("{:.1} KiB", as_float / 1024.0),
        1_048_576..=1_073_741_823 => format!("{:.1} MiB", as_float / 1_048_576.0),
        _ => format!("{:.1} GiB", as_float / 1_073_741_824.0),
    }
}

/// A number with its thousands apart.
#[must_use]
pub fn number(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    if count < 0 {
        out.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

    fn reading(language: Language) -> Reading {
        Reading {
            now: NOW,
            zone: TimeZone::fixed(jiff::tz::offset(9)),
            language,
        }
    }

    #[test]
    fn distances_are_rounded_to_one_unit() {
        for (seconds, english, japanese) in [
            (0, "just now", "たった今"),
            (60, "1 minute ago", "1分前"),
            (100, "2 minutes ago", "2分前"),
            (3_600, "1 hour ago", "1時間前"),
            (90_000, "1 day ago", "1日前"),
            (40 * 86_400, "1 month ago", "1か月前"),
            (800 * 86_400, "2 years ago", "2年前"),
            (-7_200, "in 2 hours", "2時間後"),
        ] {
            let at = Timestamp(NOW.0 - seconds * 1_000_000);
            assert_eq!(reading(Language::English).distance(at), english);
            assert_eq!(reading(Language::Japanese).distance(at), japanese);
        }
    }

    #[test]
    fn moments_are_shown_in_the_readers_zone() {
        let html = reading(Language::English).exact(NOW);
        assert_eq!(
            html.as_str(),
            "<time datetime=\"2027-01-15T08:00:00Z\" title=\"Jan 15, 2027 17:00:00 +09\">Jan 15, 2027 17:00:00 +09</time>"
        );
        assert!(reading(Language::Japanese).day(NOW).as_str().contains("2027年1月15日"));
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, english, japanese) in [
            (7, "7s", "7秒"),
            (67, "1m 07s", "1分07秒"),
            (3_700, "1h 01m", "1時間01分"),
            (90_000, "1d 01h", "1日01時間"),
        ] {
            assert_eq!(reading(Language::English).seconds(seconds), english);
            assert_eq!(reading(Language::Japanese).seconds(seconds), japanese);
        }
    }

    #[test]
    fn numbers_are_short_or_grouped() {
        assert_eq!(bytes(1_572_864), "1.5 MiB");
        assert_eq!(
            [number(999), number(1_234_567), number(-1_000)],
            ["999", "1,234,567", "-1,000"]
        );
    }
}
