//! HTTP Basic authentication, as git clients send it.

use axum::http::HeaderValue;

/// Returns the password of a `Basic` header; the user name says nothing here. `None` when it is not one.
pub(super) fn password(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(decode(encoded.trim())?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

/// Decodes base64; padding may be missing.
fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            bits = bits << 6 | u32::from(value_of(*digit)?);
        }
        let bytes = (bits << (6 * (4 - group.len()))).to_be_bytes();
        match group.len() {
            1 => return None,
            digits => out.extend_from_slice(&bytes[1..digits]),
        }
    }
    Some(out)
}

fn value_of(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_counts() {
        for (header, expected) in [
            ("Basic YTpi", Some("b")),
            ("basic YTpi", Some("b")),
            ("Basic YTo=", Some("")),
            ("Basic YTpiOmM=", Some("b:c")),
            ("Basic dTpnbHBhdC14eA==", Some("glpat-xx")),
            ("Basic dTpnbHBhdC14eA", Some("glpat-xx")),
            ("Basic YWI=", None),
            ("Basic Y", None),
            ("Basic !!!!", None),
            ("Basic /////w==", None),
            ("Bearer YTpi", None),
            ("Basic", None),
            ("", None),
        ] {
            let value = HeaderValue::from_str(header).unwrap();
            assert_eq!(password(&value).as_deref(), expected, "{header}");
        }
    }
}
