//! The checkout as the rules see it: paths and texts, and for Rust files a copy without comments and literals.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::Result;

/// What is not ours: build output, git's own (a file in a linked work tree), data of a local server.
const SKIPPED: &[&str] = &["target", ".git", "tripline-data", "node_modules"];

/// All text files of a checkout.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// In the order of their paths.
    pub(super) files: Vec<File>,
}

/// One text file.
#[derive(Debug)]
pub(super) struct File {
    /// Path from the root, with `/`.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
    /// Made when a rule first asks for it.
    code: OnceLock<Vec<Line>>,
}

/// One line of a Rust file.
#[derive(Debug)]
pub(super) struct Line {
    /// Number, from 1.
    pub(super) number: usize,
    /// Its text, comments and literals blanked out.
    pub(super) code: String,
    /// Whether it is test code.
    pub(super) in_tests: bool,
}

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// Path from the root.
    pub(super) path: String,
    /// Line, from 1; 0 for the file as a whole.
    pub(super) line: usize,
    /// What is wrong and what to do.
    pub(super) message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

impl Tree {
    /// Reads every text file below `root`.
    pub(super) fn read(root: &Path) -> Result<Tree> {
        let mut tree = Tree::default();
        tree.read_dir(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// Returns a tree of these paths and texts.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File::new((*path).to_owned(), (*text).to_owned());
        Tree {
            files: files.iter().map(file).collect(),
        }
    }

    /// Returns the text of a file, if it exists.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// Whether a file or folder of this path exists.
    pub(super) fn contains(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files
            .iter()
            .any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// Returns all Rust files.
    pub(super) fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    fn read_dir(&mut self, dir: &Path, prefix: &str) -> Result<()> {
        let failed = |error| format!("cannot read `{}`: {error}", dir.display());
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}/{name}")
            };
            let kind = entry.file_type().map_err(failed)?;
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.read_dir(&entry.path(), &path)?;
            } else if kind.is_file() {
                // What is not UTF-8 is no source (pictures, packed test data): that it is there is all that counts.
                let bytes = fs::read(entry.path()).map_err(failed)?;
                let text = String::from_utf8(bytes).unwrap_or_default();
                self.files.push(File::new(path, text));
            }
        }
        Ok(())
    }
}

impl File {
    fn new(path: String, text: String) -> File {
        File {
            path,
            text,
            code: OnceLock::new(),
        }
    }

    /// Returns the name of the crate the file belongs to (`xtask` for this one).
    pub(super) fn crate_name(&self) -> Option<&str> {
        if self.path.starts_with("xtask/") {
            return Some("xtask");
        }
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the whole file is test code.
    pub(super) fn is_test(&self) -> bool {
        let in_dir = |dir: &str| self.path.contains(&format!("/{dir}/"));
        in_dir("tests") || in_dir("benches") || self.path.ends_with("/tests.rs") || self.crate_name() == Some("testkit")
    }

    /// Returns the lines of the file, comments and literals blanked out.
    pub(super) fn code(&self) -> &[Line] {
        self.code.get_or_init(|| {
            let mut in_tests = self.is_test();
            let blanked = blank_comments_and_literals(&self.text);
            let line = |(index, code): (usize, &str)| {
                // By our habit the test module is the last item of a file.
                in_tests |= code.trim_start().starts_with("#[cfg(test)]");
                Line {
                    number: index + 1,
                    code: code.to_owned(),
                    in_tests,
                }
            };
            blanked.lines().enumerate().map(line).collect()
        })
    }

    /// Returns a finding at a line.
    pub(super) fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }
}

/// Replaces comments and the insides of string and character literals with blanks; line breaks stay.
fn blank_comments_and_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (taken, keep) = token(rest, first, out.chars().next_back());
        let (token, tail) = rest.split_at(taken);
        if keep {
            out.push_str(token);
        } else {
            out.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = tail;
    }
    out
}

/// Returns the length of the token that `rest` starts with, and whether it is code.
fn token(rest: &str, first: char, before: Option<char>) -> (usize, bool) {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (rest.find("*/").map_or(rest.len(), |end| end + 2), false);
    }
    let may_start_literal = !in_word || before == Some('b');
    if let Some(length) = raw_string(rest).filter(|_| may_start_literal) {
        return (length, false);
    }
    match first {
        '"' => (quoted(rest, '"'), false),
        '\'' => match character(rest) {
            Some(length) => (length, false),
            None => (1, true),
        },
        _ => (first.len_utf8(), true),
    }
}

fn raw_string(rest: &str) -> Option<usize> {
    let after_r = rest.strip_prefix('r')?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let body = after_r[hashes..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&closing).map_or(body.len(), |end| end + closing.len());
    Some(rest.len() - body.len() + end)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Returns the length of a character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return Some(quoted(rest, '\''));
    }
    let (index, second) = chars.next()?;
    (second == '\'').then_some(index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn blanked(text: &str, expected: &str) {
        assert_eq!(blank_comments_and_literals(text), expected);
    }

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays() {
        blanked("a // b\nc", "a     \nc");
        blanked("a /* b\n */ c", "a     \n    c");
        blanked(r#"f("x\"y", z)"#, "f(      , z)");
        blanked(r##"f(r#"a"b"#, z)"##, "f(        , z)");
        blanked(r"f('x', '\'', '\n')", "f(   ,     ,     )");
    }

    #[test]
    fn lifetimes_and_words_that_end_in_r_are_no_literals() {
        blanked("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
        blanked("for\"x\"", "for   ");
    }

    #[test]
    fn lines_after_cfg_test_are_test_code() {
        let tree = Tree::of(&[("crates/model/src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {}\n")]);
        let code = tree.files[0].code();
        assert_eq!(
            code.iter().map(|line| line.in_tests).collect::<Vec<_>>(),
            [false, true, true]
        );
    }
}
