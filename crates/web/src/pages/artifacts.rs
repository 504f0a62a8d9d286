//! What is in a job's archive, looked at in the browser. It was made by whoever can push: a page shows it as text or
//! picture, and what is sent as it is can neither run nor load anything.

use std::sync::Arc;

use ::pages::Tab;
use ::pages::html::url_path;
use ::pages::moment::bytes;
use ::pages::views::{ArtifactPage, ArtifactsPage, EntryRow, FileView};
use app::Error;
use app::jobs::artifacts::{self, Entry, Folder, Item, Which};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use model::JobId;

use crate::page::encoded;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Longest text that is shown in a page, in bytes.
const MAX_SHOWN: u64 = 512 << 10;

/// What a file that is sent as it is may do: nothing.
const SANDBOX: &str = "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Pictures that browsers show and that cannot hold a script, by the end of their names.
const PICTURES: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
];

pub(super) fn routes() -> Router {
    let of = "/p/{project}/jobs/{id}/artifacts";
    Router::new()
        .route(&format!("{of}/browse"), read(browse))
        .route(&format!("{of}/browse/{{*file}}"), read(browse))
        .route(&format!("{of}/file/{{*file}}"), read(show))
        .route(&format!("{of}/raw/{{*file}}"), read(raw))
        .route(&format!("{of}/keep"), act(keep))
}

/// The address of the job.
fn job_href(visit: &Visit, id: JobId) -> String {
    format!("/{}/-/jobs/{id}", visit.text("project"))
}

/// The folders above a path, each with an address.
fn crumbs(job: &str, folders: &str) -> Vec<(String, String)> {
    let mut all = vec![("/".to_owned(), format!("{job}/artifacts/browse"))];
    let mut path = String::new();
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
        all.push((part.to_owned(), format!("{job}/artifacts/browse/{}", url_path(&path))));
    }
    all
}

async fn folder(visit: &Visit, path: &str) -> app::Result<Folder> {
    let id = JobId(visit.id()?);
    artifacts::folder(&visit.app, visit.caller.clone(), visit.project(), id, path.to_owned()).await
}

async fn browse(visit: Arc<Visit>) -> PageResult {
    let path = visit.text("file").trim_matches('/').to_owned();
    let found = folder(&visit, &path).await?;
    let job = job_href(&visit, found.job.id);
    let row = |item: Item| {
        let below = if path.is_empty() {
            item.name.clone()
        } else {
            format!("{path}/{}", item.name)
        };
        let kind = if item.size.is_some() { "file" } else { "browse" };
        EntryRow {
            href: format!("{job}/artifacts/{kind}/{}", url_path(&below)),
            size: item.size.map(bytes),
            name: item.name,
        }
    };
    let title = visit.language().artifacts_of(&found.job.name);
    let page = ArtifactsPage {
        f: visit.project_frame(title, &found.access, Tab::Jobs),
        crumbs: crumbs(&job, &path),
        rows: found.items.into_iter().map(row).collect(),
        has_more: found.has_more,
        job,
    };
    Ok(visit.page(&page))
}

async fn entry(visit: &Visit) -> app::Result<Entry> {
    let which = Which::Of(JobId(visit.id()?));
    let path = visit.text("file").to_owned();
    match artifacts::entry(&visit.app, visit.caller.clone(), visit.project(), which, path).await {
        // A path that cannot be in an archive is in none.
        Err(Error::Status { status: 400, .. }) => Err(Error::NotFoundPlain),
        other => other,
    }
}

async fn show(visit: Arc<Visit>) -> PageResult {
    let path = visit.text("file").to_owned();
    let (folders, _) = path.rsplit_once('/').unwrap_or_default();
    let entry = entry(&visit).await?;
    // The job and the frame of its project; the list is short where the file is.
    let found = folder(&visit, folders).await?;
    let job = job_href(&visit, found.job.id);
    let title = visit.language().artifacts_of(&found.job.name);
    let (name, size) = (entry.name.clone(), bytes(entry.size));
    let page = ArtifactPage {
        f: visit.project_frame(title, &found.access, Tab::Jobs),
        crumbs: crumbs(&job, folders),
        raw: format!("{job}/artifacts/raw/{}", url_path(&path)),
        view: view(entry).await?,
        name,
        size,
        job,
    };
    Ok(visit.page(&page))
}

async fn view(mut entry: Entry) -> app::Result<FileView> {
    if picture(&entry.name).is_some() {
        return Ok(FileView::Picture);
    }
    if entry.size > MAX_SHOWN {
        return Ok(FileView::TooLarge);
    }
    let mut all = Vec::new();
    while let Some(chunk) = entry.chunks.recv().await {
        match chunk {
            Ok(chunk) => all.extend_from_slice(&chunk),
            // The archive is broken: what came of it is no text.
            Err(_) => return Ok(FileView::Other),
        }
    }
    let is_text = |text: &String| !text.contains('\0');
    Ok(String::from_utf8(all)
        .ok()
        .filter(is_text)
        .map_or(FileView::Other, FileView::Text))
}

fn ending(name: &str) -> String {
    name.rsplit_once('.')
        .map(|(_, end)| end.to_ascii_lowercase())
        .unwrap_or_default()
}

fn picture(name: &str) -> Option<&'static str> {
    let end = ending(name);
    PICTURES.iter().find(|(known, _)| *known == end).map(|(_, kind)| *kind)
}

/// The type as which a file is sent: HTML, SVG and scripts are text, what nobody knows is saved.
fn media_type(name: &str) -> &'static str {
    const TEXTS: &[&str] = &[
        "txt", "log", "md", "html", "htm", "xhtml", "svg", "xml", "json", "yml", "yaml", "csv", "tsv", "css", "js",
        "mjs", "ts", "toml", "ini", "sh", "py", "rb", "rs", "go", "java", "c", "h", "cpp", "patch", "diff", "sql",
    ];
    let is_text = TEXTS.contains(&ending(name).as_str());
    let text = is_text.then_some("text/plain; charset=utf-8");
    picture(name).or(text).unwrap_or("application/octet-stream")
}

async fn raw(visit: Arc<Visit>) -> PageResult {
    let entry = entry(&visit).await?;
    let kind = media_type(&entry.name);
    let is_saved = visit.is_ticked("download") || kind == "application/octet-stream";
    let place = if is_saved { "attachment" } else { "inline" };
    let place = format!("{place}; filename*=UTF-8''{}", encoded(&entry.name).replace('/', "%2F"));
    let chunks = futures_util::stream::unfold(entry.chunks, |mut chunks| async move {
        chunks.recv().await.map(|chunk| (chunk, chunks))
    });
    let size = entry.size;
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    if let Ok(place) = HeaderValue::try_from(place) {
        headers.insert(header::CONTENT_DISPOSITION, place);
    }
    Ok(response)
}

async fn keep(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    artifacts::keep(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    Ok(visit.done(&job_href(&visit, id), Done::ArtifactsKept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_as_a_type_that_can_run() {
        for (name, expected) in [
            ("a.html", "text/plain; charset=utf-8"),
            ("a.SVG", "text/plain; charset=utf-8"),
            ("a.js", "text/plain; charset=utf-8"),
            ("a.png", "image/png"),
            ("a.PNG", "image/png"),
            ("a.pdf", "application/octet-stream"),
            ("html", "application/octet-stream"),
            ("a.html.exe", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), expected, "{name}");
        }
    }

    #[test]
    fn every_folder_on_the_way_has_an_address() {
        let found = crumbs("/a/b/-/jobs/1", "x y/z");
        let hrefs: Vec<&str> = found.iter().map(|(_, href)| href.as_str()).collect();
        assert_eq!(
            hrefs,
            [
                "/a/b/-/jobs/1/artifacts/browse",
                "/a/b/-/jobs/1/artifacts/browse/x%20y",
                "/a/b/-/jobs/1/artifacts/browse/x%20y/z"
            ]
        );
    }
}
