//! Hides secrets in a log on its way into storage, also when a secret is cut in two by a chunk's border.
//!
//! The runner masks before it sends; this is the second line for runners that do not. Every secret
//! is replaced by text of the same length, because runners and server count log bytes by offset.
//! Bytes at the end of a chunk that may be the beginning of a secret are held back until the next
//! chunk decides; if the server loses them, the runner is asked for them again.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// What stands in for a secret, filled up with [`FILL`] to its length.
const MASK: &[u8] = b"[MASKED]";

/// Fills up the place of a longer secret.
const FILL: u8 = b'x';

/// Shorter values are not masked: they would hit ordinary text everywhere (GitLab's limit for masked variables).
const SHORTEST: usize = 8;

/// The secrets of one job, ready for searching.
#[derive(Debug)]
pub struct Masker {
    automaton: Option<AhoCorasick>,
    secrets: Vec<Vec<u8>>,
}

impl Masker {
    /// Prepares the search for these values.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Masker {
        let trimmed = secrets
            .into_iter()
            .map(str::trim)
            .filter(|secret| secret.len() >= SHORTEST);
        let mut secrets: Vec<Vec<u8>> = trimmed.map(|secret| secret.as_bytes().to_vec()).collect();
        secrets.sort_unstable();
        secrets.dedup();
        // The simplest automaton: most logs are shorter than it takes to build a better one.
        let automaton = (!secrets.is_empty()).then(|| {
            AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::NoncontiguousNFA))
                .match_kind(MatchKind::LeftmostLongest)
                .build(&secrets)
                .expect("the secrets of one job are far fewer bytes than an automaton can hold")
        });
        Masker { automaton, secrets }
    }

    /// Masks `bytes` in place and returns how many from the start are final.
    ///
    /// The rest may be the beginning of a secret: pass it again in front of what comes next. With
    /// `end` nothing comes next and all of it is final.
    #[must_use]
    pub fn mask(&self, bytes: &mut [u8], end: bool) -> usize {
        let Some(automaton) = &self.automaton else {
            return bytes.len();
        };
        let undecided = if end {
            bytes.len()
        } else {
            bytes.len() - self.open_tail(bytes)
        };
        let mut done = undecided;
        let found: Vec<_> = automaton.find_iter(&*bytes).map(|found| found.range()).collect();
        for range in found {
            if range.start >= undecided {
                // Inside of what may be a longer secret that begins earlier.
                break;
            }
            done = done.max(range.end);
            let place = &mut bytes[range];
            place.fill(FILL);
            place[..MASK.len()].copy_from_slice(MASK);
        }
        done
    }

    /// Length of the longest end of `bytes` that is the beginning of a secret, but not all of one.
    fn open_tail(&self, bytes: &[u8]) -> usize {
        let open = |secret: &Vec<u8>| {
            let longest = bytes.len().min(secret.len() - 1);
            (1..=longest)
                .rev()
                .find(|length| bytes.ends_with(&secret[..*length]))
                .unwrap_or(0)
        };
        self.secrets.iter().map(open).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends the text in two chunks cut at `at`, as the store does: what is held back comes again.
    fn in_two(masker: &Masker, text: &str, at: usize) -> String {
        let mut out = Vec::new();
        let mut open = text.as_bytes()[..at].to_vec();
        let done = masker.mask(&mut open, false);
        out.extend_from_slice(&open[..done]);
        let mut rest = open[done..].to_vec();
        rest.extend_from_slice(&text.as_bytes()[at..]);
        let done = masker.mask(&mut rest, true);
        assert_eq!(done, rest.len());
        out.extend_from_slice(&rest);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_secret_is_hidden_wherever_the_chunks_are_cut() {
        let masker = Masker::new(["hunter2hunter2", "tok-12345678"]);
        let text = "a hunter2hunter2 b tok-12345678 hunter2hunterX tok-1234567";
        let expected = "a [MASKED]xxxxxx b [MASKED]xxxx hunter2hunterX tok-1234567";
        for at in 0..=text.len() {
            assert_eq!(in_two(&masker, text, at), expected, "cut at {at}");
        }
    }

    #[test]
    fn of_secrets_that_contain_each_other_nothing_stays() {
        let masker = Masker::new(["abcdefgh", "abcdefghijkl", "defghijklmno"]);
        for text in ["abcdefghijkl", "abcdefgh-", "xabcdefghijklmno"] {
            for at in 0..=text.len() {
                let masked = in_two(&masker, text, at);
                assert!(
                    !masked.contains("defgh") && masked.len() == text.len(),
                    "{masked}, cut at {at}"
                );
            }
        }
    }

    #[test]
    fn short_values_and_blanks_around_a_value_are_not_secrets() {
        assert_eq!(
            in_two(
                &Masker::new(["short", "", "  padded-value \n"]),
                "short padded-value",
                4
            ),
            "short [MASKED]xxxx"
        );
        assert_eq!(in_two(&Masker::new([]), "nothing to hide", 7), "nothing to hide");
    }

    #[test]
    fn only_what_may_become_a_secret_is_held_back() {
        let masker = Masker::new(["secret-value"]);
        for (chunk, held) in [("line\n", 0), ("line sec", 3), ("secret-valu", 11), ("secret-value", 0)] {
            let mut bytes = chunk.as_bytes().to_vec();
            assert_eq!(chunk.len() - masker.mask(&mut bytes, false), held, "{chunk}");
        }
    }

    #[test]
    fn the_longest_secret_wins_also_across_a_border() {
        let masker = Masker::new(["password", "password-of-the-house"]);
        let text = "password-of-the-house";
        for at in 0..=text.len() {
            assert_eq!(in_two(&masker, text, at), "[MASKED]xxxxxxxxxxxxx", "cut at {at}");
        }
    }
}
