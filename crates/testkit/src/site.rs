//! A host that the server under test asks: answers with whatever bytes a test wants, and remembers
//! what it was asked.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A host on loopback; ends when dropped.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
}

impl Site {
    /// Starts a host whose answers are made of the requests: head and body as they came, in one text.
    ///
    /// Each request has a thread of its own, so an answer may wait.
    #[must_use]
    pub fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let site = Site {
            address: listener.local_addr().expect("a bound socket has an address"),
            asked: Arc::default(),
            stopped: Arc::default(),
        };
        let (asked, stopped, answer) = (Arc::clone(&site.asked), Arc::clone(&site.stopped), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &asked, &*answer));
            }
        });
        site
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all requests so far.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns an answer with a body.
    #[must_use]
    pub fn ok(body: &str) -> String {
        Site::status("200 OK", body)
    }

    /// Returns an answer with a status line of its own.
    #[must_use]
    pub fn status(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    /// Returns an answer that leads elsewhere.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> String {
        format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(self.address));
    }
}

/// Reads one request, answers, closes.
fn serve(mut stream: TcpStream, asked: &Mutex<Vec<String>>, answer: &(dyn Fn(&str) -> String + Send + Sync)) {
    let Some(request) = read(&mut stream) else {
        return;
    };
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request.clone());
    // The client may have gone: some tests are about exactly that.
    drop(stream.write_all(answer(&request).as_bytes()));
    drop(stream.shutdown(Shutdown::Both));
}

/// Head and body; `None` when the connection ends before.
fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text[..end]
                .to_lowercase()
                .split("content-length:")
                .nth(1)
                .map_or(0, |rest| {
                    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
                    digits.parse().unwrap_or(0)
                });
            if bytes.len() >= end + 4 + length {
                return String::from_utf8(bytes).ok();
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
