//! One request and its answer over one connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue,
    TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::client::TlsStream;

use crate::client::{Request, Response};
use crate::error::{Blocked, Error};
use crate::url::Url;

/// Bytes of an answer's head; hyper refuses more than a hundred headers by itself.
const HEAD_LIMIT: usize = 64 << 10;

/// A connection to a checked address.
pub(crate) enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// Sends the request and reads the answer.
pub(crate) async fn exchange(stream: Stream, request: &Request) -> Result<Response, Error> {
    let broken = |error: hyper::Error| broken(&request.url, &error);
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_LIMIT);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // The connection ends with this exchange, however that ends.
    let _driver = Driver(tokio::spawn(connection).abort_handle());
    let response = sender.send_request(head(request)?).await.map_err(broken)?;
    let (parts, body) = response.into_parts();
    // hyper's own limit is one of its buffer, which a head that arrives at once may exceed.
    let head: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if head > HEAD_LIMIT {
        return Err(Error::Protocol(format!(
            "its headers are larger than {HEAD_LIMIT} bytes"
        )));
    }
    let body = read(body, &parts.headers, request).await?;
    Ok(Response {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

/// Ends the task that drives a connection.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn head(request: &Request) -> Result<hyper::Request<Full<Bytes>>, Error> {
    let url = &request.url;
    let invalid = || Error::from(Blocked::InvalidUrl);
    let mut out = hyper::Request::new(Full::new(request.body.clone()));
    *out.method_mut() = request.method.clone();
    *out.uri_mut() = url.path.parse().map_err(|_| invalid())?;
    let headers = out.headers_mut();
    *headers = request.headers.clone();
    // Where the request ends follows from its body, whatever the caller thinks.
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER, UPGRADE] {
        headers.remove(name);
    }
    headers.insert(HOST, url.authority().parse().map_err(|_| invalid())?);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!(
        "Tripline/",
        env!("CARGO_PKG_VERSION")
    )));
    if let Some((user, password)) = &url.userinfo {
        let mut value = basic(user, password).parse::<HeaderValue>().map_err(|_| invalid())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(out)
}

/// The body, up to the limit.
async fn read(mut body: Incoming, headers: &HeaderMap, request: &Request) -> Result<Bytes, Error> {
    let limits = &request.limits;
    let encoding = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if !limits.cut && encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return Err(Error::Protocol(
            "it is compressed although that was not asked for".to_owned(),
        ));
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&request.url, &error))?;
        let Ok(data) = frame.into_data() else { continue };
        let room = limits.body - read.len();
        if data.len() <= room {
            read.extend_from_slice(&data);
        } else if limits.cut {
            read.extend_from_slice(&data[..room]);
            break;
        } else {
            return Err(Error::TooLarge { limit: limits.body });
        }
    }
    Ok(read.freeze())
}

fn broken(url: &Url, error: &hyper::Error) -> Error {
    if error.is_parse() {
        return Error::Protocol(error.to_string());
    }
    Error::Connection {
        host: url.host.clone(),
        port: url.port,
        reason: error.to_string(),
    }
}

/// The value of `Authorization` for user and password as they stand in an address.
fn basic(user: &str, password: &str) -> String {
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    format!("Basic {}", STANDARD.encode(plain))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Secure(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Secure(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
