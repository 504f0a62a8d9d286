//! `custom_webhook_template`: a payload of the owner's own making, with `{{fields}}` of GitLab's.

use serde_json::Value as Json;

/// Fills a template with the fields of a payload; the result must be JSON.
///
/// Elements of lists cannot be named, as in GitLab.
///
/// # Errors
///
/// What is wrong with the result.
pub fn render(template: &str, payload: &Json) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else {
            break;
        };
        out.push_str(before);
        out.push_str(&field(payload, name.trim()));
        rest = tail;
    }
    out.push_str(rest);
    match serde_json::from_str::<Json>(&out) {
        Ok(_) => Ok(out),
        Err(error) => Err(format!("the custom template does not give JSON: {error}")),
    }
}

/// A field as it stands between the quotes of a template: text escaped, anything else as JSON.
fn field(payload: &Json, name: &str) -> String {
    let found = name.split('.').try_fold(payload, |at, part| at.as_object()?.get(part));
    match found {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => {
            let quoted = Json::String(text.clone()).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_is_filled_and_stays_json() {
        let payload = json!({"a": {"b": "say \"hi\"\n", "n": 7}, "list": [1], "none": null});
        for (template, expected) in [
            (
                r#"{"x": "{{a.b}}", "n": {{ a.n }}}"#,
                Ok(r#"{"x": "say \"hi\"\n", "n": 7}"#),
            ),
            (r#"{"x": "{{none}}{{gone.deep}}{{list.0}}"}"#, Ok(r#"{"x": ""}"#)),
            (r#"{"x": {{list}}}"#, Ok(r#"{"x": [1]}"#)),
            (r#"{"x": {{gone}}}"#, Err(())),
            (r#"{"x": "{{open"}"#, Ok(r#"{"x": "{{open"}"#)),
        ] {
            let rendered = render(template, &payload);
            assert_eq!(rendered.as_deref().map_err(|_| ()), expected, "{template}");
        }
    }
}
