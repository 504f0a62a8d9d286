//! RE2 text → text for the `regex` crate.
//!
//! One pass over the pattern. Everything that both understand alike is copied; classes become
//! ASCII, literals are escaped, and what only the `regex` crate knows is refused or made literal.

use std::fmt::Write as _;

use super::RegexError;
use super::class;

/// Highest repetition count in RE2, also for nested repetitions multiplied.
const MAX_REPEAT: u32 = 1000;

/// Translates a pattern.
pub(super) fn translate(source: &str) -> Result<String, RegexError> {
    let mut translator = Translator {
        rest: source,
        out: String::with_capacity(source.len() + 16),
        groups: vec![Group::default()],
        names: Vec::new(),
    };
    while let Some(c) = translator.peek() {
        translator.item(c)?;
    }
    if translator.groups.len() > 1 {
        return Err(RegexError::new("missing closing )"));
    }
    Ok(translator.out)
}

/// What is known of an open group.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// What stands directly before the cursor.
    last: Last,
    /// Highest product of nested repetitions in it.
    repeats: u32,
}

/// What stands before a repetition operator.
#[derive(Clone, Copy, Debug, Default)]
enum Last {
    /// Nothing that could be repeated.
    #[default]
    Nothing,
    /// Something, with its highest product of nested repetitions.
    Atom(u32),
    /// A repetition: a second one is refused.
    Repeated,
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
    groups: Vec<Group>,
    names: Vec<&'p str>,
}

impl<'p> Translator<'p> {
    fn item(&mut self, c: char) -> Result<(), RegexError> {
        match c {
            '(' => self.open_group(),
            ')' => self.close_group(),
            '|' => {
                self.take();
                self.out.push('|');
                self.group().last = Last::Nothing;
                Ok(())
            }
            '*' | '+' | '?' => {
                self.take();
                self.out.push(c);
                self.repeated(1)
            }
            '{' => self.brace(),
            '[' => {
                self.rest = class::translate(self.rest, &mut self.out)?;
                self.atom(1)
            }
            '\\' => self.escape(),
            '.' | '^' | '$' => {
                self.take();
                self.out.push(c);
                self.atom(1)
            }
            literal => {
                self.take();
                push_literal(literal, &mut self.out);
                self.atom(1)
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn group(&mut self) -> &mut Group {
        self.groups
            .last_mut()
            .expect("the outermost group is never closed: close_group checks")
    }

    #[expect(clippy::unnecessary_wraps, reason = "ends the arms of `item`")]
    fn atom(&mut self, repeats: u32) -> Result<(), RegexError> {
        let group = self.group();
        group.last = Last::Atom(repeats);
        group.repeats = group.repeats.max(repeats);
        Ok(())
    }

    /// Called behind a repetition operator that repeats `count` times at most.
    fn repeated(&mut self, count: u32) -> Result<(), RegexError> {
        let product = match self.group().last {
            Last::Nothing => return Err(RegexError::new("no argument for repetition operator")),
            Last::Repeated => return Err(RegexError::new("bad repetition operator")),
            Last::Atom(inner) => inner.max(1).saturating_mul(count.max(1)),
        };
        if product > MAX_REPEAT {
            return Err(RegexError::new("invalid repetition size"));
        }
        if self.eat("?") {
            self.out.push('?');
        }
        let group = self.group();
        group.last = Last::Repeated;
        group.repeats = group.repeats.max(product);
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,3}`; anything else is a literal brace.
    fn brace(&mut self) -> Result<(), RegexError> {
        let Some((least, most, rest)) = counts(self.rest) else {
            self.take();
            self.out.push_str("\\{");
            return self.atom(1);
        };
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return Err(RegexError::new("invalid repetition size"));
        }
        let written = &self.rest[..self.rest.len() - rest.len()];
        self.out.push_str(written);
        self.rest = rest;
        self.repeated(most.unwrap_or(least))
    }

    fn open_group(&mut self) -> Result<(), RegexError> {
        self.take();
        if self.eat("?P<") || self.eat("?<") {
            return self.open_named();
        }
        if self.eat("?") {
            return self.open_flags();
        }
        self.out.push('(');
        self.groups.push(Group::default());
        Ok(())
    }

    /// A name is of no use to us: the group is opened without it, so that RE2's rules for names hold.
    fn open_named(&mut self) -> Result<(), RegexError> {
        let (name, rest) = self
            .rest
            .split_once('>')
            .ok_or_else(|| RegexError::new("invalid named capture group"))?;
        let is_name = !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
        if !is_name || self.names.contains(&name) {
            return Err(RegexError::new("invalid named capture group"));
        }
        self.names.push(name);
        self.rest = rest;
        self.out.push('(');
        self.groups.push(Group::default());
        Ok(())
    }

    /// `(?i)`, `(?i-s:`, `(?:`.
    fn open_flags(&mut self) -> Result<(), RegexError> {
        let end = self
            .rest
            .find([')', ':'])
            .ok_or_else(|| RegexError::new("missing closing )"))?;
        let flags = &self.rest[..end];
        let (on, off) = flags.split_once('-').map_or((flags, None), |(on, off)| (on, Some(off)));
        let known = |flags: &str| flags.chars().all(|flag| matches!(flag, 'i' | 'm' | 's' | 'U'));
        if !known(on) || off.is_some_and(|off| off.is_empty() || !known(off)) {
            return Err(RegexError::new("invalid perl operator"));
        }
        let opens = self.rest[end..].starts_with(':');
        self.rest = &self.rest[end + 1..];
        match (opens, flags.is_empty()) {
            (true, _) => {
                self.out.push_str("(?");
                self.push_flags(on, off);
                self.out.push(':');
                self.groups.push(Group::default());
            }
            (false, true) => {}
            (false, false) => {
                self.out.push_str("(?");
                self.push_flags(on, off);
                self.out.push(')');
            }
        }
        Ok(())
    }

    /// Each flag once, and none on and off, or the `regex` crate complains; the last word counts.
    fn push_flags(&mut self, on: &str, off: Option<&str>) {
        let off = off.unwrap_or_default();
        for flag in ['i', 'm', 's', 'U'] {
            if on.contains(flag) && !off.contains(flag) {
                self.out.push(flag);
            }
        }
        if !off.is_empty() {
            self.out.push('-');
            for flag in ['i', 'm', 's', 'U'] {
                if off.contains(flag) {
                    self.out.push(flag);
                }
            }
        }
    }

    fn close_group(&mut self) -> Result<(), RegexError> {
        self.take();
        if self.groups.len() == 1 {
            return Err(RegexError::new("unexpected )"));
        }
        let closed = self.groups.pop().unwrap_or_default();
        self.out.push(')');
        self.atom(closed.repeats.max(1))
    }

    fn escape(&mut self) -> Result<(), RegexError> {
        if self.eat("\\Q") {
            return self.quoted();
        }
        let mut after = self.rest[1..].chars();
        match after.next() {
            Some('A' | 'z') => {
                self.out.push_str(&self.rest[..2]);
                self.rest = &self.rest[2..];
                self.atom(1)
            }
            Some(c @ ('b' | 'B')) => {
                _ = write!(self.out, "(?-u:\\{c})");
                self.rest = &self.rest[2..];
                self.atom(1)
            }
            Some(_) => {
                if let Some(rest) = class::shorthand(self.rest, &mut self.out)? {
                    self.rest = rest;
                } else {
                    let (literal, rest) = class::escaped_literal(self.rest)?;
                    push_literal(literal, &mut self.out);
                    self.rest = rest;
                }
                self.atom(1)
            }
            None => Err(RegexError::new("trailing \\")),
        }
    }

    /// Behind `\Q`: literal up to `\E` or the end.
    fn quoted(&mut self) -> Result<(), RegexError> {
        let (literal, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        for c in literal.chars() {
            push_literal(c, &mut self.out);
            self.atom(1)?;
        }
        Ok(())
    }
}

/// Least, most and the rest of a repetition in braces; `most` is `None` without a limit.
fn counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (least, rest) = count(text.strip_prefix('{')?)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, Some(least), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((least, None, rest));
    }
    let (most, rest) = count(rest)?;
    Some((least, Some(most), rest.strip_prefix('}')?))
}

/// A number without leading zeros; a huge one is `u32::MAX`.
fn count(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() || (number.len() > 1 && number.starts_with('0')) {
        return None;
    }
    Some((number.parse().unwrap_or(u32::MAX), rest))
}

/// A literal that means itself to the `regex` crate, inside a class too.
pub(super) fn push_literal(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() || matches!(c, '_' | ' ' | '/' | ':' | ',' | '=' | '"' | '\'' | '@') {
        out.push(c);
    } else {
        _ = write!(out, "\\x{:02X}", u32::from(c));
    }
}
