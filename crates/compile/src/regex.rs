//! RE2 patterns, as users write them, on the `regex` crate.
//!
//! Users of GitLab write RE2. [`translate`] turns that into the syntax of the `regex` crate and
//! refuses what RE2 refuses; this file compiles, bounds and remembers. It knows nothing of
//! expressions or rules.

mod class;
mod translate;

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Bytes a compiled pattern may take, tried one after the other; RE2 allows 8 MiB, which nobody needs.
///
/// How large one is cannot be asked for, so that the limit which it keeps stands for its size.
const SIZE_LIMITS: [usize; 3] = [32 << 10, 256 << 10, 4 << 20];

/// Bytes that all compiled patterns take together; those used last are kept, others are compiled again when needed.
///
/// A configuration of two megabytes has room for tens of thousands of patterns, and configurations are remembered.
const KEPT_BYTES: usize = 32 << 20;

/// Bytes that matching may set aside for one pattern in one thread.
const MATCHING_BYTES: usize = 256 << 10;

/// Bytes of pattern text; keeps the translation and its errors small.
const MAX_SOURCE_BYTES: usize = 65_536;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression: {reason}")]
pub struct RegexError {
    /// What is wrong with it.
    pub reason: String,
}

impl RegexError {
    fn new(reason: impl Into<String>) -> RegexError {
        RegexError { reason: reason.into() }
    }
}

/// An RE2 pattern that compiles. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pattern {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Arc<str>,
    translated: String,
    /// While it is among those kept.
    compiled: Mutex<Weak<::regex::Regex>>,
}

impl Pattern {
    /// Compiles RE2 text without slashes; `flags` out of `ismU`.
    ///
    /// # Errors
    ///
    /// [`RegexError`] when RE2 would refuse it or it is too large.
    pub fn new(source: &str, flags: &str) -> Result<Pattern, RegexError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(RegexError::new("pattern too large"));
        }
        let source = if flags.is_empty() {
            source.to_owned()
        } else {
            format!("(?{flags}){source}")
        };
        let translated = translate::translate(&source)?;
        let compiled = KEPT.keep(build(&translated)?);
        Ok(Pattern {
            inner: Arc::new(Inner {
                source: source.into(),
                translated,
                compiled: Mutex::new(Arc::downgrade(&compiled)),
            }),
        })
    }

    /// The compiled form; `None` never happens to what compiled before.
    fn regex(&self) -> Option<Arc<::regex::Regex>> {
        let mut compiled = self.inner.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = compiled.upgrade() {
            return Some(regex);
        }
        let regex = KEPT.keep(build(&self.inner.translated).ok()?);
        *compiled = Arc::downgrade(&regex);
        Some(regex)
    }

    /// Compiles `/source/flags`; `None` when no line of the text has that form. `\/` stands for `/`.
    ///
    /// # Errors
    ///
    /// [`RegexError`] as for [`Pattern::new`].
    #[must_use]
    pub fn delimited(text: &str) -> Option<Result<Pattern, RegexError>> {
        let text = unescape(text);
        let (source, flags) = split_delimited(&text)?;
        Some(Pattern::new(source, flags))
    }

    /// Compiles `/source/flags` without unescaping, as `only: refs` does; `None` when the text does
    /// not have that form.
    ///
    /// # Errors
    ///
    /// [`RegexError`] as for [`Pattern::new`].
    #[must_use]
    pub fn delimited_verbatim(text: &str) -> Option<Result<Pattern, RegexError>> {
        let (source, flags) = split_delimited(text)?;
        Some(Pattern::new(source, flags))
    }

    /// The last match in a text: in it the first group that took part, without groups the whole match.
    #[must_use]
    pub fn last_group<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.regex()?.captures_iter(text).last()?;
        let group = found.iter().skip(1).flatten().next();
        group.or_else(|| found.get(0)).map(|found| found.as_str())
    }

    /// Whether the pattern matches anywhere in `text`.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    /// The RE2 text with its flags in front.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.inner.source
    }
}

/// Compiles what [`translate`] made; returns a bound of its size too.
fn build(translated: &str) -> Result<(usize, ::regex::Regex), RegexError> {
    let mut result = Err(RegexError::new("pattern too large"));
    for limit in SIZE_LIMITS {
        let mut builder = ::regex::RegexBuilder::new(translated);
        match builder.size_limit(limit).dfa_size_limit(MATCHING_BYTES).build() {
            Ok(regex) => return Ok((limit, regex)),
            Err(error @ ::regex::Error::CompiledTooBig(_)) => result = Err(RegexError::new(error.to_string())),
            Err(error) => return Err(RegexError::new(error.to_string())),
        }
    }
    result
}

/// The compiled patterns of the whole process, those made last.
static KEPT: Kept = Kept(Mutex::new((0, VecDeque::new())));

/// Compiled patterns with bounds of their sizes, oldest first, and the sum of these.
struct Kept(Mutex<(usize, Patterns)>);

/// Patterns, each with its size.
type Patterns = VecDeque<(usize, Arc<::regex::Regex>)>;

impl Kept {
    fn keep(&self, (size, regex): (usize, ::regex::Regex)) -> Arc<::regex::Regex> {
        let regex = Arc::new(regex);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (sum, patterns) = &mut *kept;
        patterns.push_back((size, Arc::clone(&regex)));
        *sum += size;
        let mut gone = Vec::new();
        while *sum > KEPT_BYTES
            && let Some((size, oldest)) = patterns.pop_front()
        {
            *sum -= size;
            gone.push(oldest);
        }
        drop(kept);
        // Taking them apart is work, and others wait for the list.
        drop(gone);
        regex
    }
}

/// Two patterns are equal when they were written alike.
impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.inner.source == other.inner.source
    }
}

/// Whether the text has the form `/source/flags`.
#[must_use]
pub fn is_delimited(text: &str) -> bool {
    split_delimited(text).is_some()
}

/// The text with `/` for `\/`; done before the form is looked for, as GitLab does it.
fn unescape(text: &str) -> Cow<'_, str> {
    if text.contains("\\/") {
        Cow::Owned(text.replace("\\/", "/"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Source and flags of the first line of that form. (Ruby's anchors are those of lines.)
fn split_delimited(text: &str) -> Option<(&str, &str)> {
    text.split('\n').find_map(|line| {
        let (source, flags) = line.strip_prefix('/')?.rsplit_once('/')?;
        flags
            .bytes()
            .all(|flag| matches!(flag, b'i' | b's' | b'm' | b'U'))
            .then_some((source, flags))
    })
}

/// Compiled patterns by text, bounded. The caller owns it and may share it between threads.
#[derive(Debug, Default)]
pub struct RegexCache {
    patterns: Mutex<HashMap<String, Option<Result<Pattern, RegexError>>>>,
}

impl RegexCache {
    /// Texts kept; when there are more the cache starts again from nothing.
    pub const CAPACITY: usize = 1024;

    /// [`Pattern::delimited`], remembered.
    #[must_use]
    pub fn delimited(&self, text: &str) -> Option<Result<Pattern, RegexError>> {
        // Most values are no patterns: they neither take the lock nor a place.
        split_delimited(&unescape(text))?;
        if let Some(known) = self.lock().get(text) {
            return known.clone();
        }
        let compiled = Pattern::delimited(text);
        let mut patterns = self.lock();
        if patterns.len() >= Self::CAPACITY {
            patterns.clear();
        }
        patterns.insert(text.to_owned(), compiled.clone());
        compiled
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Option<Result<Pattern, RegexError>>>> {
        // A panic elsewhere cannot leave half an entry.
        self.patterns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
