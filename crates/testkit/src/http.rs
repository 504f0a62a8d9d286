//! A small blocking HTTP/1.1 client: one connection a request, any bytes as a body.
//!
//! Written out so that tests can also send what no library would: broken lines, wrong lengths, half requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::encoding::Form;

/// How long the server may be silent before a request counts as hanging.
const SILENCE: Duration = Duration::from_secs(30);

/// Sends requests to one server, with the same headers each time.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

/// A request about to be sent.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    client: Client,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers in the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Client {
    /// Returns a client of the server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Client {
        Client {
            address,
            headers: Vec::new(),
        }
    }

    /// Returns a client that sends this header with every request too.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Client {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// Returns a client of the same server that sends no header of its own.
    #[must_use]
    pub fn without_headers(&self) -> Client {
        Client::new(self.address)
    }

    /// Starts a request; `path` may have a query.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request {
            client: self.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: self.headers.clone(),
            body: None,
        }
    }

    /// Starts a GET.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// Starts a POST.
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// Sends these bytes as they are and returns whatever comes back until the server closes; empty when it answers nothing.
    ///
    /// # Panics
    ///
    /// When the server cannot be reached or hangs.
    #[must_use]
    pub fn send_raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self
            .connect()
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.address));
        // A server may refuse and close before everything is written.
        drop(stream.write_all(bytes));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer within {SILENCE:?}"),
            _ => answer,
        }
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, SILENCE)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it without a header that was added, for servers that insist on it.
    ///
    /// # Panics
    ///
    /// As [`send`](Request::send).
    #[must_use]
    pub fn send_without(mut self, name: &str) -> Response {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.send()
    }

    /// Sets the body and its content type.
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Request {
        let mut request = self.header("Content-Type", content_type);
        request.body = Some(body.into());
        request
    }

    /// Sets a JSON body.
    pub fn json(self, value: &Value) -> Request {
        self.body("application/json", value.to_string())
    }

    /// Sets a form body.
    pub fn form(self, form: &Form) -> Request {
        self.body("application/x-www-form-urlencoded", form.urlencoded())
    }

    /// Sets a multipart body, as `curl --form` does.
    pub fn multipart(self, form: &Form) -> Request {
        let (content_type, body) = form.multipart();
        self.body(&content_type, body)
    }

    /// Sends it and reads the answer.
    ///
    /// # Panics
    ///
    /// When the server cannot be reached, hangs, or answers with something that is not HTTP.
    #[must_use]
    pub fn send(self) -> Response {
        let line = format!("{} {}", self.method, self.path);
        self.try_send()
            .unwrap_or_else(|error| panic!("{line}: no answer: {error}"))
    }

    /// Sends it and reads the answer, for servers that may die on the way.
    ///
    /// # Errors
    ///
    /// When the connection is refused, breaks, or times out.
    pub fn try_send(self) -> std::io::Result<Response> {
        let mut stream = self.client.connect()?;
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.method, self.path, self.client.address
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        } else if self.method != "GET" && self.method != "HEAD" {
            head.push_str("Content-Length: 0\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        if let Some(body) = &self.body {
            // A refused body may end in a reset; the answer is what counts, if there is one.
            drop(stream.write_all(body));
        }
        read_response(&mut BufReader::new(stream), self.method == "HEAD")
    }
}

impl Response {
    /// Returns a header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("not JSON ({error}): {} {}", self.status, self.text()),
        }
    }

    /// Checks the status.
    ///
    /// # Panics
    ///
    /// When it is another one; the message has the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

fn read_response(stream: &mut impl BufRead, is_head: bool) -> std::io::Result<Response> {
    loop {
        let response = read_head(stream)?;
        // "100 Continue" and its like announce the real answer.
        if response.status >= 200 {
            return read_body(stream, response, is_head);
        }
    }
}

fn read_head(stream: &mut impl BufRead) -> std::io::Result<Response> {
    let status_line = read_line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| invalid(&format!("status line `{status_line}`")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            return Ok(Response {
                status,
                headers,
                body: Vec::new(),
            });
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid(&format!("header line `{line}`")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_body(stream: &mut impl BufRead, mut response: Response, is_head: bool) -> std::io::Result<Response> {
    if is_head || matches!(response.status, 204 | 304) {
        return Ok(response);
    }
    if response.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = read_line(stream)?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
                .map_err(|_| invalid(&format!("chunk size `{size}`")))?;
            let start = response.body.len();
            response.body.resize(start + size, 0);
            stream.read_exact(&mut response.body[start..])?;
            read_line(stream)?;
            if size == 0 {
                return Ok(response);
            }
        }
    }
    match response.header("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) => {
            response.body.resize(length, 0);
            stream.read_exact(&mut response.body)?;
        }
        Some(Err(_)) => return Err(invalid("content length")),
        None => {
            stream.read_to_end(&mut response.body)?;
        }
    }
    Ok(response)
}

fn read_line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

fn invalid(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("the answer has a bad {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Response {
        read_response(&mut text.as_bytes(), false).unwrap()
    }

    #[test]
    fn a_body_ends_by_length_by_chunks_or_with_the_connection() {
        assert_eq!(parsed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc").text(), "ab");
        assert_eq!(
            parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").text(),
            "abc"
        );
        assert_eq!(parsed("HTTP/1.1 200 OK\r\n\r\nabc").text(), "abc");
    }

    #[test]
    fn an_interim_answer_is_passed_over() {
        let response = parsed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n");
        assert_eq!(response.status, 204);
        assert_eq!(response.header("x-a"), Some("b"));
    }
}
