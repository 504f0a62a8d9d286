//! Which answers are compressed, for those who take it: pages and lists, and nothing that holds a secret beside a text
//! that somebody else may have chosen.

use axum::body::HttpBody;
use axum::http::{Response, header};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};

/// Marks an answer that must not be compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uncompressed;

/// Shortest answer of the API that is compressed, in bytes: what fits into one packet gains nothing.
const MIN_JSON: u64 = 1_400;

/// Compresses pages.
pub(crate) fn of_pages() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().compress_when(Allowed)
}

/// Compresses JSON of the API that is long enough. Streams and files go as they are.
pub(crate) fn of_lists() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().compress_when(LongJson)
}

/// Everything that is usually worth it and is not marked.
#[derive(Clone, Copy, Debug)]
struct Allowed;

impl Predicate for Allowed {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        response.extensions().get::<Uncompressed>().is_none() && DefaultPredicate::new().should_compress(response)
    }
}

/// JSON whose length is known and large.
#[derive(Clone, Copy, Debug)]
struct LongJson;

impl Predicate for LongJson {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        is_json && response.body().size_hint().lower() >= MIN_JSON
    }
}
