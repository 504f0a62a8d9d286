//! What has come to the end of a log after a line: once, or as a stream of events for as long as the log grows.
//!
//! A thousand people may watch one log. Each has a stream and a place in the log; what comes after that place is
//! rendered by one of them for all, and sent to all as the same bytes. A stream is asked for more only when its viewer
//! has taken what there was: whoever is slow reads on from their own place, in larger pieces.

use std::sync::Arc;

use ::pages::Html;
use ::pages::log::{Part, render_after};
use ::pages::views::LogView;
use app::jobs::{log, overview};
use app::live::{Growth, Piece, TraceFeed, Viewer};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse as _;
use axum::{BoxError, response};
use bytes::Bytes;
use futures_util::stream;
use model::JobId;
use serde_json::json;

use crate::compression::Uncompressed;
use crate::page::encoded;
use crate::pages::PageResult;
use crate::pages::visit::Visit;

/// Time after which a browser that lost its stream opens it again.
const RETRY: &[u8] = b"retry: 2000\n\n";

/// A sign of life.
const HEARTBEAT: &[u8] = b":\n\n";

/// Lines after a line.
#[derive(Default)]
struct Lines {
    html: Html,
    /// Which lines the page shows then.
    range: String,
    last_line: u64,
    more: bool,
    size: u64,
}

pub(super) async fn lines(visit: Arc<Visit>) -> PageResult {
    let id = JobId(visit.id()?);
    let after: Option<u64> = visit.text("after").parse().ok();
    let job = overview::job(&visit.app, visit.caller.clone(), visit.project(), id).await?;
    if let Some(last_event) = visit.stream {
        return follow(visit, id, last_event.or(after)).await;
    }
    let lines = after_line(&visit, id, after.unwrap_or(0), job.status.is_completed()).await?;
    let mut response = response::Html(lines.html.as_str().to_owned()).into_response();
    if let Ok(range) = HeaderValue::try_from(encoded(&lines.range)) {
        response.headers_mut().insert("x-log-range", range);
    }
    Ok(response)
}

/// Renders what comes after a line, up to the end of the part of the log that it is in.
async fn after_line(visit: &Visit, id: JobId, after: u64, is_over: bool) -> app::Result<Lines> {
    let number = after / log::PAGE_LINES + 1;
    let Some(page) = log::page(&visit.app, id, Some(number)).await? else {
        return Ok(Lines::default());
    };
    // A line that has not ended yet is shown when it has, or with the job's end.
    let more = page.number < page.pages;
    let whole = match page.bytes.iter().rposition(|byte| *byte == b'\n') {
        _ if is_over || more => page.bytes.len(),
        Some(at) => at + 1,
        None => 0,
    };
    let bytes = &page.bytes[..whole];
    let feeds = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let is_cut = bytes.last().is_some_and(|byte| *byte != b'\n');
    let last_line = if more {
        page.last_line
    } else {
        page.first_line - 1 + feeds + u64::from(is_cut)
    };
    let part = Part {
        bytes,
        first_line: page.first_line,
    };
    let html = render_after(part, after, &visit.reading());
    let shown = LogView {
        html: Html::default(),
        first_line: page.first_line,
        last_line: page.last_line,
        lines: page.lines,
        page: page.number,
        pages: page.pages,
        size: String::new(),
        bytes: page.size,
        grows: None,
    };
    Ok(Lines {
        html,
        range: shown.range(&visit.language()),
        last_line,
        more,
        size: page.size,
    })
}

/// The same as an event: a log that ends in the middle of a section may have an end of it and no line.
async fn event(visit: &Visit, id: JobId, after: u64, is_over: bool) -> app::Result<Piece> {
    let lines = after_line(visit, id, after, is_over).await?;
    let bytes = if lines.last_line > after {
        let data = json!({ "html": lines.html.as_str(), "range": lines.range });
        let event = format!("event: lines\nid: {}\ndata: {data}\n\n", lines.last_line);
        Bytes::from(event)
    } else {
        Bytes::new()
    };
    Ok(Piece {
        last_line: lines.last_line,
        more: lines.more,
        size: lines.size,
        bytes,
    })
}

/// One viewer.
struct Follower {
    visit: Arc<Visit>,
    id: JobId,
    feed: TraceFeed,
    /// The last line that the viewer has; `None` for one who looks at another part of the log.
    after: Option<u64>,
    /// Whether there may be lines after it.
    may_have_more: bool,
}

impl Follower {
    async fn next(&mut self) -> app::Result<Option<Bytes>> {
        loop {
            if std::mem::take(&mut self.may_have_more)
                && let Some(after) = self.after
            {
                let kind = usize::from(self.visit.language() != ::pages::Language::default());
                let render = event(&self.visit, self.id, after, self.feed.is_complete());
                let piece = self.feed.piece(kind, after, render).await?;
                if !piece.bytes.is_empty() {
                    self.after = Some(piece.last_line);
                    self.may_have_more = piece.more;
                    return Ok(Some(piece.bytes));
                }
            }
            match self.feed.growth().await? {
                None => return Ok(None),
                Some(Growth::Grown) => self.may_have_more = true,
                Some(Growth::Heartbeat) => return Ok(Some(Bytes::from_static(HEARTBEAT))),
                Some(Growth::End(status)) => {
                    let data = json!({ "status": status.to_string() });
                    return Ok(Some(format!("event: end\ndata: {data}\n\n").into()));
                }
                Some(Growth::Denied) => {
                    let data = json!({ "message": "403 Forbidden" });
                    return Ok(Some(format!("event: denied\ndata: {data}\n\n").into()));
                }
            }
        }
    }
}

/// A stream of lines from a place in the log on, until the job is over.
async fn follow(visit: Arc<Visit>, id: JobId, after: Option<u64>) -> PageResult {
    let viewer = Viewer::caller(visit.caller.clone(), visit.project());
    let feed = TraceFeed::open(&visit.app, viewer, id, 0).await?;
    let follower = Follower {
        visit,
        id,
        feed,
        after,
        may_have_more: true,
    };
    let first = stream::once(async { Ok(Bytes::from_static(RETRY)) });
    let rest = stream::try_unfold(follower, |mut follower| async move {
        Ok::<_, BoxError>(follower.next().await?.map(|bytes| (bytes, follower)))
    });
    let mut response = Body::from_stream(futures_util::StreamExt::chain(first, rest)).into_response();
    response.extensions_mut().insert(Uncompressed);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
