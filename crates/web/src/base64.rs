//! Base64 with the usual alphabet, as contents of files travel in JSON.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns bytes as base64 with padding, in one line.
#[must_use]
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                let index = (number >> (18 - 6 * place)) & 63;
                text.push(char::from(ALPHABET[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// Reads base64; line breaks and missing padding are fine. `None` for anything else.
#[must_use]
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut number, mut digits) = (0_u32, 0_usize);
    let mut significant = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    for byte in significant.by_ref().take_while(|byte| *byte != b'=') {
        number = number << 6 | value(byte)?;
        digits += 1;
        if digits == 4 {
            bytes.extend_from_slice(&number.to_be_bytes()[1..]);
            (number, digits) = (0, 0);
        }
    }
    // One `=` was consumed above; at most one more may follow.
    let padding = significant.clone().count();
    if padding > 1 || significant.any(|byte| byte != b'=') {
        return None;
    }
    match digits {
        0 => Some(bytes),
        2 => {
            bytes.push(u8::try_from(number >> 4 & 255).ok()?);
            Some(bytes)
        }
        3 => {
            bytes.extend_from_slice(&(number >> 2).to_be_bytes()[2..]);
            Some(bytes)
        }
        _ => None,
    }
}

fn value(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_there_and_back() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(text.as_bytes()), encoded);
            assert_eq!(decode(encoded).as_deref(), Some(text.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
    }

    #[test]
    fn line_breaks_and_missing_padding_are_fine_and_nothing_else() {
        assert_eq!(decode("Zm9v\nYmE=\n").as_deref(), Some(&b"fooba"[..]));
        assert_eq!(decode("Zg").as_deref(), Some(&b"f"[..]));
        for bad in ["Z", "Zm9vY", "Zm9v!", "Zg==Zg==", "Zg===", "é"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
