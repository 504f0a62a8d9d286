//! Git over HTTP, the smart protocol: `/<group>/<project>.git/info/refs`, `git-upload-pack`, `git-receive-pack`.
//!
//! The addresses end in fixed words behind paths of any depth, which no route can say; so this sits
//! before the routes and takes what is its own. Bodies are inflated here and counted below.

mod address;
mod basic;
mod body;

use std::convert::Infallible;
use std::time::Duration;

use app::fetch::{self, Output, Protocol, PushRequest, ServeError, Service};
use app::git_access::{self, Denied, GitAccess};
use app::{App, push};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tower::{Layer as _, ServiceExt as _};
use tower_http::decompression::RequestDecompressionLayer;
use tracing::{error, warn};

use crate::routing::Endpoint;
use address::{Address, What};
use body::BodyReader;

/// Chunks of an answer that may wait for the client.
const ANSWER_CHUNKS: usize = 16;

/// How long a client may neither send nor read anything in the middle of a request, git's own limit for slow networks.
const PATIENCE: Duration = Duration::from_secs(60);

/// Puts git over HTTP before other routes.
pub(crate) fn add<S: Clone + Send + Sync + 'static>(routes: Router<S>, app: App) -> Router<S> {
    routes.layer(from_fn_with_state(app, intercept))
}

/// Returns what is answered here.
pub(crate) fn endpoints() -> impl Iterator<Item = Endpoint> {
    let all = [
        ("GET", "/{project}.git/info/refs?service=git-upload-pack"),
        ("GET", "/{project}.git/info/refs?service=git-receive-pack"),
        ("POST", "/{project}.git/git-upload-pack"),
        ("POST", "/{project}.git/git-receive-pack"),
    ];
    all.into_iter().map(|(method, path)| Endpoint {
        path: path.to_owned(),
        method: method.to_owned(),
    })
}

/// Answers a git client, or lets the request pass.
async fn intercept(State(app): State<App>, request: Request, next: Next) -> Response {
    match Address::parse(request.uri()) {
        Some(address) => answer(app, address, request)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        None => next.run(request).await,
    }
}

async fn answer(app: App, address: Address, request: Request) -> Result<Response, Refused> {
    let is_post = request.method() == Method::POST;
    match address.what {
        What::Moved(location) if !is_post => {
            Ok((StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response())
        }
        What::Advertise(service) if request.method() == Method::GET => {
            let access = authorize(&app, address.project, request.headers(), service).await?;
            let output = fetch::advertise(&app, &access, service, protocol(request.headers())).await?;
            Ok(stream_of(service, "advertisement", output))
        }
        What::Dumb if !is_post => Err(Refused::Text(
            StatusCode::FORBIDDEN,
            "This server speaks git's smart HTTP protocol only. Use a newer git.",
        )),
        What::Call(service) if is_post => {
            let expected = format!("application/x-{}-request", service.name());
            if request
                .headers()
                .get(header::CONTENT_TYPE)
                .is_none_or(|given| given.as_bytes() != expected.as_bytes())
            {
                return Err(Refused::Text(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "Unsupported Media Type",
                ));
            }
            let access = authorize(&app, address.project, request.headers(), service).await?;
            Ok(inflated(request, move |request| {
                call(app.clone(), access.clone(), service, request)
            })
            .await)
        }
        _ => Err(Refused::Text(StatusCode::NOT_FOUND, "404 Not Found")),
    }
}

/// Runs `handle` on the request without its `Content-Encoding`; 415 for one that is not known.
async fn inflated<F>(request: Request, handle: impl FnMut(Request) -> F + Clone) -> Response
where
    F: Future<Output = Result<Response, Refused>>,
{
    let mut handle = handle;
    let inner = tower::service_fn(move |request: Request<_>| {
        let handling = handle(request.map(Body::new));
        async move { Ok::<_, Infallible>(handling.await.unwrap_or_else(IntoResponse::into_response)) }
    });
    let Ok(response) = RequestDecompressionLayer::new().layer(inner).oneshot(request).await;
    response.map(Body::new)
}

async fn call(app: App, access: GitAccess, service: Service, request: Request) -> Result<Response, Refused> {
    let protocol = protocol(request.headers());
    let body = BodyReader::new(request.into_body(), PATIENCE);
    match service {
        Service::UploadPack => {
            let output = fetch::fetch(&app, &access, protocol, body).await?;
            Ok(stream_of(service, "result", output))
        }
        Service::ReceivePack => receive(app, access, body).await,
    }
}

/// Receives a push in a task of its own: a client that goes away after its last byte has pushed,
/// and the pipelines of its push are created.
async fn receive(app: App, access: GitAccess, body: BodyReader) -> Result<Response, Refused> {
    let request = PushRequest::read(body).await?;
    let (sender, mut chunks) = mpsc::channel(ANSWER_CHUNKS);
    let task = tokio::spawn(async move { push::receive(&app, access, request, sender).await });
    let Some(first) = chunks.recv().await else {
        // Nothing was said: it failed before it began, or there was nothing to push.
        let done = task
            .await
            .map_err(|error| Refused::Serve(ServeError::Process(std::io::Error::other(error))))?;
        done?;
        return Ok(dressed(Service::ReceivePack, "result", Body::empty()));
    };
    let rest = stream::unfold((Some(first), chunks), |(first, mut chunks)| async {
        let chunk = match first {
            Some(chunk) => Some(chunk),
            None => chunks.recv().await,
        };
        chunk.map(|chunk| (Ok::<Bytes, Infallible>(chunk), (None, chunks)))
    });
    Ok(dressed(Service::ReceivePack, "result", Body::from_stream(rest)))
}

async fn authorize(app: &App, path: String, headers: &HeaderMap, service: Service) -> Result<GitAccess, Refused> {
    let password = match headers.get(header::AUTHORIZATION) {
        None => None,
        // Credentials that cannot be read are wrong ones.
        Some(value) => Some(basic::password(value).ok_or(Refused::Denied(Denied::Login))?),
    };
    Ok(git_access::authorize(app, path, password, service).await?)
}

fn protocol(headers: &HeaderMap) -> Option<Protocol> {
    headers
        .get("git-protocol")?
        .to_str()
        .ok()
        .and_then(Protocol::from_header)
}

/// Answers with what git says. It is taken from git by a task: an answer that nobody reads any more is not held until
/// its deadline, together with one of the few places for git.
fn stream_of(service: Service, kind: &str, mut output: Output) -> Response {
    let (sender, chunks) = mpsc::channel(ANSWER_CHUNKS);
    tokio::spawn(async move {
        loop {
            let chunk = match output.next().await {
                Ok(Some(chunk)) => Ok(chunk),
                Ok(None) => return,
                Err(error) => {
                    warn!(%error, "a clone was cut off: {error}");
                    Err(error)
                }
            };
            let is_last = chunk.is_err();
            match sender.send_timeout(chunk, PATIENCE).await {
                Ok(()) if !is_last => {}
                Err(SendTimeoutError::Timeout(_)) => {
                    drop(output);
                    warn!(
                        "a clone was cut off: its client read nothing for {} s",
                        PATIENCE.as_secs()
                    );
                    // The client must not take what it has for everything.
                    let _ = sender.send(Err(ServeError::TimedOut)).await;
                    return;
                }
                _ => return,
            }
        }
    });
    let chunks = stream::unfold(chunks, |mut chunks| async {
        let chunk: Result<Bytes, ServeError> = chunks.recv().await?;
        Some((chunk, chunks))
    });
    dressed(service, kind, Body::from_stream(chunks))
}

fn dressed(service: Service, kind: &str, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    if let Ok(media_type) = HeaderValue::try_from(format!("application/x-{}-{kind}", service.name())) {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache, max-age=0, must-revalidate"),
        (header::PRAGMA, "no-cache"),
        (header::EXPIRES, "Fri, 01 Jan 1980 00:00:00 GMT"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a git client is turned away. Git shows plain text to the person.
#[derive(Debug)]
enum Refused {
    Text(StatusCode, &'static str),
    Denied(Denied),
    Serve(ServeError),
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Refused {
        Refused::Denied(denied)
    }
}

impl From<ServeError> for Refused {
    fn from(error: ServeError) -> Refused {
        Refused::Serve(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Refused::Text(status, text) => (status, text.to_owned()),
            Refused::Denied(denied) => (denied_status(&denied), denied.to_string()),
            Refused::Serve(error) => serve_status(&error),
        };
        let mut response = (status, format!("{text}\n")).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"GitLab\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn denied_status(denied: &Denied) -> StatusCode {
    match denied {
        Denied::Login => StatusCode::UNAUTHORIZED,
        Denied::NotFound => StatusCode::NOT_FOUND,
        Denied::Forbidden(_) => StatusCode::FORBIDDEN,
        Denied::Internal(cause) => {
            error!(error = ?cause, "a git client could not be authorized");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn serve_status(failed: &ServeError) -> (StatusCode, String) {
    let status = match failed {
        ServeError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ServeError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        ServeError::BadRequest(_) | ServeError::Disconnected(_) => StatusCode::BAD_REQUEST,
        ServeError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ServeError::ReadOnly => StatusCode::FORBIDDEN,
        ServeError::Process(_) | ServeError::Failed { .. } | ServeError::Repository(_) => {
            error!(error = ?failed, "git could not be served: {failed}");
            return (
                StatusCode::INTERNAL_SERVER_ERROR,
                "500 Internal Server Error".to_owned(),
            );
        }
    };
    (status, failed.to_string())
}
