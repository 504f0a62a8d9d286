//! Path patterns: Ruby's `fnmatch` as `changes` and `exists` use it. (Being written.)

/// A path pattern (fnmatch with PATHNAME, DOTMATCH, EXTGLOB).
#[derive(Clone, Debug)]
pub struct Glob {
    pattern: String,
}

impl Glob {
    /// Takes any text: an unclosed bracket or brace matches nothing.
    #[must_use]
    pub fn new(pattern: &str) -> Glob {
        Glob { pattern: pattern.to_owned() }
    }

    /// Whether the whole path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.pattern == path
    }
}

/// Whether any changed path matches any pattern (rules-and-variables.md 2.3, after expansion).
#[must_use]
pub fn changed<P: AsRef<str>, F: AsRef<str>>(patterns: &[P], paths: &[F]) -> bool {
    patterns.iter().any(|pattern| {
        let glob = Glob::new(pattern.as_ref());
        paths.iter().any(|path| glob.matches(path.as_ref()))
    })
}

/// Whether any pattern exists among `paths`, sorted bytewise (rules-and-variables.md 2.4, after expansion).
#[must_use]
pub fn exists<P: AsRef<str>>(patterns: &[P], paths: &[String]) -> bool {
    changed(patterns, paths)
}
