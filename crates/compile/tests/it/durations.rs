//! Durations in words.

use compile::duration::{Expiry, START_IN_LIMIT, TIMEOUT_LIMIT, is_within, parse, parse_expiry};

#[test]
fn durations_are_read() {
    for (text, seconds) in [
        ("42", 42.0),
        ("3m4s", 184.0),
        ("1h30", 5400.0 - 1800.0 + 30.0),
        ("1h30m", 5400.0),
        ("2 hrs 20 min", 8400.0),
        ("1 Hour", 3600.0),
        ("one hour", 3600.0),
        ("ten minutes", 600.0),
        ("twenty one seconds", 21.0),
        ("twenty-five minutes", 1500.0),
        ("two hundred seconds", 200.0),
        ("two hundred and five seconds", 205.0),
        ("one and a half hours", 5400.0),
        ("1 1/2 hours", 5400.0),
        ("1 day, 2 hours", 93_600.0),
        ("1 day plus 2 hours", 93_600.0),
        ("1 day with 2 hours and", 93_600.0),
        ("6 mos 1 day", 15_638_400.0),
        ("1 week", 604_800.0),
        ("month", 2_592_000.0),
        ("1 year", 31_557_600.0),
        ("minute", 60.0),
        ("minute 30 sec", 90.0),
        ("1:30", 90.0),
        ("1:30:15", 5415.0),
        ("1:2:3:4:5:6", 37_015_506.0),
        ("1 : 30", 90.0),
        ("1.5h", 5400.0),
        (".5h", 1800.0),
        ("0.4", 0.4),
        ("  1 hour  ", 3600.0),
        // A number that another number follows counts nothing.
        ("5 30", 30.0),
        ("1 day 1 day", 172_800.0),
    ] {
        assert_eq!(parse(text), Some(seconds), "{text}");
    }
}

#[test]
fn what_is_no_duration() {
    for text in [
        "",
        "   ",
        "0",
        "0s",
        "a day",
        "half hour",
        "$X",
        "later",
        "-1 day",
        "1/2 hour",
        "1,5 h",
        "1_000",
        "1e3",
        "never",
        "1 fortnight",
        "1 day ago",
        "first hour",
        "1:2:3:4:5:6:7",
        "and",
        "1.",
        "1 hour # x",
        "\u{661} hour",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
    assert_eq!(parse(&"1 ".repeat(100_000)), None, "longer than anybody writes");
}

#[test]
fn limits_include_their_end() {
    assert!(is_within("1 week", START_IN_LIMIT));
    assert!(!is_within("1 week 1 second", START_IN_LIMIT));
    assert!(is_within("2629746 seconds", TIMEOUT_LIMIT));
    assert!(!is_within("2629747", TIMEOUT_LIMIT));
}

#[test]
fn an_expiry_may_be_never() {
    assert_eq!(parse_expiry("Never"), Some(Expiry::Never));
    assert_eq!(parse_expiry("1 day"), Some(Expiry::After(86_400.0)));
    assert_eq!(parse_expiry("never ever"), None);
}
