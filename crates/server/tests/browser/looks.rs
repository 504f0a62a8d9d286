//! Languages, colors, sizes of windows.

use testkit::BrowserOptions;

use crate::{CONFIG, server, signed_in};

#[test]
fn the_browsers_language_is_spoken_until_another_one_is_chosen() {
    let server = server(0);
    let options = BrowserOptions {
        language: "ja",
        ..BrowserOptions::default()
    };
    let browser = testkit::Browser::start(&server.url(), &options);
    browser.open("/users/sign_in");
    browser.sees("h1", "Triplineにサインイン");
    browser.fill("#login", "root");
    browser.fill("#password", server.root_password());
    browser.click(".door button");
    browser.sees("h1", "プロジェクト");
    browser.choose(".foot select[name=language]", "en");
    browser.click(".foot button");
    browser.sees("h1", "Projects");
}

#[test]
fn the_browsers_darkness_is_followed_until_another_one_is_chosen() {
    let server = server(0);
    let dark = BrowserOptions {
        dark: true,
        ..BrowserOptions::default()
    };
    let browser = signed_in(&server, &dark);
    let ground = || browser.style("body", "background-color");
    let night = ground();
    browser.choose(".foot select[name=theme]", "light");
    browser.click(".foot button");
    browser.sees("h1", "Projects");
    assert_ne!(ground(), night);
    browser.choose(".foot select[name=theme]", "dark");
    browser.click(".foot button");
    browser.sees("h1", "Projects");
    assert_eq!(ground(), night);
}

#[test]
fn no_page_is_wider_than_a_phone() {
    let server = server(2);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let token = project.trigger_token();
    let pipeline = project.triggered(&token, testkit::Form::of([("ref", "main"), ("variables[A]", "1")]));
    let phone = BrowserOptions {
        size: (390, 844),
        ..BrowserOptions::default()
    };
    let browser = signed_in(&server, &phone);
    for path in crate::access::paths(&project, &pipeline) {
        browser.open(&path);
        let widths = browser.script("return [document.documentElement.scrollWidth, innerWidth]");
        assert!(widths[0].as_i64() <= widths[1].as_i64(), "{path}: {widths}");
    }
}
