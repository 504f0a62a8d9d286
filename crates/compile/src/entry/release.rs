//! `release`.

use model::definition::Release;

use crate::yaml::Node;

use super::checks::{Checked, Checks, text_of, texts};

const KEYS: [&str; 8] = [
    "tag_name",
    "tag_message",
    "name",
    "description",
    "ref",
    "released_at",
    "milestones",
    "assets",
];

/// `release`.
pub(crate) fn release(node: &Node, at: &str) -> Checked<Release> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.allowed_keys(&KEYS);
    checks.required_string("tag name", "tag_name");
    if let Some(message) = checks.some("tag_message").filter(|message| !message.is_blank()) {
        checks.string("tag message", message);
    }
    checks.required_string("description", "description");
    if let Some(milestones) = checks.some("milestones").filter(|list| !list.is_blank()) {
        checks.strings_or_string("milestones", milestones);
    }
    let truthy = |key: &str| node.get_some(key).filter(|value| value.as_bool() != Some(false));
    if let Some(date) = truthy("released_at")
        && !is_iso8601(&date.to_text())
    {
        checks.fail("released at", "must be a valid datetime", date.span);
    }
    if let Some(git_ref) = truthy("ref")
        && !is_ref_name(&git_ref.to_text())
    {
        checks.fail("ref", "must be a valid ref", git_ref.span);
    }
    if checks.ok()
        && let Some(assets) = node.get_some("assets")
    {
        self::assets(assets, &format!("{at}:assets")).take(&mut checks.found);
    }
    let release = Release {
        tag_name: text_of(node, "tag_name").unwrap_or_default(),
        tag_message: text_of(node, "tag_message"),
        name: text_of(node, "name"),
        description: text_of(node, "description").unwrap_or_default(),
        git_ref: text_of(node, "ref"),
        released_at: text_of(node, "released_at"),
        milestones: node.get_some("milestones").map(texts).unwrap_or_default(),
        assets: node.get_some("assets").map(|assets| assets.to_json().to_string()),
    };
    checks.done(Some(release))
}

fn assets(node: &Node, at: &str) -> Checked<()> {
    let mut checks = Checks::new(node, at);
    checks.hash();
    checks.allowed_keys(&["links"]);
    let links = node.get("links");
    let span = links.unwrap_or(node).span;
    if !links
        .and_then(Node::as_sequence)
        .is_some_and(|items| items.iter().all(Node::is_mapping))
    {
        checks.fail("links", "should be an array of hashes", span);
    }
    if links.is_none_or(Node::is_blank) {
        checks.fail("links", "can't be blank", span);
    }
    checks.done(Some(()))
}

/// A date with an optional time, in the extended or basic form of ISO 8601.
fn is_iso8601(text: &str) -> bool {
    let (date, time) = match text.trim().split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text.trim(), None),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let number = |text: &str| {
        text.parse::<u32>()
            .ok()
            .filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
    };
    let date_ok = match parts[..] {
        [year, month, day] if year.len() == 4 => match (number(year), number(month), number(day)) {
            (Some(year), Some(month), Some(day)) => (1..=days_in(year, month)).contains(&day),
            _ => false,
        },
        [year, rest] if year.len() == 4 && rest.starts_with('W') => rest.len() == 3 && number(&rest[1..]).is_some(),
        [year, day] if year.len() == 4 && day.len() == 3 => number(day).is_some_and(|day| (1..=366).contains(&day)),
        [whole] if whole.len() == 8 => match (
            whole.get(..4).and_then(number),
            whole.get(4..6).and_then(number),
            whole.get(6..).and_then(number),
        ) {
            (Some(year), Some(month), Some(day)) => (1..=days_in(year, month)).contains(&day),
            _ => false,
        },
        _ => false,
    };
    date_ok && time.is_none_or(is_iso_time)
}

fn is_iso_time(text: &str) -> bool {
    let clock = text.trim_end_matches(['Z', 'z']);
    let clock = clock.rfind(['+', '-']).map_or(clock, |at| &clock[..at]);
    let clock = clock.split(['.', ',']).next().unwrap_or_default();
    let digits: String = clock.chars().filter(|c| *c != ':').collect();
    let field = |at: usize| digits.get(at..at + 2).map(|text| text.parse::<u32>());
    let within = |at: usize, most: u32| match field(at) {
        Some(Ok(number)) => number <= most,
        Some(Err(_)) => false,
        None => true,
    };
    matches!(digits.len(), 2 | 4 | 6) && within(0, 24) && within(2, 59) && within(4, 60)
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Git's rules for a ref name (`git check-ref-format`), plus GitLab's few.
fn is_ref_name(name: &str) -> bool {
    let bad = |c: char| c.is_ascii_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    !name.is_empty()
        && !name.chars().any(bad)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains("//")
        && name != "@"
        && !name.starts_with(['-', '/'])
        && !name.ends_with(['/', '.'])
        && !name.starts_with("refs/heads/")
        && !name.starts_with("refs/remotes/")
        && name
            .split('/')
            .all(|part| !part.starts_with('.') && !part.ends_with(".lock"))
}
