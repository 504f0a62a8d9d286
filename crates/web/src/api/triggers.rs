//! The trigger call (rest-api.md 1). Its tokens are managed in `trigger_tokens`.

use app::live::Viewer;
use app::pipelines::chain::Chain;
use app::pipelines::idempotency::Key;
use app::triggers::{self, Notes, TriggerCall, Triggered};
use app::{App, Error, ProjectKey, Result};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use model::Reason;
use serde_json::{Map, Value as JsonValue};

use super::live::{self, Then};
use super::{chain, idempotency};
use crate::Params;
use crate::client_address::ClientAddress;
use crate::params::Hash;
use crate::present;
use crate::respond::{self, ApiResult};
use crate::routing::{Router, post};

/// The value of `X-Gitlab-Event` that would make a loop: a pipeline's end starting the next one.
const PIPELINE_EVENT: &str = "Pipeline Hook";

/// Our addition: exactly `true` answers what the call would create, and creates nothing. Any other
/// value is a parameter like those that GitLab does not know.
pub(super) const DRY_RUN: &str = "dry_run";

/// Our addition: when the token ends, in the answer to calls of its last week.
const EXPIRES: HeaderName = HeaderName::from_static("trigger-token-expires");

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/trigger/pipeline", post(run))
        .route("/projects/{id}/ref/{ref}/trigger/pipeline", post(run))
}

/// The trigger call. It looks at the token only; no other credentials count here.
async fn run(State(app): State<App>, from: ClientAddress, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    let call = match checked(&headers, &params) {
        Ok(call) => call,
        Err((error, reason)) => {
            let status = i32::from(respond::status(&error).as_u16());
            triggers::refused_early(&app, &stub(&params, from), reason, status).await;
            return Err(error.into());
        }
    };
    let call = TriggerCall {
        address: from.0,
        ..call
    };
    if params.is_true(DRY_RUN) {
        let (dry_run, notes) = triggers::dry_run(&app, call).await?;
        return Ok(noted(Json(present::lint::dry_run(dry_run)).into_response(), notes));
    }
    let Some(then) = Then::of(&params) else {
        let Triggered { created, notes } = triggers::run(&app, call).await?;
        return Ok(noted(idempotency::created(&app, &created), notes));
    };
    // Before anything is created: whoever is refused may call again.
    app.live.has_place()?;
    let viewer = Viewer::starter(&app, call.project.clone(), &call.token, from.0);
    let Triggered { created, notes } = triggers::run(&app, call).await?;
    let replayed = created.replayed;
    let answer = noted(live::after_creation(&app, viewer, created, then).await, notes);
    Ok(if replayed { idempotency::mark(answer) } else { answer })
}

/// Rows 1 to 3 of rest-api.md 1.3: what can be said without looking at the token.
fn checked(headers: &HeaderMap, params: &Params) -> Result<TriggerCall, (Error, Reason)> {
    let invalid = |error| (error, Reason::ParametersInvalid);
    let call = parse(params).map_err(invalid)?;
    let event = headers.get("x-gitlab-event");
    if event.is_some_and(|event| event.as_bytes() == PIPELINE_EVENT.as_bytes()) {
        return Err((Error::forbidden(), Reason::PipelineHook));
    }
    let key = idempotency::key(headers).map_err(invalid)?;
    let chain = chain::of(headers).map_err(invalid)?;
    call.check(key, chain).map_err(invalid)
}

/// As much of a call as there is, for the log.
fn stub(params: &Params, from: ClientAddress) -> TriggerCall {
    let text = |name: &str| params.text(name).unwrap_or_default().to_owned();
    TriggerCall {
        project: params.text("id").and_then(ProjectKey::parse),
        token: text("token"),
        ref_text: text("ref"),
        variables: Vec::new(),
        inputs: Vec::new(),
        payload: String::new(),
        pass_payload: true,
        keys: Vec::new(),
        chain: Chain::default(),
        address: from.0,
    }
}

/// Says in headers what the caller should know of its token: how often it may be used, that it ends soon.
fn noted(mut answer: Response, notes: Notes) -> Response {
    if let Some(rate) = &notes.rate {
        respond::add_rate(rate, answer.headers_mut());
    }
    if let Some(end) = notes.ends_at
        && let Ok(value) = HeaderValue::from_str(&present::time(end).to_string())
    {
        answer.headers_mut().insert(EXPIRES, value);
    }
    answer
}

/// A trigger call whose parameters are there and of the right kinds; variables are not looked at yet.
struct Unchecked<'a> {
    token: String,
    ref_text: String,
    variables: Option<&'a Hash>,
    inputs: Option<&'a Hash>,
    params: &'a Params,
}

/// Row 1 of rest-api.md 1.3.
fn parse(params: &Params) -> Result<Unchecked<'_>> {
    let mut reader = params.reader();
    let unchecked = Unchecked {
        ref_text: reader.filled_text("ref"),
        token: reader.required_text("token"),
        variables: reader.hash("variables"),
        inputs: reader.hash("inputs"),
        params,
    };
    Then::read(&mut reader, params);
    reader.finish()?;
    Ok(unchecked)
}

impl Unchecked<'_> {
    /// Row 3 of rest-api.md 1.3.
    fn check(self, key: Option<Key>, chain: Chain) -> Result<TriggerCall> {
        let variables = match self.variables {
            None => Vec::new(),
            Some(hash) => hash
                .iter()
                .map(|(key, value)| Some((key.clone(), value.as_text()?.to_owned())))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| Error::Status {
                    status: 400,
                    message: "variables needs to be a map of key-valued strings".to_owned(),
                })?,
        };
        let inputs = self.inputs.map(|hash| {
            hash.iter()
                .map(|(name, value)| (name.clone(), value.to_json()))
                .collect()
        });
        Ok(TriggerCall {
            project: self.params.text("id").and_then(ProjectKey::parse),
            payload: payload(self.params, &self.ref_text),
            token: self.token,
            ref_text: self.ref_text,
            variables,
            inputs: inputs.unwrap_or_default(),
            pass_payload: true,
            keys: key.into_iter().collect(),
            address: None,
            chain,
        })
    }
}

/// All parameters as JSON, without the token: what the job finds in `TRIGGER_PAYLOAD` (rest-api.md 1.5).
fn payload(params: &Params, ref_text: &str) -> String {
    // The dry run sees what the call itself would see, and waiting for a pipeline does not change it.
    let is_dry_run = params.is_true(DRY_RUN);
    let then = Then::of(params);
    let is_ours = |name: &str| match name {
        "token" => true,
        DRY_RUN => is_dry_run,
        name => then.is_some_and(|then| then.is_asked_by(name)),
    };
    let mut object: Map<String, JsonValue> = params
        .values()
        .iter()
        .filter(|(name, _)| !is_ours(name))
        .map(|(name, value)| (name.clone(), value.to_json()))
        .collect();
    object.insert("ref".to_owned(), JsonValue::String(ref_text.to_owned()));
    if !matches!(object.get("variables"), Some(JsonValue::Object(_))) {
        object.insert("variables".to_owned(), JsonValue::Object(Map::new()));
    }
    JsonValue::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Value;

    fn params(pairs: &[(&str, Value)]) -> Params {
        Params::new(
            "/",
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn hash(pairs: &[(&str, Value)]) -> Value {
        Value::Hash(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn a_payload_is_the_call_without_its_token() {
        let call = params(&[("token", text("secret")), ("ref", text("x")), ("id", text("12"))]);
        assert_eq!(payload(&call, "master"), r#"{"ref":"master","id":"12","variables":{}}"#);
    }

    #[test]
    fn problems_of_the_parameters_are_told_together() {
        for (pairs, expected) in [
            (vec![], "ref is missing, ref is empty, token is missing"),
            (vec![("ref", text("main"))], "token is missing"),
            (vec![("token", text("t")), ("ref", text(" "))], "ref is empty"),
            (
                vec![("token", text("t")), ("ref", text("r")), ("variables", text("x"))],
                "variables is invalid",
            ),
            (
                vec![
                    ("token", text("t")),
                    ("ref", text("r")),
                    ("inputs", Value::Array(vec![])),
                ],
                "inputs is invalid",
            ),
        ] {
            let call = params(&pairs);
            assert_eq!(parse(&call).err().expect("refused").to_string(), expected);
        }
    }

    #[test]
    fn variables_are_texts_only() {
        let call = |value: Value| {
            params(&[
                ("token", text("t")),
                ("ref", text("r")),
                ("id", text("1")),
                ("variables", hash(&[("A", value)])),
            ])
        };
        let given = call(text("1"));
        assert_eq!(
            parse(&given).unwrap().check(None, Chain::default()).unwrap().variables,
            [("A".to_owned(), "1".to_owned())]
        );
        for value in [Value::Null, Value::Bool(true), Value::Array(vec![text("1")]), hash(&[])] {
            let given = call(value.clone());
            let error = parse(&given).unwrap().check(None, Chain::default()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "variables needs to be a map of key-valued strings",
                "{value:?}"
            );
        }
    }
}
