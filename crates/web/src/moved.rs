//! Projects that are asked for by a path they had once: GET is sent on, as GitLab does.

use app::App;
use app::error::Moved;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use model::ProjectId;

/// Path of the API before the project's.
const PROJECTS: &str = "/api/v4/projects/";

/// Turns the refusal of a GET into the way to the project; its id is in the address, which never changes.
pub(crate) async fn send_on(State(app): State<App>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let uri = reads.then(|| request.uri().clone());
    let response = next.run(request).await;
    let Some((uri, moved)) = uri.zip(response.extensions().get::<Moved>()) else {
        return response;
    };
    let Some(place) = place(&uri, moved.id) else {
        return response;
    };
    let to = format!("{}{place}", app.settings.external_url.base());
    let Ok(location) = HeaderValue::try_from(&to) else {
        return response;
    };
    let text = format!("This resource has been moved permanently to {to}");
    (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)], text).into_response()
}

/// The same address with the project's id in it.
fn place(uri: &Uri, id: ProjectId) -> Option<String> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(PROJECTS)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    Some(format!("{PROJECTS}{id}{}", &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_becomes_its_id_and_all_else_stays() {
        for (uri, expected) in [
            ("/api/v4/projects/a%2Fb", Some("/api/v4/projects/7")),
            ("/api/v4/projects/a%2Fb?x=y/z", Some("/api/v4/projects/7?x=y/z")),
            (
                "/api/v4/projects/a%2Fb/jobs/3?p=a%2Fb",
                Some("/api/v4/projects/7/jobs/3?p=a%2Fb"),
            ),
            ("/api/v4/groups/a", None),
        ] {
            assert_eq!(place(&uri.parse().unwrap(), ProjectId(7)).as_deref(), expected, "{uri}");
        }
    }
}
