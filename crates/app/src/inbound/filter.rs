//! The conditions of a hook: all must hold before anything is created.

use compile::regex::Pattern;
use model::inbound::Place;
use model::{Condition, Operator};
use serde_json::Value as Json;

use crate::inbound::declare;
use crate::inbound::path;
use crate::inbound::verify::Headers;

/// Returns the first condition that does not hold, as it was declared.
pub(super) fn first_that_fails(conditions: &[Condition], payload: &Json, headers: &Headers) -> Option<String> {
    let failed = conditions
        .iter()
        .find(|condition| !holds(condition, payload, headers))?;
    Some(declare::condition_line(failed))
}

/// Whether a condition holds. Where a path finds several values, one that fits is enough; `not` means none.
fn holds(condition: &Condition, payload: &Json, headers: &Headers) -> bool {
    let text;
    let found: Vec<&Json> = match &condition.place {
        Place::Path(path) => path::find(payload, path),
        Place::Header(name) => match headers.get(&name.to_ascii_lowercase()) {
            None => Vec::new(),
            Some(value) => {
                text = Json::from(value);
                vec![&text]
            }
        },
    };
    let any = |fits: &dyn Fn(&str) -> bool| {
        found
            .iter()
            .any(|value| path::plain(value).is_some_and(|text| fits(&text)))
    };
    let values = &condition.values;
    let first = values.first().map_or("", String::as_str);
    let matches = || Pattern::new(first, "").is_ok_and(|pattern| any(&|text| pattern.is_match(text)));
    match condition.operator {
        Operator::Exists => !found.is_empty(),
        Operator::NotExists => found.is_empty(),
        Operator::Equals => any(&|text| text == first),
        Operator::NotEquals => !any(&|text| text == first),
        Operator::In => any(&|text| values.iter().any(|value| value == text)),
        Operator::NotIn => !any(&|text| values.iter().any(|value| value == text)),
        Operator::Matches => matches(),
        Operator::NotMatches => !matches(),
        Operator::StartsWith => any(&|text| text.starts_with(first)),
        Operator::EndsWith => any(&|text| text.ends_with(first)),
        Operator::Contains => found.iter().any(|value| contains(value, first)),
    }
}

fn contains(value: &Json, wanted: &str) -> bool {
    match value {
        Json::Array(items) => items
            .iter()
            .any(|item| path::plain(item).is_some_and(|text| text == wanted)),
        Json::Object(fields) => fields.contains_key(wanted),
        other => path::plain(other).is_some_and(|text| text.contains(wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_compare_payload_and_headers() {
        let payload = json!({
            "ref": "refs/heads/main", "forced": false, "number": 7, "labels": ["ci", "ops"],
            "alerts": [{"status": "resolved"}, {"status": "firing"}], "nothing": null,
        });
        let headers: Headers = [("X-GitHub-Event", "push")].into_iter().collect();
        for (line, expected) in [
            ("ref equals refs/heads/main", true),
            ("ref equals main", false),
            ("ref not_equals main", true),
            ("missing not_equals main", true),
            ("header:X-GitHub-Event in push, release", true),
            ("header:x-github-event not_in push, release", false),
            ("header:X-Other exists", false),
            ("forced equals false", true),
            ("number in 6, 7", true),
            ("ref matches ^refs/heads/(main|release/.*)$", true),
            ("ref not_matches ^refs/tags/", true),
            ("ref starts_with refs/tags/", false),
            ("ref ends_with /main", true),
            ("ref contains heads", true),
            ("labels contains ops", true),
            ("labels contains op", false),
            ("labels.* starts_with op", true),
            ("alerts.*.status equals firing", true),
            ("alerts.*.status not_equals firing", false),
            ("nothing exists", false),
            ("nothing not_exists", true),
        ] {
            let condition = declare::condition(&json!(line)).unwrap();
            assert_eq!(holds(&condition, &payload, &headers), expected, "{line}");
            assert_eq!(first_that_fails(&[condition], &payload, &headers).is_none(), expected);
        }
    }
}
