//! Dates and times: only recognized, because a configuration may not contain them.

use super::scan::{Scan, is_space};

/// `2021-01-01 10:00:00`, with fraction and zone.
pub(super) fn is_time(bytes: &[u8]) -> bool {
    let mut scan = Scan(bytes);
    scan.eat(|byte| byte == b'-');
    let date = scan.digits(4, 4)
        && scan.eat(|byte| byte == b'-')
        && scan.digits(1, 2)
        && scan.eat(|byte| byte == b'-')
        && scan.digits(1, 2);
    if !date || !(scan.eat(|byte| matches!(byte, b'T' | b't')) || scan.skip(is_space) > 0) {
        return false;
    }
    let colon = |byte| byte == b':';
    let time = scan.digits(1, 2) && scan.eat(colon) && scan.digits(2, 2) && scan.eat(colon) && scan.digits(2, 2);
    if !time {
        return false;
    }
    if scan.eat(|byte| byte == b'.') {
        scan.skip(|byte| byte.is_ascii_digit());
    }
    scan.is_done() || is_zone(scan)
}

/// `Z`, `+02`, `+0200`, `+02:00`, `+02:`.
fn is_zone(mut scan: Scan<'_>) -> bool {
    scan.skip(is_space);
    if scan.eat(|byte| byte == b'Z') {
        return scan.is_done();
    }
    if !scan.eat(|byte| matches!(byte, b'-' | b'+')) {
        return false;
    }
    // One or two digits, then maybe a colon, then two or none: all ways to cut are tried.
    (1..=2).any(|hours| {
        let mut rest = Scan(scan.0);
        rest.skip_up_to(hours, |byte| byte.is_ascii_digit()) == hours && {
            rest.eat(|byte| byte == b':');
            rest.is_done() || (rest.digits(2, 2) && rest.is_done())
        }
    })
}

/// `2021-01-31` with a month and day that could be; whether they are does not matter, dates are refused.
pub(super) fn is_date(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let in_range = |part: &str, most: u8| {
        matches!(part.len(), 1 | 2)
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|number| number <= most)
    };
    year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) && in_range(month, 12) && in_range(day, 31)
}
