//! Git's framing: four hex digits of length, then the payload; `0000` ends a section.

use bytes::{BufMut, BytesMut};

/// Longest packet, its four digits included.
pub const MAX_PACKET: usize = 65520;

/// The packet that ends a section.
pub const FLUSH: &[u8] = b"0000";

/// A packet at the beginning of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0000`.
    Flush,
    /// `0001`, and `0002`: separators of protocol 2.
    Delimiter,
    /// A payload, possibly empty.
    Data(&'a [u8]),
}

/// The bytes are not packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed packet: expected four hex digits of a length of at most {MAX_PACKET}")]
pub struct Malformed;

/// Reads the first packet of a buffer; returns it and its whole length, or `None` when more bytes are needed.
///
/// # Errors
///
/// [`Malformed`] when the length is no length.
pub fn next(buffer: &[u8]) -> Result<Option<(Packet<'_>, usize)>, Malformed> {
    let Some((digits, rest)) = buffer.split_at_checked(4) else {
        return Ok(None);
    };
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Malformed);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    let length = usize::from_str_radix(digits, 16).map_err(|_| Malformed)?;
    match length {
        0 => Ok(Some((Packet::Flush, 4))),
        1 | 2 => Ok(Some((Packet::Delimiter, 4))),
        4..=MAX_PACKET => Ok(rest.get(..length - 4).map(|payload| (Packet::Data(payload), length))),
        _ => Err(Malformed),
    }
}

/// Appends a packet.
///
/// # Panics
///
/// When the payload is longer than a packet can be; callers cut it before.
pub fn put(buffer: &mut BytesMut, payload: &[u8]) {
    let length = payload.len() + 4;
    assert!(length <= MAX_PACKET, "a packet holds at most {} bytes", MAX_PACKET - 4);
    buffer.put_slice(format!("{length:04x}").as_bytes());
    buffer.put_slice(payload);
}

/// Appends bytes as packets of a side band: 1 = data, 2 = messages for people.
pub fn put_band(buffer: &mut BytesMut, band: u8, bytes: &[u8]) {
    for chunk in bytes.chunks(MAX_PACKET - 5) {
        buffer.put_slice(format!("{:04x}", chunk.len() + 5).as_bytes());
        buffer.put_u8(band);
        buffer.put_slice(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_one_by_one() {
        for (bytes, expected) in [
            (&b""[..], Ok(None)),
            (b"00", Ok(None)),
            (b"0000", Ok(Some((Packet::Flush, 4)))),
            (b"0001rest", Ok(Some((Packet::Delimiter, 4)))),
            (b"0004", Ok(Some((Packet::Data(b""), 4)))),
            (b"0009hello!", Ok(Some((Packet::Data(b"hello"), 9)))),
            (b"0009hell", Ok(None)),
            (b"000Ahello!", Ok(Some((Packet::Data(b"hello!"), 10)))),
            (b"0003", Err(Malformed)),
            (b"+009hello", Err(Malformed)),
            (b"fff1", Err(Malformed)),
            (b"ffff", Err(Malformed)),
            (b"xxxx", Err(Malformed)),
            (b"\xff\xff\xff\xff", Err(Malformed)),
        ] {
            assert_eq!(next(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_put_is_read_again() {
        let mut buffer = BytesMut::new();
        put(&mut buffer, b"hello");
        put_band(&mut buffer, 2, &vec![b'x'; MAX_PACKET]);
        let (packet, length) = next(&buffer).unwrap().unwrap();
        assert_eq!(packet, Packet::Data(b"hello"));
        let (packet, second) = next(&buffer[length..]).unwrap().unwrap();
        assert!(matches!(packet, Packet::Data(data) if data.len() == MAX_PACKET - 4 && data[0] == 2));
        let (packet, _) = next(&buffer[length + second..]).unwrap().unwrap();
        assert_eq!(packet, Packet::Data(b"\x02xxxxx"));
    }
}
