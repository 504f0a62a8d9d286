//! Files of other hosts, for `include:remote`: fetched with retries as GitLab does it, kept where the
//! configuration says so, never for longer than a caller can wait.
//!
//! Callers that want the same address share fetches: one runs at a time, and everybody who asked before it began
//! takes its result. A result is never older than the question, unless `cache` allows it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use compile::facts::{FetchedFile, Unfetched};
use compile::{Answer, FileKey};
use model::Timestamp;
use outbound::{Bytes, Client, Error, HeaderMap, Limits, Method, Request, Url};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as Turn, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use crate::pipelines::facts::MAX_FILE_BYTES;

/// Time that all remote files of one configuration may take together: whoever starts a pipeline waits for it, and
/// senders of webhooks give up after ten seconds or a little more.
pub const TOTAL_LIMIT: Duration = Duration::from_secs(20);

/// Bounds of one attempt. GitLab's HTTP library follows five redirects.
const ATTEMPT: Limits = Limits {
    connect: Duration::from_secs(5),
    total: Duration::from_secs(10),
    redirects: 5,
    body: MAX_FILE_BYTES as usize,
    cut: false,
};

/// How often a host is asked that does not answer, or answers that it is broken.
const ATTEMPTS: u32 = 3;

/// Pause after the first attempt; doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Fetches at a time, of all callers.
const MAX_FETCHES: usize = 64;

/// Bytes of files kept at most.
const MAX_KEPT_BYTES: usize = 32 << 20;

/// Files kept at most.
const MAX_KEPT: usize = 1000;

/// Fetches and keeps files of other hosts.
pub struct RemoteFiles {
    client: Client,
    first_pause: Duration,
    places: Semaphore,
    questions: AtomicU64,
    flights: Mutex<HashMap<String, Arc<Flight>>>,
    kept: Mutex<Kept>,
}

/// The fetches of one address.
///
/// Number of the question with which the last one began, and what came of it; held while one runs.
type Flight = Turn<Option<(u64, Outcome)>>;

#[derive(Default)]
struct Kept {
    files: HashMap<String, (Timestamp, File)>,
    bytes: usize,
}

/// A file, and the hash of what came over the wire.
#[derive(Clone)]
struct File {
    text: Arc<str>,
    hash: [u8; 32],
}

type Outcome = Result<File, Unfetched>;

impl RemoteFiles {
    /// Fetches with this client.
    #[must_use]
    pub fn new(client: Client) -> RemoteFiles {
        RemoteFiles {
            client,
            first_pause: FIRST_PAUSE,
            places: Semaphore::new(MAX_FETCHES),
            questions: AtomicU64::new(0),
            flights: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// Waits this long after the first attempt, twice as long after the second.
    #[must_use]
    pub fn with_first_pause(self, first_pause: Duration) -> RemoteFiles {
        RemoteFiles { first_pause, ..self }
    }

    /// Returns the answer for a [`FileKey::Remote`], by `until` at the latest.
    pub async fn get(&self, key: &FileKey, now: Timestamp, until: Instant) -> Answer {
        let FileKey::Remote {
            url,
            integrity,
            cache_seconds,
        } = key
        else {
            return Answer::Missing;
        };
        let hash = integrity.as_deref().map(|text| text.trim_start_matches("sha256-"));
        if let Some(file) = self.kept(url, hash, *cache_seconds, now) {
            return answer(file);
        }
        let file = match self.shared(url, until).await {
            Ok(file) => file,
            Err(why) => return Answer::Unfetched(why),
        };
        if hash.is_some_and(|hash| hash != STANDARD.encode(file.hash)) {
            return Answer::Unfetched(Unfetched::Integrity);
        }
        if hash.is_some() || cache_seconds.is_some() {
            self.keep(url, now, &file);
        }
        answer(file)
    }

    /// A kept file: the one with the right hash, however old; otherwise one that is young enough.
    fn kept(&self, url: &str, hash: Option<&str>, cache_seconds: Option<u64>, now: Timestamp) -> Option<File> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (fetched_at, file) = kept.files.get(url)?;
        let fits = match hash {
            Some(hash) => hash == STANDARD.encode(file.hash),
            None => cache_seconds.is_some_and(|seconds| now.since(*fetched_at) < Duration::from_secs(seconds)),
        };
        fits.then(|| file.clone())
    }

    fn keep(&self, url: &str, now: Timestamp, file: &File) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += file.text.len();
        if let Some((_, old)) = kept.files.insert(url.to_owned(), (now, file.clone())) {
            kept.bytes -= old.text.len();
        }
        while kept.bytes > MAX_KEPT_BYTES || kept.files.len() > MAX_KEPT {
            let oldest = kept.files.iter().min_by_key(|(_, (fetched_at, _))| *fetched_at);
            let oldest = oldest.map(|(url, _)| url.clone());
            let Some((_, old)) = oldest.and_then(|url| kept.files.remove(&url)) else {
                break;
            };
            kept.bytes -= old.text.len();
        }
    }

    /// Takes the result of a fetch that began after this question, or makes one.
    async fn shared(&self, url: &str, until: Instant) -> Outcome {
        let question = self.questions.fetch_add(1, Ordering::Relaxed);
        let flight = Arc::clone(self.flights().entry(url.to_owned()).or_default());
        let attempts = AtomicU32::new(1);
        let fetching = async {
            let mut last = flight.lock().await;
            if let Some((_, outcome)) = last.as_ref().filter(|(began, _)| *began > question) {
                return outcome.clone();
            }
            let began = self.questions.fetch_add(1, Ordering::Relaxed);
            let outcome = self.fetch(url, &attempts).await;
            *last = Some((began, outcome.clone()));
            outcome
        };
        let outcome = timeout_at(until, fetching).await;
        let mut flights = self.flights();
        // This one and the one in the map: nobody else waits.
        if Arc::strong_count(&flight) <= 2 {
            flights.remove(url);
        }
        outcome.unwrap_or_else(|_| {
            Err(Unfetched::Timeout {
                attempts: attempts.into_inner(),
            })
        })
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks until there is an answer that counts.
    async fn fetch(&self, url: &str, attempts: &AtomicU32) -> Outcome {
        let reason = |error: &Error| Err(Unfetched::Reason(error.to_string()));
        let url: Url = match url.parse() {
            Ok(url) => url,
            Err(blocked) => return reason(&Error::Blocked(blocked)),
        };
        // Nobody closes the semaphore.
        let _place = self.places.acquire().await;
        let mut pause = self.first_pause;
        let mut attempt = 0;
        loop {
            attempt += 1;
            attempts.store(attempt, Ordering::Relaxed);
            let may_repeat = attempt < ATTEMPTS;
            let why = match self.client.send(request(url.clone())).await {
                Ok(response) if response.status < 400 => return Ok(file(&response.body)),
                Ok(response) if response.status >= 500 && may_repeat => None,
                Ok(response) => Some(Unfetched::Status {
                    code: response.status,
                    attempts: attempt,
                }),
                Err(error @ (Error::Blocked(_) | Error::Refused { .. } | Error::Tls { .. })) => return reason(&error),
                Err(Error::TooLarge { .. }) => return Err(Unfetched::TooLarge),
                Err(_) if may_repeat => None,
                Err(Error::Timeout(_)) => Some(Unfetched::Timeout { attempts: attempt }),
                Err(Error::Connection { .. }) => Some(Unfetched::Socket { attempts: attempt }),
                Err(Error::Redirect(_) | Error::Protocol(_)) => Some(Unfetched::Http { attempts: attempt }),
            };
            if let Some(why) = why {
                return Err(why);
            }
            sleep(pause).await;
            pause *= 2;
        }
    }
}

fn request(url: Url) -> Request {
    Request {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        verify: true,
        limits: ATTEMPT,
    }
}

fn file(body: &[u8]) -> File {
    File {
        text: Arc::from(String::from_utf8_lossy(body)),
        hash: Sha256::digest(body).into(),
    }
}

fn answer(file: File) -> Answer {
    Answer::File(FetchedFile {
        text: file.text,
        project: None,
        sha: None,
        component: None,
    })
}
