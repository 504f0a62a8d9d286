//! Path patterns: Ruby's `fnmatch` as `changes` and `exists` use it (PATHNAME, DOTMATCH, EXTGLOB).
//!
//! Braces are expanded in the text first, then each alternative is matched by an algorithm that
//! goes back to the last star only, so that no pattern takes more than `pattern × path` steps.

/// Alternatives that braces may expand to; further ones match nothing.
const MAX_ALTERNATIVES: usize = 1024;

/// Bytes that all alternatives together may take.
const MAX_EXPANDED_BYTES: usize = 1 << 20;

/// Comparisons of a path and a pattern beyond which GitLab gives up and says yes.
const MAX_COMPARISONS: usize = 50_000;

/// A path pattern. Any text is one: an unclosed bracket or brace matches nothing.
#[derive(Clone, Debug)]
pub struct Glob {
    alternatives: Vec<String>,
}

impl Glob {
    /// Prepares a pattern.
    #[must_use]
    pub fn new(pattern: &str) -> Glob {
        let mut budget = Budget {
            alternatives: MAX_ALTERNATIVES,
            bytes: MAX_EXPANDED_BYTES,
        };
        let mut alternatives = Vec::new();
        expand_braces(pattern.to_owned(), &mut alternatives, &mut budget);
        Glob { alternatives }
    }

    /// Whether the whole path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.alternatives
            .iter()
            .any(|pattern| matches_pathname(pattern.as_bytes(), path.as_bytes()))
    }
}

/// Whether any changed path matches any pattern (rules-and-variables.md 2.3, after expansion).
#[must_use]
pub fn changed<P: AsRef<str>, F: AsRef<str>>(patterns: &[P], paths: &[F]) -> bool {
    if patterns.len().saturating_mul(paths.len()) > MAX_COMPARISONS {
        return true;
    }
    patterns
        .iter()
        .any(|pattern| any_matches(pattern.as_ref(), paths.iter().map(AsRef::as_ref)))
}

/// Whether any pattern exists among `paths`, sorted bytewise (rules-and-variables.md 2.4, after expansion).
#[must_use]
pub fn exists<P: AsRef<str>>(patterns: &[P], paths: &[String]) -> bool {
    let patterns: Vec<&str> = patterns.iter().map(AsRef::as_ref).collect();
    let root_only = patterns
        .iter()
        .all(|pattern| !pattern.contains('/') && !pattern.contains("**"));
    let visible = || {
        paths
            .iter()
            .map(String::as_str)
            .filter(|path| !root_only || !path.contains('/'))
    };

    let (exact, wild): (Vec<&str>, Vec<&str>) = patterns.iter().partition(|pattern| is_exact(pattern));
    if exact.iter().any(|pattern| exact_exists(pattern, paths)) {
        return true;
    }
    let (by_suffix, wild): (Vec<&str>, Vec<&str>) = wild.iter().partition(|pattern| suffix_of(pattern).is_some());
    let suffixes: Vec<&str> = by_suffix.iter().filter_map(|pattern| suffix_of(pattern)).collect();
    if !suffixes.is_empty() && visible().any(|path| suffixes.iter().any(|suffix| path.ends_with(suffix))) {
        return true;
    }
    if wild.len().saturating_mul(visible().count()) > MAX_COMPARISONS {
        return true;
    }
    wild.iter().any(|pattern| any_matches(pattern, visible()))
}

fn any_matches<'a>(pattern: &str, mut paths: impl Iterator<Item = &'a str>) -> bool {
    let glob = Glob::new(pattern);
    paths.any(|path| glob.matches(path))
}

fn is_exact(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '{'])
}

/// A path, or with a slash at the end a folder that has something in it.
fn exact_exists(pattern: &str, paths: &[String]) -> bool {
    let at = paths.partition_point(|path| path.as_str() < pattern);
    paths.get(at).is_some_and(|path| {
        if pattern.ends_with('/') {
            path.starts_with(pattern)
        } else {
            path == pattern
        }
    })
}

/// `.ext` of `**/*.ext`: GitLab takes a short cut for these, and it is wider than the pattern.
fn suffix_of(pattern: &str) -> Option<&str> {
    let suffix = pattern.strip_prefix("**/*")?;
    (suffix.starts_with('.') && !suffix.contains('/') && is_exact(suffix)).then_some(suffix)
}

struct Budget {
    alternatives: usize,
    bytes: usize,
}

/// Writes out the first outermost pair of braces, then those of the results. A pattern whose brace
/// is never closed gives no alternative at all.
fn expand_braces(pattern: String, out: &mut Vec<String>, budget: &mut Budget) {
    // Depth first with an own stack, so that neither depth nor order depends on the pattern.
    let mut todo = vec![pattern];
    while let Some(pattern) = todo.pop() {
        match find_braces(pattern.as_bytes()) {
            Braces::None => {
                if budget.alternatives == 0 {
                    return;
                }
                budget.alternatives -= 1;
                out.push(pattern);
            }
            Braces::Unclosed => {}
            Braces::Pair(open, close) => {
                for (start, end) in choices(pattern.as_bytes(), open, close) {
                    let expanded = [&pattern[..open], &pattern[start..end], &pattern[close + 1..]].concat();
                    if budget.bytes < expanded.len() + 1 || todo.len() >= MAX_ALTERNATIVES {
                        return;
                    }
                    budget.bytes -= expanded.len() + 1;
                    todo.push(expanded);
                }
            }
        }
    }
}

enum Braces {
    None,
    Unclosed,
    Pair(usize, usize),
}

fn find_braces(pattern: &[u8]) -> Braces {
    let mut open = None;
    let mut nesting = 0usize;
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            b'{' => {
                open.get_or_insert(at);
                nesting += 1;
            }
            b'}' if nesting > 0 => {
                nesting -= 1;
                if let (0, Some(open)) = (nesting, open) {
                    return Braces::Pair(open, at);
                }
            }
            b'\\' => at += 1,
            _ => {}
        }
        at += 1;
    }
    if open.is_some() { Braces::Unclosed } else { Braces::None }
}

/// Start and end of each choice between the braces.
fn choices(pattern: &[u8], open: usize, close: usize) -> Vec<(usize, usize)> {
    let mut choices = Vec::new();
    let mut nesting = 0i32;
    let (mut start, mut at) = (open + 1, open + 1);
    while at < close {
        match pattern[at] {
            b',' if nesting == 0 => {
                choices.push((start, at));
                start = at + 1;
            }
            b'{' => nesting += 1,
            b'}' => nesting -= 1,
            b'\\' => at += 1,
            _ => {}
        }
        at += 1;
    }
    choices.push((start, close));
    choices
}

/// Segment by segment; `**/` may take any number of segments, and only the last one is retried.
fn matches_pathname(pattern: &[u8], path: &[u8]) -> bool {
    let (mut p, mut s) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern[p..].starts_with(b"**/") {
            while pattern[p..].starts_with(b"**/") {
                p += 3;
            }
            retry = Some((p, s));
        }
        if matches_segment(pattern, &mut p, path, &mut s) {
            s = segment_end(path, s);
            match (p < pattern.len(), s < path.len()) {
                (true, true) => {
                    p += 1;
                    s += 1;
                    continue;
                }
                (false, false) => return true,
                _ => {}
            }
        }
        let Some((retry_pattern, retry_path)) = retry else {
            return false;
        };
        let next = segment_end(path, retry_path);
        if next == path.len() {
            return false;
        }
        p = retry_pattern;
        s = next + 1;
        retry = Some((p, s));
    }
}

fn segment_end(path: &[u8], from: usize) -> usize {
    path[from..]
        .iter()
        .position(|byte| *byte == b'/')
        .map_or(path.len(), |slash| from + slash)
}

/// Matches up to the next slash or the end of both; leaves the cursors where it stopped.
fn matches_segment(pattern: &[u8], p: &mut usize, path: &[u8], s: &mut usize) -> bool {
    let is_end = |text: &[u8], at: usize| at >= text.len() || text[at] == b'/';
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pattern.get(*p) {
            Some(b'*') => {
                while pattern.get(*p) == Some(&b'*') {
                    *p += 1;
                }
                let after = unescaped(pattern, *p);
                if is_end(pattern, after) {
                    *p = after;
                    return true;
                }
                if is_end(path, *s) {
                    return false;
                }
                retry = Some((*p, *s));
                continue;
            }
            Some(b'?') => {
                if is_end(path, *s) {
                    return false;
                }
                *p += 1;
                *s += char_bytes(path, *s);
                continue;
            }
            Some(b'[') => {
                if is_end(path, *s) {
                    return false;
                }
                if let Some(after) = bracket(pattern, *p + 1, path, *s) {
                    *p = after;
                    *s += char_bytes(path, *s);
                    continue;
                }
            }
            _ => {
                *p = unescaped(pattern, *p);
                if is_end(path, *s) {
                    return is_end(pattern, *p);
                }
                if !is_end(pattern, *p) && pattern[*p] == path[*s] {
                    *p += 1;
                    *s += 1;
                    continue;
                }
            }
        }
        // Let the last star take one more character.
        let Some((retry_pattern, retry_path)) = retry else {
            return false;
        };
        *p = retry_pattern;
        *s = retry_path + char_bytes(path, retry_path);
        retry = Some((*p, *s));
    }
}

fn unescaped(pattern: &[u8], at: usize) -> usize {
    if pattern.get(at) == Some(&b'\\') && at + 1 < pattern.len() {
        at + 1
    } else {
        at
    }
}

/// Length of the UTF-8 character at `at`.
fn char_bytes(text: &[u8], at: usize) -> usize {
    let length = match text[at] {
        0..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    length.min(text.len() - at)
}

/// Matches the character at `s` against the bracket whose content starts at `p`; returns the place
/// behind the bracket.
fn bracket(pattern: &[u8], mut p: usize, path: &[u8], s: usize) -> Option<usize> {
    let wanted = &path[s..s + char_bytes(path, s)];
    let negated = matches!(pattern.get(p), Some(b'!' | b'^'));
    p += usize::from(negated);
    let mut found = false;
    while p < pattern.len() {
        if pattern[p] == b']' {
            return (found != negated).then_some(p + 1);
        }
        let (low, after) = bracket_char(pattern, p)?;
        p = after;
        if p >= pattern.len() {
            return None;
        }
        let mut high = low;
        if pattern[p] == b'-' && pattern.get(p + 1) != Some(&b']') {
            (high, p) = bracket_char(pattern, p + 1)?;
        }
        // UTF-8 sorts like its code points.
        found |= low == wanted || high == wanted || (low <= wanted && wanted <= high);
    }
    None
}

fn bracket_char(pattern: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let at = if pattern.get(at) == Some(&b'\\') { at + 1 } else { at };
    pattern.get(at)?;
    let end = at + char_bytes(pattern, at);
    Some((&pattern[at..end], end))
}
