//! Where everything that is logged goes through, in this order: secrets out, bad bytes out,
//! stamps in, limit, spool.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use super::mask::PhraseMasker;
use super::prefix::PrefixMasker;
use super::spool::Spool;
use super::text::{Source, Stamper, Utf8Repair};

/// Bytes above the limit that the runner's own words may still use, so that a log always says how the job ended.
const RUNNER_RESERVE: u64 = 64 << 10;

/// The log of one job, written by the job and read by the uploader.
pub(crate) struct TraceLog {
    inner: Mutex<Inner>,
    news: Notify,
}

struct Inner {
    phrases: PhraseMasker,
    tokens: PrefixMasker,
    parameters: PrefixMasker,
    repair: Utf8Repair,
    stamper: Option<Stamper>,
    spool: Spool,
    limit: u64,
    full: bool,
    closed: bool,
    urgent: bool,
    /// The uploader knows that there is something to send.
    told: bool,
}

/// What the uploader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) size: u64,
    pub(super) closed: bool,
    /// The script has written: people wait for that.
    pub(super) urgent: bool,
}

/// What a log needs to know about its job.
pub(crate) struct LogSettings<'a> {
    /// Values that must not appear.
    pub(crate) secrets: Vec<String>,
    /// Further token prefixes.
    pub(crate) token_prefixes: &'a [String],
    /// Whether lines begin with time and stream.
    pub(crate) stamps: bool,
    /// Bytes.
    pub(crate) limit: u64,
    /// Where large logs are kept.
    pub(crate) folder: PathBuf,
}

impl TraceLog {
    pub(crate) fn new(settings: LogSettings<'_>) -> TraceLog {
        let inner = Inner {
            phrases: PhraseMasker::new(settings.secrets.iter().map(String::as_str)),
            tokens: PrefixMasker::tokens(settings.token_prefixes),
            parameters: PrefixMasker::url_parameters(),
            repair: Utf8Repair::default(),
            stamper: settings.stamps.then(Stamper::new),
            spool: Spool::new(settings.folder),
            limit: settings.limit,
            full: false,
            closed: false,
            urgent: false,
            told: false,
        };
        TraceLog {
            inner: Mutex::new(inner),
            news: Notify::new(),
        }
    }

    /// Appends what somebody wrote.
    pub(crate) fn write(&self, source: Source, bytes: &[u8]) {
        let mut inner = self.lock();
        let (size, was_urgent) = (inner.spool.size(), inner.urgent);
        inner.write(source, bytes);
        // Waking the uploader for each line would cost more than the line.
        let has_grown = inner.spool.size() > size;
        let is_news = (has_grown && !inner.told) || inner.urgent != was_urgent;
        inner.told |= has_grown;
        drop(inner);
        if is_news {
            self.news.notify_one();
        }
    }

    /// Appends a line of the runner.
    pub(crate) fn line(&self, text: &str) {
        self.write(Source::Runner, format!("{text}\n").as_bytes());
    }

    /// Ends the log: what was held back is written.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.finish();
        inner.closed = true;
        drop(inner);
        self.news.notify_one();
    }

    /// Waits until something may have changed.
    pub(super) async fn changed(&self) {
        self.news.notified().await;
    }

    pub(super) fn progress(&self) -> Progress {
        let inner = self.lock();
        Progress {
            size: inner.spool.size(),
            closed: inner.closed,
            urgent: inner.urgent,
        }
    }

    /// Returns at most `most` bytes from `offset`.
    pub(super) fn read(&self, offset: u64, most: usize) -> std::io::Result<Vec<u8>> {
        let mut inner = self.lock();
        inner.urgent = false;
        inner.told = false;
        inner.spool.read(offset, most)
    }

    /// Returns checksum and size so far.
    pub(super) fn checksum(&self) -> (String, u64) {
        let inner = self.lock();
        (inner.spool.checksum(), inner.spool.size())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while writing to a log")
    }
}

impl Inner {
    fn write(&mut self, source: Source, bytes: &[u8]) {
        if self.full && source == Source::Script {
            return; // a flood costs nothing more
        }
        let mut unmasked = Vec::with_capacity(bytes.len() + 16);
        self.phrases.push(bytes, &mut unmasked);
        self.after_phrases(source, &unmasked, false);
        self.urgent |= source == Source::Script;
    }

    fn finish(&mut self) {
        let mut rest = Vec::new();
        self.phrases.finish(&mut rest);
        self.after_phrases(Source::Runner, &rest, true);
    }

    fn after_phrases(&mut self, source: Source, bytes: &[u8], last: bool) {
        let (mut tokens, mut parameters, mut repaired) = (Vec::new(), Vec::new(), Vec::new());
        self.tokens.push(bytes, &mut tokens);
        if last {
            self.tokens.finish(&mut tokens);
        }
        self.parameters.push(&tokens, &mut parameters);
        if last {
            self.parameters.finish(&mut parameters);
        }
        self.repair.push(&parameters, &mut repaired);
        if last {
            self.repair.finish(&mut repaired);
        }
        match &mut self.stamper {
            Some(stamper) => {
                let mut stamped = Vec::with_capacity(repaired.len() + 64);
                stamper.push(source, &repaired, &mut stamped);
                self.keep(source, &stamped);
            }
            None => self.keep(source, &repaired),
        }
    }

    fn keep(&mut self, source: Source, text: &[u8]) {
        let limit = if source == Source::Runner {
            self.limit + RUNNER_RESERVE
        } else {
            self.limit
        };
        let room = usize::try_from(limit.saturating_sub(self.spool.size())).unwrap_or(usize::MAX);
        if (self.full && source == Source::Script) || text.is_empty() {
            return;
        }
        let fits = if text.len() <= room {
            text.len()
        } else {
            character_border(text, room)
        };
        self.append(&text[..fits]);
        if fits < text.len() && !self.full {
            self.full = true;
            let notice = format!(
                "\n\x1b[0;33mJob's log exceeded limit of {} bytes.\n\
                 Job execution will continue but no more output will be collected.\x1b[0;m\n",
                self.limit
            );
            self.append(notice.as_bytes());
        }
    }

    fn append(&mut self, text: &[u8]) {
        if let Err(error) = self.spool.append(text) {
            tracing::warn!(%error, "cannot keep the log of a job, it goes on without");
            self.full = true;
        }
    }
}

/// Returns the last place at or before `at` where no character is cut.
fn character_border(text: &[u8], at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|place| text.get(*place).is_none_or(|byte| byte & 0xc0 != 0x80))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(limit: u64) -> TraceLog {
        TraceLog::new(LogSettings {
            secrets: vec!["hunter22".to_owned()],
            token_prefixes: &[],
            stamps: false,
            limit,
            folder: std::env::temp_dir(),
        })
    }

    fn text(log: &TraceLog) -> String {
        String::from_utf8(log.read(0, usize::MAX).unwrap()).unwrap()
    }

    #[test]
    fn secrets_tokens_and_parameters_are_hidden_across_pieces() {
        let log = log(1000);
        for piece in ["a hunt", "er22 glpa", "t-xyz http://h/?private_tok", "en=1\n"] {
            log.write(Source::Script, piece.as_bytes());
        }
        log.close();
        assert_eq!(
            text(&log),
            "a [MASKED] glpat-[MASKED] http://h/?private_token=[MASKED]\n"
        );
    }

    #[test]
    fn above_the_limit_there_is_one_notice_and_then_only_the_runner() {
        let log = log(5);
        log.write(Source::Script, "abcdé and more".as_bytes());
        log.write(Source::Script, b"lost");
        log.line("Job succeeded");
        log.close();
        let text = text(&log);
        assert!(
            text.starts_with("abcd\n\x1b[0;33mJob's log exceeded limit of 5 bytes."),
            "{text}"
        );
        assert!(text.ends_with("\nJob succeeded\n") && !text.contains("lost"), "{text}");
    }

    #[test]
    fn a_secret_cut_by_the_end_is_just_text() {
        let log = log(1000);
        log.write(Source::Script, b"hunter2");
        assert_eq!(log.progress().size, 0);
        log.close();
        assert_eq!(text(&log), "hunter2");
    }
}
