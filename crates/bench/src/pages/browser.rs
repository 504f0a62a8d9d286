//! One connection of a reader who is signed in: cookies, compression, bodies in chunks.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection with its cookies.
pub(crate) struct Browser {
    stream: TcpStream,
    cookies: String,
}

/// An answer.
struct Answer {
    head: String,
    /// As it came, without what chunks add.
    body: Vec<u8>,
}

impl Browser {
    /// Signs `root` in.
    pub(crate) async fn sign_in(address: &str) -> anyhow::Result<Browser> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut browser = Browser {
            stream,
            cookies: String::new(),
        };
        let page = browser.send("GET", "/users/sign_in", "", "").await?;
        let html = String::from_utf8_lossy(&page.body).into_owned();
        let token = html
            .split("name=\"authenticity_token\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .context("the form has a token")?;
        browser.cookies = cookies(&page.head);
        let form = format!("authenticity_token={token}&login=root&password=benchmark-password");
        let signed_in = browser.send("POST", "/users/sign_in", "", &form).await?;
        if !signed_in.head.starts_with("HTTP/1.1 303") {
            bail!("signing in was answered with {}", signed_in.head);
        }
        browser.cookies = cookies(&signed_in.head);
        Ok(browser)
    }

    /// Returns what a request of this reader has in its header `Cookie`.
    pub(crate) fn cookies(&self) -> &str {
        &self.cookies
    }

    /// Gets a page: the time to its last byte, and how many there were.
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<(Duration, usize)> {
        let started = Instant::now();
        let answer = self.send("GET", path, "Accept-Encoding: gzip\r\n", "").await?;
        if !answer.head.starts_with("HTTP/1.1 200") {
            bail!("answered with {}", answer.head);
        }
        Ok((started.elapsed(), answer.body.len()))
    }

    async fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> anyhow::Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nCookie: {}\r\n{headers}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.cookies,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::with_capacity(64 << 10);
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.more(&mut buffer).await?;
        };
        let head = String::from_utf8(buffer.drain(..end).collect())?;
        let body = match header(&head, "content-length") {
            Some(length) => self.sized(buffer, length.parse()?).await?,
            None if header(&head, "transfer-encoding") == Some("chunked") => self.chunked(buffer).await?,
            None => Vec::new(),
        };
        Ok(Answer { head, body })
    }

    async fn more(&mut self, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
        if self.stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }

    async fn sized(&mut self, mut buffer: Vec<u8>, length: usize) -> anyhow::Result<Vec<u8>> {
        while buffer.len() < length {
            self.more(&mut buffer).await?;
        }
        Ok(buffer)
    }

    async fn chunked(&mut self, mut buffer: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let (mut body, mut at) = (Vec::new(), 0);
        loop {
            let line = loop {
                if let Some(end) = buffer[at..].windows(2).position(|window| window == b"\r\n") {
                    break at + end;
                }
                self.more(&mut buffer).await?;
            };
            let size = usize::from_str_radix(std::str::from_utf8(&buffer[at..line])?, 16)?;
            let start = line + 2;
            while buffer.len() < start + size + 2 {
                self.more(&mut buffer).await?;
            }
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&buffer[start..start + size]);
            at = start + size + 2;
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The cookies of an answer as a request sends them.
fn cookies(head: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pairs: Vec<&str> = set.filter_map(|(_, value)| value.split(';').next()).collect();
    pairs.join("; ")
}
