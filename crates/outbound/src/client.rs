//! A request from beginning to end: checks, connection, redirects, deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, LOCATION};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::allow::Policy;
use crate::error::{Blocked, Error};
use crate::exchange::{self, Stream};
use crate::resolve::{Resolve, System};
use crate::tls::Tls;
use crate::url::Url;

/// Makes requests to other hosts. Clones share everything.
#[derive(Clone)]
pub struct Client(Arc<Parts>);

struct Parts {
    policy: Policy,
    resolver: Box<dyn Resolve>,
    tls: Tls,
}

/// Whose word about other hosts counts.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// The authorities that the operating system knows.
    #[default]
    System,
    /// These certificates (DER), no others.
    Only(Vec<Vec<u8>>),
}

/// What to ask.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: Method,
    /// Where; user and password in it are sent as basic authentication to this server only.
    pub url: Url,
    /// Headers besides `Host`, `Content-Length` and `Connection`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether the other side of `https` must prove who it is.
    pub verify: bool,
    /// Bounds.
    pub limits: Limits,
}

/// Bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for name, connection and TLS of one host.
    pub connect: Duration,
    /// Time for everything, redirects included.
    pub total: Duration,
    /// Redirects that are followed; 0 = a redirect is the answer.
    pub redirects: usize,
    /// Bytes of the answer's body that are read.
    pub body: usize,
    /// Whether an answer with more bytes is cut; otherwise it is an error.
    pub cut: bool,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, as it came.
    pub body: Bytes,
}

impl Client {
    /// A client that resolves names and believes certificates as the operating system does.
    #[must_use]
    pub fn new(policy: Policy) -> Client {
        Client::with(policy, System, Trust::System)
    }

    /// A client with names and authorities of its own.
    #[must_use]
    pub fn with(policy: Policy, resolver: impl Resolve + 'static, trust: Trust) -> Client {
        Client(Arc::new(Parts {
            policy,
            resolver: Box::new(resolver),
            tls: Tls::new(trust),
        }))
    }

    /// Sends a request and returns the whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// [`Error::Blocked`] when nothing was sent, or nothing to where a redirect led; the others may mean that the
    /// other side has received the request.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let total = request.limits.total;
        timeout(total, self.follow(request))
            .await
            .map_err(|_| Error::Timeout(total))?
    }

    /// Checks an address as [`Client::send`] would, without connecting.
    ///
    /// # Errors
    ///
    /// [`Error::Blocked`], and [`Error::Timeout`] when the name is not resolved within `limit`.
    pub async fn check(&self, url: &Url, limit: Duration) -> Result<(), Error> {
        let found = timeout(limit, self.addresses(url)).await;
        found.map_err(|_| Error::Timeout(limit))?.map(|_| ())
    }

    async fn follow(&self, mut request: Request) -> Result<Response, Error> {
        let mut followed = 0;
        loop {
            let stream = self.connect(&request).await?;
            let response = exchange::exchange(stream, &request).await?;
            let Some(target) = redirect(&request, &response)? else {
                return Ok(response);
            };
            if request.limits.redirects == 0 {
                return Ok(response);
            }
            followed += 1;
            if followed > request.limits.redirects {
                return Err(Error::Redirect("too many redirects"));
            }
            if request.url.secure && !target.secure {
                return Err(Error::Redirect("a redirect leads from https to http"));
            }
            if request.url.same_origin(&target) {
                let userinfo = request.url.userinfo.take();
                request.url = Url { userinfo, ..target };
            } else {
                request.headers.remove(AUTHORIZATION);
                request.headers.remove(COOKIE);
                request.url = target;
            }
        }
    }

    /// Connects to an address that was checked.
    async fn connect(&self, request: &Request) -> Result<Stream, Error> {
        let (url, limit) = (&request.url, request.limits.connect);
        let connecting = async {
            let addresses = self.addresses(url).await?;
            let stream = open(url, &addresses, limit).await?;
            if !url.secure {
                return Ok(Stream::Plain(stream));
            }
            let secured = self.0.tls.connect(stream, &url.host, request.verify).await;
            let secured = secured.map_err(|reason| Error::Tls {
                host: url.host.clone(),
                port: url.port,
                reason,
            })?;
            Ok(Stream::Secure(Box::new(secured)))
        };
        timeout(limit, connecting).await.map_err(|_| Error::Timeout(limit))?
    }

    /// All addresses of a host; none may be forbidden, whichever would be taken.
    async fn addresses(&self, url: &Url) -> Result<Vec<IpAddr>, Error> {
        let addresses = match url.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let found = self.0.resolver.resolve(&url.host, url.port).await;
                found.map_err(|_| Blocked::Unresolved)?
            }
        };
        if addresses.is_empty() {
            return Err(Blocked::Unresolved.into());
        }
        for address in &addresses {
            if let Some(reason) = self.0.policy.refusal(&url.host, url.port, *address) {
                return Err(Blocked::Address(reason).into());
            }
        }
        Ok(addresses)
    }
}

/// Tries one address after the other; the limit is shared out, so that one that swallows packets leaves time for
/// the next.
async fn open(url: &Url, addresses: &[IpAddr], limit: Duration) -> Result<TcpStream, Error> {
    let share = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX).clamp(1, 4);
    let mut last = Error::Timeout(limit);
    for address in addresses {
        match timeout(share, TcpStream::connect(SocketAddr::new(*address, url.port))).await {
            Ok(Ok(stream)) => {
                // Only costs time when it fails.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = not_connected(url, &error),
            Err(_) => last = Error::Timeout(share),
        }
    }
    Err(last)
}

fn not_connected(url: &Url, error: &io::Error) -> Error {
    let (host, port) = (url.host.clone(), url.port);
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::Refused { host, port },
        _ => Error::Connection {
            host,
            port,
            reason: error.to_string(),
        },
    }
}

/// Where an answer leads; `None` when it is the answer. Only what does not change the method is followed.
fn redirect(request: &Request, response: &Response) -> Result<Option<Url>, Error> {
    let leads = match response.status {
        301..=303 => request.method == Method::GET,
        307 | 308 => true,
        _ => false,
    };
    if !leads || request.limits.redirects == 0 {
        return Ok(None);
    }
    let location = response.headers.get(LOCATION).map(HeaderValue::as_bytes);
    let location = location.and_then(|bytes| std::str::from_utf8(bytes).ok());
    let location = location.ok_or(Error::Redirect("a redirect without an address"))?;
    Ok(Some(request.url.join(location)?))
}
