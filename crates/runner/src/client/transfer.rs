//! Files over the protocol: upload and download of artifacts, streamed.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Method, Response, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::runner::{Dependency, JOB_TOKEN_HEADER};

use super::Client;
use super::http::{Body, CallError, collect, within};
use crate::random;

/// Time for one upload or download.
const TRANSFER_LIMIT: Duration = Duration::from_secs(3600);

/// Redirects followed to where an object store keeps an archive.
const REDIRECTS: usize = 5;

/// Bytes read from a file at once.
const PIECE: usize = 64 << 10;

/// One file to upload.
pub(crate) struct Upload<'a> {
    pub(crate) job: i64,
    pub(crate) token: &'a str,
    /// Name the server shows.
    pub(crate) filename: &'a str,
    pub(crate) artifact_type: &'a str,
    pub(crate) artifact_format: &'a str,
    pub(crate) expire_in: &'a str,
}

impl Client {
    /// `POST jobs/:id/artifacts`: returns the status and, when it is not 201, the server's words.
    pub(crate) async fn upload_artifact(
        &self,
        upload: &Upload<'_>,
        file: std::fs::File,
    ) -> Result<(u16, String), CallError> {
        let mut query = Vec::new();
        let parameters = [
            ("artifact_format", upload.artifact_format),
            ("artifact_type", upload.artifact_type),
            ("expire_in", upload.expire_in),
        ];
        query.extend(
            parameters
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(k, v)| format!("{k}={}", encode(v))),
        );
        let path = format!("jobs/{}/artifacts?{}", upload.job, query.join("&"));
        let boundary = random::hex(16);
        let kind = format!("multipart/form-data; boundary={boundary}");
        let headers = [(JOB_TOKEN_HEADER, upload.token), ("Content-Type", kind.as_str())];
        let body = multipart(&boundary, upload.filename, File::from_std(file));
        let answer = within(TRANSFER_LIMIT, async {
            collect(self.http.send(&Method::POST, &path, &headers, body).await?).await
        })
        .await?;
        Ok((answer.status.as_u16(), answer.unexpected().to_string()))
    }

    /// `GET jobs/:id/artifacts`: writes the archive to `target` and returns the status; nothing is written unless it is 200.
    pub(crate) async fn download_artifact(
        &self,
        dependency: &Dependency,
        direct: bool,
        target: &Path,
    ) -> Result<u16, CallError> {
        within(TRANSFER_LIMIT, async {
            let query = if direct { "?direct_download=true" } else { "" };
            let mut address = format!("jobs/{}/artifacts{query}", dependency.id);
            let mut token = Some(dependency.token.as_str());
            for _ in 0..=REDIRECTS {
                let headers: Vec<_> = token.iter().map(|token| (JOB_TOKEN_HEADER, *token)).collect();
                let response = self.http.send(&Method::GET, &address, &headers, empty()).await?;
                match response.status() {
                    StatusCode::OK => return save(response, target).await.map(|()| 200),
                    StatusCode::FOUND | StatusCode::TEMPORARY_REDIRECT => {
                        let location = response.headers().get("Location").and_then(|value| value.to_str().ok());
                        address = location.unwrap_or_default().to_owned();
                        token = None; // the other server has its own signature in the address
                        if !address.starts_with("http://") {
                            return Err(CallError::Connection(format!(
                                "cannot follow the redirect to `{address}`"
                            )));
                        }
                    }
                    other => return Ok(other.as_u16()),
                }
            }
            Err(CallError::Connection("too many redirects".to_owned()))
        })
        .await
    }
}

async fn save(response: Response<Incoming>, target: &Path) -> Result<(), CallError> {
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)
        .await?;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CallError::Connection(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            file.write_all(&data).await?;
        }
    }
    Ok(file.flush().await?)
}

/// Returns a form with one part, the file, of unknown length.
fn multipart(boundary: &str, filename: &str, file: File) -> Body {
    let name: String = filename
        .chars()
        .map(|c| {
            if c == '"' || c == '\\' || c.is_control() {
                '_'
            } else {
                c
            }
        })
        .collect();
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    enum Part {
        Head(Bytes, File, Bytes),
        File(File, Bytes),
        End,
    }
    let start = Part::Head(head.into(), file, format!("\r\n--{boundary}--\r\n").into());
    let parts = stream::try_unfold(start, |part| async move {
        Ok::<_, io::Error>(match part {
            Part::Head(head, file, tail) => Some((Frame::data(head), Part::File(file, tail))),
            Part::File(mut file, tail) => {
                let mut piece = Vec::with_capacity(PIECE);
                match file.read_buf(&mut piece).await? {
                    0 => Some((Frame::data(tail), Part::End)),
                    _ => Some((Frame::data(piece.into()), Part::File(file, tail))),
                }
            }
            Part::End => None,
        })
    });
    StreamBody::new(parts).boxed_unsync()
}

fn empty() -> Body {
    http_body_util::Empty::new()
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Encodes a value for a query.
fn encode(value: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value
        .bytes()
        .map(|b| {
            if keep(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_for_a_query() {
        assert_eq!(encode("1 week & a-b/ü"), "1%20week%20%26%20a-b%2F%C3%BC");
    }
}
