//! Bodies and addresses as clients write them: percent encoding, forms, multipart.

/// A form, to be sent as a query, as `application/x-www-form-urlencoded` or as `multipart/form-data`.
#[derive(Clone, Debug, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
}

/// What separates the parts of a multipart body; longer than anything a test sends.
const BOUNDARY: &str = "----tripline-testkit-boundary-5f1b6e";

impl Form {
    /// Returns a form with these fields.
    #[must_use]
    pub fn of<const N: usize>(fields: [(&str, &str); N]) -> Form {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Form {
            fields: fields.collect(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Form {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns it as `a=b&c=d`.
    #[must_use]
    pub fn urlencoded(&self) -> String {
        let field = |(name, value): &(String, String)| format!("{}={}", encode_segment(name), encode_segment(value));
        self.fields.iter().map(field).collect::<Vec<_>>().join("&")
    }

    /// Returns its content type and body as `curl --form` sends them.
    #[must_use]
    pub fn multipart(&self) -> (String, Vec<u8>) {
        let mut body = String::new();
        for (name, value) in &self.fields {
            let name = name.replace('"', "%22");
            body.push_str(&format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        body.push_str(&format!("--{BOUNDARY}--\r\n"));
        (format!("multipart/form-data; boundary={BOUNDARY}"), body.into_bytes())
    }
}

/// Returns `text` as one segment of a path or one part of a query: everything but letters, digits and `-._~` encoded.
#[must_use]
pub fn encode_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Returns `text` in base 64, for basic authentication.
#[must_use]
pub fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bytes = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            out.push(match place <= chunk.len() {
                true => char::from(ALPHABET[digit as usize]),
                false => '=',
            });
        }
    }
    out
}

/// Decodes base64; what is no digit is skipped.
pub(crate) fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.bytes() {
        let Some(value) = DIGITS.iter().position(|known| *known == digit) else {
            continue;
        };
        bits = bits << 6 | u32::try_from(value).expect("there are 64 digits");
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}

/// Returns the CRC-32 of bytes, as runners send it of their logs.
#[must_use]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// Returns bytes as a gzip file, without compressing them.
///
/// # Panics
///
/// When they are more than one block holds (64 KiB).
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a test's file fits into one block");
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    file.extend(length.to_le_bytes());
    file.extend((!length).to_le_bytes());
    file.extend_from_slice(bytes);
    file.extend(crc32(bytes).to_le_bytes());
    file.extend(u32::from(length).to_le_bytes());
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_for_a_query() {
        let form = Form::of([("variables[A]", "x y&z"), ("ref", "a/b")]);
        assert_eq!(form.urlencoded(), "variables%5BA%5D=x%20y%26z&ref=a%2Fb");
    }

    #[test]
    fn a_multipart_body_has_one_part_a_field() {
        let (content_type, body) = Form::of([("a", "1")]).with("b", "2").multipart();
        let body = String::from_utf8(body).unwrap();
        assert!(content_type.ends_with(BOUNDARY));
        assert_eq!(body.matches("form-data; name=").count(), 2);
        assert!(body.ends_with(&format!("--{BOUNDARY}--\r\n")));
    }

    #[test]
    fn base_64_is_read_back() {
        for text in ["", "a", "ab", "abc", "pictures and more"] {
            assert_eq!(from_base64(&base64(text)), text.as_bytes());
        }
    }

    #[test]
    fn the_checksum_is_that_of_zip_and_gzip() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn base_64_is_padded_to_groups_of_four() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(text), expected);
        }
    }
}
