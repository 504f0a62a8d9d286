//! The ranges of log patches.

use std::fmt;
use std::str::FromStr;

/// `Content-Range` of a log patch: `START-END`, no unit.
///
/// The end is inclusive in one client and exclusive in another, so only the start is kept:
/// the end is the start plus the body's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte of the body.
    pub start: u64,
}

impl ContentRange {
    /// Returns the header's text for `length` bytes (at least one).
    #[must_use]
    pub fn header(self, length: u64) -> String {
        format!("{}-{}", self.start, self.start + length.max(1) - 1)
    }
}

impl FromStr for ContentRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<ContentRange, InvalidRange> {
        let (start, end) = text.trim().split_once('-').ok_or(InvalidRange)?;
        end.trim().parse::<u64>().map_err(|_| InvalidRange)?;
        Ok(ContentRange {
            start: start.trim().parse().map_err(|_| InvalidRange)?,
        })
    }
}

/// `Range` of the answer to a log patch: `0-N`, where N is the stored size, not the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRange {
    /// Bytes the server has.
    pub size: u64,
}

impl fmt::Display for StoredRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0-{}", self.size)
    }
}

impl FromStr for StoredRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<StoredRange, InvalidRange> {
        let (_, size) = text.trim().split_once('-').ok_or(InvalidRange)?;
        Ok(StoredRange {
            size: size.parse().map_err(|_| InvalidRange)?,
        })
    }
}

/// A range header that is not `START-END`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRange;

impl fmt::Display for InvalidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a range as `START-END`")
    }
}

impl std::error::Error for InvalidRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_count_from_the_start() {
        assert_eq!("5-9".parse(), Ok(ContentRange { start: 5 }));
        assert_eq!(ContentRange { start: 5 }.header(5), "5-9");
        assert_eq!(StoredRange { size: 10 }.to_string(), "0-10");
        assert_eq!("0-10".parse(), Ok(StoredRange { size: 10 }));
        for wrong in ["", "5", "-", "a-b", "bytes 1-2/3", "-5"] {
            assert_eq!(wrong.parse::<ContentRange>(), Err(InvalidRange), "{wrong}");
        }
    }
}
