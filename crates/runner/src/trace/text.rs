//! Makes a stream of bytes valid UTF-8, and stamps its lines when asked to.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::calendar::timestamp;

/// Replaces invalid bytes by U+FFFD, also when a character is cut by the end of a piece.
#[derive(Default)]
pub(crate) struct Utf8Repair {
    held: Vec<u8>,
}

impl Utf8Repair {
    /// Takes the next piece and appends what is certain to `output`.
    pub(crate) fn push(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        if self.held.is_empty() && std::str::from_utf8(piece).is_ok() {
            output.extend_from_slice(piece);
            return;
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(piece);
        let mut rest = text.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(_) => return output.extend_from_slice(rest),
                Err(error) => {
                    output.extend_from_slice(&rest[..error.valid_up_to()]);
                    rest = &rest[error.valid_up_to()..];
                    let Some(wrong) = error.error_len() else {
                        self.held = rest.to_vec(); // a character that may go on in the next piece
                        return;
                    };
                    output.extend_from_slice("\u{fffd}".as_bytes());
                    rest = &rest[wrong..];
                }
            }
        }
    }

    /// Takes the end of the stream.
    pub(crate) fn finish(&mut self, output: &mut Vec<u8>) {
        if !std::mem::take(&mut self.held).is_empty() {
            output.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Who wrote a piece of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The runner itself.
    Runner,
    /// The job's script.
    Script,
}

/// Begins every line with time and stream, as the public runner does by default and we do on `FF_TIMESTAMPS=true`.
pub(crate) struct Stamper {
    now: fn() -> SystemTime,
    open_line: Option<Source>,
}

impl Stamper {
    pub(crate) fn new() -> Stamper {
        Stamper {
            now: SystemTime::now,
            open_line: None,
        }
    }

    /// Appends `text` with stamps to `output`.
    pub(crate) fn push(&mut self, source: Source, text: &[u8], output: &mut Vec<u8>) {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let ends = line.ends_with(b"\n");
            if self.open_line != Some(source) {
                if self.open_line.is_some() {
                    output.push(b'\n');
                }
                self.stamp(source, b' ', output);
            }
            output.extend_from_slice(line);
            self.open_line = (!ends).then_some(source);
            // A line that overwrites itself is its own entry; the next piece goes on with it.
            if !ends && line.contains(&b'\r') {
                output.push(b'\n');
                self.stamp(source, b'+', output);
            }
        }
    }

    fn stamp(&self, source: Source, mark: u8, output: &mut Vec<u8>) {
        let since = (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default();
        let stream = if source == Source::Runner { "00O" } else { "01O" };
        output.extend_from_slice(format!("{} {stream}", timestamp(since)).as_bytes());
        output.push(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_bytes_are_replaced_and_cut_characters_are_joined() {
        let mut repair = Utf8Repair::default();
        let mut output = Vec::new();
        for piece in [&b"a\xc3"[..], b"\xa9b\xff", b"\xe2\x82", b"x\xf0\x9f"] {
            repair.push(piece, &mut output);
        }
        repair.finish(&mut output);
        assert_eq!(String::from_utf8(output).unwrap(), "aéb\u{fffd}\u{fffd}x\u{fffd}");
    }

    #[test]
    fn lines_are_stamped_once_and_continued_with_a_plus() {
        let mut stamper = Stamper {
            now: || UNIX_EPOCH,
            open_line: None,
        };
        let mut output = Vec::new();
        stamper.push(Source::Script, b"one\ntw", &mut output);
        stamper.push(Source::Script, b"o\n", &mut output);
        stamper.push(Source::Script, b"10%\r", &mut output);
        stamper.push(Source::Script, b"20%\n", &mut output);
        let at = "1970-01-01T00:00:00.000000Z 01O";
        assert_eq!(
            String::from_utf8(output).unwrap(),
            format!("{at} one\n{at} two\n{at} 10%\r\n{at}+20%\n")
        );
    }
}
