//! Clones and fetches over smart HTTP: what the web layer hands over and gets back.
//!
//! Request bodies come in inflated: undoing `Content-Encoding` is the web layer's work, limits are
//! counted here on what comes out of it. Answers are pulled: a client that reads slowly slows git
//! down, and a dropped answer ends it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::Repository;
use crate::pktline;
use crate::process::Git;

/// Bytes read from git at once.
pub(crate) const CHUNK: usize = 64 << 10;

/// Bytes of a request that are read before it takes a place; those of a usual clone are a few kilobytes.
const AHEAD: u64 = 1 << 20;

/// How much serving may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Clones and fetches served at once; more wait.
    pub uploads: usize,
    /// How many of these may be of callers without a name.
    pub anonymous: usize,
    /// Pushes received at once; more wait.
    pub receives: usize,
    /// Longest wait for a free place.
    pub wait: Duration,
    /// Longest time of one clone, fetch or push.
    pub deadline: Duration,
    /// Largest request of a clone or fetch in bytes: a list of commit ids.
    pub max_request: u64,
    /// Largest push in bytes.
    pub max_push: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            uploads: 16,
            anonymous: 8,
            receives: 8,
            wait: Duration::from_secs(60),
            deadline: Duration::from_secs(3600),
            max_request: 64 << 20,
            max_push: 2 << 30,
        }
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Clone or fetch.
    UploadPack,
    /// Push.
    ReceivePack,
}

impl Service {
    /// Returns the service of a name (`git-upload-pack`, `git-receive-pack`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Service> {
        match name {
            "git-upload-pack" => Some(Service::UploadPack),
            "git-receive-pack" => Some(Service::ReceivePack),
            _ => None,
        }
    }

    /// Returns the name, as in addresses and media types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Service::UploadPack => "git-upload-pack",
            Service::ReceivePack => "git-receive-pack",
        }
    }

    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Service::UploadPack => &["upload-pack", "--strict", "--stateless-rpc"],
            Service::ReceivePack => &["receive-pack", "--stateless-rpc"],
        }
    }
}

/// Protocol version a client asks for (`Git-Protocol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol(&'static str);

impl Protocol {
    /// Reads the header; `None` for anything but one of the three versions.
    #[must_use]
    pub fn from_header(text: &str) -> Option<Protocol> {
        ["version=0", "version=1", "version=2"]
            .into_iter()
            .find(|known| *known == text)
            .map(Protocol)
    }

    /// Returns the header's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    fn is_two(self) -> bool {
        self.0 == "version=2"
    }
}

/// Why a request could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Too many clones or pushes at once, for longer than the client should wait.
    #[error("too many git requests at once")]
    Busy,
    /// It took longer than allowed.
    #[error("the git request took too long")]
    TimedOut,
    /// The client sent something that no git client sends.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The request is larger than allowed.
    #[error("the request is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The repository is attached and cannot be pushed to.
    #[error("the repository is attached and read-only")]
    ReadOnly,
    /// The client went away, or its body could not be inflated.
    #[error("cannot read the request")]
    Disconnected(#[source] io::Error),
    /// Git could not be started or talked to.
    #[error("cannot run git")]
    Process(#[source] io::Error),
    /// Git said nothing and failed.
    #[error("git failed: {errors}")]
    Failed {
        /// Beginning of its error output.
        errors: String,
    },
    /// The repository could not be read.
    #[error(transparent)]
    Repository(#[from] crate::Error),
}

/// Who asks: callers without a name cannot take all places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anybody who can reach the server.
    Anonymous,
    /// A user or a job.
    Known,
}

/// The places that one answer takes.
struct Place {
    _anonymous: Option<OwnedSemaphorePermit>,
    _upload: OwnedSemaphorePermit,
}

/// Serves all repositories; one for the process, since it holds the limits.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) limits: Limits,
    uploads: Arc<Semaphore>,
    anonymous: Arc<Semaphore>,
    pub(crate) receives: Arc<Semaphore>,
}

impl Server {
    /// A server with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Server {
        Server {
            limits,
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            anonymous: Arc::new(Semaphore::new(limits.anonymous)),
            receives: Arc::new(Semaphore::new(limits.receives)),
        }
    }

    /// Answers `GET info/refs?service=…`.
    ///
    /// # Errors
    ///
    /// [`ServeError::ReadOnly`] for a push to an attached repository, [`ServeError::Busy`],
    /// [`ServeError::Process`], [`ServeError::Failed`].
    pub async fn advertise(
        &self,
        repo: &Repository,
        service: Service,
        protocol: Option<Protocol>,
        caller: Caller,
    ) -> Result<Output, ServeError> {
        // There is no version 2 of pushing; asked for it, git would leave out the first line.
        let protocol = protocol.filter(|_| service == Service::UploadPack);
        if service == Service::ReceivePack && repo.is_attached() {
            return Err(ServeError::ReadOnly);
        }
        let place = self.place(caller).await?;
        let arguments = service.arguments().iter().chain(&["--http-backend-info-refs"]);
        let git = Git::start_reader(repo, protocol, arguments).map_err(ServeError::Process)?;
        let mut output = Output::new(git, Box::pin(async { Ok(()) }), place, self.limits.deadline);
        if !protocol.is_some_and(Protocol::is_two) {
            let mut line = BytesMut::new();
            pktline::put(&mut line, format!("# service={}\n", service.name()).as_bytes());
            line.extend_from_slice(pktline::FLUSH);
            output.ready.push_back(line.freeze());
        }
        output.begin().await
    }

    /// Answers `POST git-upload-pack` with an inflated body.
    ///
    /// A place is taken when the request is there, or the first mebibyte of it: whoever sends slowly takes none away.
    ///
    /// # Errors
    ///
    /// [`ServeError::BadRequest`] when git does not understand it, [`ServeError::Busy`],
    /// [`ServeError::Process`], [`ServeError::Failed`], and what reading the body gave when
    /// that came before any answer.
    pub async fn upload_pack<R>(
        &self,
        repo: &Repository,
        protocol: Option<Protocol>,
        caller: Caller,
        mut body: R,
    ) -> Result<Output, ServeError>
    where
        R: AsyncRead + Unpin + Send + 'static,
    {
        let mut head = Vec::new();
        let mut first = (&mut body).take(AHEAD);
        let ahead = tokio::time::timeout(self.limits.deadline, first.read_to_end(&mut head)).await;
        ahead
            .map_err(|_| ServeError::TimedOut)?
            .map_err(ServeError::Disconnected)?;
        let body = io::Cursor::new(head).chain(body);
        let place = self.place(caller).await?;
        let mut git =
            Git::start_reader(repo, protocol, Service::UploadPack.arguments()).map_err(ServeError::Process)?;
        let stdin = git.stdin.take();
        let pump = Box::pin(pump(body, stdin, self.limits.max_request));
        let begun = Output::new(git, pump, place, self.limits.deadline).begin().await;
        begun.map_err(blame_the_request)
    }

    async fn place(&self, caller: Caller) -> Result<Place, ServeError> {
        let anonymous = match caller {
            Caller::Anonymous => Some(self.permit(&self.anonymous).await?),
            Caller::Known => None,
        };
        Ok(Place {
            _anonymous: anonymous,
            _upload: self.permit(&self.uploads).await?,
        })
    }

    pub(crate) async fn permit(&self, semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ServeError> {
        let permit = tokio::time::timeout(self.limits.wait, Arc::clone(semaphore).acquire_owned()).await;
        permit.map_err(|_| ServeError::Busy)?.map_err(|_| ServeError::Busy)
    }
}

/// What git writes when it does not understand a request, unlike when it cannot read the repository.
const NOT_UNDERSTOOD: [&str; 8] = [
    "protocol error",
    "the remote end hung up",
    "unexpected line",
    "unknown capability",
    "invalid command",
    "no command requested",
    "expected flush",
    "mismatched object format",
];

/// Tells a request that no git client sends from a failure of ours.
fn blame_the_request(error: ServeError) -> ServeError {
    match error {
        ServeError::Failed { errors } if NOT_UNDERSTOOD.iter().any(|text| errors.contains(text)) => {
            ServeError::BadRequest("the body is not one of git's protocol")
        }
        other => other,
    }
}

type Pump = Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>;

/// The body of an answer, pulled chunk by chunk. Dropping it ends git.
pub struct Output {
    git: Git,
    /// Carries the request to git while the answer is read; `None` when done.
    pump: Option<Pump>,
    /// Chunks to give out before the next one is read.
    ready: std::collections::VecDeque<Bytes>,
    deadline: Instant,
    ended: bool,
    _place: Place,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Output {
    fn new(git: Git, pump: Pump, place: Place, deadline: Duration) -> Output {
        let ready = std::collections::VecDeque::new();
        Output {
            git,
            pump: Some(pump),
            ready,
            deadline: Instant::now() + deadline,
            ended: false,
            _place: place,
        }
    }

    /// Waits for the first bytes, so that a failure can still be answered with a status.
    async fn begin(mut self) -> Result<Output, ServeError> {
        match self.read().await? {
            Some(chunk) => {
                self.ready.push_back(chunk);
                Ok(self)
            }
            None => match self.finish().await? {
                (true, _) => Ok(self),
                (false, errors) => Err(ServeError::Failed { errors }),
            },
        }
    }

    /// Returns the next chunk; `None` at the end. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// [`ServeError::TimedOut`], or what reading the request or talking to git gave.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ServeError> {
        if let Some(chunk) = self.ready.pop_front() {
            return Ok(Some(chunk));
        }
        if self.ended {
            return Ok(None);
        }
        let chunk = self.read().await?;
        if chunk.is_none() {
            // A git that fails has told the client why inside the answer, which is therefore complete.
            let (success, errors) = self.finish().await?;
            if !success {
                debug!(errors, "git upload-pack failed: {errors}");
            }
        }
        Ok(chunk)
    }

    async fn read(&mut self) -> Result<Option<Bytes>, ServeError> {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        loop {
            let pumping = async {
                match &mut self.pump {
                    Some(pump) => pump.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                length = self.git.read(&mut buffer) => {
                    let length = length.map_err(ServeError::Process)?;
                    return Ok((length > 0).then(|| buffer.freeze()));
                }
                done = pumping => {
                    self.pump = None;
                    done?;
                }
                () = tokio::time::sleep_until(self.deadline) => return Err(ServeError::TimedOut),
            }
        }
    }

    async fn finish(&mut self) -> Result<(bool, String), ServeError> {
        self.ended = true;
        self.pump = None;
        let ended = tokio::time::timeout_at(self.deadline, self.git.wait()).await;
        let (status, errors) = ended.map_err(|_| ServeError::TimedOut)?.map_err(ServeError::Process)?;
        if !errors.is_empty() {
            warn!(errors, "git: {errors}");
        }
        Ok((status.success(), errors))
    }
}

/// Carries a request to git, then closes the pipe.
async fn pump(
    mut body: impl AsyncRead + Unpin,
    stdin: Option<tokio::process::ChildStdin>,
    limit: u64,
) -> Result<(), ServeError> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut total = 0;
    loop {
        buffer.clear();
        let length = body.read_buf(&mut buffer).await.map_err(ServeError::Disconnected)?;
        if length == 0 {
            return Ok(());
        }
        total += length as u64;
        if total > limit {
            return Err(ServeError::TooLarge { limit });
        }
        // Git may have heard enough and gone; what it says is in its answer.
        if stdin.write_all(&buffer).await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_protocol_versions_reach_git() {
        for (header, known) in [
            ("version=2", true),
            ("version=0", true),
            ("version=3", false),
            ("version=2:x=y", false),
            ("version=2\n", false),
            ("", false),
        ] {
            assert_eq!(Protocol::from_header(header).is_some(), known, "{header:?}");
        }
    }
}
