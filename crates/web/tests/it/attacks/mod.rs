//! What somebody tries who means harm: each attack of the field as a test that sees it fail.
//!
//! Foreign ids and unasked fields are tried in `permissions::foreign`, forms without their token in
//! `permissions`, addresses that must not be asked in the crate `outbound`, hostile archives in
//! `api::artifacts`, calls at the same time on two servers in the stories of the server.

mod arguments;
mod enumeration;
mod forgery;
mod headers;
mod markup;
mod tokens;

use axum::body::Body;
use axum::http::Request;

use crate::api::Answer;
use crate::permissions::world::World;

impl World {
    /// Sends a request as it is and reads the answer whole.
    async fn raw(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let (method, uri) = line.split_once(' ').expect("a method and an address");
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.api.send(request.body(Body::from(body.to_vec())).unwrap()).await
    }
}

/// Collects what is wrong, to show all of it at once.
#[track_caller]
fn none(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} attacks succeed:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
