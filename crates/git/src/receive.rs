//! Receiving a push: git takes the pack and moves the refs, we learn which ones really moved.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::Sha;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::Repository;
use crate::pktline::{self, Packet};
use crate::process::Git;
use crate::push::{Capabilities, PushCommand, PushRequest, drain, put_message};
use crate::serve::{CHUNK, ServeError, Server};

/// Most bytes of git's report that are looked at; a report has a line for each ref.
const MAX_REPORT: usize = 16 << 20;

/// Bytes by which a body may exceed the limit of a push before the connection is cut.
///
/// Within it git itself refuses, and the client gets to see why.
const SLACK: u64 = 16 << 20;

/// What became of a push.
#[derive(Debug)]
pub struct Received {
    /// The refs that really moved, with the ids before and after.
    pub updates: Vec<PushCommand>,
    /// Why it ended early; refs may have moved nevertheless.
    pub error: Option<ServeError>,
    /// Whether the client's answer is still open for messages and its end.
    open: bool,
}

impl Received {
    /// Returns the end of the answer, with lines that the client shows as `remote: …`.
    #[must_use]
    pub fn finish(&self, message: &str) -> Bytes {
        let mut end = BytesMut::new();
        if self.open {
            put_message(&mut end, message);
            end.extend_from_slice(pktline::FLUSH);
        }
        end.freeze()
    }
}

impl Server {
    /// Hands a push to git. The caller has decided that it is allowed.
    ///
    /// Chunks of the answer go to `answer` as they come; [`Received::finish`] is its end. When the
    /// receiver is dropped the push still runs to its end: a client that goes away after its last
    /// byte has pushed. Dropping the future ends git.
    ///
    /// # Errors
    ///
    /// Nothing has happened then: [`ServeError::ReadOnly`], [`ServeError::Busy`], [`ServeError::Process`],
    /// [`ServeError::BadRequest`] for refs that nobody may push (ask [`PushRequest::faults`] first).
    pub async fn receive_pack<R>(
        &self,
        repo: &Repository,
        request: PushRequest<R>,
        answer: mpsc::Sender<Bytes>,
    ) -> Result<Received, ServeError>
    where
        R: AsyncRead + Unpin + Send,
    {
        if repo.is_attached() {
            return Err(ServeError::ReadOnly);
        }
        if request.faults().is_some() {
            return Err(ServeError::BadRequest("the push names a ref that nobody may push"));
        }
        if request.commands.is_empty() {
            return Ok(Received {
                updates: vec![],
                error: None,
                open: false,
            });
        }
        let _permit = self.permit(&self.receives).await?;
        remove_leftovers(repo);
        let before = targets(repo, &request.commands)?;
        let limit = format!("receive.maxInputSize={}", self.limits.max_push);
        let forward = format!("receive.denyNonFastForwards={}", request.fast_forward_only);
        let arguments = ["-c", &limit, "-c", &forward, "receive-pack", "--stateless-rpc"];
        let mut git = Git::start_writer(repo, arguments).map_err(ServeError::Process)?;

        let PushRequest {
            commands,
            capabilities,
            head,
            rest,
            ..
        } = request;
        let mut reader = Reader::new(capabilities, answer);
        let work = run(&mut git, &head, rest, self.limits.max_push + SLACK, &mut reader);
        let result = tokio::time::timeout(self.limits.deadline, work).await;
        let error = result.map_err(|_| ServeError::TimedOut).and_then(|done| done).err();
        // After a failure git may still be at work; its end has to be known before looking at refs.
        if error.is_some() {
            git.stop().await;
        }
        let report = error.is_none().then(|| reader.accepted()).flatten();
        let updates = changed(repo, commands, &before, report.as_deref())?;
        Ok(Received {
            updates,
            open: error.is_none() && capabilities.side_band,
            error,
        })
    }
}

/// Age at which the objects of a push that was killed are removed; no push takes this long.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 3600);

/// Removes what pushes left behind that were killed together with their git.
fn remove_leftovers(repo: &Repository) {
    let entries = std::fs::read_dir(repo.git_dir().join("objects"));
    for entry in entries.into_iter().flatten().flatten() {
        if !entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(b"tmp_objdir-incoming-")
        {
            continue;
        }
        let age = entry
            .metadata()
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > LEFTOVER_AGE) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Carries the request in and the answer out until git has ended.
async fn run<R: AsyncRead + Unpin>(
    git: &mut Git,
    head: &[u8],
    rest: R,
    limit: u64,
    reader: &mut Reader,
) -> Result<(), ServeError> {
    let stdin = git.stdin.take();
    let feed = feed(stdin, head, rest, limit);
    let listen = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        loop {
            if git.read(&mut buffer).await.map_err(ServeError::Process)? == 0 {
                return Ok(());
            }
            reader.take(&mut buffer).await?;
        }
    };
    tokio::try_join!(feed, listen)?;
    let (status, errors) = git.wait().await.map_err(ServeError::Process)?;
    if !errors.is_empty() {
        warn!(errors, "git receive-pack: {errors}");
    }
    if !status.success() && reader.is_silent() {
        return Err(ServeError::Failed { errors });
    }
    Ok(())
}

async fn feed<R: AsyncRead + Unpin>(
    stdin: Option<ChildStdin>,
    head: &[u8],
    mut rest: R,
    limit: u64,
) -> Result<(), ServeError> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    let mut total = head.len() as u64;
    let mut open = stdin.write_all(head).await.is_ok();
    let mut buffer = BytesMut::with_capacity(CHUNK);
    while open {
        buffer.clear();
        let length = rest.read_buf(&mut buffer).await.map_err(ServeError::Disconnected)?;
        if length == 0 {
            return Ok(());
        }
        total += length as u64;
        if total > limit {
            return Err(ServeError::TooLarge { limit });
        }
        open = stdin.write_all(&buffer).await.is_ok();
    }
    // Git has heard enough, usually to say no. The client reads its answer only after its last byte.
    drop(stdin);
    drain(&mut rest, limit.saturating_sub(total)).await
}

/// Passes git's answer on and reads the report inside it.
struct Reader {
    capabilities: Capabilities,
    answer: mpsc::Sender<Bytes>,
    report: BytesMut,
    forwarded: bool,
}

impl Reader {
    fn new(capabilities: Capabilities, answer: mpsc::Sender<Bytes>) -> Reader {
        Reader {
            capabilities,
            answer,
            report: BytesMut::new(),
            forwarded: false,
        }
    }

    /// Whether the client has not been told anything.
    fn is_silent(&self) -> bool {
        !self.forwarded
    }

    /// Takes whole packets out of the buffer. The last flush is kept back: messages may follow.
    async fn take(&mut self, buffer: &mut BytesMut) -> Result<(), ServeError> {
        if !self.capabilities.side_band {
            self.keep(buffer);
            return self.forward(buffer.split().freeze()).await;
        }
        let malformed = |error| ServeError::Process(std::io::Error::other(error));
        let mut length = 0;
        while let Some((packet, whole)) = pktline::next(&buffer[length..]).map_err(malformed)? {
            match packet {
                Packet::Data([1, data @ ..]) => {
                    let room = MAX_REPORT.saturating_sub(self.report.len()).min(data.len());
                    self.report.extend_from_slice(&data[..room]);
                }
                Packet::Data(_) | Packet::Delimiter => {}
                // The only flush in a banded answer is its end.
                Packet::Flush => {
                    self.forward(buffer.split_to(length).freeze()).await?;
                    buffer.clear();
                    return Ok(());
                }
            }
            length += whole;
        }
        self.forward(buffer.split_to(length).freeze()).await
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_REPORT.saturating_sub(self.report.len()).min(bytes.len());
        self.report.extend_from_slice(&bytes[..room]);
    }

    async fn forward(&mut self, bytes: Bytes) -> Result<(), ServeError> {
        if !bytes.is_empty() {
            self.forwarded = true;
            // A client that has gone does not stop its push.
            if self.answer.send(bytes).await.is_err() {
                debug!("the client of a push went away before the answer");
            }
        }
        Ok(())
    }

    /// Returns the refs that git reports as accepted; `None` when the client did not ask for a report.
    fn accepted(&self) -> Option<Vec<String>> {
        self.capabilities.report_status.then(|| parse_report(&self.report))
    }
}

/// Returns the names behind `ok` in a report.
fn parse_report(mut report: &[u8]) -> Vec<String> {
    let mut accepted = Vec::new();
    while let Ok(Some((packet, length))) = pktline::next(report) {
        report = &report[length..];
        let Packet::Data(line) = packet else { break };
        let line = String::from_utf8_lossy(line);
        if let Some(name) = line.trim_end_matches('\n').strip_prefix("ok ") {
            accepted.push(name.to_owned());
        }
    }
    accepted
}

fn targets(repo: &Repository, commands: &[PushCommand]) -> Result<Vec<Option<Sha>>, crate::Error> {
    commands
        .iter()
        .map(|command| repo.ref_target(&command.ref_name))
        .collect()
}

/// Keeps the commands that changed something: those in the report, or, without one, those whose
/// ref is now where it was not before.
fn changed(
    repo: &Repository,
    commands: Vec<PushCommand>,
    before: &[Option<Sha>],
    report: Option<&[String]>,
) -> Result<Vec<PushCommand>, ServeError> {
    let after = targets(repo, &commands)?;
    let zero = Sha::zero();
    let moved = |command: &PushCommand, before: &Option<Sha>, after: &Option<Sha>| {
        let before = before.as_ref().unwrap_or(&zero);
        match report {
            // Deleting what is not there is "ok" to git.
            Some(accepted) => {
                command.old != command.new
                    && accepted.contains(&command.ref_name)
                    && !(command.deletes() && before.is_zero())
            }
            None => before != &command.new && after.as_ref().unwrap_or(&zero) == &command.new,
        }
    };
    let moved = commands
        .into_iter()
        .zip(before.iter().zip(&after))
        .filter(|(c, (b, a))| moved(c, b, a));
    Ok(moved.map(|(command, _)| command).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_up_to_its_flush() {
        let mut report = BytesMut::new();
        for line in [
            "unpack ok\n",
            "ok refs/heads/a\n",
            "option refname refs/heads/b\n",
            "ng refs/heads/c no\n",
            "ok refs/tags/d",
        ] {
            pktline::put(&mut report, line.as_bytes());
        }
        report.extend_from_slice(b"0000");
        pktline::put(&mut report, b"ok refs/heads/late\n");
        assert_eq!(parse_report(&report), ["refs/heads/a", "refs/tags/d"]);
        assert_eq!(parse_report(b"zz"), Vec::<String>::new());
    }
}
