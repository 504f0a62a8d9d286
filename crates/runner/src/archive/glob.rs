//! Patterns for paths, as `artifacts:paths` and `cache:paths` have them: `*` and `?` within one
//! part of a path, `**` across parts, classes, and alternatives in braces.

/// Most patterns that one pattern with braces may stand for.
const MOST_ALTERNATIVES: usize = 1000;

/// One pattern; several when it had braces.
#[derive(Debug)]
pub(super) struct Glob {
    alternatives: Vec<Vec<String>>,
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Glob {
        let mut alternatives = Vec::new();
        braces(pattern, &mut alternatives);
        Glob {
            alternatives: alternatives
                .iter()
                .map(|one| one.split('/').map(str::to_owned).collect())
                .collect(),
        }
    }

    /// Whether the pattern matches the whole path.
    pub(super) fn matches(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        self.alternatives.iter().any(|pattern| parts_match(pattern, &parts))
    }

    /// Whether something below the folder `path` may match.
    pub(super) fn may_match_below(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        self.alternatives
            .iter()
            .any(|pattern| prefix_may_match(pattern, &parts))
    }
}

fn parts_match(pattern: &[String], parts: &[&str]) -> bool {
    match (pattern.split_first(), parts.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            // Equal neighbours say the same once; without this a row of them would try everything again and again.
            if rest.first().is_some_and(|next| next == "**") {
                return parts_match(rest, parts);
            }
            (0..=parts.len()).any(|skip| parts_match(rest, &parts[skip..]))
        }
        (Some((first, rest)), Some((part, others))) => {
            part_matches(first.as_bytes(), part.as_bytes()) && parts_match(rest, others)
        }
        _ => false,
    }
}

fn prefix_may_match(pattern: &[String], parts: &[&str]) -> bool {
    match (pattern.split_first(), parts.split_first()) {
        (None, _) => false,
        (Some((first, _)), _) if first == "**" => true,
        (Some(_), None) => true,
        (Some((first, rest)), Some((part, others))) => {
            part_matches(first.as_bytes(), part.as_bytes()) && prefix_may_match(rest, others)
        }
    }
}

/// Matches one part: remembers only the last `*`, so it takes at most length times length steps.
fn part_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        let taken = match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, position));
                at += 1;
                continue;
            }
            Some(b'?') => Some(at + 1),
            Some(b'[') => class(&pattern[at..], text[position]).map(|length| at + length),
            Some(b'\\') if pattern.get(at + 1) == Some(&text[position]) => Some(at + 2),
            Some(byte) if *byte == text[position] => Some(at + 1),
            _ => None,
        };
        match (taken, star) {
            (Some(next), _) => {
                at = next;
                position += 1;
            }
            (None, Some((star_at, star_position))) => {
                at = star_at + 1;
                position = star_position + 1;
                star = Some((star_at, position));
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Returns the length of the class at the start of `pattern` when `byte` belongs to it.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|byte| *byte == b']')?;
    let mut members = &pattern[start..end];
    let mut found = false;
    while let Some((first, rest)) = members.split_first() {
        if let [b'-', last, others @ ..] = rest {
            found |= (*first..=*last).contains(&byte);
            members = others;
        } else {
            found |= *first == byte;
            members = rest;
        }
    }
    (found != negated).then_some(end + 1)
}

/// Expands `{a,b}` into its alternatives.
fn braces(pattern: &str, output: &mut Vec<String>) {
    if output.len() >= MOST_ALTERNATIVES {
        return;
    }
    let Some((start, end, commas)) = first_braces(pattern) else {
        output.push(pattern.to_owned());
        return;
    };
    let mut from = start + 1;
    for to in commas.into_iter().chain([end]) {
        braces(
            &format!("{}{}{}", &pattern[..start], &pattern[from..to], &pattern[end + 1..]),
            output,
        );
        from = to + 1;
    }
}

/// Returns start, end and commas of the first pair of braces.
fn first_braces(pattern: &str) -> Option<(usize, usize, Vec<usize>)> {
    let start = pattern.find('{')?;
    let mut depth = 0;
    let mut commas = Vec::new();
    for (at, byte) in pattern.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some((start, at, commas)),
            b'}' => depth -= 1,
            b',' if depth == 1 => commas.push(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_paths() {
        for (pattern, path, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "d/a.txt", false),
            ("**/*.txt", "a.txt", true),
            ("**/*.txt", "d/e/a.txt", true),
            ("d/**", "d/e/f", true),
            ("d/**/f", "d/f", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("{a,b{1,2}}.log", "b2.log", true),
            ("{a,b{1,2}}.log", "b.log", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("a[", "a[", false),
            ("{a", "{a", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn folders_without_hope_are_not_entered() {
        let glob = Glob::new("target/*/report.xml");
        assert!(glob.may_match_below("target") && glob.may_match_below("target/debug"));
        assert!(!glob.may_match_below("source") && !glob.may_match_below("target/debug/x"));
        assert!(Glob::new("**/x").may_match_below("any/where"));
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let stars = "**/".repeat(30) + "x";
        assert!(!Glob::new(&stars).matches(&"a/".repeat(60)));
        assert!(!Glob::new(&"*a".repeat(200)).matches(&"a".repeat(150)));
        assert!(Glob::new(&"{a,b}".repeat(30)).alternatives.len() <= MOST_ALTERNATIVES);
    }
}
