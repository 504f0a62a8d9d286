//! Pages for what went wrong: each says what happened and what to do.

use ::pages::Language;
use ::pages::views::{MessagePage, Problems};
use app::Error;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::pages::visit::Visit;
use crate::respond;

/// Answers an error with a page. What the reader may not see is answered as what does not exist; strangers
/// are asked to sign in for both.
pub(super) fn answer(visit: &Visit, error: Error) -> Response {
    let t = visit.language();
    let status = respond::status(&error);
    let is_stranger = visit.caller.user().is_none();
    match &error {
        Error::Unauthorized | Error::NotFound(_) | Error::RecordNotFound | Error::Forbidden(_) if is_stranger => {
            match visit.is_get {
                true => visit.redirect(&visit.sign_in_href()),
                false => visit.redirect("/users/sign_in"),
            }
        }
        Error::Moved(moved) if visit.is_get => visit.moved_to(&moved.full_path),
        // To who is signed in already it says that a thing is somebody else's.
        Error::NotFound(_) | Error::NotFoundPlain | Error::RecordNotFound | Error::Moved(_) | Error::Unauthorized => {
            message(
                visit,
                StatusCode::NOT_FOUND,
                t.not_found(),
                t.not_found_text().to_owned(),
            )
        }
        Error::Forbidden(_) => message(visit, status, t.forbidden(), t.forbidden_text().to_owned()),
        Error::TooMany { retry_after } => {
            let minutes = retry_after.div_ceil(60);
            let mut response = message(visit, status, t.too_many_title(), t.sign_in_later(minutes));
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(*retry_after));
            response
        }
        Error::Internal(_) => {
            respond::log(&error);
            message(visit, status, t.failed_title(), t.failed_text().to_owned())
        }
        _ => message(visit, status, t.refused_title(), told(t, &error)),
    }
}

/// Answers a form that is not ours.
pub(super) fn forged(visit: &Visit) -> Response {
    let t = visit.language();
    message(visit, StatusCode::FORBIDDEN, t.forged(), t.forged_text().to_owned())
}

/// Says an error in a sentence for people.
pub(super) fn told(t: Language, error: &Error) -> String {
    let all = |found: Vec<(String, Vec<String>)>| {
        let one = |(field, texts): (String, Vec<String>)| {
            let texts = texts.iter().map(|text| t.problem_of(&field, text));
            texts.collect::<Vec<_>>().join("; ")
        };
        found.into_iter().map(one).collect::<Vec<_>>().join("; ")
    };
    match error {
        Error::Refused(refused) => told(t, &refused.error),
        Error::Parameters(problems) => {
            let texts = problems.iter().map(|text| t.refusal(text));
            texts.collect::<Vec<_>>().join("; ")
        }
        error => match fields(error) {
            Some(found) => all(found),
            None => t.refusal(&error.to_string()),
        },
    }
}

/// What is wrong with which field of a form; what is about none of them stands under `base`.
pub(super) fn by_field(t: Language, error: &Error) -> Problems {
    let mut problems = Problems::default();
    match fields(error) {
        Some(found) => {
            for (field, texts) in found {
                let texts = texts.iter().map(|text| t.refusal(text));
                problems.add(field, texts.collect::<Vec<_>>().join("; "));
            }
        }
        None => problems.add("base", told(t, error)),
    }
    problems
}

fn fields(error: &Error) -> Option<Vec<(String, Vec<String>)>> {
    match error {
        Error::Invalid(invalid) => {
            let one = |(field, texts): (&&str, &Vec<String>)| ((*field).to_owned(), texts.clone());
            Some(invalid.iter().map(one).collect())
        }
        Error::BadRequest(text) => {
            let Ok(serde_json::Value::Object(found)) = serde_json::from_str(text) else {
                return None;
            };
            let one = |(field, texts): (String, serde_json::Value)| {
                let texts = texts.as_array().into_iter().flatten().filter_map(|text| text.as_str());
                (field, texts.map(str::to_owned).collect())
            };
            Some(found.into_iter().map(one).collect())
        }
        _ => None,
    }
}

fn message(visit: &Visit, status: StatusCode, title: &str, text: String) -> Response {
    let t = visit.language();
    let page = MessagePage {
        f: visit.frame(title),
        status: status.as_u16(),
        text,
        back: "/".to_owned(),
        back_label: t.go_home(),
    };
    visit.page_with(status, &page)
}
