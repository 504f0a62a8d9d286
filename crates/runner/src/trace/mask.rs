//! Hides secret values in a stream of bytes, exactly, however the stream is cut into pieces.
//!
//! Only bytes that may be the beginning of a secret are held back, so a log stays live.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// What stands in a secret's place.
pub(crate) const MASK: &[u8] = b"[MASKED]";

/// Replaces every occurrence of any phrase; of overlapping ones the leftmost, longest.
pub(crate) struct PhraseMasker {
    finder: Option<AhoCorasick>,
    phrases: Vec<Vec<u8>>,
    longest: usize,
    held: Vec<u8>,
}

impl PhraseMasker {
    /// Returns a masker for `phrases`; surrounding white space of a phrase does not count, empty ones are left out.
    pub(crate) fn new<'a>(phrases: impl IntoIterator<Item = &'a str>) -> PhraseMasker {
        let mut phrases: Vec<Vec<u8>> = phrases
            .into_iter()
            .map(str::trim)
            .filter(|phrase| !phrase.is_empty())
            .map(|p| p.as_bytes().to_vec())
            .collect();
        phrases.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        phrases.dedup();
        // The simplest automaton: quick to build, and there are a handful of secrets only.
        let finder = (!phrases.is_empty()).then(|| {
            AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::NoncontiguousNFA))
                .match_kind(MatchKind::LeftmostLongest)
                .build(&phrases)
                .expect("secrets fit into memory, and so into an automaton with 2^31 states")
        });
        PhraseMasker {
            finder,
            longest: phrases.first().map_or(0, Vec::len),
            phrases,
            held: Vec::new(),
        }
    }

    /// Takes the next piece and appends what is certain to `output`.
    pub(crate) fn push(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let Some(finder) = &self.finder else {
            output.extend_from_slice(piece);
            return;
        };
        self.held.extend_from_slice(piece);
        let text = std::mem::take(&mut self.held);
        let mut position = 0;
        let mut uncertain = self.uncertain_from(&text, 0);
        loop {
            match finder.find(&text[position..]) {
                // A phrase that begins earlier, or the same place and longer, may still come: then wait.
                Some(found) if position + found.start() < uncertain => {
                    output.extend_from_slice(&text[position..position + found.start()]);
                    output.extend_from_slice(MASK);
                    position += found.end();
                    if position > uncertain {
                        uncertain = self.uncertain_from(&text, position);
                    }
                }
                _ => {
                    output.extend_from_slice(&text[position..uncertain]);
                    self.held = text[uncertain..].to_vec();
                    return;
                }
            }
        }
    }

    /// Takes the end of the stream: what was held back is no secret's beginning, but may hold a shorter secret.
    pub(crate) fn finish(&mut self, output: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        match &self.finder {
            Some(finder) => finder.replace_all_with_bytes(&text, output, |_, _, output| {
                output.extend_from_slice(MASK);
                true
            }),
            None => output.extend_from_slice(&text),
        }
    }

    /// Returns where the first beginning of a phrase starts that runs into the end of `text`.
    fn uncertain_from(&self, text: &[u8], position: usize) -> usize {
        let first = position.max(text.len().saturating_sub(self.longest.saturating_sub(1)));
        let may_begin = |start: &usize| {
            let rest = &text[*start..];
            self.phrases
                .iter()
                .any(|phrase| phrase.len() > rest.len() && phrase.starts_with(rest))
        };
        (first..text.len()).find(may_begin).unwrap_or(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(phrases: &[&str], pieces: &[&str]) -> String {
        let mut masker = PhraseMasker::new(phrases.iter().copied());
        let mut output = Vec::new();
        for piece in pieces {
            masker.push(piece.as_bytes(), &mut output);
        }
        masker.finish(&mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn every_cut_of_the_stream_gives_the_same_result() {
        let text = "a secret, a secretive one, sec and secsecret";
        for first in 0..text.len() {
            for second in first..text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                let result = masked(&["secret", "secretive"], &pieces);
                assert_eq!(
                    result, "a [MASKED], a [MASKED] one, sec and sec[MASKED]",
                    "{first} {second}"
                );
            }
        }
    }

    #[test]
    fn byte_by_byte_is_the_same_too() {
        let pieces: Vec<String> = "xababcy aab".chars().map(String::from).collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        assert_eq!(masked(&["abc", "aab"], &pieces), "xab[MASKED]y [MASKED]");
    }

    #[test]
    fn a_secret_may_span_lines_and_a_shorter_one_is_found_in_what_was_held() {
        assert_eq!(masked(&["a\nb", "x"], &["1a\n", "b2"]), "1[MASKED]2");
        assert_eq!(masked(&["xyz!", "y"], &["xy"]), "x[MASKED]");
    }

    #[test]
    fn nothing_is_held_back_without_need() {
        let mut masker = PhraseMasker::new(["secret"]);
        let mut output = Vec::new();
        masker.push(b"live output se", &mut output);
        assert_eq!(output, b"live output ");
        masker.push(b"lf", &mut output);
        assert_eq!(output, b"live output self");
    }
}
