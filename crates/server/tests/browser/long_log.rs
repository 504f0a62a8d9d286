//! A log of 100 MB: it opens at once and scrolls, and the page stays small.

use std::time::{Duration, Instant};

use testkit::BrowserOptions;

use crate::{server, signed_in};

/// Bytes of the log.
const SIZE: usize = 100 << 20;

/// Bytes of each of its lines, with the line feed.
const LINE: usize = 100;

/// Bytes that the runner sends at a time.
const PIECE: usize = 1 << 20;

/// Longest time until the end of the log is seen. Far more than it takes: a busy machine must not fail it, and a page
/// that carried the whole log would.
const AT_ONCE: Duration = Duration::from_secs(15);

/// Most lines that a page may hold however far somebody scrolls.
const MOST_LINES: u64 = 7_000;

fn log() -> Vec<u8> {
    let mut text = Vec::with_capacity(SIZE + LINE);
    let mut number = 1;
    while text.len() < SIZE {
        let words = if number == 777_777 {
            "needle in the hay"
        } else {
            "all is well"
        };
        let line = format!("line {number}: {words} ");
        text.extend_from_slice(line.as_bytes());
        text.resize(text.len() + LINE - 1 - line.len(), b'.');
        text.push(b'\n');
        number += 1;
    }
    text
}

#[test]
fn a_log_of_100_mb_opens_at_once_and_scrolls() {
    let server = server(0);
    let runner = server.api().runner();
    let project = server.api().project(&[(".gitlab-ci.yml", "long: {script: x}")]);
    project.push("main");
    let job = runner.take();
    let (text, lines) = (log(), SIZE.div_ceil(LINE));
    for (index, piece) in text.chunks(PIECE).enumerate() {
        job.patch(index * PIECE, piece).send().expect(202);
    }
    job.succeed();
    let browser = signed_in(&server, &BrowserOptions::default());
    let path = format!("/{}/-/jobs/{}", project.path, job.id());
    let count = || {
        browser
            .script("return document.querySelectorAll('#log [id^=L]').length")
            .as_u64()
    };
    let shows = |line: usize| {
        let script = format!("return Boolean(document.getElementById('L{line}'))");
        testkit::eventually(&format!("line {line}"), || {
            browser.script(&script).as_bool().filter(|there| *there)
        });
    };

    // It opens at its end.
    let begun = Instant::now();
    browser.open(&path);
    browser.sees("#log", &format!("line {lines}: all is well"));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let size = browser
        .script("return document.documentElement.outerHTML.length")
        .as_u64();
    assert!(size.is_some_and(|size| size < 2_000_000), "{size:?}");

    // Scrolled up, it brings what comes before, and forgets what is far away.
    for part in 1..=9 {
        let first = (lines / 1_000 - part) * 1_000;
        // Looked at before scrolling again: what is left behind is forgotten.
        let look = format!(
            "if (document.getElementById('L{first}')) return true; scrollTo(0, 1); scrollTo(0, 0); return false"
        );
        testkit::eventually(&format!("line {first}"), || {
            browser.script(&look).as_bool().filter(|there| *there)
        });
        assert!(count().is_some_and(|count| count <= MOST_LINES), "{:?}", count());
    }

    // A line that somebody links or types is found without the rest.
    browser.open(&path);
    browser.fill("#line", "500000");
    browser.press(testkit::ENTER);
    shows(500_000);
    assert!(browser.path().contains("#L500000"), "{}", browser.path());
    assert!(count().is_some_and(|count| count <= MOST_LINES));

    // Found anywhere in it.
    browser.open(&format!("{path}?search=needle"));
    browser.sees("main", "1 line found");
    browser.click("a[href$=\"#L777777\"]");
    shows(777_777);
    browser.sees("#L777777", "777777");

    // To its beginning and back to its end.
    browser.open(&format!("{path}?page=1"));
    shows(1);
    browser.open(&path);
    shows(lines);
}
