//! A delivery arrives: prove it, look at it, start a pipeline.

use std::net::IpAddr;

use bytes::Bytes;
use model::inbound::RefRule;
use model::{InboundHook, InboundOutcome, Project};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use store::ops;

use crate::App;
use crate::error::{Error, Reasoned, Result};
use crate::inbound::log::{self, Entry};
use crate::inbound::mapping::{Misfit, Source};
use crate::inbound::verify::{self, Evidence, Headers};
use crate::inbound::{Secrets, event, filter};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::Created;
use crate::pipelines::chain::Chain;
use crate::pipelines::idempotency::{Key, Scope};
use crate::triggers::{Token, TriggerCall, run_with};

/// Commas and brackets of a payload at most: a bound of the values in it, and of the memory they take.
const MAX_MARKS: usize = 1_000_000;

/// A delivery as it came.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The project in the address; `None` when the text cannot name one.
    pub project: Option<ProjectKey>,
    /// The key in the address.
    pub key: String,
    /// `token` of the address.
    pub query_token: Option<String>,
    /// Headers.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Bytes,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

/// What became of a delivery.
#[derive(Debug)]
pub enum Received {
    /// A pipeline.
    Created(Box<Created>),
    /// It was not meant to start one, and why.
    Filtered(String),
}

/// Takes a delivery.
///
/// # Errors
///
/// `404 Not Found` for an address that is none, 401 for a delivery that does not prove where it comes from, 400 for
/// a payload that cannot be read or does not have what is mapped; otherwise what a trigger call says.
pub async fn receive(app: &App, delivery: Delivery) -> Result<Received> {
    let (hook, project) = find(app, &delivery).await?;
    let provider = hook.settings.provider;
    let mut entry = Entry {
        outcome: InboundOutcome::Unauthorized,
        reason: String::new(),
        event: event::name(provider, &delivery.headers),
        delivery: event::delivery(provider, &delivery.headers),
        digest: Sha256::digest(&delivery.body).into(),
        pipeline: None,
    };
    let received = take(app, &hook, &project, delivery, &mut entry).await;
    match &received {
        Ok(Received::Created(created)) => {
            entry.pipeline = Some(created.pipeline.id);
            (entry.outcome, entry.reason) = if created.replayed {
                (InboundOutcome::Replayed, "the same delivery arrived before".to_owned())
            } else {
                (InboundOutcome::Triggered, String::new())
            };
        }
        Ok(Received::Filtered(reason)) => {
            (entry.outcome, entry.reason) = (InboundOutcome::Filtered, reason.clone());
        }
        // The reason is there already.
        Err(Error::Unauthorized) => {}
        Err(error) => (entry.outcome, entry.reason) = (InboundOutcome::Refused, error.to_string()),
    }
    log::write(app, &hook, entry).await;
    received
}

async fn find(app: &App, delivery: &Delivery) -> Result<(InboundHook, Project)> {
    let digest = app.keys.digest(&delivery.key);
    let key = delivery.project.clone().ok_or(Error::NotFoundPlain)?;
    app.store
        .read(move |tx| {
            let hook = ops::inbound_hooks::by_digest(tx, &digest)?.ok_or(Error::NotFoundPlain)?;
            let project = lookup::find(tx, &key)?.filter(|project| project.id == hook.project_id);
            Ok((hook, project.ok_or(Error::NotFoundPlain)?))
        })
        .await
}

async fn take(
    app: &App,
    hook: &InboundHook,
    project: &Project,
    delivery: Delivery,
    entry: &mut Entry,
) -> Result<Received> {
    let settings = &hook.settings;
    prove(app, hook, &delivery).map_err(|failure| match failure {
        Ok(reason) => {
            entry.reason = reason.to_owned();
            Error::Unauthorized
        }
        Err(error) => error,
    })?;
    let filtered = |reason: &str| Ok(Received::Filtered(reason.to_owned()));
    if event::is_ping(entry.event.as_deref()) {
        return filtered("ping");
    }
    let text = payload_text(&delivery)?;
    let payload = parse(&text)?;
    if entry.event.is_none() {
        entry.event = payload.get("type").and_then(Json::as_str).map(short);
    }
    if !settings.enabled {
        return filtered("the hook is switched off");
    }
    if let Some(reason) = event::left_alone(settings.provider, entry.event.as_deref(), &payload, &settings.filters) {
        return filtered(reason);
    }
    if let Some(line) = filter::first_that_fails(&settings.filters, &payload, &delivery.headers) {
        return filtered(&format!("the condition `{line}` does not hold"));
    }
    let call = call(hook, project, &delivery, &payload, text, entry)?;
    let (project, token) = (hook.project_id, hook.trigger_token_id);
    let digest = app
        .store
        .read(move |tx| ops::inbound_hooks::token_digest(tx, project, token))
        .await?
        .ok_or(Error::NotFoundPlain)?;
    let triggered = run_with(app, call, Token::Trigger(digest)).await?;
    Ok(Received::Created(Box::new(triggered.created)))
}

/// Checks where a delivery comes from; the error is a reason for the log, or one of the server.
fn prove(app: &App, hook: &InboundHook, delivery: &Delivery) -> std::result::Result<(), Result<&'static str, Error>> {
    let secrets = Secrets::open(&app.keys, hook).map_err(Err)?;
    let now = app.clock.now();
    let evidence = Evidence {
        headers: &delivery.headers,
        query_token: delivery.query_token.as_deref(),
        body: &delivery.body,
        now,
    };
    verify::verify(hook.settings.provider, &secrets.good_at(now), evidence).map_err(Ok)
}

/// Returns the payload: the body, or what a form has as `payload`.
fn payload_text(delivery: &Delivery) -> Result<String> {
    let malformed = |problem: &str| {
        Reasoned::bad_request(
            problem,
            "payload_malformed",
            "send JSON, or a form whose field `payload` is JSON",
        )
    };
    let body = std::str::from_utf8(&delivery.body).map_err(|_| malformed("the body is not UTF-8"))?;
    let content_type = delivery.headers.get("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(body.to_owned());
    }
    let field = body.split('&').find_map(|pair| pair.strip_prefix("payload="));
    let field = field.ok_or_else(|| malformed("the form has no field `payload`"))?;
    decode_form(field).ok_or_else(|| malformed("the form's field `payload` is not UTF-8"))
}

/// Decodes a value of a form.
fn decode_form(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// Parses a payload; the parser itself bounds its depth.
fn parse(text: &str) -> Result<Json> {
    let malformed = |problem: String| {
        Reasoned::bad_request(
            problem,
            "payload_malformed",
            "send a JSON document of a usual size and depth",
        )
    };
    let marks = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if marks > MAX_MARKS {
        return Err(malformed("the payload has too many values".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| malformed(format!("the payload is not JSON: {error}")))
}

/// Makes the trigger call of a delivery.
fn call(
    hook: &InboundHook,
    project: &Project,
    delivery: &Delivery,
    payload: &Json,
    text: String,
    entry: &Entry,
) -> Result<TriggerCall> {
    let settings = &hook.settings;
    let source = Source {
        payload,
        headers: &delivery.headers,
    };
    let mut misfits = Vec::new();
    let ref_text = match &settings.git_ref {
        RefRule::Fixed(name) => name.clone(),
        RefRule::Default => project.default_branch.clone().unwrap_or_default(),
        RefRule::From(place) => source.git_ref(place).unwrap_or_else(|misfit| {
            misfits.push(misfit);
            String::new()
        }),
    };
    let inputs = source.inputs(&settings.inputs, &mut misfits);
    let variables = source.variables(&settings.variables, &mut misfits);
    if !misfits.is_empty() {
        return Err(does_not_fit(&misfits));
    }
    Ok(TriggerCall {
        project: Some(ProjectKey::Id(hook.project_id)),
        token: String::new(),
        ref_text,
        variables,
        inputs,
        payload: text,
        pass_payload: settings.pass_payload,
        keys: keys(hook, &delivery.headers, entry),
        address: delivery.address,
        chain: match delivery.headers.get("x-tripline-trigger-chain") {
            Some(text) => Chain::parse(text.as_bytes())?,
            None => Chain::default(),
        },
    })
}

/// The names under which a delivery makes one pipeline: what the sender calls it, and its body where the signature
/// covers nothing else.
fn keys(hook: &InboundHook, headers: &Headers, entry: &Entry) -> Vec<Key> {
    let own = |text: String, scope| Key::own(format!("inbound {} {text}", hook.id), scope);
    let mut keys: Vec<Key> = entry
        .delivery
        .iter()
        .map(|name| own(name.clone(), Scope::Call))
        .collect();
    if keys.is_empty()
        && let Some(uuid) = headers.get("x-gitlab-event-uuid")
    {
        keys.push(own(short(uuid), Scope::Event));
    }
    if event::signs_body_alone(hook.settings.provider) {
        keys.push(own("body".to_owned(), Scope::Event));
    }
    keys
}

fn does_not_fit(misfits: &[Misfit]) -> Error {
    let messages: Vec<String> = misfits.iter().map(Misfit::message).collect();
    Error::Reasoned(Box::new(Reasoned {
        status: 400,
        message: format!("the payload does not have what the hook maps: {}", messages.join("; ")),
        reason: "mapping_failed",
        remedy: "correct the path, give the mapping a default, or add a condition that keeps such deliveries out",
        more: vec![("problems", misfits.iter().map(Misfit::to_json).collect())],
    }))
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(255).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_brings_its_payload() {
        let delivery = |content_type: &str, body: &'static str| Delivery {
            project: None,
            key: String::new(),
            query_token: None,
            headers: [("Content-Type", content_type)].into_iter().collect(),
            body: Bytes::from_static(body.as_bytes()),
            address: None,
        };
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        for (content_type, body, expected) in [
            ("application/json", "{}", "{}"),
            ("", "{}", "{}"),
            (form, "payload=%7B%22a%22%3A+1%7D", r#"{"a": 1}"#),
            (form, "x=1&payload=%5B%5D&y=2", "[]"),
        ] {
            assert_eq!(payload_text(&delivery(content_type, body)).unwrap(), expected);
        }
        for body in ["x=1", "payload=%ff", "payload=%7", "payload=%zz"] {
            assert!(payload_text(&delivery(form, body)).is_err(), "{body}");
        }
    }

    #[test]
    fn payloads_have_bounds() {
        assert!(parse("{}").is_ok());
        assert!(
            parse(&"[".repeat(200))
                .unwrap_err()
                .to_string()
                .starts_with("the payload is not JSON: recursion limit")
        );
        let many = format!("[{}0]", "0,".repeat(MAX_MARKS));
        assert_eq!(parse(&many).unwrap_err().to_string(), "the payload has too many values");
        assert!(parse("nonsense").is_err());
    }
}
