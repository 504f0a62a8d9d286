//! A cursor for small hand-written scanners.

/// A cursor over the bytes of a scalar.
pub(super) struct Scan<'a>(pub(super) &'a [u8]);

impl Scan<'_> {
    /// Goes over all bytes that are accepted; returns how many.
    pub(super) fn skip(&mut self, accept: impl Fn(u8) -> bool) -> usize {
        let count = self.0.iter().take_while(|byte| accept(**byte)).count();
        self.0 = &self.0[count..];
        count
    }

    /// As `skip`, with a limit.
    pub(super) fn skip_up_to(&mut self, max: usize, accept: impl Fn(u8) -> bool) -> usize {
        let count = self.0.iter().take(max).take_while(|byte| accept(**byte)).count();
        self.0 = &self.0[count..];
        count
    }

    /// Goes over one byte if it is accepted.
    pub(super) fn eat(&mut self, accept: impl Fn(u8) -> bool) -> bool {
        self.skip_up_to(1, accept) == 1
    }

    /// Goes over a sign if there is one.
    pub(super) fn sign(&mut self) {
        self.eat(|byte| matches!(byte, b'-' | b'+'));
    }

    /// Goes over at most `most` digits; whether there were `least`.
    pub(super) fn digits(&mut self, least: usize, most: usize) -> bool {
        self.skip_up_to(most, |byte| byte.is_ascii_digit()) >= least
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}

/// Ruby's `\s`.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xb | 0xc)
}
