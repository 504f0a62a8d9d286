//! Hides what follows a known beginning: tokens behind their prefix, values of URL parameters.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::mask::MASK;

/// Prefixes of tokens that are hidden wherever they appear.
pub(crate) const TOKEN_PREFIXES: [&str; 14] = [
    "glpat-",
    "gloas-",
    "gldt-",
    "glrt-",
    "glcbt-",
    "glrtr-",
    "glptt-",
    "glft-",
    "glimt-",
    "glagent-",
    "glsoat-",
    "glffct-",
    "gltok-",
    "_gitlab_session=",
];

/// Query parameters whose values are secrets.
const SECRET_PARAMETERS: [&str; 6] = [
    "private_token",
    "authenticity_token",
    "rss_token",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
];

/// The usual beginnings: the same for all jobs, and costly to prepare.
static TOKENS: LazyLock<Beginnings> = LazyLock::new(|| Beginnings::new(TOKEN_PREFIXES.map(str::to_owned).to_vec()));
static PARAMETERS: LazyLock<Beginnings> = LazyLock::new(|| {
    let names = SECRET_PARAMETERS.iter();
    Beginnings::new(
        names
            .flat_map(|name| [format!("?{name}="), format!("&{name}=")])
            .collect(),
    )
});

/// Beginnings, and what finds them.
#[derive(Clone)]
struct Beginnings {
    finder: AhoCorasick,
    all: Vec<String>,
}

/// Keeps a beginning and replaces the run of bytes behind it.
pub(crate) struct PrefixMasker {
    beginnings: Beginnings,
    belongs: fn(u8) -> bool,
    held: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    /// Just behind a beginning.
    Behind,
    /// Inside a run that is already replaced.
    Inside,
}

impl PrefixMasker {
    /// Returns a masker for tokens with the usual prefixes and `further` ones.
    pub(crate) fn tokens(further: &[String]) -> PrefixMasker {
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"_.=-".contains(&byte);
        let mut own: Vec<String> = further.iter().map(|prefix| prefix.trim().to_owned()).collect();
        own.retain(|prefix| !prefix.is_empty());
        if own.is_empty() {
            return PrefixMasker::new(TOKENS.clone(), belongs);
        }
        own.extend(TOKEN_PREFIXES.map(str::to_owned));
        PrefixMasker::new(Beginnings::new(own), belongs)
    }

    /// Returns a masker for the values of secret parameters in URLs.
    pub(crate) fn url_parameters() -> PrefixMasker {
        let belongs =
            |byte: u8| !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !b"&#\"'<>`".contains(&byte);
        PrefixMasker::new(PARAMETERS.clone(), belongs)
    }

    const fn new(beginnings: Beginnings, belongs: fn(u8) -> bool) -> PrefixMasker {
        PrefixMasker {
            beginnings,
            belongs,
            held: Vec::new(),
            state: State::Outside,
        }
    }

    /// Takes the next piece and appends what is certain to `output`.
    pub(crate) fn push(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(piece);
        let mut rest = text.as_slice();
        loop {
            if self.state != State::Outside {
                let run = rest.iter().take_while(|byte| (self.belongs)(**byte)).count();
                if run > 0 && self.state == State::Behind {
                    output.extend_from_slice(MASK);
                    self.state = State::Inside;
                }
                rest = &rest[run..];
                if rest.is_empty() {
                    return;
                }
                self.state = State::Outside;
            }
            match self.beginnings.finder.find(rest) {
                Some(found) => {
                    output.extend_from_slice(&rest[..found.end()]);
                    rest = &rest[found.end()..];
                    self.state = State::Behind;
                }
                None => {
                    let sure = rest.len() - self.beginning_at_end(rest);
                    output.extend_from_slice(&rest[..sure]);
                    self.held = rest[sure..].to_vec();
                    return;
                }
            }
        }
    }

    /// Takes the end of the stream.
    pub(crate) fn finish(&mut self, output: &mut Vec<u8>) {
        output.append(&mut self.held);
        self.state = State::Outside;
    }

    fn beginning_at_end(&self, text: &[u8]) -> usize {
        let all = &self.beginnings.all;
        let may_begin = |length: &usize| {
            let end = &text[text.len() - length..];
            let starts = |whole: &[u8]| whole.len() > end.len() && whole[..end.len()].eq_ignore_ascii_case(end);
            all.iter().any(|whole| starts(whole.as_bytes()))
        };
        let longest = all.iter().map(String::len).max().unwrap_or(0);
        (1..=longest.saturating_sub(1).min(text.len()))
            .rev()
            .find(may_begin)
            .unwrap_or(0)
    }
}

impl Beginnings {
    fn new(all: Vec<String>) -> Beginnings {
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(aho_corasick::MatchKind::LeftmostLongest)
            .build(&all)
            .expect("a few short prefixes fit into any automaton");
        Beginnings { finder, all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(mut masker: PrefixMasker, pieces: &[&str]) -> String {
        let mut output = Vec::new();
        for piece in pieces {
            masker.push(piece.as_bytes(), &mut output);
        }
        masker.finish(&mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn tokens_are_hidden_behind_their_prefix_for_every_cut() {
        let text = "use glpat-AbC_1.2=x, not own-9 nor glpa or glpat- alone glrt-t1_x";
        for cut in 0..text.len() {
            let result = masked(
                PrefixMasker::tokens(&["own-".to_owned()]),
                &[&text[..cut], &text[cut..]],
            );
            let expected = "use glpat-[MASKED], not own-[MASKED] nor glpa or glpat- alone glrt-[MASKED]";
            assert_eq!(result, expected, "{cut}");
        }
    }

    #[test]
    fn secret_url_parameters_are_hidden_in_any_case() {
        let text = "GET /a?x=1&Private_Token=abc%20d&y=2 HTTP ?rss_token=q\n";
        for cut in 0..text.len() {
            let result = masked(PrefixMasker::url_parameters(), &[&text[..cut], &text[cut..]]);
            assert_eq!(
                result, "GET /a?x=1&Private_Token=[MASKED]&y=2 HTTP ?rss_token=[MASKED]\n",
                "{cut}"
            );
        }
    }
}
